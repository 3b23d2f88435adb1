import type { AwsFailure } from "../aws/aws-failure.ts";
import { awsText } from "../aws/aws-text.ts";
import { AssumeMfaError } from "../errors.ts";
import { formatOrigin } from "../target/format-origin.ts";
import type { Origin, Target } from "../target/target.ts";
import { placeOf, type Signer, stsRegion } from "./signer.ts";
import { translateCallerFailure, translateCodeFailure } from "./sts-failure.ts";

/** What a message about a failed AssumeRole has to name. */
export interface AssumeRoleContext {
  readonly target: Target;
  /** Whose credentials signed it. */
  readonly signer: Signer;
  /** The session name that was sent. */
  readonly roleSessionName: string;
  /** The device whose code went with the request; undefined: no code did. */
  readonly mfaSerial: string | undefined;
}

/**
 * AssumeRole's failure in our words: cause and what to do. AWS's own words stand in the message, since they are what
 * people search for; codes and messages from AWS.md, 1.
 */
export function translateAssumeRoleFailure(
  failure: AwsFailure,
  context: AssumeRoleContext,
  cause: unknown,
): AssumeMfaError {
  const presented = { place: placeOf(context.target), signer: context.signer, mfaSerial: context.mfaSerial };
  const ofCode = translateCodeFailure(
    failure,
    "AssumeRole",
    { ...presented, setting: context.target.mfaSerial },
    cause,
  );
  if (ofCode !== undefined || failure.kind !== "refused") return ofCode as AssumeMfaError;
  const { code } = failure;
  const message = awsText(failure.message, code);
  const make = (ours: AssumeMfaError["code"], text: string, hint: string | readonly string[], facts = {}) =>
    new AssumeMfaError(ours, text, { hint, cause, details: { awsCode: code, requestId: failure.requestId, ...facts } });

  if (code === "AccessDenied")
    return make("ASSUME_ROLE_DENIED", `the role may not be assumed: ${message}`, deniedCauses(context, message));
  if (/MaxSessionDuration/.test(message)) {
    return make(
      "SESSION_SETTING_REFUSED",
      `the role allows no session of ${durationOf(context.target)}: ${message}`,
      [`${lowerDuration(context.target)}, or raise the role's maximum session duration`, ...usedUpHint(context)],
      { refusedDurationSeconds: context.target.durationSeconds?.value },
    );
  }
  if (/role chaining/.test(message)) {
    return make("SESSION_SETTING_REFUSED", `a session that signs with a session lasts one hour at most: ${message}`, [
      `${lowerDuration(context.target)} to 1h, or sign with a user's own keys`,
    ]);
  }
  if (/source identity is already set/i.test(message)) {
    return make("SESSION_SETTING_REFUSED", `a session keeps the source identity it was made with: ${message}`, [
      `leave out ${originOf(context.target.sourceIdentity)}, or sign with a user's own keys`,
    ]);
  }
  switch (code) {
    // The SDK names an error by its shape in the service's model, AWS by its code (AWS.md, 1).
    case "PackedPolicyTooLarge":
    case "PackedPolicyTooLargeException":
      return make("SESSION_SETTING_REFUSED", `what goes with the session is too large: ${message}`, [
        "AWS packs session policies and session tags into one, whose size has a limit of its own",
        ...shapersOf({ ...context.target, sourceIdentity: undefined }).map(
          (shaper) => `shorten or leave out: ${shaper}`,
        ),
        ...usedUpHint(context),
      ]);
    case "MalformedPolicyDocument":
    case "MalformedPolicyDocumentException":
      return make("SESSION_SETTING_REFUSED", `AWS does not take the session policy: ${message}`, [
        `mend ${originOf(context.target.sessionPolicy)}`,
        ...usedUpHint(context),
      ]);
    case "ValidationError":
    case "InvalidParameterValue":
    case "MalformedInput":
      return make("SESSION_SETTING_REFUSED", `AssumeRole refused a setting: ${message}`, [
        `session name ${context.roleSessionName}, device ${context.mfaSerial ?? "none"}, duration ${durationOf(context.target)}, external id ${context.target.externalId?.value ?? "none"}`,
        ...shapersOf(context.target).map((shaper) => `sent with it: ${shaper}`),
      ]);
    case "RegionDisabledException":
      return make(
        "REGION_MISSING",
        `STS is not active in ${stsRegion(placeOf(context.target))} for account ${context.target.role.value.accountId}`,
        ["activate the region for STS in that account's IAM settings, or use --region with another one"],
      );
    default:
      return (
        translateCallerFailure(failure, context.signer, cause) ??
        make("AWS_REFUSED", `AssumeRole was refused: ${code}: ${message}`, "run again with --debug to see more")
      );
  }
}

