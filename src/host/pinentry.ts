// Questions where there is no terminal: a pinentry asks them, the dialog that gpg and ssh-agents use. Edge file: node:fs,
// node:tty (the process is pinentry-process.ts's). Rules: nothing is run until a question is asked, and only where a
// pinentry can show itself; AWS's variables and ours are not in its environment; what it shows was made visible; no
// password cache is allowed, so that no code is ever kept. An answer is typed, a y/N too: on a pinentry's confirmation
// the key Enter means yes, here it means no.
import fs from "node:fs";
import path from "node:path";
import tty from "node:tty";
import { AssumeMfaError } from "../errors.ts";
import { visibleText } from "../text/visible-text.ts";
import { escapeAssuan, LONGEST_LINE_BYTES } from "./assuan.ts";
import type { Environment, Interrupts } from "./host.ts";
import { type PinentryLimits, PinentryProcess, pinentryFailed } from "./pinentry-process.ts";
import type { AskLineOptions, Terminal } from "./terminal.ts";
import { discardTypedAhead } from "./tty-terminal.ts";

/** A reply that takes no person comes in milliseconds, but for a desktop that was asleep. */
export const PINENTRY_LIMITS: PinentryLimits = { answerMs: 120_000, replyMs: 10_000, outputBytes: 65_536, endMs: 500 };

/** A pinentry whose client was killed goes by itself after this, beyond the client's own limit. */
const ORPHAN_SPARE_SECONDS = 10;
/** Fits a pinentry-curses on 80 columns. */
const COLUMNS = 72;
/** A line longer than this is nobody's answer. */
const LINE_LIMIT_CHARACTERS = 4096;
/** What is kept for the next question. */
const UNSHOWN_LIMIT_CHARACTERS = 8192;

/** Error codes of libgpg-error (gpg-error.h). */
const CANCELLED = [99, 114, 198]; // CANCELED, NOT_CONFIRMED, FULLY_CANCELED
const TIMEOUT = 62;
const WINDOW_TOO_SMALL = 301;
const NO_SCREEN = [32_849, 32_870]; // ENOENT, ENOTTY

export interface Pinentry {
  /**
   * Looks whether there is one that can show itself: a display, a terminal that GPG_TTY names, or macOS's own screen. Runs
   * nothing.
   * @returns undefined where there is none: nobody can be asked
   */
  open(): Terminal | undefined;
}

/** @param env the process's own: PATH, DISPLAY, WAYLAND_DISPLAY, GPG_TTY, TERM and the locale are read from it */
export function makePinentry(
  env: Environment,
  platform: NodeJS.Platform,
  interrupts: Pick<Interrupts, "signal">,
  limits: PinentryLimits = PINENTRY_LIMITS,
): Pinentry {
  const unshown = { text: "" };
  return {
    open() {
      if (platform === "win32") return undefined; // a console has CONIN$
      const ttyName = findTerminal(env.GPG_TTY);
      // Whoever came over the network is not before this Mac's screen.
      const hasOwnScreen = platform === "darwin" && !env.SSH_CONNECTION;
      if (!hasDisplay(env) && ttyName === undefined && !hasOwnScreen) return undefined;
      const program = findPinentry(env.PATH, platform);
      if (program === undefined) return undefined;
      return new PinentryTerminal(program, env, ttyName, interrupts.signal, limits, unshown);
    },
  };
}

function hasDisplay({ DISPLAY, WAYLAND_DISPLAY }: Environment): boolean {
  return Boolean(DISPLAY || WAYLAND_DISPLAY);
}

