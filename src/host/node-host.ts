// The real outside world. The only file, with tty-terminal.ts, that touches `process`. Rules: streams are written
// synchronously by file descriptor (a process that exits at once must not lose what it printed, and a non-blocking pipe
// must not drop half of it); standard input is never read ahead; signals end the process with 128 + n.
import fs from "node:fs";
import os from "node:os";
import tty from "node:tty";
import { AssumeMfaError, InterruptedError, type InterruptSignal } from "../errors.ts";
import type { Host, Interrupts, TextSink } from "./host.ts";
import { makePinentry } from "./pinentry.ts";
import { openTtyTerminal } from "./tty-terminal.ts";

const INTERRUPT_SIGNALS: readonly InterruptSignal[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** @returns the host of this process; installs the signal handlers, so it is called once */
export function makeNodeHost(): Host {
  const interrupts = listenForInterrupts();
  // The environment as it was given: what is set below is not handed to a child.
  const env = { ...process.env };
  // The AWS SDK prints a notice about old Node versions; it must never reach a user's terminal (AWS.md, 9).
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
  // Nobody can read the errors: no reason to stop what is being done.
  const stderr = makeSink(2, () => undefined);
  if (env.NODE_DEBUG) {
    muteNodeDebug();
    stderr.write("assume-mfa: NODE_DEBUG is not followed here: it would show session tokens\n");
  }
  const pinentry = makePinentry(env, process.platform, interrupts);
  return {
    argv: process.argv.slice(2),
    env,
    platform: process.platform,
    pid: process.pid,
    homeDirectory: findHomeDirectory(),
    now: () => Date.now(),
    sleep,
    // Thrown, not exited: what was begun (a sandbox, a confirmation) is still tidied up.
    stdout: makeSink(1, (error) => {
      throw isReaderGone(error) ? new InterruptedError("SIGPIPE") : outputFailed(error);
    }),
    stderr,
    get isStdinTerminal() {
      return tty.isatty(0);
    },
    readStdinLine,
    openTerminal: () => openTtyTerminal(interrupts, process.platform) ?? pinentry.open(),
    interrupts,
  };
}

/**
 * NODE_DEBUG=http shows every header, the session token among them (ACCEPTANCE.md V5), and can't be switched off once
 * Node runs. It writes by Node's own stream, which nothing of ours does.
 */
function muteNodeDebug(): void {
  process.stderr.write = () => true;
}

/** Standard streams that were terminals when the process began. */
const TERMINALS = [0, 1, 2].filter((fd) => tty.isatty(fd));

/**
 * Ends the process at once: connections that are kept alive must not keep it. Node gives each terminal its mode back when
 * it exits, and aborts, core and all, where it is gone: those are closed before, which it passes over.
 */
export function exitProcess(exitCode: number): never {
  for (const fd of TERMINALS) {
    if (tty.isatty(fd)) continue;
    try {
      fs.closeSync(fd);
    } catch {
      // It is closed already.
    }
  }
  process.exit(exitCode);
}

function findHomeDirectory(): string | undefined {
  const home = process.env[process.platform === "win32" ? "USERPROFILE" : "HOME"];
  if (home !== undefined && home !== "") {
    return (home.startsWith("/") || process.platform === "win32") && isFolder(home) ? home : undefined;
  }
  try {
    const own = os.homedir();
    return isFolder(own) ? own : undefined;
  } catch {
    return undefined; // no entry in the password file
  }
}

/** A home that is not there (`/nonexistent` of a system's users) is none, and is not made by root's rights either. */
function isFolder(folder: string): boolean {
  return fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
}

function listenForInterrupts(): Interrupts {
  const controller = new AbortController();
  const holders = new Set<{ readonly lastWords: (() => string | undefined) | undefined }>();
  let children = 0;
  for (const name of INTERRUPT_SIGNALS) {
    const onSignal = () => {
      if (children > 0) return;
      const reason = new InterruptedError(name);
      if (controller.signal.aborted) {
        sayLastWords([...holders].map(({ lastWords }) => lastWords?.()));
        exitProcess(reason.exitCode);
      }
      controller.abort(reason);
    };
    process.on(name, onSignal);
  }
  return {
    signal: controller.signal,
    get isHeld() {
      return holders.size > 0;
    },
    hold(lastWords) {
      const holder = { lastWords };
      holders.add(holder);
      return () => {
        holders.delete(holder);
      };
    },
    handOver() {
      children += 1;
      return once(() => {
        children -= 1;
      });
    },
  };
}

/** At once, and whether anybody reads it or not: the process ends with it. */
function sayLastWords(lines: readonly (string | undefined)[]): void {
  for (const line of new Set(lines)) {
    if (line === undefined) continue;
    try {
      fs.writeSync(2, `${line}\n`);
    } catch {
      return; // closed, or full
    }
  }
}

function once(release: () => void): () => void {
  let isReleased = false;
  return () => {
    if (!isReleased) release();
    isReleased = true;
  };
}

function isReaderGone({ code }: NodeJS.ErrnoException): boolean {
  return code === "EPIPE" || code === "EBADF" || code === "EIO";
}

function outputFailed(error: NodeJS.ErrnoException): AssumeMfaError {
  return new AssumeMfaError("OUTPUT_FAILED", `standard output can't be written: ${error.message}`, {
    hint: error.code === "ENOSPC" ? "the disk that it goes to is full" : undefined,
    cause: error,
  });
}

/** @param onFailure what could not be written is lost; it may throw */
function makeSink(fd: number, onFailure: (error: NodeJS.ErrnoException) => void): TextSink {
  return {
    write(text) {
      let rest = Buffer.from(text, "utf8");
      while (rest.length > 0) {
        try {
          rest = rest.subarray(fs.writeSync(fd, rest));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === "EAGAIN") {
            // A full non-blocking pipe: wait a moment for its reader.
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
            continue;
          }
          return onFailure(error as NodeJS.ErrnoException);
        }
      }
    },
    get isTerminal() {
      return tty.isatty(fd);
    },
    get columns() {
      if (!tty.isatty(fd)) return undefined;
      const columns = (fd === 1 ? process.stdout : process.stderr).columns;
      return typeof columns === "number" && columns > 0 ? columns : 80;
    },
  };
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** How often a silent standard input is looked at. */
const STDIN_POLL_MS = 15;

async function readStdinLine(maxBytes: number): Promise<string | undefined> {
  const fd = openStdinWithoutBlocking();
  const bytes: number[] = [];
  const one = Buffer.alloc(1);
  try {
    for (;;) {
      let count: number;
      try {
        count = fs.readSync(fd, one, 0, 1, null);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === "EAGAIN") {
          await sleep(STDIN_POLL_MS);
          continue;
        }
        if (code === "EOF")
          count = 0; // Windows, a closed pipe
        else throw error;
      }
      if (count === 0) break;
      if (one[0] === 0x0a) return decodeLine(bytes);
      bytes.push(one[0] as number);
      if (bytes.length > maxBytes)
        throw new RangeError(`the first line of standard input is longer than ${maxBytes} bytes`);
    }
  } finally {
    if (fd !== 0) fs.closeSync(fd);
  }
  return bytes.length === 0 ? undefined : decodeLine(bytes);
}

function decodeLine(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString("utf8").replace(/\r$/, "");
}

/**
 * A blocking read would keep Ctrl-C from being seen, and O_NONBLOCK on the shared description would be inherited by
 * whoever reads next. Linux gives a description of our own for a pipe or a terminal; a file needs none.
 */
function openStdinWithoutBlocking(): number {
  try {
    const status = fs.fstatSync(0);
    if (!status.isFile()) return fs.openSync("/proc/self/fd/0", fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch {
    // A socket, or a system without /proc: read it as it is.
  }
  return 0;
}
