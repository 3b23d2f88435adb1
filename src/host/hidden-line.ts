/** What a key did to a line that is typed unseen. */
export type HiddenLineEvent =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "end" }
  | { readonly kind: "interrupt"; readonly signal: "SIGINT" | "SIGQUIT" }
  | { readonly kind: "suspend" };

/** Longer than any secret. */
const LIMIT_CHARACTERS = 4096;

const LAST_WORD = /\S*\s*$/;
/** Arrows, function keys, and the marks around a paste: a whole one, or its beginning at the end of what came. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is keys that are read
const ESCAPE_SEQUENCE = /\x1b(?:\[[0-?]{0,32}[ -/]{0,8}(?:[@-~]|$)|O(?:[ -~]|$)|[ -N P-Z\\-~]|$)/y;

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
    const text = this.#pending + this.#decoder.decode(bytes, { stream: true });
    this.#pending = "";
    for (let at = 0; at < text.length; ) {
      ESCAPE_SEQUENCE.lastIndex = at;
      const [sequence] = ESCAPE_SEQUENCE.exec(text) ?? [];
      const key = sequence ?? String.fromCodePoint(text.codePointAt(at) as number);
      at += key.length;
      if (sequence !== undefined) {
        // Half a sequence: its rest comes with the next bytes.
        if (at === text.length && !isWhole(sequence)) this.#pending = sequence;
        continue;
      }
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

function isWhole(sequence: string): boolean {
  const [, second, ...rest] = sequence;
  if (second === "[") return rest.length > 0 && /[@-~]/.test(rest.at(-1) as string);
  return second === "O" ? rest.length > 0 : second !== undefined;
}
