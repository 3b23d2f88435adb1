import * as v from "valibot";
import { beforeEach, describe, expect, it } from "vitest";
import { changesOf, DEV, DEV_ROLE, demand, openCliWorld, PROD, SERIAL } from "../support/cli-world.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";

const world = await openCliWorld();

const Outcome = v.picklist(["done", "pending", "failed", "not done", "unknown", "would be done"]);
/** The documented result of a destructive action: nothing more and nothing less. */
const Report = v.strictObject({
  action: v.picklist(["terminate", "delete-table"]),
  dryRun: v.boolean(),
  resources: v.array(
    v.strictObject({
      id: v.string(),
      name: v.nullable(v.string()),
      before: v.nullable(v.string()),
      state: v.nullable(v.string()),
      outcome: Outcome,
      reason: v.optional(v.string()),
    }),
  ),
  requestIds: v.array(v.string()),
});
const Head = { target: v.string(), account: v.pipe(v.string(), v.regex(/^\d{12}$/)), region: v.nullable(v.string()) };
const ErrorEntries = { code: v.string(), message: v.string(), hint: v.nullable(v.string()) };
const Results = v.tuple([v.strictObject({ ...Head, result: Report })]);
const Failures = v.tuple([v.strictObject({ ...Head, error: v.looseObject(ErrorEntries) })]);

const parse = <T extends v.GenericSchema>(schema: T, text: string) => v.parse(schema, JSON.parse(text));

let serial = 0;
/** Fresh copies of the account's first instance. */
function addInstances(accountId: string, count: number, more = {}): string[] {
  const [model] = world.instances(accountId);
  return Array.from({ length: count }, () => {
    serial += 1;
    const id = `i-${serial.toString(16).padStart(17, "0")}`;
    world.account(accountId).instances.set(id, {
      ...demand(model),
      id,
      tags: new Map([["Name", `copy-${serial}`]]),
      state: "running",
      nextState: undefined,
      ...more,
    });
    return id;
  });
}

function addTable(accountId: string, more = {}): string {
  serial += 1;
  const name = `table-${serial}`;
  const model = demand(world.table(accountId, "sessions") ?? world.table(accountId, "orders"));
  world.account(accountId).tables.set(`us-east-1/${name}`, {
    ...model,
    name,
    arn: model.arn.replace(/[^/]+$/, name),
    id: crypto.randomUUID(),
    ...more,
  });
  return name;
}

beforeEach(async () => {
  world.newCache();
});

