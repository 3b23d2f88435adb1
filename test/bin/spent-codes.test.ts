import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runProgram } from "./built-program.ts";
import { KEYS, PseudoTerminal } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// A code works once, whichever process sent it (ACCEPTANCE.md M3, C4): as built, between processes, and with a countdown
// on a real terminal.

/** Of the test's context: vitest's own can't tell tests apart that run at once. */
type OnTestFinished = (tidy: () => void | Promise<void>) => void;

const STEP_MS = 30_000;
const PAINTED_OVER = "\r\x1b[2K";
/** @param text what is painted after the line was cleared, with `N` for seconds; the cleared line is `<` */
const painted = (text: string) =>
  new RegExp(text.replaceAll("<", PAINTED_OVER.replace("[", "\\[")).replaceAll("N s", "(\\d+) s"));

async function makeWorld(onTestFinished: OnTestFinished): Promise<TestWorld> {
  const world = await startWorld();
  onTestFinished(() => world.close());
  return world;
}

/** Moves the world on, to this far into a step: the next one, where this one is further. */
function toStep({ sandbox }: TestWorld, milliseconds: number): void {
  sandbox.moveClock((STEP_MS + milliseconds - (sandbox.now() % STEP_MS)) % STEP_MS);
}

/** A code that was sent, a few seconds before the device shows the next. */
async function spend(world: TestWorld): Promise<string> {
  toStep(world, 1_000);
  const code = world.sandbox.currentCode();
  expect((await world.run(["dev", "login", "-t", code])).status).toBe(0);
  toStep(world, 23_000);
  return code;
}

function makeTerminal(onTestFinished: OnTestFinished, world: TestWorld, script: string): PseudoTerminal {
  const terminal = new PseudoTerminal(script, { env: world.env, cwd: world.folder, columns: 60 });
  onTestFinished(() => terminal.close());
  return terminal;
}

describe.concurrent("a code that another process sent", () => {
  it("is exit 7 with the seconds, in text and in JSON, without a call; the next one works", async ({
    onTestFinished,
  }) => {
    const world = await makeWorld(onTestFinished);
    const code = await spend(world);
    const calls = world.sandbox.calls.length;
    const text = await world.run(["staging", "login", "--token-code", code]);
    expect([text.status, text.stdout]).toEqual([7, ""]);
    expect(text.stderr).toMatch(
      /^assume-mfa: error: the token code from --token-code was already sent, \d+ s ago, and works once: the device shows the next in (?:[1-9]|[12]\d|30) s\nassume-mfa: hint: nothing was sent: .*\n$/m,
    );
    const json = await world.run(["staging", "login", "-o", "json"], { ASSUME_MFA_TOKEN_CODE: code });
    expect(json.status).toBe(7);
    const [{ error }] = JSON.parse(json.stdout);
    expect(error).toMatchObject({ code: "TOKEN_CODE_USED", hint: expect.stringContaining("nothing was sent") });
    expect(error.seconds).toBeGreaterThanOrEqual(1);
    expect(error.seconds).toBeLessThanOrEqual(30);
    expect(world.sandbox.calls.length).toBe(calls);
    expect(`${text.stderr}${json.stdout}${json.stderr}`).not.toContain(code);
    world.sandbox.moveClock(STEP_MS);
    expect((await world.run(["staging", "login", "-t", world.sandbox.currentCode()])).status).toBe(0);
  });

  it("and that was wrong is dead for all that hold it: one call, one exit 4, and 7 for the others", async ({
    onTestFinished,
  }) => {
    const world = await makeWorld(onTestFinished);
    const wrong = world.wrongCode();
    const runs = await Promise.all(
      ["dev", "staging", "prod", "dev", "staging", "prod"].map((target) =>
        runProgram([target, "login", "-t", wrong], { env: world.env, timeoutMs: 30_000 }),
      ),
    );
    expect(runs.map(({ status }) => status).sort()).toEqual([4, 7, 7, 7, 7, 7]);
    expect(world.countCalls("AssumeRole")).toBe(1);
  });

  it("and was lost on the way to another's answer is refused all the same", async ({ onTestFinished }) => {
    const world = await makeWorld(onTestFinished);
    const code = world.freshCode();
    // Who is killed in the call leaves its code behind.
    const killed = await runProgram(["dev", "login", "-t", code], {
      env: world.env,
      onStart: (child) => {
        const timer = setInterval(() => {
          if (world.countCalls("AssumeRole") > 0) child.kill("SIGKILL");
        }, 1);
        child.on("exit", () => clearInterval(timer));
      },
    });
    expect([137, 0]).toContain(killed.status);
    const again = await world.run(["staging", "login", "-t", code]);
    expect(again.status).toBe(7);
    expect(world.countCalls("AssumeRole")).toBe(1);
  });
});

