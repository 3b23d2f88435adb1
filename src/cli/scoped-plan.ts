import type { IamNeed, ResourceHome } from "../actions/action.ts";
import { type PolicyBatch, planPolicyBatches } from "../actions/policy-batches.ts";
import { defaultRegionOf } from "../aws/arn.ts";
import { AssumeMfaError } from "../errors.ts";
import { isNarrowed, narrowTarget } from "../target/narrow-target.ts";
import type { Target } from "../target/target.ts";

/** What an action needs, so that a session of its own can be allowed that alone (`--scoped`). */
export interface ActionNeeds {
  /** What it is on, as typed and checked; empty where it is on nothing in particular, or where that is still to be found. */
  readonly ids: () => readonly string[];
  readonly needs: (ids: readonly string[], home: ResourceHome) => readonly IamNeed[];
  /** What finding them needs, where none are named; undefined where there is nothing to find. */
  readonly finding?: readonly IamNeed[] | undefined;
}

/** The sessions that a scoped run opens, as far as they can be told before anything is called. */
export interface ScopedPlan {
  /** Those that are known: for what was named, or for finding it. */
  readonly batches: readonly PolicyBatch[];
  /** How many at least: those for what is still to be found come on top. */
  readonly sessionCount: number;
}

/**
 * @param needs undefined: the command works with the role's session itself
 * @returns undefined where the sessions are the role's whole ones
 * @throws AssumeMfaError USAGE where `--scoped` was given and there is nothing to narrow; as `planPolicyBatches` does
 */
export function planScoped(target: Target, needs: ActionNeeds | undefined): ScopedPlan | undefined {
  const { scope } = target;
  if (scope.value === "role") return undefined;
  if (needs === undefined) {
    if (scope.origin.kind !== "option") return undefined;
    throw new AssumeMfaError("USAGE", "--scoped is for actions: this command is about the role's session itself", {
      hint: "leave it out, or narrow the session yourself with --policy or --policy-arn",
    });
  }
  const ids = needs.ids();
  if (ids.length === 0 && needs.finding !== undefined) {
    const { finding } = needs;
    return { batches: planBatches(target, [], () => finding), sessionCount: 2 };
  }
  const batches = planBatches(target, ids, needs.needs);
  return { batches, sessionCount: batches.length };
}

/** The target as it is when it is checked: narrowed to the first of the run's sessions, where they are narrow. */
export function narrowToPlan(target: Target, plan: ScopedPlan | undefined): Target {
  const [first] = plan?.batches ?? [];
  return first === undefined || isNarrowed(target) ? target : narrowTarget(target, first.policy);
}

/** @param mostIds where AWS has refused more */
export function planBatches(
  target: Target,
  ids: readonly string[],
  needs: ActionNeeds["needs"],
  mostIds?: number,
): readonly PolicyBatch[] {
  const { partition, accountId } = target.role.value;
  const home = { partition, accountId, region: target.region?.value ?? defaultRegionOf(partition) };
  return planPolicyBatches(ids, needs, home, mostIds);
}
