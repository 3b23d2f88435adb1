import type { AccessRequest, Verdict } from "./access-request.ts";
import type { PolicyDocument } from "./policy-document.ts";
import { matchPrincipal, type PrincipalMatch } from "./principal.ts";
import { statementApplies } from "./statement.ts";

export type { AccessRequest, Verdict } from "./access-request.ts";
export type { PrincipalMatch } from "./principal.ts";

/**
 * All the policies of one layer (all of a user's and its groups' policies; all session policies), as one.
 * An explicit deny wins over any allow. A statement with a Principal counts for that principal only.
 */
export function evaluatePolicies(request: AccessRequest, policies: readonly PolicyDocument[]): Verdict {
  return evaluate(request, policies).verdict;
}

/** What a role's trust policy says of a caller. */
export interface TrustVerdict {
  readonly verdict: Verdict;
  /** How the deciding statements name the caller, the strongest of them; undefined when none applies. */
  readonly matchedPrincipal: PrincipalMatch | undefined;
}

/**
 * A trust policy alone. `allowed` with `account` is not enough by itself: the caller's own policies must allow too.
 * See {@link evaluateAssumeRole} for both sides together.
 */
export function evaluateTrust(request: AccessRequest, trust: PolicyDocument): TrustVerdict {
  return evaluate(request, [trust]);
}

function evaluate(request: AccessRequest, policies: readonly PolicyDocument[]): TrustVerdict {
  const allowed = new Set<PrincipalMatch>();
  let isAllowed = false;
  for (const { statements, version } of policies) {
    for (const statement of statements) {
      const { principal } = statement;
      const match = principal && matchPrincipal(principal, request.principal);
      if (principal !== undefined && match === undefined) continue;
      if (!statementApplies(statement, version, request)) continue;
      if (statement.effect === "Deny") return { verdict: "explicitlyDenied", matchedPrincipal: match };
      isAllowed = true;
      if (match !== undefined) allowed.add(match);
    }
  }
  const strongest = (["session", "exact", "anyone", "account"] as const).find((match) => allowed.has(match));
  return { verdict: isAllowed ? "allowed" : "implicitlyDenied", matchedPrincipal: strongest };
}
