import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isRunning, until } from "../support/processes.ts";
import { findProgram, runProgram, titled } from "./built-program.ts";
import { HANG_UP_MS, KEYS, PseudoTerminal, SLOW } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// What a person meets where the program has no terminal, and a real pinentry has one: GPG_TTY names it, and the program
// runs in a session of its own, as an agent, an editor or a desktop starts it.

/** Of the test's context: vitest's own can't tell tests apart that run at once. */
type OnTestFinished = (tidy: () => void | Promise<void>) => void;

interface Flavour {
  readonly name: string;
  /** Keys that end the dialog without an answer. */
  readonly cancel: string;
  /** All of the dialog was shown, the question ahead. */
  readonly ready: string;
}

const FLAVOURS: readonly (Flavour & { readonly program: string | undefined })[] = [
  { name: "pinentry-tty", cancel: KEYS.endOfInput, ready: "" },
  { name: "pinentry-curses", cancel: "\t\t\r", ready: "[\\s\\S]*<Cancel>[\\s\\S]*\x1b\\[m$" },
].map((flavour) => ({ ...flavour, program: findProgram(flavour.name) }));

interface Desk {
  readonly world: TestWorld;
  readonly env: Readonly<Record<string, string>>;
  /** The pinentries that were started, by process id. */
  pinentries(): readonly number[];
  /** What the program wrote to a stream. */
  read(stream: "out" | "err"): string;
  /** The program runs, without a terminal: the terminal is only the pinentry's. */
  start(args: string, env?: string): PseudoTerminal;
}

async function makeDesk(onTestFinished: OnTestFinished, program: string): Promise<Desk> {
  const world = await startWorld();
  onTestFinished(() => world.close());
  const folder = join(world.folder, "path");
  const pids = join(world.folder, "pinentries");
  mkdirSync(folder);
  writeFileSync(join(folder, "pinentry"), `#!/bin/sh\necho $$ >> '${pids}'\nexec '${program}'\n`);
  chmodSync(join(folder, "pinentry"), 0o755);
  const env = { ...world.env, PATH: `${folder}:${world.env.PATH}` };
  const read = (name: string) => readFileSync(join(world.folder, name), "utf8");
  return {
    world,
    env,
    pinentries: () => (existsSync(pids) ? read("pinentries").trim().split("\n").map(Number) : []),
    read,
    start(args, more = "") {
      const terminal = new PseudoTerminal(
        `export GPG_TTY=$(tty)
         echo "<before $(stty -g)>"
         until [ -e go ]; do sleep 0.02; done
         ${more} setsid -w sh -c 'echo $$ > pid; exec assume-mfa ${args}' </dev/null >out 2>err
         echo "<after $? $(stty -g)>"`,
        { env, cwd: world.folder },
      );
      onTestFinished(() => terminal.close());
      return terminal;
    },
  };
}

const go = ({ world }: Desk) => writeFileSync(join(world.folder, "go"), "");

/** @returns the exit code; the terminal's mode is as it was, and no pinentry is left */
async function ended(desk: Desk, terminal: PseudoTerminal, before: string | undefined): Promise<number> {
  const [, status, after] = await terminal.waitFor(/<after (\d+) (\S+)>/);
  expect(after).toBe(before);
  await until("no pinentry is left", () => !desk.pinentries().some(isRunning), 500);
  return Number(status);
}

const modeOf = async (terminal: PseudoTerminal) => (await terminal.waitFor(/<before (\S+)>/))[1];