/** @returns the name, where it is a terminal's that can be used */
function findTerminal(name: string | undefined): string | undefined {
  if (name === undefined || !/^\/dev\/[\w./-]+$/.test(name)) return undefined;
  try {
    const fd = fs.openSync(name, fs.constants.O_RDWR | fs.constants.O_NOCTTY | fs.constants.O_NONBLOCK);
    const isTerminal = tty.isatty(fd);
    fs.closeSync(fd);
    return isTerminal ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Only in folders that the PATH names absolutely: what lies in the current folder asks nobody for a code. */
function findPinentry(searched: string | undefined, platform: NodeJS.Platform): string | undefined {
  const folders = (searched ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  for (const name of platform === "darwin" ? ["pinentry-mac", "pinentry"] : ["pinentry"]) {
    for (const folder of folders) {
      const file = path.join(folder, name);
      try {
        fs.accessSync(file, fs.constants.X_OK);
        if (fs.statSync(file).isFile()) return file;
      } catch {
        // not in this folder
      }
    }
  }
  return undefined;
}

/** Text that waits for a question to stand above. Shared, since who writes it may close before another asks. */
interface Unshown {
  text: string;
}

class PinentryTerminal implements Terminal {
  readonly canPick = false;
  readonly columns = COLUMNS;
  readonly #program: string;
  readonly #env: Environment;
  readonly #ttyName: string | undefined;
  readonly #signal: AbortSignal;
  readonly #limits: PinentryLimits;
  readonly #unshown: Unshown;
  /** Of the question before: what a refused answer is asked for again with. */
  #description: readonly string[] | undefined;
  #process: PinentryProcess | undefined;
  #isClosed = false;

  constructor(
    program: string,
    env: Environment,
    ttyName: string | undefined,
    signal: AbortSignal,
    limits: PinentryLimits,
    unshown: Unshown,
  ) {
    this.#program = program;
    this.#env = env;
    this.#ttyName = ttyName;
    this.#signal = signal;
    this.#limits = limits;
    this.#unshown = unshown;
  }

  write(text: string): void {
    this.#unshown.text = `${this.#unshown.text}${text}`.slice(0, UNSHOWN_LIMIT_CHARACTERS);
  }

  async askLine(question: string, options: AskLineOptions = {}): Promise<string | undefined> {
    // What was written since the answer that was refused is about that one.
    const isAskedAgain = options.refusal !== undefined && this.#description !== undefined;
    const description = isAskedAgain ? this.#description : describe(this.#unshown.text, question);
    this.#unshown.text = "";
    this.#description = description;
    let code = 0;
    for (const text of description ?? []) {
      const reply = await this.#ask(text, options);
      if (reply.kind === "ok") return reply.data.slice(0, LINE_LIMIT_CHARACTERS).split(/[\r\n]/, 1)[0] ?? "";
      if (CANCELLED.includes(reply.code)) return undefined;
      code = reply.code;
      if (code !== WINDOW_TOO_SMALL) break;
    }
    throw pinentryFailed(formatError(code));
  }

  pick(): Promise<never> {
    return Promise.reject(new AssumeMfaError("USAGE", "nothing can be picked from a list in a pinentry"));
  }

  close(): void {
    this.#isClosed = true;
    this.#process?.kill();
    // Nobody asks in this conversation any more: what it wrote since its last answer was about that.
    if (this.#description !== undefined) this.#unshown.text = "";
  }

  async #ask(description: string, { label, refusal, onShown, ...options }: AskLineOptions) {
    this.#signal.throwIfAborted();
    if (options.discardTypedAhead === true && this.#ttyName !== undefined) emptyTerminal(this.#ttyName);
    const { answerMs, replyMs } = this.#limits;
    const running = await PinentryProcess.start(
      this.#program,
      pinentryEnv(this.#env),
      this.#limits,
      this.#ttyName,
      hasDisplay(this.#env),
    );
    const onAbort = () => {
      running.kill();
      running.fail(this.#signal.reason);
    };
    this.#process = running;
    this.#signal.addEventListener("abort", onAbort);
    try {
      this.#signal.throwIfAborted();
      if (this.#isClosed) throw pinentryFailed("was not asked in time");
      if ((await running.request(undefined, replyMs)).kind === "error") throw pinentryFailed("refuses to serve");
      // What an old or a simple one does not know it does without.
      for (const option of this.#options()) await running.request(`OPTION ${option}`, replyMs);
      await running.request(`SETTIMEOUT ${Math.ceil(answerMs / 1000) + ORPHAN_SPARE_SECONDS}`, replyMs);
      await running.request("SETTITLE assume-mfa", replyMs);
      const described = await running.request(`SETDESC ${escapeAssuan(description)}`, replyMs);
      if (described.kind === "error") throw pinentryFailed("can't be told what to ask");
      await running.request(`SETPROMPT ${escapeAssuan(label ?? "Answer")}:`, replyMs);
      if (refusal !== undefined) await running.request(`SETERROR ${escapeAssuan(cut(refusal, "SETERROR "))}`, replyMs);
      const answered = running.request("GETPIN", answerMs);
      onShown?.();
      const reply = await answered;
      await running.finish();
      return reply;
    } finally {
      this.#signal.removeEventListener("abort", onAbort);
      running.kill();
      this.#process = undefined;
    }
  }

  /** As gpg-agent gives them. The keyboard is not grabbed: the code may have to be read from another window. */
  #options(): readonly string[] {
    const { TERM, LC_ALL, LC_CTYPE, LC_MESSAGES, LANG } = this.#env;
    const named: readonly (readonly [name: string, value: string | undefined])[] = [
      ["ttyname", this.#ttyName],
      ["ttytype", TERM],
      ["lc-ctype", LC_ALL || LC_CTYPE || LANG],
      ["lc-messages", LC_ALL || LC_MESSAGES || LANG],
    ];
    const given = named.filter(([, value]) => value !== undefined && /^[\w./@+-]{1,200}$/.test(value));
    return ["no-grab", ...given.map(([name, value]) => `${name}=${value}`)];
  }
}

function pinentryEnv(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:AWS|ASSUME_MFA)_/i.test(name)));
}

function emptyTerminal(ttyName: string): void {
  const { O_RDWR, O_RDONLY, O_NOCTTY, O_NONBLOCK } = fs.constants;
  const stream = new tty.ReadStream(fs.openSync(ttyName, O_RDWR | O_NOCTTY));
  try {
    discardTypedAhead(stream, () => fs.openSync(ttyName, O_RDONLY | O_NOCTTY | O_NONBLOCK));
  } finally {
    stream.destroy();
  }
}

const DESCRIBE = "SETDESC ";

/**
 * What stands in the dialog: what was written before, as much as one line of the protocol takes, and the question whole.
 * @returns the texts to try, the shorter where the longer is too large for the window
 */
function describe(before: string, question: string): readonly string[] {
  // A line that was painted over is as it was last.
  const linesOf = (text: string) => text.split("\n").map((line) => visibleText(line.slice(line.lastIndexOf("\r") + 1)));
  const asked = cut(linesOf(question.trimEnd().replace(/:$/, "")).join("\n"), DESCRIBE);
  const lines = linesOf(before.trimEnd());
  for (let count = lines.length; count > 0 && before.trim() !== ""; count -= 1) {
    const left = lines.length - count;
    const more = left === 0 ? [] : [`… and ${left} more ${left === 1 ? "line" : "lines"}, on standard error`];
    const text = [...lines.slice(0, count), ...more, "", asked].join("\n");
    if (isShortEnough(text, DESCRIBE)) return [text, asked];
  }
  return [asked];
}

function isShortEnough(text: string, command: string): boolean {
  return Buffer.byteLength(command + escapeAssuan(text)) <= LONGEST_LINE_BYTES;
}

function cut(text: string, command: string): string {
  if (isShortEnough(text, command)) return text;
  const characters = Array.from(text);
  while (!isShortEnough(`${characters.join("")}…`, command)) characters.pop();
  return `${characters.join("")}…`;
}

/** @returns what completes `pinentry …`; nothing of what it said */
function formatError(code: number): string {
  if (code === TIMEOUT) return "got no answer in time";
  if (code === WINDOW_TOO_SMALL) return "can't show the question: its window is too small, or TERM is not known";
  if (NO_SCREEN.includes(code)) return "has no terminal and no display to show itself on";
  return `can't ask (error ${code} of libgpg-error)`;
}
