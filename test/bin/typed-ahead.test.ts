import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseFault } from "../../src/sandbox/fault.ts";
import { PseudoTerminal } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// What was typed before a confirmation was painted is no answer to it: it was meant for something else (ACCEPTANCE.md
// P1, D3). A code is no confirmation: typing it ahead is what quick hands do.

/** Of the test's context: vitest's own can't tell tests apart that run at once. */
type OnTestFinished = (tidy: () => void | Promise<void>) => void;

async function makeWorld(onTestFinished: OnTestFinished): Promise<TestWorld> {
  const world = await startWorld();
  onTestFinished(() => world.close());
  return world;
}

/** Waits for a file before it runs the command, and tells the terminal's mode before and after it. */
function makeTerminal(onTestFinished: OnTestFinished, world: TestWorld, command: string): PseudoTerminal {
  const script = `echo "<before $(stty -g)>"
    until [ -e go ]; do sleep 0.02; done
    ${command}
    echo "<after $? $(stty -g)>"`;
  const terminal = new PseudoTerminal(script, { env: world.env, cwd: world.folder });
  onTestFinished(() => terminal.close());
  return terminal;
}

const go = (world: TestWorld) => writeFileSync(join(world.folder, "go"), "");

const MODES = {
  prompt: { answer: "y", question: /Terminate 1 instance in dev .*\? \[y\/N\] $/ },
  always: { answer: "dev", question: /type the target's name \(dev\): $/ },
} as const;

const TYPED = (["prompt", "always"] as const).flatMap((mode) =>
  (["a line", "half a line", "many lines", "a line and the end of input"] as const).map((what) => ({ mode, what })),
);

function keysOf(what: (typeof TYPED)[number]["what"], answer: string): string {
  switch (what) {
    case "a line":
      return `${answer}\r`;
    case "half a line":
      return answer;
    case "many lines":
      return `${answer}\r`.repeat(40);
    case "a line and the end of input":
      return `${answer}\r\x04`;
  }
}

describe.concurrent("before the confirmation", () => {
  it.concurrent.for(TYPED)("$what of the right answer is none ($mode)", async ({ mode, what }, { onTestFinished }) => {
    const world = await makeWorld(onTestFinished);
    const { answer, question } = MODES[mode];
    world.configure("dev", `assume_mfa_confirm = ${mode}`);
    await world.login("dev");
    const [id = ""] = world.runningInstances();
    world.sandbox.addFault(parseFault("slow=400ms:DescribeInstances:1"));
    const terminal = makeTerminal(onTestFinished, world, `assume-mfa dev terminate ${id}`);
    const before = (await terminal.waitFor(/<before (\S+)>/))[1];
    // Half an answer only once: two are no answer, whatever becomes of them.
    if (what !== "half a line") terminal.type(keysOf(what, answer));
    go(world);
    // While it looks at what is to be confirmed.
    await terminal.waitFor(/SANDBOX/);
    terminal.type(keysOf(what, answer));
    await terminal.waitFor(question);
    // Half of an answer that was kept would be a whole one now.
    terminal.type("\r");
    expect((await terminal.waitFor(/<after (.*)>/))[1]).toBe(`6 ${before}`);
    expect(world.countCalls("TerminateInstances")).toBe(0);
    expect(world.runningInstances()).toContain(id);
  });

  it.concurrent.for(["prompt", "always"] as const)(
    "a wrong word is none either: the right answer, once it is asked for, is taken (%s)",
    async (mode, { onTestFinished }) => {
      const world = await makeWorld(onTestFinished);
      const { answer, question } = MODES[mode];
      world.configure("dev", `assume_mfa_confirm = ${mode}`);
      await world.login("dev");
      const [id = ""] = world.runningInstances();
      const terminal = makeTerminal(onTestFinished, world, `assume-mfa dev terminate ${id} --no-wait`);
      const before = (await terminal.waitFor(/<before (\S+)>/))[1];
      terminal.type("no");
      go(world);
      await terminal.waitFor(question);
      terminal.type(`${answer}\r`);
      expect((await terminal.waitFor(/<after (.*)>/))[1]).toBe(`0 ${before}`);
      expect(world.runningInstances()).not.toContain(id);
    },
  );

  it("the lines after a code are none: a code and a yes, pasted at once, terminate nothing", async ({
    onTestFinished,
  }) => {
    const world = await makeWorld(onTestFinished);
    const [id = ""] = world.runningInstances();
    const terminal = makeTerminal(onTestFinished, world, `assume-mfa dev terminate ${id}`);
    go(world);
    await terminal.waitFor(/MFA code for dev .*: $/);
    terminal.type(`${world.freshCode()}\ry\ry`);
    await terminal.waitFor(MODES.prompt.question);
    terminal.type("\r");
    expect((await terminal.waitFor(/<after (\d+) /))[1]).toBe("6");
    expect(world.runningInstances()).toContain(id);
  });

  it("where only standard input and error are terminals, what was typed is none", async ({ onTestFinished }) => {
    const world = await makeWorld(onTestFinished);
    await world.login("dev");
    const [id = ""] = world.runningInstances();
    // A session of its own has no controlling terminal, so that /dev/tty can't be opened.
    const terminal = makeTerminal(onTestFinished, world, `setsid -w assume-mfa dev terminate ${id}`);
    const before = (await terminal.waitFor(/<before (\S+)>/))[1];
    terminal.type("y");
    go(world);
    await terminal.waitFor(MODES.prompt.question);
    terminal.type("\r");
    expect((await terminal.waitFor(/<after (.*)>/))[1]).toBe(`6 ${before}`);
    expect(world.runningInstances()).toContain(id);
  });
});

describe.concurrent("before the prompt for the code", () => {
  it.for(["\r", ""])("a code that is typed is taken (ended with %j)", async (end, { onTestFinished }) => {
    const world = await makeWorld(onTestFinished);
    const terminal = makeTerminal(onTestFinished, world, "assume-mfa dev login");
    await terminal.waitFor(/<before/);
    terminal.type(`${world.freshCode()}${end}`);
    go(world);
    await terminal.waitFor(/MFA code for dev/);
    if (end === "") terminal.type("\r");
    expect((await terminal.waitFor(/<after (\d+) /))[1]).toBe("0");
    expect(world.countCalls("AssumeRole")).toBe(1);
  });
});
