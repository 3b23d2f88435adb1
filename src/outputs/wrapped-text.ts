import { terminalWidth } from "./terminal-width.ts";

/** A piece of a text, and how it is painted. */
export interface PaintedText {
  /** Visible. */
  readonly text: string;
  readonly paint?: ((text: string) => string) | undefined;
}

const INDENT = "  ";
const graphemes = new Intl.Segmenter();

/**
 * Breaks a text between its words, and within a word that has no room in a line of its own: whole, no line wider than the
 * terminal.
 * @param widthColumns undefined or less than one: nothing is broken
 * @returns lines, painted; those after the first are indented
 */
export function wrapPainted(parts: readonly PaintedText[], widthColumns: number | undefined): readonly string[] {
  const width =
    widthColumns === undefined || !(widthColumns >= 1) ? Number.POSITIVE_INFINITY : Math.floor(widthColumns);
  const whole = parts.map(({ text }) => text).join("");
  if (terminalWidth(whole) <= width) return [parts.map((part) => painted(part, part.text)).join("")];
  const lines: string[] = [];
  let line = "";
  let used = 0;
  let blanks = "";
  const breakLine = () => {
    lines.push(line);
    // Where there is hardly room for a word, there is none for an indent.
    line = width > 2 * INDENT.length ? INDENT : "";
    used = line.length;
    blanks = "";
  };
  const isBegun = () => line.trim() !== "";
  for (const part of parts) {
    for (const word of part.text.split(/(?<= )(?=[^ ])|(?<=[^ ])(?= )/)) {
      if (/^ *$/.test(word)) {
        blanks += word;
        continue;
      }
      if (isBegun() && used + blanks.length + terminalWidth(word) > width) breakLine();
      if (isBegun()) {
        line += blanks;
        used += blanks.length;
      }
      blanks = "";
      let piece = "";
      const flush = () => {
        if (piece !== "") line += painted(part, piece);
        piece = "";
      };
      for (const { segment } of graphemes.segment(word)) {
        const segmentWidth = terminalWidth(segment);
        if (used + segmentWidth > width && (piece !== "" || isBegun())) {
          flush();
          breakLine();
        }
        piece += segment;
        used += segmentWidth;
      }
      flush();
    }
  }
  return [...lines, line];
}

function painted({ paint }: PaintedText, text: string): string {
  return paint?.(text) ?? text;
}
