import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isRunning, until } from "./built-program.ts";
import { HANG_UP_MS, HIDE_CURSOR, KEYS, PseudoTerminal, SHOW_CURSOR, SLOW } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// What a person at a real terminal meets: questions on the terminal itself, and a terminal that is as it was, however
// the question ends (ACCEPTANCE.md P1, P2).

/** Of the test's context: vitest's own can't tell tests apart that run at once. */
type OnTestFinished = (tidy: () => void | Promise<void>) => void;

async function makeWorld(onTestFinished: OnTestFinished): Promise<TestWorld> {
  const world = await startWorld();
  onTestFinished(() => world.close());
  return world;
}

function makeTerminal(onTestFinished: OnTestFinished, world: TestWorld, script: string): PseudoTerminal {
  const terminal = new PseudoTerminal(script, { env: world.env, cwd: world.folder });
  onTestFinished(() => terminal.close());
  return terminal;
}

function readIn(world: TestWorld, name: string): string {
  return readFileSync(join(world.folder, name), "utf8");
}

describe.concurrent("the prompt", () => {
  it("goes to the terminal while all three streams go elsewhere, and the files get the result alone", async ({
    onTestFinished,
  }) => {
    const world = await makeWorld(onTestFinished);
    const terminal = makeTerminal(onTestFinished, world, "assume-mfa dev whoami </dev/null >out 2>err");
    await terminal.waitFor(/MFA code for dev \(account 222222222222\), device arn:aws:iam::111122223333:mfa\/alice: /);
    terminal.type(`${world.freshCode()}\r`);
    expect(await terminal.status()).toBe(0);
    expect(readIn(world, "out")).toContain("arn:aws:sts::222222222222:assumed-role/PrivilegedActionsRole/alice");
    expect(readIn(world, "out") + readIn(world, "err")).not.toContain("MFA code");
    expect(readIn(world, "err")).toMatch(/^SANDBOX http:\S+ \(not AWS\)\n$/);
  });

  it("serves an eval: the code is asked for, the variables are set", async ({ onTestFinished }) => {
    const world = await makeWorld(onTestFinished);
    const terminal = makeTerminal(
      onTestFinished,
      world,
      'set -e; eval "$(assume-mfa dev export)"; echo "<$AWS_ACCESS_KEY_ID>"; assume-mfa dev whoami -o json',
    );
    await terminal.waitFor(/MFA code/);
    terminal.type(`${world.freshCode()}\r`);
    await terminal.waitFor(/<ASIA[A-Z0-9]{16}>/);
    expect(await terminal.status()).toBe(0);
    expect(world.countCalls("AssumeRole")).toBe(1);
  });

  it("asks again after a malformed and two wrong codes, saying why, and takes the right one", async ({
    onTestFinished,
  }) => {
    const world = await makeWorld(onTestFinished);
    const terminal = makeTerminal(onTestFinished, world, "assume-mfa dev login");
    await terminal.waitFor(/MFA code for dev/);
    terminal.type("12345\r");
    await terminal.waitFor(/not a code of six digits\r\nMFA code: /);
    const wrong = Number(world.wrongCode());
    for (const each of [wrong, wrong + 1]) {
      terminal.type(`${String(each % 1_000_000).padStart(6, "0")}\r`);
      await terminal.waitFor(/did not accept that code.*\r\nMFA code: /);
    }
    terminal.type(`${world.freshCode()}\r`);
    await terminal.waitFor(/222222222222/);
    expect(await terminal.status()).toBe(0);
    expect(world.countCalls("AssumeRole")).toBe(3);
  });

  it("gives up after the fourth wrong code, with exit code 4", async ({ onTestFinished }) => {
    const world = await makeWorld(onTestFinished);
    const terminal = makeTerminal(onTestFinished, world, "assume-mfa dev login");
    await terminal.waitFor(/MFA code for dev/);
    const wrong = Number(world.wrongCode());
    for (let nth = 0; nth < 4; nth += 1) {
      if (nth > 0) await terminal.waitFor(/did not accept that code.*\r\nMFA code: /);
      terminal.type(`${String((wrong + nth) % 1_000_000).padStart(6, "0")}\r`);
    }
    await terminal.waitFor(/error:\S* the token code was not accepted/);
    expect(await terminal.status()).toBe(4);
    expect(world.countCalls("AssumeRole")).toBe(4);
    // Who alice is and what was sent, and no session.
    expect([...world.cached().keys()].map((name) => name.split("/")[1]).sort()).toEqual(["callers", "spent-codes"]);
  });

  it("is not waited for by a program whose window was closed", SLOW, async ({ onTestFinished }) => {
    const world = await makeWorld(onTestFinished);
    const terminal = makeTerminal(onTestFinished, world, "sh -c 'echo \"pid $$\"; exec assume-mfa dev login'");
    const pid = Number((await terminal.waitFor(/pid (\d+)\r/))[1]);
    await terminal.waitFor(/MFA code/);
    terminal.hangUp();
    await until("the program ended", () => !isRunning(pid), HANG_UP_MS);
  });
});

