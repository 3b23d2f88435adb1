import type { AccessRequest } from "../policy/access-request.ts";
import { type AccessDecision, type CallerPolicies, evaluateAccess } from "../policy/evaluate-access.ts";
import { type PolicyDocument, type PolicyKind, parsePolicyDocument } from "../policy/policy-document.ts";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { findManagedPolicy } from "./managed-policies.ts";
import { callerArn, callerUserId, type Principal, principalArn } from "./principal.ts";
import { sealText } from "./sealed-text.ts";
import type { Account, PolicyHolder, World } from "./world.ts";

/** What a caller wants to do, for the policies to decide. */
export interface Access {
  /** `ec2:TerminateInstances` */
  readonly action: string;
  /** An ARN; `*` for an action without a resource. */
  readonly resource: string;
  /** Condition keys of the service and the resource, beside the global ones. Any case. */
  readonly context?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Whether the caller's own policies (and session policies) allow it. */
export function decideAccess(call: Call, access: Access): AccessDecision {
  return evaluateAccess(makeAccessRequest(call, access), callerPolicies(call));
}

/** The access as the policy evaluator wants it: who asks, with every condition key of the call. */
export function makeAccessRequest(call: Call, access: Access): AccessRequest {
  const { principal } = call;
  return {
    action: access.action,
    resource: access.resource,
    principal: {
      arn: principalArn(principal),
      accountId: principal.account.id,
      ...(principal.kind === "role" ? { sessionArn: callerArn(principal) } : {}),
    },
    context: makeContext(call, access.context ?? {}),
  };
}

/** The caller's own policies, a user's groups' among them, and those of the session. */
export function callerPolicies(call: Call): CallerPolicies {
  const { world, principal } = call;
  const { account } = principal;
  const holders: PolicyHolder[] = [principal.kind === "user" ? principal.user : principal.role];
  if (principal.kind === "user") {
    for (const name of principal.user.groupNames) {
      const group = account.groups.get(name);
      if (group !== undefined) holders.push(group);
    }
  }
  return {
    identity: holders.flatMap((holder) => policiesOf(world, account, holder)),
    session: (principal.session?.sessionPolicies ?? []).map((text) => readPolicy(text, "identity")),
  };
}

function policiesOf(world: World, account: Account, holder: PolicyHolder): PolicyDocument[] {
  const managed = holder.attachedPolicyArns.flatMap((arn) => findManagedPolicy(world, account.id, arn)?.document ?? []);
  return [...holder.inlinePolicies.values(), ...managed].map((text) => readPolicy(text, "identity"));
}

const MAX_READ_POLICIES = 200;
const readPolicies = new Map<string, PolicyDocument>();

/**
 * A policy that is stored, hence was read without fault before. Remembered by its text: the same few are asked each call.
 * @throws PolicySyntaxError
 */
export function readPolicy(text: string, kind: PolicyKind): PolicyDocument {
  const key = `${kind} ${text}`;
  const known = readPolicies.get(key);
  if (known !== undefined) return known;
  const document = parsePolicyDocument(text, kind);
  if (readPolicies.size >= MAX_READ_POLICIES) readPolicies.clear();
  readPolicies.set(key, document);
  return document;
}

/**
 * The condition keys of a call (IAM User Guide, "AWS global condition context keys"). MFA as AWS.md says: absent for
 * long-term keys, `true` or `false` for temporary ones; the age only after MFA.
 */
function makeContext(call: Call, extra: NonNullable<Access["context"]>): Map<string, readonly string[]> {
  const { principal, nowMs } = call;
  const { session } = principal;
  const keys: Record<string, string | readonly string[] | undefined> = {
    "aws:CurrentTime": new Date(nowMs).toISOString(),
    "aws:EpochTime": String(Math.floor(nowMs / 1_000)),
    "aws:RequestedRegion": call.region,
    // A choice: what is refused on AWS for plain HTTP alone is not what anybody wants to see in a sandbox.
    "aws:SecureTransport": "true",
    "aws:SourceIp": "127.0.0.1",
    "aws:UserAgent": call.userAgent,
    "aws:ViaAWSService": "false",
    "aws:PrincipalIsAWSService": "false",
    "aws:PrincipalAccount": principal.account.id,
    "aws:PrincipalArn": principalArn(principal),
    "aws:PrincipalType": principal.kind === "user" ? "User" : "AssumedRole",
    "aws:userid": callerUserId(principal),
    "aws:username": principal.kind === "user" ? principal.user.name : undefined,
    ...sessionKeys(principal, nowMs),
  };
  const principalTags = new Map(principal.kind === "user" ? principal.user.tags : principal.role.tags);
  for (const [key, value] of session?.tags ?? []) principalTags.set(key, value);
  for (const [key, value] of principalTags) keys[`aws:PrincipalTag/${key}`] = value;
  Object.assign(keys, extra);

  const context = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(keys)) {
    if (value !== undefined) context.set(key.toLowerCase(), typeof value === "string" ? [value] : value);
  }
  return context;
}

