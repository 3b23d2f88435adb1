import type { VariableChange } from "./export-variables.ts";

/** Of these none means anything to a shell or to a parser of such files, so that they need no quotes. */
const SAFE = /^[A-Za-z0-9/+=:.-]+$/;

/**
 * Lines `NAME=value` without quotes: what `docker run --env-file`, systemd, dotenv's parsers and a shell's `set -a; . file`
 * all read alike. The first two would take quotes for a part of the value. A variable that is to go can't be said there, and
 * is left out.
 * @throws RangeError for a value that would need quotes
 */
export function formatDotenvChanges(changes: readonly VariableChange[]): string {
  return changes
    .map(({ name, value }) => {
      if (value === undefined) return "";
      if (!SAFE.test(value)) throw new RangeError("no quoting of such a value is read alike by all");
      return `${name}=${value}\n`;
    })
    .join("");
}
