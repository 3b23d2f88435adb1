import { AssumeMfaError } from "../../errors.ts";
import type {
  ActionScope,
  ActionSteps,
  DestructiveAction,
  Protection,
  ResourceState,
  ResourceView,
  Wording,
} from "../action.ts";
import { awsFailureOf, isDenial, isRefusedWith } from "../action-errors.ts";
import { mapAtMost } from "../at-most.ts";
import { unseenView } from "../unseen-view.ts";
import { checkInstanceIds } from "./instance-ids.ts";

/** CLI.md, "Destructive actions" 1. */
const MAX_PROTECTION_READS = 100;
const PROTECTION_READS_AT_ONCE = 10;

const WORDING: Wording = {
  verb: "terminate",
  done: "terminated",
  noun: "instance",
  nouns: "instances",
  protection: "termination protection",
};

/** `terminate <ids…>`: ec2:TerminateInstances, up to a thousand ids in one call. */
export const terminate: DestructiveAction = {
  name: "terminate",
  wording: WORDING,
  service: "ec2",
  batchSize: 1000,
  checkIds: checkInstanceIds,
  needs: (ids, home) => [
    // DescribeInstances knows no narrower resource (AWS service authorization reference, EC2).
    { actions: ["ec2:DescribeInstances"], resources: ["*"] },
    {
      actions: ["ec2:DescribeInstanceAttribute", "ec2:TerminateInstances"],
      resources: ids.map((id) => `arn:${home.partition}:ec2:${home.region}:${home.accountId}:instance/${id}`),
    },
  ],
  open: openTerminate,
};

async function openTerminate(scope: ActionScope, note: (text: string) => void): Promise<ActionSteps> {
  const [{ makeEc2 }, { findInstances }] = await Promise.all([
    import("./ec2-client.ts"),
    import("./find-instances.ts"),
  ]);
  const ec2 = makeEc2(scope);

  /** Adds each one's protection, as far as the role may read it. */
  async function withProtection(views: readonly ResourceView[]): Promise<readonly ResourceView[]> {
    const living = views.filter((view) => view.phase === "untouched");
    if (living.length > MAX_PROTECTION_READS) {
      note(`termination protection was not read: more than ${MAX_PROTECTION_READS} instances`);
      return views;
    }
    let denied = 0;
    const answers = await mapAtMost(PROTECTION_READS_AT_ONCE, living, async (view): Promise<Protection> => {
      try {
        return (await ec2.isTerminationProtected(view.id)) ? "protected" : "unprotected";
      } catch (error) {
        if (isDenial(error)) denied++;
        // Gone since it was described: what became of it is read again before the report.
        else if (!isRefusedWith(error, "InvalidInstanceID.NotFound")) throw error;
        return "unknown";
      }
    });
    if (denied > 0) {
      note("termination protection could not be read: the role may not do ec2:DescribeInstanceAttribute");
    }
    const protections = new Map(living.map((view, index) => [view.id, answers[index] ?? "unknown"]));
    return views.map((view) => ({ ...view, protection: protections.get(view.id) ?? view.protection }));
  }

  return {
    async look(ids) {
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
        return [
          {
            id,
            name: instance.name ?? undefined,
            type: instance.type ?? undefined,
            zone: instance.zone ?? undefined,
            ...stateOf(instance.state),
            createdAt: instance.launchedAt === null ? undefined : Date.parse(instance.launchedAt),
            protection: "unknown",
            pin: undefined,
            facts: [],
          },
        ];
      });
      // What stops on unknown ids anyway needs no more calls.
      return { resources: missing.length > 0 ? views : await withProtection(views), missing };
    },

    async dryRun(batch) {
      try {
        await ec2.tryTerminateInstances(batch.map(({ id }) => id));
        return undefined;
      } catch (error) {
        // Only what EC2 decided is an answer; that it could not be asked is an error.
        if (error instanceof AssumeMfaError && awsFailureOf(error)?.kind === "refused") return error;
        throw error;
      }
    },

    async act(batch) {
      const { states, requestId } = await ec2.terminateInstances(batch.map(({ id }) => id));
      return { states: new Map([...states].map(([id, state]) => [id, stateOf(state)])), requestId };
    },

    // Protection is decided per Availability Zone: the call fails, and zones without a protected one are gone (AWS.md, 4).
    mayBePartial: (error) => isRefusedWith(error, "OperationNotPermitted"),

    async read(views) {
      const ids = views.map(({ id }) => id);
      const found = await findInstances(ec2, ids);
      return new Map(
        ids.map((id): [string, ResourceState] => {
          const instance = found.get(id);
          return [id, instance === undefined ? { state: "gone", phase: "reached" } : stateOf(instance.state)];
        }),
      );
    },

    close: () => ec2.close(),
  };
}

function stateOf(state: string): ResourceState {
  if (state === "terminated") return { state, phase: "reached" };
  return { state, phase: state === "shutting-down" ? "under way" : "untouched" };
}
