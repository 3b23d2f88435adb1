import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PseudoTerminal } from "../bin/pseudo-terminal.ts";

// Real programs, run by a process of its own: in a session without a terminal, where they get a group of their own, and
// on a real pseudo-terminal, where they stay in the group that has it.

const folder = mkdtempSync(path.join(tmpdir(), "assume-mfa-capture-"));
const worker = path.join(folder, "worker.mjs");
const env = { PATH: process.env.PATH ?? "", LC_ALL: "C.UTF-8" };
let files = 0;

beforeAll(async () => {
  // Node 20 runs no TypeScript: the worker is bundled first.
  const { rolldown } = await import("rolldown");
  const bundle = await rolldown({
    input: path.resolve("test/host/capture-worker.ts"),
    platform: "node",
    logLevel: "silent",
  });
  await bundle.write({ dir: folder, entryFileNames: "worker.mjs", format: "esm" });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A run of the worker. */
interface Running {
  readonly terminal: PseudoTerminal | undefined;
  /** What the command wrote down with `note`, a line each. */
  notes(): readonly string[];
  /** Waits until the command wrote down that many lines. */
  noted(count: number): Promise<readonly string[]>;
  /** The worker's process id. */
  pid(): Promise<number>;
  /** How it ended, once it has: the status, and the outcome as the worker told it. */
  ended(): Promise<{ readonly status: number; readonly outcome: unknown }>;
}

/** @param script for `sh`; in it `note word` writes a line where the test reads it */
function start(isTerminal: boolean, script: string, timeMs = 20_000, stdin?: string): Running {
  files += 1;
  const outcomeFile = path.join(folder, `outcome.${files}`);
  const notesFile = path.join(folder, `notes.${files}`);
  const command = ["sh", "-c", `notes=${notesFile}\nnote() { echo "$1" >> $notes; }\n${script}`];
  const args = [worker, outcomeFile, `${timeMs}`, ...command];
  let child: ChildProcess | undefined;
  let terminal: PseudoTerminal | undefined;
  let exited: Promise<number>;
  if (isTerminal) {
    const words = args.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    // The shell itself lives through Ctrl-C, to tell the status.
    terminal = new PseudoTerminal(`trap : INT; set -m; '${process.execPath}' ${words}`, { env });
    exited = terminal.status();
  } else {
    child = spawn(process.execPath, args, { env, detached: true, stdio: ["pipe", "ignore", "pipe"] });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin);
    exited = new Promise((resolve) => child?.on("exit", (status) => resolve(status ?? -1)));
  }
  const notes = () => (existsSync(notesFile) ? readFileSync(notesFile, "utf8").split("\n").slice(0, -1) : []);
  return {
    terminal,
    notes,
    async noted(count) {
      await until(() => notes().length >= count);
      return notes();
    },
    async pid() {
      if (child?.pid !== undefined) return child.pid;
      const [shell] = await this.noted(1);
      return parentOf(Number(shell));
    },
    async ended() {
      const status = await exited;
      terminal?.close();
      return { status, outcome: JSON.parse(readFileSync(outcomeFile, "utf8")) };
    },
  };
}

/** The process that started another. */
function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}

