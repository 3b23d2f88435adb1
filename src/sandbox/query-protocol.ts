import { AwsFault } from "./aws-fault.ts";

/** The fields of a query-protocol call, by their dotted names (`Filter.1.Value.2`). */
export type QueryParameters = ReadonlyMap<string, string>;

/** More fields than the largest real call needs (1,000 ids, 200 filter values, 50 tags). */
const MAX_FIELDS = 5_000;

/**
 * Reads `application/x-www-form-urlencoded` text. The first of two fields of one name wins (AWS.md, STS faults).
 * @throws AwsFault MalformedQueryString
 */
export function parseForm(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  if (text === "") return parameters;
  const pairs = text.split("&", MAX_FIELDS + 1);
  if (pairs.length > MAX_FIELDS) throw new AwsFault("MalformedQueryString", "Too many parameters");
  for (const pair of pairs) {
    if (pair === "") continue;
    const split = pair.indexOf("=");
    const name = decodeFormText(split < 0 ? pair : pair.slice(0, split));
    const value = split < 0 ? "" : decodeFormText(pair.slice(split + 1));
    if (!parameters.has(name)) parameters.set(name, value);
  }
  return parameters;
}

function decodeFormText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new AwsFault("MalformedQueryString", "The query string contains a syntax error");
  }
}

/** The values of `prefix.1`, `prefix.2`, … in the order of their numbers; gaps are allowed. */
export function listOf(parameters: QueryParameters, prefix: string): string[] {
  return structuresOf(parameters, prefix).flatMap((fields) => fields.get("") ?? []);
}

/** The groups of fields `prefix.1.Key`, `prefix.1.Value`, … in the order of their numbers; `prefix.1` itself is under "". */
export function structuresOf(parameters: QueryParameters, prefix: string): QueryParameters[] {
  const groups = new Map<number, Map<string, string>>();
  const start = `${prefix}.`;
  for (const [name, value] of parameters) {
    if (!name.startsWith(start)) continue;
    const match = /^(\d{1,6})(?:\.(.*))?$/s.exec(name.slice(start.length));
    if (match === null) continue;
    const index = Number(match[1]);
    const group = groups.get(index) ?? new Map<string, string>();
    groups.set(index, group);
    group.set(match[2] ?? "", value);
  }
  return [...groups].sort(([left], [right]) => left - right).map(([, group]) => group);
}

/** What an XML answer is made from: an object's entries are elements, a list's are elements of the list's item name. */
export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | { readonly [element: string]: XmlValue };

/**
 * @param itemName `item` for EC2, `member` for STS and IAM
 * @returns the element with its contents; nothing for undefined
 */
export function formatXml(element: string, value: XmlValue, itemName: string): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) {
    const items = value as readonly XmlValue[];
    return `<${element}>${items.map((item) => formatXml(itemName, item, itemName)).join("")}</${element}>`;
  }
  if (typeof value === "object") {
    return `<${element}>${formatXmlEntries(value as { readonly [name: string]: XmlValue }, itemName)}</${element}>`;
  }
  return `<${element}>${escapeXml(String(value))}</${element}>`;
}

/** The elements of an object, without one around them. */
export function formatXmlEntries(entries: { readonly [element: string]: XmlValue }, itemName: string): string {
  return Object.entries(entries)
    .map(([name, value]) => formatXml(name, value, itemName))
    .join("");
}

const XML_ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const NO_XML_CHARACTER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\p{Surrogate}\ufffe\uffff]/gu;

/** Whether XML 1.0 has all of its characters (W3C REC-xml, 2.2): whether an answer can give the text back. */
export function isXmlText(text: string): boolean {
  return text.search(NO_XML_CHARACTER) < 0;
}

/**
 * Text as XML content. What XML 1.0 has no character for becomes U+FFFD: a reference to one (`&#27;`) is no better, and
 * clients with a strict parser (botocore) would lose the whole answer. White space but the blank, and the other control
 * characters, are references, so that no parser changes them.
 */
export function escapeXml(text: string): string {
  return text
    .replace(NO_XML_CHARACTER, "\ufffd")
    .replace(/[&<>"'\t\n\r\u007f-\u009f]/g, (character) => XML_ENTITIES[character] ?? `&#${character.charCodeAt(0)};`);
}

/** ISO 8601 with seconds, as STS and IAM write times. */
export function formatSecondsTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d{3}Z$/, "Z");
}
