// A pinentry at work. Edge file: node:child_process, node:fs, node:tty, process. Rules: the program as it was found, no
// arguments, no shell; its three streams are ours, standard error is dropped; it leads a group of its own (there is no
// terminal to share) and goes with all that it started: after its answer, on a limit, on a signal, when its terminal
// hangs up, and when this process exits. It is ended by SIGINT first, as gpg-agent does: pinentry-tty leaves a broken
// terminal after any other signal. What it says is bounded in size and time, and no word of it is ever shown: what was
// typed could be among them.
import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import tty from "node:tty";
import { AssumeMfaError } from "../errors.ts";
import { AssuanReader, type AssuanReply } from "./assuan.ts";
import type { Environment } from "./host.ts";

export interface PinentryLimits {
  /** For the person to answer. */
  readonly answerMs: number;
  /** For the program to greet, and to do what takes no person. */
  readonly replyMs: number;
  /** Of all that the program says. */
  readonly outputBytes: number;
  /** Between the request to end and the end. */
  readonly endMs: number;
}

/** The system's own, never the first on the PATH: nobody asked for this program, and no variable of ours is for it. */
const STTYS = ["/bin/stty", "/usr/bin/stty"];

const LOOK_EVERY_MS = 2;
const WATCH_EVERY_MS = 500;
/** What it said is in the pipe when it ends; who holds the pipe after that is not waited for. */
const DRAIN_MS = 100;
/** Where the system doesn't say whether a process still runs. */
const BLIND_WAIT_MS = 100;

/** @param reason completes `pinentry …` */
export function pinentryFailed(reason: string, cause?: unknown): AssumeMfaError {
  return new AssumeMfaError("PINENTRY_FAILED", `nobody could be asked: pinentry ${reason}`, {
    hint: [
      "run it on a terminal, or give by options what it asks for",
      "pinentry asks where DISPLAY or WAYLAND_DISPLAY is set or GPG_TTY names a terminal; echo GETPIN | pinentry tries it",
    ],
    cause,
  });
}

/** The terminal that a pinentry may use. */
interface UsedTerminal {
  /** It hung up, and there is no other place to show anything. */
  isGone(): boolean;
  restoreMode(): void;
  close(): void;
}

/** One pinentry, for one question. */
export class PinentryProcess {
  readonly #child: ChildProcess;
  readonly #limits: PinentryLimits;
  readonly #reader: AssuanReader;
  readonly #terminal: UsedTerminal;
  readonly #watch: NodeJS.Timeout;
  readonly #replies: AssuanReply[] = [];
  #failure: { readonly reason: unknown } | undefined;
  /** Something happened that whoever waits for a reply should look at. */
  #wake: () => void = () => undefined;
  #hasExited = false;
  #isEnded = false;
  readonly #exited: Promise<void>;
  readonly #onProcessExit = () => this.kill();

  /**
   * Starts the program. It is the caller's to end it, by `finish` or `kill`.
   * @param ttyName the terminal that it may use, which is given back its mode where the program can't
   * @param isOnScreen it may have a display too, and go on without the terminal
   */
  static async start(
    program: string,
    env: Environment,
    limits: PinentryLimits,
    ttyName: string | undefined,
    isOnScreen: boolean,
  ): Promise<PinentryProcess> {
    const { spawn, spawnSync } = await import("node:child_process");
    const fd = ttyName === undefined ? undefined : openTerminal(ttyName);
    const stty = (arg: string): string | undefined => {
      for (const system of STTYS) {
        const { error, status, stdout } = spawnSync(system, [arg], {
          stdio: [fd, "pipe", "ignore"],
          env: { PATH: "/usr/bin:/bin" },
          cwd: "/",
          timeout: limits.endMs,
        });
        if (error === undefined) return status === 0 ? stdout.toString("latin1").trim() : undefined;
      }
      return undefined;
    };
    const mode = fd === undefined ? undefined : stty("-g");
    const child = spawn(program, [], { env: { ...env }, detached: true, stdio: ["pipe", "pipe", "ignore"] });
    return new PinentryProcess(child, limits, {
      // A name can be another terminal's by then; a descriptor is this one's.
      isGone: () => fd !== undefined && !isOnScreen && !tty.isatty(fd),
      restoreMode() {
        if (mode) stty(mode);
      },
      close() {
        if (fd !== undefined) fs.closeSync(fd);
      },
    });
  }

