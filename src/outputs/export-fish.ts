import type { VariableChange } from "./export-variables.ts";

/**
 * A value as one word of fish that stands for itself: between single quotes fish knows `\\` and `\'` and nothing else
 * (fish documentation, "Quotes").
 * @throws RangeError for U+0000, which no variable can hold
 */
export function quoteForFish(value: string): string {
  if (value.includes("\0")) throw new RangeError("a shell variable can't hold U+0000");
  return `'${value.replace(/[\\']/g, "\\$&")}'`;
}

/** Taking away what is not there fails, and fish's assignments keep the status that they find. */
const SUCCESS = "true;\n";

/**
 * Statements for `eval (…)` or `| source`. Each line ends in `;`, since fish's eval joins the lines by spaces.
 */
export function formatFishChanges(changes: readonly VariableChange[]): string {
  const statements = changes.map(({ name, value }) =>
    value === undefined ? formatTaking(name) : `set -gx ${name} ${quoteForFish(value)};\n`,
  );
  return statements.join("") + SUCCESS;
}

/** Takes away what {@link formatFishChanges} set, so that universal variables of these names are seen again. */
export function formatFishUnset(names: readonly string[]): string {
  return names.map((name) => `set -eg ${name};\n`).join("") + SUCCESS;
}

/** Takes the variables away and then fails, which is the status of the `eval` around it. */
export function formatFishFailure(names: readonly string[]): string {
  return `${names.map(formatTaking).join("")}false;\n`;
}

/**
 * Erases a variable of the innermost scope (a function may hold one) and the global one.
 * A universal variable (`set -Ux AWS_PROFILE work`) belongs to every fish of the user, those to come included: that is
 * not ours to erase, and fish exports it even from under a global one that is not exported. So it is said.
 */
function formatTaking(name: string): string {
  const warning = `assume-mfa: warning: the universal variable ${name} stays set, to erase it type: set -eU ${name}`;
  return `if set -qUx ${name}; set -eg ${name}; echo ${quoteForFish(warning)} >&2; else; set -e ${name}; set -eg ${name}; end;\n`;
}
