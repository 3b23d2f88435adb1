import type { ActionScope } from "../action.ts";
import type { InstanceFilter } from "./instance-filters.ts";
import { listInstances } from "./instances.ts";

/** What a filter found. */
export interface Matching {
  /** Of the instances that there is anything to be done to, in EC2's order. */
  readonly ids: readonly string[];
  /** By state, how many match as well and can be left as they are. */
  readonly others: ReadonlyMap<string, number>;
}

/**
 * The instances that match all filters, as far as they are in a state that the action is for.
 * @param isFor whether there is anything to be done to an instance in this state
 * @throws AssumeMfaError where the role may not list, or a filter is none of EC2's
 */
export async function findMatching(
  scope: ActionScope,
  filters: readonly InstanceFilter[],
  isFor: (state: string) => boolean,
): Promise<Matching> {
  const ids: string[] = [];
  const others = new Map<string, number>();
  for await (const page of listInstances(scope, [], filters)) {
    for (const { id, state } of page) {
      if (isFor(state)) ids.push(id);
      else others.set(state, (others.get(state) ?? 0) + 1);
    }
  }
  return { ids, others };
}
