import { describe, expect, it } from "vitest";
import { evaluatePolicies } from "../../src/policy/evaluate.ts";
import { parsePolicyDocument } from "../../src/policy/policy-document.ts";
import { parsePolicyText } from "../../src/policy/policy-variables.ts";
import { type Context, contextOf, identityPolicy, terminateRequest, USER } from "./build-policies.ts";

function allowsResource(pattern: object, resource: string, context: Context, version = "2012-10-17"): boolean {
  const text = JSON.stringify({ Version: version, Statement: { Effect: "Allow", Action: "*", ...pattern } });
  const request = { action: "s3:GetObject", resource, principal: USER, context: contextOf(context) };
  return evaluatePolicies(request, [parsePolicyDocument(text, "identity")]) === "allowed";
}

function holds(condition: object, context: Context): boolean {
  const statement = { Effect: "Allow", Action: "*", Resource: "*", Condition: condition };
  return evaluatePolicies(terminateRequest(context), [identityPolicy(statement)]) === "allowed";
}

const HOME = `arn:aws:s3:::home/\${aws:username}/*`;
const TEAM = "aws:PrincipalTag/team";

describe("policy variables in a Resource", () => {
  it.each<[pattern: string, resource: string, context: Context, expected: boolean]>([
    [HOME, "arn:aws:s3:::home/ana/file", { "AWS:UserName": "ana" }, true],
    [HOME, "arn:aws:s3:::home/bob/file", { "aws:username": "ana" }, false],
    [HOME, "arn:aws:s3:::home//file", {}, false],
    [HOME, "arn:aws:s3:::home/ana/file", { "aws:username": ["ana", "bob"] }, false],
    // What a variable stands for is text, whatever it looks like.
    [`arn:aws:s3:::b/\${${TEAM}}`, "arn:aws:s3:::b/other", { [TEAM]: "*" }, false],
    [`arn:aws:s3:::b/\${${TEAM}}`, "arn:aws:s3:::b/*", { [TEAM]: "*" }, true],
    [
      `arn:aws:s3:::b/\${${TEAM}}`,
      `arn:aws:s3:::b/\${aws:username}`,
      { [TEAM]: `\${aws:username}`, "aws:username": "x" },
      true,
    ],
    [`arn:aws:s3:::b/\${${TEAM}}`, "arn:aws:s3:::b/a:b", { [TEAM]: "a:b" }, true],
    [`arn:aws:s3:::b/\${${TEAM}, 'shared'}/*`, "arn:aws:s3:::b/shared/x", {}, true],
    [`arn:aws:s3:::b/\${${TEAM}, 'shared'}/*`, "arn:aws:s3:::b/red/x", { [TEAM]: "red" }, true],
    [`arn:aws:s3:::b/\${${TEAM}, 'shared'}/*`, "arn:aws:s3:::b/shared/x", { [TEAM]: "red" }, false],
    [`arn:aws:s3:::b/\${${TEAM}, 'shared'}`, "arn:aws:s3:::b/shared", { [TEAM]: "" }, false],
    [`arn:aws:s3:::b/\${${TEAM}, '*'}`, "arn:aws:s3:::b/any", {}, false],
    [`arn:aws:s3:::b/\${${TEAM}, 'red,blue}'}`, "arn:aws:s3:::b/red,blue}", {}, true],
    [`arn:aws:s3:::b/\${*}\${?}\${$}`, "arn:aws:s3:::b/*?$", {}, true],
    [`arn:aws:s3:::b/\${*}`, "arn:aws:s3:::b/x", {}, false],
    [`arn:aws:s3:::b/\${$}{aws:username}`, `arn:aws:s3:::b/\${aws:username}`, { "aws:username": "ana" }, true],
    // Before the fifth colon there are none.
    [
      `arn:aws:ec2:*:\${aws:PrincipalAccount}:instance/*`,
      "arn:aws:ec2:x:111122223333:instance/i",
      { "aws:PrincipalAccount": "111122223333" },
      false,
    ],
  ])("%s for %s with %j: %s", (pattern, resource, context, expected) => {
    expect(allowsResource({ Resource: pattern }, resource, context)).toBe(expected);
  });

  it("leaves other patterns of the list as they are when one has no value", () => {
    const Resource = [HOME, "arn:aws:s3:::home/shared/*"];
    expect(allowsResource({ Resource }, "arn:aws:s3:::home/shared/x", {})).toBe(true);
  });

  it("makes a NotResource apply only where its value does not matter", () => {
    expect(allowsResource({ NotResource: HOME }, "arn:aws:s3:::home/bob/x", { "aws:username": "ana" })).toBe(true);
    expect(allowsResource({ NotResource: HOME }, "arn:aws:s3:::home/bob/x", {})).toBe(false);
    expect(allowsResource({ NotResource: HOME }, "arn:aws:iam::111122223333:user/bob", {})).toBe(true);
  });

  it("are text in a document of the old version", () => {
    const version = "2008-10-17";
    const literal = `arn:aws:s3:::home/\${aws:username}/x`;
    expect(allowsResource({ Resource: HOME }, literal, { "aws:username": "ana" }, version)).toBe(true);
    expect(allowsResource({ Resource: HOME }, "arn:aws:s3:::home/ana/x", { "aws:username": "ana" }, version)).toBe(
      false,
    );
    const star = `arn:aws:s3:::b/\${*}`;
    expect(allowsResource({ Resource: star }, `arn:aws:s3:::b/\${anything}`, {}, version)).toBe(true);
  });
});

