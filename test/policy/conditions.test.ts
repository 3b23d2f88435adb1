import { describe, expect, it } from "vitest";
import { CONDITION_OPERATORS, parseConditionOperator } from "../../src/policy/condition-operator.ts";
import { evaluatePolicies } from "../../src/policy/evaluate.ts";
import { parsePolicyDate } from "../../src/policy/policy-date.ts";
import { type Context, identityPolicy, terminateRequest } from "./build-policies.ts";

/** Whether an Allow whose only limit is this condition applies. */
function holds(condition: object, context: Context): boolean {
  const statement = { Effect: "Allow", Action: "*", Resource: "*", Condition: condition };
  return evaluatePolicies(terminateRequest(context), [identityPolicy(statement)]) === "allowed";
}

type Case = readonly [condition: object, context: Context, expected: boolean];

const TAG = "aws:PrincipalTag/job-category";
const ENVIRONMENT = {
  StringEqualsIgnoreCase: { "aws:RequestTag/environment": ["preprod", "storage"] },
  "ForAnyValue:StringEquals": { "aws:TagKeys": "environment" },
};
const SNS_TOPIC = "arn:aws:sns:us-west-2:123456789012:TOPIC-ID";
const INSTANCE_TYPES = { StringLikeIfExists: { "ec2:InstanceType": ["t1.*", "t2.*", "m3.*"] } };

