import { InterruptedError, type InterruptSignal } from "../../src/errors.ts";
import type { Environment, Host, Interrupts, TextSink } from "../../src/host/host.ts";
import type { Choice, Terminal } from "../../src/host/terminal.ts";

// The real host sets it before the SDK is loaded; a test has no real host.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

/** The person looks at the question and does nothing, until the run ends otherwise. */
export const NO_ANSWER = Symbol("no answer");

/** A line as typed (without its end), Ctrl-D (undefined), or nothing at all. */
export type Answer = string | undefined | typeof NO_ANSWER;
/** What the person does at the next question; a function looks at the question first. */
export type Reply = Answer | ((question: string) => Answer | Promise<Answer>) | { readonly pick: string };

export interface FakeHostOptions {
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly homeDirectory?: string | undefined;
  /** The person's doings in turn; absent: nobody is there. A question beyond them fails the run. */
  readonly replies?: readonly Reply[] | undefined;
  /** Whether there is a screen for pick lists; default true. */
  readonly canPick?: boolean;
  /** Lines of standard input; absent: it ends at once. */
  readonly stdin?: string | Uint8Array;
  readonly isStdoutTerminal?: boolean;
  readonly isStderrTerminal?: boolean;
  /** Of the terminals. */
  readonly columns?: number;
  readonly now: () => number;
  readonly sleep?: Host["sleep"];
}

export interface FakeInterrupts extends Interrupts {
  raise(signal: InterruptSignal): void;
}

/** A host whose streams are caught, whose person follows a script, and whose signals a test raises. */
export interface FakeHost extends Host {
  readonly interrupts: FakeInterrupts;
  /** Standard output so far. */
  readonly out: string;
  /** Standard error so far. */
  readonly err: string;
  /** All that was written to the terminal itself, questions included, answers not. */
  readonly screen: string;
  /** In the order asked, pick lists included. */
  readonly questions: readonly string[];
  /** The questions whose answers are not shown as they are typed. */
  readonly hidden: readonly string[];
  /** The labels of each pick list that was shown. */
  readonly picked: readonly (readonly Choice<unknown>[])[];
  /** What is left of standard input. */
  readonly stdinLeft: Buffer;
  /** Terminals opened and not closed. */
  readonly openTerminals: number;
}

export function makeFakeHost(options: FakeHostOptions): FakeHost {
  const { argv, env, homeDirectory, replies, columns = 80, canPick = true, now } = options;
  const interrupts = makeFakeInterrupts();
  const stdout = makeCaughtSink(options.isStdoutTerminal === true, columns);
  const stderr = makeCaughtSink(options.isStderrTerminal === true, columns);
  const script = [...(replies ?? [])];
  const questions: string[] = [];
  const hidden: string[] = [];
  const picked: (readonly Choice<unknown>[])[] = [];
  let stdin = Buffer.from(options.stdin ?? "");
  let screen = "";
  let openTerminals = 0;

  const next = (question: string): Reply => {
    questions.push(question);
    if (script.length === 0) throw new Error(`a question that the test did not expect: ${question}`);
    return script.shift();
  };

  const openTerminal = (): Terminal => {
    let isClosed = false;
    openTerminals += 1;
    return {
      columns,
      write(text) {
        screen += text;
      },
      canPick,
      askLine(asked, { refusal, isHidden = false, onShown } = {}) {
        const question = refusal === undefined ? asked : `${refusal}\n${asked}`;
        if (isHidden) hidden.push(question);
        screen += question;
        onShown?.();
        if (interrupts.signal.aborted) return Promise.reject(interrupts.signal.reason);
        return new Promise<string | undefined>((resolve, reject) => {
          // As the real terminal does: the line prompt ends with the signal.
          const onAbort = () => {
            screen += "\n";
            reject(interrupts.signal.reason);
          };
          interrupts.signal.addEventListener("abort", onAbort);
          const settle = (finish: () => void) => {
            interrupts.signal.removeEventListener("abort", onAbort);
            finish();
          };
          const answer = async () => {
            const reply = next(question);
            if (typeof reply === "object") throw new Error(`a line was asked for, not a pick: ${question}`);
            return typeof reply === "function" ? reply(question) : reply;
          };
          answer().then(
            (line) => {
              if (line !== NO_ANSWER) settle(() => resolve(line));
            },
            (error: unknown) => settle(() => reject(error)),
          );
        });
      },
      async pick<T>(question: string, choices: readonly Choice<T>[]): Promise<T> {
        screen += `${question}\n${choices.map(({ label }) => `${label}\n`).join("")}`;
        picked.push(choices);
        const reply = next(question);
        if (reply === undefined) throw new InterruptedError("SIGINT");
        if (typeof reply !== "object") throw new Error(`a pick was asked for, not a line: ${question}`);
        const choice = choices.find(({ label, disabled }) => disabled === undefined && label.includes(reply.pick));
        if (choice === undefined) throw new Error(`no choice ${reply.pick} among ${choices.map(({ label }) => label)}`);
        return choice.value;
      },
      close() {
        if (!isClosed) openTerminals -= 1;
        isClosed = true;
      },
    };
  };

  return {
    argv,
    env,
    platform: "linux",
    pid: process.pid,
    homeDirectory,
    now,
    sleep: options.sleep ?? sleep,
    stdout,
    stderr,
    // Whoever is there has a terminal, unless something was piped in.
    isStdinTerminal: options.stdin === undefined && replies !== undefined,
    async readStdinLine(maxBytes) {
      const end = stdin.indexOf(0x0a);
      const length = end < 0 ? stdin.length : end;
      if (length > maxBytes) throw new RangeError(`the first line is longer than ${maxBytes} bytes`);
      if (stdin.length === 0) return undefined;
      const line = stdin.subarray(0, length).toString("utf8").replace(/\r$/, "");
      stdin = stdin.subarray(end < 0 ? length : length + 1);
      return line;
    },
    openTerminal: () => (replies === undefined ? undefined : openTerminal()),
    interrupts,
    get out() {
      return stdout.text;
    },
    get err() {
      return stderr.text;
    },
    get screen() {
      return screen;
    },
    questions,
    hidden,
    picked,
    get stdinLeft() {
      return stdin;
    },
    get openTerminals() {
      return openTerminals;
    },
  };
}

function makeCaughtSink(isTerminal: boolean, columns: number): TextSink & { readonly text: string } {
  let text = "";
  return {
    isTerminal,
    columns: isTerminal ? columns : undefined,
    write(more) {
      text += more;
    },
    get text() {
      return text;
    },
  };
}

function makeFakeInterrupts(): FakeInterrupts {
  const controller = new AbortController();
  let holders = 0;
  return {
    signal: controller.signal,
    get isHeld() {
      return holders > 0;
    },
    hold() {
      holders += 1;
      return () => {
        holders -= 1;
      };
    },
    handOver: () => () => undefined,
    raise: (signal) => controller.abort(new InterruptedError(signal)),
  };
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort);
  });
}
