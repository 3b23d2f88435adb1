import { randomBytes } from "node:crypto";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { authorizeDynamoDb, authorizeTable, findTable } from "./dynamodb-access.ts";
import { itemBytesOf } from "./dynamodb-tables.ts";
import { checkFields } from "./field-rules.ts";
import { type JsonObject, readNumber, readString } from "./json-protocol.ts";
import { type Backup, STATE_CHANGE_MS } from "./world.ts";

const MAX_LISTED = 100;

/** dynamodb:CreateBackup: CREATING for a moment, then AVAILABLE. The backup survives its table. */
export function createBackup(call: Call, input: JsonObject) {
  const name = readString(input, "BackupName");
  checkFields(
    [{ field: "backupName", value: name, required: true, minLength: 3, maxLength: 255, pattern: "[a-zA-Z0-9_.-]+" }],
    "ValidationException",
  );
  const tableName = authorizeTable(call, input, "CreateBackup");
  const table = findTable(call, tableName);
  if (table === undefined) throw tableNotFound(tableName);
  // Of the faults that DynamoDB declares for this call, the one for a table on its way somewhere. UPDATING is a choice.
  if (table.status !== "ACTIVE") {
    throw new AwsFault("TableInUseException", `Table is in use: Table ${tableName} is ${table.status}`);
  }
  const stamp = String(call.nowMs).padStart(14, "0");
  const backup: Backup = {
    arn: `${table.arn}/backup/${stamp}-${randomBytes(4).toString("hex")}`,
    name: name ?? "",
    region: call.region,
    createdAtMs: call.nowMs,
    availableAtMs: call.nowMs + STATE_CHANGE_MS,
    sizeBytes: itemBytesOf(table),
    table: {
      name: table.name,
      arn: table.arn,
      id: table.id,
      createdAtMs: table.createdAtMs,
      keySchema: table.keySchema,
      billingMode: table.billingMode,
    },
    itemCount: table.items.size,
  };
  call.principal.account.backups.set(backup.arn, backup);
  return { BackupDetails: formatDetails(call, backup) };
}

/** dynamodb:DescribeBackup */
export function describeBackup(call: Call, input: JsonObject) {
  return { BackupDescription: formatDescription(call, selectBackup(call, input, "DescribeBackup")) };
}

/** dynamodb:DeleteBackup */
export function deleteBackup(call: Call, input: JsonObject) {
  const backup = selectBackup(call, input, "DeleteBackup");
  if (call.nowMs < backup.availableAtMs) {
    throw new AwsFault("BackupInUseException", `Backup is being created: ${backup.arn}`);
  }
  call.principal.account.backups.delete(backup.arn);
  const description = formatDescription(call, backup);
  return {
    BackupDescription: { ...description, BackupDetails: { ...description.BackupDetails, BackupStatus: "DELETED" } },
  };
}

/** dynamodb:ListBackups, the oldest first. */
export function listBackups(call: Call, input: JsonObject) {
  const limit = readNumber(input, "Limit");
  checkFields([{ field: "limit", value: limit?.toString(), min: 1, max: MAX_LISTED }], "ValidationException");
  const tableName = readString(input, "TableName");
  const type = readString(input, "BackupType") ?? "USER";
  const fromSeconds = readNumber(input, "TimeRangeLowerBound") ?? Number.NEGATIVE_INFINITY;
  const untilSeconds = readNumber(input, "TimeRangeUpperBound") ?? Number.POSITIVE_INFINITY;
  const startArn = readString(input, "ExclusiveStartBackupArn");
  authorizeDynamoDb(call, { action: "dynamodb:ListBackups", resource: "*" });
  const backups = [...call.principal.account.backups.values()].filter(
    ({ region, table, createdAtMs }) =>
      region === call.region &&
      (type === "USER" || type === "ALL") &&
      (tableName === undefined || table.name === tableName || table.arn === tableName) &&
      createdAtMs / 1_000 >= fromSeconds &&
      createdAtMs / 1_000 < untilSeconds,
  );
  const start = startArn === undefined ? 0 : backups.findIndex(({ arn }) => arn === startArn) + 1;
  const page = backups.slice(start, start + (limit ?? MAX_LISTED));
  return {
    BackupSummaries: page.map((backup) => ({
      TableName: backup.table.name,
      TableId: backup.table.id,
      TableArn: backup.table.arn,
      ...formatDetails(call, backup),
    })),
    LastEvaluatedBackupArn: start + page.length < backups.length ? page.at(-1)?.arn : undefined,
  };
}

/** dynamodb:DescribeContinuousBackups: point-in-time recovery is off for every table here. */
export function describeContinuousBackups(call: Call, input: JsonObject) {
  const name = authorizeTable(call, input, "DescribeContinuousBackups");
  if (findTable(call, name) === undefined) throw tableNotFound(name);
  return {
    ContinuousBackupsDescription: {
      ContinuousBackupsStatus: "ENABLED",
      PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: "DISABLED" },
    },
  };
}

function tableNotFound(name: string): AwsFault {
  return new AwsFault("TableNotFoundException", `Table not found: ${name}`);
}

function selectBackup(call: Call, input: JsonObject, action: string): Backup {
  const arn = readString(input, "BackupArn");
  checkFields(
    [{ field: "backupArn", value: arn, required: true, minLength: 37, maxLength: 1_024 }],
    "ValidationException",
  );
  authorizeDynamoDb(call, { action: `dynamodb:${action}`, resource: arn ?? "" });
  const backup = call.principal.account.backups.get(arn ?? "");
  if (backup === undefined || backup.region !== call.region) {
    throw new AwsFault("BackupNotFoundException", `Backup not found: ${arn}`);
  }
  return backup;
}

function formatDetails(call: Call, backup: Backup) {
  return {
    BackupArn: backup.arn,
    BackupName: backup.name,
    BackupSizeBytes: backup.sizeBytes,
    BackupStatus: call.nowMs < backup.availableAtMs ? "CREATING" : "AVAILABLE",
    BackupType: "USER",
    BackupCreationDateTime: backup.createdAtMs / 1_000,
  };
}

function formatDescription(call: Call, backup: Backup) {
  const { table } = backup;
  return {
    BackupDetails: formatDetails(call, backup),
    SourceTableDetails: {
      TableName: table.name,
      TableId: table.id,
      TableArn: table.arn,
      TableSizeBytes: backup.sizeBytes,
      KeySchema: table.keySchema,
      TableCreationDateTime: table.createdAtMs / 1_000,
      ProvisionedThroughput: { ReadCapacityUnits: 0, WriteCapacityUnits: 0 },
      ItemCount: backup.itemCount,
      BillingMode: table.billingMode,
    },
    SourceTableFeatureDetails: {},
  };
}
