import type { ActionScope, ActionSteps, DestructiveAction, LookAnswer, ResourceState, ResourceView } from "./action.ts";
import { chunksOf, mapAtMost } from "./at-most.ts";

/** Resources with a session of their own, which may do nothing to any others. */
export interface ScopedBatch {
  readonly ids: readonly string[];
  readonly scope: ActionScope;
}

/** Each of them reads up to ten resources at once by itself. */
const BATCHES_AT_ONCE = 4;

/**
 * The same action where no one session may touch all of its resources (`--scoped`): each is looked at, done and waited
 * for with the session that is for it, and no call is about the resources of two.
 * @param batches every id in one of them
 */
export function makeBatchedAction(action: DestructiveAction, batches: readonly ScopedBatch[]): DestructiveAction {
  return { ...action, open: (_scope, note) => openBatched(action, batches, note) };
}

async function openBatched(
  action: DestructiveAction,
  batches: readonly ScopedBatch[],
  note: (text: string) => void,
): Promise<ActionSteps> {
  const said = new Set<string>();
  const noteOnce = (text: string) => {
    if (said.has(text)) return;
    said.add(text);
    note(text);
  };
  const all: ActionSteps[] = [];
  const batchOf = new Map<string, ActionSteps>();
  for (const { ids, scope } of batches) {
    const steps = await action.open(scope, noteOnce);
    all.push(steps);
    for (const id of ids) batchOf.set(id, steps);
  }
  const [first] = all;
  if (first === undefined) throw new RangeError("no batch");

  function stepsOf(id: string): ActionSteps {
    const steps = batchOf.get(id);
    if (steps === undefined) throw new RangeError(`no session is for ${id}`);
    return steps;
  }

  /** In the order of the batches, which is that of the ids. */
  function grouped<T>(
    items: readonly T[],
    idOf: (item: T) => string,
  ): readonly (readonly [ActionSteps, readonly T[]])[] {
    const groups = new Map<ActionSteps, T[]>();
    for (const item of items) {
      const steps = stepsOf(idOf(item));
      const group = groups.get(steps) ?? [];
      group.push(item);
      groups.set(steps, group);
    }
    return [...groups];
  }

  const viewId = ({ id }: ResourceView) => id;

  /** The one batch that all of these are in. */
  function only(batch: readonly ResourceView[]): ActionSteps {
    const [group, ...others] = grouped(batch, viewId);
    if (group === undefined || others.length > 0) throw new RangeError("a call for the resources of two sessions");
    return group[0];
  }

  // Every step there is, so that one which is new is not forgotten here.
  const steps: { readonly [K in keyof Required<ActionSteps>]: ActionSteps[K] | undefined } = {
    async look(ids) {
      const answers = await mapAtMost(
        BATCHES_AT_ONCE,
        grouped(ids, (id) => id),
        ([own, some]): Promise<LookAnswer> => own.look(some, ids.length - some.length),
      );
      const views = new Map(answers.flatMap(({ resources }) => resources.map((view) => [view.id, view] as const)));
      const missing = new Set(answers.flatMap((answer) => answer.missing));
      return {
        resources: ids.flatMap((id) => views.get(id) ?? []),
        missing: ids.filter((id) => missing.has(id)),
      };
    },

    batchesOf: (views) =>
      grouped(views, viewId).flatMap(([own, some]) => own.batchesOf?.(some) ?? chunksOf(action.batchSize, some)),

    dryRun: first.dryRun === undefined ? undefined : async (batch) => only(batch).dryRun?.(batch),

    act: (batch, giveUpAt) => only(batch).act(batch, giveUpAt),

    prepare: first.prepare && (async (view, giveUpAt, ports) => only([view]).prepare?.(view, giveUpAt, ports)),

    mayBePartial: (error) => first.mayBePartial(error),

    async read(views) {
      const answers = await mapAtMost(BATCHES_AT_ONCE, grouped(views, viewId), ([own, some]) => own.read(some));
      return new Map<string, ResourceState>(answers.flatMap((states) => [...states]));
    },

    leavesNoTrace: first.leavesNoTrace,

    findElsewhere: first.findElsewhere && (async (missing) => (await first.findElsewhere?.(missing)) ?? []),

    close() {
      for (const each of all) each.close();
    },
  };
  return steps as ActionSteps;
}
