import type { Host } from "./host.ts";

/** A line that changes while something is waited for. */
export interface Progress {
  /** @param text one line; text from outside must have been made visible */
  update(text: string): void;
  /** Clears the line; what was said before stays where it was said in plain lines. */
  end(): void;
}

/** On a terminal one line painted over; elsewhere a line each time that the text changes. */
export function makeProgress(host: Pick<Host, "stderr">, isQuiet: boolean): Progress {
  const { stderr } = host;
  let last = "";
  if (isQuiet) return { update() {}, end() {} };
  if (!stderr.isTerminal) {
    return {
      update(text) {
        if (text !== last) stderr.write(`${text}\n`);
        last = text;
      },
      end() {},
    };
  }
  return {
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
