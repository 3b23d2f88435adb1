import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Role } from "../../src/sandbox/world.ts";
import { type CliWorld, DEV, openCliWorld, PARENT, PROD, type Run, SERIAL } from "../support/cli-world.ts";

// Chains of roles (CLI.md, "Targets"; AWS.md 3, 4 and "MFA rules"): alice's keys and code open Jump, and Jump's session the
// roles behind it.

const STAGING = "333333333333";
const JUMP = `arn:aws:iam::${PARENT}:role/Jump`;
const DEPLOY = `arn:aws:iam::${DEV}:role/Deploy`;
const AUDIT = `arn:aws:iam::${PROD}:role/Audit`;
const LAST = `arn:aws:iam::${STAGING}:role/Last`;

const world: CliWorld = await openCliWorld();
const ASSUME = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];

function addRole(accountId: string, name: string, trust: string | object, fields: Partial<Role> = {}): void {
  const arn = `arn:aws:iam::${accountId}:role/${name}`;
  const model = world.role(accountId, "Administrator");
  world.account(accountId).roles.set(name, {
    ...model,
    name,
    arn,
    id: `AROA${name.toUpperCase().padEnd(17, "X")}`.slice(0, 21),
    tags: new Map(),
    inlinePolicies: new Map([["All", document({ Action: ["sts:*", "ec2:*"], Resource: "*" })]]),
    trustPolicy: typeof trust === "string" ? trust : document(trust),
    maxSessionDurationSeconds: 43_200,
    ...fields,
  });
}

function document(statement: object): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] });
}

const trusting = (account: string, condition?: object) => ({
  Principal: { AWS: account },
  Action: ASSUME,
  ...(condition === undefined ? {} : { Condition: condition }),
});
addRole(PARENT, "Jump", trusting(PARENT, { Bool: { "aws:MultiFactorAuthPresent": "true" } }));
addRole(DEV, "Deploy", trusting(PARENT, { StringEquals: { "sts:ExternalId": "dev-1" } }));
addRole(PROD, "Audit", trusting(PARENT));
addRole(STAGING, "Last", trusting(DEV));
world.user("alice").inlinePolicies.set("Jump", document({ Action: ASSUME, Resource: [JUMP, AUDIT, DEPLOY] }));

const SECTIONS = `
[profile jump]
role_arn = ${JUMP}
source_profile = parent
mfa_serial = ${SERIAL}

[profile deploy]
role_arn = ${DEPLOY}
source_profile = jump
external_id = dev-1
region = us-east-1

[profile audit]
role_arn = ${AUDIT}
source_profile = jump
region = us-east-1

[profile last]
role_arn = ${LAST}
source_profile = deploy
region = us-east-1
`;
const env = world.configWith(SECTIONS);

/** Each AssumeRole: which role, with what session name, whether with a code, by whose key. */
function assumed({ calls }: Run) {
  return calls
    .filter(({ operation }) => operation === "AssumeRole")
    .map(({ parameters }) => [
      String(parameters.RoleArn).split("/").at(-1),
      parameters.RoleSessionName,
      parameters.TokenCode === undefined ? "without a code" : "with a code",
    ]);
}

/** A run with an empty cache. */
function cold(argv: string, options: Parameters<CliWorld["run"]>[1] = {}): Promise<Run> {
  world.newCache();
  return world.run(argv, { ...options, env: { ...env, ...options.env } });
}

