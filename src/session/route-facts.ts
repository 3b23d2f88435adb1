import type { Credentials } from "../credentials/credentials.ts";
import { AssumeMfaError } from "../errors.ts";
import { firstSource } from "../target/chain.ts";
import { formatOrigin } from "../target/format-origin.ts";
import { isOpenedByToken } from "../target/refuse-impossible-chain.ts";
import type { SignIn, Source, SourceProvided, Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import type { RoleFacts } from "./role-facts.ts";
import type { RoleSession, RoleSessionOptions, RoleSessionPorts } from "./role-session.ts";
import { formatSeconds, type Route, type RouteFacts } from "./route.ts";
import type { KeptSharedSession, SharedSessions } from "./shared-sessions.ts";
import { placeName, placeOf } from "./signer.ts";

// What a run decides with before it asks or calls, so that `--explain` decides with the same.

/** A hop's session only has to last for the call that it signs. */
export const HOP_TTL_MS = 60_000;
/** The same of a shared session. */
export const SHARED_TTL_MS = 60_000;

/** Who signs, as far as the route goes. */
export function signerKind(source: Source): RouteFacts["signer"]["kind"] {
  switch (source.kind) {
    case "keys":
      return source.credentials.isLongTerm ? "user" : "session";
    case "role":
      return "role session";
    case "provided":
      // A program gives what it likes, and anybody can sign in to the console; all the others give a role's session.
      return source.provider.kind === "process" || source.provider.kind === "login" ? "session" : "role session";
  }
}

/**
 * A device is named where a role signs: never a refusal, since reports differ on whether a session carries its MFA along
 * (AWS.md, 4), but said before anybody is asked for a code.
 * @param target has a device and a role that signs, whose `label` it is
 */
export function unusedDevice({ name, mfaSerial, source }: Target, label: string): string {
  const first = firstSource(source);
  const user = first.kind === "keys" ? first.profileName : undefined;
  const at = mfaSerial === undefined ? "" : ` (${formatOrigin(mfaSerial.origin)})`;
  return (
    `${shownName(name)} names an MFA device${at}, but ${label} signs, and a role's session can't present a code: ` +
    "if the role demands MFA it may refuse; a user's own keys can present one, where the role trusts that user: " +
    `--source-profile ${user === undefined ? "<name>" : shownName(user)}`
  );
}

/**
 * Why no code goes with what a program gave, which could not be told before.
 * @returns undefined where it could: the route says it
 */
export function plainReason({ provider, label }: SourceProvided, { isLongTerm }: Credentials): string | undefined {
  if (provider.kind !== "process") return undefined;
  return isLongTerm
    ? `${label} gave an IAM user's own keys, and no mfa_serial is set`
    : `${label} gave a session, which can't present a code`;
}

/** Whether it lasts for longer than the margin, which is never more than a third of its life (a 15 min session). */
export function isLive(session: RoleSession, now: number, minTtlMs: number): boolean {
  const { credentials, obtainedAt, clockOffsetMs } = session;
  const { expiration } = credentials;
  return expiration !== undefined && lastsLonger({ expiration, obtainedAt, clockOffsetMs }, now, minTtlMs);
}

/** What AWS taught about the target's role; undefined where its caller is not known beforehand. */
export function learntOf(target: Target, { roleFacts }: Pick<RoleSessionPorts, "roleFacts">): RoleFacts | undefined {
  if (target.source.kind !== "keys") return undefined;
  const { accessKeyId } = target.source.credentials;
  return roleFacts.read(target.role.value.arn, accessKeyId, placeName(placeOf(target)));
}

/** @param shared what `liveShared` found, where it was looked for */
export function routeFacts(
  target: Target,
  shared: KeptSharedSession | undefined,
  options: Pick<RoleSessionOptions, "isOneOfSeveral" | "refresh">,
  ports: Pick<RoleSessionPorts, "roleFacts">,
): RouteFacts {
  return {
    targetName: target.name,
    // A token opens the role itself: no session signs, and nothing is chained.
    signer: {
      kind: isOpenedByToken(target) ? "session" : signerKind(target.source),
      label: target.source.label,
      isProgram: target.source.kind === "provided" && target.source.provider.kind === "process",
    },
    mfaRequired: target.mfaRequired,
    mode: target.sessionMode,
    durationSeconds: target.durationSeconds,
    hasShared: shared !== undefined,
    isOneOfSeveral: options.isOneOfSeveral,
    // `--refresh` asks AWS again.
    refusesShared: !options.refresh && learntOf(target, ports)?.refusesShared === true,
  };
}

/**
 * What AWS refused before costs no code again (CLI.md, "Which route").
 * @throws AssumeMfaError SESSION_SETTING_REFUSED
 */
export function refuseLearntDuration(
  target: Target,
  signIn: SignIn,
  route: Route,
  options: Pick<RoleSessionOptions, "refresh">,
  ports: Pick<RoleSessionPorts, "roleFacts">,
): void {
  const { durationSeconds, name } = target;
  if (options.refresh || durationSeconds === undefined || route.kind === "plain") return;
  const refused = learntOf({ ...target, source: signIn.source }, ports)?.refusedDurationSeconds;
  if (refused === undefined || durationSeconds.value < refused) return;
  throw new AssumeMfaError(
    "SESSION_SETTING_REFUSED",
    `${shownName(name)} allows no session of ${formatSeconds(durationSeconds.value)}: AWS refused ${formatSeconds(refused)} before; no code was asked for`,
    {
      hint: [
        `lower ${formatOrigin(durationSeconds.origin)}, or raise the role's maximum session duration`,
        "it was raised since: --refresh asks AWS again",
      ],
      details: { durationSeconds: durationSeconds.value, refusedDurationSeconds: refused },
    },
  );
}

/**
 * The shared session that serves a sign-in: of the same keys, at the same place, with the same device; where no device is
 * named, with any of them.
 * @param now milliseconds since 1970 by this machine's clock
 */
export function liveShared(
  signIn: Pick<SignIn, "source" | "mfaSerial" | "endpoints" | "partition">,
  now: number,
  shared: SharedSessions,
  minTtlMs = SHARED_TTL_MS,
): KeptSharedSession | undefined {
  const { accessKeyId } = signIn.source.credentials;
  return shared
    .list()
    .filter((head) => head.sourceAccessKeyId === accessKeyId && head.place === placeName(signIn))
    .filter((head) => signIn.mfaSerial === undefined || head.mfaSerial === signIn.mfaSerial.value)
    .filter((head) => lastsLonger(head, now, minTtlMs))
    .sort((a, b) => b.expiration - a.expiration)[0];
}

/** What a session tells about its life without its credentials: milliseconds, two moments and the clocks' difference. */
interface Life {
  readonly expiration: number;
  readonly obtainedAt: number;
  readonly clockOffsetMs: number;
}

/** The same of a session whose credentials are not at hand. All in milliseconds; `now` by this machine's clock. */
export function lastsLonger(life: Life, now: number, minTtlMs: number): boolean {
  return life.expiration - now - life.clockOffsetMs > renewalMarginMs(life, minTtlMs);
}

/** What must be left of it for it to serve: never more than a third of its life (a 15 min session). */
export function renewalMarginMs({ expiration, obtainedAt, clockOffsetMs }: Life, minTtlMs: number): number {
  // A clock that was set back since makes the life negative.
  return Math.max(0, Math.min(minTtlMs, (expiration - obtainedAt - clockOffsetMs) / 3));
}
