import { AssumeMfaError } from "../../errors.ts";
import type {
  ActionScope,
  ActionSteps,
  DestructiveAction,
  IamNeed,
  Phase,
  Protection,
  ResourceHome,
  ResourceState,
  ResourceView,
  Wording,
} from "../action.ts";
import { awsFailureOf, isDenial, isRefusedWith } from "../action-errors.ts";
import { mapAtMost } from "../at-most.ts";
import { unseenView } from "../unseen-view.ts";
import type { InstanceCall, ProtectionAttribute } from "./ec2-client.ts";
import { checkInstanceIds } from "./instance-ids.ts";

/** CLI.md, "Destructive actions" 1. */
const MAX_PROTECTION_READS = 100;
const PROTECTION_READS_AT_ONCE = 10;

/** One reading may come from a part of EC2 that lags behind. */
const GIVEN_UP_READINGS = 2;

/**
 * What an action makes of an instance in this state. `impossible`: EC2 would refuse it, and nothing makes it possible
 * but a change of the state.
 */
export type Standing = Phase | "impossible";

/** All that is special about one action on EC2 instances. */
export interface InstanceActionPlan {
  readonly name: string;
  readonly wording: Wording;
  readonly call: InstanceCall;
  /** What `wording.protection` stands for; undefined where an instance can't be protected from this action. */
  readonly protectedBy: ProtectionAttribute | undefined;
  /**
   * By EC2's state, and `gone` for an instance that EC2 no longer has. What stands there not is `untouched`: whether it
   * can be done is then for EC2 to say.
   */
  readonly standings: Readonly<Record<string, Standing>>;
  /** States of being under way in which it is asked for all the same. */
  readonly askedAgainIn?: readonly string[];
  /** Where no state shows that it was done, EC2's reply is the end of it: what to say of it then. */
  readonly doneByReply?: string;
  /** Beside looking and the call itself. */
  readonly alsoNeeds?: (home: ResourceHome) => readonly IamNeed[];
  readonly usualSeconds: number;
  /** What to look at where it did not come about, though EC2 had taken it. */
  readonly failureHint?: string;
}

/** An action on EC2 instances: one DescribeInstances to look, one call for up to a thousand ids. */
export interface InstanceAction extends DestructiveAction {
  /** Whether there is anything to be done to an instance in this state. */
  readonly isFor: (state: string) => boolean;
}

/** Of an instance whose time is over: for all actions but the one that ends it. */
export const OVER: Readonly<Record<string, Standing>> = {
  "shutting-down": "impossible",
  terminated: "impossible",
  gone: "impossible",
};

export function makeInstanceAction(plan: InstanceActionPlan): InstanceAction {
  return {
    name: plan.name,
    wording: plan.wording,
    service: "ec2",
    batchSize: 1000,
    usualSeconds: plan.usualSeconds,
    checkIds: checkInstanceIds,
    needs: (ids, home) => [
      // DescribeInstances knows no narrower resource (AWS service authorization reference, EC2).
      { actions: ["ec2:DescribeInstances"], resources: ["*"] },
      {
        actions: [
          ...(plan.protectedBy === undefined ? [] : ["ec2:DescribeInstanceAttribute"]),
          `ec2:${plan.call.operation}`,
        ],
        resources: ids.map((id) => `arn:${home.partition}:ec2:${home.region}:${home.accountId}:instance/${id}`),
      },
      ...(plan.alsoNeeds?.(home) ?? []),
    ],
    isFor: (state) => isAskedFor(plan, state),
    open: (scope, note) => openSteps(plan, scope, note),
  };
}

