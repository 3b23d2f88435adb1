import { beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_REGIONS } from "../../src/sandbox/regions.ts";
import type { Instance } from "../../src/sandbox/world.ts";
import { changesOf, DEV, demand, openCliWorld, PROD, type Run } from "../support/cli-world.ts";

const world = await openCliWorld();
const STAGING = "333333333333";
const CHILDREN = [DEV, STAGING, PROD] as const;
let serial = 0;

/** Adds copies of the account's first instance. @returns their ids */
function addInstances(account: string, count: number, tags: Record<string, string>, change: Partial<Instance> = {}) {
  const { instances } = world.account(account);
  const model = demand(world.instances(account)[0]);
  return Array.from({ length: count }, () => {
    const id = `i-${(++serial).toString(16).padStart(17, "0")}`;
    instances.set(id, { ...model, disableApiTermination: false, ...change, tags: new Map(Object.entries(tags)), id });
    return id;
  });
}

const stateOf = (account: string, id: string) => world.account(account).instances.get(id)?.state;
// biome-ignore lint/suspicious/noExplicitAny: what it holds is what is tested
const parse = ({ stdout }: Run) => JSON.parse(stdout) as Record<string, any>[];
const count = ({ operations }: Run, operation: string) => operations.filter((one) => one === operation).length;

beforeEach(() => {
  world.newCache();
  for (const account of CHILDREN) {
    for (const { id, tags } of world.instances(account)) {
      if (tags.has("Test")) world.account(account).instances.delete(id);
    }
  }
});

describe("instances", () => {
  beforeEach(() => world.login());

  it("--filter and --state are EC2's to decide, in one call", async () => {
    const [one] = addInstances(DEV, 1, { Test: "a", Name: "one" });
    addInstances(DEV, 1, { Test: "b" });
    addInstances(DEV, 1, { Test: "a" }, { state: "stopped" });
    const run = await world.run("dev instances --filter tag:Test=a --state running,pending -o json");
    expect(run).toMatchObject({ exitCode: 0, operations: ["DescribeInstances"] });
    expect(parse(run)[0]).toMatchObject({ result: [{ id: one, name: "one", region: "us-east-1" }] });
    const wild = await world.run(["dev", "instances", "--filter", "Name=tag:Test,Values=?", "-o", "text"]);
    expect(wild.stdout.trimEnd().split("\n")).toHaveLength(3);
  });

  it("with nothing that matches say so, and what a comma means", async () => {
    const run = await world.run("dev instances --filter tag:Env=a,b");
    expect(run).toMatchObject({ exitCode: 0, stdout: "" });
    expect(run.said).toBe(
      'assume-mfa: no instance matches tag:Env=a,b in dev, us-east-1\nassume-mfa: the comma in "tag:Env=a,b" is part of the value: several values are Name=tag:Env,Values=a,b\n',
    );
  });

  it.each([
    [["--filter", "tag:Env="]],
    [["--filter", "tag:Env"]],
    [["--filter", "=x"]],
    [["--state", "runing"]],
    [["--state", ""]],
    [["i-0123456789abcdef0", "--state", "running"]],
  ])("%j: exit 2 before a code is read", async (words) => {
    world.newCache();
    for (const targets of ["dev", "dev,staging"]) {
      const run = await world.run([targets, "instances", ...words, "-t", "-"], { stdin: "123456\n", replies: [] });
      expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
      expect(run.host.stdinLeft.length).toBe(7);
    }
  });

  it("a filter that EC2 does not have is EC2's error", async () => {
    const run = await world.run("dev instances --filter no-such-filter=x");
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.stderr).toMatch(/The filter 'no-such-filter' is invalid/);
  });
});

