// Running another program for what it prints. Edge file: node:child_process, node:fs, node:tty, process. Rules: argv as
// given and no shell; standard output is caught, up to a size and a time; standard error and the terminal stay the
// user's, since a key may ask to be touched and a password store for its passphrase. Standard input is the terminal or
// nothing: a pipe there is somebody else's to read. On a limit or a signal the program goes with all that it started.
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import tty from "node:tty";
import { hasTerminal } from "./controlling-terminal.ts";
import type { Environment, Interrupts } from "./host.ts";

export interface CaptureLimits {
  readonly maxBytes: number;
  readonly timeMs: number;
}

/** How a program ended, and what it printed by then. */
export type CapturedOutput =
  | { readonly kind: "exited"; readonly status: number; readonly stdout: string }
  | { readonly kind: "killed"; readonly signal: string }
  /** It never ran, for a reason in a word or two. */
  | { readonly kind: "not started"; readonly reason: string }
  | { readonly kind: "too much" }
  | { readonly kind: "too long" };

/** Between the request to end and the end. */
const GRACE_MS = 500;
const LOOK_EVERY_MS = 20;
/** What was printed is in the pipe when the program ends; who holds the pipe after that (an agent) is not waited for. */
const DRAIN_MS = 100;
/** Tells what the program started, where it has no group of its own. */
const MARK_VARIABLE = "CAPTURED_RUN";

/**
 * @param command the program and its arguments, as they are
 * @param env the program's environment; `CAPTURED_RUN` is added to it, by which what it starts is found again
 * @throws InterruptedError when the run was interrupted; the program and what it started have ended by then
 */
export async function captureCommand(
  command: readonly string[],
  env: Environment,
  limits: CaptureLimits,
  interrupts: Interrupts,
): Promise<CapturedOutput> {
  const release = interrupts.hold();
  try {
    interrupts.signal.throwIfAborted();
    const output = await capture(command, env, limits, interrupts.signal);
    interrupts.signal.throwIfAborted();
    return output;
  } finally {
    release();
  }
}

async function capture(
  command: readonly string[],
  env: Environment,
  { maxBytes, timeMs }: CaptureLimits,
  interrupted: AbortSignal,
): Promise<CapturedOutput> {
  const [file = "", ...args] = command;
  // A group of its own would be a session of its own (setsid), without the terminal: only where there is none anyway.
  const isGroup = !hasTerminal();
  const mark = randomUUID();
  let child: ChildProcess;
  try {
    const options: SpawnOptions = { env: { ...env, [MARK_VARIABLE]: mark }, detached: isGroup, windowsHide: true };
    child = spawn(file, args, { ...options, stdio: [tty.isatty(0) ? "inherit" : "ignore", "pipe", "inherit"] });
  } catch (error) {
    return notStarted(error as NodeJS.ErrnoException);
  }
  const family = isGroup ? groupOf(child) : treeOf(child, mark);
  const killAll = () => family.signal("SIGKILL"); // a second Ctrl-C ends us at once
  process.on("exit", killAll);
  let limit: NodeJS.Timeout | undefined;
  let onAbort = () => {};
  try {
    const stopped = new Promise<CapturedOutput>((resolve) => {
      limit = setTimeout(() => resolve({ kind: "too long" }), timeMs);
      onAbort = () => resolve({ kind: "killed", signal: "SIGTERM" });
      interrupted.addEventListener("abort", onAbort);
    });
    const first = await Promise.race([read(child, maxBytes), stopped]);
    if (interrupted.aborted || first.kind === "too much" || first.kind === "too long") await end(family);
    return first;
  } finally {
    clearTimeout(limit);
    interrupted.removeEventListener("abort", onAbort);
    process.off("exit", killAll);
    child.stdout?.destroy();
    child.unref();
  }
}

function read(child: ChildProcess, maxBytes: number): Promise<CapturedOutput> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout?.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) resolve({ kind: "too much" });
      else chunks.push(chunk);
    });
    child.on("error", (error) => resolve(notStarted(error)));
    child.on("exit", (status, signal) => {
      const finish = () => {
        clearTimeout(drain);
        const stdout = Buffer.concat(chunks).toString("utf8");
        resolve(signal === null ? { kind: "exited", status: status ?? 1, stdout } : { kind: "killed", signal });
      };
      const drain = setTimeout(finish, DRAIN_MS);
      child.on("close", finish);
    });
  });
}

