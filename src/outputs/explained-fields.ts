import { visibleText } from "../text/visible-text.ts";
import type { Style } from "./style.ts";
import { terminalWidth } from "./terminal-width.ts";

/** A field with the reason why it is so. */
export interface ExplainedField {
  readonly label: string;
  readonly value: string;
  /** `/home/alice/.aws/config:12`; undefined: there is nothing to say. */
  readonly from?: string | undefined;
}

const GAP = "  ";
/** A value that would get less room than this beside its label stands below it. */
const MIN_VALUE_COLUMNS = 40;

/**
 * Fields for people, each with where it comes from: `region  us-east-1  (AWS_REGION)`. What does not fit into the
 * terminal's width goes on in the next line, broken at blanks alone, so that an ARN can be copied whole; what has no room
 * beside the labels stands below its own.
 * @param fields values from outside as they came: they are made visible here
 * @param widthColumns undefined (a pipe) or less than one: one line a field
 */
export function formatExplainedFields(
  fields: readonly ExplainedField[],
  widthColumns: number | undefined,
  style: Style,
): string {
  const available =
    widthColumns === undefined || !(widthColumns >= 1) ? Number.POSITIVE_INFINITY : Math.floor(widthColumns);
  const labelWidth = Math.max(0, ...fields.map(({ label }) => terminalWidth(label)));
  const besideWidth = available - labelWidth - GAP.length;
  return fields
    .map(({ label, value, from }) => {
      const shown = visibleText(value);
      const origin = from === undefined ? "" : visibleText(`(${from})`);
      const widestWord = Math.max(...`${shown} ${origin}`.split(" ").map(terminalWidth));
      const isBeside = besideWidth >= Math.max(MIN_VALUE_COLUMNS, widestWord);
      const width = isBeside ? besideWidth : available - GAP.length;
      const lines = wrapped(shown, width);
      if (origin !== "" && lines.length === 1 && terminalWidth(`${shown}${GAP}${origin}`) <= width) {
        lines[0] = `${shown}${GAP}${style.dim(origin)}`;
      } else if (origin !== "") {
        lines.push(...wrapped(origin, width).map((line) => style.dim(line)));
      }
      const padding = " ".repeat(labelWidth - terminalWidth(label));
      const head = isBeside ? `${style.dim(label)}${padding}${GAP}` : `${style.dim(label)}\n${GAP}`;
      const indent = isBeside ? " ".repeat(labelWidth + GAP.length) : GAP;
      return `${head}${lines.join(`\n${indent}`)}`.trimEnd();
    })
    .map((field) => `${field}\n`)
    .join("");
}

/** @returns lines no wider than the width but for words that are wider by themselves */
function wrapped(text: string, width: number): string[] {
  if (terminalWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && terminalWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}
