import { AssumeMfaError } from "../errors.ts";
import type { SessionPolicy } from "../policy/session-policy.ts";
import { formatOrigin } from "./format-origin.ts";
import { sourced } from "./setting.ts";
import type { CacheKind, Target } from "./target.ts";

/**
 * The target whose sessions may do what one action needs, and nothing else (`assume_mfa_scope = action`). They are kept
 * nowhere and come from nowhere but AWS. Managed policies that were given go along: AWS allows what all of them allow.
 *
 * @param target its scope is `action`; one that was narrowed for another action may be narrowed for this one
 * @throws AssumeMfaError USAGE where a policy of the user's own was given: AWS takes one document only
 */
export function narrowTarget(target: Target, policy: SessionPolicy): Target {
  const { scope, sessionPolicy } = target;
  if (sessionPolicy !== undefined && !isNarrowed(target)) {
    const which =
      scope.origin.kind === "option"
        ? scope.origin.option
        : `assume_mfa_scope = action (${formatOrigin(scope.origin)})`;
    throw new AssumeMfaError("USAGE", `--policy can't go with ${which}: AWS takes one policy document for a session`, {
      hint: "leave out one of the two; managed policies go along (--policy-arn)",
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