async function until(isSo: () => boolean, timeoutMs = 8_000): Promise<void> {
  const endsAt = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > endsAt) throw new Error(`not so in ${timeoutMs} ms: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Goes on whatever is sent, though not for ever: a test that fails leaves it behind. */
const LINGER = "n=0; while [ $n -lt 60 ]; do sleep 1; n=$((n + 1)); done";

/** Hangs, deaf to polite requests, with two children, one of which was left behind by the one between. */
const STUBBORN = `trap '' TERM INT QUIT HUP
note $$
sleep 60 & note $!
sh -c 'sleep 60 & echo $! >> "$0"' $notes
${LINGER}`;

const hasProc = existsSync("/proc/self/stat");

describe.each([
  ["without a terminal", false],
  ["on a terminal", true],
] as const)("a program %s", { concurrent: true, skip: !hasProc }, (_, isTerminal) => {
  it("tells what it printed, and its status", async () => {
    const run = start(isTerminal, "echo 123456; echo rest; exit 3");
    expect(await run.ended()).toEqual({
      status: 0,
      outcome: { kind: "exited", status: 3, stdout: "123456\nrest\n" },
    });
  });

  it("is ended at the time limit, with all that it started, however deaf", async () => {
    const run = start(isTerminal, `sleep 60 & note $$; note $!; sh -c 'trap "" TERM; sleep 60; sleep 60'`, 400);
    const pids = (await run.noted(2)).map(Number);
    expect((await run.ended()).outcome).toEqual({ kind: "too long" });
    await until(() => !pids.some(isRunning));
  });

  it("is ended when it prints without end", async () => {
    const run = start(isTerminal, "note $$; yes 123456");
    expect((await run.ended()).outcome).toEqual({ kind: "too much" });
    await until(() => !run.notes().map(Number).some(isRunning));
  });

  it("is not waited for beyond its end, and what it left running is left", async () => {
    const began = performance.now();
    const run = start(isTerminal, "sleep 60 & note $!; echo 123456");
    expect((await run.ended()).outcome).toEqual({ kind: "exited", status: 0, stdout: "123456\n" });
    expect(performance.now() - began).toBeLessThan(10_000);
    const [agent] = run.notes().map(Number);
    expect(isRunning(Number(agent))).toBe(true);
    process.kill(Number(agent), "SIGKILL");
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ] as const)("is ended by %s to us, with all that it started, however deaf", async (signal, status) => {
    const run = start(isTerminal, STUBBORN);
    const pids = (await run.noted(3)).map(Number);
    expect(pids.every(isRunning)).toBe(true);
    process.kill(await run.pid(), signal);
    expect(await run.ended()).toEqual({ status, outcome: { kind: signal } });
    await until(() => !pids.some(isRunning));
  });
});

describe("a program on the user's terminal", { concurrent: true, skip: !hasProc }, () => {
  it("can ask there, and what it says on standard error is seen", async () => {
    const run = start(
      true,
      'echo "Touch your key" >&2; printf "PIN: " > /dev/tty; read -r pin < /dev/tty; echo "$pin"',
    );
    await run.terminal?.waitFor(/Touch your key\s+PIN: /);
    run.terminal?.type("4711\r");
    expect((await run.ended()).outcome).toEqual({ kind: "exited", status: 0, stdout: "4711\n" });
  });

  it("has it as its standard input", async () => {
    const run = start(true, "note ready; read -r line; echo $line; test -t 0 && echo terminal");
    await run.noted(1);
    run.terminal?.type("hello\r");
    expect((await run.ended()).outcome).toEqual({ kind: "exited", status: 0, stdout: "hello\nterminal\n" });
  });

  it.each([
    ["dies of it", ""],
    ["is deaf to it", "trap '' INT TERM"],
  ])("ends at Ctrl-C, if it %s, and so do we", async (_, trap) => {
    const run = start(true, `${trap}\nnote $$; sleep 60 & note $!; wait; ${LINGER}`);
    const pids = (await run.noted(2)).map(Number);
    run.terminal?.type("\x03");
    expect(await run.ended()).toEqual({ status: 130, outcome: { kind: "SIGINT" } });
    await until(() => !pids.some(isRunning));
  });
});

describe("a program where there is no terminal", { concurrent: true, skip: !hasProc }, () => {
  it("gets nothing of what is piped to us", async () => {
    const run = start(false, "cat; echo end", undefined, "somebody else's input\n");
    expect((await run.ended()).outcome).toEqual({ kind: "exited", status: 0, stdout: "end\n" });
  });

  it("finds no terminal, and fails by itself", async () => {
    const run = start(false, "read -r pin < /dev/tty || exit 9");
    expect((await run.ended()).outcome).toMatchObject({ kind: "exited", stdout: "" });
  });

  it("is ended at once by a second signal", async () => {
    const run = start(false, STUBBORN);
    const pids = (await run.noted(3)).map(Number);
    const pid = await run.pid();
    process.kill(pid, "SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 50));
    process.kill(pid, "SIGINT");
    await until(() => !isRunning(pid));
    await until(() => !pids.some(isRunning), 300);
  });
});

it("a program that can't be started says why", async () => {
  const { captureCommand } = await import("../../src/host/captured-command.ts");
  const { signal } = new AbortController();
  const interrupts = { signal, isHeld: false, hold: () => () => undefined, handOver: () => () => undefined };
  const outcomeOf = (command: readonly string[]) =>
    captureCommand(command, env, { maxBytes: 100, timeMs: 5_000 }, interrupts);
  expect(await outcomeOf(["no-such-program-of-ours"])).toEqual({ kind: "not started", reason: "not found" });
  expect(await outcomeOf(["/etc"])).toEqual({ kind: "not started", reason: "permission denied" });
  expect(await outcomeOf(["echo", "x".repeat(5_000_000)])).toEqual({ kind: "not started", reason: "E2BIG" });
});
