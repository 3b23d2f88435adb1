import { visibleText } from "../text/visible-text.ts";
import type { Style } from "./style.ts";
import { terminalWidth } from "./terminal-width.ts";

/**
 * One thing for people, a line a field: `account  222222222222`. A value is never cut, since it may be copied: one that is
 * wider than the terminal goes on in its next line.
 * @param fields label and value; values from outside as they came: they are made visible here
 */
export function formatFields(fields: readonly (readonly [label: string, value: string])[], style: Style): string {
  const width = Math.max(0, ...fields.map(([label]) => terminalWidth(label)));
  return fields
    .map(([label, value]) => {
      const padding = " ".repeat(width - terminalWidth(label));
      return `${style.dim(label)}${padding}  ${visibleText(value)}`.trimEnd();
    })
    .map((line) => `${line}\n`)
    .join("");
}
