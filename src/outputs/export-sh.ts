import type { VariableChange } from "./export-variables.ts";

/**
 * A value as one word of bash, zsh, dash, ksh or mksh that stands for itself. Between single quotes nothing is special
 * but the single quote (POSIX, Shell Command Language, 2.2.2), which is written outside of them.
 * @throws RangeError for U+0000, which no variable can hold
 */
export function quoteForSh(value: string): string {
  if (value.includes("\0")) throw new RangeError("a shell variable can't hold U+0000");
  return `'${value.replaceAll("'", "'\\''")}'`;
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
