import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { authorizeInstance, checkInstanceId, demandInstances, stopDryRun } from "./ec2-access.ts";
import { formatSecurityGroups } from "./ec2-describe-instances.ts";
import type { QueryParameters, XmlValue } from "./query-protocol.ts";
import { type Instance, settleInstances } from "./world.ts";

const value = (content: string | boolean | undefined): XmlValue => (content === undefined ? {} : { value: content });

/** How each attribute of an instance stands in the answer, by its name in the request. */
const ATTRIBUTES: Readonly<Record<string, (instance: Instance) => XmlValue>> = {
  instanceType: ({ instanceType }) => value(instanceType),
  kernel: () => value(undefined),
  ramdisk: () => value(undefined),
  userData: ({ userData }) => value(userData),
  disableApiTermination: ({ disableApiTermination }) => value(disableApiTermination),
  disableApiStop: ({ disableApiStop }) => value(disableApiStop),
  instanceInitiatedShutdownBehavior: ({ shutdownBehavior }) => value(shutdownBehavior),
  rootDeviceName: () => value("/dev/xvda"),
  blockDeviceMapping: () => [],
  productCodes: () => [],
  sourceDestCheck: () => value(true),
  groupSet: formatSecurityGroups,
  ebsOptimized: () => value(false),
  sriovNetSupport: () => value("simple"),
  enaSupport: () => value(true),
  enclaveOptions: () => ({ enabled: false }),
};

/** What ModifyInstanceAttribute changes, each by the attribute's name in lower camel case. */
const CHANGES: Readonly<Record<string, (instance: Instance, text: string) => void>> = {
  disableApiTermination: (instance, text) => {
    instance.disableApiTermination = parseFlag("disableApiTermination", text);
  },
  disableApiStop: (instance, text) => {
    instance.disableApiStop = parseFlag("disableApiStop", text);
  },
  instanceInitiatedShutdownBehavior: (instance, text) => {
    if (text !== "stop" && text !== "terminate") {
      throw new AwsFault(
        "InvalidParameterValue",
        `Value (${text}) for parameter instanceInitiatedShutdownBehavior is invalid.`,
      );
    }
    instance.shutdownBehavior = text;
  },
  instanceType: (instance, text) => {
    demandStopped(instance, "instanceType");
    instance.instanceType = text;
  },
  userData: (instance, text) => {
    demandStopped(instance, "userData");
    instance.userData = text;
  },
};

function parseFlag(attribute: string, text: string): boolean {
  const lower = text.toLowerCase();
  if (lower !== "true" && lower !== "false") {
    throw new AwsFault("InvalidParameterValue", `Value (${text}) for parameter ${attribute} is invalid.`);
  }
  return lower === "true";
}

function demandStopped(instance: Instance, attribute: string): void {
  if (instance.state === "stopped") return;
  throw new AwsFault(
    "IncorrectInstanceState",
    `The instance '${instance.id}' must be in the 'stopped' state to modify its '${attribute}' attribute.`,
  );
}

/** ec2:ModifyInstanceAttribute: one attribute of one instance, as `Attribute` and `Value` or as `DisableApiStop.Value`. */
export function modifyInstanceAttribute(call: Call, parameters: QueryParameters) {
  const instanceId = parameters.get("InstanceId");
  if (instanceId === undefined) {
    throw new AwsFault("MissingParameter", "The request must contain the parameter instanceId");
  }
  checkInstanceId(instanceId);
  const named = Object.keys(CHANGES).flatMap((attribute) => {
    const text = parameters.get(`${attribute.charAt(0).toUpperCase()}${attribute.slice(1)}.Value`);
    return text === undefined ? [] : [[attribute, text] as const];
  });
  const attribute = parameters.get("Attribute");
  if (attribute !== undefined) named.push([attribute, parameters.get("Value") ?? ""]);
  const [first, ...more] = named;
  if (first === undefined) throw new AwsFault("InvalidParameterCombination", "No attributes specified.");
  if (more.length > 0) {
    throw new AwsFault("InvalidParameterCombination", "Fields for multiple attribute types specified");
  }
  const change = Object.hasOwn(CHANGES, first[0]) ? CHANGES[first[0]] : undefined;
  if (change === undefined) {
    throw new AwsFault(
      "InvalidParameterValue",
      `Value (${first[0]}) for parameter attribute is invalid. Unknown attribute.`,
    );
  }
  settleInstances(call.principal.account, call.nowMs);
  authorizeInstance(call, "ModifyInstanceAttribute", instanceId);
  stopDryRun(parameters);
  for (const instance of demandInstances(call, [instanceId])) change(instance, first[1]);
  return { return: true };
}

/** ec2:DescribeInstanceAttribute: one attribute of one instance. */
export function describeInstanceAttribute(call: Call, parameters: QueryParameters) {
  const instanceId = parameters.get("InstanceId");
  if (instanceId === undefined) {
    throw new AwsFault("MissingParameter", "The request must contain the parameter instanceId");
  }
  checkInstanceId(instanceId);
  const attribute = parameters.get("Attribute");
  if (attribute === undefined) {
    throw new AwsFault("MissingParameter", "The request must contain the parameter attribute");
  }
  const format = Object.hasOwn(ATTRIBUTES, attribute) ? ATTRIBUTES[attribute] : undefined;
  if (format === undefined) {
    throw new AwsFault(
      "InvalidParameterValue",
      `Value (${attribute}) for parameter attribute is invalid. Unknown attribute.`,
    );
  }
  settleInstances(call.principal.account, call.nowMs);
  authorizeInstance(call, "DescribeInstanceAttribute", instanceId);
  stopDryRun(parameters);
  const [instance] = demandInstances(call, [instanceId]);
  if (instance === undefined) throw new Error("a demanded instance is missing");
  return { instanceId, [attribute]: format(instance) };
}
