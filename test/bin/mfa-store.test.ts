import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  HAS_KEYCHAIN,
  KEYCHAIN_LEFT_OUT,
  type RealKeychain,
  type RealKeychainOptions,
  startKeychain,
} from "../support/real-keychain.ts";
import { type Environment, isRunning, until } from "./built-program.ts";
import { KEYS, PseudoTerminal } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// A secret is typed at a real terminal, unseen, which is as it was afterwards (ACCEPTANCE.md P1); and a keychain whose
// dialog nobody answers keeps no program from ending.

const SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
const QUESTION = /Secret of arn:aws:iam::111122223333:mfa\/alice .*: $/;

type OnTestFinished = (tidy: () => void | Promise<void>) => void;

interface Place {
  readonly world: TestWorld;
  readonly real: RealKeychain;
  /** Outside of a sandbox, as far as the program knows. */
  readonly env: Environment;
  terminal(script: string): PseudoTerminal;
}

async function makePlace(onTestFinished: OnTestFinished, options: RealKeychainOptions = {}): Promise<Place> {
  const world = await startWorld();
  onTestFinished(() => world.close());
  const real = await startKeychain(options);
  onTestFinished(() => real.close());
  const env = { ...world.env, ...real.env, ASSUME_MFA_SANDBOX: "" };
  return {
    world,
    real,
    env,
    terminal(script) {
      const terminal = new PseudoTerminal(script, { env, cwd: world.folder });
      onTestFinished(() => terminal.close());
      return terminal;
    },
  };
}

const ENDINGS = [
  { by: "Ctrl-C", key: KEYS.interrupt, status: 130 },
  { by: "Ctrl-D", key: KEYS.endOfInput, status: 2 },
  { by: "Ctrl-\\", key: KEYS.quit, status: 131 },
  { by: "half a secret and Ctrl-C", key: `JBSW${KEYS.interrupt}`, status: 130 },
  { by: "SIGTERM", signal: "SIGTERM", status: 143 },
  { by: "SIGHUP", signal: "SIGHUP", status: 129 },
  { by: "SIGINT", signal: "SIGINT", status: 130 },
  { by: "SIGQUIT", signal: "SIGQUIT", status: 131 },
] as const;

describe.skipIf(!HAS_KEYCHAIN).concurrent(`a secret typed at the terminal${KEYCHAIN_LEFT_OUT}`, () => {
  it("is not shown, can be mended while it is typed, and makes the device's codes", async ({ onTestFinished }) => {
    const { world, terminal: open, real } = await makePlace(onTestFinished);
    const terminal = open("assume-mfa mfa store 2>/dev/null && assume-mfa mfa code </dev/null");
    await terminal.waitFor(QUESTION);
    // A slip, the whole line thrown away, a slip again, a paste.
    terminal.type("wrong\x15XX\x7f\x7f");
    terminal.type(`\x1b[200~${SECRET.toLowerCase().slice(0, 20)}\x1b[201~\x1b[D-${SECRET.slice(20)}\r`);
    await terminal.waitFor(/shows now\S*\s+\d{6}, for/);
    await terminal.waitFor(/^\d{6}\r$/m);
    expect(await terminal.status()).toBe(0);
    expect(JSON.parse(real.secret(real.names()[0] ?? "") ?? "")).toMatchObject({ secret: SECRET });
    expect(terminal.output.toUpperCase()).not.toContain(SECRET.slice(0, 8));
    expect(terminal.output).not.toMatch(/wrong|XX/);
    expect(world.countCalls("GetSessionToken")).toBe(0);
  });

  it("goes to the terminal while the other streams go elsewhere", async ({ onTestFinished }) => {
    const { terminal: open } = await makePlace(onTestFinished);
    const terminal = open("assume-mfa mfa store -q >out 2>err; cat out");
    await terminal.waitFor(QUESTION);
    terminal.type(`${SECRET}\r`);
    await terminal.waitFor(/kept in\S*\s+the keychain/);
    expect(await terminal.status()).toBe(0);
  });

  it("leaves the terminal as it was after every end of the question, and nothing stored", { timeout: 40_000 }, async ({
    onTestFinished,
  }) => {
    const { terminal: open, real } = await makePlace(onTestFinished);
    const terminal = open(
      `set -m
       for ending in ${ENDINGS.map((_, index) => index).join(" ")}; do
         echo "<before $(stty -g)>"
         sh -c 'echo "<pid $$>"; exec assume-mfa mfa store'
         echo "<after $? $(stty -g)>"
       done 2>&1`,
    );
    const mode = async (label: string) => (await terminal.waitFor(new RegExp(`<${label} ([\\d ]*[0-9a-f:]+)>`)))[1];
    for (const { by, status, ...how } of ENDINGS) {
      const before = await mode("before");
      const pid = Number((await terminal.waitFor(/<pid (\d+)>/))[1]);
      await terminal.waitFor(QUESTION);
      if ("key" in how) terminal.type(how.key);
      else process.kill(pid, how.signal);
      expect({ by, after: await mode("after") }).toEqual({ by, after: `${status} ${before}` });
      expect(isRunning(pid)).toBe(false);
    }
    expect(await terminal.status()).toBe(0);
    expect(terminal.output).not.toContain("JBSW");
    expect(real.names()).toEqual([]);
  });

  it.each(["bash", "sh"])("goes on after Ctrl-Z and fg in %s, as unseen as before", async (shell) => {
    const tidy: (() => void | Promise<void>)[] = [];
    try {
      const { terminal: open, real } = await makePlace((each) => void tidy.unshift(each));
      const terminal = open(
        `${shell === "bash" ? "" : `exec ${shell} <<'END'\n`}set -m
         echo "<before $(stty -g </dev/tty)>"
         sh -c 'exec assume-mfa mfa store' </dev/tty
         echo "<stopped $? $(stty -g </dev/tty)>"
         fg
         echo "<after $? $(stty -g </dev/tty)>"
         ${shell === "bash" ? "" : "\nEND"}`,
      );
      const mode = async (label: string) => (await terminal.waitFor(new RegExp(`<${label} ([\\d ]*[0-9a-f:]+)>`)))[1];
      const before = await mode("before");
      await terminal.waitFor(QUESTION);
      terminal.type(SECRET.slice(0, 10));
      terminal.type(KEYS.suspend);
      expect(await mode("stopped")).toMatch(new RegExp(`^\\d+ ${before}$`));
      await terminal.waitFor(QUESTION);
      terminal.type(`${SECRET.slice(10)}\r`);
      await terminal.waitFor(/shows now/);
      expect(await mode("after")).toBe(`0 ${before}`);
      expect(terminal.output).not.toContain(SECRET.slice(0, 6));
      expect(terminal.output).not.toContain(SECRET.slice(12));
      expect(JSON.parse(real.secret(real.names()[0] ?? "") ?? "")).toMatchObject({ secret: SECRET });
    } finally {
      for (const each of tidy) await each();
    }
  });
});