describe.concurrent("the countdown", () => {
  it("is on the terminal alone, on one line, and ends with the question for the next code", async ({
    onTestFinished,
  }) => {
    const world = await makeWorld(onTestFinished);
    const code = await spend(world);
    const script = `assume-mfa staging whoami -o json -t ${code} </dev/null >out 2>err`;
    const terminal = makeTerminal(onTestFinished, world, script);
    await terminal.waitFor(/the token code from --token-code was already sent, \d+ s ago, and works once\r\n/);
    const first = await terminal.waitFor(painted("<the device shows the next code in N s"));
    const next = await terminal.waitFor(painted("<the device shows the next code in N s"));
    expect(Number(next[1])).toBe(Number(first[1]) - 1);
    await terminal.waitFor(painted("in 1 s<MFA code for staging "));
    terminal.type(`${world.sandbox.currentCode()}\r`);
    expect(await terminal.status()).toBe(0);
    expect(JSON.parse(readFileSync(join(world.folder, "out"), "utf8"))).toMatchObject([{ target: "staging" }]);
    expect(readFileSync(join(world.folder, "err"), "utf8")).toMatch(/^SANDBOX http:\S+ \(not AWS\)\n$/);
    expect(world.countCalls("AssumeRole")).toBe(2);
  });

  it("is for the used code that a person types, too", async ({ onTestFinished }) => {
    const world = await makeWorld(onTestFinished);
    const code = await spend(world);
    const terminal = makeTerminal(onTestFinished, world, "assume-mfa staging login");
    await terminal.waitFor(/MFA code for staging .*: /);
    terminal.type(`${code}\r`);
    await terminal.waitFor(painted("that code was already sent, N s ago, and works once\r\n<the device shows "));
    await terminal.waitFor(painted("in 1 s<MFA code: "));
    terminal.type(`${world.sandbox.currentCode()}\r`);
    expect(await terminal.status()).toBe(0);
    expect(world.countCalls("AssumeRole")).toBe(2);
  });

  it.for([
    [KEYS.interrupt, 130],
    [KEYS.quit, 131],
  ] as const)(
    "ends at %j with %i, nothing sent, and the terminal is as it was",
    async ([key, status], { onTestFinished }) => {
      const world = await makeWorld(onTestFinished);
      const code = await spend(world);
      const terminal = makeTerminal(
        onTestFinished,
        world,
        `trap : INT QUIT; before=$(stty -g); assume-mfa staging login -o json -t ${code} >out; status=$?\n` +
          '[ "$before" = "$(stty -g)" ] && echo same; exit $status',
      );
      await terminal.waitFor(/next code in \d s/);
      terminal.type(key);
      await terminal.waitFor(/\r\nsame/);
      expect(await terminal.status()).toBe(status);
      expect(readFileSync(join(world.folder, "out"), "utf8")).toBe("");
      expect(world.countCalls("AssumeRole")).toBe(1);
    },
  );

  it("is not shown where a terminal can't paint over a line: nobody is kept waiting", async ({ onTestFinished }) => {
    const world = await makeWorld(onTestFinished);
    const code = await spend(world);
    const terminal = makeTerminal(onTestFinished, world, `TERM=dumb assume-mfa staging login -t ${code}`);
    await terminal.waitFor(/works once: the device shows the next in \d s\r\nMFA code for staging/);
    expect(terminal.output).not.toContain("\u001b[2K");
    terminal.type(KEYS.endOfInput);
    expect(await terminal.status()).toBe(2);
  });
});
