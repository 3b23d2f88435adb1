import fs from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { beforeEach, describe, expect, it } from "vitest";
import { DEV, DEV_ROLE, openCliWorld, PROD, type Run, SERIAL } from "../support/cli-world.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const STAGING = "333333333333";
const ENTRY = v.pipe(
  v.looseObject({ target: v.string(), account: v.nullable(v.string()), region: v.nullable(v.string()) }),
  v.check((entry) => "result" in entry !== "error" in entry),
);
const parse = ({ stdout }: Run) => v.parse(v.array(ENTRY), JSON.parse(stdout));
const count = ({ calls }: Run, operation: string) =>
  calls.filter((call) => call.operation === operation && call.errorCode !== "SignatureDoesNotMatch").length;
const sharedFiles = () => {
  const folder = path.join(world.cacheHome, "assume-mfa", "shared");
  return fs.existsSync(folder) ? fs.readdirSync(folder) : [];
};

describe("several targets at once", () => {
  it("take one code, by one session that this run keeps to itself", async () => {
    const run = await world.run(["dev,staging,prod", "whoami", "-o", "json", "--token-code", world.code()]);
    expect(run.exitCode).toBe(0);
    expect([count(run, "GetSessionToken"), count(run, "AssumeRole")]).toEqual([1, 3]);
    expect(parse(run).map(({ target, account }) => [target, account])).toEqual([
      ["dev", DEV],
      ["staging", STAGING],
      ["prod", PROD],
    ]);
    expect(sharedFiles()).toEqual([]);
    // The role sessions are kept as ever.
    expect(await world.run("staging whoami --no-input")).toMatchObject({ exitCode: 0 });
  });

  it("ask once at the terminal, before anything is done", async () => {
    const run = await world.run(["dev,staging", "instances"], { replies: [() => world.code()] });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.questions).toEqual([`MFA code for dev (account ${DEV}), device ${SERIAL}: `]);
    expect(run.stdout).toMatch(/^target +id +name/);
    expect(run.stdout).toMatch(/^dev +i-\w+ +web-1/m);
    expect(run.stdout).toMatch(/^staging +i-\w+ +web-1/m);
  });

  it("are those that a glob fits, and print the target first for cut and read", async () => {
    const run = await world.run(["*-admin", "tables", "-o", "text", "--token-code", world.code()]);
    expect(run.exitCode).toBe(0);
    const lines = run.stdout.trimEnd().split("\n");
    expect(new Set(lines.map((line) => line.split("\t")[0]))).toEqual(new Set(["dev-admin"]));
  });

  it("that are all cached take no code, and say so of one that was given", async () => {
    await world.run(["dev,staging", "login", "--token-code", world.code()]);
    const run = await world.run(["dev,staging", "whoami", "--token-code", world.code()]);
    expect(run).toMatchObject({ exitCode: 0 });
    expect([count(run, "GetSessionToken"), count(run, "AssumeRole")]).toEqual([0, 0]);
    expect(run.said).toMatch(/the token code from --token-code was not needed and not sent/);
  });

  it("one that fails stops no other: exit 5, its own error, the others' results", async () => {
    const role = world.role(STAGING);
    const before = role.trustPolicy;
    const policy = JSON.parse(before);
    policy.Statement[0].Condition.StringEquals = { "sts:ExternalId": "42" };
    role.trustPolicy = JSON.stringify(policy);
    const line = (...more: string[]) => ["dev,staging,prod", "whoami", "--token-code", world.code(), ...more];
    const json = await world.run(line("-o", "json"));
    world.newCache();
    const table = await world.run(line());
    role.trustPolicy = before;
    expect(json.exitCode).toBe(5);
    expect(parse(json).map((entry) => ("error" in entry ? (entry.error as { code: string }).code : "ok"))).toEqual([
      "ok",
      "ASSUME_ROLE_DENIED",
      "ok",
    ]);
    expect(table.exitCode).toBe(5);
    expect(table.stdout).toMatch(/^dev .*^prod /ms);
    expect(table.stdout).not.toMatch(/^staging/m);
    expect(table.said).toMatch(/error: staging: the role may not be assumed/);
    expect(table.said).toMatch(/error: 1 of 3 targets failed: staging\n/);
  });

  it("of which one has a broken profile do the others' work", async () => {
    const env = world.configWith(`\n[profile broken]\nrole_arn = ${DEV_ROLE}\nsource_profile = nobody\n`);
    const run = await world.run(["dev,broken", "whoami", "-o", "json", "--token-code", world.code()], { env });
    expect(run.exitCode).toBe(5);
    expect(parse(run)).toMatchObject([
      { target: "dev", result: { account: DEV } },
      { target: "broken", account: null, error: { code: "SOURCE_CREDENTIALS_MISSING" } },
    ]);
  });

  it("of which one is no target do nothing at all", async () => {
    const run = await world.run(["dev,stagin", "whoami", "--token-code", world.code()]);
    expect(run).toMatchObject({ exitCode: 3, operations: [], stdout: "" });
    expect(run.said).toMatch(/stagin.*\n.*closest: staging/);
  });

  it("of which one wants more than an hour ask for its code too, one after the other", async () => {
    const env = world.configWith(
      `\n[profile long]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nduration_seconds = 7200\n`,
    );
    const run = await world.run("dev,long,staging whoami", { env, replies: [() => world.code(), () => world.code()] });
    expect(run.exitCode).toBe(0);
    expect(run.questions).toHaveLength(2);
    expect(run.said).toMatch(/long: long goes direct, with a code of its own: .*asks for 2 h/);
  });

  it("that would take two codes with nobody to ask fail before the first call", async () => {
    const env = world.configWith(
      `\n[profile long]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nduration_seconds = 7200\n`,
    );
    const run = await world.run(["dev,long", "whoami", "--no-input", "--token-code", world.code()], { env });
    expect(run).toMatchObject({ exitCode: 2, operations: [], stdout: "" });
    expect(run.said).toMatch(/2 token codes are needed \(dev, long\), and only one is given/);
    const none = await world.run("dev,staging whoami --no-input");
    expect(none).toMatchObject({ exitCode: 2, operations: [] });
    expect(none.said).toMatch(
      /a token code is needed \(dev\), and nobody can be asked\n.*hint: give it: --token-code, or ASSUME_MFA_TOKEN_CODE\n/,
    );
    expect(run.said).not.toMatch(/hint: give it/);
  });

  it("a person who declines is asked once", async () => {
    const run = await world.run("dev,staging,prod whoami", { replies: [undefined] });
    expect(run.exitCode).toBe(5);
    expect(run.questions).toHaveLength(1);
    expect(count(run, "AssumeRole")).toBe(0);
  });

  it("are too many for an action on one target", async () => {
    for (const action of ["export", "table orders", "terminate i-0123456789abcdef0", "delete-table orders"]) {
      const run = await world.run(`dev,staging ${action} --token-code ${world.code()}`);
      expect(run, action).toMatchObject({ exitCode: 2 });
      expect(count(run, "AssumeRole") + count(run, "GetSessionToken")).toBe(0);
      expect(run.said).toMatch(
        /2 targets at once are too many for this action|by ids takes one target; several with --filter/,
      );
    }
  });

  it("--expect-account that is not each one's: exit 3 before a code is read or anything is called", async () => {
    const reads = ["whoami", "instances"];
    const destroys = ["terminate --filter tag:Name=web-1 --yes --max 9", "stop --filter tag:Name=web-1 --dry-run"];
    for (const action of [...reads, ...destroys]) {
      for (const targets of ["dev,staging", "staging,dev"]) {
        const line = [targets, ...action.split(" "), "--expect-account", DEV, "-o", "json", "-t", "-"];
        const run = await world.run(line, { stdin: `${world.code()}\n`, replies: [] });
        expect(run, action).toMatchObject({ exitCode: 3, operations: [], questions: [] });
        expect(run.host.stdinLeft.length).toBe(7);
        expect(JSON.parse(run.stdout)).toMatchObject({ error: { code: "ACCOUNT_UNEXPECTED" } });
        expect(run.said).toMatch(/error: staging is account 333333333333, and 222222222222 was expected\n/);
      }
    }
    const told = await world.run(["dev,staging", "whoami", "--expect-account", DEV, "--explain"]);
    expect(told.stdout).toMatch(/would fail +staging is account 333333333333.*\(exit 3\)/);
    const both = ["dev,dev-admin", "whoami", "--expect-account", DEV, "-t", world.code()];
    expect(await world.run(both)).toMatchObject({ exitCode: 0 });
  });

  it("--expect-account is looked at first, whatever else a target lacks", async () => {
    const env = world.configWith(
      `\n[profile nowhere]\nrole_arn = arn:aws:iam::${STAGING}:role/PrivilegedActionsRole\nsource_profile = parent\n`,
    );
    const run = await world.run(["dev,nowhere", "instances", "--expect-account", DEV, "-t", world.code()], { env });
    expect(run).toMatchObject({ exitCode: 3, operations: [] });
    expect(run.said).toMatch(/nowhere is account 333333333333/);
  });
});