describe("a chain of roles", () => {
  it("presents the code at the first role and assumes the second with its session, whose name it carries on", async () => {
    const run = await cold(`deploy whoami --token-code ${world.code()} -o json`);
    expect([run.exitCode, run.said]).toEqual([0, ""]);
    expect(JSON.parse(run.stdout)[0].result.arn).toBe(`arn:aws:sts::${DEV}:assumed-role/Deploy/alice`);
    expect(assumed(run)).toEqual([
      ["Jump", "alice", "with a code"],
      ["Deploy", "alice", "without a code"],
    ]);
    const [jump, deploy] = run.calls.filter(({ operation }) => operation === "AssumeRole");
    expect([jump?.parameters.SerialNumber, jump?.parameters.ExternalId]).toEqual([SERIAL, undefined]);
    expect([deploy?.parameters.SerialNumber, deploy?.parameters.ExternalId]).toEqual([undefined, "dev-1"]);
    expect(run.questions).toEqual([]);
  });

  it("goes on with the cached session of the first role, whoever made it", async () => {
    await cold(`deploy login --token-code ${world.code()}`);
    const other = await world.run("audit whoami", { env });
    expect([other.exitCode, assumed(other)]).toEqual([0, [["Audit", "alice", "without a code"]]]);
    const again = await world.run("deploy login", { env });
    expect([again.exitCode, again.operations]).toEqual([0, []]);
    const itself = await world.run("jump login", { env });
    expect([itself.exitCode, itself.operations]).toEqual([0, []]);
  });

  it("needs no role on the way where the last session is cached", async () => {
    await cold(`deploy login --token-code ${world.code()}`);
    expect((await world.run("jump logout", { env })).exitCode).toBe(0);
    const run = await world.run("deploy login", { env });
    expect([run.exitCode, run.operations, run.questions]).toEqual([0, [], []]);
  });

  it("opens the first role again when its session has ended, with a code", async () => {
    await cold(`deploy login --token-code ${world.code()}`);
    world.sandbox.moveClock(2 * 3_600_000);
    const silent = await world.run("deploy whoami", { env });
    expect([silent.exitCode, silent.operations]).toEqual([2, []]);
    expect(silent.said).toContain("a token code is needed for jump");
    const run = await world.run(`deploy whoami --token-code ${world.code()}`, { env });
    expect([run.exitCode, assumed(run)]).toEqual([
      0,
      [
        ["Jump", "alice", "with a code"],
        ["Deploy", "alice", "without a code"],
      ],
    ]);
  });

  it("goes three roles deep, and keeps each session", async () => {
    const run = await cold(`last whoami --token-code ${world.code()}`);
    expect([run.exitCode, assumed(run)]).toEqual([
      0,
      [
        ["Jump", "alice", "with a code"],
        ["Deploy", "alice", "without a code"],
        ["Last", "alice", "without a code"],
      ],
    ]);
    expect((await world.run("status -o json", { env })).stdout.match(/"target"/g)).toHaveLength(3);
  });

  it("asks at a terminal for the role that the code is for", async () => {
    const run = await cold("deploy whoami", { replies: [() => world.code()] });
    expect([run.exitCode, run.questions.length]).toEqual([0, 1]);
    expect(run.questions[0]).toContain("jump");
    expect(run.questions[0]).toContain(PARENT);
  });

  it.each<[string, string]>([
    ["--refresh", "deploy login --refresh"],
    ["--no-cache with a code", "deploy login --no-cache --token-code CODE"],
  ])("assumes the last role again with %s", async (_, argv) => {
    await cold(`deploy login --token-code ${world.code()}`);
    const run = await world.run(
      argv.replace("CODE", () => world.code()),
      { env },
    );
    expect([run.exitCode, assumed(run).at(-1)]).toEqual([0, ["Deploy", "alice", "without a code"]]);
    expect(assumed(run)).toHaveLength(argv.includes("--no-cache") ? 2 : 1);
  });

  it("gives the last role what is this run's, and the first the device", async () => {
    const bare = world.configWith(SECTIONS.replace(`mfa_serial = ${SERIAL}`, ""));
    const run = await cold(
      `deploy login --token-code ${world.code()} --serial-number ${SERIAL} --duration 30m --role-session-name last-name --session-tag team=a`,
      { env: bare },
    );
    expect(run.exitCode).toBe(0);
    const [jump, deploy] = run.calls
      .filter(({ operation }) => operation === "AssumeRole")
      .map((call) => call.parameters);
    expect([jump?.SerialNumber, jump?.DurationSeconds, jump?.RoleSessionName, jump?.["Tags.member.1.Key"]]).toEqual([
      SERIAL,
      undefined,
      "alice",
      undefined,
    ]);
    expect([
      deploy?.SerialNumber,
      deploy?.DurationSeconds,
      deploy?.RoleSessionName,
      deploy?.["Tags.member.1.Key"],
    ]).toEqual([undefined, "1800", "last-name", "team"]);
  });

  it("starts at a role that --source-profile names, or at the user's own keys", async () => {
    const chained = await cold(`audit whoami --token-code ${world.code()} --source-profile deploy`);
    expect([chained.exitCode, assumed(chained).map(([role]) => role)]).toEqual([4, ["Jump", "Deploy", "Audit"]]);
    const direct = await cold(
      `audit whoami --token-code ${world.code()} --source-profile parent --serial-number ${SERIAL}`,
    );
    expect(assumed(direct)).toEqual([["Audit", "alice", "with a code"]]);
  });

  it("carries a role's ARN through AWS_PROFILE's role", async () => {
    const run = await cold(`${AUDIT} whoami --token-code ${world.code()}`, { env: { AWS_PROFILE: "jump" } });
    expect([run.exitCode, assumed(run).map(([role]) => role)]).toEqual([0, ["Jump", "Audit"]]);
  });

  it("never starts at a session that we exported", async () => {
    await cold(`deploy login --token-code ${world.code()}`);
    const exported = await world.run("deploy export --format json", { env, isPayload: true });
    const session = JSON.parse(exported.stdout) as Record<string, string>;
    expect(session.AWS_ACCESS_KEY_ID).toMatch(/^ASIA/);
    const fromEnvironment = world.configWith(
      `[profile jump]\nrole_arn = ${JUMP}\ncredential_source = Environment\n[profile audit]\nrole_arn = ${AUDIT}\nsource_profile = jump\n`,
    );
    const run = await world.run("audit whoami", { env: { ...session, ...fromEnvironment } });
    expect([run.exitCode, run.operations]).toEqual([3, []]);
    expect(run.said).toContain("credential_source = Environment, but the environment's keys are a session exported");
    const files = await world.run("audit whoami", { env: { ...env, ...session } });
    expect([files.exitCode, assumed(files)]).toEqual([0, [["Audit", "alice", "without a code"]]]);
  });
});

