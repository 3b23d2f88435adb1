import type { Host } from "./host.ts";

/** A line that changes while something is waited for. */
export interface Progress {
  /** @param text one line; text from outside must have been made visible */
  update(text: string): void;
  /** Whether the line is painted over; else what is said stays, a line each time. */
  readonly isPainted: boolean;
  /** Clears the line; what was said before stays where it was said in plain lines. */
  end(): void;
}

/** On a terminal one line painted over; elsewhere, and with TERM=dumb, a line each time that the text changes. */
export function makeProgress({ stderr, env }: Pick<Host, "stderr" | "env">, isQuiet: boolean): Progress {
  const isPainted = stderr.isTerminal && env.TERM !== "dumb";
  let last = "";
  if (isQuiet) return { isPainted, update() {}, end() {} };
  if (!isPainted) {
    return {
      isPainted,
      update(text) {
        if (text !== last) stderr.write(`${text}\n`);
        last = text;
      },
      end() {},
    };
  }
  return {
    isPainted,
    update(text) {
      const width = (stderr.columns ?? 80) - 1;
      last = text.length > width ? text.slice(0, width) : text;
      stderr.write(`\r\x1b[2K${last}`);
    },
    end() {
      if (last !== "") stderr.write("\r\x1b[2K");
      last = "";
    },
  };
}