describe("--all-regions", () => {
  const line = ["dev-admin", "instances", "--all-regions"];
  beforeEach(() => world.login("dev-admin"));

  it("lists every enabled region, with at most ten asked at once and the region in each line", async () => {
    const [one] = addInstances(
      DEV,
      1,
      { Test: "a", Name: "far" },
      { region: "eu-west-1", availabilityZone: "eu-west-1a" },
    );
    const run = await world.run(line);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(/^region +id +name/);
    expect(run.stdout).toMatch(new RegExp(`^eu-west-1 +${one} +far`, "m"));
    expect(run.stdout).toMatch(/^us-east-1 +i-\w+ +web-1/m);
    const regions = run.calls.filter(({ operation }) => operation === "DescribeInstances").map(({ region }) => region);
    expect(new Set(regions).size).toBe(regions.length);
    expect(regions.length).toBeGreaterThan(10);
    const json = await world.run([...line, "-o", "json"]);
    expect(parse(json).map(({ region }) => region)).toEqual([...regions].sort());
    expect(parse(json).find(({ region }) => region === "eu-west-1")).toEqual({
      target: "dev-admin",
      account: DEV,
      region: "eu-west-1",
      result: [expect.objectContaining({ id: one, region: "eu-west-1" })],
    });
  });

  it("a region that is closed stops no other: exit 5, named, its error in its own entry", async () => {
    const role = world.role(DEV, "Administrator");
    const deny = {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Deny",
          Action: "ec2:DescribeInstances",
          Resource: "*",
          Condition: { StringEquals: { "aws:RequestedRegion": ["eu-west-1", "eu-west-2"] } },
        },
      ],
    };
    role.inlinePolicies.set("Closed", JSON.stringify(deny));
    try {
      const run = await world.run(line);
      expect(run.exitCode).toBe(5);
      expect(run.stdout).toMatch(/^us-east-1 +i-/m);
      expect(run.said).toMatch(/error: 2 of \d+ regions could not be looked at: eu-west-1, eu-west-2\n/);
      const json = await world.run([...line, "-o", "json"]);
      expect(json.exitCode).toBe(5);
      const failed = parse(json).filter((entry) => "error" in entry);
      expect(failed).toMatchObject([
        { region: "eu-west-1", error: { code: "ACCESS_DENIED" } },
        { region: "eu-west-2", error: { code: "ACCESS_DENIED" } },
      ]);
      expect(parse(json).every((entry) => "error" in entry !== "result" in entry)).toBe(true);
    } finally {
      role.inlinePolicies.delete("Closed");
    }
  });

  it("finds ids wherever they are, and says which are nowhere", async () => {
    const [one] = addInstances(DEV, 1, { Test: "a" }, { region: "eu-west-1" });
    const run = await world.run(["dev-admin", "instances", `${one}`, "--all-regions", "-o", "text"]);
    expect(run).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(new RegExp(`^eu-west-1\t${one}\t[^\n]*\n$`)),
    });
    const none = await world.run([...line, "i-0123456789abcdef0"]);
    expect(none).toMatchObject({ exitCode: 1, stdout: "" });
    expect(none.said).toMatch(/error: no instance i-0123456789abcdef0 in any region of account 222222222222/);
  });

  it("where the role may not list the regions: exit 1", async () => {
    await world.login();
    const run = await world.run("dev instances --all-regions");
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.stderr).toMatch(/may not do ec2:DescribeRegions/);
  });
});