describe("several chains in one run", () => {
  it("take one code, open the role that they share once, and go on with its session", async () => {
    const run = await cold(`deploy,audit whoami --token-code ${world.code()}`);
    expect(run.exitCode).toBe(0);
    expect(run.operations.filter((operation) => operation === "GetSessionToken")).toHaveLength(1);
    expect(assumed(run).sort()).toEqual([
      ["Audit", "alice", "without a code"],
      ["Deploy", "alice", "without a code"],
      ["Jump", "alice", "without a code"],
    ]);
  });

  it("take one code too where the role that they share goes direct", async () => {
    const direct = world.configWith(SECTIONS.replace("[profile jump]", "[profile jump]\nassume_mfa_session = direct"));
    const run = await cold(`deploy,audit whoami --token-code ${world.code()}`, { env: direct });
    expect([run.exitCode, run.operations.includes("GetSessionToken")]).toEqual([0, false]);
    expect(assumed(run).sort()).toEqual([
      ["Audit", "alice", "without a code"],
      ["Deploy", "alice", "without a code"],
      ["Jump", "alice", "with a code"],
    ]);
  });

  it("begin in one question when several processes want them at once", async () => {
    world.newCache();
    const code = world.code();
    const runs = await Promise.all(
      ["deploy", "audit", "deploy"].map((target) =>
        world.run(`${target} login`, { env, replies: [() => code], sleep: (ms) => setTimeout(ms) }),
      ),
    );
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(runs.flatMap(({ questions }) => questions)).toHaveLength(1);
    const roles = world.sandbox.calls.filter(({ parameters }) => parameters.TokenCode !== undefined).slice(-1);
    expect(roles[0]?.parameters.RoleArn).toBe(JUMP);
  });
});

