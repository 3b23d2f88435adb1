import { type AccessDecision, evaluateAssumeRole } from "../policy/evaluate-access.ts";
import { checkNewSessionPolicy } from "../policy/new-policy.ts";
import { parsePolicyDocument } from "../policy/policy-document.ts";
import { PolicySyntaxError } from "../policy/policy-syntax-error.ts";
import { type Access, callerPolicies, formatDenial, makeAccessRequest, readPolicy } from "./access.ts";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { checkMfa } from "./check-mfa.ts";
import { checkFields, TAG_CHARACTER } from "./field-rules.ts";
import { formatSessionCredentials, issueSession } from "./issue-session.ts";
import { findManagedPolicy } from "./managed-policies.ts";
import { mfaFieldRules } from "./mfa-fields.ts";
import { listOf, type QueryParameters, structuresOf, type XmlValue } from "./query-protocol.ts";
import { showTrust } from "./trusted-principals.ts";
import type { Role } from "./world.ts";

const DEFAULT_DURATION_SECONDS = 3_600;
/** A role assumed with temporary credentials lasts an hour at most (AWS.md, STS faults: chaining). */
const CHAINED_MAX_SECONDS = 3_600;
/** Characters of the inline and managed session policies together (AWS.md, limits). */
const MAX_SESSION_POLICY_CHARACTERS = 2_048;
const MAX_MANAGED_SESSION_POLICIES = 10;
const MAX_SESSION_TAGS = 50;

const NAME_PATTERN = "[\\w+=,.@-]*";
const ROLE_ARN = /^arn:aws:iam::(\d{12}):role\/(?:[\x21-\x7e]+\/)?([\w+=,.@-]{1,64})$/;

/**
 * sts:AssumeRole. The order of the checks is AWS's as far as it is known (AWS.md): fields and fixed ranges, then the
 * session policies, the code, permission, the role's maximum, the limit on chains.
 */
export function assumeRole(call: Call, parameters: QueryParameters): XmlValue {
  checkAssumeRoleFields(parameters);
  const roleArn = parameters.get("RoleArn") ?? "";
  const roleSessionName = parameters.get("RoleSessionName") ?? "";
  if (!ROLE_ARN.test(roleArn)) throw new AwsFault("ValidationError", `${roleArn} is invalid`);

  const tags = readSessionTags(call, parameters);
  const sessionPolicies = readSessionPolicies(call, parameters, roleArn);
  const hasMfa = checkMfa(call, parameters.get("SerialNumber"), parameters.get("TokenCode"));
  const sourceIdentity = checkSourceIdentity(call, parameters.get("SourceIdentity"));
  const role = authorizeAssumeRole(call, parameters, { roleArn, roleSessionName, hasMfa, tags, sourceIdentity });

  const { session } = call.principal;
  const durationSeconds = Number(parameters.get("DurationSeconds") ?? DEFAULT_DURATION_SECONDS);
  if (durationSeconds > role.maxSessionDurationSeconds) {
    throw new AwsFault(
      "ValidationError",
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    );
  }
  if (session !== undefined && durationSeconds > CHAINED_MAX_SECONDS) {
    throw new AwsFault(
      "ValidationError",
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    );
  }
  // A code given right here never shows in the role's own session (AWS.md, MFA rules).
  const carries = call.settings.mfaCarriesThroughAssumeRole && call.principal.kind === "user";
  const issued = issueSession(call.world, {
    issuedAtMs: call.nowMs,
    durationSeconds,
    accountId: ROLE_ARN.exec(roleArn)?.[1] ?? "",
    owner: { kind: "role", roleId: role.id, roleName: role.name, roleSessionName },
    mfaAtMs: carries ? session?.mfaAtMs : undefined,
    sessionPolicies: sessionPolicies.texts,
    tags: tags.all,
    transitiveTagKeys: tags.transitiveKeys,
    sourceIdentity,
    isChained: session !== undefined,
  });
  return {
    Credentials: formatSessionCredentials(issued),
    AssumedRoleUser: {
      AssumedRoleId: `${role.id}:${roleSessionName}`,
      Arn: `arn:aws:sts::${issued.accountId}:assumed-role/${role.name}/${roleSessionName}`,
    },
    PackedPolicySize: sessionPolicies.packedPercent,
    SourceIdentity: sourceIdentity,
  };
}