describe("a destructive action by filter", () => {
  beforeEach(() => world.login());

  it("does what matches and can be done, shown first, and nothing else", async () => {
    const ids = addInstances(DEV, 2, { Test: "old" });
    const [over] = addInstances(DEV, 1, { Test: "old" }, { state: "terminated" });
    const [other] = addInstances(DEV, 1, { Test: "new" });
    const run = await world.run("dev terminate --filter tag:Test=old", { replies: ["y"] });
    expect(run.exitCode).toBe(0);
    expect(run.questions).toEqual([`Terminate 2 instances in dev (account ${DEV})? [y/N] `]);
    for (const id of ids) expect(run.stderr).toContain(id);
    expect(run.stderr).not.toContain(over);
    expect(ids.map((id) => stateOf(DEV, id))).not.toContain("running");
    expect(stateOf(DEV, `${other}`)).toBe("running");
    expect(changesOf(run)).toEqual(["TerminateInstances"]);
  });

  it.each(["stop", "reboot", "terminate"])("%s takes it, --yes with --max", async (action) => {
    const { inlinePolicies } = world.role(DEV);
    const all = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "ec2:*", Resource: "*" }] };
    inlinePolicies.set("All", JSON.stringify(all));
    const [id] = addInstances(DEV, 1, { Test: action });
    const run = await world.run(`dev ${action} --filter tag:Test=${action} --yes --max 1 -o json`);
    inlinePolicies.delete("All");
    expect(run.exitCode).toBe(0);
    expect(parse(run)).toMatchObject([{ target: "dev", result: { action, resources: [{ id, outcome: "done" }] } }]);
  });

  it("start finds only what is stopped", async () => {
    const { inlinePolicies } = world.role(DEV);
    const all = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "ec2:*", Resource: "*" }] };
    inlinePolicies.set("All", JSON.stringify(all));
    addInstances(DEV, 2, { Test: "s" });
    const nothing = await world.run("dev start --filter tag:Test=s --yes --max 5");
    const [stopped] = addInstances(DEV, 1, { Test: "s" }, { state: "stopped" });
    const run = await world.run("dev start --filter tag:Test=s --yes --max 1 -o json");
    inlinePolicies.delete("All");
    expect(nothing).toMatchObject({ exitCode: 0, stdout: "" });
    expect(nothing.said).toBe(
      "assume-mfa: 2 instances match tag:Test=s in dev, us-east-1, none to be started: 2 running; nothing to do\n",
    );
    expect(changesOf(nothing)).toEqual([]);
    expect(parse(run)).toMatchObject([{ result: { resources: [{ id: stopped, outcome: "done" }] } }]);
  });

  it("that nothing matches is exit 0, an empty list, no question", async () => {
    const run = await world.run("dev terminate --filter tag:Test=nothing", { replies: [] });
    expect(run).toMatchObject({ exitCode: 0, stdout: "", operations: ["DescribeInstances"] });
    expect(run.said).toBe("assume-mfa: no instance matches tag:Test=nothing in dev, us-east-1; nothing to do\n");
    const json = await world.run("dev terminate --filter tag:Test=nothing --yes --max 3 -o json");
    expect(parse(json)).toMatchObject([
      { result: { action: "terminate", dryRun: false, resources: [], requestIds: [] } },
    ]);
  });

  it.each([
    ["--yes without --max", ["--filter", "tag:Test=a", "--yes"], /needs --max/],
    ["an empty value", ["--filter", "tag:Test=", "--yes", "--max", "1"], /empty value/],
    ["no limit", ["--filter", "tag:Test=a", "--yes", "--max", "0"], /--max is no count/],
    ["a limit that is none", ["--filter", "tag:Test=a", "--yes", "--max", "1e3"], /--max is no count/],
    [
      "ids beside it",
      ["i-0123456789abcdef0", "--filter", "tag:Test=a", "--yes", "--max", "1"],
      /can't be given together/,
    ],
    [
      "more ids than the limit",
      ["i-0123456789abcdef0", "i-0123456789abcdef1", "--yes", "--max", "1"],
      /error: 2 instances are given, and --max is 1; nothing was done\n.*hint: leave out --max, which is for --filter, or give one of 2 or more\n/,
    ],
    ["nobody to ask", ["--filter", "tag:Test=a"], /nobody can be asked/],
  ])("%s: exit 2 before any call", async (_what, words, message) => {
    addInstances(DEV, 1, { Test: "a" });
    world.newCache();
    for (const targets of ["dev", "dev,staging"]) {
      if (targets === "dev,staging" && !words.includes("--filter")) continue;
      const run = await world.run([targets, "terminate", ...words, "-t", "123456"]);
      expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
      expect(run.stderr).toMatch(message);
    }
  });

  it("never asks nobody without a limit: assume_mfa_confirm = never needs --max too", async () => {
    const env = world.configWith(
      "\n[profile careless]\nrole_arn = arn:aws:iam::222222222222:role/PrivilegedActionsRole\nsource_profile = parent\nregion = us-east-1\nassume_mfa_confirm = never\n",
    );
    addInstances(DEV, 1, { Test: "a" });
    const run = await world.run("careless terminate --filter tag:Test=a -t 123456", { env });
    expect(run).toMatchObject({ exitCode: 2, operations: [] });
  });

  it("stops where more match than --max, also where somebody would be asked, and in a dry run", async () => {
    const ids = addInstances(DEV, 3, { Test: "many" });
    addInstances(DEV, 2, { Test: "many" }, { state: "terminated" });
    for (const words of [["--yes"], [], ["--dry-run"]]) {
      const run = await world.run(
        ["dev", "terminate", "--filter", "tag:Test=many", "--max", "2", "-o", "json", ...words],
        {
          replies: [],
        },
      );
      expect(run).toMatchObject({ exitCode: 1, questions: [], operations: ["DescribeInstances"] });
      expect(parse(run)).toMatchObject([{ error: { code: "TOO_MANY", max: 2, count: 3, matching: { dev: ids } } }]);
      expect(run.said).toMatch(
        /error: 3 instances that can be terminated match tag:Test=many, and --max is 2; nothing was done\n/,
      );
    }
    expect(ids.map((id) => stateOf(DEV, id))).toEqual(["running", "running", "running"]);
    // Those that are over do not count.
    expect(await world.run("dev terminate --filter tag:Test=many --yes --max 3")).toMatchObject({ exitCode: 0 });
  });

  it("stops at a protected one, as it does with ids", async () => {
    const [id] = addInstances(DEV, 1, { Test: "kept" }, { disableApiTermination: true });
    addInstances(DEV, 1, { Test: "kept" });
    const run = await world.run("dev terminate --filter tag:Test=kept --yes --max 5");
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.stderr).toContain(`${id} has termination protection`);
    expect(changesOf(run)).toEqual([]);
  });
});

