import type { AccessRequest, Verdict } from "./access-request.ts";
import { evaluatePolicies, evaluateTrust } from "./evaluate.ts";
import type { PolicyDocument } from "./policy-document.ts";

/** Whose policies decided; AWS names them in its access-denied messages. `resource` is a role's trust policy. */
export type PolicyLayer = "identity" | "boundary" | "session" | "resource";

export interface AccessDecision {
  readonly verdict: Verdict;
  /** Undefined when allowed. */
  readonly deniedBy: PolicyLayer | undefined;
}

/** The policies on the caller's side. */
export interface CallerPolicies {
  /** The user's and its groups', or the role's. */
  readonly identity: readonly PolicyDocument[];
  readonly boundary?: PolicyDocument | undefined;
  /** All session policies, inline and managed; undefined or empty when the session was made without any. */
  readonly session?: readonly PolicyDocument[] | undefined;
}

const ALLOWED: AccessDecision = { verdict: "allowed", deniedBy: undefined };

/**
 * A call on something that has no policy of its own. Each layer that is there must allow; an explicit deny in any
 * counts before an implicit one (reference_policies_evaluation-logic).
 */
export function evaluateAccess(request: AccessRequest, policies: CallerPolicies): AccessDecision {
  return firstDenial(callerVerdicts(request, policies));
}

/**
 * `sts:AssumeRole` and what goes with it (`sts:TagSession`, `sts:SetSourceIdentity`). The role's trust policy must
 * allow, always. In another account the caller's own policies must allow too. In the role's own account it depends on
 * how the trust policy names the caller (reference_policies_evaluation-logic_policy-eval-denyallow and
 * reference_policies_elements_principal): as a whole account leaves it to the caller's policies; a user's ARN is
 * enough; a role's ARN is limited by its boundary and session policies; a session's ARN and `*` are limited by nothing
 * but an explicit deny.
 *
 * @param request its resource is the role's ARN
 */
export function evaluateAssumeRole(
  request: AccessRequest,
  policies: CallerPolicies & { readonly trust: PolicyDocument },
): AccessDecision {
  const trust = evaluateTrust(request, policies.trust);
  const caller = callerVerdicts(request, policies);
  const explicit = [{ layer: "resource", verdict: trust.verdict } as const, ...caller].filter(
    ({ verdict }) => verdict === "explicitlyDenied",
  );
  if (explicit.length > 0) return firstDenial(explicit);
  if (trust.verdict !== "allowed") return { verdict: trust.verdict, deniedBy: "resource" };

  const sameAccount = request.resource.split(":")[4] === request.principal.accountId;
  if (!sameAccount || trust.matchedPrincipal === "account") return firstDenial(caller);
  const isRole = request.principal.sessionArn !== undefined;
  if (trust.matchedPrincipal === "exact" && isRole)
    return firstDenial(caller.filter(({ layer }) => layer !== "identity"));
  return ALLOWED;
}

interface LayerVerdict {
  readonly layer: PolicyLayer;
  readonly verdict: Verdict;
}

function callerVerdicts(
  request: AccessRequest,
  { identity, boundary, session }: CallerPolicies,
): readonly LayerVerdict[] {
  const verdicts: LayerVerdict[] = [{ layer: "identity", verdict: evaluatePolicies(request, identity) }];
  if (boundary !== undefined) verdicts.push({ layer: "boundary", verdict: evaluatePolicies(request, [boundary]) });
  if (session !== undefined && session.length > 0) {
    verdicts.push({ layer: "session", verdict: evaluatePolicies(request, session) });
  }
  return verdicts;
}

function firstDenial(verdicts: readonly LayerVerdict[]): AccessDecision {
  const denial =
    verdicts.find(({ verdict }) => verdict === "explicitlyDenied") ??
    verdicts.find(({ verdict }) => verdict === "implicitlyDenied");
  return denial === undefined ? ALLOWED : { verdict: denial.verdict, deniedBy: denial.layer };
}
