import type { VariableChange } from "./export-variables.ts";

/**
 * A value as one word of bash, zsh, dash, ksh or mksh that stands for itself.
 * A quote is written outside the quoted runs, and no run is empty beside it: `''` means a quote inside quotes to a zsh
 * with RC_QUOTES.
 * @throws RangeError for U+0000, which no variable can hold
 */
export function quoteForSh(value: string): string {
  if (value.includes("\0")) throw new RangeError("a shell variable can't hold U+0000");
  if (value === "") return "''";
  return value.replace(/[^']+|'/g, (run) => (run === "'" ? "\\'" : `'${run}'`));
}

/**
 * Statements for `eval`. Each ends in `;`, so that they are still apart when an unquoted `eval $(…)` has turned the
 * newlines into spaces.
 */
export function formatShChanges(changes: readonly VariableChange[]): string {
  return changes
    .map(({ name, value }) => (value === undefined ? `unset ${name};\n` : `export ${name}=${quoteForSh(value)};\n`))
    .join("");
}

/** Takes the variables away and then fails, which is the status of the `eval` around it. */
export function formatShFailure(names: readonly string[]): string {
  return `${formatShChanges(names.map((name) => ({ name, value: undefined })))}false;\n`;
}
