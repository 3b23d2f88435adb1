import { AssumeMfaError } from "../errors.ts";
import { buildSessionPolicy, checkPolicyOperand, formatNeeds, type IamNeed } from "../policy/build-session-policy.ts";
import { POLICY_SIZE_QUOTAS } from "../policy/policy-size.ts";
import type { SessionPolicy } from "../policy/session-policy.ts";
import type { ResourceHome } from "./action.ts";

/** Resources that one session is for, and all that it may do. */
export interface PolicyBatch {
  /** In the order of the run; empty where the action is on none in particular. */
  readonly ids: readonly string[];
  readonly policy: SessionPolicy;
}

/**
 * What each session of a scoped run may do: as many ids as fit a session policy, in order, and never a wider policy.
 * @param ids empty for an action on none in particular: one batch
 * @param mostIds in a batch, where AWS has refused more. Default: as many as fit
 * @throws AssumeMfaError SESSION_SETTING_REFUSED when a policy for one id alone is too long; USAGE as
 *   `build-session-policy.ts` does
 */
export function planPolicyBatches(
  ids: readonly string[],
  needs: (ids: readonly string[], home: ResourceHome) => readonly IamNeed[],
  home: ResourceHome,
  mostIds = Number.POSITIVE_INFINITY,
): readonly PolicyBatch[] {
  for (const id of ids) checkPolicyOperand(id);
  const lengthOf = (some: readonly string[]) => formatNeeds(needs(some, home)).length;
  const make = (some: readonly string[]): PolicyBatch => {
    const characters = lengthOf(some);
    if (characters > POLICY_SIZE_QUOTAS.session) throw tooLong(some, characters);
    return { ids: some, policy: buildSessionPolicy(needs(some, home)) };
  };
  const fits = (some: readonly string[]) => some.length <= mostIds && lengthOf(some) <= POLICY_SIZE_QUOTAS.session;
  if (ids.length === 0) return [make([])];
  const batches: PolicyBatch[] = [];
  for (let start = 0; start < ids.length; ) {
    let end = start + 1;
    while (end < ids.length && fits(ids.slice(start, end + 1))) end += 1;
    batches.push(make(ids.slice(start, end)));
    start = end;
  }
  return batches;
}

function tooLong(ids: readonly string[], characters: number): AssumeMfaError {
  const whose = ids.length === 0 ? "this action" : ids.join(", ");
  return new AssumeMfaError(
    "SESSION_SETTING_REFUSED",
    `the session policy for ${whose} has ${characters} characters, and AWS takes ${POLICY_SIZE_QUOTAS.session}`,
    { hint: "work with the role's whole permissions (without --scoped)" },
  );
}