describe.concurrent.each(FLAVOURS)("a real $name", ({ name, program, cancel, ready }) => {
  const shown = (text: string) => new RegExp(`${text}${ready}`);
  const test = (title: string, body: (desk: Desk, onTestFinished: OnTestFinished) => Promise<void>, timeout = 20_000) =>
    it
      .skipIf(program === undefined)
      .concurrent(
        titled(title, [name, program]),
        async ({ onTestFinished }) => body(await makeDesk(onTestFinished, program ?? ""), onTestFinished),
        timeout,
      );

  test("asks for the code, naming target, account and device; the streams get the result alone", async (desk) => {
    const { world } = desk;
    const terminal = desk.start("dev whoami");
    const mode = await modeOf(terminal);
    go(desk);
    await terminal.waitFor(
      shown("MFA code for dev \\(account 222222222222\\), device[\\s\\S]*mfa/alice[\\s\\S]*MFA code:"),
    );
    const code = world.freshCode();
    terminal.type(`${code}\r`);
    expect(await ended(desk, terminal, mode)).toBe(0);
    expect(desk.read("out")).toContain("arn:aws:sts::222222222222:assumed-role/PrivilegedActionsRole/alice");
    expect(desk.read("err")).toMatch(/^SANDBOX http:\S+ \(not AWS\)\n$/);
    expect(terminal.output).not.toContain(code); // as dialogs do
    expect(desk.pinentries()).toHaveLength(1);
    expect(world.countCalls("AssumeRole")).toBe(1);
  });

  test("asks again after a malformed and a wrong code, saying why and for what, and takes the right one", async (desk) => {
    const { world } = desk;
    const terminal = desk.start("dev login");
    const mode = await modeOf(terminal);
    go(desk);
    await terminal.waitFor(shown("MFA code for dev"));
    terminal.type("12345\r");
    const again = (reason: string) =>
      name === "pinentry-tty"
        ? shown(`${reason}[\\s\\S]*MFA code for dev[\\s\\S]*MFA code: `)
        : shown(`${reason}[\\s\\S]*MFA code:`);
    await terminal.waitFor(again("not a code of six digits"));
    terminal.type(`${world.wrongCode()}\r`);
    await terminal.waitFor(again("did not accept that code"));
    terminal.type(`${world.freshCode()}\r`);
    expect(await ended(desk, terminal, mode)).toBe(0);
    expect(desk.pinentries()).toHaveLength(3);
    expect(world.countCalls("AssumeRole")).toBe(2);
  });

  test("cancelled at the code: exit 2, and nothing was sent", async (desk) => {
    const terminal = desk.start("dev whoami");
    const mode = await modeOf(terminal);
    go(desk);
    await terminal.waitFor(shown("MFA code for dev"));
    terminal.type(cancel);
    expect(await ended(desk, terminal, mode)).toBe(2);
    expect(desk.read("out")).toBe("");
    expect(desk.read("err")).toContain("error: no token code was given\n");
    expect(desk.world.countCalls("AssumeRole")).toBe(0);
  });

  test("is the person that assume_mfa_confirm = person wants: the name, and no option stands for it", async (desk) => {
    const { world } = desk;
    world.configure("dev", "assume_mfa_confirm = person");
    await world.login("dev");
    const [id = ""] = world.runningInstances();
    const terminal = desk.start(`dev terminate ${id} --no-wait --yes --expect-account 222222222222`);
    const mode = await modeOf(terminal);
    go(desk);
    // What is about to be lost stands above the question.
    await terminal.waitFor(shown(`${id}[\\s\\S]*To terminate 1 instance in dev[\\s\\S]*Target:`));
    terminal.type("dev\r");
    expect(await ended(desk, terminal, mode)).toBe(0);
    expect(world.runningInstances()).not.toContain(id);
  });

  it.skipIf(program === undefined).concurrent.for([
    { mode: "person", what: "another name", keys: "staging\r" },
    { mode: "person", what: "Enter", keys: "\r" },
    { mode: "person", what: "cancelled", keys: cancel },
    { mode: "prompt", what: "another word", keys: "ja\r" },
    { mode: "prompt", what: "Enter", keys: "\r" },
    { mode: "prompt", what: "cancelled", keys: cancel },
  ])("is no consent: $what ($mode)", async ({ mode: confirm, keys }, { onTestFinished }) => {
    const desk = await makeDesk(onTestFinished, program ?? "");
    const { world } = desk;
    world.configure("dev", `assume_mfa_confirm = ${confirm}`);
    await world.login("dev");
    const [id = ""] = world.runningInstances();
    const terminal = desk.start(`dev terminate ${id}`);
    const mode = await modeOf(terminal);
    go(desk);
    await terminal.waitFor(shown(confirm === "person" ? "Target:" : "y/N:"));
    terminal.type(keys);
    expect(await ended(desk, terminal, mode)).toBe(6);
    expect(desk.read("err")).toContain("error: declined; nothing was done\n");
    expect(world.countCalls("TerminateInstances")).toBe(0);
  });

  test("takes a y for yes", async (desk) => {
    const { world } = desk;
    await world.login("dev");
    const [id = ""] = world.runningInstances();
    const terminal = desk.start(`dev terminate ${id} --no-wait`);
    const mode = await modeOf(terminal);
    go(desk);
    await terminal.waitFor(shown(`${id}[\\s\\S]*Terminate 1 instance in dev[\\s\\S]*y/N:`));
    terminal.type("y\r");
    expect(await ended(desk, terminal, mode)).toBe(0);
    expect(world.runningInstances()).not.toContain(id);
    expect(desk.pinentries()).toHaveLength(1);
  });

  test("takes nothing for yes that was typed before the question", async (desk) => {
    const { world } = desk;
    await world.login("dev");
    const [id = ""] = world.runningInstances();
    const terminal = desk.start(`dev terminate ${id} --no-wait`);
    const mode = await modeOf(terminal);
    terminal.type("y\ry");
    go(desk);
    await terminal.waitFor(shown("y/N:"));
    terminal.type("\r");
    expect(await ended(desk, terminal, mode)).toBe(6);
    expect(world.runningInstances()).toContain(id);
  });

  it.skipIf(program === undefined).concurrent.for([
    { signal: "SIGTERM", status: 143 },
    { signal: "SIGINT", status: 130 },
    { signal: "SIGHUP", status: 129 },
    { signal: "SIGQUIT", status: 131 },
  ] as const)(
    "$signal to the program ends both; terminal and cache are as they were",
    async (how, { onTestFinished }) => {
      const desk = await makeDesk(onTestFinished, program ?? "");
      const { world } = desk;
      await world.login("dev");
      const cachedBefore = world.cached();
      const terminal = desk.start("dev login --refresh");
      const mode = await modeOf(terminal);
      go(desk);
      await terminal.waitFor(shown("MFA code:"));
      process.kill(Number(readFileSync(join(world.folder, "pid"), "utf8")), how.signal);
      expect(await ended(desk, terminal, mode)).toBe(how.status);
      expect(desk.pinentries()).toHaveLength(1);
      expect(world.cached()).toEqual(cachedBefore);
    },
  );

  test(
    "is not waited for when its window was closed",
    async (desk) => {
      const terminal = desk.start("dev login");
      await modeOf(terminal);
      go(desk);
      await terminal.waitFor(shown("MFA code:"));
      const pid = Number(readFileSync(join(desk.world.folder, "pid"), "utf8"));
      terminal.hangUp();
      await until("the program ended", () => !isRunning(pid), HANG_UP_MS);
      expect(desk.read("err")).toMatch(/error: (?:no token code was given|nobody could be asked: pinentry .*)\n/);
      expect(desk.pinentries().filter(isRunning)).toEqual([]);
    },
    SLOW.timeout,
  );

  test("is ended when the keys prove dead while it asks", async (desk) => {
    const { world } = desk;
    const file = world.env.AWS_SHARED_CREDENTIALS_FILE ?? "";
    writeFileSync(file, readFileSync(file, "utf8").replace(/^(aws_access_key_id *= *).*$/gm, "$1AKIAIOSFODNN7EXAMPLE"));
    const terminal = desk.start("dev login");
    const mode = await modeOf(terminal);
    go(desk);
    expect(await ended(desk, terminal, mode)).toBe(4);
    expect(desk.pinentries()).toHaveLength(1);
  });

  test("that is killed gives the terminal back all the same: exit 2, one error", async (desk) => {
    const terminal = desk.start("dev login");
    const mode = await modeOf(terminal);
    go(desk);
    await terminal.waitFor(shown("MFA code:"));
    process.kill(desk.pinentries()[0] ?? 0, "SIGKILL");
    expect(await ended(desk, terminal, mode)).toBe(2);
    expect(desk.read("err")).toContain("error: nobody could be asked: pinentry ended without an answer\n");
  });
});