describe("policy variables in a Condition", () => {
  it.each<[condition: object, context: Context, expected: boolean]>([
    [
      { StringEquals: { "sts:RoleSessionName": `\${aws:username}` } },
      { "sts:RoleSessionName": "ana", "aws:username": "ana" },
      true,
    ],
    [
      { StringEquals: { "sts:RoleSessionName": `\${aws:username}` } },
      { "sts:RoleSessionName": "bob", "aws:username": "ana" },
      false,
    ],
    [
      { StringEquals: { "sts:RoleSessionName": `\${aws:username}` } },
      { "sts:RoleSessionName": `\${aws:username}` },
      false,
    ],
    [{ StringEqualsIgnoreCase: { k: `\${${TEAM}}` } }, { k: "RED", [TEAM]: "red" }, true],
    [{ StringLike: { k: `p-\${${TEAM}}-*` } }, { k: "p-red-1", [TEAM]: "red" }, true],
    [{ StringLike: { k: `p-\${${TEAM}}` } }, { k: "p-any", [TEAM]: "*" }, false],
    [{ StringEquals: { k: `a\${*}b` } }, { k: "a*b" }, true],
    [{ StringLike: { k: `a\${*}b` } }, { k: "axb" }, false],
    [
      { ArnLike: { k: `arn:aws:sns:*:\${aws:PrincipalAccount}:*` } },
      { k: "arn:aws:sns:x:1:t", "aws:PrincipalAccount": "1" },
      true,
    ],
    [{ ArnEquals: { k: `arn:aws:s3:::b/\${${TEAM}}/*` } }, { k: "arn:aws:s3:::b/red/x", [TEAM]: "red" }, true],
    [{ ArnEquals: { k: `\${${TEAM}}` } }, { k: "arn:aws:s3:::b/x", [TEAM]: "arn:aws:s3:::b/x" }, true],
    [{ ArnEquals: { k: `\${${TEAM}}` } }, { k: "arn:aws:s3:::b/x", [TEAM]: "arn:aws:s3:::b/*" }, false],
    [{ ArnNotEquals: { k: `\${${TEAM}}` } }, { k: "arn:aws:s3:::b/x", [TEAM]: "arn:aws:s3:::b/y" }, true],
    [{ ArnNotEquals: { k: `\${${TEAM}}` } }, { k: "arn:aws:s3:::b/x" }, false],
    [{ Bool: { k: `\${${TEAM}}` } }, { k: "true", [TEAM]: "TRUE" }, true],
    // Without a value the statement is invalid: it finds no match and rules none out.
    [{ StringNotEquals: { k: `\${aws:username}` } }, { k: "x" }, false],
    [{ StringNotLike: { k: ["y", `\${aws:username}`] } }, { k: "x" }, false],
    [{ ArnNotLike: { k: `arn:aws:iam::*:user/\${aws:username}` } }, { k: "arn:aws:iam::1:user/x" }, false],
    [{ StringEquals: { k: ["x", `\${aws:username}`] } }, { k: "x" }, true],
    [{ StringNotEquals: { k: `\${aws:username}` } }, {}, true],
    [{ StringEqualsIfExists: { k: `\${aws:username}` } }, {}, true],
  ])("%j with %j: %s", (condition, context, expected) => {
    expect(holds(condition, context)).toBe(expected);
  });
});

describe("parsePolicyText", () => {
  it.each(["$", `\${`, "$}", `\${}`, `\${a`, `\${a,'b'}`, `\${a, b}`, `\${a, 'b'c'}`, `\${a'b}`, "$ {a}"])(
    "takes %j for text",
    (text) => {
      expect(parsePolicyText(text, "2012-10-17").filter((part) => part !== "")).toEqual([text]);
    },
  );

  it.each([
    ["openings", `\${`.repeat(50_000)],
    ["a name without an end", `\${${" ".repeat(100_000)}`],
    ["defaults without an end", `\${a, '`.repeat(20_000)],
    ["a default without an end", `\${a, '${"x".repeat(100_000)}`],
  ])("is done with %s in a moment", (_name, text) => {
    const started = performance.now();
    parsePolicyText(text, "2012-10-17");
    expect(performance.now() - started).toBeLessThan(500);
  });
});