describe("conditions as AWS documents them by example", () => {
  // IAM User Guide, reference_policies_elements_condition_operators: the tables beside its examples.
  it.each<Case>([
    [{ StringEquals: { [TAG]: "iamuser-admin" } }, { [TAG]: "iamuser-admin" }, true],
    [{ StringEquals: { [TAG]: "iamuser-admin" } }, { [TAG]: "dev-ops" }, false],
    [{ StringEquals: { [TAG]: "iamuser-admin" } }, {}, false],
    [ENVIRONMENT, { "aws:TagKeys": ["environment"], "aws:RequestTag/environment": "preprod" }, true],
    [ENVIRONMENT, { "aws:TagKeys": ["environment", "costcenter"], "aws:RequestTag/environment": "PreProd" }, true],
    [ENVIRONMENT, { "aws:TagKeys": ["Environment"], "aws:RequestTag/Environment": "preprod" }, false],
    [ENVIRONMENT, { "aws:TagKeys": ["costcenter"], "aws:RequestTag/environment": "preprod" }, false],
    [ENVIRONMENT, { "aws:RequestTag/environment": "storage" }, false],
    [ENVIRONMENT, { "aws:TagKeys": ["environment"] }, false],
    [ENVIRONMENT, {}, false],
    [{ NumericLessThanEquals: { "s3:max-keys": "10" } }, { "s3:max-keys": "10" }, true],
    [{ NumericLessThanEquals: { "s3:max-keys": "10" } }, { "s3:max-keys": "11" }, false],
    [{ NumericLessThanEquals: { "s3:max-keys": "10" } }, {}, false],
    [
      { DateGreaterThan: { "aws:TokenIssueTime": "2020-01-01T00:00:01Z" } },
      { "aws:TokenIssueTime": "2020-06-01T00:00:00Z" },
      true,
    ],
    [
      { DateGreaterThan: { "aws:TokenIssueTime": "2020-01-01T00:00:01Z" } },
      { "aws:TokenIssueTime": "2020-01-01T00:00:01Z" },
      false,
    ],
    [{ DateGreaterThan: { "aws:TokenIssueTime": "2020-01-01T00:00:01Z" } }, {}, false],
    [{ Bool: { "aws:SecureTransport": "false" } }, { "aws:SecureTransport": "false" }, true],
    [{ Bool: { "aws:SecureTransport": "false" } }, { "aws:SecureTransport": "true" }, false],
    [{ Bool: { "aws:SecureTransport": "false" } }, {}, false],
    [{ BinaryEquals: { key: "QmluYXJ5VmFsdWVJbkJhc2U2NA==" } }, { key: "QmluYXJ5VmFsdWVJbkJhc2U2NA==" }, true],
    [{ BinaryEquals: { key: "QmluYXJ5VmFsdWVJbkJhc2U2NA==" } }, { key: "AAECAwQ=" }, false],
    [{ BinaryEquals: { key: "QmluYXJ5VmFsdWVJbkJhc2U2NA==" } }, {}, false],
    [{ IpAddress: { "aws:SourceIp": "203.0.113.0/24" } }, { "aws:SourceIp": "203.0.113.1" }, true],
    [{ IpAddress: { "aws:SourceIp": "203.0.113.0/24" } }, { "aws:SourceIp": "198.51.100.1" }, false],
    [{ ArnEquals: { "aws:SourceArn": SNS_TOPIC } }, { "aws:SourceArn": SNS_TOPIC }, true],
    [
      { ArnEquals: { "aws:SourceArn": SNS_TOPIC } },
      { "aws:SourceArn": "arn:aws:sns:us-west-2:777788889999:TOPIC-ID" },
      false,
    ],
    [{ ArnEquals: { "aws:SourceArn": SNS_TOPIC } }, {}, false],
    [INSTANCE_TYPES, { "ec2:InstanceType": "t1.micro" }, true],
    [INSTANCE_TYPES, { "ec2:InstanceType": "m2.micro" }, false],
    [INSTANCE_TYPES, {}, true],
    [{ Null: { "aws:TokenIssueTime": "false" } }, { "aws:TokenIssueTime": "2020-01-01T00:00:00Z" }, true],
    [{ Null: { "aws:TokenIssueTime": "false" } }, {}, false],
    [{ Null: { "aws:TokenIssueTime": "true" } }, {}, true],
    // Where a string would fit and an ARN does not: the first star would reach over the account.
    [
      { StringLike: { "aws:SourceArn": "arn:aws:someservice:*:111122223333:finance/*" } },
      { "aws:SourceArn": "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt" },
      true,
    ],
    [
      { ArnLike: { "aws:SourceArn": "arn:aws:someservice:*:111122223333:finance/*" } },
      { "aws:SourceArn": "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt" },
      false,
    ],
  ])("%j with %j: %s", (condition, context, expected) => {
    expect(holds(condition, context)).toBe(expected);
  });

  it("takes all operators and keys together, and the values of one key as alternatives", () => {
    // reference_policies_multi-value-conditions: noon to three, from one of two networks.
    const condition = {
      DateGreaterThan: { "aws:CurrentTime": "2019-07-16T12:00:00Z" },
      DateLessThan: { "aws:CurrentTime": "2019-07-16T15:00:00Z" },
      IpAddress: { "aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"] },
    };
    const at = (time: string, address: string) =>
      holds(condition, { "aws:CurrentTime": time, "aws:SourceIp": address });
    expect(at("2019-07-16T13:00:00Z", "203.0.113.9")).toBe(true);
    expect(at("2019-07-16T13:00:00Z", "192.0.2.1")).toBe(true);
    expect(at("2019-07-16T13:00:00Z", "198.51.100.1")).toBe(false);
    expect(at("2019-07-16T15:00:00Z", "192.0.2.1")).toBe(false);
  });
});

describe("string operators", () => {
  it.each<Case>([
    [{ StringEquals: { k: ["a", "b"] } }, { k: "b" }, true],
    [{ StringEquals: { k: "a" } }, { k: "A" }, false],
    [{ StringEquals: { k: "a*" } }, { k: "ab" }, false],
    [{ StringEquals: { k: "" } }, { k: "" }, true],
    [{ StringEquals: { K: "a" } }, { k: "a" }, true],
    [{ StringEquals: { k: 10 } }, { k: "10" }, true],
    [{ StringEquals: { k: true } }, { k: "true" }, true],
    [{ StringNotEquals: { k: "a" } }, { k: "b" }, true],
    [{ StringNotEquals: { k: ["a", "b"] } }, { k: "b" }, false],
    [{ StringNotEquals: { k: "a" } }, {}, true],
    [{ StringEqualsIgnoreCase: { k: "JOHN" } }, { k: "john" }, true],
    [{ StringNotEqualsIgnoreCase: { k: "JOHN" } }, { k: "john" }, false],
    [{ StringLike: { k: "a?c*" } }, { k: "abcd" }, true],
    [{ StringLike: { k: "A*" } }, { k: "abc" }, false],
    [{ StringNotLike: { k: ["dev*", "prod*"] } }, { k: "production" }, false],
    [{ StringNotLike: { k: ["dev*", "prod*"] } }, { k: "staging" }, true],
    [{ StringEquals: { k: [] } }, { k: "a" }, false],
    [{ stringequals: { k: "a" } }, { k: "a" }, true],
  ])("%j with %j: %s", (condition, context, expected) => {
    expect(holds(condition, context)).toBe(expected);
  });
});

