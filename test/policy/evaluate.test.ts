import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AccessRequest, evaluatePolicies, evaluateTrust } from "../../src/policy/evaluate.ts";
import { parsePolicyDocument } from "../../src/policy/policy-document.ts";
import {
  assumeRoleRequest,
  type Context,
  contextOf,
  identityPolicy,
  PARENT,
  terminateRequest,
  trustPolicy,
  USER,
} from "./build-policies.ts";
import { identityCases } from "./random-policies.ts";

const ALLOW_ALL = { Effect: "Allow", Action: "*", Resource: "*" };
const MFA = "aws:MultiFactorAuthPresent";

/** What the request's context says of MFA: long-term keys, temporary ones without, temporary ones with. */
const NO_KEY: Context = {};
const NO_MFA: Context = { [MFA]: "false" };
const WITH_MFA: Context = { [MFA]: "true", "aws:MultiFactorAuthAge": "1800" };

describe("MFA conditions of a trust policy", () => {
  // IAM User Guide, id_credentials_mfa_configure-api-require and reference_policies_condition-keys.
  it.each<[condition: object, longTermKeys: boolean, withoutMfa: boolean, withMfa: boolean]>([
    [{ Bool: { [MFA]: true } }, false, false, true],
    [{ Bool: { [MFA]: "true" } }, false, false, true],
    [{ Bool: { [MFA]: "True" } }, false, false, true],
    [{ Bool: { "AWS:multifactorauthpresent": "true" } }, false, false, true],
    [{ StringEquals: { [MFA]: "true" } }, false, false, true],
    [{ NumericLessThan: { "aws:MultiFactorAuthAge": "3600" } }, false, false, true],
    [{ NumericLessThan: { "aws:MultiFactorAuthAge": 3600 } }, false, false, true],
    [{ NumericLessThan: { "aws:MultiFactorAuthAge": "1800" } }, false, false, false],
    [{ Bool: { [MFA]: true }, NumericLessThan: { "aws:MultiFactorAuthAge": "3600" } }, false, false, true],
    // The ways of writing it that do not demand MFA.
    [{ BoolIfExists: { [MFA]: true } }, true, false, true],
    [{ Bool: { [MFA]: "false" } }, false, true, false],
    [{ Bool: { [MFA]: "yes" } }, false, true, false],
    [{ Null: { [MFA]: "false" } }, false, true, true],
    [{ Null: { "aws:MultiFactorAuthAge": "false" } }, false, false, true],
    [{ Null: { [MFA]: "true" } }, true, false, false],
    [{ StringNotEquals: { [MFA]: "false" } }, true, false, true],
    [{ "ForAllValues:Bool": { [MFA]: "true" } }, true, false, true],
    [{ "ForAnyValue:BoolIfExists": { [MFA]: "true" } }, false, false, true],
    [{ NumericLessThanIfExists: { "aws:MultiFactorAuthAge": "3600" } }, true, true, true],
    [{ Bool: { [MFA]: ["true", "false"] } }, false, true, true],
    [{}, true, true, true],
  ])("Allow with %j", (condition, longTermKeys, withoutMfa, withMfa) => {
    const allow = { Effect: "Allow", Principal: { AWS: PARENT }, Action: "sts:AssumeRole", Condition: condition };
    const isAllowed = (context: Context) =>
      evaluateTrust(assumeRoleRequest(context), trustPolicy(allow)).verdict === "allowed";
    expect([NO_KEY, NO_MFA, WITH_MFA].map(isAllowed)).toEqual([longTermKeys, withoutMfa, withMfa]);
  });

  it.each<[condition: object, longTermKeys: boolean, withoutMfa: boolean, withMfa: boolean]>([
    [{ BoolIfExists: { [MFA]: "false" } }, false, false, true],
    [{ BoolIfExists: { [MFA]: false } }, false, false, true],
    [{ Bool: { [MFA]: "false" } }, true, false, true],
    [{ Null: { "aws:MultiFactorAuthAge": "true" } }, false, false, true],
    [{ NumericGreaterThanIfExists: { "aws:MultiFactorAuthAge": "3600" } }, false, false, true],
    [{ NumericGreaterThan: { "aws:MultiFactorAuthAge": "3600" } }, true, true, true],
    [{ StringNotEquals: { [MFA]: "true" } }, false, false, true],
  ])("Deny with %j beside an Allow for all", (condition, longTermKeys, withoutMfa, withMfa) => {
    const trust = trustPolicy(
      { Effect: "Allow", Principal: { AWS: PARENT }, Action: "sts:AssumeRole" },
      { Effect: "Deny", Principal: "*", Action: "sts:AssumeRole", Condition: condition },
    );
    const isAllowed = (context: Context) => evaluateTrust(assumeRoleRequest(context), trust).verdict === "allowed";
    expect([NO_KEY, NO_MFA, WITH_MFA].map(isAllowed)).toEqual([longTermKeys, withoutMfa, withMfa]);
  });

  it("is undone by a second Allow without the condition", () => {
    const allow = { Effect: "Allow", Principal: { AWS: PARENT }, Action: "sts:AssumeRole" };
    const trust = trustPolicy({ ...allow, Condition: { Bool: { [MFA]: true } } }, { ...allow, Action: "sts:*" });
    expect(evaluateTrust(assumeRoleRequest(), trust).verdict).toBe("allowed");
  });
});