/** The cursor is hidden when the list is whole. */
const LIST_SHOWN = new RegExp(`[Ww]hich instance[\\s\\S]*worker-1[\\s\\S]*${HIDE_CURSOR.replace(/[[?]/g, "\\$&")}`);

/** The ways in which a question ends other than by its answer, in the order in which they are tried. */
const ENDINGS = [
  { by: "Ctrl-C", key: KEYS.interrupt, status: 130 },
  { by: "Ctrl-D", key: KEYS.endOfInput, status: undefined },
  { by: "Ctrl-\\", key: KEYS.quit, status: 131 },
  { by: "SIGTERM", signal: "SIGTERM", status: 143 },
  { by: "SIGHUP", signal: "SIGHUP", status: 129 },
  { by: "SIGINT", signal: "SIGINT", status: 130 },
  { by: "SIGKILL", signal: "SIGKILL", status: 137 },
] as const;

interface Question {
  readonly name: string;
  readonly args: (world: TestWorld) => readonly string[];
  readonly shows: RegExp;
  readonly config?: string;
  readonly statusAtEndOfInput: number;
  /** Raw mode: what a killed process can't give back. */
  readonly isRaw?: boolean;
  /** An answer after Ctrl-Z and fg, and the status that it ends with. */
  readonly answer: (world: TestWorld) => string;
  readonly answeredStatus: number;
}

const QUESTIONS: readonly Question[] = [
  {
    name: "the code",
    args: () => ["login", "--refresh"],
    shows: /MFA code for dev .*: $/,
    statusAtEndOfInput: 2,
    answer: (world) => `${world.freshCode()}\r`,
    answeredStatus: 0,
  },
  {
    name: "the y/N confirmation",
    args: (world) => ["terminate", world.runningInstances()[0] ?? ""],
    shows: /Terminate 1 instance in dev .*\? \[y\/N\] $/,
    statusAtEndOfInput: 6,
    answer: () => "no\r",
    answeredStatus: 6,
  },
  {
    name: "the typed name",
    args: (world) => ["terminate", world.runningInstances()[0] ?? ""],
    shows: /type the target's name \(dev\): $/,
    config: "assume_mfa_confirm = always",
    statusAtEndOfInput: 6,
    answer: () => "staging\r",
    answeredStatus: 6,
  },
  {
    name: "the pick list",
    args: () => ["terminate", "--dry-run"],
    shows: LIST_SHOWN,
    statusAtEndOfInput: 6,
    isRaw: true,
    answer: () => "\x1b[B\r",
    answeredStatus: 0,
  },
];

describe.concurrent("the terminal is as it was", () => {
  it.concurrent.for(QUESTIONS)(
    "after every end of $name, and so is the cache",
    { timeout: 40_000 },
    async (question, { onTestFinished }) => {
      const world = await makeWorld(onTestFinished);
      if (question.config !== undefined) world.configure("dev", question.config);
      await world.login("dev");
      const cachedBefore = world.cached();
      const args = question.args(world).join(" ");
      const terminal = makeTerminal(
        onTestFinished,
        world,
        `set -m
         for ending in ${ENDINGS.map((_, index) => index).join(" ")}; do
           echo "<before $(stty -g)>"
           sh -c 'echo "<pid $$>"; exec assume-mfa dev ${args}'
           echo "<after $? $(stty -g)>"
           [ $ending = ${ENDINGS.length - 1} ] && stty sane
         done 2>&1
         echo "<before $(stty -g)>"
         sh -c 'exec assume-mfa dev ${args}'
         echo "<stopped $? $(stty -g)>"
         fg
         echo "<after $? $(stty -g)>"`,
      );
      const mode = async (label: string) => (await terminal.waitFor(new RegExp(`<${label} ([\\d ]*[0-9a-f:]+)>`)))[1];

      for (const { by, status, ...how } of ENDINGS) {
        const before = await mode("before");
        const pid = Number((await terminal.waitFor(/<pid (\d+)>/))[1]);
        await terminal.waitFor(question.shows);
        if ("key" in how) terminal.type(how.key);
        else process.kill(pid, how.signal);
        const [statusAfter, modeAfter] = ((await mode("after")) ?? "").split(" ");
        expect({ by, status: Number(statusAfter) }).toEqual({ by, status: status ?? question.statusAtEndOfInput });
        if (by !== "SIGKILL" || question.isRaw !== true) expect({ by, mode: modeAfter }).toEqual({ by, mode: before });
        expect(isRunning(pid)).toBe(false);
        expect(world.cached()).toEqual(cachedBefore);
      }
      if (question.isRaw) expect(terminal.output.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(0);

      const before = await mode("before");
      await terminal.waitFor(question.shows);
      terminal.type(KEYS.suspend);
      expect(await mode("stopped")).toBe(`148 ${before}`);
      await terminal.waitFor(question.shows);
      terminal.type(question.answer(world));
      expect(await mode("after")).toBe(`${question.answeredStatus} ${before}`);
      expect(await terminal.status()).toBe(0);
      expect(world.countCalls("TerminateInstances")).toBe(question.isRaw ? 1 : 0); // the dry run
      if (question.answeredStatus !== 0) expect(world.cached()).toEqual(cachedBefore);
    },
  );
});