describe("terminate", () => {
  it("shows, does, waits and reports, for people", async () => {
    const [one, two] = addInstances(DEV, 2);
    const run = await world.run(["dev", "terminate", `${one}`, `${two}`, "--yes", "-t", world.code()]);
    expect(run.exitCode).toBe(0);
    expect(changesOf(run)).toEqual(["TerminateInstances"]);
    expect(run.operations.filter((name) => name === "AssumeRole")).toHaveLength(1);
    expect(run.stdout).toMatch(
      new RegExp(
        `^id +name +before +now +outcome\n${one} +copy-\\d+ +running +terminated +done\n${two} +copy-\\d+ +running +terminated +done\n$`,
      ),
    );
    // Also with --yes it is shown what goes.
    expect(run.stderr).toMatch(/^SANDBOX .*\naccount 222222222222 {2}target dev /);
    expect(run.stderr).toMatch(new RegExp(`${one} +copy-\\d+ .* no\n`));
    expect(world.account(DEV).instances.get(`${one}`)?.state).toBe("terminated");
  });

  it("-o json is exactly the documented list, and nothing else is on standard output", async () => {
    const [one, two] = addInstances(DEV, 2);
    const run = await world.run(["dev", "terminate", `${one}`, `${two}`, "--yes", "-o", "json", "-t", world.code()]);
    expect(run.exitCode).toBe(0);
    const [entry] = parse(Results, run.stdout);
    expect(entry).toMatchObject({ target: "dev", account: DEV, region: "us-east-1" });
    expect(entry.result).toMatchObject({ action: "terminate", dryRun: false });
    expect(entry.result.resources).toEqual([
      { id: one, name: expect.stringMatching(/^copy-/), before: "running", state: "terminated", outcome: "done" },
      { id: two, name: expect.stringMatching(/^copy-/), before: "running", state: "terminated", outcome: "done" },
    ]);
    expect(entry.result.requestIds).toHaveLength(1);
    expect(run.stdout.endsWith("]\n")).toBe(true);
  });

  it("-o text is one line for each, tabs between", async () => {
    const [one] = addInstances(DEV, 1);
    const run = await world.run(["dev", "terminate", `${one}`, "--yes", "-o", "text", "-t", world.code()]);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.stdout).toMatch(new RegExp(`^${one}\tcopy-\\d+\trunning\tterminated\tdone\t[^\t\n]*\n$`));
  });

  it("ASSUME_MFA_OUTPUT=json is the same as the option", async () => {
    const [one] = addInstances(DEV, 1);
    const run = await world.run(["dev", "terminate", `${one}`, "--yes", "-t", world.code()], {
      env: { ASSUME_MFA_OUTPUT: "json" },
    });
    expect(parse(Results, run.stdout)[0].result.resources[0]?.outcome).toBe("done");
  });

  it("the same id twice is one", async () => {
    const [one] = addInstances(DEV, 1);
    const run = await world.run(["dev", "terminate", `${one}`, `${one}`, "--yes", "-o", "json", "-t", world.code()]);
    expect(parse(Results, run.stdout)[0].result.resources).toHaveLength(1);
  });

  it("one that is terminated already is no error", async () => {
    const [one, two] = addInstances(DEV, 2);
    demand(world.account(DEV).instances.get(`${one}`)).state = "terminated";
    const run = await world.run(["dev", "terminate", `${one}`, `${two}`, "--yes", "-o", "json", "-t", world.code()]);
    expect(run.exitCode).toBe(0);
    const [entry] = parse(Results, run.stdout);
    expect(entry.result.resources.map(({ outcome }) => outcome)).toEqual(["done", "done"]);
    expect(entry.result.resources[0]?.reason).toBe("was already terminated");
  });

  it("--no-wait returns while it is under way", async () => {
    const [one] = addInstances(DEV, 1);
    const run = await world.run(["dev", "terminate", `${one}`, "--yes", "--no-wait", "-o", "json", "-t", world.code()]);
    expect(run.exitCode).toBe(0);
    expect(parse(Results, run.stdout)[0].result.resources[0]).toMatchObject({
      state: "shutting-down",
      outcome: "pending",
    });
  });

  it("--timeout 0 that runs out is exit 1 with the report", async () => {
    const [one] = addInstances(DEV, 1);
    const words = ["--yes", "--timeout", "0", "-t", world.code()];
    const run = await world.run(["dev", "terminate", `${one}`, ...words]);
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toMatch(/shutting-down +pending/);
    expect(run.stderr).toMatch(/error: .* not terminated yet after 0 s\n.*hint: .*--timeout/);
  });

  it("--dry-run changes nothing and says what would be", async () => {
    const [one] = addInstances(DEV, 1);
    const run = await world.run(["dev", "terminate", `${one}`, "--dry-run", "-o", "json", "-t", world.code()]);
    expect(run.exitCode).toBe(0);
    expect(changesOf(run)).toEqual([]);
    expect(parse(Results, run.stdout)[0].result).toMatchObject({
      dryRun: true,
      resources: [{ id: one, before: "running", outcome: "would be done" }],
      requestIds: [],
    });
  });

  it.each(["", "--dry-run"])(
    "a protected one among them stops all of it %s: exit 1, named, no change",
    async (word) => {
      const [one] = addInstances(PROD, 1);
      const [held] = addInstances(PROD, 1, { disableApiTermination: true });
      const words = ["--yes", ...(word === "" ? [] : [word]), "-t", world.code()];
      const run = await world.run(["prod", "terminate", `${one}`, `${held}`, ...words]);
      expect(run).toMatchObject({ exitCode: 1, stdout: "" });
      expect(changesOf(run)).toEqual([]);
      expect(run.stderr).toMatch(
        new RegExp(`error: ${held} \\(copy-\\d+\\) has termination protection; nothing was done`),
      );
      expect(run.stderr).toMatch(/hint: leave it out: protection is never switched off/);
      expect(run.stderr).toMatch(new RegExp(`${held} .* yes\n`));
      const json = await world.run(["prod", "terminate", `${one}`, `${held}`, ...words.slice(0, -2), "-o", "json"]);
      expect(json.exitCode).toBe(1);
      expect(parse(Failures, json.stdout)[0]).toMatchObject({
        account: PROD,
        error: { code: "PROTECTED", protected: [held] },
      });
      expect(world.account(PROD).instances.get(`${one}`)?.state).toBe("running");
    },
  );

  it("an unknown id stops all of it: exit 1, and those that exist are named", async () => {
    const [one] = addInstances(DEV, 1);
    const run = await world.run(["dev", "terminate", `${one}`, "i-0123456789abcdef0", "--yes", "-t", world.code()]);
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(changesOf(run)).toEqual([]);
    expect(run.stderr).toMatch(
      /error: no instance i-0123456789abcdef0 in us-east-1 of account 222222222222; nothing was done/,
    );
    expect(run.stderr).toContain(`this one exists: ${one}`);
    const json = await world.run(["dev", "terminate", `${one}`, "i-0123456789abcdef0", "--yes", "-o", "json"]);
    expect(parse(Failures, json.stdout)[0].error).toMatchObject({
      code: "NOT_FOUND",
      missing: ["i-0123456789abcdef0"],
      existing: [one],
    });
  });

  it("some of them only: exit 5, and the true state of each", async () => {
    // AWS decides protection for each zone: one zone's are terminated although the call fails.
    const [here] = addInstances(PROD, 1, { availabilityZone: "us-east-1a" });
    const [held] = addInstances(PROD, 1, { availabilityZone: "us-east-1b" });
    await world.login("prod");
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    // Protected between the look and the deed.
    proxy.whenAsked("TerminateInstances", () => {
      demand(world.account(PROD).instances.get(`${held}`)).disableApiTermination = true;
    });
    const env = { AWS_ENDPOINT_URL_EC2: proxy.url, ASSUME_MFA_SANDBOX: undefined };
    const run = await world.run(["prod", "terminate", `${here}`, `${held}`, "--yes", "-o", "json"], { env });
    expect(run.exitCode).toBe(5);
    const [{ result }] = parse(Results, run.stdout);
    expect(result.resources.map(({ id, outcome }) => [id, outcome])).toEqual([
      [here, "done"],
      [held, "failed"],
    ]);
    expect(result.resources[1]?.reason).toMatch(/OperationNotPermitted|disableApiTermination/);
    expect(run.stderr).toMatch(/error: 1 of 2 instances .*not terminated/);
    await proxy.close();
  });

  it("a lost reply is looked into, not sent again", async () => {
    const [one] = addInstances(DEV, 1);
    await world.login("dev");
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    proxy.break("TerminateInstances", { kind: "cut-reply", at: "body" }, 5);
    const env = { AWS_ENDPOINT_URL_EC2: proxy.url, ASSUME_MFA_SANDBOX: undefined };
    const run = await world.run(["dev", "terminate", `${one}`, "--yes"], { env });
    expect(run.exitCode).toBe(0);
    expect(proxy.calls.filter(({ operation }) => operation === "TerminateInstances")).toHaveLength(1);
    expect(run.stderr).toContain("looking again shows that it was carried out");
    await proxy.close();
  });

  it("hostile names are shown, not obeyed, on every output", async () => {
    // The C1 forms of ESC ] and BEL: XML 1.0, in which EC2 answers, has no ESC.
    const tags = new Map([["Name", "\u009d0;pwned\u009c\u202eevil\nid  name\u200b"]]);
    const [one] = addInstances(DEV, 1, { tags });
    const word = `${one}`;
    // The world looks for raw characters in all that comes out.
    const table = await world.run(["dev", "terminate", word, "--dry-run", "-t", world.code()]);
    expect(table.stderr).toContain("\\x9d0;pwned\\x9c\\u202eevil\\nid  name\\u200b");
    expect((await world.run(["dev", "terminate", word, "--dry-run", "-o", "text"])).exitCode).toBe(0);
    const json = await world.run(["dev", "terminate", word, "--dry-run", "-o", "json"]);
    expect(parse(Results, json.stdout)[0].result.resources[0]?.name).toBe(tags.get("Name"));
    const picked = await world.run("dev terminate", { replies: [{ pick: word }, "n"] });
    expect(picked.exitCode).toBe(6);
    expect(picked.screen).toContain("\\x9d0;pwned");
  });

  it("a hostile profile name is shown, not obeyed, from the prompt to the note", async () => {
    const name = "dev\u001b[2J\u202e";
    const env = world.configWith(
      `[profile ${name}]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = us-east-1\nassume_mfa_confirm = always\n`,
    );
    const [one] = addInstances(DEV, 1);
    const replies = [() => world.code(), { pick: `${one}` }, name];
    const run = await world.run([name, "terminate"], { env, replies });
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain("target dev\\x1b[2J\\u202e ");
    expect(run.questions.at(-1)).toContain("type the target's name (dev\\x1b[2J\\u202e)");
    const nothing = await world.run([name, "instances", "--region", "eu-west-1", "-t", world.code()], { env });
    expect(nothing.stderr).toContain('assume-mfa: no instances in "dev\\x1b[2J\\u202e", eu-west-1\n');
    for (const line of [
      "login",
      "whoami",
      "table orders",
      "tables",
      "instances",
      "instances -o json",
      "login -o text",
    ]) {
      const shown = await world.run([name, ...line.split(" ")], { env });
      expect(shown.exitCode).toBe(0);
    }
  });

  it("with colour the protection stands out, and the text is the same", async () => {
    const [held] = addInstances(PROD, 1, { disableApiTermination: true });
    const run = await world.run(["prod", "terminate", `${held}`, "--dry-run", "-t", world.code()], {
      isStderrTerminal: true,
      columns: 120,
    });
    expect(run.stderr).toContain("\u001b[31myes");
  });
});

