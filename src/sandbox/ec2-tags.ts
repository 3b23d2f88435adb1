import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { authorizeEc2, demandXmlText, findInstance, instanceArn, instanceKeys, stopDryRun } from "./ec2-access.ts";
import { type FilterValues, readFilters } from "./ec2-filters.ts";
import { listOf, type QueryParameters, structuresOf } from "./query-protocol.ts";
import { type Instance, settleInstances } from "./world.ts";

const MAX_TAGS = 50;
const MAX_KEY_LENGTH = 128;
const MAX_VALUE_LENGTH = 256;

/** @throws AwsFault when EC2 would not store these tags (EC2 User Guide, "Tag restrictions") */
export function checkTags(tags: ReadonlyMap<string, string>): void {
  if (tags.size > MAX_TAGS)
    throw new AwsFault("TagLimitExceeded", "You have reached the maximum number of tags allowed");
  for (const [key, value] of tags) {
    if (key === "" || key.length > MAX_KEY_LENGTH) {
      throw new AwsFault("InvalidParameterValue", "Tag key exceeds the maximum length of 128 characters or is empty");
    }
    if (key.toLowerCase().startsWith("aws:")) {
      throw new AwsFault("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use");
    }
    if (value.length > MAX_VALUE_LENGTH) {
      throw new AwsFault("InvalidParameterValue", "Tag value exceeds the maximum length of 256 characters");
    }
    demandXmlText("Tag key", key);
    demandXmlText("Tag value", value);
  }
}

/** ec2:CreateTags, for instances. */
export function createTags(call: Call, parameters: QueryParameters) {
  const tags = new Map(structuresOf(parameters, "Tag").map((tag) => [tag.get("Key") ?? "", tag.get("Value") ?? ""]));
  if (tags.size === 0) throw new AwsFault("MissingParameter", "The request must contain the parameter Tag");
  checkTags(tags);
  const instances = selectResources(call, parameters, "CreateTags", tags);
  for (const instance of instances) checkTags(new Map([...instance.tags, ...tags]));
  for (const instance of instances) for (const [key, value] of tags) instance.tags.set(key, value);
  return { return: true };
}

/** ec2:DeleteTags, for instances. A tag whose value is given is deleted only if it has that value. */
export function deleteTags(call: Call, parameters: QueryParameters) {
  const wanted = structuresOf(parameters, "Tag");
  const keys = new Map(wanted.map((tag) => [tag.get("Key") ?? "", tag.get("Value") ?? ""]));
  for (const instance of selectResources(call, parameters, "DeleteTags", keys)) {
    for (const tag of wanted) {
      const key = tag.get("Key") ?? "";
      const value = tag.get("Value");
      if (value === undefined || instance.tags.get(key) === value) instance.tags.delete(key);
    }
  }
  return { return: true };
}

/** ec2:DescribeTags, of instances. */
export function describeTags(call: Call, parameters: QueryParameters) {
  const known: FilterValues<TagEntry> = {
    key: ({ key }) => [key],
    value: ({ value }) => [value],
    "resource-id": ({ instance }) => [instance.id],
    "resource-type": () => ["instance"],
  };
  const matches = readFilters(parameters, known);
  authorizeEc2(call, { action: "ec2:DescribeTags", resource: "*" });
  stopDryRun(parameters);
  const { account } = call.principal;
  settleInstances(account, call.nowMs);
  const entries = [...account.instances.values()]
    .filter(({ region }) => region === call.region)
    .flatMap((instance) => [...instance.tags].map(([key, value]) => ({ instance, key, value, tags: instance.tags })));
  return {
    tagSet: entries
      .filter((entry) => matches(entry, account.id))
      .map(({ instance, key, value }) => ({ resourceId: instance.id, resourceType: "instance", key, value })),
  };
}

interface TagEntry {
  readonly instance: Instance;
  readonly key: string;
  readonly value: string;
  readonly tags: ReadonlyMap<string, string>;
}

/** The instances that `ResourceId.n` names, after the caller was found allowed to tag each. */
function selectResources(
  call: Call,
  parameters: QueryParameters,
  action: "CreateTags" | "DeleteTags",
  tags: ReadonlyMap<string, string>,
): Instance[] {
  const ids = listOf(parameters, "ResourceId");
  if (ids.length === 0) throw new AwsFault("MissingParameter", "The request must contain the parameter resourceIdSet");
  settleInstances(call.principal.account, call.nowMs);
  const context: Record<string, string | readonly string[]> = { "aws:TagKeys": [...tags.keys()] };
  if (action === "CreateTags") for (const [key, value] of tags) context[`aws:RequestTag/${key}`] = value;
  const instances = ids.map((id) => {
    const instance = findInstance(call, id);
    const resource = instanceArn(call, id);
    const keys = instance === undefined ? {} : instanceKeys(instance, call.principal.account.id);
    authorizeEc2(call, { action: `ec2:${action}`, resource, context: { ...keys, ...context } });
    return { id, instance };
  });
  stopDryRun(parameters);
  return instances.map(({ id, instance }) => {
    if (instance !== undefined) return instance;
    if (!id.startsWith("i-")) throw new AwsFault("InvalidID", `The ID '${id}' is not valid`);
    throw new AwsFault("InvalidInstanceID.NotFound", `The instance ID '${id}' does not exist`);
  });
}
