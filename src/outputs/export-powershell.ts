import type { VariableChange } from "./export-variables.ts";

/**
 * A value as one string of PowerShell that stands for itself: between single quotes nothing is special but the single
 * quote, which is doubled, and PowerShell takes U+2018, U+2019, U+201A and U+201B for single quotes, too (about_Quoting_Rules;
 * ACCEPTANCE.md V3).
 * @throws RangeError for U+0000, and for a line's end: piped into Invoke-Expression each line is a script of its own
 */
export function quoteForPowershell(value: string): string {
  if (/[\0\r\n]/.test(value)) throw new RangeError("a line of PowerShell can't hold a line's end or U+0000");
  return `'${value.replace(/['\u2018\u2019\u201a\u201b]/g, "$&$&")}'`;
}

/** Statements for `| Invoke-Expression`, line by line, and for `Invoke-Expression (… | Out-String)`. */
export function formatPowershellChanges(changes: readonly VariableChange[]): string {
  return changes
    .map(({ name, value }) =>
      value === undefined ? formatTaking(name) : `$Env:${name} = ${quoteForPowershell(value)};\n`,
    )
    .join("");
}

/** Takes the variables away and then ends the script around it, which nothing but `throw` does. */
export function formatPowershellFailure(names: readonly string[]): string {
  return `${names.map(formatTaking).join("")}throw 'assume-mfa: no credentials';\n`;
}

/** What is not there is no error, not even where `$ErrorActionPreference` is Stop. */
function formatTaking(name: string): string {
  return `Remove-Item -LiteralPath 'Env:${name}' -ErrorAction Ignore;\n`;
}
