import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeXml } from "../../src/sandbox/query-protocol.ts";
import { DEV, demand, type Keys, openHarness, PARENT } from "./sandbox-harness.ts";
import { sendQuery } from "./signed-query.ts";
import { findXmlFault, isXmlCharacter } from "./xml-fault.ts";

const harness = await openHarness();
const admin = await harness.assume(`arn:aws:iam::${PARENT}:role/Administrator`, { DurationSeconds: 43_200 });
const devAdmin = await harness.assume(`arn:aws:iam::${DEV}:role/Administrator`, { DurationSeconds: 43_200 });
const instanceId = demand([...harness.account(DEV).instances.values()][0]).id;

describe("the test's own look at XML", () => {
  it.each([
    "<a>&#1;</a>",
    "<a>&#x1b;</a>",
    "<a>\u001b</a>",
    "<a>\ufffe</a>",
    "<a>&</a>",
    "<a>&nbsp;</a>",
    "<a>]]></a>",
    "<a><b></a>",
    "<a></a><a></a>",
    "<a>",
    "text",
    "",
  ])("refuses %j", (text) => expect(findXmlFault(text)).toBeDefined());

  it("takes what is well-formed", () => {
    expect(
      findXmlFault('<?xml version="1.0" encoding="UTF-8"?>\n<a b="c"><d>&#9;&amp;&#x10ffff;\u{1f600}</d><e/></a>'),
    ).toBe(undefined);
  });
});

describe("text in an answer", () => {
  it("is what it was if XML 1.0 has the character, and U+FFFD if not, over all of Unicode", () => {
    const wrong: string[] = [];
    for (let code = 0; code <= 0x10ffff; code += 1) {
      const character = String.fromCodePoint(code);
      const escaped = escapeXml(character);
      const read = escaped.replace(/&#(\d+);/g, (_all, number: string) => String.fromCodePoint(Number(number)));
      const isRight = isXmlCharacter(code) ? "&<>\"'".includes(character) || read === character : escaped === "\ufffd";
      if (!isRight || (/[&<]/.test(escaped) && findXmlFault(`<a>${escaped}</a>`) !== undefined)) wrong.push(escaped);
    }
    expect(wrong).toEqual([]);
  });
});

/** Every character that XML 1.0 has not, and some that it has but that are trouble elsewhere. */
const TROUBLE = [
  ...Array.from({ length: 0x20 }, (_, code) => String.fromCharCode(code)),
  ...[
    "\ufffe",
    "\uffff",
    "\u007f",
    "\u0085",
    "\u009f",
    "\u2028",
    "\u202e",
    "\u{1fffe}",
    "&",
    "<",
    ">",
    '"',
    "'",
    "]]>",
  ],
];

type Case = readonly [service: "ec2" | "sts" | "iam", field: string, others: Readonly<Record<string, string>>];
const TRUST = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Principal: { AWS: PARENT }, Action: "sts:AssumeRole" },
});
/** Fields whose value comes back in a fault, in the answer, or in later answers. */
const ECHOED: readonly Case[] = [
  ["sts", "Action", {}],
  ["sts", "Version", { Action: "GetCallerIdentity" }],
  ["sts", "RoleArn", { Action: "AssumeRole", RoleSessionName: "alice" }],
  ["sts", "RoleSessionName", { Action: "AssumeRole", RoleArn: "x".repeat(20) }],
  ["sts", "SourceIdentity", { Action: "AssumeRole", RoleArn: "x".repeat(20), RoleSessionName: "alice" }],
  [
    "sts",
    "Tags.member.1.Value",
    { Action: "AssumeRole", RoleArn: `arn:aws:iam::${DEV}:role/x`, RoleSessionName: "al", "Tags.member.1.Key": "k" },
  ],
  [
    "sts",
    "PolicyArns.member.1.arn",
    { Action: "AssumeRole", RoleArn: `arn:aws:iam::${DEV}:role/x`, RoleSessionName: "al" },
  ],
  ["sts", "AccessKeyId", { Action: "GetAccessKeyInfo" }],
  ["iam", "Action", {}],
  ["iam", "UserName", { Action: "GetUser" }],
  ["iam", "UserName", { Action: "CreateUser" }],
  ["iam", "Path", { Action: "CreateUser", UserName: "pat" }],
  ["iam", "PathPrefix", { Action: "ListUsers" }],
  ["iam", "Marker", { Action: "ListUsers" }],
  ["iam", "MaxItems", { Action: "ListUsers" }],
  ["iam", "PolicyArn", { Action: "GetPolicy" }],
  ["iam", "SerialNumber", { Action: "DeleteVirtualMFADevice" }],
  ["iam", "AccountAlias", { Action: "CreateAccountAlias" }],
  ["iam", "Description", { Action: "UpdateRole", RoleName: "Administrator" }],
  ["iam", "Tags.member.1.Key", { Action: "TagRole", RoleName: "Administrator", "Tags.member.1.Value": "v" }],
  ["iam", "Tags.member.1.Value", { Action: "TagRole", RoleName: "Administrator", "Tags.member.1.Key": "k" }],
  ["iam", "AssumeRolePolicyDocument", { Action: "CreateRole", RoleName: "r" }],
  ["iam", "PolicyDocument", { Action: "PutRolePolicy", RoleName: "Administrator", PolicyName: "p" }],
  ["iam", "Description", { Action: "CreateRole", RoleName: "r", AssumeRolePolicyDocument: TRUST }],
  ["ec2", "Action", {}],
  ["ec2", "InstanceId.1", { Action: "TerminateInstances" }],
  ["ec2", "Filter.1.Name", { Action: "DescribeInstances", "Filter.1.Value.1": "x" }],
  ["ec2", "DryRun", { Action: "DescribeRegions" }],
  ["ec2", "ResourceId.1", { Action: "CreateTags", "Tag.1.Key": "k", "Tag.1.Value": "v" }],
  ["ec2", "Tag.1.Key", { Action: "CreateTags", "ResourceId.1": instanceId, "Tag.1.Value": "v" }],
  ["ec2", "Tag.1.Value", { Action: "CreateTags", "ResourceId.1": instanceId, "Tag.1.Key": "k" }],
  ...["ImageId", "InstanceType", "Placement.AvailabilityZone", "KeyName", "ClientToken", "SubnetId", "UserData"].map(
    (field): Case => [
      "ec2",
      field,
      { Action: "RunInstances", ImageId: "ami-12345678", MinCount: "1", MaxCount: "1", [field]: "" },
    ],
  ),
  [
    "ec2",
    "InstanceInitiatedShutdownBehavior",
    { Action: "RunInstances", ImageId: "ami-12345678", MinCount: "1", MaxCount: "1" },
  ],
];

