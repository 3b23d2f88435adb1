// The terminal itself. Rules: questions and answers go to /dev/tty, whatever the three streams are redirected to; where
// that can't be opened, standard input and error serve if both are terminals. Line prompts never change the terminal's
// mode, so that no signal can leave it broken (ACCEPTANCE.md P1); a tty.ReadStream and not fs.read, which would keep the
// process from ending. Only a pick list and a hidden answer (ask-hidden-line.ts) go raw, and restore.
import fs from "node:fs";
import tty from "node:tty";
import { AssumeMfaError, InterruptedError } from "../errors.ts";
import { visibleText } from "../text/visible-text.ts";
import { askHiddenLine } from "./ask-hidden-line.ts";
import type { Interrupts } from "./host.ts";
import type { AskLineOptions, Choice, Terminal } from "./terminal.ts";

/** A line longer than this is nobody's answer. */
const LINE_LIMIT_CHARACTERS = 4096;

/** Ctrl-D, Ctrl-\\ and Ctrl-Z as bytes. */
const KEY_END_OF_INPUT = 0x04;
const KEY_QUIT = 0x1c;
const KEY_SUSPEND = 0x1a;
const SHOW_CURSOR = "\x1b[?25h";
/** Why a pick list is begun anew: the process was suspended, and the screen is another. */
const PAINT_AGAIN = Symbol("paint again");

/** @returns undefined where there is no terminal: nobody can be asked */
export function openTtyTerminal(interrupts: Interrupts, platform: NodeJS.Platform): Terminal | undefined {
  const descriptors = openDescriptors(platform);
  return descriptors === undefined ? undefined : new TtyTerminal(descriptors.input, descriptors.output, interrupts);
}

function openDescriptors(platform: NodeJS.Platform): { input: number; output: number } | undefined {
  try {
    if (platform === "win32") {
      return { input: fs.openSync("\\\\.\\CONIN$", "r+"), output: fs.openSync("\\\\.\\CONOUT$", "r+") };
    }
    const input = fs.openSync("/dev/tty", fs.constants.O_RDWR | fs.constants.O_NOCTTY);
    return { input, output: fs.openSync("/dev/tty", fs.constants.O_WRONLY | fs.constants.O_NOCTTY) };
  } catch {
    return tty.isatty(0) && tty.isatty(2) ? { input: 0, output: 2 } : undefined;
  }
}

/**
 * The terminal once more, for reads that don't wait: a flag that the other descriptors, which other programs share, must
 * not get. A session of its own has no /dev/tty: standard input is the terminal then.
 * @throws the system's error
 */
function openWithoutWaiting(input: number): number {
  const flags = fs.constants.O_RDONLY | fs.constants.O_NOCTTY | fs.constants.O_NONBLOCK;
  try {
    return fs.openSync("/dev/tty", flags);
  } catch {
    return fs.openSync(`/proc/self/fd/${input}`, flags);
  }
}

/**
 * Empties the kernel's queue, half a line included, which only raw mode lets through: Node has no tcflush. Between the
 * two changes of mode nothing else of this process runs, so that no signal it can catch falls there.
 * @param open opens the stream's terminal once more, for reads that don't wait
 * @throws AssumeMfaError CONFIRMATION_MISSING where it can't be emptied: nobody's answer can be trusted then
 */
export function discardTypedAhead(stream: tty.ReadStream, open: () => number): void {
  let fd: number | undefined;
  try {
    fd = open();
    stream.setRawMode(true);
    const bytes = Buffer.alloc(4096);
    while (fs.readSync(fd, bytes) > 0);
  } catch (error) {
    // EAGAIN: it is empty. A Windows console gives no way to empty it.
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN" && process.platform !== "win32") {
      throw new AssumeMfaError("CONFIRMATION_MISSING", "what was typed before the question can't be thrown away", {
        hint: "nothing was done: run it on a terminal of its own, or confirm by options",
        cause: error,
      });
    }
  } finally {
    stream.setRawMode(false);
    if (fd !== undefined) fs.closeSync(fd);
  }
}

class TtyTerminal implements Terminal {
  readonly canPick = true;
  readonly #input: number;
  readonly #output: number;
  readonly #interrupts: Interrupts;
  #stream: tty.ReadStream | undefined;

  constructor(input: number, output: number, interrupts: Interrupts) {
    this.#input = input;
    this.#output = output;
    this.#interrupts = interrupts;
  }

