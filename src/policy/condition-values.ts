import { matchesArn, splitArnPattern } from "./arn-pattern.ts";
import type { ConditionOperator } from "./condition-operator.ts";
import { parseIpRange, rangeContains } from "./ip-address.ts";
import { parsePolicyDate } from "./policy-date.ts";
import type { PolicyVersion } from "./policy-statement.ts";
import { parsePolicyText, type RequestContext, resolvePattern, resolveText } from "./policy-variables.ts";
import { matchesWildcard } from "./wildcard.ts";

export type ValueMatcher = (requestValue: string, policyValue: string) => boolean;

/**
 * How an operator compares one value of the request with one of the policy, before negation.
 * A value that cannot be read as what is compared, on either side, matches nothing; nor does a variable without value.
 * Variables are for strings, ARNs and booleans (reference_policies_elements_condition_operators).
 */
export function valueMatcher(
  operator: ConditionOperator,
  version: PolicyVersion,
  context: RequestContext,
): ValueMatcher {
  const resolve = (text: string) => resolveText(parsePolicyText(text, version), context);
  switch (operator.comparison) {
    case "string":
      return (value, policy) => value === resolve(policy);
    case "stringIgnoringCase":
    case "boolean":
      return (value, policy) => value.toLowerCase() === resolve(policy)?.toLowerCase();
    case "stringPattern":
      return (value, policy) => {
        const pattern = resolvePattern(parsePolicyText(policy, version), context);
        return pattern !== undefined && matchesWildcard(value, pattern);
      };
    case "arn":
      return (value, policy) => matchesArn(value, splitArnPattern(parsePolicyText(policy, version)), context);
    case "number":
      return orderedMatcher(parsePolicyNumber, operator.order);
    case "date":
      return orderedMatcher(parsePolicyDate, operator.order);
    case "bytes":
      return (value, policy) => isBase64(policy) && withoutPadding(value) === withoutPadding(policy);
    case "ipAddress":
      return matchesIpRange;
    case "presence":
      return () => false;
  }
}

function orderedMatcher(parse: (text: string) => number | undefined, order: ConditionOperator["order"]): ValueMatcher {
  return (requestValue, policyValue) => {
    const left = parse(requestValue);
    const right = parse(policyValue);
    if (left === undefined || right === undefined) return false;
    if (order === "<") return left < right;
    if (order === "<=") return left <= right;
    if (order === ">") return left > right;
    if (order === ">=") return left >= right;
    return left === right;
  };
}

function parsePolicyNumber(text: string): number | undefined {
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text) && withoutPadding(text).length % 4 !== 1;
}

function withoutPadding(base64: string): string {
  return base64.replace(/={1,2}$/, "");
}

function matchesIpRange(requestValue: string, policyValue: string): boolean {
  const address = parseIpRange(requestValue);
  const range = parseIpRange(policyValue);
  return address !== undefined && range !== undefined && rangeContains(range, address);
}
