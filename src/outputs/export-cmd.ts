import type { VariableChange } from "./export-variables.ts";

/** `%`, `!`, `^`, `&`, quotes and a line's end can't be quoted so that every cmd.exe reads them alike (ACCEPTANCE.md V3). */
const SAFE = /^[A-Za-z0-9/+=:.-]+$/;

/**
 * A value between `set "NAME=` and `"`.
 * @throws RangeError for what is not letters, digits and `/+=:.-`: nothing is quoted
 */
export function checkForCmd(value: string): string {
  if (!SAFE.test(value)) throw new RangeError("cmd.exe can't be handed such a value safely");
  return value;
}

/**
 * Lines for `for /f "delims=" %i in ('…') do @%i`, and for a file that is called. What `for` puts in is not read again
 * for redirections or a leading `@`: the lines have neither.
 */
export function formatCmdChanges(changes: readonly VariableChange[]): string {
  return changes
    .map(({ name, value }) => (value === undefined ? formatTaking(name) : `set "${name}=${checkForCmd(value)}"\n`))
    .join("");
}

/** Taking away what is not there sets ERRORLEVEL in a `.cmd` file. */
export function formatCmdUnset(names: readonly string[]): string {
  return `${names.map(formatTaking).join("")}cmd /c exit 0\n`;
}

/** Takes the variables away and then sets ERRORLEVEL. */
export function formatCmdFailure(names: readonly string[]): string {
  return `${names.map(formatTaking).join("")}cmd /c exit 1\n`;
}

function formatTaking(name: string): string {
  return `set "${name}="\n`;
}