describe("ExternalId", () => {
  it.each([
    ["12345", "allowed"],
    ["12345 ", "implicitlyDenied"],
    ["*", "implicitlyDenied"],
    [undefined, "implicitlyDenied"],
  ])("%j against the policy's 12345: %s", (externalId, verdict) => {
    const trust = trustPolicy({
      Effect: "Allow",
      Principal: { AWS: PARENT },
      Action: "sts:AssumeRole",
      Condition: { StringEquals: { "sts:ExternalId": "12345" } },
    });
    const context: Context = externalId === undefined ? {} : { "sts:ExternalId": externalId };
    expect(evaluateTrust(assumeRoleRequest(context), trust).verdict).toBe(verdict);
  });
});

describe("Action and Resource", () => {
  const request = (action: string, resource: string): AccessRequest => ({
    action,
    resource,
    principal: USER,
    context: contextOf({}),
  });
  const INSTANCE = "arn:aws:ec2:us-east-1:222222222222:instance/i-0123456789abcdef0";

  it.each<[statement: object, action: string, resource: string, expected: boolean]>([
    [{ Action: "ec2:TerminateInstances", Resource: "*" }, "ec2:TerminateInstances", INSTANCE, true],
    [{ Action: "EC2:terminateinstances", Resource: "*" }, "ec2:TerminateInstances", INSTANCE, true],
    [{ Action: "ec2:Terminate*", Resource: "*" }, "ec2:TerminateInstances", INSTANCE, true],
    [{ Action: "ec2:?erminateInstances", Resource: "*" }, "ec2:TerminateInstances", INSTANCE, true],
    [{ Action: "ec2:*", Resource: "*" }, "ec2x:TerminateInstances", INSTANCE, false],
    [{ Action: ["s3:*", "*"], Resource: "*" }, "ec2:TerminateInstances", INSTANCE, true],
    [{ NotAction: "iam:*", Resource: "*" }, "ec2:TerminateInstances", INSTANCE, true],
    [{ NotAction: ["iam:*", "ec2:Term*"], Resource: "*" }, "ec2:TerminateInstances", INSTANCE, false],
    [{ Action: "*", Resource: INSTANCE }, "ec2:StopInstances", INSTANCE, true],
    [{ Action: "*", Resource: `${INSTANCE.slice(0, -1)}1` }, "ec2:StopInstances", INSTANCE, false],
    [
      { Action: "*", Resource: INSTANCE.toUpperCase().replace("ARN:AWS:EC2", "arn:aws:ec2") },
      "ec2:StopInstances",
      INSTANCE,
      false,
    ],
    [{ Action: "*", Resource: "arn:aws:ec2:*:*:instance/*" }, "ec2:StopInstances", INSTANCE, true],
    [{ Action: "*", Resource: "arn:aws:ec2:*:instance/*" }, "ec2:StopInstances", INSTANCE, false],
    [{ Action: "*", Resource: "arn:aws:ec2" }, "ec2:StopInstances", INSTANCE, true],
    [{ Action: "*", Resource: "arn:aws:ec2:eu-west-1" }, "ec2:StopInstances", INSTANCE, false],
    [
      { Action: "*", Resource: "arn:aws:dynamodb:*:*:table/*" },
      "dynamodb:DeleteTable",
      "arn:aws:dynamodb:us-east-1:2:table/a:b/c",
      true,
    ],
    [{ Action: "*", NotResource: "arn:aws:ec2:*:*:volume/*" }, "ec2:StopInstances", INSTANCE, true],
    [
      { Action: "*", NotResource: ["arn:aws:ec2:*:*:volume/*", "arn:aws:ec2:*:*:instance/*"] },
      "ec2:StopInstances",
      INSTANCE,
      false,
    ],
    // An action that has no resource is on `*`, which only `*` names.
    [{ Action: "*", Resource: "*" }, "ec2:DescribeInstances", "*", true],
    [{ Action: "*", Resource: "arn:aws:ec2:*:*:*" }, "ec2:DescribeInstances", "*", false],
    [{ Action: "*", NotResource: "arn:aws:ec2:*:*:*" }, "ec2:DescribeInstances", "*", true],
  ])("%j for %s on %s: %s", (statement, action, resource, expected) => {
    const policy = identityPolicy({ Effect: "Allow", ...statement });
    expect(evaluatePolicies(request(action, resource), [policy])).toBe(expected ? "allowed" : "implicitlyDenied");
  });
});

