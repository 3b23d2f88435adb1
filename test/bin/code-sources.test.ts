import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isRunning, runProgram, until } from "./built-program.ts";
import { KEYS, PseudoTerminal } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// Codes that nobody types, as built: mfa_process on a real terminal and for many processes at once, a secret in the
// environment (CLI.md, "Where a token code comes from").

/** Of the test's context: vitest's own can't tell tests apart that run at once. */
type OnTestFinished = (tidy: () => void | Promise<void>) => void;

/** @param script of the `mfa_process` of the profile dev, for `sh` */
async function makeWorld(onTestFinished: OnTestFinished, script: string): Promise<TestWorld> {
  const world = await startWorld();
  onTestFinished(() => world.close());
  const program = join(world.folder, "mfa-program");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o700);
  world.configure("dev", `mfa_process = ${program}`);
  return world;
}

function makeTerminal(onTestFinished: OnTestFinished, world: TestWorld, script: string): PseudoTerminal {
  const terminal = new PseudoTerminal(script, { env: world.env, cwd: world.folder });
  onTestFinished(() => terminal.close());
  return terminal;
}

const linesOf = (world: TestWorld, name: string) => {
  const path = join(world.folder, name);
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
};

describe.concurrent("mfa_process", () => {
  it("is run once for many processes at once, which share its session", async ({ onTestFinished }) => {
    const world = await makeWorld(onTestFinished, 'echo run >> "$HOME/runs"; sleep 0.3; cat "$HOME/code"');
    writeFileSync(join(world.home, "code"), `${world.freshCode()}\n`);
    const runs = await Promise.all(
      Array.from({ length: 8 }, () => runProgram(["dev", "whoami"], { env: world.env, timeoutMs: 30_000 })),
    );
    expect(runs.map(({ status }) => status)).toEqual(runs.map(() => 0));
    expect(readFileSync(join(world.home, "runs"), "utf8")).toBe("run\n");
    expect(world.countCalls("AssumeRole")).toBe(1);
  });

  it("asks at the terminal while our streams go elsewhere, and only the result is on standard output", async ({
    onTestFinished,
  }) => {
    const world = await makeWorld(
      onTestFinished,
      'echo "Touch your key" >&2; printf "PIN: " > /dev/tty; read -r pin < /dev/tty; test "$pin" = 4711 && cat "$HOME/code"',
    );
    writeFileSync(join(world.home, "code"), `${world.freshCode()}\n`);
    const terminal = makeTerminal(
      onTestFinished,
      world,
      'eval "$(assume-mfa dev export)"; echo "<$AWS_ACCESS_KEY_ID>"',
    );
    await terminal.waitFor(/Touch your key\s+PIN: /);
    terminal.type("4711\r");
    await terminal.waitFor(/<ASIA[A-Z0-9]{16}>/);
    expect(await terminal.status()).toBe(0);
  });

  it("that AWS does not believe leads to the prompt", async ({ onTestFinished }) => {
    const world = await makeWorld(onTestFinished, 'cat "$HOME/code"');
    writeFileSync(join(world.home, "code"), `${world.wrongCode()}\n`);
    const terminal = makeTerminal(onTestFinished, world, "assume-mfa dev login </dev/null >out 2>err");
    await terminal.waitFor(/AWS did not accept the code of mfa_process \(\S+config:\d+\)[^\r\n]*\r\nMFA code for dev /);
    terminal.type(`${world.freshCode()}\r`);
    expect(await terminal.status()).toBe(0);
    expect(world.countCalls("AssumeRole")).toBe(2);
  });

  it("ends at Ctrl-C with what it started, the status is 130, and the terminal is as it was", async ({
    onTestFinished,
  }) => {
    const world = await makeWorld(
      onTestFinished,
      "trap '' INT TERM; echo $$ >> pids; sleep 60 & echo $! >> pids; echo waiting > /dev/tty; n=0; while [ $n -lt 60 ]; do sleep 1; n=$((n + 1)); done",
    );
    const terminal = makeTerminal(
      onTestFinished,
      world,
      "trap : INT; before=$(stty -g); assume-mfa dev login; status=$?\n" +
        '[ "$before" = "$(stty -g)" ] && echo same; exit $status',
    );
    await terminal.waitFor(/waiting/);
    const pids = linesOf(world, "pids").map(Number);
    terminal.type(KEYS.interrupt);
    await terminal.waitFor(/same/);
    expect(await terminal.status()).toBe(130);
    expect(pids).toHaveLength(2);
    await until("all have ended", () => !pids.some(isRunning));
    expect(world.countCalls("AssumeRole")).toBe(0);
  });

  it("leaves a pipe on our standard input to whoever reads next", async ({ onTestFinished }) => {
    const world = await makeWorld(onTestFinished, 'cat > "$HOME/taken"; cat "$HOME/code"');
    writeFileSync(join(world.home, "code"), `${world.freshCode()}\n`);
    const { status } = await runProgram(["dev", "login"], { env: world.env, input: "for somebody else\n" });
    expect([status, readFileSync(join(world.home, "taken"), "utf8")]).toEqual([0, ""]);
  });
});