function sessionKeys(principal: Principal, nowMs: number): Record<string, string | undefined> {
  const { session } = principal;
  if (session === undefined) return {};
  const { mfaAtMs } = session;
  return {
    "aws:TokenIssueTime": new Date(session.issuedAtMs).toISOString(),
    "aws:MultiFactorAuthPresent": String(mfaAtMs !== undefined),
    "aws:MultiFactorAuthAge": mfaAtMs === undefined ? undefined : String(Math.floor((nowMs - mfaAtMs) / 1_000)),
    "aws:SourceIdentity": session.sourceIdentity,
  };
}

/**
 * The second half of AWS's access-denied messages: which kind of policy it was.
 * @returns ` because no identity-based policy allows the x:Y action` and the like, with the space before it
 */
export function formatDenialReason(decision: AccessDecision, action: string): string {
  const layer = {
    identity: "identity-based policy",
    session: "session policy",
    boundary: "permissions boundary",
    resource: "resource-based policy",
  }[decision.deniedBy ?? "identity"];
  if (decision.verdict === "explicitlyDenied") {
    return ` with an explicit deny in ${layer.startsWith("identity") ? "an" : "a"} ${layer}`;
  }
  return ` because no ${layer} allows the ${action} action`;
}

/** `User: <arn> is not authorized to perform: <action> on resource: <arn>`; without the last part for `*`. */
export function formatDenial(call: Call, access: Access): string {
  const resource = access.resource === "*" ? "" : ` on resource: ${access.resource}`;
  return `User: ${callerArn(call.principal)} is not authorized to perform: ${access.action}${resource}`;
}

/** @throws AwsFault AccessDenied, as STS and IAM say it */
export function requireQueryAccess(call: Call, access: Access): void {
  const decision = decideAccess(call, access);
  if (decision.verdict === "allowed") return;
  throw new AwsFault("AccessDenied", formatDenial(call, access) + formatDenialReason(decision, access.action), 403);
}

/** What encoded failure messages are sealed for. */
export const FAILURE_MESSAGE_PURPOSE = "authorization-failure";

/** The text that sts:DecodeAuthorizationMessage opens again. */
export function encodeFailureMessage(call: Call, access: Access, decision: AccessDecision): string {
  const { principal } = call;
  const request = makeAccessRequest(call, access);
  const conditions = [...request.context].map(([key, values]) => ({
    key,
    values: { items: values.map((value) => ({ value })) },
  }));
  const message = {
    allowed: false,
    explicitDeny: decision.verdict === "explicitlyDenied",
    matchedStatements: { items: [] },
    failures: { items: [] },
    context: {
      principal: { id: callerUserId(principal), arn: callerArn(principal) },
      action: access.action,
      resource: access.resource,
      conditions: { items: conditions },
    },
  };
  return sealText(call.world, FAILURE_MESSAGE_PURPOSE, JSON.stringify(message));
}
