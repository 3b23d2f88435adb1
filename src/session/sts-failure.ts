import { type AwsFailure, connectionHint, refusedSkewMs } from "../aws/aws-failure.ts";
import { awsText } from "../aws/aws-text.ts";
import { formatSkew } from "../aws/server-clock.ts";
import { AssumeMfaError } from "../errors.ts";
import { formatOrigin } from "../target/format-origin.ts";
import type { SignIn, Sourced } from "../target/target.ts";
import type { Signer, StsPlace } from "./signer.ts";
import { stsRegion } from "./signer.ts";

/** What a message about a call that carries a code has to name. */
export interface CodeContext {
  readonly place: StsPlace;
  readonly signer: Signer;
  /** The device whose code went with the request; undefined: no code did. */
  readonly mfaSerial: string | undefined;
  /** Who named the device; undefined: it was found. */
  readonly setting: Sourced<string> | undefined;
}

/**
 * What a call to STS says of the connection, the code and the device.
 * @returns undefined when it was refused for something else
 */
export function translateCodeFailure(
  failure: AwsFailure,
  operation: "AssumeRole" | "GetSessionToken",
  { place, signer, mfaSerial, setting }: CodeContext,
  cause: unknown,
): AssumeMfaError | undefined {
  if (failure.kind === "unsent") return unreachable(failure, place, cause);
  if (failure.kind === "ambiguous") {
    return new AssumeMfaError(
      "REPLY_LOST",
      `${operation} got no usable answer from ${stsName(place)}: ${failure.message}`,
      {
        hint:
          mfaSerial === undefined
            ? "try again; nothing was changed"
            : "the token code may be used up: wait for the next one, then try again",
        cause,
      },
    );
  }
  const { code } = failure;
  const message = awsText(failure.message, code);
  const make = (ours: AssumeMfaError["code"], text: string, hint: readonly string[]) =>
    new AssumeMfaError(ours, text, { hint, cause, details: { awsCode: code, requestId: failure.requestId } });
  if (code === "AccessDenied" && /invalid MFA one time pass code/i.test(message)) {
    return make("TOKEN_CODE_REJECTED", `the token code was not accepted: ${message}`, [
      "a code works once and for about 30 seconds: wait for the next one, then try again",
      `if fresh codes fail too, check that the device is ${mfaSerial ?? "none"} and that its clock is right`,
    ]);
  }
  if (code === "AccessDenied" && /MultiFactorAuthentication failed/i.test(message)) {
    const setBy = setting === undefined ? "found by iam:ListMFADevices" : formatOrigin(setting.origin);
    return make("MFA_SERIAL_REJECTED", `the MFA device was not accepted: ${message}`, [
      `${mfaSerial ?? "none"} (${setBy}) must be a device of the user whose keys sign (${signer.label})`,
      "a virtual device is arn:aws:iam::<account>:mfa/<name>, not …:user/…; `aws iam list-mfa-devices --profile <source profile>` shows it",
    ]);
  }
  if (mfaSerial !== undefined && THROTTLING.has(code)) {
    return make("THROTTLED", `AWS is being called too often: ${message}`, [
      "wait a minute, then try again",
      "the token code may be used up: take the next one",
    ]);
  }
  return undefined;
}

const THROTTLING: ReadonlySet<string> = new Set(["Throttling", "ThrottlingException", "RequestLimitExceeded"]);

/** GetSessionToken's failure in our words. It needs no permission, and no policy can deny it (AWS.md, 3). */
export function translateSharedSessionFailure(
  failure: AwsFailure,
  { signIn, mfaSerial }: { readonly signIn: SignIn; readonly mfaSerial: string },
  cause: unknown,
): AssumeMfaError {
  const context = { place: signIn, signer: signIn.source, mfaSerial, setting: signIn.mfaSerial };
  const ofCode = translateCodeFailure(failure, "GetSessionToken", context, cause);
  if (ofCode !== undefined || failure.kind !== "refused") return ofCode as AssumeMfaError;
  const { code } = failure;
  const message = awsText(failure.message, code);
  const make = (ours: AssumeMfaError["code"], text: string, hint: string) =>
    new AssumeMfaError(ours, text, { hint, cause, details: { awsCode: code, requestId: failure.requestId } });
  switch (code) {
    case "ValidationError":
    case "InvalidParameterValue":
    case "MalformedInput":
      return make(
        "SESSION_SETTING_REFUSED",
        `GetSessionToken refused a setting: ${message}`,
        `the session was to last ${signIn.sharedDurationSeconds.value} s (${formatOrigin(signIn.sharedDurationSeconds.origin)}), by device ${mfaSerial}`,
      );
    case "RegionDisabledException":
      return make(
        "REGION_MISSING",
        `STS is not active in ${stsRegion(signIn)}`,
        "activate the region for STS in the account's IAM settings, or use --region with another one",
      );
    default:
      return (
        translateCallerFailure(failure, signIn.source, cause) ??
        make("AWS_REFUSED", `GetSessionToken was refused: ${code}: ${message}`, "run again with --debug to see more")
      );
  }
}