  private constructor(child: ChildProcess, limits: PinentryLimits, terminal: UsedTerminal) {
    this.#child = child;
    this.#limits = limits;
    this.#reader = new AssuanReader(limits.outputBytes);
    this.#terminal = terminal;
    // A pinentry-curses whose window was closed asks nobody, and does not stop.
    this.#watch = setInterval(() => {
      if (terminal.isGone()) this.fail(pinentryFailed("lost its terminal"));
    }, WATCH_EVERY_MS);
    process.on("exit", this.#onProcessExit);
    const ended = () => this.fail(pinentryFailed("ended without an answer"));
    this.#exited = new Promise((resolve) => {
      child.on("error", (error: NodeJS.ErrnoException) => {
        this.fail(
          pinentryFailed(
            error.code === "EACCES" ? "can't be run: permission denied" : `can't be run (${error.code})`,
            error,
          ),
        );
        resolve();
      });
      child.on("exit", () => {
        this.#hasExited = true;
        setTimeout(ended, DRAIN_MS).unref();
        resolve();
      });
    });
    child.stdin?.on("error", () => undefined); // it ended without reading
    child.stdout
      ?.on("data", (chunk: Buffer) => this.#read(chunk))
      .on("end", ended)
      .on("error", ended);
  }

  /**
   * Sends a line and waits for what ends its request. Inquiries are refused.
   * @param line undefined: the server speaks first
   * @param limitMs milliseconds
   * @throws AssumeMfaError PINENTRY_FAILED; what `fail` was given
   */
  async request(line: string | undefined, limitMs: number): Promise<Exclude<AssuanReply, { kind: "inquiry" }>> {
    if (line !== undefined) {
      // An answer to a question that was not asked yet is none.
      if (this.#replies.length > 0) throw pinentryFailed("answered what it was not asked");
      this.#send(line);
    }
    const limit = setTimeout(() => {
      const seconds = `${limitMs / 1000} s`;
      this.fail(
        pinentryFailed(
          limitMs === this.#limits.answerMs ? `got no answer in ${seconds}` : `said nothing for ${seconds}`,
        ),
      );
    }, limitMs);
    try {
      for (;;) {
        const reply = this.#replies.shift();
        if (reply?.kind === "inquiry") this.#send("CAN");
        else if (reply !== undefined) return reply;
        else if (this.#failure !== undefined) throw this.#failure.reason;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      clearTimeout(limit);
    }
  }

  /** Whoever waits for a reply gets this thrown; the first reason counts. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake();
  }

  /** The question was answered: the program is told to go, and has gone when the promise is fulfilled. */
  async finish(): Promise<void> {
    if (this.#isEnded) return;
    this.#send("BYE");
    this.#child.stdin?.end();
    let limit: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      limit = setTimeout(resolve, this.#limits.endMs);
    });
    await Promise.race([this.#exited, tooLong]);
    clearTimeout(limit);
    if (this.#hasExited) this.#clear(false);
    else this.kill();
  }

  /**
   * Ends the program now: it has gone when this returns, and the terminal is as it was. Blocks for some milliseconds, at
   * worst the time between the request to end and the end: the process may exit right after.
   */
  kill(): void {
    if (this.#isEnded) return;
    if (!this.#hasExited && this.#signal("SIGINT")) this.#waitForEnd();
    this.#clear(true);
  }

  /** What it started goes with it. */
  #clear(isTerminalRestored: boolean): void {
    this.#isEnded = true;
    clearInterval(this.#watch);
    process.off("exit", this.#onProcessExit);
    this.#signal("SIGKILL");
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    this.#child.unref();
    if (isTerminalRestored) this.#terminal.restoreMode();
    this.#terminal.close();
  }

  #read(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    const replies = this.#reader.read(chunk);
    if (replies === "too much") {
      this.fail(pinentryFailed(`said more than ${this.#limits.outputBytes} bytes`));
    } else if (replies === "not assuan") {
      this.fail(pinentryFailed("does not speak the Assuan protocol"));
    } else {
      this.#replies.push(...replies);
      this.#wake();
    }
  }

  #send(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  #signal(name: "SIGINT" | "SIGKILL"): boolean {
    const { pid } = this.#child;
    // Without a process there is no group; and group 0 would be our own.
    if (pid === undefined || pid <= 0) return false;
    try {
      return process.kill(-pid, name);
    } catch {
      return false; // it ended by itself
    }
  }

  #waitForEnd(): void {
    const limitMs = process.platform === "linux" ? this.#limits.endMs : Math.min(BLIND_WAIT_MS, this.#limits.endMs);
    const cell = new Int32Array(new SharedArrayBuffer(4));
    for (let waitedMs = 0; waitedMs < limitMs && isRunning(this.#child.pid); waitedMs += LOOK_EVERY_MS) {
      Atomics.wait(cell, 0, 0, LOOK_EVERY_MS);
    }
  }
}

/** @returns undefined where it hung up since it was found */
function openTerminal(ttyName: string): number | undefined {
  try {
    return fs.openSync(ttyName, fs.constants.O_RDWR | fs.constants.O_NOCTTY | fs.constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** Whether it still runs: what has ended stays on the list until Node hears of it. Only Linux says; else true. */
function isRunning(pid: number | undefined): boolean {
  if (process.platform !== "linux") return true;
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
