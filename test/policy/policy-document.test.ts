import { describe, expect, it } from "vitest";
import { checkNewManagedPolicy, checkNewSessionPolicy, checkNewTrustPolicy } from "../../src/policy/new-policy.ts";
import { type PolicyKind, parsePolicyDocument } from "../../src/policy/policy-document.ts";
import { policySizeCharacters } from "../../src/policy/policy-size.ts";
import { PolicySyntaxError } from "../../src/policy/policy-syntax-error.ts";

const IDENTITY = { Effect: "Allow", Action: "ec2:StopInstances", Resource: "*" };
const TRUST = { Effect: "Allow", Principal: { AWS: "111122223333" }, Action: "sts:AssumeRole" };

const LEGACY = "The policy failed legacy parsing";
const SYNTAX = "Syntax errors in policy.";
const NO_VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";

function refusal(document: unknown, kind: PolicyKind): PolicySyntaxError {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  try {
    parsePolicyDocument(text, kind);
  } catch (error) {
    if (error instanceof PolicySyntaxError) return error;
    throw error;
  }
  throw new Error(`taken: ${text}`);
}

const withStatement = (changes: object, base: object = IDENTITY) => ({
  Version: "2012-10-17",
  Statement: { ...base, ...changes },
});

describe("parsePolicyDocument", () => {
  it("reads every element of an identity policy", () => {
    const text = JSON.stringify({
      Version: "2012-10-17",
      Id: "one policy",
      Statement: [
        {
          Sid: "Stop1",
          Effect: "Deny",
          NotAction: ["ec2:Stop*", "iam:*"],
          NotResource: "arn:aws:ec2:*:*:instance/*",
          Condition: {
            BoolIfExists: { "aws:MultiFactorAuthPresent": false },
            "ForAnyValue:StringLike": { "aws:TagKeys": ["a*", "b"] },
            NumericLessThan: { "aws:MultiFactorAuthAge": 3600 },
          },
        },
      ],
    });
    expect(parsePolicyDocument(text, "identity")).toMatchObject({
      kind: "identity",
      version: "2012-10-17",
      id: "one policy",
      statements: [
        {
          sid: "Stop1",
          effect: "Deny",
          principal: undefined,
          action: { negated: true, patterns: ["ec2:Stop*", "iam:*"] },
          resource: { negated: true, patterns: ["arn:aws:ec2:*:*:instance/*"] },
          conditions: [
            { operator: { name: "Bool", ifExists: true }, key: "aws:MultiFactorAuthPresent", values: ["false"] },
            { operator: { name: "StringLike", setOperator: "ForAnyValue" }, key: "aws:TagKeys", values: ["a*", "b"] },
            { operator: { name: "NumericLessThan" }, key: "aws:MultiFactorAuthAge", values: ["3600"] },
          ],
        },
      ],
    });
  });

  it("reads every form of principal of a trust policy", () => {
    const principal = {
      AWS: [
        "111122223333",
        "arn:aws:iam::111122223333:root",
        "arn:aws-us-gov:iam::111122223333:user/staff/ana",
        "arn:aws:iam::111122223333:role/deployer",
        "arn:aws:sts::111122223333:assumed-role/deployer/ana@example.com",
        "arn:aws:sts::111122223333:federated-user/ana",
        "AIDACKCEVSQ6C2EXAMPLE",
        "*",
      ],
      Service: "ec2.amazonaws.com",
      Federated: "cognito-identity.amazonaws.com",
    };
    const document = parsePolicyDocument(JSON.stringify(withStatement({ Principal: principal }, TRUST)), "trust");
    expect(document.statements[0]?.principal?.entries.map(({ type, value }) => [type, value])).toEqual([
      ...principal.AWS.map((value) => ["AWS", value]),
      ["Service", "ec2.amazonaws.com"],
      ["Federated", "cognito-identity.amazonaws.com"],
    ]);
    expect(document.statements[0]?.resource).toBeUndefined();
  });

  it("reads a document without a version as the old language", () => {
    expect(parsePolicyDocument(JSON.stringify({ Statement: IDENTITY }), "identity").version).toBe("2008-10-17");
  });

  // As IAM's CreatePolicy took them when somebody recorded it.
  it.each([
    ["a Resource in a list", { Resource: ["arn:aws:s3:::bucket", "*"] }],
    ["an action with odd characters behind the colon", { Action: "iam: as df " }],
    ["services nobody knows", { Action: "aaaaadsf:ListBucket", Resource: "arn:aws:invalid-service:us-east-1::thing" }],
    ["a hyphen and a dot in a service's name", { Action: ["s3-s:List", "s3.s:List"] }],
    ["an incomplete ARN", { Resource: "arn:aws:fdsasf" }],
    ["an IAM path", { Resource: "arn:aws:iam:::user/example" }],
    ["an empty Condition", { Condition: {} }],
    ["an operator without keys, whatever its name", { Condition: { a: {}, DateGreaterThan: {} } }],
    ["a key without values", { Condition: { DateGreaterThan: { a: [] } } }],
    [
      "every combination of set operator and IfExists",
      { Condition: { "ForAnyValue:StringEqualsIfExists": { a: "b" } } },
    ],
    [
      "a date with a small t and half a zone",
      { Condition: { DateLessThanEquals: { a: "2016-12-13t2:00:00.593194+23" } } },
    ],
    ["any text as a boolean", { Condition: { Bool: { a: "yes" }, Null: { a: "yes" } } }],
    ["a number with a leading zero", { Condition: { NumericEquals: { a: "01" } } }],
    ["wildcards for the partition", { Resource: "arn:*:iam::*:role/x" }],
  ])("takes %s", (_name, changes) => {
    expect(() => parsePolicyDocument(JSON.stringify(withStatement(changes)), "identity")).not.toThrow();
  });

  it("takes empty Sids in several statements", () => {
    const document = {
      Version: "2012-10-17",
      Statement: [
        { ...IDENTITY, Sid: "" },
        { ...IDENTITY, Sid: "" },
      ],
    };
    expect(() => parsePolicyDocument(JSON.stringify(document), "identity")).not.toThrow();
  });

  it.each<[string, unknown, string]>([
    ["no JSON", "This is not a json document", SYNTAX],
    ["a trailing comma", `{"Version": "2012-10-17", "Statement": ${JSON.stringify(IDENTITY)},}`, SYNTAX],
    ["no object", [], SYNTAX],
    ["an unknown version", { Version: "2013-10-17", Statement: IDENTITY }, SYNTAX],
    ["a version that is null", { Version: null, Statement: IDENTITY }, SYNTAX],
    ["no Statement", { Version: "2012-10-17" }, SYNTAX],
    ["an empty Statement", { Version: "2012-10-17", Statement: [] }, SYNTAX],
    ["a Statement that is text", { Version: "2012-10-17", Statement: ["a"] }, SYNTAX],
    ["an unknown element of the document", { Version: "2012-10-17", Statement: IDENTITY, statement: 1 }, SYNTAX],
    ["an unknown element of a statement", withStatement({ Resources: "*" }), SYNTAX],
    ["an element that is inherited by every object", withStatement({ constructor: "*" }), SYNTAX],
    ["an Id that is no text", { Version: "2012-10-17", Id: {}, Statement: IDENTITY }, SYNTAX],
    ["a Sid that is no text", withStatement({ Sid: [] }), SYNTAX],
    [
      "a Sid with a space",
      withStatement({ Sid: "a b" }),
      "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
    ],
    [
      "a Sid twice",
      {
        Version: "2012-10-17",
        Statement: [
          { ...IDENTITY, Sid: "a" },
          { ...IDENTITY, Sid: "a" },
        ],
      },
      "Statement IDs (SID) in a single policy must be unique.",
    ],
    ["no Effect", { Version: "2012-10-17", Statement: { Action: "*", Resource: "*" } }, SYNTAX],
    ["another Effect", withStatement({ Effect: "invalid" }), SYNTAX],
    ["an Effect in other letters", withStatement({ Effect: "denY" }), LEGACY],
    ["a Principal", withStatement({ Principal: "*" }), "Policy document should not specify a principal."],
    [
      "a NotPrincipal",
      withStatement({ NotPrincipal: { AWS: "*" } }),
      "Policy document should not specify a principal.",
    ],
    [
      "no Action",
      { Version: "2012-10-17", Statement: { Effect: "Allow", Resource: "*" } },
      "Policy statement must contain actions.",
    ],
    ["an empty Action", withStatement({ Action: [] }), "Policy statement must contain actions."],
    ["Action and NotAction", withStatement({ NotAction: "iam:*" }), SYNTAX],
    ["an Action that is an object", withStatement({ Action: {} }), SYNTAX],
    ["a number among the actions", withStatement({ Action: ["s3:Get", 1] }), SYNTAX],
    ["an Action without a service", withStatement({ Action: "invalid" }), NO_VENDOR],
    ["an empty action", withStatement({ Action: "" }), NO_VENDOR],
    ["a service's name with a space", withStatement({ Action: "a a:ListBucket" }), "Vendor a a is not valid"],
    ["a wildcard for the service", withStatement({ Action: "ec*:Stop" }), "Vendor ec* is not valid"],
    [
      "two colons in an action",
      withStatement({ Action: "s3:List:Bucket" }),
      "Actions/Condition can contain only one colon.",
    ],
    [
      "no Resource",
      { Version: "2012-10-17", Statement: { Effect: "Allow", Action: "*" } },
      "Policy statement must contain resources.",
    ],
    ["an empty Resource", withStatement({ Resource: [] }), "Policy statement must contain resources."],
    ["Resource and NotResource", withStatement({ NotResource: "*" }), SYNTAX],
    ["an object among the resources", withStatement({ Resource: ["*", {}] }), SYNTAX],
    ["a Resource that is no ARN", withStatement({ Resource: "adf" }), 'Resource adf must be in ARN format or "*".'],
    ["an empty resource", withStatement({ Resource: "" }), 'Resource  must be in ARN format or "*".'],
    [
      "another partition",
      withStatement({ Resource: "arn:error:s3:::bucket" }),
      'Partition "error" is not valid for resource "arn:error:s3:::bucket".',
    ],
    [
      "an ARN without arn:",
      withStatement({ Resource: "aws:s3:::example_bucket" }),
      'Partition "s3" is not valid for resource "arn:s3:::example_bucket:*".',
    ],
    [
      "a Resource without a service",
      withStatement({ Resource: "arn:aws" }),
      "Resource vendor must be fully qualified and cannot contain regexes.",
    ],
    [
      "a wildcard for a resource's service",
      withStatement({ Resource: "arn:aws:*:*:*:x" }),
      "Resource vendor must be fully qualified and cannot contain regexes.",
    ],
    ["an empty service", withStatement({ Resource: "arn:aws::fdsasf" }), LEGACY],
    ["an ARN of five parts", withStatement({ Resource: "arn:aws:s3::example_bucket" }), LEGACY],
    [
      "an IAM path of no kind",
      withStatement({ Resource: "arn:aws:iam::111122223333:PrivilegedActionsRole" }),
      'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.',
    ],
    [
      "an IAM resource with a region",
      withStatement({ Resource: "arn:aws:iam:us-east-1::user/x" }),
      "IAM resource arn:aws:iam:us-east-1::user/x cannot contain region information.",
    ],
    ["a Condition that is a list", withStatement({ Condition: [] }), SYNTAX],
    ["an operator without keys in an object", withStatement({ Condition: { Bool: "x" } }), SYNTAX],
    ["an unknown operator", withStatement({ Condition: { StringMatches: { a: "1" } } }), SYNTAX],
    ["NullIfExists", withStatement({ Condition: { NullIfExists: { a: "true" } } }), SYNTAX],
    [
      "a set operator with two colons",
      withStatement({ Condition: { "ForAnyValue::StringEquals": { a: "1" } } }),
      SYNTAX,
    ],
    ["an object as a condition's value", withStatement({ Condition: { StringEquals: { a: {} } } }), SYNTAX],
    ["null as a condition's value", withStatement({ Condition: { StringEquals: { a: null } } }), SYNTAX],
    ["a number that is none", withStatement({ Condition: { NumericEquals: { a: "NaN" } } }), LEGACY],
    ["a date that is none", withStatement({ Condition: { DateGreaterThan: { a: "sdfdsf" } } }), LEGACY],
    ["a date of three digits and two", withStatement({ Condition: { DateLessThanEquals: { a: "234-13" } } }), LEGACY],
    [
      "a zone of one digit",
      withStatement({ Condition: { DateLessThan: { a: "2016-12-13t2:00:00.593194+1" } } }),
      LEGACY,
    ],
    [
      "a fraction of ten digits",
      withStatement({ Condition: { DateLessThan: { a: "2016-12-13t2:00:00.1999999999+10:59" } } }),
      LEGACY,
    ],
    ["an ARN that is none", withStatement({ Condition: { ArnLike: { a: "not-an-arn" } } }), LEGACY],
    ["an address that is none", withStatement({ Condition: { IpAddress: { a: ["10.0.0.1/33"] } } }), LEGACY],
    [
      "an IPv6 network with bits behind its prefix",
      withStatement({ Condition: { NotIpAddress: { a: "2001:db8::5/64" } } }),
      LEGACY,
    ],
    ["bytes that are no base64", withStatement({ Condition: { BinaryEquals: { a: "no-binary" } } }), LEGACY],
    ["a character beyond Latin-1", withStatement({ Sid: "\u201cquoted\u201d" }), SYNTAX],
    ["more than the largest quota", withStatement({ Sid: "a".repeat(10_241) }), "Policy is too large."],
  ])("refuses %s in an identity policy with IAM's own words", (_name, document, awsMessage) => {
    expect(refusal(document, "identity").awsMessage).toBe(awsMessage);
  });

  it.each<[string, unknown, string]>([
    ["no JSON", '{"Version": "2012-10-17",}', "This policy contains invalid Json"],
    [
      "an unknown version",
      { Version: "2020-10-17", Statement: TRUST },
      "The policy must contain a valid version string",
    ],
    ["no Statement", { Version: "2012-10-17", Statement: [] }, "Could not parse the policy: Statement is empty!"],
    [
      "a Sid twice",
      {
        Statement: [
          { ...TRUST, Sid: "a b" },
          { ...TRUST, Sid: "a b" },
        ],
      },
      "The Statement Ids in the policy are not unique",
    ],
    ["no Effect", { Statement: { Principal: "*", Action: "sts:AssumeRole" } }, "Missing required field Effect"],
    ["another Effect", withStatement({ Effect: "allow" }, TRUST), "Invalid effect: allow"],
    ["no Principal", { Statement: { Effect: "Allow", Action: "sts:AssumeRole" } }, "Missing required field Principal"],
    [
      "a Principal that is text",
      withStatement({ Principal: "111122223333" }, TRUST),
      "Principal must be a JSON object.",
    ],
    [
      "an empty Principal",
      withStatement({ Principal: {} }, TRUST),
      "Missing required field Principal cannot be empty!",
    ],
    [
      "a Principal without values",
      withStatement({ Principal: { AWS: [] } }, TRUST),
      "Missing required field Principal cannot be empty!",
    ],
    [
      "an unknown kind of principal",
      withStatement({ Principal: { CanonicalUser: "1" } }, TRUST),
      'Invalid principal in policy: "CanonicalUser"',
    ],
    [
      "eleven digits",
      withStatement({ Principal: { AWS: "11112222333" } }, TRUST),
      'Invalid principal in policy: "AWS":"11112222333"',
    ],
    [
      "a wildcard in a principal",
      withStatement({ Principal: { AWS: "arn:aws:iam::111122223333:user/*" } }, TRUST),
      'Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/*"',
    ],
    [
      "a wildcard for all sessions",
      withStatement({ Principal: { AWS: "arn:aws:sts::111122223333:assumed-role/deployer/*" } }, TRUST),
      'Invalid principal in policy: "AWS":"arn:aws:sts::111122223333:assumed-role/deployer/*"',
    ],
    [
      "a group",
      withStatement({ Principal: { AWS: "arn:aws:iam::111122223333:group/g" } }, TRUST),
      'Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:group/g"',
    ],
    [
      "an empty service",
      withStatement({ Principal: { Service: "" } }, TRUST),
      'Invalid principal in policy: "SERVICE":""',
    ],
    ["Principal and NotPrincipal", withStatement({ NotPrincipal: "*" }, TRUST), "Syntax error in policy."],
    ["no Action", { Statement: { Effect: "Allow", Principal: "*" } }, "Missing required field Action"],
    [
      "every action",
      withStatement({ Action: "*" }, TRUST),
      "AssumeRole policy may only specify STS AssumeRole actions.",
    ],
    [
      "another service's action",
      withStatement({ Action: ["sts:AssumeRole", "ec2:*"] }, TRUST),
      "AssumeRole policy may only specify STS AssumeRole actions.",
    ],
    ["a Resource", withStatement({ Resource: "*" }, TRUST), "Has prohibited field Resource"],
    ["a NotResource", withStatement({ NotResource: "*" }, TRUST), "AssumeRole policy must not contain resources."],
    ["an unknown operator", withStatement({ Condition: { Boolean: { a: true } } }, TRUST), "Syntax error in policy."],
    [
      "more than the quota",
      withStatement({ Sid: "a".repeat(4097) }, TRUST),
      "Cannot exceed quota for ACLSizePerRole: 4096",
    ],
  ])("refuses %s in a trust policy with IAM's own words", (_name, document, awsMessage) => {
    expect(refusal(document, "trust").awsMessage).toBe(awsMessage);
  });

  it("says where a fault is", () => {
    expect(refusal({ Statement: [IDENTITY, { ...IDENTITY, Action: "Stop" }] }, "identity").message).toBe(
      'statement 2: the action "Stop" has no service in front, as in ec2:Stop',
    );
    const curly = refusal('{\n  "Version": \u201c2012-10-17\u201d }', "trust");
    expect(curly).toMatchObject({ line: 2, column: 14 });
    expect(curly.message).toBe("a character that IAM does not take in a policy (line 2, column 14)");
  });

  it("does not count white space against the quotas", () => {
    const spacious = JSON.stringify(withStatement({}), undefined, "\t").replaceAll("\n", "\r\n".repeat(2000));
    expect(spacious.length).toBeGreaterThan(10_240);
    expect(policySizeCharacters(spacious)).toBe(JSON.stringify(withStatement({})).length);
    expect(() => parsePolicyDocument(spacious, "identity")).not.toThrow();
    expect(refusal(" ".repeat(131_073), "identity").message).toMatch(/at most 10240 characters/);
  });
});

