import type { Command } from "commander";
import { LIST_REGIONS_NEEDS, listInAllRegions, type RegionInstances } from "../../actions/ec2/all-regions.ts";
import type { Instance } from "../../actions/ec2/instance.ts";
import {
  doubtOfComma,
  formatInstanceFilters,
  type InstanceFilter,
  parseInstanceFilters,
} from "../../actions/ec2/instance-filters.ts";
import { checkInstanceIds } from "../../actions/ec2/instance-ids.ts";
import { LIST_INSTANCES_NEEDS, listInstances } from "../../actions/ec2/instances.ts";
import { listOf } from "../../actions/not-found.ts";
import { AssumeMfaError } from "../../errors.ts";
import type { Style } from "../../outputs/style.ts";
import { shownName } from "../../text/shown-name.ts";
import { type ListingPlan, runListing } from "../listing.ts";
import { addFilterOption, addSessionOptions, addTo, type SessionOptions } from "../options.ts";
import { formatCount, formatSpan } from "../phrases.ts";
import { runOnTarget } from "../run-on-target.ts";
import type { Services } from "../services.ts";
import type { TargetOutcome, TargetRun } from "../target-run.ts";

interface InstancesOptions extends SessionOptions {
  readonly filter?: readonly string[];
  readonly state?: readonly string[];
  readonly allRegions?: boolean;
}

export function registerInstances(program: Command, services: Services, targetName: string): void {
  const command = program.command("instances").argument("[ids...]").description("list EC2 instances");
  addFilterOption(command)
    .option("--state <state>", "only those in this state: running, stopped, …; may be given again", addTo)
    .option("--all-regions", "in every region that is enabled for the account");
  addSessionOptions(command).action(async (words: readonly string[], options: InstancesOptions) => {
    const allRegions = options.allRegions === true;
    // The partition's default region knows the others.
    const demand = {
      needsRegion: !allRegions,
      mayBeSeveral: true,
      needs: { ids: () => [], needs: () => (allRegions ? LIST_REGIONS_NEEDS : LIST_INSTANCES_NEEDS) },
      check: () => void readWanted(words, options),
    };
    await runOnTarget(services, targetName, options, demand, async (run) => {
      const { ids, filters } = readWanted(words, options);
      const scope = await run.openScope();
      const style = run.screen.style;
      const now = run.services.serverClock.awsNow();
      if (allRegions) {
        const plan = planFor(
          now,
          style,
          true,
          noneIn(run, options, filters, `any region of account ${scope.accountId}`),
        );
        return listRegions(run, plan, ids, listInAllRegions(scope, withIds(ids, filters)));
      }
      const plan = planFor(now, style, false, noneIn(run, options, filters, scope.region.value));
      return runListing(run, plan, listInstances(scope, ids, filters));
    });
  });
}

interface Wanted {
  readonly ids: readonly string[];
  readonly filters: readonly InstanceFilter[];
}

/** @throws AssumeMfaError USAGE for what is malformed, before anything is asked or called */
function readWanted(words: readonly string[], { filter, state, allRegions }: InstancesOptions): Wanted {
  const ids = checkInstanceIds(words);
  const filters = parseInstanceFilters(filter ?? [], state);
  if (ids.length > 0 && filters.length > 0) {
    throw new AssumeMfaError("USAGE", "ids and a filter can't be given together", {
      hint: "give the ids, or --filter and --state",
    });
  }
  // EC2's limit for values holds for ids as well there.
  if (allRegions === true) parseInstanceFilters(ids.length > 0 ? [`Name=instance-id,Values=${ids.join(",")}`] : []);
  return { ids, filters };
}

function withIds(ids: readonly string[], filters: readonly InstanceFilter[]): readonly InstanceFilter[] {
  return ids.length === 0 ? filters : [{ name: "instance-id", values: ids }];
}

function noneIn(
  { target }: TargetRun,
  options: InstancesOptions,
  filters: readonly InstanceFilter[],
  place: string,
): readonly string[] {
  const where = `in ${shownName(target.name)}, ${place}`;
  if (filters.length === 0) return [`no instances ${where}`];
  return [
    `no instance matches ${formatInstanceFilters(filters)} ${where}`,
    doubtOfComma(options.filter ?? []) ?? [],
  ].flat();
}

async function listRegions(
  run: TargetRun,
  plan: ListingPlan<Instance>,
  ids: readonly string[],
  regions: AsyncIterable<RegionInstances>,
): Promise<TargetOutcome> {
  const seen: RegionInstances[] = [];
  async function* pages() {
    for await (const one of regions) {
      seen.push(one);
      if ("instances" in one) yield one.instances;
    }
  }
  const outcome = await runListing(run, plan, pages());
  const failed = seen.flatMap((one) => ("error" in one ? [one] : []));
  const [first] = failed;
  if (first !== undefined && failed.length === seen.length) throw first.error;
  const found = new Set(seen.flatMap((one) => ("instances" in one ? one.instances.map(({ id }) => id) : [])));
  const missing = ids.filter((id) => !found.has(id));
  if (missing.length > 0 && first === undefined) {
    throw new AssumeMfaError(
      "NOT_FOUND",
      `no ${missing.length === 1 ? "instance" : "instances"} ${listOf(missing)} in any region of account ${run.target.role.value.accountId}`,
      { hint: "check the id and the target", details: { missing, existing: [...found] } },
    );
  }
  return {
    ...outcome,
    regions: seen.map((one) => ("error" in one ? one : { region: one.region, result: one.instances })),
    failure:
      first === undefined
        ? undefined
        : new AssumeMfaError(
            "PARTIAL_FAILURE",
            `${failed.length} of ${formatCount(seen.length, "region")} could not be looked at: ${listOf(failed.map(({ region }) => region))}`,
            {
              hint: [first.error.message, ...first.error.hints],
              details: { regions: failed.map(({ region }) => region) },
            },
          ),
  };
}

/** @param now milliseconds since 1970 */
function planFor(now: number, style: Style, withRegion: boolean, none: readonly string[]): ListingPlan<Instance> {
  const paint = (text: string, state: string) => (state === "running" ? style.green(text) : style.dim(text));
  return {
    none,
    columns: [
      ...(withRegion ? [{ title: "region", shrink: false, usualWidth: 14 }] : []),
      { title: "id", shrink: false },
      { title: "name", minWidth: 20, usualWidth: 24 },
      { title: "state", shrink: false, usualWidth: 13, paint },
      { title: "type", shrink: false, optional: true, usualWidth: 12 },
      { title: "zone", shrink: false, usualWidth: 10 },
      { title: "age", align: "right", shrink: false, optional: true, usualWidth: 11 },
      { title: "private ip", shrink: false, optional: true, usualWidth: 15 },
    ],
    row: (one) => [
      ...(withRegion ? [one.region] : []),
      one.id,
      one.name ?? "",
      one.state,
      one.type ?? "",
      one.zone ?? "",
      one.launchedAt === null ? "" : formatSpan(now - Date.parse(one.launchedAt)),
      one.privateIp ?? "",
    ],
    textRow: (one) => [
      ...(withRegion ? [one.region] : []),
      one.id,
      one.name ?? undefined,
      one.state,
      one.type ?? undefined,
      one.zone ?? undefined,
      one.launchedAt ?? undefined,
      one.privateIp ?? undefined,
      one.publicIp ?? undefined,
    ],
  };
}
