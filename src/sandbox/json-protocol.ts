import { AwsFault } from "./aws-fault.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The body of an AWS JSON call.
 * @throws AwsFault SerializationException for anything but one JSON object
 */
export function parseJsonObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text === "" ? "{}" : text, dropPrototypeKey);
  } catch {
    throw new AwsFault("SerializationException", "Unexpected value type in payload");
  }
  if (!isJsonObject(value)) throw new AwsFault("SerializationException", "Start of structure expected");
  return value;
}

/** `__proto__` in a body would become an object's prototype wherever it is copied. */
function dropPrototypeKey(key: string, value: unknown): unknown {
  return key === "__proto__" ? undefined : value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @returns undefined when the field is absent or null. @throws AwsFault SerializationException for another type */
export function readString(input: JsonObject, name: string): string | undefined {
  const value = input[name] ?? undefined;
  if (value === undefined || typeof value === "string") return value;
  throw new AwsFault("SerializationException", `${typeName(value)} can not be converted to an String`);
}

/** @returns undefined when the field is absent or null. @throws AwsFault SerializationException for another type */
export function readNumber(input: JsonObject, name: string): number | undefined {
  const value = input[name] ?? undefined;
  if (value === undefined || typeof value === "number") return value;
  throw new AwsFault("SerializationException", `${typeName(value)} can not be converted to an Integer`);
}

/** @returns undefined when the field is absent or null. @throws AwsFault SerializationException for another type */
export function readFlag(input: JsonObject, name: string): boolean | undefined {
  const value = input[name] ?? undefined;
  if (value === undefined || typeof value === "boolean") return value;
  throw new AwsFault("SerializationException", `${typeName(value)} can not be converted to a Boolean`);
}

/** @returns undefined when the field is absent or null. @throws AwsFault SerializationException for another type */
export function readObject(input: JsonObject, name: string): JsonObject | undefined {
  const value = input[name] ?? undefined;
  if (value === undefined || isJsonObject(value)) return value;
  throw new AwsFault("SerializationException", "Unexpected field type");
}

/** @returns undefined when the field is absent or null. @throws AwsFault SerializationException when not a list of objects */
export function readObjects(input: JsonObject, name: string): readonly JsonObject[] | undefined {
  const value = input[name] ?? undefined;
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every(isJsonObject)) return value;
  throw new AwsFault("SerializationException", "Unexpected field type");
}

function typeName(value: unknown): string {
  if (typeof value === "number") return "NUMBER_VALUE";
  if (typeof value === "boolean") return value ? "TRUE_VALUE" : "FALSE_VALUE";
  if (typeof value === "string") return "STRING_VALUE";
  return "Start of structure or map found where not expected:";
}
