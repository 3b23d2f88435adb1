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

export interface PolicyLimits {
  /** The managed policies that go with each session: AWS counts their ARNs against the same size (AWS.md, 2). */
  readonly policyArns: readonly string[];
  /** The most ids in a batch, where AWS has refused more. */
  readonly mostIds?: number;
}

/**
 * What each session of a scoped run may do: as many ids as fit a session policy, in order, and never a wider policy.
 * @param ids empty for an action on none in particular: one batch
 * @throws AssumeMfaError SESSION_SETTING_REFUSED when a policy for one id alone is too long; USAGE as
 *   `build-session-policy.ts` does
 */
export function planPolicyBatches(
  ids: readonly string[],
  needs: (ids: readonly string[], home: ResourceHome) => readonly IamNeed[],
  home: ResourceHome,
  { policyArns, mostIds = Number.POSITIVE_INFINITY }: PolicyLimits,
): readonly PolicyBatch[] {
  for (const id of ids) checkPolicyOperand(id);
  const room = POLICY_SIZE_QUOTAS.session - policyArns.join("").length;
  const lengthOf = (some: readonly string[]) => formatNeeds(needs(some, home)).length;
  const make = (some: readonly string[]): PolicyBatch => {
    const characters = lengthOf(some);
    if (characters > room) throw tooLong(some, characters, room, policyArns);
    return { ids: some, policy: buildSessionPolicy(needs(some, home)) };
  };
  if (ids.length === 0) return [make([])];
  const batches: PolicyBatch[] = [];
  for (let start = 0; start < ids.length; ) {
    let end = start + 1;
    while (end < ids.length && end - start < mostIds && lengthOf(ids.slice(start, end + 1)) <= room) end += 1;
    batches.push(make(ids.slice(start, end)));
    start = end;
  }
  return batches;
}

function tooLong(
  ids: readonly string[],
  characters: number,
  room: number,
  policyArns: readonly string[],
): AssumeMfaError {
  const whose = ids.length === 0 ? "this action" : ids.join(", ");
  const beside = policyArns.length === 0 ? "" : " beside the policies of --policy-arn";
  return new AssumeMfaError(
    "SESSION_SETTING_REFUSED",
    `the session policy for ${whose} has ${characters} characters, and AWS takes ${room}${beside}`,
    {
      hint:
        policyArns.length === 0
          ? "work with the role's whole permissions (without --scoped)"
          : "leave out --policy-arn, or some of them",
    },
  );
}
