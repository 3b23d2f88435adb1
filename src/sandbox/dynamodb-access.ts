import { type Access, decideAccess, formatDenial, formatDenialReason } from "./access.ts";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { checkFields } from "./field-rules.ts";
import { type JsonObject, readString } from "./json-protocol.ts";
import { settleTables, type Table, tableKey } from "./world.ts";

/** @throws AwsFault AccessDeniedException, which DynamoDB answers with 400 (AWS.md, DynamoDB) */
export function authorizeDynamoDb(call: Call, access: Access): void {
  const decision = decideAccess(call, access);
  if (decision.verdict === "allowed") return;
  const reason = formatDenialReason(decision, access.action);
  throw new AwsFault("AccessDeniedException", formatDenial(call, access) + reason);
}

const TABLE_ARN = /^arn:aws:dynamodb:([a-z0-9-]{1,32}):(\d{12}):table\/([a-zA-Z0-9_.-]{3,255})$/;

/**
 * `TableName` may be a name or an ARN (DynamoDB API reference).
 * @returns the table's name, after the caller was found allowed to do this with it
 * @throws AwsFault ValidationException; AccessDeniedException, also for another account's table
 */
export function authorizeTable(call: Call, input: JsonObject, action: string): string {
  const given = readString(input, "TableName");
  if (given !== undefined && TABLE_ARN.test(given)) return authorizeTableArn(call, given, action);
  checkFields(
    [
      {
        field: "tableName",
        value: given,
        required: true,
        minLength: 3,
        maxLength: 255,
        pattern: "[a-zA-Z0-9_.-]+",
      },
    ],
    "ValidationException",
  );
  const name = given ?? "";
  authorizeDynamoDb(call, tableAccess(call, action, call.principal.account.id, name));
  return name;
}

/**
 * @returns the name of the table
 * @throws AwsFault as {@link authorizeTable}
 */
export function authorizeTableArn(call: Call, arn: string, action: string): string {
  const [, region = "", accountId = "", name = ""] = TABLE_ARN.exec(arn) ?? [];
  if (region !== call.region) {
    throw new AwsFault("ValidationException", `Invalid TableArn: Invalid ResourceArn provided as input ${arn}`);
  }
  const access = tableAccess(call, action, accountId, name);
  authorizeDynamoDb(call, access);
  if (accountId !== call.principal.account.id) {
    // The sandbox's tables have no resource policies, so another account's table is open to nobody.
    const message = `${formatDenial(call, access)} because no resource-based policy allows the ${access.action} action`;
    throw new AwsFault("AccessDeniedException", message);
  }
  return name;
}

/** In the region of the call. */
export function tableArn(call: Call, accountId: string, name: string): string {
  return `arn:aws:dynamodb:${call.region}:${accountId}:table/${name}`;
}

/** The action on one table, with its tags as condition keys. */
export function tableAccess(call: Call, action: string, accountId: string, tableName: string): Access {
  const context: Record<string, string> = { "aws:ResourceAccount": accountId };
  for (const [key, value] of findTable(call, tableName)?.tags ?? []) context[`aws:ResourceTag/${key}`] = value;
  return {
    action: `dynamodb:${action}`,
    resource: tableArn(call, accountId, tableName),
    context,
  };
}

/** @returns undefined when this account has no such table in this region */
export function findTable(call: Call, name: string): Table | undefined {
  const { account } = call.principal;
  settleTables(account, call.nowMs);
  return account.tables.get(tableKey(call.region, name));
}

/** @throws AwsFault ResourceNotFoundException */
export function demandTable(call: Call, name: string): Table {
  const table = findTable(call, name);
  if (table === undefined) {
    throw new AwsFault("ResourceNotFoundException", `Requested resource not found: Table: ${name} not found`);
  }
  return table;
}
