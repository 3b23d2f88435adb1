import * as v from "valibot";
import { beforeEach, describe, expect, it } from "vitest";
import { changesOf, DEV, DEV_ROLE, demand, openCliWorld, SERIAL } from "../support/cli-world.ts";

const world = await openCliWorld();
beforeEach(async () => {
  world.newCache();
  await world.login();
});

const text = v.string();
const IsoTime = v.pipe(text, v.isoTimestamp());
const listOf = <T extends v.GenericSchema>(result: T) =>
  v.tuple([
    v.strictObject({ target: text, account: v.pipe(text, v.regex(/^\d{12}$/)), region: v.nullable(text), result }),
  ]);

/** The documented results: nothing more and nothing less. */
const RESULTS = {
  login: v.strictObject({
    role: text,
    assumedRole: text,
    expiration: IsoTime,
    secondsLeft: v.pipe(v.number(), v.integer(), v.minValue(0)),
    cached: v.boolean(),
  }),
  whoami: v.strictObject({ account: text, arn: text, userId: text }),
  instances: v.array(
    v.strictObject({
      id: v.pipe(text, v.regex(/^i-[0-9a-f]{17}$/)),
      name: v.nullable(text),
      state: v.picklist(["pending", "running", "shutting-down", "terminated", "stopping", "stopped"]),
      type: v.nullable(text),
      region: text,
      zone: v.nullable(text),
      launchedAt: v.nullable(IsoTime),
      privateIp: v.nullable(text),
      publicIp: v.nullable(text),
    }),
  ),
  tables: v.array(v.looseObject({ name: text })),
  "table orders": v.looseObject({
    name: v.literal("orders"),
    status: v.literal("ACTIVE"),
    arn: text,
    items: v.number(),
    bytes: v.number(),
    billing: text,
    deletionProtection: v.boolean(),
    replicas: v.array(text),
    createdAt: IsoTime,
  }),
} as const;
const LINES = Object.keys(RESULTS) as (keyof typeof RESULTS)[];

describe("-o json", () => {
  it.each(LINES)("dev %s is the documented list of one, and nothing else is printed", async (line) => {
    const run = await world.run(`dev ${line} -o json`);
    expect(run).toMatchObject({ exitCode: 0, stderr: `SANDBOX ${world.sandbox.endpoint} (not AWS)\n` });
    const parsed = v.safeParse(listOf(RESULTS[line] as v.GenericSchema), JSON.parse(run.stdout));
    expect(parsed.issues).toBeUndefined();
    expect(JSON.parse(run.stdout)[0]).toMatchObject({ target: "dev", account: DEV, region: "us-east-1" });
    expect(run.stdout).toBe(`${JSON.stringify(JSON.parse(run.stdout), null, 2)}\n`);
    expect(changesOf(run)).toEqual([]);
  });

  it.each([
    ["an unknown region's name", ["dev", "login", "--region", "x"], 2, "USAGE", false],
    ["an unknown target", ["devv", "login"], 3, "TARGET_UNKNOWN", false],
    ["an unknown action", ["dev", "nothing"], 2, "USAGE", false],
    ["an unknown option", ["dev", "login", "--nothing"], 2, "USAGE", false],
    ["a target alone", ["dev"], 2, "USAGE", false],
    ["a misplaced option", ["--yes", "dev", "login"], 2, "USAGE", false],
    ["a malformed code", ["dev", "login", "-t", "x"], 2, "TOKEN_CODE_MALFORMED", true],
    ["a missing code", ["staging", "login"], 2, "TOKEN_CODE_MISSING", true],
    ["another account", ["dev", "login", "--expect-account", "444444444444"], 3, "ACCOUNT_UNEXPECTED", true],
    ["a malformed id", ["dev", "instances", "x"], 2, "USAGE", true],
    ["an unknown id", ["dev", "instances", "i-0123456789abcdef0"], 1, "NOT_FOUND", true],
    ["an unknown table", ["dev", "table", "no-such-table"], 1, "NOT_FOUND", true],
  ] as const)("of %s is an error in the documented shape", async (_what, words, exitCode, code, isOfTarget) => {
    for (const options of [{}, { env: { ASSUME_MFA_OUTPUT: "json" } }]) {
      const run = await world.run("env" in options ? words : [...words, "-o", "json"], options);
      expect(run.exitCode).toBe(exitCode);
      const ErrorShape = v.looseObject({ code: v.literal(code), message: text, hint: v.nullable(text) });
      const Shape = isOfTarget
        ? v.tuple([v.strictObject({ target: text, account: text, region: v.nullable(text), error: ErrorShape })])
        : v.strictObject({ error: ErrorShape });
      expect(v.safeParse(Shape, JSON.parse(run.stdout)).issues).toBeUndefined();
      // People read it too.
      expect(run.stderr).toMatch(/^assume-mfa: error: /m);
    }
  });

  it("of an unknown target carries what a program needs to go on", async () => {
    const run = await world.run("devv login -o json");
    expect(JSON.parse(run.stdout).error).toMatchObject({ closest: expect.arrayContaining(["dev"]) });
  });
});

