/**
 * The only file that calls DynamoDB. Rules: reads may be sent three times, a call that changes something is sent once,
 * over a connection of its own (see `ec2/ec2-client.ts`). Every error leaves as `toActionError` makes it. Text from AWS
 * leaves raw.
 */
import {
  type BackupDetails,
  CreateBackupCommand,
  DeleteTableCommand,
  DescribeBackupCommand,
  DescribeTableCommand,
  DynamoDBClient,
  type KeySchemaElement,
  ListBackupsCommand,
  ListTablesCommand,
  type TableDescription,
} from "@aws-sdk/client-dynamodb";
import { makeClientConfig } from "../../aws/client-config.ts";
import { type ActionScope, type Backup, READ_ATTEMPTS } from "../action.ts";
import { toActionError } from "../action-errors.ts";
import { makeReading } from "../reading.ts";
import type { Table, TableKey } from "./table.ts";

export interface TablePage {
  readonly names: readonly string[];
  /** Undefined on the last page. */
  readonly nextToken: string | undefined;
}

export interface DynamoDb {
  /** @param pageSize 1 to 100 */
  listTables(pageSize: number, nextToken: string | undefined): Promise<TablePage>;
  describeTable(name: string): Promise<Table>;
  /** @returns the table that was deleted, as the reply describes it */
  deleteTable(
    name: string,
  ): Promise<Pick<Table, "status" | "tableId" | "createdAt"> & { readonly requestId: string | undefined }>;
  /**
   * @param backupName checked by `checkBackupName`
   * @returns its ARN empty where the answer does not tell it
   */
  createBackup(
    tableName: string,
    backupName: string,
  ): Promise<TableBackup & { readonly requestId: string | undefined }>;
  describeBackup(arn: string): Promise<TableBackup>;
  /**
   * On-demand backups of the tables that have had this name.
   * @param since milliseconds since 1970, by AWS's clock
   */
  listBackups(tableName: string, since: number, startArn: string | undefined): Promise<BackupPage>;
  close(): void;
}

/** A backup as DynamoDB describes it. Text from AWS is raw. */
export interface TableBackup extends Backup {
  /** Milliseconds since 1970; undefined where the service does not say. */
  readonly createdAt: number | undefined;
  /** Of what table; only where the whole backup was described. */
  readonly table: Pick<Table, "tableId" | "createdAt"> | undefined;
}

export interface BackupPage {
  readonly backups: readonly TableBackup[];
  /** Undefined on the last page. */
  readonly nextArn: string | undefined;
}

export function makeDynamoDb(scope: ActionScope): DynamoDb {
  const readSettings = scope.clientSettings("dynamodb", READ_ATTEMPTS);
  const writeSettings = scope.clientSettings("dynamodb", 1);
  const now = () => scope.clock.now();
  const reader = new DynamoDBClient(makeConfig(readSettings));

  const reading = makeReading(readSettings, now);

  /** A call that changes something, over a connection that nothing else has used. */
  async function writing<T>(iamAction: string, send: (writer: DynamoDBClient) => Promise<T>): Promise<T> {
    const writer = new DynamoDBClient(makeConfig(writeSettings));
    try {
      return await send(writer);
    } catch (error) {
      throw toActionError(error, { iamAction, settings: writeSettings, mutates: true, now });
    } finally {
      writer.destroy();
    }
  }

  return {
    listTables: (pageSize, nextToken) =>
      reading("dynamodb:ListTables", async (options) => {
        const command = new ListTablesCommand({ Limit: pageSize, ExclusiveStartTableName: nextToken });
        const output = await reader.send(command, options);
        return { names: output.TableNames ?? [], nextToken: output.LastEvaluatedTableName || undefined };
      }),

    describeTable: (name) =>
      reading("dynamodb:DescribeTable", async (options) => {
        const output = await reader.send(new DescribeTableCommand({ TableName: name }), options);
        return toTable(name, output.Table ?? {}, readSettings.region);
      }),

    deleteTable: (name) =>
      writing("dynamodb:DeleteTable", async (writer) => {
        const output = await writer.send(new DeleteTableCommand({ TableName: name }));
        const { TableStatus = "DELETING", TableId, CreationDateTime } = output.TableDescription ?? {};
        return {
          status: TableStatus,
          tableId: TableId ?? null,
          createdAt: CreationDateTime?.toISOString() ?? null,
          requestId: output.$metadata.requestId,
        };
      }),

    createBackup: (tableName, backupName) =>
      writing("dynamodb:CreateBackup", async (writer) => {
        const command = new CreateBackupCommand({ TableName: tableName, BackupName: backupName });
        const output = await writer.send(command);
        const backup = toBackup({ BackupName: backupName, ...output.BackupDetails }, undefined);
        return { ...backup, requestId: output.$metadata.requestId };
      }),

    describeBackup: (arn) =>
      reading("dynamodb:DescribeBackup", async (options) => {
        const output = await reader.send(new DescribeBackupCommand({ BackupArn: arn }), options);
        const { BackupDetails, SourceTableDetails } = output.BackupDescription ?? {};
        return toBackup(BackupDetails, {
          tableId: SourceTableDetails?.TableId ?? null,
          createdAt: SourceTableDetails?.TableCreationDateTime?.toISOString() ?? null,
        });
      }),

    listBackups: (tableName, since, startArn) =>
      reading("dynamodb:ListBackups", async (options) => {
        const command = new ListBackupsCommand({
          TableName: tableName,
          BackupType: "USER",
          TimeRangeLowerBound: new Date(since),
          ExclusiveStartBackupArn: startArn,
        });
        const output = await reader.send(command, options);
        return {
          backups: (output.BackupSummaries ?? []).map((summary) => toBackup(summary, undefined)),
          nextArn: output.LastEvaluatedBackupArn || undefined,
        };
      }),

    close: () => reader.destroy(),
  };
}