/** The helpers that a program started, wherever they are now. */
function helpersOn(bus: string): readonly number[] {
  const table = execFileSync("ps", ["-A", "-ww", "-o", "pid=,stat=,args=", "e"], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return table
    .split("\n")
    .filter((line) => line.includes("@napi-rs/keyring") && line.includes(bus) && !/^\s*\d+\s+Z/.test(line))
    .map((line) => Number.parseInt(line, 10));
}

describe.skipIf(!HAS_KEYCHAIN).concurrent(`a dialog that nobody answers${KEYCHAIN_LEFT_OUT}`, () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGKILL", 137],
  ] as const)("holds nobody up who ends the program by %s, nor is anything left that waits", async (signal, status) => {
    const tidy: (() => void | Promise<void>)[] = [];
    try {
      const { terminal: open, real } = await makePlace((each) => void tidy.unshift(each), {
        dialog: "unanswered",
      });
      const stored = open(`echo ${SECRET} | assume-mfa mfa store`);
      expect(await stored.status()).toBe(0);
      real.lock();
      const terminal = open(`sh -c 'echo "<pid $$>"; exec assume-mfa mfa code'; echo "<after $?>"`);
      const pid = Number((await terminal.waitFor(/<pid (\d+)>/))[1]);
      await terminal.waitFor(/assume-mfa: waiting for the keychain/);
      const bus = real.env.DBUS_SESSION_BUS_ADDRESS;
      expect(helpersOn(bus)).toHaveLength(1);
      const begun = performance.now();
      process.kill(pid, signal);
      expect((await terminal.waitFor(/<after (\d+)>/))[1]).toBe(`${status}`);
      expect(performance.now() - begun).toBeLessThan(1_000);
      await until("the helper ended", () => helpersOn(bus).length === 0);
    } finally {
      for (const each of tidy) await each();
    }
  });

  it("is waited for five seconds where nobody is to be asked", { timeout: 30_000 }, async ({ onTestFinished }) => {
    const { terminal: open, real, world, env } = await makePlace(onTestFinished, { dialog: "unanswered" });
    expect(await open(`echo ${SECRET} | assume-mfa mfa store`).status()).toBe(0);
    real.lock();
    const { status, stdout, stderr, elapsedMs } = await world.run(["mfa", "code", "-q"], { ...env, CI: "true" });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/error: the keychain did not answer within 5 s: a dialog may be waiting/);
    expect(stderr).not.toMatch(/waiting for the keychain/);
    expect(elapsedMs).toBeGreaterThan(5_000);
    expect(elapsedMs).toBeLessThan(7_000);
  });
});

describe("a folder with traps in it", () => {
  it("is not where the keychain's package is looked for", async ({ onTestFinished }) => {
    const world = await startWorld();
    onTestFinished(() => world.close());
    const trap = join(world.folder, "node_modules", "@napi-rs", "keyring");
    mkdirSync(trap, { recursive: true });
    writeFileSync(join(trap, "package.json"), '{"name":"@napi-rs/keyring","main":"index.js"}');
    writeFileSync(
      join(trap, "index.js"),
      `require("node:fs").writeFileSync(${JSON.stringify(join(world.folder, "sprung"))}, "")`,
    );
    const env = { ASSUME_MFA_SANDBOX: "", DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" };
    const terminal = new PseudoTerminal("assume-mfa mfa store; ls", {
      env: { ...world.env, ...env },
      cwd: world.folder,
    });
    onTestFinished(() => terminal.close());
    await terminal.waitFor(/error:\S* there is no keychain/);
    await terminal.waitFor(/node_modules/);
    expect(await terminal.status()).toBe(0);
    expect(terminal.output).not.toContain("sprung");
  });
});