describe("a secret in the environment", () => {
  it("makes the code by the sandbox's clock, and stands nowhere afterwards", async ({ onTestFinished }) => {
    const world = await startWorld();
    onTestFinished(() => world.close());
    world.sandbox.moveClock(3_600_000);
    const secret = world.sandbox.world.accounts
      .get("111122223333")
      ?.mfaDevices.get("arn:aws:iam::111122223333:mfa/alice")?.secret;
    const { status, stdout, stderr } = await world.run(["dev", "login", "-o", "json", "--debug"], {
      ASSUME_MFA_TOTP_SECRET: `${secret}`.toLowerCase(),
    });
    expect(status).toBe(0);
    expect(world.countCalls("AssumeRole")).toBe(1);
    expect(stderr).toMatch(/^assume-mfa: warning: the code is made from ASSUME_MFA_TOTP_SECRET: .*$/m);
    const everything = `${stdout}${stderr}${[...world.cached().values()].join("")}`.toUpperCase();
    expect(everything).not.toContain(secret);
  });
});

it("an mfa_process that runs assume-mfa for the same profile stops in the second run", async ({ onTestFinished }) => {
  const world = await startWorld();
  onTestFinished(() => world.close());
  const aws = join(world.home, ".aws");
  const runs = join(world.folder, "runs");
  mkdirSync(aws);
  const endpoint = `region = us-east-1\nendpoint_url = ${world.sandbox.endpoint}\n`;
  const command = `sh -c 'echo run >> ${runs}; exec assume-mfa loop login --no-cache'`;
  writeFileSync(
    join(aws, "config"),
    `[profile parent]\n${endpoint}[profile loop]\n${endpoint}role_arn = arn:aws:iam::222222222222:role/PrivilegedActionsRole\n` +
      `source_profile = parent\nmfa_serial = arn:aws:iam::111122223333:mfa/alice\nmfa_process = ${command}\n`,
  );
  copyFileSync(world.env.AWS_SHARED_CREDENTIALS_FILE as string, join(aws, "credentials"));
  // It is not the sandbox's environment, which the program would not get either.
  const env = Object.fromEntries(Object.entries(world.env).filter(([name]) => !/^(?:AWS|ASSUME_MFA)_/.test(name)));
  const before = performance.now();
  const { status, stderr } = await runProgram(["loop", "login", "--no-cache"], { env, timeoutMs: 30_000 });
  expect(readFileSync(runs, "utf8")).toBe("run\n");
  expect(stderr).toMatch(/error: \S+config:\d+: mfa_process goes round in a circle: loop → loop\n/);
  expect(stderr).toMatch(/error: \S+config:\d+: mfa_process ended with status 3/);
  expect(status).toBe(2);
  expect(performance.now() - before).toBeLessThan(10_000);
});
