import { parseAmzDate } from "./server-clock.ts";

/**
 * How a call to AWS failed, told by one question that matters before anything is done again: did AWS decide?
 *
 * - `unsent`: provably never reached AWS. It may be sent again.
 * - `ambiguous`: it may have been carried out (a reset, a time limit, a 5xx, a reply that can't be read). Never sent
 *   again when it carries a token code or changes something (AWS.md, 1; ACCEPTANCE.md M4, D6).
 * - `refused`: AWS answered with an error of its own.
 */
export type AwsFailure =
  | { readonly kind: "unsent"; readonly code: string; readonly message: string }
  | {
      readonly kind: "ambiguous";
      readonly code: string;
      readonly message: string;
      readonly requestId?: string | undefined;
    }
  | {
      readonly kind: "refused";
      /** AWS's error code, such as `AccessDenied`. */
      readonly code: string;
      /** AWS's own words, trimmed; from outside, so not yet made visible. */
      readonly message: string;
      readonly status: number;
      readonly requestId: string | undefined;
    };

/** The code of a connection through a proxy that came to nothing, before any request was on it; its message says why. */
export const TUNNEL_FAILED = "ERR_PROXY_TUNNEL";

/** Failures that can only come before the first byte of a request leaves. */
const UNSENT_CODES = new Set([
  TUNNEL_FAILED,
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);
/** Failures of the network that can as well cut a connection on which a request has left. */
const NETWORK_CODES = new Set([
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "EACCES",
  "EPERM",
  "ETIMEDOUT",
]);
/** What was being done then, as Node names it: nothing is sent before these. */
const CONNECTING = new Set(["connect", "getaddrinfo"]);

interface SdkError {
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  readonly code?: unknown;
  readonly syscall?: unknown;
  /** Of an AggregateError: each address that was tried. */
  readonly errors?: readonly unknown[];
}

function isUnsent(error: unknown, code: unknown): boolean {
  if (typeof code !== "string") return false;
  if (UNSENT_CODES.has(code)) return true;
  if (!NETWORK_CODES.has(code)) return false;
  const { syscall, errors } = error as SdkError;
  if (typeof syscall === "string") return CONNECTING.has(syscall);
  return Array.isArray(errors) && errors.length > 0 && errors.every((one) => isUnsent(one, (one as SdkError)?.code));
}

/**
 * @param error whatever an AWS SDK client threw
 * @returns undefined when it is no failure of a call (a bug, an abort): throw it on
 */
export function classifyFailure(error: unknown): AwsFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  const { $metadata: metadata, code } = error as SdkError;
  const status = metadata?.httpStatusCode;
  if (isServiceError(error) && hasAwsCode(error) && status !== undefined && status >= 400 && status < 500) {
    return {
      kind: "refused",
      code: error.name,
      message: error.message.trim(),
      status,
      requestId: metadata?.requestId,
    };
  }
  if (status !== undefined) {
    return {
      kind: "ambiguous",
      code: error.name,
      message: status >= 500 ? `the service answered ${status} (${error.name})` : `the answer could not be read`,
      requestId: metadata?.requestId,
    };
  }
  if (error.name === "TimeoutError" && /did not establish a connection/.test(error.message)) {
    // NodeHttpHandler tells its two time limits apart by their message alone.
    return { kind: "unsent", code: "ETIMEDOUT", message: "no connection within the time limit" };
  }
  if (typeof code === "string") {
    return isUnsent(error, code)
      ? { kind: "unsent", code, message: code === TUNNEL_FAILED ? error.message : networkMessage(code) }
      : { kind: "ambiguous", code, message: networkMessage(code) };
  }
  if (error.name === "TimeoutError") {
    return { kind: "ambiguous", code: "TimeoutError", message: "no answer within the time limit" };
  }
  // A body that is no XML or JSON: the SDK's parser throws with the response attached.
  if ("$response" in error) return { kind: "ambiguous", code: error.name, message: "the answer could not be read" };
  return undefined;
}

/**
 * The same failure without the response that the SDK hangs on it, and classified alike. The response's stream leads to
 * the request, whose headers hold the session token, and the text of an answer that could not be read can hold the new
 * keys: whoever inspects or reports an error must not find them there (ACCEPTANCE.md V5).
 * @returns what is no failure of a call as it came
 */
