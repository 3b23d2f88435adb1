import {
  type AwsFailure,
  classifyFailure,
  connectionHint,
  detachFailure,
  isAccessDenied,
  isExpiredSession,
  isThrottled,
} from "../aws/aws-failure.ts";
import { awsText } from "../aws/aws-text.ts";
import type { ClientSettings } from "../aws/client-settings.ts";
import { formatSkew, isNotableSkew } from "../aws/server-clock.ts";
import { AssumeMfaError } from "../errors.ts";

/** A call to AWS, as far as its failure is told by it. */
export interface AwsCall {
  /** Such as `ec2:TerminateInstances`: the IAM action of this name allows the call. */
  readonly iamAction: string;
  readonly settings: ClientSettings;
  /** It changes something: a lost reply leaves open whether it did. */
  readonly mutates: boolean;
  readonly now: () => number;
}

const SERVICE_NAMES: Readonly<Record<string, string>> = { ec2: "EC2", dynamodb: "DynamoDB", sts: "STS" };

/** Of a start (EC2 API reference, "Server error codes"). */
const NO_CAPACITY_CODES = new Set(["InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity"]);

const NOT_FOUND_CODES = new Set(["InvalidInstanceID.NotFound", "ResourceNotFoundException", "TableNotFoundException"]);

/** The session itself is not accepted: its role was deleted, its token is of another partition, or it was revoked. */
const DEAD_SESSION_CODES = new Set([
  "InvalidClientTokenId",
  "UnrecognizedClientException",
  "AuthFailure",
  "InvalidToken",
]);

const SIGNATURE_CODES = new Set([
  "SignatureDoesNotMatch",
  "InvalidSignatureException",
  "IncompleteSignature",
  "RequestTimeTooSkewed",
]);

/**
 * What the AWS SDK threw, as an error of ours: the edge where AWS errors become codes (DESIGN.md, "Errors").
 * AWS's own code stays in the message and in `details.awsCode`, the original is the `cause`.
 * @returns anything that is no failed call (a bug, an interrupt, an error of ours) as it came
 */
export function toActionError(error: unknown, call: AwsCall): unknown {
  const failure = classifyFailure(error);
  if (failure === undefined) return error;
  const made = describeFailure(failure, call);
  return new AssumeMfaError(made.code, made.message, {
    hint: made.hint,
    cause: detachFailure(error),
    details: {
      awsCode: failure.code,
      ...(failure.kind === "unsent" || failure.requestId === undefined ? {} : { requestId: failure.requestId }),
    },
  });
}

/** How the call behind an error of {@link toActionError} failed; undefined for an error that no call caused. */
export function awsFailureOf(error: unknown): AwsFailure | undefined {
  return classifyFailure(error instanceof AssumeMfaError ? error.cause : error);
}

/** AWS answered with an error of this code. */
export function isRefusedWith(error: unknown, ...codes: readonly string[]): boolean {
  const failure = awsFailureOf(error);
  return failure?.kind === "refused" && codes.includes(failure.code);
}

/** The role may not do this call. */
export function isDenial(error: unknown): boolean {
  const failure = awsFailureOf(error);
  return failure !== undefined && isAccessDenied(failure);
}

type Described = Pick<AssumeMfaError, "code" | "message" | "hint">;

function describeFailure(failure: AwsFailure, call: AwsCall): Described {
  const where = placeOf(call);
  if (failure.kind === "unsent") {
    return {
      code: "NETWORK",
      message: `${where} could not be reached: ${failure.message}`,
      hint: connectionHint(failure) ?? reachHint(call.settings),
    };
  }
  if (isThrottled(failure)) {
    return {
      code: "THROTTLED",
      message: `${where} is being asked too much at once (${failure.code})`,
      hint: "wait a little, then run it again",
    };
  }
  if (failure.kind === "ambiguous") {
    // EC2 says so with a 500: what became of each is read all the same.
    if (NO_CAPACITY_CODES.has(failure.code)) {
      return {
        code: "AWS_REFUSED",
        message: `${where} has no room for it now (${failure.code})`,
        hint: "try again later, or give it another instance type while it is stopped",
      };
    }
    return call.mutates
      ? {
          code: "REPLY_LOST",
          message: `no answer to ${call.iamAction} from ${where}: ${failure.message}`,
          hint: "it may have been carried out: look before doing it again",
        }
      : {
          code: "NETWORK",
          message: `no usable answer to ${call.iamAction} from ${where}: ${failure.message}`,
          hint: reachHint(call.settings),
        };
  }
  const said = `${failure.code}: ${awsText(failure.message, failure.code)}`;
  if (isExpiredSession(failure)) return describeExpiry(failure, said, call);
  if (isAccessDenied(failure)) return describeDenial(failure.message, said, call);
  if (failure.code === "OperationNotPermitted" || isDeletionProtection(failure)) {
    return {
      code: "PROTECTED",
      message: said,
      hint: "leave out the one that AWS names: protection is never switched off by this program",
    };
  }
  if (failure.code === "IncorrectInstanceState" || failure.code === "IncorrectState") {
    return {
      code: "WRONG_STATE",
      message: `its state does not allow ${call.iamAction} (${said})`,
      hint: "see what state it is in: assume-mfa <target> instances",
    };
  }
  if (NOT_FOUND_CODES.has(failure.code)) {
    return {
      code: "NOT_FOUND",
      message: `${where} does not have it (${said})`,
      hint: "check the name, the region and the target",
    };
  }
  if (DEAD_SESSION_CODES.has(failure.code)) {
    return {
      code: "SESSION_EXPIRED",
      message: `${where} does not accept the role's session (${said})`,
      hint: "run it again with --refresh",
    };
  }
  if (SIGNATURE_CODES.has(failure.code)) {
    return {
      code: "SIGNATURE_REJECTED",
      message: `${where} rejected the signature (${said})`,
      hint: `${clockHint(call.settings)}; check the region too`,
    };
  }
  return { code: "AWS_REFUSED", message: `${where} refused ${call.iamAction} (${said})`, hint: hintOf(failure) };
}

