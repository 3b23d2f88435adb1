import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { authorizeEc2, readBoolean, stopDryRun } from "./ec2-access.ts";
import { type FilterValues, readFilters } from "./ec2-filters.ts";
import { listOf, type QueryParameters } from "./query-protocol.ts";
import { DEFAULT_REGIONS, OPT_IN_REGIONS } from "./regions.ts";

const NO_TAGS: ReadonlyMap<string, string> = new Map();

/** ec2:DescribeRegions: those that the account has, or with AllRegions all of them. */
export function describeRegions(call: Call, parameters: QueryParameters) {
  const regions = [
    ...DEFAULT_REGIONS.map((name) => ({ name, optInStatus: "opt-in-not-required", tags: NO_TAGS })),
    ...OPT_IN_REGIONS.map((name) => ({ name, optInStatus: "not-opted-in", tags: NO_TAGS })),
  ];
  const known: FilterValues<(typeof regions)[number]> = {
    "region-name": ({ name }) => [name],
    endpoint: ({ name }) => [endpointOf(name)],
    "opt-in-status": ({ optInStatus }) => [optInStatus],
  };
  const matches = readFilters(parameters, known);
  const names = listOf(parameters, "RegionName");
  const all = readBoolean(parameters, "AllRegions") === true;
  authorizeEc2(call, { action: "ec2:DescribeRegions", resource: "*" });
  stopDryRun(parameters);
  const unknown = names.find((name) => !regions.some((region) => region.name === name));
  if (unknown !== undefined) throw new AwsFault("InvalidParameterValue", `Invalid region names: [${unknown}]`);
  const { id } = call.principal.account;
  return {
    regionInfo: regions
      .filter(({ optInStatus }) => all || optInStatus === "opt-in-not-required")
      .filter((region) => (names.length === 0 || names.includes(region.name)) && matches(region, id))
      .map(({ name, optInStatus }) => ({ regionName: name, regionEndpoint: endpointOf(name), optInStatus })),
  };
}

function endpointOf(region: string): string {
  return `ec2.${region}.amazonaws.com`;
}

/** ec2:DescribeAvailabilityZones: three in each region. */
export function describeAvailabilityZones(call: Call, parameters: QueryParameters) {
  authorizeEc2(call, { action: "ec2:DescribeAvailabilityZones", resource: "*" });
  stopDryRun(parameters);
  const { region } = call;
  const names = listOf(parameters, "ZoneName");
  const zones = ["a", "b", "c"].map((letter, index) => ({
    zoneName: region + letter,
    // us-east-1 is use1, ap-northeast-1 apne1.
    zoneId: `${region.replace(/north|south|east|west|central/g, (word) => word.charAt(0)).replaceAll("-", "")}-az${index + 1}`,
  }));
  const unknown = names.find((name) => !zones.some(({ zoneName }) => zoneName === name));
  if (unknown !== undefined) throw new AwsFault("InvalidParameterValue", `Invalid availability zone: [${unknown}]`);
  return {
    availabilityZoneInfo: zones
      .filter(({ zoneName }) => names.length === 0 || names.includes(zoneName))
      .map(({ zoneName, zoneId }) => ({
        optInStatus: "opt-in-not-required",
        messageSet: [],
        regionName: region,
        zoneName,
        zoneId,
        groupName: region,
        networkBorderGroup: region,
        zoneType: "availability-zone",
        zoneState: "available",
      })),
  };
}
