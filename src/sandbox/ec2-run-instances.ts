import { createHash } from "node:crypto";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { authorizeEc2, demandXmlText, instanceArn, readBoolean, stopDryRun } from "./ec2-access.ts";
import { formatInstance } from "./ec2-describe-instances.ts";
import { checkTags } from "./ec2-tags.ts";
import { makeResourceId } from "./identifiers.ts";
import { type QueryParameters, structuresOf } from "./query-protocol.ts";
import { type Instance, STATE_CHANGE_MS } from "./world.ts";

/** A choice: enough for a fleet, and few enough for one answer. */
const MAX_COUNT = 1_000;
const DEFAULT_TYPE = "t3.micro";
const ZONES = ["a", "b", "c"];
const ZONE_FIELD = "Placement.AvailabilityZone";

/** ec2:RunInstances. The image, the subnet and the key pair are taken for there: the sandbox has none of them. */
export function runInstances(call: Call, parameters: QueryParameters) {
  const imageId = demandField(parameters, "ImageId");
  if (!/^ami-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(imageId)) {
    throw new AwsFault("InvalidAMIID.Malformed", `Invalid id: "${imageId}" (expecting "ami-...")`);
  }
  const count = readCount(parameters);
  const availabilityZone = readZone(call, parameters);
  const instanceType = parameters.get("InstanceType") ?? DEFAULT_TYPE;
  if (!/^[a-z0-9-]{1,20}\.[a-z0-9-]{1,20}$/.test(instanceType)) {
    throw new AwsFault("InvalidParameterValue", `Invalid value '${instanceType}' for InstanceType.`);
  }
  const shutdownBehavior = parameters.get("InstanceInitiatedShutdownBehavior") ?? "stop";
  if (shutdownBehavior !== "stop" && shutdownBehavior !== "terminate") {
    throw new AwsFault(
      "InvalidParameterValue",
      `Value (${shutdownBehavior}) for parameter instanceInitiatedShutdownBehavior is invalid.`,
    );
  }
  for (const name of ["KeyName", "ClientToken", "SubnetId", "UserData"]) {
    demandXmlText(name, parameters.get(name) ?? "");
  }
  const tags = readInstanceTags(parameters);
  authorizeLaunch(call, imageId, instanceType, tags);
  stopDryRun(parameters);

  const { account } = call.principal;
  const clientToken = parameters.get("ClientToken") ?? "";
  const earlier = [...account.instances.values()].filter(
    (each) =>
      clientToken !== "" &&
      each.clientToken === clientToken &&
      each.region === call.region &&
      (!parameters.has(ZONE_FIELD) || each.availabilityZone === availabilityZone),
  );
  const launchDigest = digestLaunch(parameters);
  // Idempotent by the client's token, in a zone that is named and in the region else: the same answer, nothing new
  // (EC2 Developer Guide, "Ensuring idempotency").
  if (earlier.length > 0) {
    if (earlier.some((each) => each.launchDigest !== undefined && each.launchDigest !== launchDigest)) {
      throw new AwsFault(
        "IdempotentParameterMismatch",
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
      );
    }
    return formatReservation(account.id, earlier);
  }

  const subnetId = parameters.get("SubnetId") ?? makeResourceId("subnet");
  const template: Omit<Instance, "id" | "launchIndex" | "privateIpAddress" | "tags"> = {
    reservationId: makeResourceId("r"),
    region: call.region,
    availabilityZone,
    imageId,
    keyName: parameters.get("KeyName"),
    clientToken,
    launchDigest,
    subnetId,
    vpcId: makeResourceId("vpc"),
    securityGroups: [{ id: makeResourceId("sg"), name: "default" }],
    hibernationConfigured: readBoolean(parameters, "HibernationOptions.Configured") === true,
    instanceType,
    launchedAtMs: Math.floor(call.nowMs / 1_000) * 1_000,
    state: "pending",
    nextState: { state: "running", atMs: call.nowMs + STATE_CHANGE_MS },
    stateReason: undefined,
    disableApiTermination: readBoolean(parameters, "DisableApiTermination") === true,
    disableApiStop: readBoolean(parameters, "DisableApiStop") === true,
    shutdownBehavior,
    userData: parameters.get("UserData"),
  };
  const launched = Array.from({ length: count }, (_, launchIndex): Instance => {
    const address = account.instances.size + launchIndex + 4;
    return {
      ...template,
      id: makeResourceId("i"),
      launchIndex,
      privateIpAddress: `10.1.${Math.floor(address / 250) % 256}.${(address % 250) + 4}`,
      tags: new Map(tags),
    };
  });
  for (const instance of launched) account.instances.set(instance.id, instance);
  return formatReservation(account.id, launched);
}

