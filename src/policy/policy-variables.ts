import type { PolicyVersion } from "./policy-document.ts";
import { parseWildcardPattern, type WildcardPattern } from "./wildcard.ts";

// `${*}`, `${?}`, `${$}` for the characters themselves; `${key}`; `${key, 'default'}`. Anything else that begins
// with `${` is text. Written so that no run of characters is tried twice.
const VARIABLE = /\$\{(?:([*?$])|([^,'{}]+)(?:,\s*'([^']*)'\s*)?)\}/g;

/**
 * Puts the request's values in the place of policy variables and reads the wildcards of the text around them.
 * What a variable stands for is text: a `*` in a tag's value is no wildcard.
 * Documents older than 2012-10-17 have no variables: there `${aws:username}` is text.
 * (IAM User Guide, reference_policies_variables)
 *
 * @param context condition keys in lower case
 * @returns undefined when a variable has no value and no default, or more than one value: then nothing matches
 */
export function expandPolicyText(
  text: string,
  version: PolicyVersion,
  context: ReadonlyMap<string, readonly string[]>,
): WildcardPattern | undefined {
  if (version === "2008-10-17" || !text.includes("${")) return parseWildcardPattern(text);
  const parts: WildcardPattern[number][] = [];
  let end = 0;
  for (const match of text.matchAll(VARIABLE)) {
    parts.push(...parseWildcardPattern(text.slice(end, match.index)));
    end = match.index + match[0].length;
    const [, character, key, defaultValue] = match;
    const value = character ?? variableValue(key ?? "", context) ?? defaultValue;
    if (value === undefined) return undefined;
    if (value !== "") parts.push(value);
  }
  parts.push(...parseWildcardPattern(text.slice(end)));
  return parts;
}

function variableValue(key: string, context: ReadonlyMap<string, readonly string[]>): string | undefined {
  const values = context.get(key.trim().toLowerCase());
  return values?.length === 1 ? values[0] : undefined;
}