  get columns(): number {
    const size = new tty.WriteStream(this.#output).getWindowSize();
    return size[0] > 0 ? size[0] : 80;
  }

  write(text: string): void {
    try {
      fs.writeSync(this.#output, text);
    } catch {
      // The terminal hung up: SIGHUP says so.
    }
  }

  askLine(asked: string, options: AskLineOptions = {}): Promise<string | undefined> {
    const { discardTypedAhead = false, refusal, isHidden = false, onShown } = options;
    if (discardTypedAhead) this.#discardTypedAhead();
    const question = refusal === undefined ? asked : `${refusal}\n${asked}`;
    if (isHidden) {
      const answer = askHiddenLine(question, this.#readStream(), (text) => this.write(text), this.#interrupts);
      onShown?.();
      return answer;
    }
    // After a suspension (Ctrl-Z, fg) the question is painted again. Heard before it is painted the first time: whoever
    // sees it can suspend at once.
    const repaint = () => this.write(question);
    process.on("SIGCONT", repaint);
    this.write(question);
    onShown?.();
    const { signal } = this.#interrupts;
    const stream = this.#readStream();
    return new Promise((resolve, reject) => {
      let typed = "";
      const settle = (finish: () => void) => {
        stream.pause();
        stream.off("data", onData).off("end", onEnd).off("error", onEnd);
        signal.removeEventListener("abort", onAbort);
        process.off("SIGCONT", repaint);
        finish();
      };
      const onData = (chunk: Buffer) => {
        typed += chunk.toString("utf8");
        const end = typed.search(/[\r\n]/);
        // What follows the first line (a paste) is dropped: it must not answer a question that was not asked yet.
        if (end >= 0) settle(() => resolve(typed.slice(0, end)));
        else if (typed.length > LINE_LIMIT_CHARACTERS) typed = typed.slice(0, LINE_LIMIT_CHARACTERS);
      };
      const onEnd = () => {
        this.write("\n");
        // A window that was closed is no Ctrl-D, whether its end or the signal is seen first.
        if (tty.isatty(this.#input)) settle(() => resolve(undefined));
        else settle(() => reject(new InterruptedError("SIGHUP")));
      };
      const onAbort = () => {
        this.write("\n"); // the shell's prompt starts on a line of its own, after the echoed ^C
        settle(() => reject(signal.reason));
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort);
      stream.on("data", onData).on("end", onEnd).on("error", onEnd);
      stream.resume();
    });
  }

  async pick<T>(question: string, choices: readonly Choice<T>[]): Promise<T> {
    const { select } = await import("@inquirer/prompts");
    const stream = this.#readStream();
    // An Enter typed before the list is there would pick its first line.
    this.#discardTypedAhead();
    const widest = Math.max(this.columns - 2, 10); // beside the mark of the line that is picked
    const config = {
      message: question,
      pageSize: 15,
      choices: choices.map(({ value, label, short, disabled }) => {
        // The list paints in raw mode whatever it is given: nothing raw gets there, whoever calls.
        const line = visibleText(label);
        return {
          value,
          name: line.length > widest ? `${line.slice(0, widest - 1)}…` : line,
          short: visibleText(short ?? label),
          ...(disabled === undefined ? {} : { disabled: `(${visibleText(disabled)})` }),
        };
      }),
    };
    for (;;) {
      const ended = new AbortController();
      // In raw mode these keys arrive as bytes, not as the end of input, the signal and the suspension that they mean.
      const onData = (bytes: Buffer) => {
        if (bytes.includes(KEY_END_OF_INPUT)) {
          ended.abort(new AssumeMfaError("DECLINED", "nothing was picked; nothing was done"));
        } else if (bytes.includes(KEY_QUIT)) {
          ended.abort(new InterruptedError("SIGQUIT"));
        } else if (bytes.includes(KEY_SUSPEND)) {
          this.write(SHOW_CURSOR); // the shell's line editor comes next; readline does the rest
        }
      };
      const onContinue = () => ended.abort(PAINT_AGAIN);
      stream.on("data", onData);
      process.on("SIGCONT", onContinue);
      try {
        const signal = AbortSignal.any([this.#interrupts.signal, ended.signal]);
        // A stream of its own each time: the list ends it.
        return await select<T>(config, { input: stream, output: new tty.WriteStream(this.#output), signal });
      } catch (error) {
        if (this.#interrupts.signal.aborted) throw this.#interrupts.signal.reason;
        if (ended.signal.aborted && ended.signal.reason !== PAINT_AGAIN) throw ended.signal.reason;
        // Ctrl-C, which is a key here too.
        if (error instanceof Error && error.name === "ExitPromptError") throw new InterruptedError("SIGINT");
        if (!ended.signal.aborted) throw error;
      } finally {
        process.off("SIGCONT", onContinue);
        stream.off("data", onData);
        stream.setRawMode(false);
        stream.pause();
      }
    }
  }

  #discardTypedAhead(): void {
    discardTypedAhead(this.#readStream(), () => openWithoutWaiting(this.#input));
  }

  close(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
  }

  #readStream(): tty.ReadStream {
    this.#stream ??= new tty.ReadStream(this.#input);
    return this.#stream;
  }
}
