import fs from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { beforeEach, describe, expect, it } from "vitest";
import { canonicalText, inputsDigest } from "../../src/session/session-inputs.ts";
import { DEV, DEV_ROLE, demand, openCliWorld, PARENT, PROD, type RunOptions, SERIAL } from "../support/cli-world.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const STAGING = "333333333333";
const HOUR_MS = 3_600_000;
const sessionsFolder = () => path.join(world.cacheHome, "assume-mfa", "sessions");
const cachedFiles = () => (fs.existsSync(sessionsFolder()) ? fs.readdirSync(sessionsFolder()) : []);

const text = v.string();
const IsoTime = v.pipe(text, v.isoTimestamp());
const Account = v.pipe(text, v.regex(/^\d{12}$/));
const Seconds = v.pipe(v.number(), v.integer(), v.minValue(0));
const ErrorShape = v.looseObject({ code: text, message: text, hint: v.nullable(text) });

/** The documented shapes: nothing more and nothing less. */
const SESSION = v.strictObject({
  kind: v.picklist(["role", "shared"]),
  target: v.nullable(text),
  account: v.nullable(Account),
  role: v.nullable(text),
  assumedRole: v.nullable(text),
  mfaSerial: v.nullable(text),
  current: v.boolean(),
  expiration: v.nullable(IsoTime),
  secondsLeft: Seconds,
});
const TARGETS = v.array(
  v.strictObject({
    target: text,
    account: v.nullable(Account),
    role: v.nullable(text),
    region: v.nullable(text),
    mfaSerial: v.nullable(text),
    sourceProfile: v.nullable(text),
    expiration: v.nullable(IsoTime),
    secondsLeft: Seconds,
    signedIn: v.boolean(),
    error: v.nullable(ErrorShape),
  }),
);
const FORGOTTEN = v.strictObject({
  forgotten: v.array(SESSION),
  callers: v.number(),
  exported: v.number(),
  learnt: v.number(),
  awsCli: v.number(),
  others: v.number(),
});

/** Runs it with `-o json`, and with a person who would be asked: none of these commands asks for a code or calls AWS. */
async function json<T extends v.GenericSchema>(schema: T, line: string, options: RunOptions = {}) {
  const run = await world.run(`${line} -o json`, { replies: [], ...options });
  expect(run).toMatchObject({ operations: [], questions: [] });
  const parsed = v.safeParse(schema, JSON.parse(run.stdout));
  expect(parsed.issues).toBeUndefined();
  return { run, value: parsed.output as v.InferOutput<T> };
}

/** Rewrites the account's one entry as an earlier version would have written it. */
function makeOfAnotherVersion(accountId: string): void {
  const files = cachedFiles().map((name) => path.join(sessionsFolder(), name));
  const file = demand(
    files.find((name) => fs.statSync(name).isFile() && fs.readFileSync(name, "utf8").includes(`:${accountId}:role/`)),
  );
  const entry = JSON.parse(fs.readFileSync(file, "utf8"));
  const inputs = canonicalText({ ...Object.fromEntries(JSON.parse(entry.inputs)), schema: 0 });
  fs.rmSync(file);
  const renamed = path.join(sessionsFolder(), `${inputsDigest(inputs)}.json`);
  fs.writeFileSync(renamed, JSON.stringify({ ...entry, inputs }), { mode: 0o600 });
}