export function detachFailure(error: unknown): unknown {
  if (!(error instanceof Error) || classifyFailure(error) === undefined) return error;
  const { $fault, $metadata, code, syscall, errors } = error as SdkError & { readonly $fault?: unknown };
  const detached = new Error(error.message);
  const kept = { name: error.name, stack: error.stack, code, syscall, errors, $fault, $metadata };
  for (const [key, value] of Object.entries(kept)) {
    if (value !== undefined) Object.defineProperty(detached, key, { value, configurable: true, writable: true });
  }
  // That there was an answer is part of how it failed.
  if ("$response" in error) Object.defineProperty(detached, "$response", { value: "detached" });
  return detached;
}

/**
 * False for an answer with a status of failure and no error code of AWS's in it, a web page or nothing at all: the SDK
 * makes these names up then, and AWS decided nothing.
 */
function hasAwsCode({ name, message }: Error): boolean {
  return name !== "Unknown" && name !== "UnknownError" && !(name === "NotFound" && message === "Unknown");
}

function isServiceError(error: Error): boolean {
  return "$fault" in error;
}

/** @returns whether an error of this code says that no byte of a request left */
export function isUnsentCode(code: string): boolean {
  return UNSENT_CODES.has(code);
}

/**
 * What to look at when the way to AWS is barred by a proxy, or by whoever opens TLS on it.
 * @returns undefined when the failure is of another kind
 */
export function connectionHint({ code }: AwsFailure): string | undefined {
  if (code === TUNNEL_FAILED) return "check HTTPS_PROXY; what is to be called without it goes into NO_PROXY";
  if (/CERT(?:_|$)|^UNABLE_TO_VERIFY/.test(code) && !/ALTNAME|EXPIRED|NOT_YET/.test(code)) {
    return "the certificate is of no known authority: where a company's proxy opens TLS, name that authority's file with AWS_CA_BUNDLE, or ca_bundle in the profile";
  }
  return undefined;
}

/** @param code of a system error or of Node's */
export function networkMessage(code: string): string {
  switch (code) {
    case "ECONNREFUSED":
      return "the connection was refused";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "its name could not be resolved";
    case "ECONNRESET":
    case "EPIPE":
      return "the connection was cut";
    case "ETIMEDOUT":
      return "no answer within the time limit";
    default:
      return `the connection failed (${code})`;
  }
}

/** The expiry of a session has a name of its own in each service (AWS.md, 8). EC2's also means clock skew. */
const EXPIRED_CODES = new Set(["ExpiredToken", "ExpiredTokenException", "RequestExpired"]);

export function isExpiredSession(failure: AwsFailure): boolean {
  return failure.kind === "refused" && EXPIRED_CODES.has(failure.code);
}

/**
 * AWS refused a request for when it was signed, before it looked at anything in it: nothing was done, and a token code
 * is as good as before (AWS.md, 1, "Order of checks"). EC2's RequestExpired is none where a session signs: it says the
 * same of that.
 */
export function isClockRefusal(failure: AwsFailure, isSessionSigning: boolean): boolean {
  if (failure.kind !== "refused") return false;
  switch (failure.code) {
    case "RequestTimeTooSkewed":
      return true;
    case "RequestExpired":
      return !isSessionSigning;
    case "SignatureDoesNotMatch":
    case "InvalidSignatureException":
      return /signature (?:expired|not yet current)/i.test(failure.message);
    default:
      return false;
  }
}

/**
 * By how much, in AWS's own words: `Signature expired: <signed> is now earlier than <bound> (<AWS's clock> - 5 min.)`.
 * @returns AWS's clock less that which signed, milliseconds; undefined where it is not told
 */
export function refusedSkewMs({ message }: AwsFailure): number | undefined {
  const [, signed, server] = /: (\d{8}T\d{6}Z) is [^(]{1,80}\((\d{8}T\d{6}Z) [+-] \d+ min/.exec(message) ?? [];
  const skewMs = parseAmzDate(server) - parseAmzDate(signed);
  return Number.isNaN(skewMs) || skewMs === 0 ? undefined : skewMs;
}

const ACCESS_DENIED_CODES = new Set(["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"]);

export function isAccessDenied(failure: AwsFailure): boolean {
  return failure.kind === "refused" && ACCESS_DENIED_CODES.has(failure.code);
}

/** AWS's words for being called too often. */
const THROTTLED_CODES: ReadonlySet<string> = new Set([
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "RequestThrottled",
  "RequestThrottledException",
  "RequestLimitExceeded",
  "TooManyRequestsException",
  "ProvisionedThroughputExceededException",
  "SlowDown",
]);

/** Told by its code alone: EC2 throttles with HTTP 503, DynamoDB with 400. */
export function isThrottled(failure: AwsFailure): boolean {
  return THROTTLED_CODES.has(failure.code) || (failure.kind === "refused" && failure.status === 429);
}
