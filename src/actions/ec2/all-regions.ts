import { AssumeMfaError } from "../../errors.ts";
import type { ActionScope, IamNeed } from "../action.ts";
import { makeSlots } from "../at-most.ts";
import { inRegion, isRegionName } from "../in-region.ts";
import type { Instance } from "./instance.ts";
import type { InstanceFilter } from "./instance-filters.ts";
import { listInstances } from "./instances.ts";

/** Neither knows a narrower resource. */
export const LIST_REGIONS_NEEDS: readonly IamNeed[] = [
  { actions: ["ec2:DescribeInstances", "ec2:DescribeRegions"], resources: ["*"] },
];

/** Regions that are asked at once. */
const REGIONS_AT_ONCE = 10;

/** What one region has, or why that is not known: it is closed to the account, or to the role. */
export type RegionInstances = { readonly region: string } & (
  | { readonly instances: readonly Instance[] }
  | { readonly error: AssumeMfaError }
);

/**
 * The account's instances in all regions that are enabled for it, region by region in the order of their names.
 * @param scope its region is the one that is asked for the others
 * @throws AssumeMfaError where the role may not do ec2:DescribeRegions; what fails in one region does not throw
 */
export async function* listInAllRegions(
  scope: ActionScope,
  filters: readonly InstanceFilter[],
): AsyncGenerator<RegionInstances, void, void> {
  const slots = makeSlots(REGIONS_AT_ONCE);
  const answers = (await enabledRegions(scope)).map((region) =>
    slots.run(() => listRegion(inRegion(scope, region), filters)),
  );
  for (const answer of answers) {
    const one = await answer;
    if ("thrown" in one) throw one.thrown;
    yield one;
  }
}

async function enabledRegions(scope: ActionScope): Promise<readonly string[]> {
  const { makeEc2 } = await import("./ec2-client.ts");
  const ec2 = makeEc2(scope);
  try {
    return [...new Set((await ec2.describeRegions()).filter(isRegionName))].sort();
  } finally {
    ec2.close();
  }
}

/** Never rejects: nobody may be waiting for it yet. */
async function listRegion(
  scope: ActionScope,
  filters: readonly InstanceFilter[],
): Promise<RegionInstances | { readonly thrown: unknown }> {
  const region = scope.region.value;
  try {
    const instances: Instance[] = [];
    for await (const page of listInstances(scope, [], filters)) instances.push(...page);
    return { region, instances };
  } catch (error) {
    return error instanceof AssumeMfaError ? { region, error } : { thrown: error };
  }
}
