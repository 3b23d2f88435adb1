import { ARN_PARTS, isArn, matchesArn, splitArnPattern } from "./arn-pattern.ts";
import type { ConditionOperator } from "./condition-operator.ts";
import { isInRange, parseIpAddress, parseIpRange } from "./ip-address.ts";
import { parsePolicyDate } from "./policy-date.ts";
import {
  type PolicyText,
  type PolicyVersion,
  parsePolicyText,
  type RequestContext,
  resolvePattern,
  resolveText,
} from "./policy-variables.ts";
import { matchesWildcard } from "./wildcard.ts";

/** @returns undefined when it cannot be told: then a negated operator does not hold either */
export type ValueMatcher = (requestValue: string, policyValue: string) => boolean | undefined;

/**
 * How an operator compares one value of the request with one of the policy, before negation. Variables are for
 * strings, ARNs and booleans (reference_policies_elements_condition_operators).
 * What AWS does with values that are not what the operator compares is not documented but recorded (radkawar/stackd,
 * testdata/aws/iam/condition_values.json and condition_ip.json): text that is no number or no date equals none; text
 * that is no ARN or no address matches nothing, negated or not; a boolean is `true` in any case of letters, and all
 * else is false.
 */
export function valueMatcher(
  operator: ConditionOperator,
  version: PolicyVersion,
  context: RequestContext,
): ValueMatcher {
  switch (operator.comparison) {
    case "string":
      return textMatcher(version, context, (value, text) => value === text);
    case "stringIgnoringCase":
      return textMatcher(version, context, (value, text) => value.toLowerCase() === text.toLowerCase());
    case "boolean":
      return textMatcher(version, context, (value, text) => isTrue(value) === isTrue(text));
    case "stringPattern":
      return (value, policyValue) => {
        const pattern = resolvePattern(parsePolicyText(policyValue, version), context);
        return pattern === undefined ? undefined : matchesWildcard(value, pattern);
      };
    case "arn":
      return (value, policyValue) => {
        if (!isArn(value)) return undefined;
        return policyValue === "*" || matchesArnText(value, parsePolicyText(policyValue, version), context);
      };
    case "number":
      return orderedMatcher(parsePolicyNumber, operator.order);
    case "date":
      return orderedMatcher(parsePolicyDate, operator.order);
    case "bytes":
      return (value, policyValue) => value === policyValue;
    case "ipAddress":
      return matchesIpRange;
    case "presence":
      return () => undefined;
  }
}

/**
 * Whether IAM would store a value under an operator: it refuses numbers, dates, ARNs, addresses and binaries that are
 * none (recorded in the same place), and takes any text as a string or a boolean.
 */
export function isPolicyValue(operator: ConditionOperator, value: string): boolean {
  switch (operator.comparison) {
    case "number":
      return parsePolicyNumber(value) !== undefined;
    case "date":
      return parsePolicyDate(value) !== undefined;
    case "arn":
      return value === "*" || value.startsWith("arn:") || value.includes("${");
    case "bytes":
      return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value);
    case "ipAddress":
      return parseIpRange(value) !== undefined;
    default:
      return true;
  }
}

export function isTrue(text: string): boolean {
  return text.toLowerCase() === "true";
}

function textMatcher(
  version: PolicyVersion,
  context: RequestContext,
  matches: (requestValue: string, text: string) => boolean,
): ValueMatcher {
  return (requestValue, policyValue) => {
    const text = resolveText(parsePolicyText(policyValue, version), context);
    return text === undefined ? undefined : matches(requestValue, text);
  };
}

/** Part by part, unless a variable stands for several parts at once (`${aws:PrincipalTag/topic-arn}`). */
function matchesArnText(arn: string, text: PolicyText, context: RequestContext): boolean | undefined {
  const parts = splitArnPattern(text);
  if (parts.length === ARN_PARTS || text.every((piece) => typeof piece === "string")) {
    return matchesArn(arn, parts, context);
  }
  const pattern = resolvePattern(text, context);
  return pattern === undefined ? undefined : matchesWildcard(arn, pattern);
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

/** As Java's BigDecimal reads it, but to the precision of a double. */
function parsePolicyNumber(text: string): number | undefined {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/.test(text) ? Number(text) : undefined;
}

function matchesIpRange(requestValue: string, policyValue: string): boolean | undefined {
  const address = parseIpAddress(requestValue);
  const range = parseIpRange(policyValue);
  if (address === undefined) return undefined;
  return range !== undefined && isInRange(address, range);
}
