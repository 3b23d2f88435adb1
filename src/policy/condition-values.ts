import { matchesArn } from "./arn-pattern.ts";
import type { ConditionOperatorName } from "./condition-operator.ts";
import { parseIpRange, rangeContains } from "./ip-address.ts";
import { parsePolicyDate } from "./policy-date.ts";
import type { PolicyVersion } from "./policy-document.ts";
import { expandPolicyText } from "./policy-variables.ts";
import { matchesWildcard, type WildcardPattern } from "./wildcard.ts";

type RequestContext = ReadonlyMap<string, readonly string[]>;

/** How an operator compares one value of the request with one of the policy. */
export interface ValueTest {
  /** The operator holds where `matches` is false for every value of the policy. */
  readonly negated: boolean;
  readonly matches: (requestValue: string, policyValue: string) => boolean;
}

/** A value that cannot be read as what the operator compares matches nothing, on either side. */
export function valueTestOf(
  name: Exclude<ConditionOperatorName, "Null">,
  version: PolicyVersion,
  context: RequestContext,
): ValueTest {
  const negated = name.includes("Not");
  const expand = (text: string) => expandPolicyText(text, version, context);
  const plain = (text: string) => {
    const pattern = expandPolicyText(text, version, context);
    return pattern === undefined ? undefined : literalText(pattern);
  };
  switch (name) {
    case "StringEquals":
    case "StringNotEquals":
      return { negated, matches: (value, policy) => value === plain(policy) };
    case "StringEqualsIgnoreCase":
    case "StringNotEqualsIgnoreCase":
      return { negated, matches: (value, policy) => value.toLowerCase() === plain(policy)?.toLowerCase() };
    case "StringLike":
    case "StringNotLike":
      return { negated, matches: (value, policy) => matchesPattern(value, expand(policy)) };
    case "ArnEquals":
    case "ArnLike":
    case "ArnNotEquals":
    case "ArnNotLike":
      return { negated, matches: (value, policy) => matchesArn(value, policy, expand) };
    case "Bool":
      return { negated, matches: (value, policy) => value.toLowerCase() === plain(policy)?.toLowerCase() };
    case "NumericEquals":
    case "NumericNotEquals":
    case "NumericLessThan":
    case "NumericLessThanEquals":
    case "NumericGreaterThan":
    case "NumericGreaterThanEquals":
      return { negated, matches: compareWith(name.slice("Numeric".length), parsePolicyNumber) };
    case "DateEquals":
    case "DateNotEquals":
    case "DateLessThan":
    case "DateLessThanEquals":
    case "DateGreaterThan":
    case "DateGreaterThanEquals":
      return { negated, matches: compareWith(name.slice("Date".length), parsePolicyDate) };
    case "BinaryEquals":
      return { negated, matches: equalBytes };
    case "IpAddress":
    case "NotIpAddress":
      return { negated, matches: inRange };
  }
}

function matchesPattern(value: string, pattern: WildcardPattern | undefined): boolean {
  return pattern !== undefined && matchesWildcard(value, pattern);
}

/** For operators without wildcards: `*` and `?` are characters. */
function literalText(pattern: WildcardPattern): string {
  return pattern.map((part) => (typeof part === "string" ? part : part.description)).join("");
}

function compareWith(
  comparison: string,
  parse: (text: string) => number | undefined,
): (requestValue: string, policyValue: string) => boolean {
  return (requestValue, policyValue) => {
    const left = parse(requestValue);
    const right = parse(policyValue);
    if (left === undefined || right === undefined) return false;
    if (comparison === "LessThan") return left < right;
    if (comparison === "LessThanEquals") return left <= right;
    if (comparison === "GreaterThan") return left > right;
    if (comparison === "GreaterThanEquals") return left >= right;
    return left === right;
  };
}

function parsePolicyNumber(text: string): number | undefined {
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

function equalBytes(requestValue: string, policyValue: string): boolean {
  return requestValue.replace(/=+$/, "") === policyValue.replace(/=+$/, "");
}

function inRange(requestValue: string, policyValue: string): boolean {
  const address = parseIpRange(requestValue);
  const range = parseIpRange(policyValue);
  return address !== undefined && range !== undefined && rangeContains(range, address);
}
