import { randomUUID } from "node:crypto";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { authorizeTable, authorizeTableArn, demandTable, findTable, tableArn } from "./dynamodb-access.ts";
import { demandSettled, formatTable } from "./dynamodb-tables.ts";
import {
  isJsonObject,
  type JsonObject,
  readFlag,
  readNumber,
  readObject,
  readObjects,
  readString,
} from "./json-protocol.ts";
import { STATE_CHANGE_MS, type Table, tableKey } from "./world.ts";

/** Tables of an account in a region (DynamoDB quotas). */
const MAX_TABLES = 2_500;
/** For about two seconds after its tags were written a table can't be deleted (AWS.md, DynamoDB). */
const TAG_UPDATE_MS = 2_000;
/** Features that the sandbox has not: refused rather than passed over. */
const ABSENT_FEATURES = [
  "GlobalSecondaryIndexes",
  "LocalSecondaryIndexes",
  "GlobalSecondaryIndexUpdates",
  "StreamSpecification",
  "ReplicaUpdates",
  "ResourcePolicy",
];

/** The fault that DynamoDB has for whatever is wrong with a call. */
export function invalid(message: string): AwsFault {
  return new AwsFault("ValidationException", message);
}

/** @throws AwsFault ValidationException that says that it is the sandbox which lacks it */
export function refuseAbsentFeatures(input: JsonObject, names: readonly string[]): void {
  const asked = names.find((name) => input[name] !== undefined && input[name] !== null);
  if (asked !== undefined) throw invalid(`The sandbox has no ${asked}`);
}

/** dynamodb:CreateTable: CREATING for a moment, then ACTIVE. */
export function createTable(call: Call, input: JsonObject) {
  refuseAbsentFeatures(input, ABSENT_FEATURES);
  const { attributeDefinitions, keySchema } = readSchema(input);
  const billing = readBilling(input, undefined);
  const tags = readTags(input);
  const name = authorizeTable(call, input, "CreateTable");
  const { account } = call.principal;
  if (findTable(call, name) !== undefined) {
    throw new AwsFault("ResourceInUseException", `Table already exists: ${name}`);
  }
  if (account.tables.size >= MAX_TABLES) {
    throw new AwsFault("LimitExceededException", `Subscriber limit exceeded: ${MAX_TABLES} tables`);
  }
  const table: Table = {
    name,
    region: call.region,
    arn: tableArn(call, account.id, name),
    id: randomUUID(),
    createdAtMs: call.nowMs,
    attributeDefinitions,
    keySchema,
    items: new Map(),
    tags,
    ...billing,
    tableClass: readString(input, "TableClass"),
    status: "CREATING",
    statusUntilMs: call.nowMs + STATE_CHANGE_MS,
    tagsUntilMs: undefined,
    deletionProtectionEnabled: readFlag(input, "DeletionProtectionEnabled") ?? false,
  };
  account.tables.set(tableKey(call.region, name), table);
  return { TableDescription: formatTable(table) };
}

/**
 * dynamodb:UpdateTable: deletion protection, capacity and class. Turning protection off must be the only change of the
 * call, and the table ACTIVE (AWS.md, DynamoDB).
 */
export function updateTable(call: Call, input: JsonObject) {
  refuseAbsentFeatures(input, ABSENT_FEATURES);
  const protection = readFlag(input, "DeletionProtectionEnabled");
  const tableClass = readString(input, "TableClass");
  const changesCapacity = input.BillingMode !== undefined || input.ProvisionedThroughput !== undefined;
  const name = authorizeTable(call, input, "UpdateTable");
  const table = demandTable(call, name);
  demandSettled(table);
  const isLongChange = changesCapacity || tableClass !== undefined;
  if (!isLongChange && protection === undefined) {
    throw invalid(
      "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required",
    );
  }
  if (protection === false && isLongChange) {
    throw invalid("Deletion protection can't be disabled together with other changes to the table.");
  }
  if (changesCapacity) Object.assign(table, readBilling(input, table));
  if (tableClass !== undefined) table.tableClass = tableClass;
  if (protection !== undefined) table.deletionProtectionEnabled = protection;
  if (isLongChange) {
    table.status = "UPDATING";
    table.statusUntilMs = call.nowMs + STATE_CHANGE_MS;
  }
  return { TableDescription: formatTable(table) };
}

