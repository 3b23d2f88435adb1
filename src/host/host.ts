import type { Terminal } from "./terminal.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Standard output or standard error. */
export interface TextSink {
  /**
   * Writes all of it before returning. Standard error never fails: what nobody can read is dropped.
   * @throws InterruptedError SIGPIPE when the reader of standard output went away; AssumeMfaError OUTPUT_FAILED
   */
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Width in columns; undefined when it is no terminal. */
  readonly columns: number | undefined;
}

/**
 * The outside world, as the rest of the program sees it: the only way to arguments, environment, clock, streams,
 * terminal and signals. `node-host.ts` is the real one, tests make their own.
 */
export interface Host {
  /** The words after the program's name. */
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  /** The process id, for names of temporary files. */
  readonly pid: number;
  /** Absolute path of the user's home folder; undefined where there is none. */
  readonly homeDirectory: string | undefined;
  /** Wall clock, milliseconds since 1970. */
  now(): number;
  /** Ends early, by rejecting with the signal's reason, when `signal` aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** False: a pipe, a file, or nothing. */
  readonly isStdinTerminal: boolean;
  /**
   * One line of standard input and not a byte more, so that what follows is left for whoever reads next.
   * @param maxBytes give up (reject) past this many bytes without a newline
   * @returns the line without its end; undefined when the input ends before any byte
   */
  readStdinLine(maxBytes: number): Promise<string | undefined>;
  /**
   * The user's terminal itself, whatever the streams are redirected to; without one a pinentry, where it can show itself;
   * undefined where nobody is there. Runs nothing before something is asked.
   */
  openTerminal(): Terminal | undefined;
  readonly interrupts: Interrupts;
}

/**
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT. The first one ends the run at once (exit 128 + n), unless it is held:
 * then the holder sees `signal.aborted`, stops where it is safe, reports, and throws the reason itself.
 * A second one always ends the process.
 */
export interface Interrupts {
  /** Aborts with an `InterruptedError` as its reason. */
  readonly signal: AbortSignal;
  readonly isHeld: boolean;
  /**
   * @param lastWords what a second signal, which ends the process in the middle of it, leaves on standard error: a line;
   *   undefined: nothing. Default: nothing
   * @returns the release; until it is called the run is not cut short
   */
  hold(lastWords?: () => string | undefined): () => void;
  /**
   * While a child has the terminal, signals are its business: none of them ends or marks this run.
   * @returns the release
   */
  handOver(): () => void;
}
