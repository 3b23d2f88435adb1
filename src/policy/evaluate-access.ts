import type { AccessRequest, Verdict } from "./access-request.ts";
import { evaluatePolicies, evaluateTrust } from "./evaluate.ts";
import type { PolicyDocument } from "./policy-document.ts";

/** Whose policies decided; AWS names them in its access-denied messages. */
export type PolicyLayer = "identity" | "session" | "boundary" | "resource";

export interface AccessDecision {
  readonly verdict: Verdict;
  /** The layer that denied; undefined when allowed. */
  readonly deniedBy: PolicyLayer | undefined;
}

/** The policies on the caller's side. */
export interface CallerPolicies {
  /** The user's and its groups', or the role's. */
  readonly identity: readonly PolicyDocument[];
  /** All session policies, inline and managed; undefined or empty when the session was made without any. */
  readonly session?: readonly PolicyDocument[] | undefined;
  readonly boundary?: PolicyDocument | undefined;
}

/**
 * A call on a resource that has no policy of its own (EC2, DynamoDB tables without one).
 * Every layer that is there must allow; an explicit deny in any of them is told before an implicit one.
 */
export function evaluateAccess(request: AccessRequest, policies: CallerPolicies): AccessDecision {
  const layers: [PolicyLayer, readonly PolicyDocument[]][] = [["identity", policies.identity]];
  if (policies.boundary !== undefined) layers.push(["boundary", [policies.boundary]]);
  if (policies.session !== undefined && policies.session.length > 0) layers.push(["session", policies.session]);
  const verdicts = layers.map(([layer, documents]) => ({ layer, verdict: evaluatePolicies(request, documents) }));
  const denial =
    verdicts.find(({ verdict }) => verdict === "explicitlyDenied") ??
    verdicts.find(({ verdict }) => verdict === "implicitlyDenied");
  return denial === undefined
    ? { verdict: "allowed", deniedBy: undefined }
    : { verdict: denial.verdict, deniedBy: denial.layer };
}

/**
 * `sts:AssumeRole` and the like: the role's trust policy must always allow. In another account the caller's own
 * policies must allow too; in the role's own account only where the trust policy names the account as a whole.
 *
 * @param request its resource is the role's ARN
 */
export function evaluateAssumeRole(
  request: AccessRequest,
  policies: CallerPolicies & { readonly trust: PolicyDocument },
): AccessDecision {
  const trust = evaluateTrust(request, policies.trust);
  const caller = evaluateAccess(request, policies);
  if (trust.verdict === "explicitlyDenied") return { verdict: trust.verdict, deniedBy: "resource" };
  if (caller.verdict === "explicitlyDenied") return caller;
  if (trust.verdict === "implicitlyDenied") return { verdict: trust.verdict, deniedBy: "resource" };
  const sameAccount = request.resource.split(":")[4] === request.principal.accountId;
  if (!sameAccount || trust.matchedPrincipal === "account") return caller;
  return { verdict: "allowed", deniedBy: undefined };
}