function notStarted({ code }: NodeJS.ErrnoException): CapturedOutput {
  const reason = code === "ENOENT" ? "not found" : code === "EACCES" ? "permission denied" : `${code}`;
  return { kind: "not started", reason };
}

/** A program and whatever it started. */
interface Family {
  signal(name: "SIGTERM" | "SIGKILL"): void;
  isGone(): boolean;
}

async function end(family: Family): Promise<void> {
  family.signal("SIGTERM");
  for (let waitedMs = 0; waitedMs < GRACE_MS && !family.isGone(); waitedMs += LOOK_EVERY_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  family.signal("SIGKILL");
}

function groupOf({ pid }: ChildProcess): Family {
  // Without a process there is no group; and group 0 would be our own.
  const send = (signal: NodeJS.Signals | 0) => pid !== undefined && pid > 0 && isSent(-pid, signal);
  return { signal: (name) => void send(name), isGone: () => !send(0) };
}

/**
 * Where the program shares our group: its descendants, found by who started whom; and, since a program that dies of
 * Ctrl-C leaves its children to nobody, whoever of the group carries its mark. An agent that made itself a session of its
 * own is spared, as where there is a group.
 */
function treeOf({ pid }: ChildProcess, mark: string): Family {
  const members = new Map<number, string>();
  const look = () => {
    const running = listProcesses();
    for (const [member, started] of members) if (running.get(member)?.started !== started) members.delete(member);
    for (let before = -1; before !== members.size; ) {
      before = members.size;
      for (const [one, { parent, started }] of running) {
        if (members.has(parent)) members.set(one, started);
      }
    }
    const ourGroup = running.get(process.pid)?.group;
    for (const [one, { group, started }] of running) {
      if (group !== undefined && group === ourGroup && isMarked(one, mark)) members.set(one, started);
    }
  };
  const own = pid === undefined ? undefined : listProcesses().get(pid);
  if (pid !== undefined && own !== undefined) members.set(pid, own.started);
  return {
    signal(name) {
      look();
      if (process.platform === "win32" && pid !== undefined) endTreeOnWindows(pid);
      for (const member of members.keys()) isSent(member, name);
    },
    isGone() {
      look();
      return members.size === 0;
    },
  };
}

function isSent(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // it ended by itself
  }
}

/** Whether the process has the mark in the environment that it was started with. Only Linux says. */
function isMarked(pid: number, mark: string): boolean {
  try {
    return fs.readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(`${MARK_VARIABLE}=${mark}`);
  } catch {
    return false;
  }
}

interface RunningProcess {
  readonly parent: number;
  /** Undefined where it was not asked for. */
  readonly group: number | undefined;
  /** Tells it from a later one of the same number; empty where the system does not say. */
  readonly started: string;
}

/** Every process of this machine that still runs. */
function listProcesses(): Map<number, RunningProcess> {
  const found = new Map<number, RunningProcess>();
  if (process.platform === "linux") {
    for (const name of fs.readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
      try {
        const stat = fs.readFileSync(`/proc/${name}/stat`, "latin1"); // proc_pid_stat(5): the name in brackets can hold anything
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        if (fields[0] === "Z") continue;
        const [parent, group] = [Number(fields[1]), Number(fields[2])];
        found.set(Number(name), { parent, group, started: fields[19] ?? "" });
      } catch {
        // it ended while we looked
      }
    }
  } else if (process.platform !== "win32") {
    const table = execFileSync("ps", ["-A", "-o", "pid=,ppid="], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    for (const line of table.split("\n")) {
      const [pid, parent] = line.trim().split(/\s+/).map(Number);
      if (pid !== undefined && parent !== undefined) found.set(pid, { parent, group: undefined, started: "" });
    }
  }
  return found;
}

function endTreeOnWindows(pid: number): void {
  try {
    execFileSync("taskkill", ["/PID", `${pid}`, "/T", "/F"], { stdio: "ignore" });
  } catch {
    // it ended by itself
  }
}
