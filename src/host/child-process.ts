// Running another program in the foreground. Edge file: node:child_process, node:fs. Rules: argv as given and no shell;
// streams inherited; a signal sent to us alone reaches the child, one from the terminal (which the child gets by itself)
// is not sent twice; the status is what a shell would see. Spawned, not exec'd: process.execve leaves SIGPIPE ignored.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import { EXIT_CHILD_NOT_FOUND, EXIT_CHILD_NOT_RUNNABLE } from "../errors.ts";
import type { Environment, Interrupts } from "./host.ts";

/** Sent by the system or by another program, never by the terminal's keys. */
const SENT_SIGNALS = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
/** The terminal's keys send these to the child and to us alike: only without a terminal they are for us to pass on. */
const KEY_SIGNALS = ["SIGINT", "SIGQUIT"] as const;

/** How a child ended. */
export interface ChildEnd {
  /** Its own status; 128 + n when signal n ended it; 126 not runnable, 127 not found. */
  readonly status: number;
  /** Why it never ran, in a word or two; undefined when it did. */
  readonly startFailure: string | undefined;
}

/** @param command the program and its arguments, as they are */
export function runChild(command: readonly string[], env: Environment, interrupts: Interrupts): Promise<ChildEnd> {
  const [file = "", ...args] = command;
  const forwarded = hasTerminal() ? SENT_SIGNALS : [...SENT_SIGNALS, ...KEY_SIGNALS];
  const release = interrupts.handOver();
  return new Promise<ChildEnd>((resolve) => {
    const child = spawn(file, args, { stdio: "inherit", env: { ...env } });
    const forward = (signal: NodeJS.Signals) => child.kill(signal);
    for (const signal of forwarded) process.on(signal, forward);
    const settle = (status: number, startFailure?: string) => {
      for (const signal of forwarded) process.off(signal, forward);
      resolve({ status, startFailure });
    };
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") settle(EXIT_CHILD_NOT_FOUND, "command not found");
      else
        settle(EXIT_CHILD_NOT_RUNNABLE, error.code === "EACCES" ? "permission denied" : `can't be run (${error.code})`);
    });
    child.on("exit", (code, signal) => {
      settle(signal === null ? (code ?? 1) : 128 + os.constants.signals[signal]);
    });
  }).finally(release);
}

/** Whether this process belongs to a terminal, whatever its streams are. */
export function hasTerminal(): boolean {
  if (process.platform === "win32") return true;
  try {
    fs.closeSync(fs.openSync("/dev/tty", fs.constants.O_RDONLY | fs.constants.O_NOCTTY | fs.constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}