describe("what is about to be lost", () => {
  it.each([
    { isStderrTerminal: true, canPick: true, isShownThere: false },
    { isStderrTerminal: false, canPick: true, isShownThere: true },
    { isStderrTerminal: true, canPick: false, isShownThere: true },
    { isStderrTerminal: false, canPick: false, isShownThere: true },
  ])("stands where it is asked too, but for a terminal that shows it: %o", async ({ isShownThere, ...there }) => {
    const [one] = addInstances(DEV, 1);
    const run = await world.run(["dev", "terminate", `${one}`, "-t", world.code()], { replies: ["n"], ...there });
    expect(run.exitCode).toBe(6);
    expect(run.stderr).toContain(`${one}`);
    expect(run.screen.includes(`${one}`)).toBe(isShownThere);
  });
});

describe("delete-table", () => {
  it("shows what is in it, deletes, waits until it is gone, and reports", async () => {
    const name = addTable(DEV);
    const run = await world.run(["dev", "delete-table", name, "--yes", "-t", world.code()]);
    expect(run.exitCode).toBe(0);
    expect(changesOf(run)).toEqual(["DeleteTable"]);
    expect(run.stdout).toMatch(new RegExp(`^id +before +now +outcome\n${name} +ACTIVE +gone +done\n$`));
    expect(run.stderr).toMatch(/ holds\n.* 3 items/);
    expect(world.table(DEV, name)).toBeUndefined();
  });

  it("-o json is exactly the documented list", async () => {
    const names = [addTable(DEV), addTable(DEV)];
    const run = await world.run(["dev", "delete-table", ...names, "--yes", "-o", "json", "-t", world.code()]);
    expect(run.exitCode).toBe(0);
    const [{ result }] = parse(Results, run.stdout);
    expect(result.action).toBe("delete-table");
    expect(result.resources).toEqual(
      names.map((id) => ({ id, name: null, before: "ACTIVE", state: "gone", outcome: "done" })),
    );
    expect(result.requestIds).toHaveLength(2);
  });

  it("-o text is one line for each", async () => {
    const name = addTable(DEV);
    const run = await world.run(["dev", "delete-table", name, "--yes", "-o", "text", "-t", world.code()]);
    expect(run.stdout).toMatch(new RegExp(`^${name}\t[^\t\n]*\tACTIVE\tgone\tdone\t[^\t\n]*\n$`));
  });

  it("a protected one: exit 1, named, nothing changed", async () => {
    const [free, held] = [addTable(PROD), addTable(PROD, { deletionProtectionEnabled: true })];
    const run = await world.run(["prod", "delete-table", free, held, "--yes", "-t", world.code()]);
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(changesOf(run)).toEqual([]);
    expect(run.stderr).toContain(`error: ${held} has deletion protection; nothing was done`);
    expect(world.table(PROD, free)?.status).toBe("ACTIVE");
  });

  it("an unknown one: exit 1, nothing changed", async () => {
    const name = addTable(DEV);
    const run = await world.run(["dev", "delete-table", name, "no-such-table", "--yes", "-t", world.code()]);
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(changesOf(run)).toEqual([]);
    expect(run.stderr).toMatch(/error: no table no-such-table in us-east-1 of account 222222222222; nothing was done/);
  });

  it("--dry-run: what would be, and that DynamoDB can't be asked", async () => {
    const name = addTable(DEV);
    const run = await world.run(["dev", "delete-table", name, "--dry-run", "-t", world.code()]);
    expect(run.exitCode).toBe(0);
    expect(changesOf(run)).toEqual([]);
    expect(run.stdout).toMatch(/would be done/);
    expect(run.stderr).toContain("no dry run of its own");
  });

  it("the role may not: exit 1, the permission to add is named, and the table stays", async () => {
    const name = addTable(DEV);
    const { inlinePolicies } = world.role(DEV);
    const before = new Map(inlinePolicies);
    inlinePolicies.clear();
    inlinePolicies.set(
      "Looks",
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: ["dynamodb:DescribeTable"], Resource: "*" }],
      }),
    );
    try {
      const run = await world.run(["dev", "delete-table", name, "--yes", "-o", "json", "-t", world.code()]);
      expect(run.exitCode).toBe(1);
      const [{ error }] = parse(Failures, run.stdout);
      expect(error).toMatchObject({ code: "ACCESS_DENIED", hint: expect.stringContaining("dynamodb:DeleteTable") });
      expect(v.parse(Report, error.report).resources).toEqual([
        expect.objectContaining({ id: name, state: "ACTIVE", outcome: "failed" }),
      ]);
      expect(world.table(DEV, name)?.status).toBe("ACTIVE");
      // For people: a sentence too long for a cell stands below the table, whole.
      const names = [name, addTable(DEV)];
      const people = await world.run(["dev", "delete-table", ...names, "--yes"], {
        isStdoutTerminal: true,
        columns: 60,
      });
      const lines = people.stdout.split("\n").filter((line) => line.includes("dynamodb:DeleteTable"));
      expect(lines).toEqual(
        names.map((one) => expect.stringMatching(new RegExp(`^1 of 2: the role may not do .*table/${one} .*\\)$`))),
      );
      expect(people.stdout).not.toContain("reason");
    } finally {
      inlinePolicies.clear();
      for (const [key, text] of before) inlinePolicies.set(key, text);
    }
  });
});

