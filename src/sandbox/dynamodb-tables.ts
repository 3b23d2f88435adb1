import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { authorizeDynamoDb, authorizeTable, demandTable } from "./dynamodb-access.ts";
import { checkFields } from "./field-rules.ts";
import { type JsonObject, readNumber, readString } from "./json-protocol.ts";
import { STATE_CHANGE_MS, settleTables, type Table } from "./world.ts";

const MAX_LISTED = 100;

/** dynamodb:ListTables, in the order of the names' bytes, a hundred at a time. */
export function listTables(call: Call, input: JsonObject) {
  const limit = readNumber(input, "Limit");
  const startName = readString(input, "ExclusiveStartTableName");
  checkFields(
    [
      { field: "limit", value: limit?.toString(), min: 1, max: MAX_LISTED },
      { field: "exclusiveStartTableName", value: startName, minLength: 3, maxLength: 255, pattern: "[a-zA-Z0-9_.-]+" },
    ],
    "ValidationException",
  );
  authorizeDynamoDb(call, { action: "dynamodb:ListTables", resource: "*" });
  const { account } = call.principal;
  settleTables(account, call.nowMs);
  const names = [...account.tables.values()]
    .filter(({ region, name }) => region === call.region && (startName === undefined || name > startName))
    .map(({ name }) => name)
    .sort();
  const page = names.slice(0, limit ?? MAX_LISTED);
  return { TableNames: page, LastEvaluatedTableName: page.length < names.length ? page.at(-1) : undefined };
}

/** dynamodb:DescribeTable */
export function describeTable(call: Call, input: JsonObject) {
  const name = authorizeTable(call, input, "DescribeTable");
  return { Table: formatTable(demandTable(call, name)) };
}

/**
 * dynamodb:DeleteTable. The table is DELETING for a moment and then gone. Permission is asked before protection
 * (AWS.md, DynamoDB).
 */
export function deleteTable(call: Call, input: JsonObject) {
  const name = authorizeTable(call, input, "DeleteTable");
  const table = demandTable(call, name);
  demandSettled(table);
  if (table.tagsUntilMs !== undefined && call.nowMs < table.tagsUntilMs) {
    throw new AwsFault(
      "ResourceInUseException",
      `Attempt to change a resource which is still in use: Table tags are being updated: ${name}`,
    );
  }
  if (table.deletionProtectionEnabled) {
    throw new AwsFault(
      "ValidationException",
      "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
    );
  }
  refuseWhileBackedUp(call, table);
  table.status = "DELETING";
  table.statusUntilMs = call.nowMs + STATE_CHANGE_MS;
  return { TableDescription: formatTable(table) };
}

/**
 * The source table of a backup can't be deleted while the backup is in progress (developer guide, on-demand backup). How
 * DynamoDB words it is not published: a choice.
 */
function refuseWhileBackedUp(call: Call, table: Table): void {
  const isBackedUp = [...call.principal.account.backups.values()].some(
    (backup) => backup.table.id === table.id && call.nowMs < backup.availableAtMs,
  );
  if (!isBackedUp) return;
  throw new AwsFault(
    "ResourceInUseException",
    `Attempt to change a resource which is still in use: Table is being backed up: ${table.name}`,
  );
}

/** A table that is on its way somewhere can't be changed; all of these pass (AWS.md, DynamoDB). @throws AwsFault */
export function demandSettled(table: Table): void {
  const inUse = "Attempt to change a resource which is still in use: ";
  const { name, status } = table;
  if (status === "CREATING") {
    throw new AwsFault("ResourceInUseException", `${inUse}Table is being created: ${name}`);
  }
  if (status === "DELETING") {
    throw new AwsFault("ResourceInUseException", `${inUse}Table is being deleted: ${name}`);
  }
  if (status === "UPDATING") {
    throw new AwsFault("ResourceInUseException", `${inUse}Table: ${name} is in the process of being updated.`);
  }
}

/** The size of what a table holds, as its JSON. */
export function itemBytesOf(table: Table): number {
  return [...table.items.values()].reduce((sum, item) => sum + JSON.stringify(item).length, 0);
}

/** `TableDescription`; times are seconds since 1970. */
export function formatTable(table: Table): object {
  const isDeleting = table.status === "DELETING";
  const onDemand = table.billingMode === "PAY_PER_REQUEST";
  return {
    // A table on its way out is described without its schema.
    AttributeDefinitions: isDeleting ? undefined : table.attributeDefinitions,
    TableName: table.name,
    KeySchema: isDeleting ? undefined : table.keySchema,
    TableStatus: table.status,
    CreationDateTime: isDeleting ? undefined : table.createdAtMs / 1_000,
    ProvisionedThroughput: {
      NumberOfDecreasesToday: 0,
      ReadCapacityUnits: table.readCapacityUnits,
      WriteCapacityUnits: table.writeCapacityUnits,
    },
    TableSizeBytes: itemBytesOf(table),
    ItemCount: table.items.size,
    TableArn: table.arn,
    TableId: table.id,
    BillingModeSummary: onDemand
      ? { BillingMode: table.billingMode, LastUpdateToPayPerRequestDateTime: table.createdAtMs / 1_000 }
      : undefined,
    TableClassSummary: table.tableClass === undefined ? undefined : { TableClass: table.tableClass },
    DeletionProtectionEnabled: table.deletionProtectionEnabled,
  };
}