/** Tells launches with other parameters apart; the zone is not among them. */
function digestLaunch(parameters: QueryParameters): string {
  const fields = [...parameters].filter(
    ([name]) => name !== ZONE_FIELD && name !== "DryRun" && !name.startsWith("X-Amz-"),
  );
  return createHash("sha256").update(JSON.stringify(fields.sort())).digest("hex");
}

function formatReservation(ownerId: string, instances: readonly Instance[]) {
  return {
    reservationId: instances[0]?.reservationId,
    ownerId,
    groupSet: [],
    instancesSet: instances.map(formatInstance),
  };
}

function demandField(parameters: QueryParameters, name: string): string {
  const value = parameters.get(name);
  if (value !== undefined && value !== "") return value;
  throw new AwsFault("MissingParameter", `The request must contain the parameter ${name}`);
}

function readCount(parameters: QueryParameters): number {
  const min = Number(demandField(parameters, "MinCount"));
  const max = Number(demandField(parameters, "MaxCount"));
  for (const count of [min, max]) {
    if (!Number.isInteger(count) || count < 1) {
      throw new AwsFault(
        "InvalidParameterValue",
        "Invalid value for instance count. Expecting a value greater than 0.",
      );
    }
  }
  if (min > max) {
    throw new AwsFault(
      "InvalidParameterValue",
      `Minimum count (${min}) must be less than or equal to maximum count (${max})`,
    );
  }
  if (min > MAX_COUNT) {
    throw new AwsFault("InstanceLimitExceeded", `You may not launch more than ${MAX_COUNT} instances in one request.`);
  }
  return Math.min(max, MAX_COUNT);
}

function readZone(call: Call, parameters: QueryParameters): string {
  const zone = parameters.get(ZONE_FIELD) ?? `${call.region}a`;
  if (!ZONES.includes(zone.slice(call.region.length)) || !zone.startsWith(call.region)) {
    throw new AwsFault("InvalidParameterValue", `Invalid availability zone: [${zone}]`);
  }
  return zone;
}

function readInstanceTags(parameters: QueryParameters): Map<string, string> {
  const tags = new Map<string, string>();
  for (const specification of structuresOf(parameters, "TagSpecification")) {
    if (specification.get("ResourceType") !== "instance") continue;
    for (const tag of structuresOf(specification, "Tag")) tags.set(tag.get("Key") ?? "", tag.get("Value") ?? "");
  }
  checkTags(tags);
  return tags;
}

function authorizeLaunch(call: Call, imageId: string, instanceType: string, tags: ReadonlyMap<string, string>): void {
  const context: Record<string, string | readonly string[]> = {
    "ec2:InstanceType": instanceType,
    "ec2:Region": call.region,
  };
  for (const [key, value] of tags) context[`aws:RequestTag/${key}`] = value;
  if (tags.size > 0) context["aws:TagKeys"] = [...tags.keys()];
  const image = `arn:aws:ec2:${call.region}::image/${imageId}`;
  for (const resource of [instanceArn(call, "*"), image]) {
    authorizeEc2(call, { action: "ec2:RunInstances", resource, context });
  }
  if (tags.size === 0) return;
  authorizeEc2(call, {
    action: "ec2:CreateTags",
    resource: instanceArn(call, "*"),
    context: { ...context, "ec2:CreateAction": "RunInstances" },
  });
}