async function ask([service, field, others]: Case, value: string) {
  const answer = await sendQuery(harness.sandbox.endpoint, service, service === "ec2" ? devAdmin : admin, {
    ...others,
    [field]: value,
  });
  return { answer, fault: findXmlFault(answer.body) };
}

/** What the accounts hold can still be listed. */
async function listAll(): Promise<(string | undefined)[]> {
  const list = async (service: Case[0], credentials: Keys, action: string) =>
    findXmlFault((await sendQuery(harness.sandbox.endpoint, service, credentials, { Action: action })).body);
  return [
    await list("ec2", devAdmin, "DescribeInstances"),
    await list("ec2", devAdmin, "DescribeTags"),
    await list("iam", admin, "ListUsers"),
    await list("iam", admin, "ListRoles"),
    await list("iam", admin, "ListPolicies"),
  ];
}

describe("an answer that echoes what it was asked", () => {
  it.each(ECHOED)("of %s is well-formed whatever is in %s", async (...each) => {
    for (const character of TROUBLE) {
      const { answer, fault } = await ask(each, `a${character}b`);
      expect([character, answer.status < 500, fault]).toEqual([character, true, undefined]);
    }
  });

  it("is well-formed for any text in any such field, and nothing stored spoils a later answer", async () => {
    const text = fc.string({
      unit: fc.oneof(fc.constantFrom(...TROUBLE), fc.string({ unit: "binary", minLength: 1, maxLength: 1 })),
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...ECHOED), text, async (each, value) => {
        expect((await ask(each, value)).fault).toBeUndefined();
      }),
      { numRuns: 300 },
    );
    expect(await listAll()).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });
});

describe("a control character", () => {
  const refusedAs = async (each: Case, value: string) => {
    const { answer } = await ask(each, value);
    return [answer.status, answer.code];
  };

  it.each<Case>([
    ["iam", "Tags.member.1.Value", { Action: "TagRole", RoleName: "Administrator", "Tags.member.1.Key": "k" }],
    ["iam", "Tags.member.1.Key", { Action: "TagRole", RoleName: "Administrator", "Tags.member.1.Value": "v" }],
    ["iam", "UserName", { Action: "CreateUser" }],
    ["iam", "Description", { Action: "UpdateRole", RoleName: "Administrator" }],
  ])("is refused by %s in %s", async (...each) => {
    for (const character of ["\u0001", "\u001b", "\ufffe"]) {
      expect(await refusedAs(each, `a${character}b`)).toEqual([400, "ValidationError"]);
    }
  });

  it.each(["Tag.1.Key", "Tag.1.Value"])("is refused by EC2 in %s, and the tags stay as they were", async (field) => {
    const before = new Map(demand(harness.account(DEV).instances.get(instanceId)).tags);
    const others = { Action: "CreateTags", "ResourceId.1": instanceId, "Tag.1.Key": "k", "Tag.1.Value": "v" };
    for (const character of ["\u0001", "\u001b", "\ufffe"]) {
      expect(await refusedAs(["ec2", field, others], `a${character}b`)).toEqual([400, "InvalidParameterValue"]);
    }
    expect(demand(harness.account(DEV).instances.get(instanceId)).tags).toEqual(before);
  });

  it.each(["KeyName", "ClientToken"])("launches nothing when it is in %s", async (field) => {
    const before = harness.account(DEV).instances.size;
    const others = { Action: "RunInstances", ImageId: "ami-12345678", MinCount: "1", MaxCount: "1" };
    expect(await refusedAs(["ec2", field, others], "a\u001bb")).toEqual([400, "InvalidParameterValue"]);
    expect(harness.account(DEV).instances.size).toBe(before);
  });
});