describe("a destructive action on several targets", () => {
  const login = async () => {
    const run = await world.run(["dev,staging,prod", "login", "-t", world.code()]);
    expect(run.exitCode).toBe(0);
  };
  const addEverywhere = (each: number) => CHILDREN.map((account) => addInstances(account, each, { Test: "old" }));

  it("takes one code, does it in each, and is one document and one table", async () => {
    const [dev = [], staging = []] = addEverywhere(2);
    const line = ["dev,staging", "terminate", "--filter", "tag:Test=old", "--yes", "--max", "4", "-t", world.code()];
    const run = await world.run([...line, "-o", "json"]);
    expect(run.exitCode).toBe(0);
    expect([count(run, "GetSessionToken"), count(run, "TerminateInstances")]).toEqual([1, 2]);
    expect(parse(run)).toMatchObject([
      {
        target: "dev",
        account: DEV,
        region: "us-east-1",
        result: { resources: dev.map((id) => ({ id, outcome: "done" })) },
      },
      { target: "staging", account: STAGING, result: { resources: staging.map((id) => ({ id, outcome: "done" })) } },
    ]);
    addEverywhere(1);
    const table = await world.run("dev,staging terminate --filter tag:Test=old --yes --max 2");
    expect(table.stdout).toMatch(
      /^target +id +before +now +outcome\ndev +i-\w+ +running +terminated +done\nstaging +i-/,
    );
    // The looks do not get mixed up.
    expect(table.stderr.match(/^account \d+/gm)).toEqual([`account ${DEV}`, `account ${STAGING}`]);
  });

  it("--max counts all of them together, and nothing is done in any", async () => {
    addEverywhere(2);
    await login();
    const run = await world.run("dev,staging,prod terminate --filter tag:Test=old --yes --max 5 -o json");
    expect(run).toMatchObject({ exitCode: 1 });
    expect(changesOf(run)).toEqual([]);
    expect(parse(run).map(({ error }) => error.code)).toEqual(["TOO_MANY", "TOO_MANY", "TOO_MANY"]);
    expect(run.said.match(/error:/g)).toHaveLength(1);
    expect(run.said).toMatch(/6 instances .* \(dev 2, staging 2, prod 2\), and --max is 5; nothing was done/);
  });

  it("asks once for all that take a y, after all looks, naming each account and its count", async () => {
    addEverywhere(1);
    addInstances(DEV, 1, { Test: "old" });
    await login();
    const run = await world.run("dev,staging terminate --filter tag:Test=old", { replies: ["y"] });
    expect(run.exitCode).toBe(0);
    expect(run.questions).toEqual(["Terminate 3 instances in these 2 targets? [y/N] "]);
    expect(run.screen).toContain(
      `  dev      account ${DEV}  2 instances\n  staging  account ${STAGING}  1 instance\nTerminate 3 instances`,
    );
    expect(count(run, "TerminateInstances")).toBe(2);
    // Each look is a block of its own.
    expect(run.said).toMatch(/\n\naccount \d+ .*staging/);
    expect(run.said).not.toMatch(/^\n/);
  });

  it("asks for the name of each target that wants it typed, one after the other, before anything is done", async () => {
    const env = world.configWith(
      ["dev", "staging", "prod"]
        .map((name, index) => {
          const role = `arn:aws:iam::${CHILDREN[index]}:role/PrivilegedActionsRole`;
          return `\n[profile x-${name}]\nrole_arn = ${role}\nsource_profile = parent\nmfa_serial = arn:aws:iam::111122223333:mfa/alice\nregion = us-east-1\nassume_mfa_confirm = ${name === "dev" ? "prompt" : name === "prod" ? "person" : "always"}\n`;
        })
        .join(""),
    );
    addEverywhere(1);
    const targets = "x-dev,x-prod,x-staging";
    await world.run([targets, "login", "-t", world.code()], { env });
    const asked = [
      `Terminate 1 instance in x-dev (account ${DEV})? [y/N] `,
      `To terminate 1 instance in x-prod (account ${PROD}), type the target's name (x-prod): `,
      `To terminate 1 instance in x-staging (account ${STAGING}), type the target's name (x-staging): `,
    ];
    // A No to the last one is a No to all of it.
    const no = await world.run(`${targets} terminate --filter tag:Test=old -o json`, {
      env,
      replies: ["y", "x-prod", "x-stagin"],
    });
    expect(no.exitCode).toBe(6);
    expect(no.questions).toEqual(asked);
    expect(changesOf(no)).toEqual([]);
    expect(parse(no).map(({ error }) => error.code)).toEqual(["DECLINED", "DECLINED", "DECLINED"]);
    // Nothing stands for a person: without one the whole run is refused before any call.
    const nobody = await world.run(`${targets} terminate --filter tag:Test=old --yes --max 9`, { env });
    expect(nobody).toMatchObject({ exitCode: 2, operations: [], stdout: "" });
    const yes = await world.run(`${targets} terminate --filter tag:Test=old`, {
      env,
      replies: ["y", "x-prod", "x-staging"],
    });
    expect(yes.exitCode).toBe(0);
    expect(count(yes, "TerminateInstances")).toBe(3);
  });

  it("what goes wrong in one stops no other: exit 5", async () => {
    const [dev = [], , prod = []] = addEverywhere(1);
    await login();
    const { inlinePolicies } = world.role(STAGING);
    const before = new Map(inlinePolicies);
    inlinePolicies.clear();
    const run = await world.run("dev,staging,prod terminate --filter tag:Test=old --yes --max 3 -o json");
    for (const [name, policy] of before) inlinePolicies.set(name, policy);
    expect(run.exitCode).toBe(5);
    expect(parse(run)).toMatchObject([
      { target: "dev", result: { resources: [{ id: dev[0], outcome: "done" }] } },
      { target: "staging", error: { code: "ACCESS_DENIED" } },
      { target: "prod", result: { resources: [{ id: prod[0], outcome: "done" }] } },
    ]);
    expect(run.said).toMatch(/error: 1 of 3 targets failed: staging\n/);
  });

  it("where nothing matches in one, the others are done: exit 0", async () => {
    const [dev] = addInstances(DEV, 1, { Test: "old" });
    await login();
    const run = await world.run("dev,staging terminate --filter tag:Test=old --yes --max 3 -o json");
    expect(run.exitCode).toBe(0);
    expect(parse(run)).toMatchObject([{ result: { resources: [{ id: dev }] } }, { result: { resources: [] } }]);
    expect(run.said).toContain("assume-mfa: staging: no instance matches tag:Test=old in us-east-1; nothing to do");
  });

  it("works on more than ten, at most ten at once", async () => {
    const { accounts } = world.sandbox.world;
    const names = DEFAULT_REGIONS.slice(0, 13);
    const env = world.configWith(
      names
        .map(
          (name) =>
            `\n[profile many-${name}]\nrole_arn = arn:aws:iam::${DEV}:role/PrivilegedActionsRole\nsource_profile = parent\nmfa_serial = arn:aws:iam::111122223333:mfa/alice\nregion = ${name}\n`,
        )
        .join(""),
    );
    expect(accounts.size).toBeGreaterThan(3);
    for (const region of names) {
      addInstances(DEV, 1, { Test: "many" }, { region, availabilityZone: `${region}a` });
    }
    const dryRun = ["many*", "terminate", "--filter", "tag:Test=many", "--dry-run", "-o", "json", "-t", world.code()];
    const run = await world.run(dryRun, { env });
    expect(run.exitCode).toBe(0);
    expect(parse(run)).toHaveLength(13);
    expect(count(run, "TerminateInstances (dry run)")).toBe(13);
    const over = await world.run("many* terminate --filter tag:Test=many --yes --max 12", { env });
    expect(over.exitCode).toBe(1);
    expect(over.said).toMatch(/13 instances .* and --max is 12/);
  });

  it("that are of one account do it once: the first is who does it, the others say so", async () => {
    const ids = addInstances(DEV, 2, { Test: "same" }, { state: "stopped" });
    const { inlinePolicies } = world.role(DEV);
    const all = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "ec2:*", Resource: "*" }] };
    inlinePolicies.set("All", JSON.stringify(all));
    try {
      expect(await world.run(["dev,dev-admin,staging", "login", "-t", world.code()])).toMatchObject({ exitCode: 0 });
      const [away] = addInstances(STAGING, 1, { Test: "same" });
      const tight = await world.run("dev,dev-admin start --filter tag:Test=same --max 1 -o json", { replies: [] });
      expect(tight).toMatchObject({ exitCode: 1, questions: [] });
      expect(tight.said).toMatch(/error: 2 instances that can be started .* \(dev 2\), and --max is 1/);
      const [first] = parse(tight);
      expect(first).toMatchObject({ error: { count: 2, matching: { dev: ids, "dev-admin": [] } } });

      const run = await world.run("dev,dev-admin start --filter tag:Test=same --max 2", { replies: ["y"] });
      expect(run.exitCode).toBe(0);
      expect(run.questions).toEqual([`Start 2 instances in dev (account ${DEV})? [y/N] `]);
      expect(count(run, "StartInstances")).toBe(1);
      expect(run.stderr.match(/^account \d+/gm)).toEqual([`account ${DEV}`]);
      expect(run.said).toContain(
        `assume-mfa: dev-admin: 2 instances are left to dev, which is the same account: ${ids.join(", ")}\n`,
      );
      expect(run.said).not.toMatch(/nothing to do/);

      const glob = await world.run("dev-admin,staging,dev terminate --filter tag:Test=same --yes --max 3 -o json");
      expect(glob.exitCode).toBe(0);
      expect(count(glob, "TerminateInstances")).toBe(2);
      expect(parse(glob)).toMatchObject([
        { target: "dev-admin", result: { resources: ids.map((id) => ({ id, outcome: "done" })) } },
        { target: "staging", result: { resources: [{ id: away }] } },
        { target: "dev", result: { resources: [] } },
      ]);
    } finally {
      inlinePolicies.delete("All");
    }
  });

  it("of which the first may not look leave it to the next of its account", async () => {
    const [id] = addInstances(DEV, 1, { Test: "deaf" });
    const deny = { Version: "2012-10-17", Statement: [{ Effect: "Deny", Action: "ec2:Describe*", Resource: "*" }] };
    world.role(DEV).inlinePolicies.set("Deaf", JSON.stringify(deny));
    try {
      const line = ["dev,dev-admin", "terminate", "--filter", "tag:Test=deaf", "--yes", "--max", "1", "-o", "json"];
      const run = await world.run([...line, "-t", world.code()]);
      expect(run.exitCode).toBe(5);
      expect(parse(run)).toMatchObject([
        { error: { code: "ACCESS_DENIED" } },
        { result: { resources: [{ id, outcome: "done" }] } },
      ]);
    } finally {
      world.role(DEV).inlinePolicies.delete("Deaf");
    }
  });

  it("of one account in two regions are two places", async () => {
    const env = world.configWith(
      `\n[profile far]\nrole_arn = arn:aws:iam::${DEV}:role/PrivilegedActionsRole\nsource_profile = parent\nmfa_serial = arn:aws:iam::111122223333:mfa/alice\nregion = eu-west-1\n`,
    );
    addInstances(DEV, 1, { Test: "two" });
    addInstances(DEV, 1, { Test: "two" }, { region: "eu-west-1", availabilityZone: "eu-west-1a" });
    const line = ["dev,far", "terminate", "--filter", "tag:Test=two", "--yes", "--max", "2", "-t", world.code()];
    const run = await world.run(line, { env });
    expect(run.exitCode).toBe(0);
    expect(count(run, "TerminateInstances")).toBe(2);
    expect(run.said).not.toContain("left to");
  });

  it("with ids is refused: an id is in one account", async () => {
    const run = await world.run("dev,staging terminate i-0123456789abcdef0 --yes -t 123456");
    expect(run).toMatchObject({ exitCode: 2, operations: [] });
    expect(run.stderr).toMatch(
      /error: terminate by ids takes one target; several with --filter\n.*hint: name one target: ids are one account's\n/,
    );
    const picked = await world.run("dev,staging terminate -t 123456", { replies: [] });
    expect(picked).toMatchObject({ exitCode: 2, operations: [] });
    expect(picked.stderr).toMatch(/error: terminate by ids takes one target; several with --filter\n/);
  });

  it("Ctrl-C while it is done reports what was done everywhere: 130", async () => {
    addEverywhere(1);
    await login();
    const run = await world.run("dev,staging terminate --filter tag:Test=old --yes --max 2 -o json", {
      meanwhile(host) {
        const timer = setInterval(() => {
          if (
            !world.sandbox.calls.some(
              ({ operation, parameters }) =>
                operation === "TerminateInstances" && parameters.DryRun !== "true" && host.interrupts.isHeld,
            )
          )
            return;
          clearInterval(timer);
          host.interrupts.raise("SIGINT");
        }, 1);
      },
    });
    expect(run.exitCode).toBe(130);
    expect(parse(run)).toHaveLength(2);
    for (const entry of parse(run)) expect(entry.result.resources).toHaveLength(1);
  });
});
