// Running another program in the foreground. Edge file: node:child_process, node:fs. Rules: argv as given and no shell;
// streams inherited; every signal reaches the child once (child-signals.ts); the status is what a shell would see.
// Spawned, not exec'd: process.execve leaves SIGPIPE ignored.
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { EXIT_CHILD_NOT_FOUND, EXIT_CHILD_NOT_RUNNABLE } from "../errors.ts";
import { passSignalsOn } from "./child-signals.ts";
import { hasTerminal } from "./controlling-terminal.ts";
import type { Environment, Interrupts } from "./host.ts";

/** How a child ended. */
export interface ChildEnd {
  /** Its own status; 128 + n when signal n ended it; 126 not runnable, 127 not found. */
  readonly status: number;
  /** Why it never ran, in a word or two; undefined when it did. */
  readonly startFailure: string | undefined;
}

/**
 * @param command the program and its arguments, as they are
 * @param descriptors open files beyond the three streams that the child gets under the same numbers
 */
export function runChild(
  command: readonly string[],
  env: Environment,
  interrupts: Interrupts,
  descriptors: readonly number[] = [],
): Promise<ChildEnd> {
  const [file = "", ...args] = command;
  const release = interrupts.handOver();
  return new Promise<ChildEnd>((resolve) => {
    let child: ChildProcess;
    if (command.some(isAltered)) {
      const startFailure = "its words are not UTF-8, and would be others";
      resolve({ status: EXIT_CHILD_NOT_RUNNABLE, startFailure });
      return;
    }
    const isAttended = hasTerminal();
    try {
      child = spawn(file, args, { stdio: toStdio(descriptors), env: { ...env } });
    } catch (error) {
      // Some failures of the same kind are thrown, others told by an event.
      resolve(toStartFailure(error as NodeJS.ErrnoException, file, env));
      return;
    }
    const endSignals = passSignalsOn(child, isAttended);
    const settle = (end: ChildEnd) => {
      endSignals();
      resolve(end);
    };
    child.on("error", (error) => settle(toStartFailure(error, file, env)));
    child.on("exit", (code, signal) => {
      const status = signal === null ? (code ?? 1) : 128 + os.constants.signals[signal];
      settle({ status, startFailure: undefined });
    });
  }).finally(release);
}

/** Node shows bytes that are no UTF-8 as U+FFFD, and would hand that on: a file of another name. */
function isAltered(word: string): boolean {
  if (!word.includes("\ufffd")) return false;
  let words: Buffer;
  try {
    words = fs.readFileSync("/proc/self/cmdline");
  } catch {
    return false; // not Linux: can't be told
  }
  return !words.includes(Buffer.from(`\0${word}\0`));
}

function toStdio(descriptors: readonly number[]): ("inherit" | "ignore" | number)[] {
  const last = Math.max(2, ...descriptors);
  return Array.from({ length: last + 1 }, (_, fd) => (fd <= 2 ? "inherit" : descriptors.includes(fd) ? fd : "ignore"));
}

function toStartFailure({ code }: NodeJS.ErrnoException, file: string, env: Environment): ChildEnd {
  const notRunnable = (startFailure: string) => ({ status: EXIT_CHILD_NOT_RUNNABLE, startFailure });
  switch (code) {
    case "ENOENT":
      // A script whose interpreter is not there fails alike.
      if (file !== "" && isCommandThere(file, env)) return notRunnable("its interpreter was not found");
      return { status: EXIT_CHILD_NOT_FOUND, startFailure: "command not found" };
    case "ERR_INVALID_ARG_VALUE": // the empty word
      return { status: EXIT_CHILD_NOT_FOUND, startFailure: "command not found" };
    case "EACCES":
      return notRunnable("permission denied");
    case "E2BIG":
      return notRunnable("its arguments and environment are too long");
    default:
      return notRunnable(`can't be run (${code})`);
  }
}

/**
 * Whether there is a file that `command` could mean, runnable or not: told without running anything.
 * @param command a path, or a name that is looked for on the PATH
 */
export function isCommandThere(command: string, env: Environment): boolean {
  if (process.platform === "win32") return true; // its endings are the system's to try
  if (command === "") return false;
  if (command.includes("/")) return fs.existsSync(command);
  if (env.PATH === undefined) return true; // the system has a path of its own then
  return env.PATH.split(path.delimiter).some((folder) =>
    fs.existsSync(path.join(folder === "" ? "." : folder, command)),
  );
}