describe("Allow and Deny", () => {
  const deny = { ...ALLOW_ALL, Effect: "Deny" };

  it.each([
    ["nothing", [], "implicitlyDenied"],
    ["an Allow", [[ALLOW_ALL]], "allowed"],
    ["a Deny behind an Allow", [[ALLOW_ALL, deny]], "explicitlyDenied"],
    ["a Deny before an Allow", [[deny, ALLOW_ALL]], "explicitlyDenied"],
    ["a Deny in another policy", [[ALLOW_ALL], [deny]], "explicitlyDenied"],
    ["a Deny of something else", [[ALLOW_ALL, { ...deny, Action: "s3:*" }]], "allowed"],
    ["a Deny alone", [[deny]], "explicitlyDenied"],
  ])("%s", (_name, policies, verdict) => {
    expect(
      evaluatePolicies(
        terminateRequest(),
        policies.map((statements) => identityPolicy(...statements)),
      ),
    ).toBe(verdict);
  });

  it("counts a trust policy's statements for its principals only", () => {
    const trust = trustPolicy({ Effect: "Allow", Principal: { AWS: "222222222222" }, Action: "sts:*" });
    expect(evaluatePolicies(assumeRoleRequest(), [trust])).toBe("implicitlyDenied");
  });

  it("is decided by any Deny that applies, whatever else is said; and an Allow more takes nothing away", () => {
    const documents = (policies: readonly object[]) =>
      policies.map((policy) => parsePolicyDocument(JSON.stringify(policy), "identity"));
    fc.assert(
      fc.property(identityCases, identityCases, (one, other) => {
        const request = {
          action: one.action,
          resource: one.resource,
          principal: USER,
          context: contextOf(one.context),
        };
        const before = evaluatePolicies(request, documents(one.policies));
        const more = other.policies.map(({ Version, Statement }) => ({
          Version,
          Statement: Statement.map((statement) => ({ ...statement, Effect: "Allow" })),
        }));
        const after = evaluatePolicies(request, documents([...one.policies, ...more]));
        if (before !== "implicitlyDenied") expect(after).toBe(before);
        expect(after === "explicitlyDenied").toBe(before === "explicitlyDenied");
        const denied = evaluatePolicies(request, [identityPolicy(deny), ...documents([...more, ...one.policies])]);
        expect(denied).toBe("explicitlyDenied");
        expect(evaluatePolicies(request, documents([...one.policies].reverse()))).toBe(before);
      }),
      { numRuns: 500 },
    );
  });

  it("is told in a moment of the largest policy that is made to be slow", () => {
    const hostile = Array.from({ length: 4 }, (_, index) => `arn:aws:ec2:*:*:${"*a".repeat(1100)}*${index}`);
    const policy = identityPolicy({ Effect: "Allow", Action: "*", Resource: hostile });
    const resource = `arn:aws:ec2:us-east-1:222222222222:${"a".repeat(20_000)}`;
    const started = performance.now();
    expect(evaluatePolicies({ ...terminateRequest(), resource }, [policy])).toBe("implicitlyDenied");
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
