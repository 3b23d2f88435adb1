export interface Choice<T> {
  readonly value: T;
  /** One line; made visible by the terminal, as are the others. */
  readonly label: string;
  /** What is shown once it is picked; default: the label. */
  readonly short?: string | undefined;
  /** A reason why it can't be picked, shown beside it. */
  readonly disabled?: string | undefined;
}

export interface AskLineOptions {
  /** What was typed before the question was there is thrown away: it can't be an answer to it. For confirmations. */
  readonly discardTypedAhead?: boolean;
  /** A line, safe to show: why the answer before was not taken. Shown above the question, which is about the same then. */
  readonly refusal?: string;
  /** What the answer is, in a word or two: where the question stands beside a field. Default: `Answer`. */
  readonly label?: string;
  /** Called when the question stands where it is seen, as far as that is known: a dialog takes its time. */
  readonly onShown?: () => void;
  /** What is typed is not shown: a secret that lasts. A dialog shows no answer anyway. */
  readonly isHidden?: boolean;
}

/**
 * A conversation with the person at the terminal, or before a dialog (pinentry) that shows one question at a time. On a
 * terminal line prompts run in cooked mode with echo, so that a killed process leaves it as it was (ACCEPTANCE.md P1);
 * only pick lists and hidden answers go raw, and restore.
 * Closed by whoever opened it; after `close` the process can end.
 */
export interface Terminal {
  readonly columns: number;
  /** Whether there is a screen for pick lists. A dialog has none: nobody is there to pick, and `pick` must not be called. */
  readonly canPick: boolean;
  /**
   * Writes to the terminal itself, not to a stream; where there is a dialog, with the next question. Text from outside
   * must have been made visible.
   */
  write(text: string): void;
  /**
   * Paints the question at once (before it returns its promise) and waits for a line.
   * @returns the line without its end; undefined at end of input (Ctrl-D), and where a dialog was cancelled
   * @throws InterruptedError; AssumeMfaError PINENTRY_FAILED when the dialog can't ask
   */
  askLine(question: string, options?: AskLineOptions): Promise<string | undefined>;
  /** A pick list. @throws InterruptedError on Ctrl-C and Ctrl-\, AssumeMfaError DECLINED at end of input (Ctrl-D) */
  pick<T>(question: string, choices: readonly Choice<T>[]): Promise<T>;
  close(): void;
}

/** @returns the terminal to pick at; undefined where nobody is there, or only a dialog that takes lines */
export function openPickTerminal(host: { openTerminal(): Terminal | undefined }): Terminal | undefined {
  const terminal = host.openTerminal();
  if (terminal?.canPick !== false) return terminal;
  terminal.close();
  return undefined;
}
