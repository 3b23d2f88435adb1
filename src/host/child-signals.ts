import type { ChildProcess } from "node:child_process";
import { hasTerminal } from "./controlling-terminal.ts";
import { readProcessState } from "./process-state.ts";

/** Sent by the system or by another program, never by the terminal's keys. */
const SENT_SIGNALS = ["SIGTERM", "SIGUSR1", "SIGUSR2"] as const;
/** The terminal sends these to all of the foreground, the child included: only those that come from elsewhere are to be passed on. */
const TERMINAL_SIGNALS = ["SIGINT", "SIGQUIT", "SIGTSTP", "SIGWINCH"] as const;

/**
 * Lets a child in the foreground have every signal once: what is sent to us alone is passed on, what the terminal sends to
 * both of us is not. Where there is a terminal, we stop when the child stops, so that the shell that waits for us sees it.
 * @param isAttended whether there was a terminal before the child was started: with the child it can already be gone
 * @returns the end of it
 */
export function passSignalsOn(child: ChildProcess, isAttended: boolean): () => void {
  const { pid } = child;
  if (pid === undefined) return () => undefined;
  const listeners: (readonly [NodeJS.Signals, () => void])[] = [];
  const on = (signal: NodeJS.Signals, listener: () => void) => {
    process.on(signal, listener);
    listeners.push([signal, listener]);
  };
  const passOn = (signal: NodeJS.Signals) => () => void child.kill(signal);

  for (const signal of SENT_SIGNALS) on(signal, passOn(signal));
  on("SIGHUP", () => {
    // A window that is closed: the kernel has told the whole group.
    const isGroupTold = isAttended && !hasTerminal() && isInOurGroup(pid);
    if (!isGroupTold) child.kill("SIGHUP");
  });
  for (const signal of TERMINAL_SIGNALS) {
    if (process.platform === "win32" && signal === "SIGTSTP") continue;
    on(signal, () => {
      if (!isInForeground(isAttended)) child.kill(signal);
    });
  }
  if (process.platform !== "win32") {
    on("SIGCONT", () => {
      if (!isAttended || isStopped(pid)) child.kill("SIGCONT");
    });
    if (isAttended) {
      on("SIGCHLD", () => {
        if (isStopped(pid)) stopOurselves();
      });
    }
  }
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

/** Whether what comes from the terminal's keys reaches us, and with us the child. */
function isInForeground(isAttended: boolean): boolean {
  const state = readProcessState("self");
  return state === undefined ? isAttended : state.processGroup === state.foregroundGroup;
}

function isInOurGroup(pid: number): boolean {
  return readProcessState(pid)?.processGroup === readProcessState("self")?.processGroup;
}

function isStopped(pid: number): boolean {
  return readProcessState(pid)?.state === "T";
}

/** As by Ctrl-Z: returns when we are told to go on. */
function stopOurselves(): void {
  const listeners = process.listeners("SIGTSTP");
  process.removeAllListeners("SIGTSTP");
  process.kill(process.pid, "SIGTSTP");
  for (const listener of listeners) process.on("SIGTSTP", listener);
}
