import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { DEV, demand, openCliWorld, PROD, type Run } from "../support/cli-world.ts";

// Every `-o json` document as the README describes it: nothing more and nothing less (CLI.md, "Output").

const world = await openCliWorld();

const text = v.string();
const nullableText = v.nullable(text);
const IsoTime = v.pipe(text, v.isoTimestamp());
const AccountId = v.pipe(text, v.regex(/^\d{12}$/));
const InstanceId = v.pipe(text, v.regex(/^i-[0-9a-f]{17}$/));
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

const ErrorOf = (code: string, details: v.ObjectEntries = {}) =>
  v.strictObject({ code: v.literal(code), message: text, hint: nullableText, ...details });
const entryOf = (part: v.ObjectEntries, region: v.GenericSchema = nullableText) =>
  v.strictObject({ target: text, account: v.nullable(AccountId), region, ...part });
/** The list of one that an action on one target prints. */
const oneOf = (result: v.GenericSchema) => v.tuple([entryOf({ result })]);

const Instances = v.array(
  v.strictObject({
    id: InstanceId,
    name: nullableText,
    state: v.picklist(["pending", "running", "shutting-down", "terminated", "stopping", "stopped"]),
    type: nullableText,
    region: text,
    zone: nullableText,
    launchedAt: v.nullable(IsoTime),
    privateIp: nullableText,
    publicIp: nullableText,
  }),
);
const Report = (action: string, outcome: v.GenericSchema = v.literal("done")) =>
  v.strictObject({
    action: v.literal(action),
    dryRun: v.boolean(),
    interrupted: v.optional(v.literal(true)),
    resources: v.array(
      v.strictObject({
        id: text,
        name: nullableText,
        before: nullableText,
        state: nullableText,
        outcome,
        reason: v.optional(text),
        backup: v.optional(v.strictObject({ name: text, arn: text, status: text })),
      }),
    ),
    requestIds: v.array(text),
  });
const Session = v.strictObject({
  role: text,
  assumedRole: text,
  expiration: IsoTime,
  secondsLeft: Count,
  cached: v.boolean(),
});

/** A session that is kept. */
const Kept = v.strictObject({
  kind: v.picklist(["role", "shared"]),
  target: nullableText,
  account: v.nullable(AccountId),
  role: nullableText,
  assumedRole: nullableText,
  mfaSerial: nullableText,
  current: v.boolean(),
  expiration: v.nullable(IsoTime),
  secondsLeft: Count,
});