function hintOf({ code, message }: AwsFailure): string {
  if (code === "UnsupportedHibernationConfiguration") {
    return "only what was launched with hibernation on can hibernate: without --hibernate it is stopped";
  }
  if (code === "UnsupportedOperation" && /root device type|Spot/.test(message)) {
    const what = /Spot/.test(message) ? "a one-time Spot instance" : "an instance on an instance store";
    return `${what} can be neither stopped nor started, only rebooted or terminated: leave it out`;
  }
  if (code === "ContinuousBackupsUnavailableException") {
    return "backups are not switched on for it yet, as for a new table: try again in some minutes";
  }
  if (code === "BackupInUseException")
    return "another backup of it is being made, deleted or restored: try again later";
  if (code === "TableInUseException" || code === "ResourceInUseException" || code === "LimitExceededException") {
    return "it is busy: try again in a minute";
  }
  if (code === "BackupNotFoundException") return "somebody deleted the backup: run it again to make another";
  if (code === "ValidationException" && /source region for new replica/i.test(message)) {
    return "other regions' replicas were copied from it less than 24 hours ago: AWS deletes it only after that";
  }
  if (code === "ValidationException" && /until all writes are replicated/i.test(message)) {
    return "it is the last replica of a global table: try again when its writes have reached the others";
  }
  if (/Malformed$/.test(code)) return "check the ids: assume-mfa <target> instances lists those that there are";
  if (code === "OptInRequired") return "activate the service or the region in that account first";
  return "AWS's own words say why; --debug shows the request id for AWS's support";
}

/** EC2's RequestExpired is also what a wrong clock gets: the session's own expiry tells them apart (AWS.md, 1). */
function describeExpiry(failure: AwsFailure, said: string, call: AwsCall): Described {
  const { expiration } = call.settings.credentials;
  const now = call.now() + (call.settings.clock?.offsetMs() ?? 0);
  if (failure.code === "RequestExpired" && expiration !== undefined && expiration > now) {
    return {
      code: "SIGNATURE_REJECTED",
      message: `${placeOf(call)} takes the request for too old, though the session is not (${said})`,
      hint: clockHint(call.settings),
    };
  }
  return {
    code: "SESSION_EXPIRED",
    message: `the role's session has expired (${said})`,
    hint: "run it again with --refresh",
  };
}

function clockHint({ clock }: ClientSettings): string {
  const offsetMs = clock?.offsetMs();
  return isNotableSkew(offsetMs)
    ? `this computer's clock is ${formatSkew(offsetMs)}: set it`
    : "check this computer's clock";
}

function describeDenial(message: string, said: string, call: AwsCall): Described {
  // AWS names the action that it missed, which can be another than the one called (`kms:Decrypt`, say).
  const named = /is not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9*]+)/.exec(message)?.[1] ?? call.iamAction;
  let hint = `allow ${named} in the role's permissions policy`;
  if (/explicit deny/.test(message)) hint = `a policy denies ${named} explicitly: it has to go, an Allow does not help`;
  else if (/no session policy allows/.test(message)) hint = `allow ${named} in the session policy that was given`;
  return { code: "ACCESS_DENIED", message: `the role may not do ${named} (${said})`, hint };
}

function isDeletionProtection(failure: AwsFailure): boolean {
  return failure.code === "ValidationException" && /protected against deletion/i.test(failure.message);
}

/** `EC2 in us-east-1`, `EC2 at http://127.0.0.1:4566`. Never the credentials that a URL may carry. */
export function placeOf(call: AwsCall): string {
  const prefix = call.iamAction.slice(0, call.iamAction.indexOf(":"));
  const service = SERVICE_NAMES[prefix] ?? prefix;
  const { endpoint, region } = call.settings;
  if (endpoint === undefined) return `${service} in ${region}`;
  try {
    return `${service} at ${new URL(endpoint).origin}`;
  } catch {
    return `${service} at its configured endpoint`;
  }
}

function reachHint(settings: ClientSettings): string {
  return settings.endpoint === undefined
    ? `check the network and the region name ${settings.region}`
    : "check the endpoint URL, and that something listens there";
}
