import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../src/sandbox/world.ts";
import {
  DEV,
  DEV_ROLE,
  demand,
  openCliWorld,
  PARENT,
  type Run,
  type RunOptions,
  SERIAL,
} from "../support/cli-world.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";

// What goes with a session, through the program: that it arrives, and that it does what it is for.

const world = await openCliWorld();
const LOOK = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}]}';
const role = world.role(DEV);
const founding = role.trustPolicy;
const { inlinePolicies } = world.user("alice");
const foundingGrant = demand(inlinePolicies.get("AssumeRoles"));
const foundingPermissions = demand(role.inlinePolicies.get(role.name));

/** What the founding world doesn't allow, on both sides. */
function allow(...actions: readonly string[]): void {
  const all = JSON.stringify(["sts:AssumeRole", ...actions]);
  role.trustPolicy = founding.replace('"sts:AssumeRole"', all);
  inlinePolicies.set("AssumeRoles", foundingGrant.replace('"sts:AssumeRole"', all));
}

beforeEach(() => {
  world.newCache();
  allow("sts:TagSession", "sts:SetSourceIdentity");
});
afterEach(() => {
  role.trustPolicy = founding;
  inlinePolicies.set("AssumeRoles", foundingGrant);
  role.inlinePolicies.set(role.name, foundingPermissions);
});

const login = (words: readonly string[], options?: RunOptions) =>
  world.run(["dev", "login", "-t", world.code(), ...words], options);

/** What AssumeRole was sent beside what it always is. */
function sentBy({ calls }: Run): Readonly<Record<string, unknown>> {
  const [call, ...others] = calls.filter(({ operation }) => operation === "AssumeRole");
  expect(others).toEqual([]);
  const { Action, Version, RoleArn, RoleSessionName, SerialNumber, TokenCode, ...rest } = demand(call).parameters;
  expect([Action, RoleArn, SerialNumber]).toEqual(["AssumeRole", DEV_ROLE, SERIAL]);
  return rest;
}

function lastSession(): Session {
  return demand([...world.sandbox.world.sessions.values()].at(-1));
}

function devWith(lines: string) {
  return world.configFile(
    `[profile parent]\nregion = us-east-1\n[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = us-east-1\n${lines}\n`,
  );
}

describe("what AssumeRole is sent", () => {
  it.each<[string, readonly string[], string, Readonly<Record<string, string>>]>([
    ["--source-identity", ["--source-identity", "alice@example.com"], "", { SourceIdentity: "alice@example.com" }],
    ["source_identity", [], "source_identity = alice", { SourceIdentity: "alice" }],
    [
      "--session-tag",
      ["--session-tag", "team=red", "--session-tag", "why=a b=c"],
      "",
      {
        "Tags.member.1.Key": "team",
        "Tags.member.1.Value": "red",
        "Tags.member.2.Key": "why",
        "Tags.member.2.Value": "a b=c",
      },
    ],
    [
      "session_tags and transitive_session_tags",
      [],
      "session_tags = Team=red,cost=\ntransitive_session_tags = team",
      {
        "Tags.member.1.Key": "Team",
        "Tags.member.1.Value": "red",
        "Tags.member.2.Key": "cost",
        "Tags.member.2.Value": "",
        "TransitiveTagKeys.member.1": "Team",
      },
    ],
    ["--policy", ["--policy", JSON.stringify(JSON.parse(LOOK), null, 2)], "", { Policy: LOOK }],
    [
      "--policy-arn",
      [
        "--policy-arn",
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "--policy-arn",
        "arn:aws:iam::aws:policy/AmazonEC2FullAccess",
      ],
      "",
      {
        "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "PolicyArns.member.2.arn": "arn:aws:iam::aws:policy/AmazonEC2FullAccess",
      },
    ],
  ])("%s", async (_what, words, lines, expected) => {
    const run = await login(words, { env: devWith(lines) });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(sentBy(run)).toEqual(expected);
  });

  it("a policy of a file, found from the current folder", async () => {
    const file = path.join(world.folder, "narrow.json");
    writeFileSync(file, `${LOOK}\n`);
    const run = await login(["--policy", `file://${path.relative(process.cwd(), file)}`]);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(sentBy(run)).toEqual({ Policy: LOOK });
  });

  it("at a prompt, too", async () => {
    const run = await world.run(["dev", "login", "--source-identity", "alice", "--session-tag", "a=b"], {
      replies: [() => world.code()],
    });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(sentBy(run)).toEqual({ SourceIdentity: "alice", "Tags.member.1.Key": "a", "Tags.member.1.Value": "b" });
  });
});

