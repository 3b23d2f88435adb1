import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { authorizeEc2, demandInstances, readInstanceIds, stopDryRun } from "./ec2-access.ts";
import { type FilterValues, readFilters } from "./ec2-filters.ts";
import { openPageMarker, sealPageMarker } from "./page-marker.ts";
import type { QueryParameters, XmlValue } from "./query-protocol.ts";
import { type Instance, type InstanceStateName, settleInstances } from "./world.ts";

const STATE_CODES: Readonly<Record<InstanceStateName, number>> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

const MIN_PAGE = 5;
const MAX_PAGE = 1_000;
const PAGE_PURPOSE = "ec2-describe-instances";

/** The state with its code (API reference, InstanceState); the high byte of the code is AWS's own and 0 here. */
export function formatInstanceState(state: InstanceStateName): { code: number; name: InstanceStateName } {
  return { code: STATE_CODES[state], name: state };
}

/** ec2:DescribeInstances, with ids, or with filters and pages. */
export function describeInstances(call: Call, parameters: QueryParameters) {
  const ids = readInstanceIds(parameters, false);
  const pageSize = readPageSize(parameters, ids.length > 0);
  const matches = readFilters(parameters, instanceFilterValues);
  authorizeEc2(call, { action: "ec2:DescribeInstances", resource: "*" });
  stopDryRun(parameters);

  const { account } = call.principal;
  settleInstances(account, call.nowMs);
  const candidates = ids.length > 0 ? demandInstances(call, ids) : [...account.instances.values()];
  const found = candidates.filter((instance) => instance.region === call.region && matches(instance, account.id));
  // A choice: without MaxResults an answer still has a thousand instances at most, so that a large world stays cheap.
  const start = readPageStart(call, parameters, found);
  const page = ids.length > 0 ? found : found.slice(start, start + pageSize);
  const last = page.at(-1);
  const hasMore = ids.length === 0 && start + page.length < found.length;
  return {
    reservationSet: formatReservations(page, account.id),
    nextToken: hasMore && last !== undefined ? sealPageMarker(call, PAGE_PURPOSE, last.id) : undefined,
  };
}

function readPageSize(parameters: QueryParameters, hasIds: boolean): number {
  const text = parameters.get("MaxResults");
  if (text === undefined) return MAX_PAGE;
  if (hasIds) {
    throw new AwsFault(
      "InvalidParameterCombination",
      "The parameter instancesSet cannot be used with the parameter maxResults",
    );
  }
  const size = Number(text);
  if (!Number.isInteger(size) || size < MIN_PAGE) {
    throw new AwsFault(
      "InvalidParameterValue",
      `Value ( ${text} ) for parameter maxResults is invalid. Expecting a value greater than ${MIN_PAGE}.`,
    );
  }
  return Math.min(size, MAX_PAGE);
}

function readPageStart(call: Call, parameters: QueryParameters, found: readonly Instance[]): number {
  const token = parameters.get("NextToken");
  if (token === undefined || token === "") return 0;
  const lastId = openPageMarker(call, PAGE_PURPOSE, token);
  if (lastId === undefined) throw new AwsFault("InvalidParameterValue", "Unable to parse pagination token");
  return found.findIndex(({ id }) => id === lastId) + 1;
}

function formatReservations(instances: readonly Instance[], ownerId: string): XmlValue {
  const reservations = new Map<string, Instance[]>();
  for (const instance of instances) {
    const group = reservations.get(instance.reservationId);
    if (group === undefined) reservations.set(instance.reservationId, [instance]);
    else group.push(instance);
  }
  return [...reservations].map(([reservationId, group]) => ({
    reservationId,
    ownerId,
    groupSet: [],
    instancesSet: group.map(formatInstance),
  }));
}