describe("status", () => {
  it("of nothing is an empty list, nothing on standard output, and exit 0", async () => {
    expect((await json(v.array(SESSION), "status")).value).toEqual([]);
    for (const line of ["status", "status -o text"]) {
      const run = await world.run(line, { replies: [] });
      expect(run).toMatchObject({ exitCode: 0, stdout: "", operations: [] });
      expect(run.said).toBe("assume-mfa: no live session is cached\n");
    }
    expect((await world.run("status -q")).said).toBe("");
  });

  it.each(["status dev", "dev status", "--target dev status", `status ${DEV_ROLE}`])(
    "%s tells the session, its end and the seconds that are left",
    async (line) => {
      await world.login();
      const { value, run } = await json(v.array(SESSION), line);
      expect(run.exitCode).toBe(0);
      const [entry, ...others] = value;
      expect(others).toEqual([]);
      expect(entry).toMatchObject({
        target: line.includes("arn:") ? DEV_ROLE : "dev",
        account: DEV,
        role: DEV_ROLE,
        assumedRole: `arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice`,
      });
      const left = (Date.parse(entry?.expiration ?? "") - world.sandbox.now()) / 1000;
      expect(Math.abs((entry?.secondsLeft ?? 0) - left)).toBeLessThan(5);
      expect(left).toBeGreaterThan(3500);
    },
  );

  it("goes by the world's clock inside a sandbox", async () => {
    await world.login();
    const machine = world.sandbox.now();
    world.sandbox.moveClock(HOUR_MS / 2);
    const { value } = await json(v.array(SESSION), "dev status", { now: () => machine });
    expect(value[0]?.secondsLeft).toBeGreaterThan(1700);
    expect(value[0]?.secondsLeft).toBeLessThanOrEqual(1800);
    world.sandbox.moveClock(HOUR_MS / 2);
    expect((await world.run("dev status --check", { now: () => machine })).exitCode).toBe(1);
  });

  it("of a named target without a live session is a row that says so", async () => {
    const { value } = await json(v.array(SESSION), "status prod dev");
    expect(
      value.map(({ target, secondsLeft, expiration, assumedRole }) => [target, secondsLeft, expiration, assumedRole]),
    ).toEqual([
      ["prod", 0, null, null],
      ["dev", 0, null, null],
    ]);
    const table = await world.run("status prod dev");
    expect(table.stdout).toMatch(/^prod +444444444444 +PrivilegedActionsRole +none$/m);
    expect((await world.run("prod status -o text")).stdout).toBe(
      "prod\t444444444444\tarn:aws:iam::444444444444:role/PrivilegedActionsRole\tNone\tNone\t0\n",
    );
  });

  it.each(["status dev,prod", "dev,prod status", "status prod '*d*' dev"])(
    "of %s is that of each, once",
    async (line) => {
      const { value } = await json(v.array(SESSION), line.replaceAll("'", ""));
      const names = value.map(({ target }) => target);
      expect(names).toEqual(expect.arrayContaining(["dev", "prod"]));
      expect(new Set(names).size).toBe(names.length);
    },
  );

  it.each<[string, number]>([
    ["status --check", 0],
    ["status --check dev", 0],
    ["status --check prod dev", 0],
    ["dev status --check -o json", 0],
    ["status --check prod", 1],
    ["prod status --check -o json", 1],
    ["prod status", 0],
  ])("%s, dev being live: exit %i", async (line, exitCode) => {
    await world.login();
    expect(await world.run(line, { replies: [] })).toMatchObject({ exitCode, operations: [], questions: [] });
  });

  it("tells a session that was made with other settings, which no run takes, from one that is taken", async () => {
    await world.login("dev");
    await world.login("dev", { env: { ASSUME_MFA_DURATION: "2h" } });
    const { value } = await json(v.array(SESSION), "dev status");
    expect(value.map(({ current }) => current)).toEqual([true, false]);
    expect((await world.run("dev status")).stdout).toMatch(/^dev .* min\ndev .* min, other settings$/m);
    const other = await json(v.array(SESSION), "dev status", { env: { ASSUME_MFA_DURATION: "2h" } });
    expect(other.value.map(({ current }) => current)).toEqual([false, true]);
  });

  it("gives a session the name of that profile of its role which takes it, else of any, else the role's ARN", async () => {
    const config = world.configWith(
      `\n[profile a-dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nduration_seconds = 7200\n`,
    );
    await world.login("dev");
    await world.login("a-dev", { env: config });
    const named = async (env: RunOptions["env"] = {}) =>
      (await json(v.array(SESSION), "status", { env })).value.map(({ target, current }) => `${target} ${current}`);
    expect(await named(config)).toEqual(["a-dev true", "dev true"]);
    expect(await named()).toEqual(["dev true", "dev false"]);
    expect(await named(world.configFile("[profile x]\n"))).toEqual([`${DEV_ROLE} false`, `${DEV_ROLE} false`]);
    // A file that can't be read takes nothing away but the names.
    expect(await named(world.configFile("broken\n"))).toEqual([`${DEV_ROLE} false`, `${DEV_ROLE} false`]);
  });

  it("leaves out what has ended, what is damaged and what is of another version", async () => {
    await world.login("dev");
    await world.login("staging", { env: { ASSUME_MFA_DURATION: "15m" } });
    fs.writeFileSync(path.join(sessionsFolder(), `${"0".repeat(64)}.json`), "{}", { mode: 0o600 });
    fs.mkdirSync(path.join(sessionsFolder(), "a folder"));
    await world.login("prod");
    makeOfAnotherVersion(PROD);
    world.sandbox.moveClock(20 * 60_000);
    const { value } = await json(v.array(SESSION), "status");
    expect(value.map(({ target }) => target)).toEqual(["dev"]);
    expect(cachedFiles()).toHaveLength(5);
    // It holds keys all the same: it can be forgotten by its target's name.
    expect((await json(FORGOTTEN, "prod logout")).value.forgotten).toHaveLength(1);
  });

  it("on a terminal has a bar of the life that is left", async () => {
    await world.login();
    const bar = async () => {
      const { stdout } = await world.run("dev status", { isStdoutTerminal: true, columns: 120 });
      return /[█░]+/.exec(stdout)?.[0];
    };
    expect(await bar()).toBe("██████████");
    world.sandbox.moveClock(HOUR_MS / 2);
    expect(await bar()).toBe("█████░░░░░");
    world.sandbox.moveClock(HOUR_MS / 2 - 60_000);
    expect(await bar()).toBe("█░░░░░░░░░");
    expect((await world.run("dev status")).stdout).not.toMatch(/[█░]/);
  });

  it.each([24, 40, 80])("fits a terminal of %i columns", async (columns) => {
    await world.login();
    const { stdout } = await world.run("status dev prod", { isStdoutTerminal: true, columns });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    const widest = Math.max(...stdout.split("\n").map((line) => line.replace(/\u001b\[\d+m/g, "").length));
    expect(widest).toBeLessThanOrEqual(columns);
  });
});

describe("logout", () => {
  it.each(["logout dev", "dev logout", `logout ${DEV_ROLE}`])(
    "%s forgets every session of that role, and no other",
    async (line) => {
      await world.login("dev");
      await world.login("dev", { env: { ASSUME_MFA_DURATION: "2h" } });
      await world.login("dev", { env: { ASSUME_MFA_ROLE_SESSION_NAME: "alice-2" } });
      await world.login("staging");
      const { value, run } = await json(FORGOTTEN, line);
      expect(run.exitCode).toBe(0);
      expect(value.forgotten).toHaveLength(3);
      for (const { role } of value.forgotten) expect(role).toBe(DEV_ROLE);
      expect(value).toMatchObject({ callers: 0, exported: 0, others: 0 });
      expect((await json(v.array(SESSION), "status")).value.map(({ target }) => target)).toEqual(["staging"]);
      // The next run asks again.
      expect((await world.run("dev whoami --no-input")).exitCode).toBe(2);
      expect((await world.run("staging whoami --no-input")).exitCode).toBe(0);
    },
  );

  it("prints what it forgot, and that copies of it live on", async () => {
    await world.login();
    const run = await world.run("dev logout");
    expect(run.stdout).toMatch(/^target +account +role +session +had left\ndev +222222222222 .* alice +59 min\n$/);
    expect(run.said).toBe(
      "assume-mfa: forgot 1 session\nassume-mfa: AWS does not know of it: copies of a session (export) work until it ends\n",
    );
    await world.login();
    expect((await world.run("dev logout -o text -q")).stdout).toMatch(
      /^dev\t222222222222\tarn:[^\t]+\tarn:[^\t]+\t[^\t]+\t3\d{3}\n$/,
    );
  });

  it.each(["logout dev", "dev logout", "logout --all"])("%s of nothing is no error", async (line) => {
    expect(await world.run(line)).toMatchObject({
      exitCode: 0,
      stdout: "",
      said: "assume-mfa: there was nothing to forget\n",
    });
    expect((await json(FORGOTTEN, line)).value).toEqual({
      forgotten: [],
      callers: 0,
      exported: 0,
      learnt: 0,
      awsCli: 0,
      others: 0,
    });
  });

  it("--all forgets sessions, callers, exported records and damaged files, and not the locks", async () => {
    await world.login("dev");
    await world.login("staging");
    await world.run("dev export", { isPayload: true });
    fs.writeFileSync(path.join(sessionsFolder(), "foreign"), "x");
    const locks = fs.readdirSync(path.join(world.cacheHome, "assume-mfa", "locks"));
    expect(locks.length).toBeGreaterThan(0);
    const { value, run } = await json(FORGOTTEN, "logout --all");
    expect(run.exitCode).toBe(0);
    expect(value.forgotten.map(({ target }) => target)).toEqual(["dev", "staging"]);
    expect(value).toMatchObject({ callers: 1, exported: 1, others: 1 });
    for (const name of ["sessions", "callers", "exported"]) {
      expect(fs.readdirSync(path.join(world.cacheHome, "assume-mfa", name))).toEqual([]);
    }
    expect(fs.readdirSync(path.join(world.cacheHome, "assume-mfa", "locks"))).toEqual(locks);
    await world.login("dev");
  });

  it("--all works where the config file is broken, gone or has no such target", async () => {
    for (const env of [world.configFile("broken\n"), { AWS_CONFIG_FILE: world.folder }, world.configFile("")]) {
      await world.login("dev");
      const { value } = await json(FORGOTTEN, "logout --all", { env });
      expect(value.forgotten.map(({ target }) => target)).toEqual([DEV_ROLE]);
      expect(cachedFiles()).toEqual([]);
    }
  });

  it("of a target whose other settings are broken forgets its sessions all the same", async () => {
    await world.login("dev");
    const env = world.configFile(`[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = nobody\n`);
    expect((await world.run("dev whoami", { env })).exitCode).toBe(3);
    expect((await json(FORGOTTEN, "dev logout", { env })).value.forgotten).toHaveLength(1);
  });

  it.each(["logout dev,staging", "dev,staging logout", "logout de? stag*"])("%s forgets both", async (line) => {
    await world.login("dev");
    await world.login("staging");
    expect((await json(FORGOTTEN, line)).value.forgotten.map(({ target }) => target)).toEqual(["dev", "staging"]);
    expect(cachedFiles()).toEqual([]);
  });

  it("says of several targets that a shared session still opens them", async () => {
    await world.run(["login", "dev,staging", "-t", world.code()]);
    expect((await world.run("logout dev staging")).said).toContain("a shared session still opens them without a code");
  });

  it("of an unknown target among others: exit 3, and none is forgotten", async () => {
    await world.login("dev");
    const run = await world.run("logout dev nobody");
    expect(run).toMatchObject({ exitCode: 3, stdout: "" });
    expect(run.stderr).toMatch(/"nobody"/);
    expect(cachedFiles()).toHaveLength(1);
  });

  it.each<[string, RunOptions]>([
    ["logout", {}],
    ["logout --no-input", { replies: [] }],
    ["logout", { replies: [], env: { CI: "true" } }],
    ["logout --all dev", { replies: [] }],
    ["dev logout --all", { replies: [] }],
  ])("%s, with nobody to ask or at odds with itself: exit 2, and nothing is forgotten", async (line, options) => {
    await world.login("dev");
    const run = await world.run(line, options);
    expect(run).toMatchObject({ exitCode: 2, stdout: "", questions: [] });
    expect(run.stderr).toMatch(/hint: /);
    expect(cachedFiles()).toHaveLength(1);
  });

  it("with no names asks which at a terminal: a target, or everything", async () => {
    await world.login("dev");
    await world.login("staging");
    const one = await world.run("logout", { replies: [{ pick: "staging" }] });
    expect(one).toMatchObject({ exitCode: 0, questions: ["Forget which sessions?"] });
    expect(one.host.picked[0]?.map(({ label }) => label)).toEqual([
      `dev      ${DEV}  PrivilegedActionsRole`,
      `staging  ${STAGING}  PrivilegedActionsRole`,
      "everything that is kept",
    ]);
    expect(cachedFiles()).toHaveLength(1);
    const all = await world.run("logout", { replies: [{ pick: "everything" }] });
    expect(all.said).toMatch(/forgot 1 session, 1 record of whose keys are whose\n/);
    expect(cachedFiles()).toEqual([]);
    // Nothing to choose from: no question.
    expect(await world.run("logout", { replies: [] })).toMatchObject({ exitCode: 0, questions: [] });
  });

  it("that is broken off at the question forgets nothing", async () => {
    await world.login("dev");
    expect((await world.run("logout", { replies: [undefined] })).exitCode).toBe(130);
    expect(cachedFiles()).toHaveLength(1);
  });

  it("that leaves something there says so: exit 1, and names it", async () => {
    await world.login("dev");
    fs.mkdirSync(path.join(sessionsFolder(), "a folder"));
    const run = await world.run("logout --all -o json");
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.stdout)).toMatchObject({
      error: { code: "NOT_FORGOTTEN", left: [path.join(sessionsFolder(), "a folder")] },
    });
    expect(cachedFiles()).toEqual(["a folder"]);
  });
});

