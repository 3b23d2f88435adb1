import { checkNewSessionPolicy } from "./new-policy.ts";
import { parsePolicyDocument } from "./policy-document.ts";
import { isJsonObject, type JsonValue, parsePolicyJson } from "./policy-json.ts";
import { POLICY_SIZE_QUOTAS, policySizeCharacters } from "./policy-size.ts";
import { PolicySyntaxError } from "./policy-syntax-error.ts";

/** A policy that goes with an AssumeRole and narrows what its session may do. */
export interface SessionPolicy {
  /** As it was written, but for the white space between its parts, which would only count against the size. */
  readonly text: string;
  /** The same for every way of writing the same document: white space, order of keys, escapes. For comparing alone. */
  readonly canonical: string;
}

/**
 * Reads what AssumeRole takes as its `Policy`, as strictly as STS does.
 * @throws PolicySyntaxError
 */
export function parseSessionPolicy(text: string): SessionPolicy {
  // Before the parser's own check, which knows the larger quota of a role's inline policies only.
  if (policySizeCharacters(text) > POLICY_SIZE_QUOTAS.session) throw tooLarge();
  checkNewSessionPolicy(parsePolicyDocument(text, "identity"));
  const compact = text.replace(/("(?:[^"\\]|\\.)*")|[ \t\n\r]+/g, "$1");
  if (compact.length > POLICY_SIZE_QUOTAS.session) throw tooLarge();
  return Object.freeze({ text: compact, canonical: formatCanonical(parsePolicyJson(text, "")) });
}

function tooLarge(): PolicySyntaxError {
  return new PolicySyntaxError(
    `a session policy has at most ${POLICY_SIZE_QUOTAS.session} characters, white space between its parts not counted`,
    { awsMessage: "Policy is too large." },
  );
}

function formatCanonical(value: JsonValue): string {
  if (isJsonObject(value)) {
    const members = [...value].sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${formatCanonical(member)}`).join(",")}}`;
  }
  if (isList(value)) return `[${value.map(formatCanonical).join(",")}]`;
  // A number stays as it was written: to some operators of a policy 1 and 1.0 are two texts.
  return typeof value === "object" && value !== null ? value.numberText : JSON.stringify(value);
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
