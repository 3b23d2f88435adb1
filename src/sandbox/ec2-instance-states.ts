import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { authorizeInstance, demandInstances, readBoolean, readInstanceIds, stopDryRun } from "./ec2-access.ts";
import { formatInstanceState } from "./ec2-describe-instances.ts";
import type { QueryParameters, XmlValue } from "./query-protocol.ts";
import { type Instance, type InstanceStateName, STATE_CHANGE_MS, settleInstances } from "./world.ts";

/**
 * ec2:TerminateInstances. Termination protection is decided per Availability Zone: with a protected instance among
 * them the call fails, and the instances of the zones that have none are terminated nevertheless (AWS.md, EC2).
 * Repeating it is no error.
 */
export function terminateInstances(call: Call, parameters: QueryParameters) {
  const instances = selectInstances(call, parameters, "TerminateInstances");
  const isProtected = (instance: Instance) => instance.disableApiTermination && instance.state !== "terminated";
  const heldZones = new Set(instances.filter(isProtected).map(({ availabilityZone }) => availabilityZone));
  const terminated = instances.filter(({ availabilityZone }) => !heldZones.has(availabilityZone));
  const changes = terminated.map((instance) =>
    changeState(call, instance, "shutting-down", "terminated", "Client.UserInitiatedShutdown"),
  );
  const held = instances.find(isProtected);
  if (held !== undefined) {
    throw new AwsFault(
      "OperationNotPermitted",
      `The instance '${held.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
    );
  }
  return { instancesSet: changes };
}

/** Reads the ids, asks the policies for each, ends a dry run, and demands that all of them exist. */
function selectInstances(call: Call, parameters: QueryParameters, action: string): Instance[] {
  const ids = readInstanceIds(parameters, true);
  readBoolean(parameters, "DryRun");
  settleInstances(call.principal.account, call.nowMs);
  for (const id of ids) authorizeInstance(call, action, id);
  // DryRun asks for permission only (AWS.md, EC2): ids that do not exist are not noticed.
  stopDryRun(parameters);
  return demandInstances(call, ids);
}

/** Starts a change that ends by itself; an instance that is on its way there already is left as it is. */
function changeState(
  call: Call,
  instance: Instance,
  via: InstanceStateName,
  to: InstanceStateName,
  reasonCode: string,
): XmlValue {
  const previous = instance.state;
  if (previous !== via && previous !== to) {
    instance.state = via;
    instance.nextState = { state: to, atMs: call.nowMs + STATE_CHANGE_MS };
    instance.stateReason = {
      code: reasonCode,
      message: `${reasonCode}: User initiated shutdown`,
      atMs: call.nowMs,
    };
  }
  return {
    instanceId: instance.id,
    currentState: formatInstanceState(instance.state),
    previousState: formatInstanceState(previous),
  };
}
