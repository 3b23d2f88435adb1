import { CREDENTIAL_NAMES, type VariableChange } from "./export-variables.ts";

/** What a workflow's log must never show; the expiry and the region are no secret. */
const MASKED: ReadonlySet<string> = new Set(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]);

/**
 * Workflow commands for standard output, to be printed before anything else is done with the values (GitHub Actions,
 * "Workflow commands", `::add-mask::`).
 * @throws RangeError for a value with a line's end, of which only the first line would be masked
 */
export function formatGithubMasks(changes: readonly VariableChange[]): string {
  return changes
    .map(({ name, value }) => {
      if (value === undefined || !MASKED.has(name)) return "";
      if (/[\r\n]/.test(value)) throw new RangeError("a mask is one line");
      // The runner undoes these three (toolkit, command.ts, escapeData).
      return `::add-mask::${value.replaceAll("%", "%25")}\n`;
    })
    .join("");
}

/**
 * What is appended to the file `$GITHUB_ENV`, for the steps that follow. A file of variables can't take one away: those of
 * the credentials are made empty, which every SDK takes for none; an empty profile or region they would take for one.
 * @param delimiter ends each value: nobody may know it before, or a value could end early and name another variable
 * @throws RangeError when it stands in a value all the same
 */
export function formatGithubEnvironment(changes: readonly VariableChange[], delimiter: string): string {
  return changes
    .map(({ name, value }) => {
      if (value === undefined && !CREDENTIAL_NAMES.includes(name)) return "";
      if (value?.includes(delimiter)) throw new RangeError("the delimiter stands in a value");
      return `${name}<<${delimiter}\n${value ?? ""}\n${delimiter}\n`;
    })
    .join("");
}