async function openSteps(
  plan: InstanceActionPlan,
  scope: ActionScope,
  note: (text: string) => void,
): Promise<ActionSteps> {
  const [{ makeEc2 }, { findInstances }] = await Promise.all([
    import("./ec2-client.ts"),
    import("./find-instances.ts"),
  ]);
  const ec2 = makeEc2(scope);
  const { wording, call, protectedBy, doneByReply } = plan;
  const idsOf = (views: readonly ResourceView[]) => views.map(({ id }) => id);
  /** By id, how many readings in a row showed it untouched after one that showed it under way. */
  const readingsBack = new Map<string, number>();

  /** Adds each one's protection, as far as the role may read it. */
  async function withProtection(
    attribute: ProtectionAttribute,
    views: readonly ResourceView[],
    others: number,
  ): Promise<readonly ResourceView[]> {
    const living = views.filter(({ phase, obstacle }) => phase === "untouched" && obstacle === undefined);
    if (living.length + others > MAX_PROTECTION_READS) {
      note(`${wording.protection} was not read: more than ${MAX_PROTECTION_READS} instances`);
      return views;
    }
    let denied = 0;
    const answers = await mapAtMost(PROTECTION_READS_AT_ONCE, living, async (view): Promise<Protection> => {
      try {
        return (await ec2.isProtected(view.id, attribute)) ? "protected" : "unprotected";
      } catch (error) {
        if (isDenial(error)) denied++;
        // Gone since it was described: what became of it is read again before the report.
        else if (!isRefusedWith(error, "InvalidInstanceID.NotFound")) throw error;
        return "unknown";
      }
    });
    if (denied > 0) {
      note(`${wording.protection} could not be read: the role may not do ec2:DescribeInstanceAttribute`);
    }
    const protections = new Map(living.map((view, index) => [view.id, answers[index] ?? "unknown"]));
    return views.map((view) => ({ ...view, protection: protections.get(view.id) ?? view.protection }));
  }

  function stateSince(view: ResourceView, state: string): ResourceState {
    const standing = plan.standings[state] ?? "untouched";
    // No state says anything of what is done by the reply alone.
    if (doneByReply !== undefined) return { state, phase: "untouched" };
    if (standing === "impossible") return { state, phase: "untouched", failed: failure(plan, `is ${state}`) };
    // Seen before the call as well, it says nothing of it.
    const isAsBefore = state === view.state && plan.askedAgainIn?.includes(state) === true;
    return { state, phase: isAsBefore ? "untouched" : standing };
  }

  /** The same for what is read, which tells what EC2 took on and then gave up. */
  function stateRead(view: ResourceView, state: string): ResourceState {
    const seen = stateSince(view, state);
    if (seen.phase === "under way") readingsBack.set(view.id, 0);
    const readings = readingsBack.get(view.id);
    if (seen.phase !== "untouched" || seen.failed !== undefined || readings === undefined) return seen;
    readingsBack.set(view.id, readings + 1);
    if (readings + 1 < GIVEN_UP_READINGS) return seen;
    return { ...seen, failed: failure(plan, `went back to ${state}`) };
  }

  /** EC2's own reason to each that failed, where it gives one. */
  async function withReasons(states: Map<string, ResourceState>): Promise<ReadonlyMap<string, ResourceState>> {
    const failed = [...states].flatMap(([id, { state, failed: error }]) =>
      error === undefined || state === "gone" ? [] : [id],
    );
    if (failed.length === 0) return states;
    const reasons = await ec2.describeStateReasons(failed).catch((): ReadonlyMap<string, string> => new Map());
    for (const [id, reason] of reasons) {
      const seen = states.get(id);
      const message = `${seen?.failed?.message} (${reason})`;
      if (seen?.failed === undefined) continue;
      states.set(id, { ...seen, failed: new AssumeMfaError("WRONG_STATE", message, { hint: seen.failed.hints }) });
    }
    return states;
  }

  return {
    async look(ids, others = 0) {
      let found: Awaited<ReturnType<typeof findInstances>>;
      try {
        found = await findInstances(ec2, ids);
      } catch (error) {
        if (!isDenial(error)) throw error;
        note("cannot look at the instances: the role may not do ec2:DescribeInstances");
        return { resources: ids.map(unseenView), missing: [] };
      }
      const missing = ids.filter((id) => !found.has(id));
      const views = ids.flatMap((id): ResourceView[] => {
        const instance = found.get(id);
        if (instance === undefined) return [];
        const { state } = instance;
        const standing = plan.standings[state] ?? "untouched";
        return [
          {
            id,
            name: instance.name ?? undefined,
            type: instance.type ?? undefined,
            zone: instance.zone ?? undefined,
            state,
            phase: standing === "impossible" || isAskedFor(plan, state) ? "untouched" : standing,
            obstacle: standing === "impossible" ? `is ${state}` : undefined,
            createdAt: instance.launchedAt === null ? undefined : Date.parse(instance.launchedAt),
            protection: "unknown",
            pin: undefined,
            facts: [],
          },
        ];
      });
      // What stops on unknown ids anyway needs no more calls.
      if (missing.length > 0 || protectedBy === undefined) return { resources: views, missing };
      return { resources: await withProtection(protectedBy, views, others), missing };
    },

    async dryRun(batch) {
      try {
        await ec2.tryInstances(call, idsOf(batch));
        return undefined;
      } catch (error) {
        // Only what EC2 decided is an answer; that it could not be asked is an error.
        if (error instanceof AssumeMfaError && awsFailureOf(error)?.kind === "refused") return error;
        throw error;
      }
    },

    async act(batch) {
      const { states, requestId } = await ec2.changeInstances(call, idsOf(batch));
      const stateOf = (view: ResourceView): readonly [string, ResourceState][] => {
        if (doneByReply !== undefined) {
          return [[view.id, { state: view.state, phase: "reached", remark: doneByReply }]];
        }
        const state = states.get(view.id);
        return state === undefined ? [] : [[view.id, stateSince(view, state)]];
      };
      return { states: new Map(batch.flatMap(stateOf)), requestId };
    },

    // Protection is decided per Availability Zone: the call fails, and zones without a protected one are done (AWS.md, 4).
    mayBePartial: (error) => isRefusedWith(error, "OperationNotPermitted"),

    async read(views) {
      const found = await findInstances(ec2, idsOf(views));
      return withReasons(new Map(views.map((view) => [view.id, stateRead(view, found.get(view.id)?.state ?? "gone")])));
    },

    leavesNoTrace: doneByReply !== undefined,

    findElsewhere: async (missing) => (await import("./find-elsewhere.ts")).findElsewhere(scope, missing),

    close: () => ec2.close(),
  };
}

function isAskedFor({ standings, askedAgainIn }: InstanceActionPlan, state: string): boolean {
  return (standings[state] ?? "untouched") === "untouched" || askedAgainIn?.includes(state) === true;
}

function failure({ wording, failureHint }: InstanceActionPlan, what: string): AssumeMfaError {
  return new AssumeMfaError("WRONG_STATE", `it was not ${wording.done}: it ${what}`, { hint: failureHint });
}