describe("numeric operators", () => {
  it.each<Case>([
    [{ NumericEquals: { k: "3600" } }, { k: "3600" }, true],
    [{ NumericEquals: { k: 3600 } }, { k: "3600.0" }, true],
    [{ NumericEquals: { k: "1" } }, { k: "01" }, true],
    [{ NumericEquals: { k: "1" } }, { k: "+1" }, true],
    [{ NumericEquals: { k: "1" } }, { k: "1e0" }, true],
    [{ NumericEquals: { k: "1" } }, { k: "NaN" }, false],
    [{ NumericEquals: { k: "1" } }, { k: "Infinity" }, false],
    [{ NumericEquals: { k: "0" } }, { k: "" }, false],
    [{ NumericEquals: { k: "16" } }, { k: "0x10" }, false],
    [{ NumericNotEquals: { k: "1" } }, { k: "2" }, true],
    [{ NumericNotEquals: { k: "1" } }, { k: "no-number" }, true],
    [{ NumericNotEquals: { k: "1" } }, {}, true],
    [{ NumericLessThan: { k: "3600" } }, { k: "3599" }, true],
    [{ NumericLessThan: { k: "3600" } }, { k: "3600" }, false],
    [{ NumericLessThan: { k: "3600" } }, { k: "700" }, true],
    [{ NumericLessThan: { k: "3600" } }, { k: "no-number" }, false],
    [{ NumericLessThan: { k: "3600" } }, {}, false],
    [{ NumericLessThanIfExists: { k: "3600" } }, {}, true],
    [{ NumericLessThanEquals: { k: "-1.5" } }, { k: "-1.5" }, true],
    [{ NumericGreaterThan: { k: "10" } }, { k: "9" }, false],
    [{ NumericGreaterThan: { k: ["10", "8"] } }, { k: "9" }, true],
    [{ NumericGreaterThanEquals: { k: "10" } }, { k: "10" }, true],
  ])("%j with %j: %s", (condition, context, expected) => {
    expect(holds(condition, context)).toBe(expected);
  });
});

describe("date operators", () => {
  it.each<Case>([
    [{ DateEquals: { k: "2030-01-01T00:00:00Z" } }, { k: "2030-01-01T00:00:00Z" }, true],
    [{ DateEquals: { k: "2030-01-01T00:00:00Z" } }, { k: "1893456000" }, true],
    [{ DateEquals: { k: "2030-01-01T00:00:00Z" } }, { k: "2030-01-01" }, true],
    [{ DateEquals: { k: "2030-01-01T00:00:00Z" } }, { k: "2030-01-01T01:00:00+01:00" }, true],
    [{ DateEquals: { k: 1893456000 } }, { k: "2030-01-01T00:00:00.000Z" }, true],
    [{ DateEquals: { k: "2030" } }, { k: "2030-01-01T00:00:00Z" }, true],
    [{ DateEquals: { k: "2030-01-01T00:00:00Z" } }, { k: "not-a-date" }, false],
    [{ DateNotEquals: { k: "2030-01-01T00:00:00Z" } }, { k: "not-a-date" }, true],
    [{ DateNotEquals: { k: "2030-01-01T00:00:00Z" } }, {}, true],
    [{ DateLessThan: { k: "2030-01-01T00:00:00Z" } }, { k: "2029-12-31T23:59:59.999Z" }, true],
    [{ DateLessThanEquals: { k: "2030-01-01T00:00:00Z" } }, { k: "2030-01-01T00:00:00Z" }, true],
    [{ DateGreaterThan: { k: "2030-01-01T00:00:00Z" } }, { k: "2030-01-01T00:00:00.001Z" }, true],
    [{ DateGreaterThanEquals: { k: "2030-01-01T00:00:00Z" } }, { k: "2029-12-31T23:59:59Z" }, false],
    [{ DateLessThan: { k: "2030-01-01T00:00:00Z" } }, {}, false],
  ])("%j with %j: %s", (condition, context, expected) => {
    expect(holds(condition, context)).toBe(expected);
  });

  it.each([
    ["2020", "2020-01-01T00:00:00.000Z"],
    ["2020-02", "2020-02-01T00:00:00.000Z"],
    ["2020-02-29", "2020-02-29T00:00:00.000Z"],
    ["2020-02-29T10:30+05:30", "2020-02-29T05:00:00.000Z"],
    ["2020-02-29T10:30:15-0530", "2020-02-29T16:00:15.000Z"],
    ["2020-02-29T10:30:15", "2020-02-29T10:30:15.000Z"],
    ["2020-02-29t1:30:15.1239Z", "2020-02-29T01:30:15.123Z"],
    ["0", "1970-01-01T00:00:00.000Z"],
    ["1577836800", "2020-01-01T00:00:00.000Z"],
  ])("reads the date %s as %s", (text, expected) => {
    expect(new Date(parsePolicyDate(text) ?? Number.NaN).toISOString()).toBe(expected);
  });

  it.each([
    "",
    "2020-13",
    "2020-02-30",
    "2020-00-01",
    "2020-01-01T24:00Z",
    "2020-01-01T00:60Z",
    "2020-1-1",
    "-1",
    "1e9",
    " 2020",
    "2020-01-01T00:00:00ZZ",
  ])("reads %j as no date", (text) => {
    expect(parsePolicyDate(text)).toBeUndefined();
  });
});