/** The tests of a whole run share two cores. */
const PATIENCE = 5;

describe.concurrent("a pinentry is not started", () => {
  const RECORDING = "true"; // that it was started is written down, and it is no pinentry

  it.for([
    { what: "by --no-input", args: ["dev", "login", "--no-input"], env: { DISPLAY: ":0" }, status: 2 },
    { what: "in CI", args: ["dev", "login"], env: { DISPLAY: ":0", CI: "true" }, status: 2 },
    { what: "where it can't show itself", args: ["dev", "login"], env: {}, status: 2 },
    { what: "to pick an instance", args: ["dev", "terminate"], env: { DISPLAY: ":0" }, status: 2 },
    { what: "to pick an action", args: ["dev"], env: { DISPLAY: ":0" }, status: 2 },
    { what: "to pick what is forgotten", args: ["logout"], env: { DISPLAY: ":0" }, status: 2 },
    {
      what: "where the options say it all",
      args: ["dev", "login", "--token-code", "000000"],
      env: { DISPLAY: ":0" },
      status: 4,
    },
  ])("$what: exit $status within the second", async ({ args, env, status }, { onTestFinished }) => {
    const desk = await makeDesk(onTestFinished, RECORDING);
    const outcome = await runProgram(args, { env: { ...desk.env, ...env }, cwd: desk.world.folder });
    expect(outcome).toMatchObject({ status, stdout: "" });
    expect(outcome.stderr.match(/error: /g)).toHaveLength(1);
    expect(desk.pinentries()).toEqual([]);
    if (status === 2) expect(outcome.elapsedMs).toBeLessThan(1_000 * PATIENCE);
    expect(desk.world.countCalls("AssumeRole")).toBe(status === 4 ? 1 : 0);
  });

  it("and the one that is no pinentry is one error", async ({ onTestFinished }) => {
    const desk = await makeDesk(onTestFinished, RECORDING);
    const outcome = await runProgram(["dev", "login"], { env: { ...desk.env, DISPLAY: ":0" }, cwd: desk.world.folder });
    expect(outcome).toMatchObject({ status: 2, stdout: "" });
    expect(outcome.stderr).toMatch(/error: nobody could be asked: pinentry /);
    expect(desk.pinentries()).toHaveLength(1);
    expect(desk.pinentries().filter(isRunning)).toEqual([]);
  });
});