/**
 * What any signed call says of the keys that signed it.
 * @returns undefined when the failure says nothing about them
 */
export function translateCallerFailure(
  failure: AwsFailure,
  { label, credentials }: Signer,
  cause: unknown,
): AssumeMfaError | undefined {
  if (failure.kind !== "refused") return undefined;
  const { code } = failure;
  const message = awsText(failure.message, code);
  const make = (ours: AssumeMfaError["code"], text: string, hint: string) =>
    new AssumeMfaError(ours, text, { hint, cause, details: { awsCode: code, requestId: failure.requestId } });
  const keyId = credentials.accessKeyId;
  switch (code) {
    case "InvalidClientTokenId":
    case "UnrecognizedClientException":
    case "AuthFailure":
    case "InvalidAccessKeyId":
      return make(
        "SOURCE_CREDENTIALS_INVALID",
        `AWS does not know the access key ${keyId} of ${label}: ${message}`,
        "it may be deleted, inactive or of another partition: check the key, or put a new one into the credentials file",
      );
    case "ExpiredToken":
    case "ExpiredTokenException":
      return make(
        "SOURCE_CREDENTIALS_INVALID",
        `the session of ${label} has expired: ${message}`,
        "renew it, or sign with a user's own keys (--source-profile)",
      );
    case "SignatureDoesNotMatch":
    case "RequestExpired":
    case "InvalidSignatureException":
    case "RequestTimeTooSkewed":
      if (/signature expired|not yet current|too skewed|request has expired/i.test(message)) {
        const skewMs = refusedSkewMs(failure);
        const how = skewMs === undefined ? "differs from AWS's by more than five minutes" : `is ${formatSkew(skewMs)}`;
        return make(
          "SIGNATURE_REJECTED",
          `this computer's clock ${how}: ${message}`,
          "set the clock (timedatectl set-ntp true, or the system's date settings), then try again",
        );
      }
      if (/credential should be scoped/i.test(message)) {
        return make(
          "SIGNATURE_REJECTED",
          `the region or endpoint does not fit: ${message}`,
          "check --region and --endpoint-url",
        );
      }
      return make(
        "SOURCE_CREDENTIALS_INVALID",
        `the secret key of ${label} (${keyId}) does not fit its access key: ${message}`,
        "put both halves of the key into the credentials file again",
      );
    case "Throttling":
    case "ThrottlingException":
    case "RequestLimitExceeded":
      return make("THROTTLED", `AWS is being called too often: ${message}`, "wait a minute, then try again");
    case "OptInRequired":
    case "MissingAuthenticationToken":
    case "IncompleteSignature":
      return make(
        "SIGNATURE_REJECTED",
        `the request was not accepted as signed: ${message}`,
        "check --endpoint-url and proxies",
      );
    default:
      return undefined;
  }
}

/** Something answers that is not STS: a captive portal, a web server, a wrong endpoint. */
export function notSts(place: StsPlace): AssumeMfaError {
  return new AssumeMfaError("NETWORK", `what answers as ${stsName(place)} is not STS`, {
    hint: endpointHint(place),
  });
}

/** STS could not be reached at all. */
export function unreachable(failure: AwsFailure, place: StsPlace, cause: unknown): AssumeMfaError {
  return new AssumeMfaError("NETWORK", `${stsName(place)} can't be reached: ${failure.message}`, {
    hint: connectionHint(failure) ?? endpointHint(place),
    cause,
  });
}

function endpointHint({ endpoints }: StsPlace): string {
  return endpoints.sts === undefined
    ? "check the network, and that the region is right (--region)"
    : `check the endpoint, set by ${formatOrigin(endpoints.sts.origin)}`;
}

function stsName(place: StsPlace): string {
  const { sts } = place.endpoints;
  return sts === undefined ? `STS in ${stsRegion(place)}` : `STS at ${sts.value}`;
}
