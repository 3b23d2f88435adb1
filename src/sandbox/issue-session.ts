import { makeAccessKeyId, makeSecretAccessKey, makeSessionToken } from "./identifiers.ts";
import type { XmlValue } from "./query-protocol.ts";
import { formatSecondsTime } from "./query-protocol.ts";
import type { Session, World } from "./world.ts";

/** Expired sessions are told apart from unknown keys for this long; then they are forgotten. */
const KEEP_EXPIRED_MS = 24 * 3_600_000;
/** Past this many sessions the forgotten ones are looked for at each new one. */
const SWEEP_ABOVE = 1_000;

/** What decides a session; its keys and its end are made from it. */
export type NewSession = Omit<Session, "accessKeyId" | "secretAccessKey" | "sessionToken" | "expiresAtMs"> & {
  readonly durationSeconds: number;
};

/** Makes temporary credentials and stores them in the world. */
export function issueSession(world: World, { durationSeconds, ...facts }: NewSession): Session {
  // Expirations have whole seconds on the wire; the session ends when it says.
  const issuedAtMs = Math.floor(facts.issuedAtMs / 1_000) * 1_000;
  const session: Session = {
    ...facts,
    issuedAtMs,
    accessKeyId: makeAccessKeyId("ASIA"),
    secretAccessKey: makeSecretAccessKey(),
    sessionToken: makeSessionToken(),
    expiresAtMs: issuedAtMs + durationSeconds * 1_000,
  };
  if (world.sessions.size >= SWEEP_ABOVE) {
    for (const [key, { expiresAtMs }] of world.sessions) {
      if (expiresAtMs + KEEP_EXPIRED_MS < issuedAtMs) world.sessions.delete(key);
    }
  }
  world.sessions.set(session.accessKeyId, session);
  return session;
}

/** The `Credentials` element of an STS answer. */
export function formatSessionCredentials(session: Session): XmlValue {
  return {
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey,
    SessionToken: session.sessionToken,
    Expiration: formatSecondsTime(session.expiresAtMs),
  };
}
