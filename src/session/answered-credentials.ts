import { Credentials } from "../credentials/credentials.ts";
import { rememberSecret } from "../credentials/redaction.ts";
import { AssumeMfaError } from "../errors.ts";
import type { AnsweredCredentials } from "./sts-client.ts";

/** AssumeRole gives twelve hours at most, GetSessionToken 36; an hour more for clocks that differ. Milliseconds. */
export const LONGEST_ROLE_LIFE_MS = 13 * 3_600_000;
export const LONGEST_SHARED_LIFE_MS = 37 * 3_600_000;

/** A session's life as it is told and kept. */
interface Life {
  /** Milliseconds since 1970 by AWS's clock. */
  readonly expiration: number;
  /** Milliseconds since 1970 by this machine's clock. */
  readonly obtainedAt: number;
  /** AWS's clock less this machine's, milliseconds. */
  readonly clockOffsetMs: number;
}

/** Whether a session ends later than any that AWS gives: damage, or the answer of what is not AWS. */
export function lastsTooLong({ expiration, obtainedAt, clockOffsetMs }: Life, longestMs: number): boolean {
  return expiration - obtainedAt - clockOffsetMs > longestMs;
}

/** Printable ASCII without blanks: anything else could not be sent in a header, and is no key of AWS's. */
export function isKey(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value);
}

/** The credentials of an answer, and when they end. */
export interface EndingCredentials {
  readonly credentials: Credentials;
  /** Milliseconds since 1970. */
  readonly expiration: number;
}

/**
 * The credentials of a session, hidden from all output from here on, whatever else is wrong with them.
 * @returns undefined where a part is missing or is none that AWS gives
 */
export function credentialsOf({
  accessKeyId,
  secretAccessKey,
  sessionToken,
  expiration,
}: AnsweredCredentials): EndingCredentials | undefined {
  rememberSecret(secretAccessKey);
  rememberSecret(sessionToken);
  const ends = expiration?.getTime() ?? Number.NaN;
  if (!isKey(accessKeyId) || !isKey(secretAccessKey) || !isKey(sessionToken) || Number.isNaN(ends)) return undefined;
  const credentials = new Credentials({ accessKeyId, secretAccessKey, sessionToken, expiration: ends });
  return { credentials, expiration: ends };
}

/**
 * What is not taken could not be kept either: it would be asked for again each time, a code each time.
 * @throws AssumeMfaError REPLY_LOST where the session lasts longer than any that AWS gives
 */
export function refuseTooLong(life: Life, longestMs: number, operation: string, hint: string): void {
  if (!lastsTooLong(life, longestMs)) return;
  const hours = Math.floor(longestMs / 3_600_000) - 1;
  throw new AssumeMfaError(
    "REPLY_LOST",
    `${operation}'s answer is no session of AWS's: it lasts longer than the ${hours} h that AWS gives at most`,
    { hint },
  );
}
