import { rememberTokenCode } from "../credentials/redaction.ts";
import { AssumeMfaError } from "../errors.ts";
import type { RoleSessionPorts } from "./role-session.ts";
import type { CodeDevice } from "./spent-codes.ts";
import { TOTP_STEP_MS, totpStepAt, untilNextStepMs } from "./totp-secret.ts";

/** A client as far as presenting a code goes. */
export interface CodeClient {
  close(): void;
  /** @returns AWS's clock less this machine's, milliseconds, by the last answer; undefined before there was one */
  clockOffsetMs(): number | undefined;
}

/** The calls around a code: made by the caller, timed where the code comes from. */
export interface CodePresenter<Client extends CodeClient, Result> {
  /** Imports and builds; where somebody is asked, once the prompt is painted. */
  connect(): Promise<Client>;
  /** A signed call without the code, while somebody types. @throws AssumeMfaError when it proves the keys dead */
  introduce(client: Client): Promise<void>;
  /** What has to be known before the code is sent. Whatever it throws, no code was sent. */
  prepare?(client: Client): Promise<void>;
  /** Sends the code, once. @throws AssumeMfaError TOKEN_CODE_REJECTED: another is asked for; REPLY_LOST, NETWORK */
  send(client: Client, code: string): Promise<Result>;
}

/** A code that was sent before. */
export interface SpentCode {
  readonly sentAgoMs: number;
  /** Whether the device shows another by now, as far as the clock at hand tells. */
  readonly isReplaced: boolean;
  /** Milliseconds until the device shows the next, whether it shows another already or not. */
  readonly nextInMs: number;
}

type Ports = Pick<RoleSessionPorts, "spentCodes"> & { readonly host: Pick<RoleSessionPorts["host"], "now"> };

/**
 * Looks a code up before it is sent.
 * @param clockOffsetMs AWS's clock less this machine's; undefined: not known
 * @returns undefined for one that was not sent in the last two minutes
 */
export function findSpent(
  device: CodeDevice,
  code: string,
  { spentCodes, host }: Ports,
  clockOffsetMs = 0,
): SpentCode | undefined {
  const now = host.now();
  const sentAgoMs = spentCodes.sentAgoMs(device, code, now);
  if (sentAgoMs === undefined) return undefined;
  const deviceMs = now + clockOffsetMs;
  return {
    sentAgoMs,
    isReplaced: totpStepAt(deviceMs) > totpStepAt(deviceMs - sentAgoMs),
    nextInMs: untilNextStepMs(deviceMs),
  };
}

/** @param whose `the token code from --token-code`, for people */
export function describeSpent(whose: string, { sentAgoMs }: SpentCode): string {
  const ago = sentAgoMs < 1_000 ? "just now" : `${Math.floor(sentAgoMs / 1000)} s ago`;
  return `${whose} was already sent, ${ago}, and works once`;
}

/** @returns TOKEN_CODE_USED; its `details.seconds`: until the device shows the next code */
export function makeSpentError(whose: string, spent: SpentCode, more: readonly string[] = []): AssumeMfaError {
  const seconds = Math.ceil(spent.nextInMs / 1000);
  return new AssumeMfaError(
    "TOKEN_CODE_USED",
    `${describeSpent(whose, spent)}: the device shows the next in ${seconds} s`,
    {
      hint: [
        spent.isReplaced
          ? `nothing was sent: give the code that the device shows by now, or the next in ${seconds} s`
          : `nothing was sent: try again in ${seconds} s, with the code that the device shows then`,
        ...more,
      ],
      details: { seconds },
    },
  );
}

/**
 * Sends a code, at most once ever: it is recorded before it leaves, and taken back only where it provably did not.
 * @throws AssumeMfaError TOKEN_CODE_USED for one that was sent before, without a call; what `presenter.send` throws, a
 *   rejection with what tells its causes apart
 */
export async function sendCode<Client extends CodeClient, Result>(
  client: Client,
  code: string,
  whose: string,
  device: CodeDevice,
  ports: Ports,
  presenter: Pick<CodePresenter<Client, Result>, "send">,
): Promise<Result> {
  const spent = findSpent(device, code, ports, client.clockOffsetMs());
  if (spent !== undefined) throw makeSpentError(whose, spent);
  rememberTokenCode(code);
  const sentAt = ports.host.now();
  const isKept = ports.spentCodes.record(device, code, sentAt);
  try {
    return await presenter.send(client, code);
  } catch (error) {
    if (error instanceof AssumeMfaError && error.code === "NETWORK") ports.spentCodes.takeBack(device, code, sentAt);
    throw isCodeRejected(error) ? explainRejection(error, isKept, client.clockOffsetMs()) : error;
  }
}

export function isCodeRejected(error: unknown): error is AssumeMfaError {
  return error instanceof AssumeMfaError && error.code === "TOKEN_CODE_REJECTED";
}

export function withHint(error: AssumeMfaError, hint: string): AssumeMfaError {
  const { code, message, hints, details, cause } = error;
  return new AssumeMfaError(code, message, { hint: [...hints, hint], details, cause });
}

/**
 * STS answers alike to a wrong, a used and a late code (AWS.md, 1). That it was used here is known beforehand, that the
 * keys are dead AWS says first: what is left is named.
 * @param isKept false: what other processes sent is not known
 */
function explainRejection(error: AssumeMfaError, isKept: boolean, clockOffsetMs: number | undefined): AssumeMfaError {
  const hints = [...error.hints];
  if (isKept)
    hints.push("it was not sent from this computer before: it is mistyped, late, another device's, or used elsewhere");
  const skew = describeSkew(clockOffsetMs);
  if (skew !== undefined)
    hints.push(`${skew}: a code that is made on this computer is wrong then, one from a phone is not`);
  const { code, message, cause, details } = error;
  return new AssumeMfaError(code, message, {
    hint: hints,
    cause,
    details: { ...details, ...(skew === undefined ? {} : { clockOffsetMs }) },
  });
}

/** @returns undefined where the difference is within a step, and no code is wrong for it */
export function describeSkew(clockOffsetMs: number | undefined): string | undefined {
  if (clockOffsetMs === undefined || Math.abs(clockOffsetMs) <= TOTP_STEP_MS) return undefined;
  const seconds = Math.round(Math.abs(clockOffsetMs) / 1000);
  const difference = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return `this computer's clock is ${difference} ${clockOffsetMs > 0 ? "behind" : "ahead of"} AWS's`;
}