/** DynamoDB's client alone looks two more things up by itself: endpoint discovery, and the account's own endpoint. */
function makeConfig(settings: Parameters<typeof makeClientConfig>[0]) {
  return {
    ...makeClientConfig(settings),
    endpointDiscoveryEnabled: false,
    accountIdEndpointMode: "disabled" as const,
  };
}

type BackupAnswer = Pick<BackupDetails, "BackupName" | "BackupArn" | "BackupStatus" | "BackupCreationDateTime">;

/** @param answer the details of one, or its entry in a list */
function toBackup(answer: Partial<BackupAnswer> | undefined, table: TableBackup["table"]): TableBackup {
  return {
    name: answer?.BackupName ?? "",
    arn: answer?.BackupArn ?? "",
    status: answer?.BackupStatus ?? "unknown",
    createdAt: answer?.BackupCreationDateTime?.getTime(),
    table,
  };
}

function toTable(name: string, description: TableDescription, region: string): Table {
  const types = new Map(description.AttributeDefinitions?.map((one) => [one.AttributeName, one.AttributeType]));
  const keysOf = (schema: readonly KeySchemaElement[] | undefined): readonly TableKey[] =>
    (schema ?? []).map((key) => ({
      name: key.AttributeName ?? "",
      role: key.KeyType === "RANGE" ? "sort" : "partition",
      type: types.get(key.AttributeName) ?? null,
    }));
  const indexesOf = (
    kind: "global" | "local",
    indexes: readonly { IndexName?: string; IndexStatus?: string; KeySchema?: KeySchemaElement[] }[] | undefined,
  ) =>
    (indexes ?? []).map((index) => ({
      name: index.IndexName ?? "",
      kind,
      status: index.IndexStatus ?? null,
      keys: keysOf(index.KeySchema),
    }));
  return {
    name: description.TableName ?? name,
    arn: description.TableArn ?? null,
    tableId: description.TableId ?? null,
    status: description.TableStatus ?? "unknown",
    items: description.ItemCount ?? null,
    bytes: description.TableSizeBytes ?? null,
    // DynamoDB leaves the summary out for a table that was always provisioned (API reference, "BillingModeSummary").
    billing: description.BillingModeSummary?.BillingMode ?? "PROVISIONED",
    keys: keysOf(description.KeySchema),
    indexes: [
      ...indexesOf("global", description.GlobalSecondaryIndexes as Parameters<typeof indexesOf>[1]),
      ...indexesOf("local", description.LocalSecondaryIndexes as Parameters<typeof indexesOf>[1]),
    ],
    deletionProtection: description.DeletionProtectionEnabled ?? null,
    replicas: (description.Replicas ?? []).flatMap(({ RegionName = region }) =>
      RegionName === region ? [] : RegionName,
    ),
    createdAt: description.CreationDateTime?.toISOString() ?? null,
  };
}