describe("for people", () => {
  it("dev login: account, role, session and when it ends", async () => {
    const run = await world.run("dev login");
    expect(run.stdout).toMatch(
      /^target +dev\naccount +222222222222\nrole +PrivilegedActionsRole\nsession +alice\nexpires +\d\d:\d\d \((?:59 min|1 h) left\) \(cached\)\n$/,
    );
  });

  it("dev whoami", async () => {
    const run = await world.run("dev whoami");
    expect(run.stdout).toMatch(
      /^target +dev\naccount +222222222222\narn +arn:aws:sts::222222222222:assumed-role\/PrivilegedActionsRole\/alice\nuser id +AROA\w+:alice\n$/,
    );
  });

  it("dev instances: a table with a line for each", async () => {
    const run = await world.run("dev instances");
    const [head, ...rows] = run.stdout.trimEnd().split("\n");
    expect(head).toMatch(/^id +name +state +type +zone +age +private ip$/);
    expect(rows).toHaveLength(world.instances(DEV).length);
    expect(rows[0]).toMatch(/^i-[0-9a-f]{17} +web-1 +running +t3.small +us-east-1a +\d+ d +10\.0\.0\.10$/);
  });

  it("dev instances <ids>: those alone", async () => {
    const { id } = world.instance(DEV, "web-2");
    const run = await world.run(["dev", "instances", id]);
    expect(run.stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(run.stdout).toContain(id);
  });

  it("dev table with a name that is none: exit 2, before where it would be called is told", async () => {
    for (const word of ["a b", "", "no"]) {
      const run = await world.run(["dev", "table", word, "-t", "-"], { stdin: "123456\n", replies: [] });
      expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
      expect(run.stderr).toMatch(/^assume-mfa: error: "[^"]*" is no table name/);
      expect(run.stderr).not.toMatch(/SANDBOX|endpoint/);
      expect(run.host.stdinLeft.length).toBe(7);
    }
  });

  it("dev tables, dev table orders", async () => {
    expect((await world.run("dev tables")).stdout).toMatch(/^table\norders\nsessions\n$/);
    const run = await world.run("dev table orders");
    for (const row of [
      /^table +orders$/m,
      /^status +ACTIVE$/m,
      /^items +3 items/m,
      /^keys +id \(S\), /m,
      /^deletion protection +off$/m,
    ]) {
      expect(run.stdout).toMatch(row);
    }
  });

  it("a region with nothing in it: a line on standard error, standard output stays empty", async () => {
    for (const what of ["instances", "tables"]) {
      const run = await world.run(["dev", what, "--region", "eu-west-1", "-t", world.code()]);
      expect(run).toMatchObject({ exitCode: 0, stdout: "" });
      expect(run.stderr).toContain(`assume-mfa: no ${what} in dev, eu-west-1\n`);
      const quiet = await world.run(["dev", what, "--region", "eu-west-1", "-q"]);
      expect(quiet.stderr).not.toContain("no ");
    }
  });

  it("tables fit the terminal", async () => {
    for (const columns of [40, 60, 200]) {
      const run = await world.run("dev instances", { isStdoutTerminal: true, columns });
      for (const line of run.stdout.split("\n")) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: colours take no width
        const width = line.replace(/\u001b\[\d*m/g, "").length;
        // An id is never cut: it is what is typed next.
        expect(width).toBeLessThanOrEqual(Math.max(columns, 80));
      }
      expect(run.stdout).toContain(world.instance(DEV, "web-1").id);
    }
  });

  it.each([
    [{ isStdoutTerminal: true }, [], true],
    [{ isStdoutTerminal: true }, ["--no-color"], false],
    [{ isStdoutTerminal: true, env: { NO_COLOR: "1" } }, [], false],
    [{ isStdoutTerminal: true, env: { TERM: "dumb" } }, [], false],
    [{ isStderrTerminal: true }, [], false],
  ])("%j %j: coloured %s", async (options, words, isColoured) => {
    const run = await world.run(["dev", "instances", ...words], options);
    expect(run.stdout.includes("\u001b[")).toBe(isColoured);
  });
});

describe("-o text", () => {
  it.each([
    [
      "login",
      /^dev\t222222222222\tarn:aws:sts::222222222222:assumed-role\/PrivilegedActionsRole\/alice\t\d{4}-[\dT:.-]+Z\n$/,
    ],
    ["whoami", /^dev\t222222222222\tarn:aws:sts::[^\t]+\tAROA[^\t]+\n$/],
    ["instances", /^(?:i-[0-9a-f]{17}\t[^\t\n]+\trunning\t[^\t\n]+\t[^\t\n]+\t[^\t\n]+\t[^\t\n]+\t[^\t\n]*\n)+$/],
    ["tables", /^orders\nsessions\n$/],
    ["table orders", /^orders\tACTIVE\t3\t\d+\t[^\t\n]+\toff\t[^\t\n]+\tarn:aws:dynamodb:[^\t\n]+\n$/],
  ])("dev %s", async (line, pattern) => {
    const run = await world.run(`dev ${line} -o text`);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.stdout).toMatch(pattern);
  });
});

