import { type Access, decideAccess, encodeFailureMessage, formatDenial, formatDenialReason } from "./access.ts";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { isXmlText, listOf, type QueryParameters } from "./query-protocol.ts";
import type { Instance } from "./world.ts";

/**
 * Demands that the caller's policies allow it.
 * @throws AwsFault UnauthorizedOperation. Calls that change something carry the encoded message (AWS.md, EC2).
 */
export function authorizeEc2(call: Call, access: Access): void {
  const decision = decideAccess(call, access);
  if (decision.verdict === "allowed") return;
  let message = `You are not authorized to perform this operation. ${formatDenial(call, access)}`;
  message += formatDenialReason(decision, access.action);
  const isRead = access.action.startsWith("ec2:Describe");
  if (!isRead) message += `. Encoded authorization failure message: ${encodeFailureMessage(call, access, decision)}`;
  throw new AwsFault("UnauthorizedOperation", message, 403);
}

/** An action on one instance, with the condition keys of that resource. Unknown instances have none. */
export function authorizeInstance(call: Call, action: string, instanceId: string): void {
  const { account } = call.principal;
  const instance = findInstance(call, instanceId);
  authorizeEc2(call, {
    action: `ec2:${action}`,
    resource: instanceArn(call, instanceId),
    context: {
      "ec2:Region": call.region,
      "aws:ResourceAccount": account.id,
      ...(instance === undefined ? {} : instanceKeys(instance, account.id)),
    },
  });
}

/** Condition keys that an instance gives a call on it (Service Authorization Reference, EC2). */
export function instanceKeys(instance: Instance, accountId: string): Record<string, string> {
  const region = instance.region;
  const keys: Record<string, string> = {
    "ec2:InstanceID": instance.id,
    "ec2:InstanceType": instance.instanceType,
    "ec2:AvailabilityZone": instance.availabilityZone,
    "ec2:Owner": accountId,
    "ec2:Tenancy": "default",
    "ec2:RootDeviceType": "ebs",
    "ec2:Vpc": `arn:aws:ec2:${region}:${accountId}:vpc/${instance.vpcId}`,
  };
  for (const [key, value] of instance.tags) {
    keys[`ec2:ResourceTag/${key}`] = value;
    keys[`aws:ResourceTag/${key}`] = value;
  }
  return keys;
}

/** In the region of the call. */
export function instanceArn(call: Call, instanceId: string): string {
  return `arn:aws:ec2:${call.region}:${call.principal.account.id}:instance/${instanceId}`;
}

/** @returns undefined for an id that this account has not in this region */
export function findInstance(call: Call, instanceId: string): Instance | undefined {
  const instance = call.principal.account.instances.get(instanceId);
  return instance?.region === call.region ? instance : undefined;
}

const INSTANCE_ID = /^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/;
/** EC2 takes up to 1,000 ids in one call (API reference, TerminateInstances). */
const MAX_IDS = 1_000;

/** @throws AwsFault MissingParameter, InvalidInstanceID.Malformed */
export function readInstanceIds(parameters: QueryParameters, isRequired: boolean): string[] {
  const ids = listOf(parameters, "InstanceId");
  if (ids.length === 0 && isRequired) {
    throw new AwsFault("MissingParameter", "The request must contain the parameter InstanceId");
  }
  if (ids.length > MAX_IDS) {
    throw new AwsFault(
      "InvalidParameterValue",
      `You may not specify more than ${MAX_IDS} instance ids in one request.`,
    );
  }
  for (const id of ids) checkInstanceId(id);
  return [...new Set(ids)];
}

/** @throws AwsFault InvalidInstanceID.Malformed */
export function checkInstanceId(id: string): void {
  if (!INSTANCE_ID.test(id)) throw new AwsFault("InvalidInstanceID.Malformed", `Invalid id: "${id}"`);
}

/** One unknown id fails the whole call (AWS.md, EC2). @throws AwsFault InvalidInstanceID.NotFound */
export function demandInstances(call: Call, ids: readonly string[]): Instance[] {
  const unknown = ids.filter((id) => findInstance(call, id) === undefined);
  if (unknown.length === 1) {
    throw new AwsFault("InvalidInstanceID.NotFound", `The instance ID '${unknown[0]}' does not exist`);
  }
  if (unknown.length > 1) {
    throw new AwsFault("InvalidInstanceID.NotFound", `The instance IDs '${unknown.join(", ")}' do not exist`);
  }
  return ids.flatMap((id) => findInstance(call, id) ?? []);
}

/** Ends a call that was only asked whether it would be permitted (AWS.md, EC2: DryRun). @throws AwsFault */
export function stopDryRun(parameters: QueryParameters): void {
  if (readBoolean(parameters, "DryRun")) {
    throw new AwsFault("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
  }
}

/** EC2 stores nothing that its answers can't give back. @throws AwsFault InvalidParameterValue */
export function demandXmlText(name: string, text: string): void {
  if (!isXmlText(text)) {
    throw new AwsFault("InvalidParameterValue", `Value (${text}) for parameter ${name} is invalid.`);
  }
}

/** @returns undefined when the field is absent. @throws AwsFault InvalidParameterValue */
export function readBoolean(parameters: QueryParameters, name: string): boolean | undefined {
  const text = parameters.get(name);
  if (text === undefined) return undefined;
  const lower = text.toLowerCase();
  if (lower === "true" || lower === "false") return lower === "true";
  throw new AwsFault("InvalidParameterValue", `Invalid value '${text}' for ${name}. Expecting a boolean.`);
}
