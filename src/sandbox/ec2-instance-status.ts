import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { authorizeEc2, demandInstances, readBoolean, readInstanceIds, stopDryRun } from "./ec2-access.ts";
import { formatInstanceState } from "./ec2-describe-instances.ts";
import { type FilterValues, readFilters } from "./ec2-filters.ts";
import { openPageMarker, sealPageMarker } from "./page-marker.ts";
import type { QueryParameters } from "./query-protocol.ts";
import { type Instance, settleInstances } from "./world.ts";

const MAX_PAGE = 1_000;
const PAGE_PURPOSE = "ec2-describe-instance-status";

/** ec2:DescribeInstanceStatus: the running ones, or all with IncludeAllInstances. What runs is well. */
export function describeInstanceStatus(call: Call, parameters: QueryParameters) {
  const ids = readInstanceIds(parameters, false);
  const includesAll = readBoolean(parameters, "IncludeAllInstances") === true;
  const matches = readFilters(parameters, FILTERS);
  authorizeEc2(call, { action: "ec2:DescribeInstanceStatus", resource: "*" });
  stopDryRun(parameters);
  const { account } = call.principal;
  settleInstances(account, call.nowMs);
  const candidates = ids.length > 0 ? demandInstances(call, ids) : [...account.instances.values()];
  const found = candidates.filter(
    (instance) =>
      instance.region === call.region && (includesAll || instance.state === "running") && matches(instance, account.id),
  );
  const size = Math.min(Number(parameters.get("MaxResults") ?? MAX_PAGE) || MAX_PAGE, MAX_PAGE);
  const token = parameters.get("NextToken");
  const lastId = token === undefined ? undefined : openPageMarker(call, PAGE_PURPOSE, token);
  if (token !== undefined && lastId === undefined) {
    throw new AwsFault("InvalidParameterValue", "Unable to parse pagination token");
  }
  const start = lastId === undefined ? 0 : found.findIndex(({ id }) => id === lastId) + 1;
  const page = found.slice(start, start + size);
  const last = page.at(-1);
  const hasMore = start + page.length < found.length && last !== undefined;
  return {
    instanceStatusSet: page.map((instance) => ({
      instanceId: instance.id,
      availabilityZone: instance.availabilityZone,
      instanceState: formatInstanceState(instance.state),
      systemStatus: formatStatus(instance),
      instanceStatus: formatStatus(instance),
    })),
    nextToken: hasMore ? sealPageMarker(call, PAGE_PURPOSE, last.id) : undefined,
  };
}

const FILTERS: FilterValues<Instance> = {
  "instance-state-name": ({ state }) => [state],
  "instance-state-code": ({ state }) => [String(formatInstanceState(state).code)],
  "availability-zone": ({ availabilityZone }) => [availabilityZone],
};

function formatStatus({ state }: Instance) {
  if (state !== "running") return { status: "not-applicable" };
  return { status: "ok", details: [{ name: "reachability", status: "passed" }] };
}
