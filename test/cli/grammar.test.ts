import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { ACTIONS, COMMANDS } from "../../src/cli/catalogue.ts";
import { changesOf, DEV_ROLE, openCliWorld, SERIAL } from "../support/cli-world.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
const HELP = /^assume-mfa: assume AWS roles [\s\S]*\bsandbox demo\n$/;

describe("what needs neither target nor call", () => {
  it.each([["--version"], ["-V"], ["--debug --version"], ["--version --help"]])(
    "%s prints the version",
    async (line) => {
      const run = await world.run(line);
      expect(run).toMatchObject({ exitCode: 0, stdout: `${version}\n`, stderr: "", operations: [], screen: "" });
    },
  );

  it.each([["--help"], ["-h"], ["help"], ["dev --help"], ["dev -h"], ["--target dev --help"], ["--help dev"]])(
    "%s prints the page on standard output",
    async (line) => {
      const run = await world.run(line);
      expect(run).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(HELP), stderr: "", operations: [] });
    },
  );

  it("the page names every action, every command and what may stand before them", async () => {
    const { stdout } = await world.run("--help");
    for (const { name, summary } of [...ACTIONS, ...COMMANDS]) {
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b.* ${summary}$`, "m"));
    }
    for (const option of ["--target", "--debug", "--no-color", "--version", "--help"]) expect(stdout).toContain(option);
    expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });

  it.each([["--help"], ["-h"]])("a config file that can't be read does not stop %s", async (line) => {
    const run = await world.run(line, { env: { AWS_CONFIG_FILE: world.folder } });
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  });

  it("dev login --help says that --shared signs in for the day", async () => {
    expect((await world.run("dev login --help")).stdout.replace(/\s+/g, " ")).toContain(
      "with --shared it signs in for the day: the shared session is kept",
    );
  });

  it("login without a config file names no role", async () => {
    const run = await world.run("login", {
      env: { AWS_CONFIG_FILE: "/nowhere/config", AWS_SHARED_CREDENTIALS_FILE: "/nowhere/credentials" },
    });
    expect(run).toMatchObject({ exitCode: 3, operations: [] });
    expect(run.said).toMatch(/error: there are no keys to sign in with\n/);
  });

  it.each(ACTIONS.map(({ name }) => name))("dev %s --help lists its options, and runs nothing", async (name) => {
    const run = await world.run(["dev", name, "--help"]);
    expect(run).toMatchObject({ exitCode: 0, stderr: "", operations: [] });
    for (const option of [
      "-t, --token-code",
      "--serial-number",
      "--source-profile",
      "--role-session-name",
      "--duration",
      "--external-id",
      "--expect-account",
      "--region",
      "--endpoint-url",
      "--min-ttl",
      "--refresh",
      "--no-cache",
      "--no-input",
      "-o, --output",
      "-q, --quiet",
      "--no-color",
      "--debug",
    ]) {
      expect(run.stdout).toContain(`  ${option}`);
    }
    const isDestructive = ["terminate", "stop", "start", "reboot", "delete-table"].includes(name);
    for (const option of ["--yes", "--dry-run", "--no-wait", "--timeout"]) {
      expect(run.stdout.includes(`  ${option}`)).toBe(isDestructive);
    }
  });

  it.each([["sandbox --help"], ["help sandbox"], ["--help sandbox"]])(
    "%s lists what a sandbox can do",
    async (line) => {
      const run = await world.run(line);
      expect(run).toMatchObject({ exitCode: 0, stderr: "" });
      for (const name of ["demo", "start", "run", "code"]) expect(run.stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    },
  );

  it("no arguments and nobody there: the page on standard error, exit 2", async () => {
    const run = await world.run([]);
    expect(run).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringMatching(HELP), operations: [] });
  });

  it("no arguments in CI: the same, though there is a terminal", async () => {
    const run = await world.run([], { replies: [], isStdoutTerminal: true, env: { CI: "true" } });
    expect(run).toMatchObject({ exitCode: 2, stdout: "", questions: [] });
  });

  it("no arguments on a terminal: a target is picked, then an action", async () => {
    const run = await world.run([], {
      replies: [{ pick: "staging" }, { pick: "whoami" }, () => world.code()],
      isStdoutTerminal: true,
    });
    expect(run.exitCode).toBe(0);
    expect(run.questions).toEqual([
      "Which target?",
      "What is to be done in staging?",
      expect.stringContaining("MFA code for staging (account 333333333333)"),
    ]);
    expect(run.stdout).toContain("assumed-role/PrivilegedActionsRole/alice");
  });

  it("no arguments on a terminal, and no profile with a role: the page, exit 2", async () => {
    const run = await world.run([], { replies: [], isStdoutTerminal: true, env: world.configFile("") });
    expect(run).toMatchObject({ exitCode: 2, stdout: "", questions: [] });
  });
});

describe("the target", () => {
  it.each([
    ["dev login"],
    ["--target dev login"],
    ["--target=dev login"],
    ["--profile dev login"],
    ["--profile=dev login"],
    ["--debug --target dev --no-color login"],
    ["arn:aws:iam::222222222222:role/PrivilegedActionsRole login --source-profile parent"],
  ])("%s signs in to it", async (line) => {
    const run = await world.run([...line.split(" "), "-t", world.code()]);
    expect(run.stderr.replace(/^SANDBOX .*\n/, "")).toBe("");
    expect(run.exitCode).toBe(0);
    expect(run.calls.find(({ operation }) => operation === "AssumeRole")?.parameters.RoleArn).toBe(
      "arn:aws:iam::222222222222:role/PrivilegedActionsRole",
    );
  });

  it.each([
    ["devv", /"devv"/, /closest: dev\b/],
    ["stagin", /"stagin"/, /closest: staging\b/],
    ["sandbx", /"sandbx"/, /command.*sandbox/],
    ["--target sandbox", /"sandbox"/, /targets: /],
    ["--target sandbox login", /"sandbox"/, /targets: /],
    ["devv login", /"devv"/, /closest: dev\b/],
    ["devv no-such-action", /"devv"/, /closest: dev\b/],
    ["parent login", /"parent".*no role_arn/, /add role_arn/],
    ["arn:aws:iam::2222:role/x login", /is no role's ARN/, /arn:aws:iam::222222222222:role/],
  ])("%s: exit 3, the near names and where they were looked for", async (line, error, hint) => {
    // A person is there and must not be asked; a code is given and must not be sent.
    const run = await world.run(line, { replies: [], env: { ASSUME_MFA_TOKEN_CODE: world.code() } });
    expect(run).toMatchObject({ exitCode: 3, stdout: "", operations: [], questions: [] });
    expect(run.stderr).toMatch(/^assume-mfa: error: .*\n(?:assume-mfa: hint: .*\n)+$/);
    expect(run.stderr).toMatch(error);
    expect(run.stderr).toMatch(hint);
    const isProfile = line.startsWith("parent");
    for (const file of ["/home/config", "/home/credentials"]) {
      expect(run.stderr.includes(`${world.folder}${file}`)).toBe(!isProfile || file === "/home/config");
    }
  });

  it.each([["dev"], ["--target dev"], ["--profile=dev"]])(
    "%s alone, nobody there: exit 2 and the actions",
    async (line) => {
      const run = await world.run(line);
      expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
      for (const { name } of ACTIONS) expect(run.stderr).toContain(name);
    },
  );

  it("alone in CI: the same, though there is a terminal", async () => {
    expect(await world.run("dev", { replies: [], env: { CI: "true" } })).toMatchObject({ exitCode: 2, questions: [] });
  });

  it("alone on a terminal: an action is picked", async () => {
    await world.login();
    const run = await world.run("dev", { replies: [{ pick: "tables" }] });
    expect(run).toMatchObject({ exitCode: 0, questions: ["What is to be done in dev?"], operations: ["ListTables"] });
    expect(run.stdout).toContain("orders");
  });

  it("of several alone lets an action be picked that takes several; with nobody there it is exit 2", async () => {
    const run = await world.run("dev,staging", { replies: [{ pick: "tables" }, () => world.code()] });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.questions[0]).toBe("What is to be done in dev,staging?");
    expect(run.host.picked[0]?.map(({ short }) => short)).toEqual(["login", "whoami", "instances", "tables"]);
    const nobody = await world.run("stag*");
    expect(nobody).toMatchObject({ exitCode: 2, stdout: "" });
    const several = await world.run("dev,staging");
    expect(several).toMatchObject({ exitCode: 2, stdout: "" });
    expect(several.said).toContain("the actions are login, whoami, instances, tables\n");
    const action = await world.run("dev,staging frobnicate");
    expect(action).toMatchObject({ exitCode: 2, stdout: "" });
    for (const line of ["dev,stagin", "no*such"]) expect(await world.run(line)).toMatchObject({ exitCode: 3 });
  });

  it("Ctrl-C in a pick list ends the run with 130", async () => {
    expect(await world.run("dev", { replies: [undefined] })).toMatchObject({ exitCode: 130, stdout: "", stderr: "" });
  });

  it("may have a command's name: the command wins, with a warning, and --target means the target", async () => {
    const env = world.configWith(
      `[profile sandbox]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = us-east-1\n`,
    );
    const command = await world.run("sandbox code", { env, isPayload: true });
    expect(command).toMatchObject({
      exitCode: 0,
      stdout: `${world.sandbox.currentCode()}\n`,
      stderr: "assume-mfa: sandbox is the command here; the profile of that name is --target sandbox\n",
    });
    const target = await world.run(["--target", "sandbox", "login", "-t", world.code()], { env });
    expect(target).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining("command") });
  });

  // `login` alone is the command of that name.
  const onlyActions = ACTIONS.map(({ name }) => name).filter((name) => COMMANDS.every((one) => one.name !== name));
  it.each(onlyActions)("%s alone is told to be an action", async (name) => {
    const run = await world.run([name]);
    expect(run).toMatchObject({ exitCode: 3, operations: [] });
    expect(run.stdout).toMatch(name === "export" ? /\nfalse;\n$/ : /^$/);
    expect(run.stderr).toContain(`write assume-mfa <target> ${name}\n`);
  });

  it("is an empty word: exit 2, and no profile is looked for", async () => {
    for (const argv of [[""], ["", "login"], ["--target"], ["--target", "", "login"], ["--target=", "login"]]) {
      expect(await world.run(argv)).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
    }
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("%s is no target", async (name) => {
    for (const argv of [[name], [name, "login"], ["--target", name, "login"]]) {
      expect(await world.run(argv)).toMatchObject({ exitCode: 3, stdout: "", operations: [] });
    }
  });
});

describe("a wrong command line", () => {
  it.each([
    ["dev no-such-action", /unknown action "no-such-action"/, /assume-mfa --help/],
    ["dev termnate", /unknown action "termnate"/, /terminate/],
    ["dev __proto__", /unknown action "__proto__"/, /assume-mfa --help/],
    ["dev login --no-such-option", /--no-such-option/, /dev login --help/],
    ["dev login --regoin us-east-1", /--regoin/, /--region/],
    ["dev login -x", /-x/, /dev login --help/],
    ["dev login --region", /--region/, /dev login --help/],
    ["dev login more", /argument/, /dev login --help/],
    ["dev table", /name/, /dev table --help/],
    ["dev table one two", /argument/, /dev table --help/],
    ["dev login --yes", /--yes/, /dev login --help/],
    ["dev login -o yaml", /"yaml"/, /table, json, text/],
    ["dev login --min-ttl soon", /--min-ttl.*"soon"/, /45m/],
    ["dev login --expect-account 2222", /--expect-account.*"2222"/, /twelve digits/],
    ["dev login --duration 1m", /--duration/, undefined],
    ["dev login --region nowhere", /--region/, undefined],
    ["dev login --serial-number x", /--serial-number/, undefined],
    ["dev login --external-id x", /--external-id/, undefined],
    ["dev login --role-session-name a/b", /--role-session-name/, undefined],
    ["dev login --endpoint-url ftp://127.0.0.1", /--endpoint-url/, undefined],
    ["dev terminate --timeout soon i-0123456789abcdef0", /--timeout.*"soon"/, /45m/],
    ["dev terminate i-123", /"i-123" is no instance id/, /i-0123456789abcdef0/],
    ["dev instances i-123", /"i-123" is no instance id/, /i-0123456789abcdef0/],
    ["dev delete-table no", /"no" is no table name/, /3 to 255/],
    ["dev table no", /"no" is no table name/, /3 to 255/],
    ["-o text dev login", /-o/, /<target> <action>/],
    ["--yes dev terminate", /--yes/, /<target> <action>/],
    ["--region us-east-1 dev login", /--region/, /<target> <action>/],
    ["dev --region us-east-1 login", /--region/, /dev <action>/],
    ["dev -- login", /--/, /dev <action>/],
    ["sandbox", /sandbox/, /demo, start, run, code/],
    ["sandbox no-such", /no-such/, /sandbox --help/],
    ["sandbox start --port 65536", /--port/, undefined],
    ["sandbox start --port x", /--port/, undefined],
    ["sandbox run", /command/, /sandbox --help|sandbox run/],
    ["sandbox demo more", /argument/, undefined],
  ])("%s: exit 2, what is wrong and what to type", async (line, error, hint) => {
    const run = await world.run(line, { replies: [], env: { ASSUME_MFA_TOKEN_CODE: world.code() } });
    expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [], questions: [] });
    const [first = "", ...others] = run.stderr
      .replace(/^SANDBOX .*\n/, "")
      .trimEnd()
      .split("\n");
    expect(first).toMatch(/^assume-mfa: error: /);
    expect(first).toMatch(error);
    expect(first).not.toMatch(/\.$/);
    for (const other of others) expect(other).toMatch(/^assume-mfa: hint: /);
    if (hint !== undefined) expect(others.join("\n")).toMatch(hint);
  });

  it.each([
    ["ASSUME_MFA_OUTPUT", "yaml"],
    ["ASSUME_MFA_MIN_TTL", "soon"],
    ["ASSUME_MFA_EXPECT_ACCOUNT", "dev"],
    ["ASSUME_MFA_DURATION", "1m"],
    ["ASSUME_MFA_SERIAL_NUMBER", "x"],
    ["ASSUME_MFA_ROLE_SESSION_NAME", "a/b"],
    ["AWS_REGION", "nowhere"],
    ["AWS_ENDPOINT_URL", "ftp://127.0.0.1"],
  ])("a wrong value of %s is exit 2 and names the variable", async (variable, value) => {
    const run = await world.run(["dev", "login"], { env: { [variable]: value }, replies: [] });
    expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [], questions: [] });
    expect(run.stderr).toContain(variable === "ASSUME_MFA_OUTPUT" ? '"yaml"' : variable);
  });

  it("what does not read as an option's value is one: a word that begins with a dash after --", async () => {
    const run = await world.run(["dev", "terminate", "--yes", "--", "--i"]);
    expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
    expect(run.stderr).toContain('"--i" is no instance id');
  });

  it("names a hostile option visibly", async () => {
    const run = await world.run(["dev", "login", "--\u001b[2J\u202e"]);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain("\\x1b[2J\\u202e");
  });
});

describe("options", () => {
  it("stand anywhere after the action, and the last of a kind counts", async () => {
    const run = await world.run([
      "dev",
      "table",
      "--region",
      "eu-west-1",
      "orders",
      "--region=us-east-1",
      "-t",
      world.code(),
    ]);
    expect(run).toMatchObject({ exitCode: 0, operations: ["GetCallerIdentity", "AssumeRole", "DescribeTable"] });
    expect(changesOf(run)).toEqual([]);
  });

  it("--debug and --no-color before the target are the action's", async () => {
    const run = await world.run("--debug dev login", { env: { CI: "true" } });
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toMatch(/^assume-mfa: debug: AssumeMfaError TOKEN_CODE_MISSING: /m);
    const coloured = await world.run("dev login", { env: { CI: "true" }, isStderrTerminal: true });
    expect(coloured.stderr).toContain("\u001b[31merror:");
    const plain = await world.run("--no-color dev login", { env: { CI: "true" }, isStderrTerminal: true });
    expect(plain.stderr).not.toContain("\u001b");
  });
});
