import { AssumeMfaError } from "../errors.ts";
import type { SessionPolicy } from "../policy/session-policy.ts";
import { formatOrigin } from "./format-origin.ts";
import { sourced } from "./setting.ts";
import type { CacheKind, Target } from "./target.ts";

/**
 * The target whose sessions may do what one action needs, and nothing else (`assume_mfa_scope = action`). They are kept
 * nowhere and come from nowhere but AWS.
 *
 * @param target its scope is `action`; one that was narrowed for another action may be narrowed for this one
 * @throws AssumeMfaError USAGE where session policies of the user's own were given: AWS takes one document, and managed
 *   policies beside it would widen the session, since AWS allows what any one of a session's policies allows
 */
export function narrowTarget(target: Target, policy: SessionPolicy): Target {
  const { scope, sessionPolicy, policyArns } = target;
  const given = sessionPolicy !== undefined && !isNarrowed(target) ? "--policy" : policyArns[0] && "--policy-arn";
  if (given !== undefined) {
    const { origin } = scope;
    const which = origin.kind === "option" ? origin.option : `assume_mfa_scope = action (${formatOrigin(origin)})`;
    const why =
      given === "--policy" ? "AWS takes one policy document" : "AWS allows what any one of its policies allows";
    throw new AssumeMfaError("USAGE", `${given} can't go with ${which}: for a session ${why}`, {
      hint: "leave out one of the two: what the action needs is all that a scoped session may do anyway",
    });
  }
  return Object.freeze({
    ...target,
    sessionPolicy: sourced(policy, scope.origin),
    cache: sourced<CacheKind>("none", scope.origin),
    awsCliRequest: Object.freeze({ obstacle: "the session is for one action alone" }),
  });
}

/** Whether its sessions are for one action alone. */
export function isNarrowed({ scope, sessionPolicy }: Target): boolean {
  return scope.value === "action" && sessionPolicy?.origin === scope.origin;
}
