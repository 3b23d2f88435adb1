import type { AccessRequest, Verdict } from "./access-request.ts";
import type { PolicyDocument } from "./policy-document.ts";
import { matchPrincipal, type PrincipalMatch, strongestMatch } from "./principal.ts";
import { statementApplies } from "./statement-applies.ts";

export type { AccessRequest, Verdict } from "./access-request.ts";
export type { PrincipalMatch } from "./principal.ts";

/**
 * All the policies of one layer as one (a user's and its groups'; all session policies). An explicit deny wins over
 * any allow.
 */
export function evaluatePolicies(request: AccessRequest, policies: readonly PolicyDocument[]): Verdict {
  return evaluate(request, policies).verdict;
}

/** What a role's trust policy says of a caller. */
export interface TrustVerdict {
  readonly verdict: Verdict;
  /** How the statements that decided name the caller, the strongest of them; undefined when none applies. */
  readonly matchedPrincipal: PrincipalMatch | undefined;
}

/**
 * A trust policy alone. `allowed` with `account` is not enough by itself: see `evaluateAssumeRole` for both sides.
 */
export function evaluateTrust(request: AccessRequest, trust: PolicyDocument): TrustVerdict {
  return evaluate(request, [trust]);
}

function evaluate(request: AccessRequest, policies: readonly PolicyDocument[]): TrustVerdict {
  const allows = new Set<PrincipalMatch>();
  let verdict: Verdict = "implicitlyDenied";
  for (const { kind, statements, version } of policies) {
    for (const statement of statements) {
      const match = matchPrincipal(statement, request.principal);
      if ((kind === "trust" && match === undefined) || !statementApplies(statement, version, request)) continue;
      if (statement.effect === "Deny") return { verdict: "explicitlyDenied", matchedPrincipal: match };
      verdict = "allowed";
      if (match !== undefined) allows.add(match);
    }
  }
  return { verdict, matchedPrincipal: strongestMatch(allows) };
}