describe("targets", () => {
  it("are the profiles with a role, in the files' order, and which have a session that a run takes", async () => {
    await world.login("dev");
    const { value, run } = await json(TARGETS, "targets");
    expect(run.exitCode).toBe(0);
    expect(value.map(({ target }) => target)).toEqual(["dev", "staging", "prod", "parent-admin", "dev-admin"]);
    expect(value[0]).toMatchObject({
      account: DEV,
      role: DEV_ROLE,
      region: "us-east-1",
      mfaSerial: SERIAL,
      sourceProfile: "parent",
      error: null,
    });
    expect(value.map(({ secondsLeft, expiration }) => secondsLeft > 3500 && expiration !== null)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
    const other = await json(TARGETS, "targets", { env: { ASSUME_MFA_DURATION: "2h" } });
    expect(other.value[0]?.secondsLeft).toBe(0);
    // The same role and inputs, but a run of it does not look into the cache.
    const uncached = world.configWith(
      `\n[profile none]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nassume_mfa_cache = none\n`,
    );
    const { value: values } = await json(TARGETS, "targets", { env: uncached });
    expect(values.map(({ secondsLeft }) => secondsLeft > 0)).toEqual([true, false, false, false, false, false]);
    const status = await json(v.array(SESSION), "status none dev", { env: uncached });
    expect(status.value.map(({ target, current }) => [target, current])).toEqual([
      ["none", false],
      ["dev", true],
    ]);
    const table = await world.run("targets");
    expect(table.stdout).toMatch(/^dev +222222222222 .*59 min left$/m);
    expect(table.stdout).toMatch(/^prod +444444444444 .*none$/m);
    expect((await world.run("targets -o text")).stdout.split("\n")[1]).toBe(
      `staging\t${STAGING}\tarn:aws:iam::${STAGING}:role/PrivilegedActionsRole\tus-east-1\t${SERIAL}\tparent\tNone\t0\tNone`,
    );
  });

  it("list a broken profile with its problem, and its neighbours whole", async () => {
    const env = world.configWith(
      [
        `\n[profile broken-source]\nrole_arn = ${DEV_ROLE}\nsource_profile = nobody\n`,
        "[profile broken-role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = parent\n",
        `[profile "evil\u202e\u001b[31m"]\nrole_arn = ${DEV_ROLE}\nassume_mfa_cofirm = always\nsource_profile = parent\n`,
      ].join(""),
    );
    const { value, run } = await json(TARGETS, "targets", { env });
    expect(run.exitCode).toBe(0);
    const broken = value.filter(({ error }) => error !== null);
    expect(value).toHaveLength(8);
    expect(broken.map(({ target, account, error }) => [target, account, error?.code])).toEqual([
      ["broken-source", DEV, "SOURCE_CREDENTIALS_MISSING"],
      ["broken-role", null, "CONFIG_MALFORMED"],
      ["evil\u202e\u001b[31m", DEV, "CONFIG_MALFORMED"],
    ]);
    const table = await world.run("targets", { env });
    expect(table.exitCode).toBe(0);
    expect(table.stdout).toMatch(/^broken-source +222222222222 +PrivilegedActionsRole +broken$/m);
    expect(table.said).toMatch(/^assume-mfa: broken-role: .*config:\d+: role_arn is no role's ARN$/m);
    expect(table.said.trimEnd().split("\n")).toHaveLength(3);
  });

  it("are none where there is none, which is said with the places", async () => {
    const env = world.configFile("[profile x]\nregion = us-east-1\n");
    expect((await json(TARGETS, "targets", { env })).value).toEqual([]);
    const run = await world.run("targets", { env });
    expect(run).toMatchObject({ exitCode: 0, stdout: "" });
    expect(run.said).toContain(env.AWS_CONFIG_FILE);
  });

  it("of a config file that can't be read: exit 3", async () => {
    expect((await world.run("targets", { env: world.configFile("broken\n") })).exitCode).toBe(3);
  });

  it("are a thousand in a moment, half of them broken", async () => {
    const sections = Array.from(
      { length: 1000 },
      (_, index) =>
        `\n[profile team-${index}]\nrole_arn = arn:aws:iam::${PARENT}:role/Role${index}\nsource_profile = ${index % 2 === 0 ? "parent" : "gone"}\nmfa_serial = ${SERIAL}\n`,
    );
    const env = world.configWith(sections.join(""));
    const start = performance.now();
    const { value } = await json(TARGETS, "targets", { env });
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(value).toHaveLength(1005);
    expect(value.filter(({ error }) => error !== null)).toHaveLength(500);
  });
});

describe("each of them", () => {
  const LINES = ["targets", "status", "status dev", "dev status", "logout dev", "dev logout", "logout --all"];

  it.each(LINES)("%s outside of a sandbox shows no mark, and inside it does", async (line) => {
    expect((await world.run(line)).stderr).toMatch(/^SANDBOX http:\/\/127\.0\.0\.1:\d+ \(not AWS\)\n/);
    expect((await world.run(line, { env: { ASSUME_MFA_SANDBOX: undefined } })).stderr).not.toContain("SANDBOX");
  });

  it.each(LINES)("%s where the sandbox has stopped: exit 3", async (line) => {
    const env = { ASSUME_MFA_SANDBOX: "http://127.0.0.1:1", AWS_CONFIG_FILE: "/nowhere" };
    expect(await world.run(line, { env })).toMatchObject({ exitCode: 3, stdout: "" });
  });

  it.each(LINES)("%s where there is no home folder: nothing is kept, and that is no error", async (line) => {
    const run = await world.run(line, { env: { XDG_CACHE_HOME: undefined }, homeDirectory: undefined });
    expect(run).toMatchObject({ exitCode: 0, operations: [] });
  });

  it.each(["targets more", "status --nope", "dev status --nope", "logout --check", "status -o yaml"])(
    "%s: exit 2, and where to read on",
    async (line) => {
      const run = await world.run(line);
      expect(run).toMatchObject({ exitCode: 2, stdout: "" });
      expect(run.stderr).toMatch(/hint: /);
    },
  );

  it.each(["targets", "status", "logout", "dev status", "dev logout"])("%s --help names its options", async (line) => {
    const run = await world.run(`${line} --help`);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toContain("--output");
    if (line.includes("status")) expect(run.stdout).toContain("--check");
    if (line.includes("logout")) expect(run.stdout).toContain("--all");
  });

  it.each(["targets", "status", "logout"])(
    "a profile called %s is told from the command, and --target means it",
    async (name) => {
      const env = world.configWith(
        `\n[profile ${name}]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\n`,
      );
      const run = await world.run([name, ...(name === "logout" ? ["--all"] : [])], { env });
      expect(run.said).toContain(
        `assume-mfa: ${name} is the command here; the profile of that name is --target ${name}\n`,
      );
      const status = await world.run(["--target", name, "status", "-o", "json"], { env });
      expect(JSON.parse(status.stdout)).toMatchObject([{ target: name, account: DEV }]);
      expect(status.said).toBe(`assume-mfa: ${name} has no live session\n`);
    },
  );
});

describe("a session that ends too soon to be taken", () => {
  it("is no current one, no reason for --check to be content, and none that targets promises", async () => {
    await world.login();
    expect((await world.run("status --check")).exitCode).toBe(0);
    expect((await json(v.array(SESSION), "dev status")).value[0]?.current).toBe(true);
    const inFourMinutes = world.sandbox.now() + HOUR_MS - 4 * 60_000;
    const options = { now: () => inFourMinutes, env: { ASSUME_MFA_SANDBOX: undefined } };
    expect(await world.run("dev whoami --no-input", options)).toMatchObject({ exitCode: 2 });
    expect((await world.run("status --check", options)).exitCode).toBe(1);
    const [kept] = (await json(v.array(SESSION), "dev status", options)).value;
    expect(kept).toMatchObject({ current: false });
    expect(kept?.secondsLeft).toBeGreaterThan(0);
    const targets = (await json(TARGETS, "targets", options)).value;
    expect(targets.find(({ target }) => target === "dev")).toMatchObject({ expiration: null, secondsLeft: 0 });
    expect((await world.run("dev status", options)).stdout).toContain("ends too soon");
  });
});

describe("the world's clock", () => {
  it("is what login counts by, inside a sandbox whose clock was moved on", async () => {
    world.sandbox.moveClock(56 * 60_000);
    const run = await world.run(["dev", "login", "-t", world.code(), "-o", "json"], { now: () => Date.now() });
    const { result } = JSON.parse(run.stdout)[0];
    expect(result.secondsLeft).toBeGreaterThan(3_590);
    expect(result.secondsLeft).toBeLessThanOrEqual(3_600);
  });
});