describe("Bool and Null", () => {
  it.each<Case>([
    [{ Bool: { k: true } }, { k: "true" }, true],
    [{ Bool: { k: "true" } }, { k: "true" }, true],
    [{ Bool: { k: "True" } }, { k: "true" }, true],
    [{ Bool: { k: "true" } }, { k: "TRUE" }, true],
    [{ Bool: { k: "true" } }, { k: "false" }, false],
    [{ Bool: { k: false } }, { k: "false" }, true],
    // All that is not true is false: this policy asks for no MFA, whatever its author meant.
    [{ Bool: { k: "yes" } }, { k: "false" }, true],
    [{ Bool: { k: "yes" } }, { k: "true" }, false],
    [{ Bool: { k: "false" } }, { k: "yes" }, true],
    [{ Bool: { k: ["true", "false"] } }, { k: "false" }, true],
    [{ Null: { k: true } }, {}, true],
    [{ Null: { k: "TRUE" } }, {}, true],
    [{ Null: { k: true } }, { k: "" }, false],
    [{ Null: { k: false } }, { k: "" }, true],
    [{ Null: { k: false } }, { k: [] }, true],
    [{ Null: { k: ["true", "false"] } }, {}, true],
    [{ Null: { k: "yes" } }, {}, false],
    [{ Null: { k: "yes" } }, { k: "a" }, true],
  ])("%j with %j: %s", (condition, context, expected) => {
    expect(holds(condition, context)).toBe(expected);
  });
});

describe("ARN operators", () => {
  const user = "arn:aws:iam::111122223333:user/staff/ana";
  it.each<Case>([
    [{ ArnLike: { k: "arn:aws:iam::111122223333:user/*" } }, { k: user }, true],
    [{ ArnEquals: { k: "arn:aws:iam::1111*3333:user/*/?na" } }, { k: user }, true],
    [{ ArnLike: { k: "arn:*:iam::*:*" } }, { k: user }, true],
    [{ ArnLike: { k: "*" } }, { k: user }, true],
    [{ ArnLike: { k: "arn:aws:iam::*:USER/*" } }, { k: user }, false],
    [{ ArnLike: { k: "arn:aws:*:user/*" } }, { k: user }, false],
    [{ ArnLike: { k: "arn:aws:iam:*" } }, { k: user }, false],
    [{ ArnLike: { k: "arn:aws:sns:*:*:topic:*" } }, { k: "arn:aws:sns:us-east-1:111122223333:topic:sub:x" }, true],
    [{ ArnNotLike: { k: "arn:aws:iam::*:role/*" } }, { k: user }, true],
    [{ ArnNotEquals: { k: ["arn:aws:iam::*:role/*", "arn:aws:iam::*:user/*"] } }, { k: user }, false],
    [{ ArnNotLike: { k: "arn:aws:iam::*:role/*" } }, {}, true],
    // What is no ARN matches nothing, negated or not.
    [{ ArnLike: { k: "*" } }, { k: "not-an-arn" }, false],
    [{ ArnNotLike: { k: "arn:aws:iam::*:role/*" } }, { k: "not-an-arn" }, false],
    [{ ArnLikeIfExists: { k: "arn:aws:iam::*:role/*" } }, {}, true],
  ])("%j with %j: %s", (condition, context, expected) => {
    expect(holds(condition, context)).toBe(expected);
  });
});

