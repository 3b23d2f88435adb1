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
  const instances = selectInstances(call, parameters, "TerminateInstances", ["Force", "SkipOsShutdown"]);
  const isProtected = (instance: Instance) => instance.disableApiTermination && instance.state !== "terminated";
  const heldZones = new Set(instances.filter(isProtected).map(({ availabilityZone }) => availabilityZone));
  const terminated = instances.filter(({ availabilityZone }) => !heldZones.has(availabilityZone));
  const changes = terminated.map((instance) => changeState(call, instance, TERMINATION));
  const held = instances.find(isProtected);
  if (held !== undefined) {
    throw new AwsFault(
      "OperationNotPermitted",
      `The instance '${held.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
    );
  }
  return { instancesSet: changes };
}

/** ec2:StopInstances, with Force and Hibernate: all of them or none. */
export function stopInstances(call: Call, parameters: QueryParameters) {
  const instances = selectInstances(call, parameters, "StopInstances", ["Force", "SkipOsShutdown", "Hibernate"]);
  const hibernates = readBoolean(parameters, "Hibernate") === true;
  for (const instance of instances) {
    // A choice: EC2 says so of one that was never running; of one that is started again the sandbox does not know better.
    if (instance.state === "pending") {
      throw new AwsFault(
        "IncorrectInstanceState",
        `Instance '${instance.id}' cannot be stopped as it has never reached the 'running' state.`,
      );
    }
    demandState(instance, ["running", "stopping", "stopped"], "stopped");
    if (instance.disableApiStop && instance.state !== "stopped") {
      throw new AwsFault(
        "OperationNotPermitted",
        `The instance '${instance.id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.`,
      );
    }
    if (hibernates && !instance.hibernationConfigured) {
      throw new AwsFault(
        "UnsupportedHibernationConfiguration",
        `The instance '${instance.id}' was not launched with hibernation configured.`,
      );
    }
  }
  return { instancesSet: instances.map((each) => changeState(call, each, hibernates ? HIBERNATION : STOP)) };
}

/** ec2:StartInstances: all of them or none; a running one is left as it is. */
export function startInstances(call: Call, parameters: QueryParameters) {
  const instances = selectInstances(call, parameters, "StartInstances", []);
  for (const instance of instances) demandState(instance, ["pending", "running", "stopped"], "started");
  const changes = instances.map((instance) => {
    const isStarting = instance.state === "stopped";
    const change = changeState(call, instance, START);
    if (isStarting) instance.launchedAtMs = Math.floor(call.nowMs / 1_000) * 1_000;
    return change;
  });
  return { instancesSet: changes };
}

/** ec2:RebootInstances: all of them or none; nothing of it shows in their states. */
export function rebootInstances(call: Call, parameters: QueryParameters) {
  const instances = selectInstances(call, parameters, "RebootInstances", []);
  for (const instance of instances) demandState(instance, ["pending", "running"], "rebooted");
  return { return: true };
}

/** Reads the ids and flags, asks the policies for each id, ends a dry run, and demands that all of them exist. */
function selectInstances(
  call: Call,
  parameters: QueryParameters,
  action: string,
  flags: readonly string[],
): Instance[] {
  const ids = readInstanceIds(parameters, true);
  for (const flag of ["DryRun", ...flags]) readBoolean(parameters, flag);
  settleInstances(call.principal.account, call.nowMs);
  for (const id of ids) authorizeInstance(call, action, id);
  // DryRun asks for permission only (AWS.md, EC2): ids that do not exist are not noticed.
  stopDryRun(parameters);
  return demandInstances(call, ids);
}

/** @throws AwsFault IncorrectInstanceState */
function demandState(instance: Instance, states: readonly InstanceStateName[], done: string): void {
  if (states.includes(instance.state)) return;
  throw new AwsFault(
    "IncorrectInstanceState",
    `This instance '${instance.id}' is not in a state from which it can be ${done}.`,
  );
}

interface StateChange {
  readonly via: InstanceStateName;
  readonly to: InstanceStateName;
  /** What DescribeInstances gives as the reason; undefined for a change that ends one. */
  readonly reason: { readonly code: string; readonly message: string } | undefined;
}

const SHUTDOWN = {
  code: "Client.UserInitiatedShutdown",
  message: "Client.UserInitiatedShutdown: User initiated shutdown",
};
const TERMINATION: StateChange = { via: "shutting-down", to: "terminated", reason: SHUTDOWN };
const STOP: StateChange = { via: "stopping", to: "stopped", reason: SHUTDOWN };
const HIBERNATION: StateChange = {
  via: "stopping",
  to: "stopped",
  reason: { code: "Client.UserInitiatedHibernate", message: "Client.UserInitiatedHibernate: User initiated hibernate" },
};
const START: StateChange = { via: "pending", to: "running", reason: undefined };

/** Starts a change that ends by itself; an instance that is there, or on its way, is left as it is. */
function changeState(call: Call, instance: Instance, { via, to, reason }: StateChange): XmlValue {
  const previous = instance.state;
  if (previous !== via && previous !== to) {
    instance.state = via;
    instance.nextState = { state: to, atMs: call.nowMs + STATE_CHANGE_MS };
    instance.stateReason = reason === undefined ? undefined : { ...reason, atMs: call.nowMs };
  }
  return {
    instanceId: instance.id,
    currentState: formatInstanceState(instance.state),
    previousState: formatInstanceState(previous),
  };
}