/** Ranges of the STS model, but for SourceIdentity, whose 256 was seen live (AWS.md, limits). */
function checkAssumeRoleFields(parameters: QueryParameters): void {
  const get = (name: string) => parameters.get(name);
  checkFields([
    { field: "roleArn", value: get("RoleArn"), required: true, minLength: 20, maxLength: 2_048 },
    {
      field: "roleSessionName",
      value: get("RoleSessionName"),
      required: true,
      minLength: 2,
      maxLength: 64,
      pattern: NAME_PATTERN,
    },
    { field: "policy", value: get("Policy"), minLength: 1, pattern: "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+" },
    { field: "durationSeconds", value: get("DurationSeconds"), min: 900, max: 43_200 },
    { field: "externalId", value: get("ExternalId"), minLength: 2, maxLength: 1_224, pattern: "[\\w+=,.@:\\/-]*" },
    ...mfaFieldRules(parameters),
    { field: "sourceIdentity", value: get("SourceIdentity"), minLength: 2, maxLength: 256, pattern: NAME_PATTERN },
  ]);
}

interface SessionTags {
  /** Those passed now and those that come down the chain. */
  readonly all: ReadonlyMap<string, string>;
  readonly passed: ReadonlyMap<string, string>;
  readonly transitiveKeys: readonly string[];
}

function readSessionTags(call: Call, parameters: QueryParameters): SessionTags {
  const passed = new Map<string, string>();
  const tags = structuresOf(parameters, "Tags.member");
  if (tags.length > MAX_SESSION_TAGS) {
    throw new AwsFault(
      "ValidationError",
      `1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to ${MAX_SESSION_TAGS}`,
    );
  }
  const lowerKeys = new Set<string>();
  for (const [index, tag] of tags.entries()) {
    const key = tag.get("Key");
    const value = tag.get("Value");
    const place = `tags.${index + 1}.member`;
    checkFields([
      { field: `${place}.key`, value: key, required: true, minLength: 1, maxLength: 128, pattern: `${TAG_CHARACTER}+` },
      { field: `${place}.value`, value, required: true, maxLength: 256, pattern: `${TAG_CHARACTER}*` },
    ]);
    const lowerKey = (key ?? "").toLowerCase();
    // IAM User Guide, "Pass session tags": the prefix is reserved, in any case.
    if (lowerKey.startsWith("aws:")) {
      throw new AwsFault("ValidationError", "aws: prefixed tag key names are not allowed for external use.");
    }
    if (lowerKeys.has(lowerKey)) {
      throw new AwsFault(
        "InvalidParameterValue",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
      );
    }
    lowerKeys.add(lowerKey);
    passed.set(key ?? "", value ?? "");
  }
  const transitive = listOf(parameters, "TransitiveTagKeys.member");
  if (transitive.some((key) => !passed.has(key))) {
    throw new AwsFault(
      "InvalidParameterValue",
      "The specified transitive tag key must be included in the requested tags.",
    );
  }
  const { session } = call.principal;
  const inherited = (session?.transitiveTagKeys ?? []).map((key) => [key, session?.tags.get(key) ?? ""] as const);
  if (inherited.some(([key]) => lowerKeys.has(key.toLowerCase()))) {
    throw new AwsFault(
      "InvalidParameterValue",
      "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
    );
  }
  return {
    all: new Map([...inherited, ...passed]),
    passed,
    transitiveKeys: [...inherited.map(([key]) => key), ...transitive],
  };
}