describe("the role may not", () => {
  it.each([
    ["instances", "ec2:DescribeInstances"],
    ["tables", "dynamodb:ListTables"],
    ["table orders", "dynamodb:DescribeTable"],
  ])("dev %s: exit 1, %s is named", async (line, action) => {
    const { inlinePolicies } = world.role(DEV);
    const before = new Map(inlinePolicies);
    inlinePolicies.clear();
    try {
      const run = await world.run(`dev ${line}`);
      expect(run).toMatchObject({ exitCode: 1, stdout: "" });
      expect(run.stderr).toMatch(new RegExp(`error: the role may not do ${action} `));
      expect(run.stderr).toContain(`hint: allow ${action} in the role's permissions policy`);
    } finally {
      for (const [key, value] of before) inlinePolicies.set(key, value);
    }
  });

  it("a cached session whose role was deleted: exit 1, --refresh is what helps", async () => {
    const role = world.role(DEV);
    world.account(DEV).roles.delete(role.name);
    try {
      const run = await world.run("dev instances");
      expect(run).toMatchObject({ exitCode: 1, stdout: "" });
      expect(run.stderr).toMatch(/hint: .*--refresh/);
    } finally {
      world.account(DEV).roles.set(role.name, role);
    }
  });
});

describe("the region", () => {
  const profile = (lines: string) =>
    world.configFile(
      `[profile parent]\n[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\n${lines}\n`,
    );
  beforeEach(() => world.newCache());

  it.each(["instances", "terminate i-0123456789abcdef0", "tables", "table orders", "delete-table orders"])(
    "is missing for %s: exit 3 before a code is asked for",
    async (line) => {
      const run = await world.run(`dev ${line}`, { env: profile(""), replies: [] });
      expect(run).toMatchObject({ exitCode: 3, stdout: "", operations: [], questions: [] });
      expect(run.stderr).toMatch(
        /error: no region is set for dev\n.*hint: use --region, set AWS_REGION, or add region = … to the profile "dev"\n$/,
      );
    },
  );

  it.each(["login", "whoami", "export"])("is not needed for %s: STS takes the partition's default", async (action) => {
    const run = await world.run(["dev", action, "-t", world.code()], { env: profile(""), isPayload: true });
    expect(run.exitCode).toBe(0);
    expect(new Set(run.calls.map(({ region }) => region))).toEqual(new Set(["us-east-1"]));
    if (action === "export") expect(run.stdout).not.toContain("AWS_REGION");
  });

  it.each([
    ["--region", ["--region", "eu-west-1"], { AWS_REGION: "eu-west-2", AWS_DEFAULT_REGION: "eu-west-3" }, "eu-west-1"],
    ["AWS_REGION", [], { AWS_REGION: "eu-west-2", AWS_DEFAULT_REGION: "eu-west-3" }, "eu-west-2"],
    ["AWS_DEFAULT_REGION", [], { AWS_DEFAULT_REGION: "eu-west-3" }, "eu-west-3"],
    ["the profile", [], {}, "eu-central-1"],
  ])("of %s is the one that is worked in", async (_from, words, env, region) => {
    const run = await world.run(["dev", "instances", "-t", world.code(), ...words], {
      env: { ...profile("region = eu-central-1"), ...env },
    });
    expect(run.exitCode).toBe(0);
    expect(run.calls.find(({ operation }) => operation === "DescribeInstances")?.region).toBe(region);
  });

  it("of our own export is not taken for another target, and the session is no source", async () => {
    // A shell that did: eval "$(assume-mfa dev export --region eu-west-1)"
    const exported = await world.run(
      ["dev", "export", "--format", "json", "--region", "eu-west-1", "-t", world.code()],
      {
        isPayload: true,
      },
    );
    const env = JSON.parse(exported.stdout) as Record<string, string>;
    expect(env).toMatchObject({ AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "eu-west-1" });
    // Another target of that shell: signed by the user's own keys, with a code, in its own region.
    const other = await world.run(["staging", "instances", "-t", world.code()], { env });
    expect(other.exitCode).toBe(0);
    const alice = demand(world.user("alice").accessKeys[0]).accessKeyId;
    expect(other.calls.find(({ operation }) => operation === "AssumeRole")).toMatchObject({
      accessKeyId: alice,
      region: "us-east-1",
    });
    expect(other.calls.find(({ operation }) => operation === "DescribeInstances")?.region).toBe("us-east-1");
    // The same target goes on where it was.
    const same = await world.run("dev instances", { env });
    expect(same.calls.map(({ operation, region }) => [operation, region])).toEqual([
      ["DescribeInstances", "eu-west-1"],
    ]);
    // A region that the user set since is the user's.
    const chosen = await world.run(["staging", "instances", "-t", world.code()], {
      env: { ...env, AWS_REGION: "eu-west-2" },
    });
    expect(chosen.calls.find(({ operation }) => operation === "DescribeInstances")?.region).toBe("eu-west-2");
  });

  it("a bare role ARN in a shell with an exported session starts from the user's own keys", async () => {
    const exported = await world.run(["dev", "export", "--format", "json", "-t", world.code()], { isPayload: true });
    const env = { ...(JSON.parse(exported.stdout) as Record<string, string>), AWS_PROFILE: undefined };
    const run = await world.run(["arn:aws:iam::333333333333:role/PrivilegedActionsRole", "login", "-t", world.code()], {
      env,
    });
    // There is no default profile in this world, so there is nothing left to sign with.
    expect(run).toMatchObject({ exitCode: 3, stdout: "", operations: [] });
    expect(run.stderr).toMatch(/the environment's are a session exported by assume-mfa/);
    const named = await world.run(
      [
        "arn:aws:iam::333333333333:role/PrivilegedActionsRole",
        "login",
        "--source-profile",
        "parent",
        "-t",
        world.code(),
      ],
      { env },
    );
    expect(named.exitCode).toBe(0);
  });
});

describe("the config", () => {
  it.each([
    ["is broken", "[profile dev\nrole_arn = x\n", /:1/],
    ["names a source that is not there", `[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = nobody\n`, /nobody/],
    [
      "goes round in a circle",
      `[profile a]\nrole_arn = ${DEV_ROLE}\nsource_profile = b\n[profile b]\nrole_arn = ${DEV_ROLE}\nsource_profile = a\n[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = a\n`,
      /circle: a → b → a/,
    ],
    [
      "has a setting of ours that is mistyped",
      `[profile parent]\n[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nassume_mfa_confrim = always\n`,
      /did you mean assume_mfa_confirm/,
    ],
  ])("%s: exit 3, one error, nothing asked, nothing called", async (_what, config, message) => {
    const run = await world.run(["dev", "login", "-t", world.code()], { env: world.configFile(config), replies: [] });
    expect(run).toMatchObject({ exitCode: 3, stdout: "", operations: [], questions: [] });
    expect(run.stderr.match(/^assume-mfa: error: /gm)).toHaveLength(1);
    expect(run.stderr).toMatch(message);
  });
});