describe("set operators", () => {
  const keys = (...values: string[]) => ({ "aws:TagKeys": values });
  const condition = (operator: string, ...values: string[]) => ({ [operator]: { "aws:TagKeys": values } });
  it.each<Case>([
    [condition("ForAllValues:StringEquals", "a", "b"), keys("a"), true],
    [condition("ForAllValues:StringEquals", "a", "b"), keys("a", "c"), false],
    [condition("ForAllValues:StringEquals", "a", "b"), {}, true],
    [condition("ForAllValues:StringEquals", "a", "b"), keys(), true],
    [condition("ForAnyValue:StringEquals", "a", "b"), keys("a", "c"), true],
    [condition("ForAnyValue:StringEquals", "a", "b"), keys("c"), false],
    [condition("ForAnyValue:StringEquals", "a", "b"), {}, false],
    [condition("ForAnyValue:StringEquals", "a", "b"), keys(), false],
    [condition("ForAllValues:StringNotEquals", "a"), keys("b", "c"), true],
    [condition("ForAllValues:StringNotEquals", "a"), keys("a", "c"), false],
    [condition("ForAllValues:StringNotEquals", "a"), {}, true],
    [condition("ForAnyValue:StringNotEquals", "a"), keys("a", "c"), true],
    [condition("ForAnyValue:StringNotEquals", "a", "c"), keys("a", "c"), false],
    [condition("ForAnyValue:StringNotEquals", "a"), {}, false],
    [condition("ForAnyValue:StringLike", "team-*"), keys("x", "team-1"), true],
    [condition("ForAllValues:StringLikeIfExists", "team-*"), {}, true],
    // The set operator comes first: of no values, none matches.
    [condition("ForAnyValue:StringEqualsIfExists", "a"), {}, false],
    // An empty text is a value (recorded answers of TagUser; the User Guide calls it an empty set).
    [condition("ForAllValues:StringEquals", "a"), keys(""), false],
    [condition("ForAnyValue:StringEquals", ""), keys(""), true],
    // Without a set operator nothing holds for a key that has several values (recorded likewise).
    [condition("StringEquals", "a"), keys("a", "b"), false],
    [condition("StringNotEquals", "z"), keys("a", "b"), false],
    [condition("StringEqualsIfExists", "a"), keys("a", "b"), false],
    [condition("StringEqualsIfExists", "a"), keys(), false],
  ])("%j with %j: %s", (block, context, expected) => {
    expect(holds(block, context)).toBe(expected);
  });
});

describe("parseConditionOperator", () => {
  it("knows every operator with and without IfExists and set operators", () => {
    for (const name of Object.keys(CONDITION_OPERATORS)) {
      for (const set of [undefined, "ForAllValues", "ForAnyValue"] as const) {
        for (const ifExists of [false, true]) {
          const text = `${set === undefined ? "" : `${set}:`}${name}${ifExists ? "IfExists" : ""}`;
          const expected = name === "Null" && ifExists ? undefined : { name, ifExists, setOperator: set };
          expect(parseConditionOperator(text), text).toEqual(expected && expect.objectContaining(expected));
        }
      }
    }
  });

  it.each([
    "",
    "IfExists",
    "ForAnyValue:",
    "ForEachValue:StringEquals",
    "StringEqualsIfExistsIfExists",
    "__proto__",
    "toString",
  ])("knows no operator %j", (text) => {
    expect(parseConditionOperator(text)).toBeUndefined();
  });
});