/** One instance as DescribeInstances and RunInstances show it; of a terminated one its addresses are gone. */
export function formatInstance(instance: Instance): XmlValue {
  const isGone = instance.state === "terminated";
  const { stateReason } = instance;
  const launchTime = new Date(instance.launchedAtMs).toISOString();
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: formatInstanceState(instance.state),
    privateDnsName: isGone ? "" : privateDnsName(instance),
    dnsName: "",
    reason:
      stateReason === undefined || instance.state === "running"
        ? ""
        : `User initiated (${new Date(stateReason.atMs)
            .toISOString()
            .replace("T", " ")
            .replace(/\.\d{3}Z$/, " GMT")})`,
    keyName: instance.keyName,
    amiLaunchIndex: instance.launchIndex,
    productCodes: [],
    instanceType: instance.instanceType,
    launchTime,
    placement: { availabilityZone: instance.availabilityZone, groupName: "", tenancy: "default" },
    monitoring: { state: "disabled" },
    subnetId: isGone ? undefined : instance.subnetId,
    vpcId: isGone ? undefined : instance.vpcId,
    privateIpAddress: isGone ? undefined : instance.privateIpAddress,
    sourceDestCheck: true,
    groupSet: isGone ? [] : formatSecurityGroups(instance),
    stateReason:
      stateReason === undefined || instance.state === "running"
        ? undefined
        : { code: stateReason.code, message: stateReason.message },
    architecture: "x86_64",
    rootDeviceType: "ebs",
    rootDeviceName: "/dev/xvda",
    blockDeviceMapping: [],
    virtualizationType: "hvm",
    clientToken: instance.clientToken,
    tagSet: [...instance.tags].map(([key, value]) => ({ key, value })),
    hypervisor: "xen",
    networkInterfaceSet: [],
    ebsOptimized: false,
    enaSupport: true,
    cpuOptions: { coreCount: 1, threadsPerCore: 2 },
    capacityReservationSpecification: { capacityReservationPreference: "open" },
    hibernationOptions: { configured: instance.hibernationConfigured },
    enclaveOptions: { enabled: false },
    metadataOptions: { state: "applied", httpTokens: "required", httpPutResponseHopLimit: 2, httpEndpoint: "enabled" },
    platformDetails: "Linux/UNIX",
    usageOperation: "RunInstances",
    usageOperationUpdateTime: launchTime,
  };
}

export function formatSecurityGroups(instance: Instance): XmlValue {
  return instance.securityGroups.map(({ id, name }) => ({ groupId: id, groupName: name }));
}

function privateDnsName(instance: Instance): string {
  const domain = instance.region === "us-east-1" ? "ec2.internal" : `${instance.region}.compute.internal`;
  return `ip-${instance.privateIpAddress.replaceAll(".", "-")}.${domain}`;
}

/** The filters of DescribeInstances that say anything about a sandbox's instance. */
const instanceFilterValues: FilterValues<Instance> = {
  "instance-id": ({ id }) => [id],
  "instance-state-name": ({ state }) => [state],
  "instance-state-code": ({ state }) => [String(STATE_CODES[state])],
  "instance-type": ({ instanceType }) => [instanceType],
  "availability-zone": ({ availabilityZone }) => [availabilityZone],
  "image-id": ({ imageId }) => [imageId],
  "private-ip-address": ({ privateIpAddress }) => [privateIpAddress],
  "ip-address": () => [],
  "dns-name": () => [],
  "private-dns-name": (instance) => [privateDnsName(instance)],
  "vpc-id": ({ vpcId }) => [vpcId],
  "subnet-id": ({ subnetId }) => [subnetId],
  "reservation-id": ({ reservationId }) => [reservationId],
  "owner-id": (_instance, accountId) => [accountId],
  "client-token": ({ clientToken }) => [clientToken],
  "key-name": ({ keyName }) => (keyName === undefined ? [] : [keyName]),
  "launch-time": ({ launchedAtMs }) => [new Date(launchedAtMs).toISOString()],
  "instance.group-id": ({ securityGroups }) => securityGroups.map(({ id }) => id),
  "instance.group-name": ({ securityGroups }) => securityGroups.map(({ name }) => name),
  "state-reason-code": ({ stateReason }) => (stateReason === undefined ? [] : [stateReason.code]),
  architecture: () => ["x86_64"],
  hypervisor: () => ["xen"],
  "virtualization-type": () => ["hvm"],
  "root-device-type": () => ["ebs"],
  "root-device-name": () => ["/dev/xvda"],
  tenancy: () => ["default"],
  "placement-group-name": () => [],
  "launch-index": ({ launchIndex }) => [String(launchIndex)],
  "instance-lifecycle": () => [],
  "source-dest-check": () => ["true"],
  "metadata-options.state": () => ["applied"],
  "metadata-options.http-tokens": () => ["required"],
  "metadata-options.http-endpoint": () => ["enabled"],
  "monitoring-state": () => ["disabled"],
  "platform-details": () => ["Linux/UNIX"],
  "hibernation-options.configured": ({ hibernationConfigured }) => [String(hibernationConfigured)],
  "tag-key": ({ tags }) => [...tags.keys()],
  "tag-value": ({ tags }) => [...tags.values()],
};
