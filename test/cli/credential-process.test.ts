import { beforeEach, describe, expect, it } from "vitest";
import { demand, openCliWorld, type RunOptions } from "../support/cli-world.ts";
import { NO_ANSWER } from "../support/fake-host.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const MINUTE_MS = 60_000;

function lastSession() {
  return demand([...world.sandbox.world.sessions.values()].at(-1));
}

describe("the document", () => {
  it("is one, of Version 1, in ASCII, and standard error is empty", async () => {
    const run = await world.run(["dev", "credential-process", "-t", world.code()], { isPayload: true });
    const { accessKeyId, secretAccessKey, sessionToken, expiresAtMs } = lastSession();
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(run.stdout)).toEqual({
      Version: 1,
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: sessionToken,
      Expiration: new Date(expiresAtMs).toISOString().replace(".000Z", "Z"),
    });
    expect(run.stdout).toMatch(/^[\x20-\x7e\n]+$/);
    expect(run.stdout.split("\n").at(-2)).toBe("}");
  });

  it("is the credentials whatever output format is set", async () => {
    await world.login();
    for (const ASSUME_MFA_OUTPUT of ["json", "text", "nonsense"]) {
      const run = await world.run("dev credential-process", { isPayload: true, env: { ASSUME_MFA_OUTPUT } });
      expect(run).toMatchObject({ exitCode: 0, stderr: "", operations: [] });
      expect(JSON.parse(run.stdout)).toHaveProperty("SessionToken", lastSession().sessionToken);
    }
  });

  it("comes after a question on the terminal, of which nothing is on the streams", async () => {
    const run = await world.run("dev credential-process", { isPayload: true, replies: [() => world.code()] });
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.questions).toEqual([expect.stringContaining("dev (account 222222222222)")]);
    expect(JSON.parse(run.stdout)).toHaveProperty("Version", 1);
  });

  it("says where the calls go to a person who sees standard error", async () => {
    await world.login();
    const run = await world.run("dev credential-process", { isPayload: true, isStderrTerminal: true });
    expect(run.stderr).toMatch(/SANDBOX/);
  });

  it("is of a session that is no source for another target", async () => {
    const { stdout } = await world.run(["dev", "credential-process", "-t", world.code()], { isPayload: true });
    const keys = JSON.parse(stdout);
    const env = {
      AWS_ACCESS_KEY_ID: keys.AccessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.SecretAccessKey,
      AWS_SESSION_TOKEN: keys.SessionToken,
      AWS_PROFILE: "parent",
    };
    const role = "arn:aws:iam::444444444444:role/PrivilegedActionsRole";
    const run = await world.run([role, "whoami", "-t", world.code(), "-o", "json"], { env });
    expect(run.exitCode).toBe(0);
    const assume = run.calls.find(({ operation }) => operation === "AssumeRole");
    expect(assume?.accessKeyId).toMatch(/^AKIA/);
  });
});

describe("what is left of a session", () => {
  it.each([
    ["16 minutes", "", {}, 44, true],
    ["14 minutes", "", {}, 46, false],
    ["14 minutes with --min-ttl 5m", "--min-ttl 5m", {}, 46, true],
    ["14 minutes with ASSUME_MFA_MIN_TTL=5m", "", { ASSUME_MFA_MIN_TTL: "5m" }, 46, true],
    ["19 minutes with --min-ttl 45m: a third of its life at most", "--min-ttl 45m", {}, 39, true],
    ["6 minutes of fifteen: a third of its life at most", "--duration 15m", {}, 9, true],
    ["4 minutes of fifteen", "--duration 15m", {}, 11, false],
  ] as const)("%s", async (_, words, env, minutesLater, isServed) => {
    const options = words.split(" ").filter(Boolean);
    const duration = options.includes("--duration") ? options : [];
    await world.run(["dev", "login", "-t", world.code(), ...duration]);
    world.sandbox.moveClock(minutesLater * MINUTE_MS);
    const run = await world.run(["dev", "credential-process", "--no-input", ...options], {
      isPayload: true,
      env,
    });
    expect(run.exitCode).toBe(isServed ? 0 : 2);
    expect(run.stdout === "").toBe(!isServed);
  });
});