function readSessionPolicies(
  call: Call,
  parameters: QueryParameters,
  roleArn: string,
): { readonly texts: readonly string[]; readonly packedPercent: number | undefined } {
  const inline = parameters.get("Policy");
  const arns = structuresOf(parameters, "PolicyArns.member").flatMap((fields) => fields.get("arn") ?? []);
  if (inline === undefined && arns.length === 0) return { texts: [], packedPercent: undefined };
  if (arns.length > MAX_MANAGED_SESSION_POLICIES) {
    throw new AwsFault(
      "ValidationError",
      `1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to ${MAX_MANAGED_SESSION_POLICIES}`,
    );
  }
  if (inline !== undefined) {
    try {
      checkNewSessionPolicy(parsePolicyDocument(inline, "identity"));
    } catch (error) {
      if (!(error instanceof PolicySyntaxError)) throw error;
      throw new AwsFault("MalformedPolicyDocument", error.awsMessage);
    }
  }
  const accountId = ROLE_ARN.exec(roleArn)?.[1] ?? "";
  const managed = arns.map((arn) => {
    const found = findManagedPolicy(call.world, accountId, arn);
    if (found === undefined)
      throw new AwsFault("ValidationError", `Policy ${arn} does not exist or is not attachable.`);
    return found.document;
  });
  // AWS packs the text into a binary form of its own, and does not say how; this percentage is the plain text's.
  const characters = (inline?.length ?? 0) + arns.join("").length;
  const room = call.settings.packedPolicyCharacters ?? MAX_SESSION_POLICY_CHARACTERS;
  const packedPercent = Math.ceil((characters / room) * 100);
  if (packedPercent > 100) {
    throw new AwsFault(
      "PackedPolicyTooLarge",
      `Packed policy consumes ${packedPercent}% of allotted space, please use smaller policy.`,
    );
  }
  return { texts: inline === undefined ? managed : [inline, ...managed], packedPercent };
}

function checkSourceIdentity(call: Call, asked: string | undefined): string | undefined {
  const current = call.principal.session?.sourceIdentity;
  if (current === undefined) return asked;
  if (asked !== undefined && asked !== current) {
    throw new AwsFault("ValidationError", "The source identity is already set for this assume role session");
  }
  return current;
}

interface RoleRequest {
  readonly roleArn: string;
  readonly roleSessionName: string;
  readonly hasMfa: boolean;
  readonly tags: SessionTags;
  readonly sourceIdentity: string | undefined;
}

/**
 * Trust policy and the caller's own policies. One message for every denial, a role that does not exist among them
 * (AWS.md, STS faults).
 */
function authorizeAssumeRole(call: Call, parameters: QueryParameters, request: RoleRequest): Role {
  const { roleArn, tags } = request;
  const accountId = ROLE_ARN.exec(roleArn)?.[1] ?? "";
  const role = [...(call.world.accounts.get(accountId)?.roles.values() ?? [])].find(({ arn }) => arn === roleArn);

  const context: Record<string, string | readonly string[] | undefined> = {
    "sts:ExternalId": parameters.get("ExternalId"),
    "sts:RoleSessionName": request.roleSessionName,
    "sts:SourceIdentity": request.sourceIdentity,
  };
  if (request.hasMfa) {
    context["aws:MultiFactorAuthPresent"] = "true";
    context["aws:MultiFactorAuthAge"] = "0";
  }
  for (const [key, value] of tags.passed) context[`aws:RequestTag/${key}`] = value;
  if (tags.passed.size > 0) context["aws:TagKeys"] = [...tags.passed.keys()];
  if (tags.transitiveKeys.length > 0) context["sts:TransitiveTagKeys"] = tags.transitiveKeys;
  for (const [key, value] of role?.tags ?? []) context[`aws:ResourceTag/${key}`] = value;

  const actions = ["sts:AssumeRole"];
  if (tags.passed.size > 0) actions.push("sts:TagSession");
  if (parameters.has("SourceIdentity")) actions.push("sts:SetSourceIdentity");
  for (const action of actions) {
    const access: Access = { action, resource: roleArn, context };
    const decision = role === undefined ? undefined : decideAssumeRole(call, access, role);
    if (decision?.verdict !== "allowed") throw new AwsFault("AccessDenied", formatDenial(call, access), 403);
  }
  if (role === undefined) throw new Error("a role that is not there was allowed");
  return role;
}

function decideAssumeRole(call: Call, access: Access, role: Role): AccessDecision {
  return evaluateAssumeRole(makeAccessRequest(call, access), {
    ...callerPolicies(call),
    trust: readPolicy(showTrust(call.world, role.trustPolicy), "trust"),
  });
}
