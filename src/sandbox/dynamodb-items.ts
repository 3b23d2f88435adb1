import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { authorizeTable, demandTable } from "./dynamodb-access.ts";
import { invalid, refuseAbsentFeatures } from "./dynamodb-change-tables.ts";
import { checkFields } from "./field-rules.ts";
import { isJsonObject, type JsonObject, readNumber, readObject, readString } from "./json-protocol.ts";
import type { AttributeValue, Item, Table } from "./world.ts";

const MAX_ITEM_BYTES = 400 * 1_024;
const MAX_PAGE_BYTES = 1_024 * 1_024;
const MAX_DEPTH = 32;
/** The sandbox holds items so that a table has something to lose; it evaluates no expressions, and says so. */
const EXPRESSIONS = [
  "ConditionExpression",
  "FilterExpression",
  "ProjectionExpression",
  "Expected",
  "ScanFilter",
  "AttributesToGet",
  "IndexName",
  "TotalSegments",
];

/** dynamodb:PutItem */
export function putItem(call: Call, input: JsonObject) {
  const table = selectTable(call, input, "PutItem");
  const item = readItem(input, "Item");
  const key = readKey(table, item, false);
  if (JSON.stringify(item).length > MAX_ITEM_BYTES) throw invalid("Item size has exceeded the maximum allowed size");
  const old = table.items.get(key);
  table.items.set(key, item);
  return { Attributes: readString(input, "ReturnValues") === "ALL_OLD" ? old : undefined };
}

/** dynamodb:GetItem */
export function getItem(call: Call, input: JsonObject) {
  const table = selectTable(call, input, "GetItem");
  return { Item: table.items.get(readKey(table, readItem(input, "Key"), true)) };
}

/** dynamodb:DeleteItem */
export function deleteItem(call: Call, input: JsonObject) {
  const table = selectTable(call, input, "DeleteItem");
  const key = readKey(table, readItem(input, "Key"), true);
  const old = table.items.get(key);
  table.items.delete(key);
  return { Attributes: readString(input, "ReturnValues") === "ALL_OLD" ? old : undefined };
}

/** dynamodb:Scan, in pages of a megabyte or of `Limit`. */
export function scan(call: Call, input: JsonObject) {
  const limit = readNumber(input, "Limit");
  checkFields([{ field: "limit", value: limit?.toString(), min: 1 }], "ValidationException");
  const table = selectTable(call, input, "Scan");
  const startKey = readObject(input, "ExclusiveStartKey");
  const start = startKey === undefined ? undefined : readKey(table, readItem(input, "ExclusiveStartKey"), true);
  const entries = [...table.items].sort(([left], [right]) => (left < right ? -1 : 1));
  const rest = start === undefined ? entries : entries.filter(([key]) => key > start);
  const page: Item[] = [];
  let bytes = 0;
  for (const [, item] of rest) {
    if (page.length >= (limit ?? Number.POSITIVE_INFINITY) || bytes >= MAX_PAGE_BYTES) break;
    bytes += JSON.stringify(item).length;
    page.push(item);
  }
  const last = page.at(-1);
  const hasMore = page.length < rest.length && last !== undefined;
  return {
    Items: readString(input, "Select") === "COUNT" ? undefined : page,
    Count: page.length,
    ScannedCount: page.length,
    LastEvaluatedKey: hasMore ? keyOf(table, last) : undefined,
  };
}

function selectTable(call: Call, input: JsonObject, action: string): Table {
  refuseAbsentFeatures(input, EXPRESSIONS);
  const table = demandTable(call, authorizeTable(call, input, action));
  if (table.status === "CREATING") {
    throw new AwsFault("ResourceNotFoundException", "Requested resource not found");
  }
  return table;
}

function readItem(input: JsonObject, name: string): Item {
  const object = readObject(input, name);
  if (object === undefined) {
    throw invalid(
      `1 validation error detected: Value null at '${name.charAt(0).toLowerCase()}${name.slice(1)}' failed to satisfy constraint: Member must not be null`,
    );
  }
  for (const value of Object.values(object)) checkValue(value, 1);
  return object as Item;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/;

/** What each type of attribute holds; `M` and `L` hold values again. */
const SCALARS: Readonly<Record<string, (content: unknown) => boolean>> = {
  S: (content) => typeof content === "string",
  N: (content) => typeof content === "string" && content.length <= 60 && NUMBER.test(content),
  B: (content) => typeof content === "string" && BASE64.test(content),
  BOOL: (content) => typeof content === "boolean",
  NULL: (content) => content === true,
};

function checkValue(value: unknown, depth: number): void {
  if (depth > MAX_DEPTH) throw invalid("Nesting Levels have exceeded supported limits");
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  const [entry] = entries;
  if (entry === undefined || entries.length !== 1) {
    throw invalid(
      "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
    );
  }
  const [type, content] = entry;
  const element = type.length === 2 && type.endsWith("S") ? SCALARS[type.charAt(0)] : undefined;
  if (Object.hasOwn(SCALARS, type)) {
    if (SCALARS[type]?.(content) === true) return;
    if (type === "N") throw invalid(`The parameter cannot be converted to a numeric value: ${String(content)}`);
  } else if (type === "M" && isJsonObject(content)) {
    for (const each of Object.values(content)) checkValue(each, depth + 1);
    return;
  } else if (type === "L" && Array.isArray(content)) {
    for (const each of content) checkValue(each, depth + 1);
    return;
  } else if (element !== undefined && Array.isArray(content) && content.length > 0 && content.every(element)) {
    return;
  }
  throw invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
}

function keyOf(table: Table, item: Item): Item {
  return Object.fromEntries(table.keySchema.map(({ AttributeName }) => [AttributeName, item[AttributeName] ?? {}]));
}

/**
 * The text that an item is stored under.
 * @param isExact whether nothing but the key may stand there
 */
function readKey(table: Table, item: Item, isExact: boolean): string {
  const values = table.keySchema.map(({ AttributeName }) => {
    const value = Object.hasOwn(item, AttributeName) ? item[AttributeName] : undefined;
    const expected = table.attributeDefinitions.find((each) => each.AttributeName === AttributeName)?.AttributeType;
    if (value === undefined) {
      if (isExact) throw invalid("The provided key element does not match the schema");
      throw invalid(`One or more parameter values were invalid: Missing the key ${AttributeName} in the item`);
    }
    const [actual = ""] = Object.keys(value);
    if (actual !== expected) {
      if (isExact) throw invalid("The provided key element does not match the schema");
      throw invalid(
        `One or more parameter values were invalid: Type mismatch for key ${AttributeName} expected: ${expected} actual: ${actual}`,
      );
    }
    if (value[actual] === "") {
      throw invalid(
        `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: ${AttributeName}`,
      );
    }
    return actual === "N" ? { N: normalizeNumber(value) } : value;
  });
  if (isExact && Object.keys(item).length !== table.keySchema.length) {
    throw invalid("The provided key element does not match the schema");
  }
  return JSON.stringify(values);
}

/** `1`, `01.0` and `10e-1` are one key. */
function normalizeNumber(value: AttributeValue): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(String(value.N)) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign === "-" ? "-" : ""}${significant}e${power}`;
}
