/** What a key did to a line that is typed unseen. */
export type HiddenLineEvent =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "end" }
  | { readonly kind: "interrupt"; readonly signal: "SIGINT" | "SIGQUIT" }
  | { readonly kind: "suspend" };

/** Longer than any secret. */
const LIMIT_CHARACTERS = 4096;

const LAST_WORD = /\S*\s*$/;
/** Arrows, function keys, and the marks around a paste. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is keys that are read
const ESCAPE_SEQUENCE = /^\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~]|[ -N P-Z\\-~])/;
/** The beginning of one, whose rest comes with the next bytes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const ESCAPE_BEGUN = /^\x1b(?:\[[0-?]*[ -/]*|O)?$/;

/**
 * A terminal's line editor for raw mode, where no key means what it does otherwise: Enter, Backspace, Ctrl-U, Ctrl-W,
 * Ctrl-C, Ctrl-\, Ctrl-D, Ctrl-Z. Holds what was typed until the line is whole.
 */
export class HiddenLine {
  readonly #decoder = new TextDecoder();
  #typed = "";
  #pending = "";

  /**
   * @param bytes as they came from the terminal
   * @returns what they amount to; undefined: go on. What follows the first line (a paste) is dropped.
   */
  push(bytes: Uint8Array): HiddenLineEvent | undefined {
    this.#pending += this.#decoder.decode(bytes, { stream: true });
    while (this.#pending !== "") {
      if (ESCAPE_BEGUN.test(this.#pending)) return undefined;
      const [sequence] = ESCAPE_SEQUENCE.exec(this.#pending) ?? [];
      const key = sequence ?? ([...this.#pending][0] as string);
      this.#pending = this.#pending.slice(key.length);
      if (sequence !== undefined) continue;
      const event = this.#press(key);
      if (event === undefined) continue;
      if (event.kind !== "suspend") this.clear();
      return event;
    }
    return undefined;
  }

  /** Forgets what was typed. */
  clear(): void {
    this.#typed = "";
    this.#pending = "";
  }

  #press(key: string): HiddenLineEvent | undefined {
    switch (key) {
      case "\r":
      case "\n":
        return { kind: "line", text: this.#typed };
      case "\x03":
        return { kind: "interrupt", signal: "SIGINT" };
      case "\x1c":
        return { kind: "interrupt", signal: "SIGQUIT" };
      case "\x1a":
        return { kind: "suspend" };
      case "\x04":
        return this.#typed === "" ? { kind: "end" } : undefined;
      case "\b":
      case "\x7f":
        this.#typed = [...this.#typed].slice(0, -1).join("");
        return undefined;
      case "\x15":
        this.#typed = "";
        return undefined;
      case "\x17":
        this.#typed = this.#typed.replace(LAST_WORD, "");
        return undefined;
    }
    if (!/\p{Cc}/u.test(key) && this.#typed.length < LIMIT_CHARACTERS) this.#typed += key;
    return undefined;
  }
}