const parse = (schema: v.GenericSchema, { stdout }: Run) => {
  const { issues } = v.safeParse(schema, JSON.parse(stdout));
  expect(issues?.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`)).toBeUndefined();
};

const addInstances = (count: number, tag: string, change = {}) => {
  const [model] = world.instances(DEV);
  return Array.from({ length: count }, (_, n) => {
    const id = `i-${tag.length}${n}${"0".repeat(17 - `${tag.length}${n}`.length)}`;
    world.account(DEV).instances.set(id, { ...demand(model), ...change, id, tags: new Map([["Test", tag]]) });
    return id;
  });
};

describe("the document of", () => {
  it.each([
    ["login", Session],
    ["whoami", v.strictObject({ account: AccountId, arn: text, userId: text })],
    ["instances", Instances],
    ["instances --state stopped", Instances],
    ["tables", v.array(v.strictObject({ name: text }))],
    [
      "table orders",
      v.strictObject({
        name: v.literal("orders"),
        status: text,
        arn: nullableText,
        tableId: nullableText,
        items: v.nullable(Count),
        bytes: v.nullable(Count),
        billing: text,
        keys: v.array(v.strictObject({ name: text, role: text, type: nullableText })),
        indexes: v.array(v.strictObject({ name: text, kind: text })),
        deletionProtection: v.nullable(v.boolean()),
        replicas: v.array(text),
        createdAt: v.nullable(IsoTime),
      }),
    ],
  ] as const)("%s is a list of one target", async (line, result) => {
    world.newCache();
    await world.login();
    const run = await world.run(`dev ${line} -o json`);
    expect(run.exitCode).toBe(0);
    parse(oneOf(result), run);
  });

  it("instances --all-regions is an entry for each region, with its result or its error", async () => {
    await world.login("dev-admin");
    const run = await world.run("dev-admin instances --all-regions -o json");
    parse(v.pipe(v.array(entryOf({ result: Instances }, text)), v.minLength(10)), run);
  });

  it.each(["terminate", "stop", "start", "reboot"])("%s is the report of each instance", async (action) => {
    const { inlinePolicies } = world.role(DEV);
    const all = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "ec2:*", Resource: "*" }] };
    inlinePolicies.set("All", JSON.stringify(all));
    addInstances(2, action, { state: action === "start" ? "stopped" : "running" });
    await world.login();
    const line = `dev ${action} --filter tag:Test=${action} --max 2 -o json`;
    const dryRun = await world.run(`${line} --dry-run`);
    expect(dryRun.exitCode).toBe(0);
    parse(oneOf(Report(action, v.literal("would be done"))), dryRun);
    const run = await world.run(`${line} --yes`);
    expect(run.exitCode).toBe(0);
    parse(oneOf(Report(action)), run);
    inlinePolicies.delete("All");
  });

  it("delete-table is the report of each table", async () => {
    await world.login();
    const run = await world.run("dev delete-table sessions --yes -o json");
    expect(run.exitCode).toBe(0);
    parse(oneOf(Report("delete-table")), run);
  });

  it("several targets is an entry for each, in their order, whatever became of it", async () => {
    const broken = "\n[profile broken]\nrole_arn = arn:aws:iam::444444444444:role/R\nsource_profile = nobody\n";
    const options = { env: world.configWith(broken) };
    const run = await world.run(["dev,broken", "login", "-o", "json", "-t", world.code()], options);
    expect(run.exitCode).toBe(5);
    const failed = entryOf({ error: ErrorOf("SOURCE_CREDENTIALS_MISSING", { path: text, line: Count }) });
    parse(v.tuple([entryOf({ result: Session }), failed]), run);
  });

  it("targets is a list of what there is", async () => {
    await world.login();
    const run = await world.run("targets -o json");
    expect(run.exitCode).toBe(0);
    const entry = v.strictObject({
      target: text,
      account: v.nullable(AccountId),
      role: nullableText,
      region: nullableText,
      mfaSerial: nullableText,
      sourceProfile: nullableText,
      expiration: v.nullable(IsoTime),
      secondsLeft: Count,
      signedIn: v.boolean(),
      error: v.nullable(v.looseObject({ code: text, message: text, hint: nullableText })),
    });
    parse(v.pipe(v.array(entry), v.minLength(5)), run);
  });

  it("login is one object, with what became of each of its targets; status and logout tell of the same sessions", async () => {
    world.newCache();
    const login = await world.run(["login", "dev", "prod", "-o", "json", "-t", world.code()]);
    expect(login.exitCode).toBe(0);
    parse(
      v.strictObject({
        sourceProfile: nullableText,
        mfaSerial: text,
        expiration: IsoTime,
        secondsLeft: Count,
        keptIn: v.picklist(["file", "keychain"]),
        cached: v.boolean(),
        targets: v.tuple([entryOf({ result: Session }), entryOf({ result: Session })]),
      }),
      login,
    );
    const status = await world.run("status -o json");
    parse(v.pipe(v.array(Kept), v.length(3)), status);
    parse(v.array(Kept), await world.run("staging status -o json"));
    const Forgotten = (count: number) =>
      v.strictObject({
        forgotten: v.pipe(v.array(Kept), v.length(count)),
        callers: Count,
        exported: Count,
        learnt: Count,
        awsCli: Count,
        others: Count,
      });
    parse(Forgotten(1), await world.run("logout dev -o json"));
    parse(Forgotten(2), await world.run("logout --all -o json"));
    parse(v.tuple([]), await world.run("status -o json"));
  });

  it("history is a list of what was done, each line chained to the one before", async () => {
    await world.login();
    const run = await world.run("history -o json");
    const line = { v: v.literal(1), n: Count, prev: text, hash: text, at: IsoTime, event: text };
    parse(v.pipe(v.array(v.looseObject(line)), v.minLength(1)), run);
  });
});

describe("an error", () => {
  it.each([
    ["dev terminate i-0123456789abcdef0 --yes", "NOT_FOUND", { missing: v.array(text), existing: v.array(text) }],
    [
      "dev terminate --filter tag:Test=many --yes --max 1",
      "TOO_MANY",
      { max: Count, count: Count, matching: v.record(text, v.array(InstanceId)) },
    ],
    ["dev terminate --filter tag:Test=many --yes", "USAGE", {}],
    ["dev terminate --filter tag:Test=many", "CONFIRMATION_MISSING", {}],
    ["dev instances --state runing", "USAGE", {}],
    [
      "dev instances --filter no-such=x",
      "AWS_REFUSED",
      { awsCode: v.literal("InvalidParameterValue"), requestId: text },
    ],
  ] as const)("of %s stands in the place of the result", async (line, code, details) => {
    addInstances(2, "many");
    await world.login();
    const run = await world.run(`${line} -o json`);
    expect(run.exitCode).toBeGreaterThan(0);
    parse(v.tuple([entryOf({ error: ErrorOf(code, details) })]), run);
  });

  it("of a protected instance names it", async () => {
    await world.login("prod");
    const [kept] = world.instances(PROD).filter(({ disableApiTermination }) => disableApiTermination);
    const run = await world.run(["prod", "terminate", demand(kept).id, "--yes", "-o", "json"]);
    expect(run.exitCode).toBe(1);
    parse(v.tuple([entryOf({ error: ErrorOf("PROTECTED", { protected: v.tuple([InstanceId]) }) })]), run);
  });

  it("that comes before any target is the whole document", async () => {
    const run = await world.run("nobody whoami -o json");
    parse(
      v.strictObject({
        error: v.looseObject({ code: v.literal("TARGET_UNKNOWN"), message: text, hint: nullableText }),
      }),
      run,
    );
  });
});
