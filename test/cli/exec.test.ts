import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { DEV_ROLE, openCliWorld, PROD } from "../support/cli-world.ts";
import { NO_ANSWER } from "../support/fake-host.ts";

// What `exec` and `shell` decide before and around a child; the child itself, its streams and signals: test/bin/exec.test.ts.

const world = await openCliWorld();
let files = 0;
let file: string;

beforeEach(() => {
  files += 1;
  const folder = path.join(world.folder, "children");
  mkdirSync(folder, { recursive: true });
  file = path.join(folder, `${files}`);
});

/** A child that leaves its environment in the file. */
const dump = () => ["sh", "-c", 'env -0 > "$0"', file];
const environment = () =>
  new Map(
    readFileSync(file, "utf8")
      .split("\0")
      .filter((line) => line !== "")
      .map((line) => line.split(/=(.*)/s) as [string, string]),
  );
const PATH = process.env.PATH ?? "";

describe("exec", () => {
  it("assumes the role with a code, runs the command with the session, and says nothing on standard output", async () => {
    world.newCache();
    const env = { PATH, AWS_PROFILE: "work", AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", ASSUME_MFA_OUTPUT: "json" };
    const code = world.code();
    const run = await world.run(["dev", "exec", "--token-code", code, ...dump()], { env });
    expect(run).toMatchObject({ exitCode: 0, stdout: "", questions: [] });
    expect(run.operations.filter((operation) => operation === "AssumeRole")).toHaveLength(1);
    const seen = environment();
    expect([...seen.keys()].filter((name) => /^(?:AWS|ASSUME_MFA|AMFA)_/.test(name)).sort()).toEqual([
      "ASSUME_MFA_SANDBOX",
      "AWS_ACCESS_KEY_ID",
      "AWS_CONFIG_FILE",
      "AWS_CREDENTIAL_EXPIRATION",
      "AWS_DEFAULT_REGION",
      "AWS_EC2_METADATA_DISABLED",
      "AWS_ENDPOINT_URL",
      "AWS_REGION",
      "AWS_SECRET_ACCESS_KEY",
      "AWS_SESSION_TOKEN",
      "AWS_SHARED_CREDENTIALS_FILE",
    ]);
    expect(seen.get("AWS_ACCESS_KEY_ID")).toMatch(/^ASIA/);
    expect(readFileSync(file, "utf8")).not.toContain(code);
  });

  it("serves the next from the cache, and renews what ends sooner than --min-ttl", async () => {
    world.newCache();
    await world.login();
    const cached = await world.run(["dev", "exec", ...dump()], { env: { PATH } });
    expect(cached).toMatchObject({ exitCode: 0, operations: [] });
    const before = environment().get("AWS_ACCESS_KEY_ID");
    world.sandbox.moveClock(50 * 60_000);
    // A third of the session's life is the most that can be asked for.
    const renewed = await world.run(["dev", "exec", "--min-ttl", "45m", "-t", world.code(), ...dump()], {
      env: { PATH },
    });
    expect(renewed).toMatchObject({ exitCode: 0, operations: ["AssumeRole"] });
    expect(environment().get("AWS_ACCESS_KEY_ID")).not.toBe(before);
  });

  it("is no source for another target, nor is its region", async () => {
    world.newCache();
    await world.login();
    await world.run(["dev", "exec", "--region", "eu-west-1", ...dump()], { env: { PATH } });
    const inside = { ...Object.fromEntries(environment()), PATH };
    const noRegion = world.configWith(
      `\n[profile bare]\nrole_arn = arn:aws:iam::${PROD}:role/PrivilegedActionsRole\nsource_profile = parent\n`,
    );
    const run = await world.run(["bare", "exec", "-t", world.code(), ...dump()], { env: { ...inside, ...noRegion } });
    expect(run).toMatchObject({ exitCode: 0, stdout: "", operations: ["AssumeRole"] });
    expect(environment().has("AWS_REGION")).toBe(false);
    expect(environment().has("AWS_DEFAULT_REGION")).toBe(false);
  });

  it.each([
    ["a wrong code", () => ["dev", "exec", "--refresh", "-t", world.wrongCode()], /multi-?factor|code/i],
    ["no code and nobody to ask", () => ["dev", "exec", "--refresh"], /code/],
    ["a malformed code", () => ["dev", "exec", "--refresh", "-t", "12345"], /code/],
    ["an unknown target", () => ["nobody", "exec"], /no target "nobody"/],
    ["another account", () => ["dev", "exec", "--expect-account", "333333333333"], /333333333333 was expected/],
    ["an unknown option", () => ["dev", "exec", "--no-such"], /unknown option/],
    ["an option without its value", () => ["dev", "exec", "--region"], /region/],
    ["a misplaced option", () => ["--yes", "dev", "exec"], /can't stand before/],
    ["several targets", () => ["dev,prod", "exec"], /too many/],
    ["a time that is none", () => ["dev", "exec", "--min-ttl", "soon"], /--min-ttl is no time/],
    ["-o json", () => ["dev", "exec", "-o", "json"], /no output of ours/],
    ["--output=text", () => ["dev", "exec", "--output=text"], /no output of ours/],
    ["no endpoint", () => ["dev", "exec", "--refresh", "--endpoint-url", "http://127.0.0.1:1"], /./],
  ])("is 125 for %s, in lines of ours, and runs nothing", async (_, words, message) => {
    await world.login();
    for (const env of [{ PATH }, { PATH, ASSUME_MFA_OUTPUT: "json" }]) {
      const command = words().at(-1) === "--region" ? [] : ["--", ...dump()];
      const run = await world.run([...words(), ...command], { env });
      expect(run).toMatchObject({ exitCode: 125, stdout: "" });
      expect(run.stderr).toMatch(/^assume-mfa: error: .+\n(?:assume-mfa: hint: .+\n)+$/m);
      expect(run.stderr).toMatch(message);
      expect(existsSync(file)).toBe(false);
    }
  });

  it.each(["nobody", "./nobody", "/etc/passwd/nobody", "", "--"])(
    "is 127 for %j before a code is asked for",
    async (command) => {
      world.newCache();
      const run = await world.run(["dev", "exec", "--", command], { env: { PATH }, replies: [] });
      expect(run).toMatchObject({ exitCode: 127, stdout: "", operations: [], questions: [] });
      expect(run.said).toContain(`assume-mfa: error: ${command === "" ? '""' : command}: command not found\n`);
    },
  );

  it("says what is missing where no command is given", async () => {
    const run = await world.run("dev exec");
    expect(run).toMatchObject({ exitCode: 125, stdout: "", operations: [] });
    expect(run.said).toContain("what is to be run?");
  });

  it("explains and runs nothing", async () => {
    for (const words of [["--explain"], ["--explain", "-o", "json"], ["--explain", "--", ...dump()]]) {
      const run = await world.run(["dev", "exec", ...words], { env: { PATH } });
      expect(run).toMatchObject({ exitCode: 0, operations: [] });
      expect(run.stdout).toContain("PrivilegedActionsRole");
      expect(existsSync(file)).toBe(false);
    }
  });

  it("takes options of ours before the command alone: what stands behind it is the command's", async () => {
    await world.login();
    const run = await world.run(
      ["dev", "exec", "sh", "-c", 'printf "%s|" "$@" > "$0"', file, "-o", "json", "--", "--help"],
      {
        env: { PATH },
      },
    );
    expect(run.exitCode).toBe(0);
    expect(readFileSync(file, "utf8")).toBe("-o|json|--|--help|");
  });

  it("is a command's status where it is ours elsewhere", async () => {
    await world.login();
    for (const status of [0, 1, 2, 3, 7, 125]) {
      expect((await world.run(["dev", "exec", "sh", "-c", `exit ${status}`], { env: { PATH } })).exitCode).toBe(status);
    }
  });

  it("serves a role's ARN", async () => {
    const run = await world.run([DEV_ROLE, "exec", "--source-profile", "parent", "-t", world.code(), ...dump()], {
      env: { PATH },
    });
    expect(run).toMatchObject({ exitCode: 0, stdout: "" });
    expect(environment().get("AWS_ACCESS_KEY_ID")).toMatch(/^ASIA/);
  });

  it("stays 128 + n where a signal ends it before the command runs", async () => {
    world.newCache();
    const run = await world.run(["dev", "exec", ...dump()], {
      env: { PATH },
      replies: [NO_ANSWER],
      meanwhile: (host) => void setTimeout(() => host.interrupts.raise("SIGINT"), 300),
    });
    expect(run.exitCode).toBe(130);
    expect(existsSync(file)).toBe(false);
  });
});

describe("shell", () => {
  const temporaries = () =>
    readdirSync(process.env.TMPDIR ?? "/tmp").filter((name) => /^assume-mfa-[A-Za-z0-9]{6}$/.test(name));

  /** A shell that is none: it leaves its words and its environment in the file. */
  function makeShell(name: string): string {
    const folder = path.join(world.folder, "shells");
    mkdirSync(folder, { recursive: true });
    const shell = path.join(folder, name);
    writeFileSync(shell, `#!/bin/sh\n{ env -0; printf '%s\\0' "ARGS=$*"; } > '${file}'\nexit 42\n`, { mode: 0o755 });
    return shell;
  }

  it("says where one is and for how long, runs $SHELL, and ends with its status", async () => {
    await world.login();
    const before = temporaries();
    const run = await world.run("dev shell", { env: { PATH, SHELL: makeShell("bash") } });
    expect(run).toMatchObject({ exitCode: 42, stdout: "" });
    expect(run.said).toMatch(
      /^assume-mfa: dev: account 222222222222, role PrivilegedActionsRole, (?:\d+ min|1 h) left; exit leaves it\n$/,
    );
    expect(environment().get("AMFA_SHELL")).toBe("dev");
    expect(environment().get("ARGS")).toMatch(/^--rcfile \/.*\/assume-mfa-\w{6}\/bashrc$/);
    expect(temporaries()).toEqual(before);
    const inner = await world.run("dev shell", { env: { PATH, SHELL: makeShell("bash"), AMFA_SHELL: "prod" } });
    expect(inner.said).toMatch(/\nassume-mfa: inside another: prod > dev\n$/);
    expect(environment().get("AMFA_SHELL")).toBe("prod > dev");
  });

  it("says that a prompt is not marked where it does not know how", async () => {
    await world.login();
    const run = await world.run("dev shell", { env: { PATH, SHELL: makeShell("tcsh") } });
    expect(run).toMatchObject({ exitCode: 42, stdout: "" });
    expect(run.said).toMatch(/\nassume-mfa: the prompt is not marked: it is not known how to in \S+tcsh\n$/);
    expect(environment().get("ARGS")).toBe("");
    const quiet = await world.run("dev shell -q", { env: { PATH, SHELL: makeShell("tcsh") } });
    expect(quiet.said).toBe("");
  });

  it("is 125 for a failure of ours, 127 and 126 for a shell that is not there or can't be run", async () => {
    await world.login();
    const operand = await world.run("dev shell bash", { env: { PATH } });
    expect(operand).toMatchObject({ exitCode: 125, stdout: "" });
    const json = await world.run("dev shell -o json", { env: { PATH } });
    expect(json).toMatchObject({ exitCode: 125, stdout: "" });
    const missing = await world.run("dev shell", { env: { PATH, SHELL: "/nowhere/zsh" } });
    expect(missing).toMatchObject({ exitCode: 127, stdout: "", operations: [] });
    const refused = await world.run("dev shell", { env: { PATH, SHELL: "/etc/passwd" } });
    expect(refused).toMatchObject({ exitCode: 126, stdout: "", operations: [] });
  });
});