describe("what the session is then", () => {
  it("carries its tags, its transitive keys and its identity", async () => {
    const env = devWith("session_tags = team=red,cost=1\ntransitive_session_tags = cost");
    expect(await login(["--source-identity", "alice"], { env })).toMatchObject({ exitCode: 0 });
    const { tags, transitiveTagKeys, sourceIdentity } = lastSession();
    expect(Object.fromEntries(tags)).toEqual({ team: "red", cost: "1" });
    expect(transitiveTagKeys).toEqual(["cost"]);
    expect(sourceIdentity).toBe("alice");
  });

  it("may do what a policy on its tags lets it, and without them may not", async () => {
    role.inlinePolicies.set(
      role.name,
      foundingPermissions.replace(
        '"Resource"',
        '"Condition": { "StringEquals": { "aws:PrincipalTag/team": "red" } }, "Resource"',
      ),
    );
    expect(await login(["--session-tag", "team=red"])).toMatchObject({ exitCode: 0 });
    expect(await world.run("dev tables --session-tag team=red")).toMatchObject({ exitCode: 0 });
    expect(await world.run(["dev", "tables", "--session-tag", "team=blue", "-t", world.code()])).toMatchObject({
      exitCode: 1,
    });
    expect(await world.run(["dev", "tables", "-t", world.code()])).toMatchObject({ exitCode: 1 });
  });
});

describe("a session policy", () => {
  it("narrows what the session may do: what it does not allow is denied, though the role allows it", async () => {
    const { id } = world.instance(DEV, "web-1");
    const words = ["--policy", LOOK];
    expect(await login(words)).toMatchObject({ exitCode: 0 });
    expect(await world.run(["dev", "instances", ...words])).toMatchObject({
      exitCode: 0,
      operations: ["DescribeInstances"],
    });
    const tables = await world.run(["dev", "tables", ...words]);
    expect(tables.exitCode).toBe(1);
    expect(new Set(tables.operations)).toEqual(new Set(["ListTables"]));
    expect(tables.stderr).toMatch(/error: .*dynamodb:ListTables/);
    const terminate = await world.run(["dev", "terminate", id, "--yes", ...words]);
    expect(terminate.exitCode).not.toBe(0);
    expect(terminate.stderr).toContain("ec2:TerminateInstances");
    expect(world.instance(DEV, "web-1").state).toBe("running");
  });

  it("by a managed policy's ARN narrows it as well, and both together allow what either does", async () => {
    const ec2 = ["--policy-arn", "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"];
    expect(await login(ec2)).toMatchObject({ exitCode: 0 });
    expect(await world.run(["dev", "instances", ...ec2])).toMatchObject({ exitCode: 0 });
    expect(await world.run(["dev", "tables", ...ec2])).toMatchObject({ exitCode: 1 });
    const both = [...ec2, "--policy", LOOK.replace("ec2:Describe*", "dynamodb:ListTables")];
    expect(await login(both)).toMatchObject({ exitCode: 0 });
    expect(await world.run(["dev", "instances", ...both])).toMatchObject({ exitCode: 0 });
    expect(await world.run(["dev", "tables", ...both])).toMatchObject({ exitCode: 0 });
  });

  it("never widens it", async () => {
    const all = ["--policy", LOOK.replace("ec2:Describe*", "*")];
    expect(await login(all)).toMatchObject({ exitCode: 0 });
    const run = await world.run(["dev", "tables", ...all]);
    expect(run).toMatchObject({ exitCode: 0 });
    role.inlinePolicies.set(role.name, LOOK);
    expect(await world.run(["dev", "tables", ...all])).toMatchObject({ exitCode: 1 });
  });

  it("has a session of its own: neither is served where the other was meant", async () => {
    const isHit = async (...words: readonly string[]) => (await world.run(["dev", "login", ...words])).exitCode === 0;
    await world.login();
    expect(await isHit("--policy", LOOK)).toBe(false);
    await login(["--policy", LOOK]);
    expect(await isHit("--policy", `\n${JSON.stringify(JSON.parse(LOOK), null, "\t")}`)).toBe(true);
    expect(await isHit("--policy", LOOK.replace("Describe*", "*"))).toBe(false);
    expect(await isHit()).toBe(true);
    world.newCache();
    await login(["--policy", LOOK]);
    expect(await isHit()).toBe(false);
  });
});