describe("no id", () => {
  it.each(["terminate", "delete-table"])("%s, nobody there: exit 2 before a code is spent", async (action) => {
    for (const options of [{}, { replies: [], env: { CI: "true" } }]) {
      const run = await world.run(["dev", action, "--yes", "-t", world.code()], options);
      expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [], questions: [] });
      expect(run.stderr).toMatch(
        new RegExp(`error: ${action} --yes needs (?:ids|names)\n.*hint: assume-mfa dev ${action} <`),
      );
    }
  });

  it.each(["terminate", "delete-table"])("%s, only a dialog there: the same, since it has no list", async (action) => {
    const run = await world.run(["dev", action, "-t", world.code()], { replies: [], canPick: false });
    expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [], questions: [] });
    expect(run.stderr).toMatch(new RegExp(`error: ${action} needs (?:ids|names)\n`));
  });

  it("on a terminal: an instance is picked from the living, with what tells them apart", async () => {
    const [one] = addInstances(DEV, 1);
    const [gone] = addInstances(DEV, 1, { state: "terminated" });
    const run = await world.run(["dev", "terminate", "-t", world.code()], { replies: [{ pick: `${one}` }, "y"] });
    expect(run.exitCode).toBe(0);
    expect(run.questions[0]).toBe("Terminate which instance in dev (account 222222222222)?");
    expect(run.screen).toMatch(new RegExp(`${one} +copy-\\d+ +running +t3.small +us-east-1a`));
    expect(run.screen).not.toContain(gone);
    expect(world.account(DEV).instances.get(`${one}`)?.state).toBe("terminated");
  });

  it("on a terminal: a table is picked", async () => {
    const name = addTable(DEV);
    const run = await world.run(["dev", "delete-table", "-t", world.code()], { replies: [{ pick: name }, "y"] });
    expect(run).toMatchObject({
      exitCode: 0,
      questions: [expect.stringMatching(/^Delete which table in dev /), expect.stringContaining("Delete 1 table")],
    });
    expect(world.table(DEV, name)).toBeUndefined();
  });

  describe("where listing is denied", () => {
    beforeEach(() => {
      const { inlinePolicies } = world.role(DEV);
      const before = new Map(inlinePolicies);
      inlinePolicies.clear();
      const allowed = ["ec2:TerminateInstances", "dynamodb:DeleteTable", "dynamodb:DescribeTable"];
      inlinePolicies.set(
        "Narrow",
        JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: allowed, Resource: "*" }] }),
      );
      return () => {
        inlinePolicies.clear();
        for (const [key, text] of before) inlinePolicies.set(key, text);
      };
    });

    it("one is typed; it can't be looked at, and that is said", async () => {
      const [one] = addInstances(DEV, 1);
      const run = await world.run(["dev", "terminate", "--no-wait", "-t", world.code()], { replies: [`${one}`, "y"] });
      expect(run.questions).toEqual([
        expect.stringMatching(/^Terminate which instance in dev .*\? $/),
        expect.stringMatching(/^Terminate 1 instance/),
      ]);
      expect(run.screen).toContain("Termination protection was not read for it.\n");
      expect(run.screen.indexOf("was not read")).toBeLessThan(run.screen.indexOf("Terminate 1 instance"));
      expect(run.stderr).toMatch(/the role may not list/);
      expect(run.stderr).toMatch(/cannot look/);
      expect(world.account(DEV).instances.get(`${one}`)?.state).not.toBe("running");
    });

    it.each([
      ["nothing", "", 6],
      ["Ctrl-D", undefined, 6],
      ["what is no id", "web-1", 2],
    ])("%s typed: nothing is done", async (_what, typed, exitCode) => {
      const run = await world.run(["dev", "terminate", "-t", world.code()], { replies: [typed] });
      expect(run).toMatchObject({ exitCode, stdout: "" });
      expect(changesOf(run)).toEqual([]);
    });

    it("a table's name is typed", async () => {
      const name = addTable(DEV);
      const run = await world.run(["dev", "delete-table", "-t", world.code()], { replies: [name, "y"] });
      expect(run.exitCode).toBe(0);
      expect(world.table(DEV, name)).toBeUndefined();
    });
  });

  it("nothing there to pick: exit 1, another region is suggested", async () => {
    const run = await world.run(["dev", "terminate", "--region", "eu-west-1", "-t", world.code()], { replies: [] });
    expect(run).toMatchObject({ exitCode: 1, stdout: "", questions: [] });
    expect(run.stderr).toMatch(/error: there is no instance in dev, eu-west-1\n.*hint: another region\? add --region/);
  });
});

describe("an interrupt", () => {
  it("while it is done: the report is still printed, and the run ends with 130", async () => {
    const [one] = addInstances(DEV, 1);
    await world.login("dev");
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    const env = { AWS_ENDPOINT_URL_EC2: proxy.url, ASSUME_MFA_SANDBOX: undefined };
    const run = await world.run(["dev", "terminate", `${one}`, "--yes"], {
      env,
      meanwhile: ({ interrupts }) => proxy.whenAsked("TerminateInstances", () => interrupts.raise("SIGINT")),
    });
    expect(run.exitCode).toBe(130);
    expect(run.stdout).toContain(`${one}`);
    expect(proxy.calls.filter(({ operation }) => operation === "TerminateInstances")).toHaveLength(1);
    await proxy.close();
  });
});
