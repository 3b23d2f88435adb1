import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Environment } from "../../src/host/host.ts";
import { changesOf, DEV, DEV_ROLE, demand, openCliWorld, SERIAL } from "../support/cli-world.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";

const world = await openCliWorld();

let serial = 0;
let id: string;

beforeEach(() => {
  world.newCache();
  serial += 1;
  id = `i-${serial.toString(16).padStart(17, "0")}`;
  const model = demand(world.instances(DEV)[0]);
  world.account(DEV).instances.set(id, { ...model, id, state: "running", nextState: undefined });
});

afterEach(() => {
  world.account(DEV).alias = undefined;
  world.role(DEV).inlinePolicies.delete("ReadAlias");
});

function allowAlias(alias: string | undefined): void {
  world.account(DEV).alias = alias;
  const statement = { Effect: "Allow", Action: "iam:ListAccountAliases", Resource: "*" };
  const policy = { Version: "2012-10-17", Statement: [statement] };
  world.role(DEV).inlinePolicies.set("ReadAlias", JSON.stringify(policy));
}

const terminate = (...more: string[]) => ["dev", "terminate", id, "-t", world.code(), ...more];

describe("the account that something is about to be done in", () => {
  it("is read again by STS, and shown with the alias, also in the question", async () => {
    allowAlias("acme-dev");
    const run = await world.run(terminate(), { replies: ["y"] });
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toMatch(/^account 222222222222 \(acme-dev\) {2}target dev {2}role PrivilegedActionsRole {2}/m);
    expect(run.questions).toEqual(["Terminate 1 instance in dev (account 222222222222, acme-dev)? [y/N] "]);
    // Once each, and as the role, before anything is done.
    const asked = run.calls.filter(({ operation = "" }) =>
      /^(?:GetCallerIdentity|ListAccountAliases)$/.test(operation),
    );
    const ofRole = asked.filter(({ accessKeyId = "" }) => accessKeyId.startsWith("ASIA"));
    expect(ofRole.map(({ operation }) => operation).sort()).toEqual(["GetCallerIdentity", "ListAccountAliases"]);
    expect(run.operations.indexOf("ListAccountAliases")).toBeLessThan(run.operations.indexOf("TerminateInstances"));
  });

  it("is shown with --yes and in a dry run too", async () => {
    allowAlias("acme-dev");
    for (const words of [["--dry-run"], ["--yes"]]) {
      const run = await world.run(terminate(...words));
      expect(run.exitCode).toBe(0);
      expect(run.stderr).toContain("account 222222222222 (acme-dev)");
    }
  });

  it("has no alias in silence: where the role may not read it, and where there is none", async () => {
    const denied = await world.run(terminate("--yes"));
    expect(denied.operations).toContain("ListAccountAliases");
    allowAlias(undefined);
    const none = await world.run(["dev", "terminate", id, "--dry-run"]);
    for (const run of [denied, none]) {
      expect(run.stderr).toMatch(/^account 222222222222 {2}target dev/m);
      expect(run.stderr).not.toMatch(/alias/i);
    }
  });

  it("has its alias made visible", async () => {
    allowAlias("acme\u202edev");
    const run = await world.run(terminate(), { replies: ["n"] });
    expect(run.stderr).toContain("account 222222222222 (acme\\u202edev)");
    expect(run.questions.at(-1)).toContain("(account 222222222222, acme\\u202edev)");
  });

  it("is not asked for its alias of AWS with an emulator's keys", async () => {
    allowAlias("acme-dev");
    const { AWS_ENDPOINT_URL: endpoint } = world.env;
    const run = await world.run(terminate("--yes"), {
      env: {
        ASSUME_MFA_SANDBOX: undefined,
        AWS_ENDPOINT_URL: undefined,
        AWS_ENDPOINT_URL_STS: endpoint,
        AWS_ENDPOINT_URL_EC2: endpoint,
      },
    });
    expect(run.exitCode).toBe(0);
    expect(run.operations).not.toContain("ListAccountAliases");
    expect(run.stderr).toMatch(/^account 222222222222 {2}target dev/m);
  });

  it("is not asked for its alias with --scoped, whose session may not", async () => {
    allowAlias("acme-dev");
    const run = await world.run(terminate("--yes", "--scoped"));
    expect(run.exitCode).toBe(0);
    expect(run.operations).not.toContain("ListAccountAliases");
    expect(run.stderr).toMatch(/^account 222222222222 {2}target dev/m);
  });

  it("is not waited for when IAM says nothing", { timeout: 15_000 }, async () => {
    allowAlias("acme-dev");
    await world.login("dev", { env: { ASSUME_MFA_SANDBOX: undefined } });
    const proxy = await startFaultProxy(demand(world.env.AWS_ENDPOINT_URL));
    proxy.break("ListAccountAliases", { kind: "silence" }, 9);
    const startedAt = Date.now();
    const run = await world.run(["dev", "terminate", id, "--yes"], {
      env: { ASSUME_MFA_SANDBOX: undefined, AWS_ENDPOINT_URL_IAM: proxy.url },
    });
    expect(Date.now() - startedAt).toBeLessThan(6_000);
    await proxy.close();
    expect(proxy.calls.filter(({ operation }) => operation === "ListAccountAliases")).toHaveLength(1);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.said).toMatch(/^account 222222222222 {2}target dev/m);
  });

  describe("by STS", () => {
    let proxy: Awaited<ReturnType<typeof startFaultProxy>>;
    let env: Environment;

    beforeEach(async () => {
      proxy = await startFaultProxy(demand(world.env.AWS_ENDPOINT_URL));
      env = { ASSUME_MFA_SANDBOX: undefined, AWS_ENDPOINT_URL_STS: proxy.url };
      await world.login("dev", { env });
    });

    afterEach(() => proxy.close());

    it("is said not to be read again when STS is gone, and it goes on", async () => {
      proxy.break("GetCallerIdentity", { kind: "lose-request" }, 9);
      const run = await world.run(["dev", "terminate", id, "--yes"], { env });
      expect(run.exitCode).toBe(0);
      expect(run.said).toContain(
        "the account could not be read again: 222222222222 is what the session was opened for\n",
      );
    });

    it.each([
      ["gone", { kind: "lose-request" }],
      ["answering with what says nothing", { kind: "answer", status: 200, body: "<x/>", forward: false }],
    ] as const)("where --expect-account wants it told and STS is %s, nothing is done: exit 1", async (_what, fault) => {
      proxy.break("GetCallerIdentity", fault, 30);
      for (const words of [["--yes"], ["--dry-run"], []]) {
        const line = ["dev", "terminate", id, "--expect-account", DEV, "-o", "json", ...words];
        const run = await world.run(line, { env, replies: [] });
        expect(run).toMatchObject({ exitCode: 1, questions: [] });
        expect(changesOf(run)).toEqual([]);
        expect(run.said).toContain(
          "error: STS does not say now whose the session of dev is, and --expect-account wants account 222222222222; nothing was done\n",
        );
        expect(JSON.parse(run.stdout)).toMatchObject([{ error: { code: "NETWORK" } }]);
        expect(run.said).not.toMatch(/could not be read again/);
      }
      expect(world.account(DEV).instances.get(id)?.state).toBe("running");
      // What only reads was told by the session.
      const read = await world.run(["dev", "instances", id, "--expect-account", DEV], { env });
      expect(read.exitCode).toBe(0);
    });

    it("stops everything when the session is of another account than the target", async () => {
      const body = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:sts::444444444444:assumed-role/x/y</Arn><UserId>AROAX:y</UserId><Account>444444444444</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`;
      proxy.break("GetCallerIdentity", { kind: "answer", status: 200, body, forward: false }, 9);
      for (const words of [["--yes"], ["--dry-run"], ["--yes", "-o", "json"]]) {
        const run = await world.run(["dev", "terminate", id, ...words], { env });
        expect(run.exitCode).toBe(3);
        expect(changesOf(run)).toEqual([]);
        expect(run.stderr).toContain(
          "error: the session is of account 444444444444, and dev is account 222222222222; nothing was done\n",
        );
        if (words.includes("json")) expect(JSON.parse(run.stdout)[0].error.code).toBe("ACCOUNT_UNEXPECTED");
      }
    });
  });
});

describe("a target that is set apart by assume_mfa_confirm", () => {
  const envOf = (mode: string) =>
    world.configFile(
      `[profile parent]\n[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = us-east-1\nassume_mfa_confirm = ${mode}\n`,
    );

  it.each([
    ["prompt", false],
    ["always", true],
    ["person", true],
    ["never", false],
  ])("%s is marked: %s", async (mode, isMarked) => {
    const run = await world.run(terminate("--dry-run"), { env: envOf(mode) });
    expect(run.exitCode).toBe(0);
    if (isMarked) expect(run.stderr).toMatch(new RegExp(`target dev {2}guarded: ${mode} {2}role `));
    else expect(run.stderr).not.toContain("guarded");
  });

  it("is painted on a terminal, and plain under NO_COLOR", async () => {
    const painted = await world.run(terminate("--dry-run"), {
      env: envOf("person"),
      isStderrTerminal: true,
      columns: 200,
    });
    expect(painted.stderr).toContain("\u001b[31mguarded: person\u001b[39m");
    const plain = await world.run(["dev", "terminate", id, "--dry-run"], {
      env: { ...envOf("person"), NO_COLOR: "1" },
      isStderrTerminal: true,
      columns: 200,
    });
    expect(plain.stderr).toMatch(/target dev {2}guarded: person {2}role /);
    expect(plain.stderr.replaceAll("\r\u001b[2K", "")).not.toContain("\u001b[");
  });

  it.each([40, 60, 80, 100])("and all that is known of each resource at %i columns", async (columns) => {
    allowAlias("acme-dev");
    const run = await world.run(terminate("--dry-run"), {
      env: { ...envOf("always"), NO_COLOR: "1" },
      isStderrTerminal: true,
      columns,
    });
    const painted = run.stderr.replaceAll("\r\u001b[2K", "");
    const look = painted.slice(painted.indexOf("account 2"));
    for (const word of [id, "t3.small", "us-east-1a", "running", "30 d"]) expect(look).toContain(word);
    for (const title of ["name", "type", "state", "age", "protected"]) {
      expect(look).toMatch(new RegExp(`(?:^|\\s)${title}(?:\\s|$)`));
    }
    for (const line of look.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
    // Nothing of the place is cut either.
    const { AWS_CONFIG_FILE: file } = envOf("always");
    expect(file.length).toBeGreaterThan(20);
    expect(look.replace(/\n\s*/g, "")).toMatch(/regionus-east-1 ?\(.*config:6\)|region us-east-1 ?\(.*config:6\)/);
  });

  it("has a line for each fact where the terminal is narrow", async () => {
    allowAlias("acme-dev");
    const run = await world.run(terminate("--dry-run"), {
      env: { ...envOf("always"), NO_COLOR: "1" },
      isStderrTerminal: true,
      columns: 40,
    });
    expect(run.stderr).toMatch(
      /^account 222222222222 \(acme-dev\)\ntarget dev\nguarded: always\nrole PrivilegedActionsRole\nregion us-east-1\n {2}\(/m,
    );
    const table = run.stderr.split("\n").filter((line) => line.includes(id));
    for (const line of table) expect(line.length).toBeLessThanOrEqual(40);
  });
});
