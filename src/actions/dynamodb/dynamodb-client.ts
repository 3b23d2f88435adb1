/**
 * The only file that calls DynamoDB. Rules: reads may be sent three times, a call that changes something is sent once,
 * over a connection of its own (see `ec2/ec2-client.ts`). Every error leaves as `toActionError` makes it. Text from AWS
 * leaves raw.
 */
import {
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  type KeySchemaElement,
  ListTablesCommand,
  type TableDescription,
} from "@aws-sdk/client-dynamodb";
import { makeClientConfig } from "../../aws/client-config.ts";
import { type ActionScope, READ_ATTEMPTS } from "../action.ts";
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
  /** @returns the table as the reply describes it */
  deleteTable(name: string): Promise<{ readonly status: string; readonly requestId: string | undefined }>;
  close(): void;
}

export function makeDynamoDb(scope: ActionScope): DynamoDb {
  const readSettings = scope.clientSettings("dynamodb", READ_ATTEMPTS);
  const writeSettings = scope.clientSettings("dynamodb", 1);
  const now = () => scope.clock.now();
  const reader = new DynamoDBClient(makeConfig(readSettings));

  const reading = makeReading(readSettings, now);

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
        return toTable(name, output.Table ?? {});
      }),

    deleteTable: async (name) => {
      const writer = new DynamoDBClient(makeConfig(writeSettings));
      try {
        const output = await writer.send(new DeleteTableCommand({ TableName: name }));
        return { status: output.TableDescription?.TableStatus ?? "DELETING", requestId: output.$metadata.requestId };
      } catch (error) {
        throw toActionError(error, { iamAction: "dynamodb:DeleteTable", settings: writeSettings, mutates: true, now });
      } finally {
        writer.destroy();
      }
    },

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

function toTable(name: string, description: TableDescription): Table {
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
    createdAt: description.CreationDateTime?.toISOString() ?? null,
  };
}
