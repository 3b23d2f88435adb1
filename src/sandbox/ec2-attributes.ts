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