describe("what is refused before any call", () => {
  it.each<[string, readonly string[], string, number, RegExp]>([
    ["a bad identity", ["--source-identity", "a"], "", 2, /error: --source-identity must be 2 to 256/],
    ["a bad identity in the file", [], "source_identity = a b", 3, /config:8: source_identity must be 2 to 256/],
    ["a tag without a value", ["--session-tag", "a"], "", 2, /error: --session-tag must be written key=value/],
    ["a tag twice", [], "session_tags = a=1,A=2", 3, /config:8: session_tags names the key "A" twice/],
    ["a transitive key of no tag", [], "transitive_session_tags = a", 3, /config:8: transitive_session_tags names "a"/],
    [
      "a policy that is none",
      ["--policy", "{"],
      "",
      2,
      /error: --policy is no policy that AWS takes: .*\(line 1, column 2\)/,
    ],
    [
      "a policy's file that is not there",
      ["--policy", "file:///nowhere.json"],
      "",
      3,
      /\/nowhere\.json: there is no such file/,
    ],
    [
      "another account's policy",
      ["--policy-arn", `arn:aws:iam::${PARENT}:policy/X`],
      "",
      2,
      /error: --policy-arn is a policy of account 111122223333/,
    ],
    [
      "an escape sequence for a key",
      [],
      "session_tags = a=1\ntransitive_session_tags = \u001b[2J",
      3,
      /config:9: transitive_session_tags names/,
    ],
  ])("%s", async (_what, words, lines, exitCode, message) => {
    const run = await world.run(["dev", "terminate", "i-0123456789abcdef0", ...words], {
      env: devWith(lines),
      replies: ["123456"],
    });
    expect(run).toMatchObject({ exitCode, stdout: "", operations: [], questions: [] });
    expect(run.stderr).toMatch(message);
  });

  it("a pipe that nobody writes to, at once", async () => {
    const { execFileSync } = await import("node:child_process");
    const folder = path.join(world.folder, "pipes");
    mkdirSync(folder);
    execFileSync("mkfifo", [path.join(folder, "p")]);
    const run = await world.run(["dev", "login", "--policy", `file://${folder}/p`]);
    expect(run).toMatchObject({ exitCode: 3, operations: [] });
    expect(run.stderr).toMatch(/: it is a pipe\n/);
  });
});

describe("what STS refuses", () => {
  it.each<[string, readonly string[], readonly string[], string]>([
    ["tags", ["--session-tag", "a=b"], ["sts:SetSourceIdentity"], "sts:TagSession"],
    ["an identity", ["--source-identity", "alice"], ["sts:TagSession"], "sts:SetSourceIdentity"],
  ])("%s that neither side allows: exit 4, and the missing action is named", async (_what, words, allowed, action) => {
    allow(...allowed);
    const run = await login(words);
    expect(run).toMatchObject({ exitCode: 4, stdout: "" });
    expect(run.stderr).toMatch(
      new RegExp(`error: the role may not be assumed: User: .*perform: ${action} on resource`),
    );
    expect(run.stderr).toContain(`${action} must be allowed beside sts:AssumeRole, by both sides`);
    expect(run.stderr).toContain(words[0]);
  });

  it("tags that only the caller may send: the founding trust policy is not enough", async () => {
    role.trustPolicy = founding;
    const run = await login(["--session-tag", "a=b"]);
    expect(run).toMatchObject({ exitCode: 4 });
    expect(run.stderr).toContain("does its trust policy allow it");
  });

  it("a role that may not be assumed at all: the causes name all that was asked for", async () => {
    role.trustPolicy = founding.replace(PARENT, "999999999999");
    const run = await login(["--session-tag", "a=b"]);
    expect(run).toMatchObject({ exitCode: 4 });
    expect(run.stderr).toMatch(/allow sts:AssumeRole and sts:TagSession on it/);
  });

  it("a managed policy that is not there: exit 3, naming the option", async () => {
    const run = await login(["--policy-arn", `arn:aws:iam::${DEV}:policy/Nothing`]);
    expect(run).toMatchObject({ exitCode: 3 });
    expect(run.stderr).toMatch(/does not exist or is not attachable\n[\s\S]*policy\/Nothing \(--policy-arn\)/);
  });
});

// The SDK names these by their shapes, the wire by their codes: as real STS writes them.
describe("STS's own words for a policy", () => {
  let proxy: FaultProxy;
  beforeEach(async () => {
    proxy = await startFaultProxy(world.sandbox.endpoint);
  });
  afterEach(() => proxy.close());

  it.each<[string, string, RegExp]>([
    [
      "PackedPolicyTooLarge",
      "Packed policy consumes 104% of allotted space, please use smaller policy.",
      /error: what goes with the session is too large: Packed policy consumes 104% of allotted space, please use smaller policy\n[\s\S]*hint: shorten or leave out: a policy of \d+ characters \(--policy\)/,
    ],
    [
      "MalformedPolicyDocument",
      "The policy is not in the valid JSON format.",
      /error: AWS does not take the session policy: The policy is not in the valid JSON format\n[\s\S]*hint: mend --policy\n/,
    ],
  ])("%s: exit 3, and what to do", async (code, message, expected) => {
    proxy.break("AssumeRole", {
      kind: "answer",
      status: 400,
      body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ErrorResponse>`,
      forward: false,
    });
    const run = await login(["--policy", LOOK], {
      env: { AWS_ENDPOINT_URL: proxy.url, ASSUME_MFA_SANDBOX: undefined },
    });
    expect(run).toMatchObject({ exitCode: 3, stdout: "" });
    expect(run.stderr).toMatch(expected);
    expect(run.stderr).toContain("the token code may be used up");
  });
});