describe("a failure", () => {
  const FAILURES: readonly (readonly [string, readonly string[], () => RunOptions, number])[] = [
    ["an unknown option", ["dev", "credential-process", "--nothing"], () => ({}), 2],
    ["too many words", ["dev", "credential-process", "more"], () => ({}), 2],
    ["an unknown target", ["devv", "credential-process"], () => ({}), 3],
    ["several targets", ["dev,prod", "credential-process"], () => ({}), 2],
    ["a misplaced option", ["--yes", "dev", "credential-process"], () => ({}), 2],
    ["words the wrong way round", ["credential-process", "dev"], () => ({}), 3],
    ["a slip of the hand", ["dev", "credential-proces"], () => ({}), 2],
    ["a broken config", ["dev", "credential-process"], () => ({ env: world.configFile("[profile dev\n") }), 3],
    ["a malformed code", ["dev", "credential-process", "-t", "12345"], () => ({}), 2],
    ["a missing code", ["dev", "credential-process"], () => ({}), 2],
    ["a refused code", ["dev", "credential-process"], () => ({ env: { ASSUME_MFA_TOKEN_CODE: world.wrongCode() } }), 4],
    ["Ctrl-D at the prompt", ["dev", "credential-process"], () => ({ replies: [undefined] }), 2],
    ["another account", ["dev", "credential-process", "--expect-account", "444444444444"], () => ({}), 3],
    [
      "no network",
      ["dev", "credential-process"],
      () => ({
        env: {
          AWS_ENDPOINT_URL: "http://127.0.0.1:9",
          ASSUME_MFA_SANDBOX: undefined,
          ASSUME_MFA_TOKEN_CODE: world.code(),
        },
      }),
      1,
    ],
  ];

  it.each(FAILURES)(
    "%s: nothing on standard output, five lines on standard error at most",
    async (_, words, make, exitCode) => {
      for (const env of [{}, { ASSUME_MFA_OUTPUT: "json" }]) {
        const options = make();
        const run = await world.run(words, { ...options, env: { ...options.env, ...env } });
        expect(run).toMatchObject({ exitCode, stdout: "" });
        expect(run.stderr).toMatch(/^assume-mfa: error: /);
        expect(run.stderr.split("\n").length - 1).toBeLessThanOrEqual(5);
      }
    },
  );

  it("is a signal at the prompt, too", async () => {
    let raise = () => {};
    const run = await world.run("dev credential-process", {
      replies: [
        () => {
          raise();
          return NO_ANSWER;
        },
      ],
      meanwhile: ({ interrupts }) => {
        raise = () => interrupts.raise("SIGTERM");
      },
    });
    expect(run).toMatchObject({ exitCode: 143, stdout: "" });
  });

  it("is a value that AWS can't have given: not a word of it", async () => {
    await world.login();
    const { readFileSync, writeFileSync } = await import("node:fs");
    const entry = JSON.parse(readFileSync(world.sessionFile, "utf8"));
    entry.credentials.sessionToken = world.addCanary('evil","Version":2');
    writeFileSync(world.sessionFile, JSON.stringify(entry));
    const run = await world.run("dev credential-process");
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.stderr).toMatch(/error: the session token is not in the form that AWS gives/);
  });
});

describe("a terminal as standard output", () => {
  it("gets nothing, and a word about where it belongs", async () => {
    const run = await world.run(["dev", "credential-process", "-t", world.code()], { isStdoutTerminal: true });
    expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
    expect(run.stderr).toContain("--show");
    expect(run.stderr).toContain("credential_process = assume-mfa <target> credential-process");
  });

  it("gets it with --show", async () => {
    const words = ["dev", "credential-process", "--show", "-t", world.code()];
    const run = await world.run(words, { isStdoutTerminal: true, isPayload: true });
    expect(JSON.parse(run.stdout)).toHaveProperty("SessionToken", lastSession().sessionToken);
  });
});

it("--explain leaves standard output alone, and says 15m where nobody said otherwise", async () => {
  await world.login();
  world.sandbox.moveClock(50 * MINUTE_MS);
  const run = await world.run("dev credential-process --explain");
  expect(run).toMatchObject({ exitCode: 0, stdout: "", operations: [] });
  expect(run.stderr).toContain("renewed 15 min before its end");
});
