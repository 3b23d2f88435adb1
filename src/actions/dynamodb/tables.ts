import type { ActionScope, IamNeed } from "../action.ts";
import { readPages } from "../paging.ts";

/** The most that ListTables gives at once. */
const PAGE_SIZE = 100;

/** The documented `-o json` result of `tables` is a list of these. */
export interface TableName {
  readonly name: string;
}

/** ListTables knows no narrower resource (AWS service authorization reference, DynamoDB). */
export const LIST_TABLES_NEEDS: readonly IamNeed[] = [{ actions: ["dynamodb:ListTables"], resources: ["*"] }];

/** The account's DynamoDB tables in the scope's region, page by page as they arrive. */
export async function* listTables(scope: ActionScope): AsyncGenerator<readonly TableName[], void, void> {
  const { makeDynamoDb } = await import("./dynamodb-client.ts");
  const dynamoDb = makeDynamoDb(scope);
  try {
    for await (const page of readPages((nextToken) => dynamoDb.listTables(PAGE_SIZE, nextToken))) {
      yield page.names.map((name) => ({ name }));
    }
  } finally {
    dynamoDb.close();
  }
}
