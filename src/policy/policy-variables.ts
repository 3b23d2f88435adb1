import { parseWildcardPattern, type WildcardPattern } from "./wildcard.ts";

/** Of the policy language, a document's `Version`; only the newer one has variables. */
export type PolicyVersion = "2008-10-17" | "2012-10-17";

/** Condition keys in lower case, with their values; an absent key is absent. */
export type RequestContext = ReadonlyMap<string, readonly string[]>;

/** Text of a policy: as written between its variables. */
export type PolicyText = readonly (string | PolicyVariable)[];

export type PolicyVariable =
  /** `${*}`, `${?}`, `${$}`: the character itself. */
  | { readonly character: string }
  /** `${key}` or `${key, 'default'}`; the key in lower case. */
  | { readonly key: string; readonly defaultValue: string | undefined };

// Anything else that begins with `${` is text. No two parts of it can take the same character, so that a hostile text
// is not tried over and over.
const VARIABLE = /\$\{(?:([*?$])|([^,'{}]+)(?:, '([^']*)')?)\}/g;

/** Documents older than 2012-10-17 have no variables: there `${aws:username}` is text. */
export function parsePolicyText(text: string, version: PolicyVersion): PolicyText {
  if (version === "2008-10-17" || !text.includes("${")) return [text];
  const parts: (string | PolicyVariable)[] = [];
  let end = 0;
  for (const match of text.matchAll(VARIABLE)) {
    const [whole, character, key = "", defaultValue] = match;
    parts.push(text.slice(end, match.index));
    parts.push(character === undefined ? { key: key.toLowerCase(), defaultValue } : { character });
    end = match.index + whole.length;
  }
  return [...parts, text.slice(end)];
}

/**
 * For operators without wildcards.
 * @returns undefined when a variable has no value: see {@link variableValue}
 */
export function resolveText(text: PolicyText, context: RequestContext): string | undefined {
  let resolved = "";
  for (const part of text) {
    const value = typeof part === "string" ? part : variableValue(part, context);
    if (value === undefined) return undefined;
    resolved += value;
  }
  return resolved;
}

/**
 * Reads the wildcards of the text; what a variable stands for is text, so that a tag whose value is `*` opens nothing.
 * @returns undefined when a variable has no value: see {@link variableValue}
 */
export function resolvePattern(text: PolicyText, context: RequestContext): WildcardPattern | undefined {
  const pattern: WildcardPattern[number][] = [];
  for (const part of text) {
    if (typeof part === "string") {
      pattern.push(...parseWildcardPattern(part));
      continue;
    }
    const value = variableValue(part, context);
    if (value === undefined) return undefined;
    pattern.push(value);
  }
  return pattern;
}

/** Undefined when the key is absent and has no default, or has several values, which no text can stand for. */
function variableValue(variable: PolicyVariable, context: RequestContext): string | undefined {
  if ("character" in variable) return variable.character;
  const values = context.get(variable.key);
  if (values === undefined || values.length === 0) return variable.defaultValue;
  return values.length === 1 ? values[0] : undefined;
}
