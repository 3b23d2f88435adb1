import type { SignIn, Target } from "../target/target.ts";
import type { RoleSession } from "./role-session.ts";
import { sessionNameOf } from "./session-name.ts";
import type { SharedSession } from "./shared-sessions.ts";
import type { Signer } from "./signer.ts";

/** How a session was opened. `chain`: with another role's session. `plain`: signed by the source alone, without a code. */
export type OpenedRoute = "direct" | "shared" | "plain" | "chain" | "web identity";

/** A session that a call opened, as the history keeps it: key ids, and no secret. */
export interface OpenedSession {
  readonly event: "AssumeRole" | "AssumeRoleWithWebIdentity" | "GetSessionToken";
  /** Null: for every role behind the device. */
  readonly target: string | null;
  readonly account: string | null;
  readonly role: string | null;
  readonly sessionName: string | null;
  readonly accessKeyId: string;
  readonly route: OpenedRoute;
  /** Whose keys signed. */
  readonly sourceAccessKeyId: string | null;
  /** The device whose code was sent. */
  readonly mfaSerial: string | null;
  /** As asked for; null: AWS's default. */
  readonly durationSeconds: number | null;
  readonly expiration: string;
  readonly requestId: string | null;
  readonly endpoint?: string | undefined;
}

/** Keeps what was opened. Never throws. */
export type RecordSession = (opened: OpenedSession) => Promise<void>;

/** @param signer undefined where nobody's keys signed. @param mfaSerial undefined when no code was sent */
export function openedRoleSession(
  target: Target,
  session: RoleSession,
  signer: Signer | undefined,
  mfaSerial: string | undefined,
  requestId: string | undefined,
): OpenedSession {
  return {
    event: signer === undefined ? "AssumeRoleWithWebIdentity" : "AssumeRole",
    target: target.name,
    account: session.accountId,
    role: target.role.value.arn,
    sessionName: sessionNameOf(session.assumedRoleArn) ?? null,
    accessKeyId: session.credentials.accessKeyId,
    route: routeOf(target, signer, mfaSerial),
    sourceAccessKeyId: signer?.credentials.accessKeyId ?? null,
    mfaSerial: mfaSerial ?? null,
    durationSeconds: target.durationSeconds?.value ?? null,
    expiration: new Date(session.credentials.expiration ?? 0).toISOString(),
    requestId: requestId ?? null,
    endpoint: endpointName(target.endpoints.sts?.value),
  };
}

export function openedSharedSession(
  signIn: SignIn,
  session: SharedSession,
  requestId: string | undefined,
): OpenedSession {
  return {
    event: "GetSessionToken",
    target: null,
    // A virtual device's ARN tells the account of the user; a hardware device's serial does not.
    account: /^arn:[\w-]+:iam::(\d{12}):/.exec(session.mfaSerial)?.[1] ?? null,
    role: null,
    sessionName: null,
    accessKeyId: session.accessKeyId,
    route: "direct",
    sourceAccessKeyId: session.sourceAccessKeyId,
    mfaSerial: session.mfaSerial,
    durationSeconds: signIn.sharedDurationSeconds.value,
    expiration: new Date(session.expiration).toISOString(),
    requestId: requestId ?? null,
    endpoint: endpointName(signIn.endpoints.sts?.value),
  };
}

function routeOf(target: Target, signer: Signer | undefined, mfaSerial: string | undefined): OpenedRoute {
  if (signer === undefined) return "web identity";
  if (mfaSerial !== undefined) return "direct";
  if (signer.isShared === true) return "shared";
  return target.source.kind === "role" ? "chain" : "plain";
}

/** Without what a URL can carry beside the address, such as a password. @returns undefined for AWS's own address */
export function endpointName(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  return URL.canParse(url) ? new URL(url).origin : "another address";
}