describe("what IAM stores no more", () => {
  const parse = (statement: object, kind: PolicyKind) => parsePolicyDocument(JSON.stringify(statement), kind);

  it("is NotPrincipal in a trust policy", () => {
    const notPrincipal = (Effect: string) => ({ Statement: { Effect, NotPrincipal: "*", Action: "sts:AssumeRole" } });
    expect(() => checkNewTrustPolicy(parse(notPrincipal("Allow"), "trust"))).toThrow(
      expect.objectContaining({ awsMessage: "Allow with NotPrincipal is not allowed." }),
    );
    expect(() => checkNewTrustPolicy(parse(notPrincipal("Deny"), "trust"))).toThrow(
      expect.objectContaining({ awsMessage: "AssumeRole policy must not contain NotPrincipal field." }),
    );
    expect(() => checkNewTrustPolicy(parse({ Statement: TRUST }, "trust"))).not.toThrow();
  });

  it("is the id of a user who is gone", () => {
    const document = withStatement({ Principal: { AWS: "AIDACKCEVSQ6C2EXAMPLE" } }, TRUST);
    expect(() => checkNewTrustPolicy(parse(document, "trust"))).toThrow(
      expect.objectContaining({ awsMessage: 'Invalid principal in policy: "AWS":"AIDACKCEVSQ6C2EXAMPLE"' }),
    );
  });

  it("is the old language in a managed policy", () => {
    const awsMessage = "Policy document must be version 2012-10-17 or greater.";
    for (const old of [{ Statement: IDENTITY }, { Version: "2008-10-17", Statement: IDENTITY }]) {
      expect(() => checkNewManagedPolicy(parse(old, "identity"))).toThrow(expect.objectContaining({ awsMessage }));
    }
    expect(() => checkNewManagedPolicy(parse(withStatement({}), "identity"))).not.toThrow();
  });

  it("is an incomplete ARN in a session policy", () => {
    expect(() => checkNewSessionPolicy(parse(withStatement({ Resource: "arn:aws:sqs" }), "identity"))).toThrow(
      PolicySyntaxError,
    );
    expect(() =>
      checkNewSessionPolicy(parse(withStatement({ Resource: "arn:aws:sqs:*:*:*" }), "identity")),
    ).not.toThrow();
    expect(() => checkNewSessionPolicy(parse(withStatement({}), "identity"))).not.toThrow();
  });
});