describe("what can't pass down a chain", () => {
  it("is a code at the second role: said with the other way, and tried all the same", async () => {
    const sections = `${SECTIONS}[profile strict]\nrole_arn = ${AUDIT}\nsource_profile = jump\nmfa_serial = ${SERIAL}\n`;
    const strict = world.configWith(sections);
    const run = await cold(`strict whoami --token-code ${world.code()}`, { env: strict });
    expect(run.exitCode).toBe(0);
    expect(run.said).toMatch(/strict names an MFA device \(.*config:\d+\), but the role of jump signs/);
    expect(run.said).toContain("--source-profile parent");
    expect(assumed(run).at(-1)).toEqual(["Audit", "alice", "without a code"]);
    const silent = await cold("strict whoami", { env: strict });
    expect(silent.said.indexOf("names an MFA device"), "before the code is missed").toBeLessThan(
      silent.said.indexOf("a token code is needed"),
    );
    const noneNeeded = world.configWith(sections.replace(/$/, "assume_mfa_required = false\n"));
    const quiet = await cold(`strict whoami --token-code ${world.code()}`, { env: noneNeeded });
    expect([quiet.exitCode, quiet.said]).toEqual([0, ""]);
  });

  it.each<[string, string, string, string]>([
    [
      "more than an hour, by an option",
      "",
      "deploy login --duration 2h",
      "deploy can't have 2 h: the role of jump signs",
    ],
    [
      "more than an hour, in the middle",
      `[profile long]\nrole_arn = ${DEPLOY}\nexternal_id = dev-1\nduration_seconds = 7200\nsource_profile = jump\n[profile over]\nrole_arn = ${LAST}\nsource_profile = long\n`,
      "over login",
      "long can't have 2 h: the role of jump signs",
    ],
    [
      "another source identity",
      `[profile one]\nrole_arn = ${JUMP}\nsource_profile = parent\nsource_identity = alice\n[profile two]\nrole_arn = ${AUDIT}\nsource_profile = one\n`,
      "two login --source-identity bob",
      "a session keeps the source identity it was made with: the role of one has one",
    ],
    [
      "a tag that comes down already",
      `[profile one]\nrole_arn = ${JUMP}\nsource_profile = parent\nsession_tags = Team=a\ntransitive_session_tags = Team\n[profile two]\nrole_arn = ${AUDIT}\nsource_profile = one\nsession_tags = team=b\n`,
      "two login",
      "the session tag team comes down from the role of one",
    ],
  ])("is %s: refused before a code is asked for", async (_, sections, argv, message) => {
    const run = await cold(`${argv} --token-code ${world.code()}`, {
      env: world.configWith(SECTIONS + sections),
      replies: ["000000"],
    });
    expect([run.exitCode, run.operations, run.questions]).toEqual([3, [], []]);
    expect(run.said).toContain(`assume-mfa: error: ${message}`);
    const left = run.said.match(/not sent|not needed/);
    expect(left).toBeNull();
  });

  it("is not a source identity that stays the same, nor a tag that goes on", async () => {
    const same = world.configWith(
      `[profile one]\nrole_arn = ${JUMP}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nsource_identity = alice\nsession_tags = team=a\ntransitive_session_tags = team\n[profile two]\nrole_arn = ${AUDIT}\nsource_profile = one\nsource_identity = alice\nsession_tags = other=b\n`,
    );
    const run = await cold(`two login --token-code ${world.code()}`, { env: same });
    expect([run.exitCode, assumed(run).length]).toEqual([0, 2]);
    const session = [...world.sandbox.world.sessions.values()].at(-1);
    expect([session?.sourceIdentity, session?.tags.get("team"), session?.tags.get("other")]).toEqual([
      "alice",
      "a",
      "b",
    ]);
  });

  it("is a wrong external id on the way: the role that refuses is named, and the first session is kept", async () => {
    const wrong = world.configWith(SECTIONS.replace("external_id = dev-1", "external_id = dev-2"));
    const run = await cold(`last login --token-code ${world.code()}`, { env: wrong });
    expect([run.exitCode, assumed(run).map(([role]) => role)]).toEqual([4, ["Jump", "Deploy"]]);
    expect(run.said).toContain(DEPLOY);
    expect(run.said).toContain("the role of jump");
    const again = await world.run("last login", { env: wrong });
    expect([again.exitCode, assumed(again).map(([role]) => role)]).toEqual([4, ["Deploy"]]);
  });

  it("is a first role that AWS does not know: nothing is asked of the second", async () => {
    const none = world.configWith(SECTIONS.replace(JUMP, `arn:aws:iam::${PARENT}:role/Gone`));
    const run = await cold(`deploy login --token-code ${world.code()}`, { env: none });
    expect([run.exitCode, assumed(run).map(([role]) => role)]).toEqual([4, ["Gone"]]);
  });
});

describe("what is shown of a chain", () => {
  it("names the role that signs", async () => {
    await cold(`deploy login --token-code ${world.code()}`);
    const run = await world.run("targets", { env, columns: 200 });
    expect(run.stdout).toMatch(/deploy .* the role of jump /);
    const json = JSON.parse((await world.run("targets -o json", { env })).stdout) as { target: string }[];
    expect(json.find(({ target }) => target === "deploy")).toMatchObject({ sourceProfile: "jump", mfaSerial: null });
    expect(json.find(({ target }) => target === "jump")).toMatchObject({ sourceProfile: "parent", mfaSerial: SERIAL });
  });
});
