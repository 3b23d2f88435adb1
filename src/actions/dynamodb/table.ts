import type { ActionScope, IamNeed, ResourceHome } from "../action.ts";

export interface TableKey {
  readonly name: string;
  readonly role: "partition" | "sort";
  /** `S`, `N` or `B`; null where DynamoDB does not say. */
  readonly type: string | null;
}

export interface TableIndex {
  readonly name: string;
  readonly kind: "global" | "local";
  /** Null for a local index, which has none. */
  readonly status: string | null;
  readonly keys: readonly TableKey[];
}

/** One DynamoDB table: the documented `-o json` result of `table`. Text from AWS is raw. */
export interface Table {
  readonly name: string;
  readonly arn: string | null;
  /** Given anew whenever a table of this name is created. Null where the service gives none. */
  readonly tableId: string | null;
  /** `CREATING`, `ACTIVE`, `UPDATING`, `DELETING`, … */
  readonly status: string;
  /** As DynamoDB counted it within about the last six hours. */
  readonly items: number | null;
  /** As DynamoDB counted it within about the last six hours. */
  readonly bytes: number | null;
  /** `PAY_PER_REQUEST` or `PROVISIONED`. */
  readonly billing: string;
  readonly keys: readonly TableKey[];
  readonly indexes: readonly TableIndex[];
  /** Null where the service does not say. */
  readonly deletionProtection: boolean | null;
  /** The other regions of a global table, where its replicas stay when it is deleted here. */
  readonly replicas: readonly string[];
  /** ISO 8601, UTC. */
  readonly createdAt: string | null;
}

/** What describing these tables needs. */
export function describeTableNeeds(names: readonly string[], home: ResourceHome): readonly IamNeed[] {
  return [{ actions: ["dynamodb:DescribeTable"], resources: names.map((name) => tableArn(name, home)) }];
}

export function tableArn(name: string, { partition, region, accountId }: ResourceHome): string {
  return `arn:${partition}:dynamodb:${region}:${accountId}:table/${name}`;
}

/** @param name checked by `checkTableNames` @throws NOT_FOUND */
export async function describeTable(scope: ActionScope, name: string): Promise<Table> {
  const [{ makeDynamoDb }, { isRefusedWith }, { notFoundError }] = await Promise.all([
    import("./dynamodb-client.ts"),
    import("../action-errors.ts"),
    import("../not-found.ts"),
  ]);
  const dynamoDb = makeDynamoDb(scope);
  try {
    return await dynamoDb.describeTable(name);
  } catch (error) {
    if (!isRefusedWith(error, "ResourceNotFoundException")) throw error;
    throw notFoundError([name], [], { noun: "table", nouns: "tables" }, scope);
  } finally {
    dynamoDb.close();
  }
}