const SHARED_TOO_OLD =
  "the shared session may be too old for the role (aws:MultiFactorAuthAge): --direct, with a fresh code";

/**
 * AWS says the same to a trust denial, a caller denial, a wrong external id and a missing role (AWS.md, 7), so all are
 * listed and none is claimed.
 */
function deniedCauses(
  { target, signer, roleSessionName, mfaSerial }: AssumeRoleContext,
  message: string,
): readonly string[] {
  const role = target.role.value;
  const actions = sentActions(target);
  const missing = actions.find(({ action }) => message.includes(`perform: ${action}`));
  if (missing !== undefined) {
    return [
      `to send ${missing.what} (${missing.from}), ${missing.action} must be allowed beside sts:AssumeRole, by both sides`,
      `the caller: do the policies of ${signer.label} allow it on ${role.arn}?`,
      "the role: does its trust policy allow it, and do its conditions allow these values?",
      `or leave ${missing.what} out`,
      ...usedUpHint({ mfaSerial }),
    ];
  }
  const words = ["sts:AssumeRole", ...actions.map(({ action }) => action)];
  const allowed = [words.slice(0, -1).join(", "), words.at(-1)].filter(Boolean).join(" and ");
  return [
    ...(signer.isShared === true ? [SHARED_TOO_OLD] : []),
    "AWS gives the same answer to each of these; check them in this order",
    `the role: does ${role.arn} exist, spelt like this (${formatOrigin(target.role.origin)})?`,
    `the caller: do the policies of ${signer.label} allow ${allowed} on it?`,
    `its trust policy: does it let that account or user in${words.length === 1 ? "" : ` with ${allowed}`}${target.externalId === undefined ? ", and does it ask for an external id (none was sent)" : `, with the external id of ${formatOrigin(target.externalId.origin)}`}?`,
    mfaSerial !== undefined
      ? "its conditions: a code was sent and accepted; does it ask for more, such as a source address or a session name?"
      : signer.isShared === true
        ? "its conditions: the shared session was opened with a code; does it ask for more, such as a source address or a session name?"
        : "its conditions: does it demand MFA? no code was sent",
    `the session name that was sent is ${roleSessionName}`,
  ];
}

interface SentAction {
  readonly action: string;
  readonly what: string;
  /** Who set it. */
  readonly from: string;
}

/** What AssumeRole with these inputs asks permission for, beside itself (IAM User Guide, id_session-tags). */
function sentActions(target: Target): readonly SentAction[] {
  const actions: SentAction[] = [];
  if (target.sessionTags.length > 0) {
    actions.push({ action: "sts:TagSession", what: "session tags", from: tagOrigins(target) });
  }
  if (target.sourceIdentity !== undefined) {
    const from = originOf(target.sourceIdentity);
    actions.push({ action: "sts:SetSourceIdentity", what: "a source identity", from });
  }
  return actions;
}

function tagOrigins({ sessionTags }: Target): string {
  return [...new Set(sessionTags.map(originOf))].join(", ");
}

/** What goes with the session and was set by somebody, each with who did. */
function shapersOf(target: Target): readonly string[] {
  const { sourceIdentity, sessionTags, sessionPolicy, policyArns } = target;
  const shapers: string[] = [];
  if (sourceIdentity !== undefined)
    shapers.push(`source identity ${sourceIdentity.value} (${originOf(sourceIdentity)})`);
  if (sessionTags.length > 0)
    shapers.push(
      `${sessionTags.length === 1 ? "1 session tag" : `${sessionTags.length} session tags`} (${tagOrigins(target)})`,
    );
  if (sessionPolicy !== undefined) {
    shapers.push(`a policy of ${sessionPolicy.value.text.length} characters (${originOf(sessionPolicy)})`);
  }
  if (policyArns.length > 0) shapers.push(`${policyArns.map(({ value }) => value).join(" ")} (--policy-arn)`);
  return shapers;
}

function usedUpHint(context: Pick<AssumeRoleContext, "mfaSerial">): readonly string[] {
  return context.mfaSerial !== undefined ? ["the token code may be used up: take the next one"] : [];
}

function originOf(setting: { readonly origin: Origin } | undefined): string {
  return setting === undefined ? "not set" : formatOrigin(setting.origin);
}

function lowerDuration({ durationSeconds }: Target): string {
  return durationSeconds === undefined ? "set a --duration" : `lower ${formatOrigin(durationSeconds.origin)}`;
}

function durationOf(target: Target): string {
  return target.durationSeconds === undefined ? "one hour" : `${target.durationSeconds.value} s`;
}
