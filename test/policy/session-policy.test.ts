import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PolicySyntaxError } from "../../src/policy/policy-syntax-error.ts";
import { parseSessionPolicy } from "../../src/policy/session-policy.ts";

const STATEMENT = { Effect: "Allow", Action: ["ec2:Describe*", "dynamodb:ListTables"], Resource: "*" };
const POLICY = { Version: "2012-10-17", Statement: [STATEMENT] };

function refusal(text: string): PolicySyntaxError {
  try {
    parseSessionPolicy(text);
  } catch (error) {
    if (error instanceof PolicySyntaxError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

/** A policy whose text is this long, by a resource of that length. */
function policyOf(characters: number): string {
  const make = (padding: string) =>
    JSON.stringify({ Statement: { ...STATEMENT, Resource: `arn:aws:s3:::${padding}` } });
  return make("x".repeat(characters - make("").length));
}

describe("the text that is sent", () => {
  it("is the policy without the white space between its parts, and with all that stands in its texts", () => {
    const text = `\t{ "Version" : "2012-10-17",\r\n  "Statement": [ { "Sid": "", "Effect":"Allow", "Action":"*",
      "Resource":"*", "Condition": { "StringEquals": { "aws:PrincipalTag/a  b": " x\\t\\"  {y : z} \\\\" } } } ] }\n`;
    expect(parseSessionPolicy(text).text).toBe(
      '{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/a  b":" x\\t\\"  {y : z} \\\\"}}}]}',
    );
  });

  it.each([0, 1, 2, 4, "\t"])("is the same document, whatever it was indented by (%j)", (indent) => {
    expect(JSON.parse(parseSessionPolicy(JSON.stringify(POLICY, null, indent)).text)).toEqual(POLICY);
  });

  it("may have 2,048 characters, and no more", () => {
    expect(parseSessionPolicy(policyOf(2_048)).text).toHaveLength(2_048);
    expect(refusal(policyOf(2_049)).message).toBe(
      "a session policy has at most 2048 characters, white space between its parts not counted",
    );
    // Blanks inside of a text do count.
    expect(refusal(policyOf(2_049).replace("xxxx", "    ")).message).toContain("2048");
    expect(refusal("{".repeat(1_000_000)).message).toContain("2048");
  });

  it("may have been far longer before its white space was taken out", () => {
    expect(parseSessionPolicy(policyOf(2_048).replaceAll(":[", `:${" ".repeat(9_000)}[`)).text).toHaveLength(2_048);
  });
});

describe("what is compared", () => {
  const { canonical } = parseSessionPolicy(JSON.stringify(POLICY));

  it.each<[string, string]>([
    ["white space", JSON.stringify(POLICY, null, 4)],
    ["the order of keys", JSON.stringify({ Statement: [STATEMENT], Version: "2012-10-17" })],
    [
      "the order of keys inside",
      JSON.stringify({ ...POLICY, Statement: [Object.fromEntries(Object.entries(STATEMENT).reverse())] }),
    ],
    ["escapes", JSON.stringify(POLICY).replace("Allow", "\\u0041llow").replace("ec2:", "ec2\\u003A")],
  ])("is the same for another way of writing it: %s", (_what, text) => {
    expect(parseSessionPolicy(text).canonical).toBe(canonical);
  });

  it.each<[string, object]>([
    ["the effect", { ...POLICY, Statement: [{ ...STATEMENT, Effect: "Deny" }] }],
    ["an action less", { ...POLICY, Statement: [{ ...STATEMENT, Action: ["ec2:Describe*"] }] }],
    ["an action in other letters", { ...POLICY, Statement: [{ ...STATEMENT, Action: ["ec2:describe*"] }] }],
    ["a statement more", { ...POLICY, Statement: [STATEMENT, { ...STATEMENT, Effect: "Deny" }] }],
    ["the version", { ...POLICY, Version: "2008-10-17" }],
    ["a Sid", { ...POLICY, Statement: [{ ...STATEMENT, Sid: "a" }] }],
    ["a condition", { ...POLICY, Statement: [{ ...STATEMENT, Condition: { Bool: { "aws:SecureTransport": true } } }] }],
    [
      "its value's type",
      { ...POLICY, Statement: [{ ...STATEMENT, Condition: { Bool: { "aws:SecureTransport": "true" } } }] },
    ],
  ])("is another where the content differs: %s", (_what, policy) => {
    expect(parseSessionPolicy(JSON.stringify(policy)).canonical).not.toBe(canonical);
  });

  it("keeps a number as it was written", () => {
    const of = (number: string) =>
      parseSessionPolicy(
        `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"a:b":${number}}}}}`,
      ).canonical;
    expect(of("1")).not.toBe(of("1.0"));
    expect(of("1")).not.toBe(of('"1"'));
  });

  it("is the document itself, whatever stands in its texts", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
          maxLength: 60,
        }),
        fc.nat(3),
        (value, indent) => {
          const policy = { Statement: [{ ...STATEMENT, Condition: { StringEquals: { "a:b": value } } }] };
          const { text, canonical: compared } = parseSessionPolicy(JSON.stringify(policy, null, indent));
          expect(JSON.parse(text)).toEqual(policy);
          expect(JSON.parse(compared)).toEqual(policy);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("what STS would not take", () => {
  it.each<[string, string, RegExp]>([
    ["nothing", "", /ends too early/],
    ["a file's name", "policy.json", /a JSON value is expected here \(line 1, column 1\)/],
    ["a list", "[]", /a policy is a JSON object/],
    ["a comma too many", '{\n  "Statement": [],\n}', /a comma before }.*\(line 3, column 1\)/],
    ["no statement", '{"Version":"2012-10-17"}', /needs a Statement/],
    ["a principal", JSON.stringify({ Statement: { ...STATEMENT, Principal: "*" } }), /Principal/],
    ["an incomplete ARN", JSON.stringify({ Statement: { ...STATEMENT, Resource: "arn:aws:s3:x" } }), /ARN/],
    [
      "a character above U+00FF",
      JSON.stringify({ Statement: { ...STATEMENT, Sid: "ł" } }),
      /character that IAM does not take/,
    ],
    ["a key twice", '{"Statement":[],"Statement":[]}', /stands twice/],
  ])("%s is refused", (_what, text, message) => {
    expect(refusal(text).message).toMatch(message);
  });

  it("is told without ever breaking down", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
        try {
          parseSessionPolicy(text);
        } catch (error) {
          // Not by `expect`, which reads the stack of each: that takes ten times as long.
          if (!(error instanceof PolicySyntaxError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