/** dynamodb:TagResource: holds a deletion of the table up for two seconds. */
export function tagResource(call: Call, input: JsonObject) {
  const table = selectTagged(call, input, "TagResource");
  const tags = readTags(input);
  for (const [key, value] of tags) table.tags.set(key, value);
  table.tagsUntilMs = call.nowMs + TAG_UPDATE_MS;
  return {};
}

/** dynamodb:UntagResource, which holds a deletion up as well. */
export function untagResource(call: Call, input: JsonObject) {
  const table = selectTagged(call, input, "UntagResource");
  const keys = input.TagKeys;
  if (!Array.isArray(keys)) throw invalid("TagKeys is required");
  for (const key of keys) table.tags.delete(String(key));
  table.tagsUntilMs = call.nowMs + TAG_UPDATE_MS;
  return {};
}

/** dynamodb:ListTagsOfResource, all in one page. */
export function listTagsOfResource(call: Call, input: JsonObject) {
  const table = selectTagged(call, input, "ListTagsOfResource");
  return { Tags: [...table.tags].map(([Key, Value]) => ({ Key, Value })) };
}

function selectTagged(call: Call, input: JsonObject, action: string): Table {
  const arn = readString(input, "ResourceArn") ?? "";
  return demandTable(call, authorizeTableArn(call, arn, action));
}

function readTags(input: JsonObject): Map<string, string> {
  const tags = new Map<string, string>();
  for (const tag of readObjects(input, "Tags") ?? []) {
    tags.set(readString(tag, "Key") ?? "", readString(tag, "Value") ?? "");
  }
  if (tags.has("") || tags.size > 50) throw invalid("One or more parameter values were invalid: Tags");
  return tags;
}

function readSchema(input: JsonObject): Pick<Table, "attributeDefinitions" | "keySchema"> {
  const attributeDefinitions = (readObjects(input, "AttributeDefinitions") ?? []).map((each) => ({
    AttributeName: readString(each, "AttributeName") ?? "",
    AttributeType: readString(each, "AttributeType") ?? "",
  }));
  const keySchema = (readObjects(input, "KeySchema") ?? []).map((each) => ({
    AttributeName: readString(each, "AttributeName") ?? "",
    KeyType: readString(each, "KeyType") ?? "",
  }));
  const types = keySchema.map(({ KeyType }) => KeyType).join(" ");
  if (types !== "HASH" && types !== "HASH RANGE") {
    throw invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
  }
  if (attributeDefinitions.some(({ AttributeType }) => !["S", "N", "B"].includes(AttributeType))) {
    throw invalid("Member must satisfy enum value set: [B, N, S]");
  }
  const defined = attributeDefinitions.map(({ AttributeName }) => AttributeName).sort();
  const used = keySchema.map(({ AttributeName }) => AttributeName).sort();
  if (used.includes("") || defined.join("\n") !== used.join("\n")) {
    throw invalid(
      `One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions: [${defined.join(", ")}], keys used: [${used.join(", ")}]`,
    );
  }
  return { attributeDefinitions, keySchema };
}

function readBilling(
  input: JsonObject,
  current: Table | undefined,
): Pick<Table, "billingMode" | "readCapacityUnits" | "writeCapacityUnits"> {
  const billingMode = readString(input, "BillingMode") ?? current?.billingMode ?? "PROVISIONED";
  if (billingMode !== "PROVISIONED" && billingMode !== "PAY_PER_REQUEST") {
    throw invalid("Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]");
  }
  const throughput = readObject(input, "ProvisionedThroughput");
  if (billingMode === "PAY_PER_REQUEST") {
    if (throughput !== undefined) {
      throw invalid(
        "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
      );
    }
    return { billingMode, readCapacityUnits: 0, writeCapacityUnits: 0 };
  }
  const readCapacityUnits = isJsonObject(throughput) ? readNumber(throughput, "ReadCapacityUnits") : undefined;
  const writeCapacityUnits = isJsonObject(throughput) ? readNumber(throughput, "WriteCapacityUnits") : undefined;
  if (!readCapacityUnits || !writeCapacityUnits || readCapacityUnits < 1 || writeCapacityUnits < 1) {
    throw invalid(
      "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
    );
  }
  return { billingMode, readCapacityUnits, writeCapacityUnits };
}
