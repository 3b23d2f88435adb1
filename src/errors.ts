/**
 * What went wrong, not where: one code per cause. Thrown anywhere, printed once, in `main.ts`.
 * The comment beside a group is the exit code that its members end the process with.
 */
const EXIT_CODES = {
  // 1: AWS or the network refused or failed
  AWS_REFUSED: 1,
  ACCESS_DENIED: 1,
  NETWORK: 1,
  REPLY_LOST: 1,
  SESSION_EXPIRED: 1,
  THROTTLED: 1,
  DEVICE_BUSY: 1,
  KEYCHAIN_FAILED: 1,
  NOT_FOUND: 1,
  PROTECTED: 1,
  WRONG_STATE: 1,
  TOO_MANY: 1,
  STILL_IN_PROGRESS: 1,
  DRY_RUN_REFUSED: 1,
  SANDBOX_FAILED: 1,
  OUTPUT_FAILED: 1,
  NOT_FORGOTTEN: 1,
  UNEXPECTED: 1,
  // 2: the command line is wrong, or needs an answer that nobody is there to give
  USAGE: 2,
  TOKEN_CODE_MALFORMED: 2,
  TOKEN_CODE_MISSING: 2,
  CONFIRMATION_MISSING: 2,
  PINENTRY_FAILED: 2,
  TERMINAL_OUTPUT: 2,
  // 3: configuration
  CONFIG_UNREADABLE: 3,
  CONFIG_MALFORMED: 3,
  CONFIG_UNWRITABLE: 3,
  PROFILE_TAKEN: 3,
  CACHE_UNUSABLE: 3,
  TARGET_UNKNOWN: 3,
  SOURCE_PROFILE_LOOP: 3,
  SOURCE_CREDENTIALS_MISSING: 3,
  MFA_SERIAL_MISSING: 3,
  MFA_SERIAL_UNUSABLE: 3,
  MFA_PROCESS_FAILED: 3,
  TOTP_SECRET_MALFORMED: 3,
  TOTP_SECRET_MISSING: 3,
  REGION_MISSING: 3,
  ACCOUNT_UNEXPECTED: 3,
  ENDPOINT_UNEXPECTED: 3,
  SESSION_SETTING_REFUSED: 3,
  // 4: authentication
  TOKEN_CODE_REJECTED: 4,
  MFA_SERIAL_REJECTED: 4,
  ASSUME_ROLE_DENIED: 4,
  SOURCE_CREDENTIALS_INVALID: 4,
  SIGNATURE_REJECTED: 4,
  // 5: some of the resources or targets failed
  PARTIAL_FAILURE: 5,
  HISTORY_DAMAGED: 5,
  // 6: declined
  DECLINED: 6,
  // 7: the code was already used
  TOKEN_CODE_USED: 7,
  // 126, 127: `exec`, `shell`: the command can't be run, it was not found
  COMMAND_NOT_RUNNABLE: 126,
  COMMAND_NOT_FOUND: 127,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

/** Exit codes that no {@link AssumeMfaError} carries. */
/** `exec`, `shell`, `sandbox run`: ours failed before the child ran; the child is not runnable; it was not found. */
export const EXIT_BEFORE_CHILD = 125;
export const EXIT_CHILD_NOT_RUNNABLE = 126;
export const EXIT_CHILD_NOT_FOUND = 127;

export interface AssumeMfaErrorOptions {
  /** What to type or change next: a line, or several, each lower case without a full stop. */
  readonly hint?: string | readonly string[] | undefined;
  readonly cause?: unknown;
  /** Machine-readable facts for `-o json`, beside code, message and hint. No secrets. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The one error class of the project.
 * The message and each hint are one line, lower case, no full stop, no secret; text from outside may stand in them raw,
 * since whoever prints it makes it visible (`text/visible-text.ts`).
 */
export class AssumeMfaError extends Error {
  override readonly name = "AssumeMfaError";
  readonly code: ErrorCode;
  /** Each printed as a line of its own. */
  readonly hints: readonly string[];
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: AssumeMfaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hints = options.hint === undefined ? [] : typeof options.hint === "string" ? [options.hint] : options.hint;
    this.details = options.details;
  }

  /** The hints as one text, for `-o json`; undefined when there is none. */
  get hint(): string | undefined {
    return this.hints.length === 0 ? undefined : this.hints.join("; ");
  }

  /** The process's exit code for this cause (CLI.md, "Exit codes"). */
  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGPIPE: 13, SIGTERM: 15 } as const;

export type InterruptSignal = keyof typeof SIGNAL_NUMBERS;

/**
 * The user (or the system) ended the run by a signal; the exit code is 128 + its number.
 * SIGPIPE: whoever read standard output went away. Node ignores the signal itself, so the failed write says it.
 */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  readonly signal: InterruptSignal;

  constructor(signal: InterruptSignal) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }

  get exitCode(): number {
    return 128 + SIGNAL_NUMBERS[this.signal];
  }
}
