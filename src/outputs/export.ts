import { AssumeMfaError } from "../errors.ts";
import { formatCmdChanges, formatCmdFailure, formatCmdUnset } from "./export-cmd.ts";
import { formatDotenvChanges } from "./export-dotenv.ts";
import { formatFishChanges, formatFishFailure, formatFishUnset } from "./export-fish.ts";
import { formatGithubMasks } from "./export-github.ts";
import { formatPowershellChanges, formatPowershellFailure } from "./export-powershell.ts";
import { formatProcessDocument } from "./export-process.ts";
import { formatShChanges, formatShFailure } from "./export-sh.ts";
import {
  CREDENTIAL_NAMES,
  type ExportInput,
  REGION_NAMES,
  toVariableChanges,
  type VariableChange,
} from "./export-variables.ts";
import { formatJson } from "./json.ts";

interface ExportFormatter {
  /** @param changes have passed the allowlist of `export-variables.ts`; quoted all the same */
  readonly formatChanges: (changes: readonly VariableChange[]) => string;
  /** Undefined where the format can't say that a variable goes. */
  readonly formatUnset: (() => string) | undefined;
  /** What is printed when there are no credentials to hand over: may be nothing. */
  readonly formatFailure: () => string;
}

const SET_NAMES = [...CREDENTIAL_NAMES, ...REGION_NAMES];
const TAKINGS: readonly VariableChange[] = SET_NAMES.map((name) => ({ name, value: undefined }));

const FORMATTERS = {
  sh: {
    formatChanges: formatShChanges,
    formatUnset: () => formatShChanges(TAKINGS),
    formatFailure: () => formatShFailure(CREDENTIAL_NAMES),
  },
  fish: {
    formatChanges: formatFishChanges,
    formatUnset: () => formatFishUnset(SET_NAMES),
    formatFailure: () => formatFishFailure(CREDENTIAL_NAMES),
  },
  powershell: {
    formatChanges: formatPowershellChanges,
    formatUnset: () => formatPowershellChanges(TAKINGS),
    formatFailure: () => formatPowershellFailure(CREDENTIAL_NAMES),
  },
  cmd: {
    formatChanges: formatCmdChanges,
    formatUnset: () => formatCmdUnset(SET_NAMES),
    formatFailure: () => formatCmdFailure(CREDENTIAL_NAMES),
  },
  // What is not in a file of variables, or in a document, is not set: there is nothing to take away.
  dotenv: { formatChanges: formatDotenvChanges, formatUnset: undefined, formatFailure: () => "" },
  json: {
    formatChanges: (changes) =>
      formatJson(
        Object.fromEntries(changes.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
      ),
    formatUnset: undefined,
    formatFailure: () => "",
  },
  process: { formatChanges: formatProcessDocument, formatUnset: undefined, formatFailure: () => "" },
  // The variables themselves go to a file: github-environment-file.ts.
  github: { formatChanges: formatGithubMasks, formatUnset: () => "", formatFailure: () => "" },
} as const satisfies Record<string, ExportFormatter>;

export type ExportFormat = keyof typeof FORMATTERS;

/** Those that can say that a variable goes. */
const UNSETTING = (Object.entries(FORMATTERS) as [string, ExportFormatter][])
  .filter(([, { formatUnset }]) => formatUnset !== undefined)
  .map(([name]) => name);

/** In the order in which help and messages name them. */
export const EXPORT_FORMATS = Object.keys(FORMATTERS) as readonly ExportFormat[];

/** The AWS CLI's names (`aws configure export-credentials --format`) for formats of ours. */
const AWS_CLI_NAMES: ReadonlyMap<string, ExportFormat> = new Map([
  ["env", "sh"],
  ["env-no-export", "dotenv"],
  ["windows-cmd", "cmd"],
]);

/**
 * @param option what `--format` was given, if it was
 * @param shell `$SHELL`
 * @returns without the option: `fish` for a `$SHELL` that ends in fish, else `sh`
 * @throws AssumeMfaError USAGE for an unknown name
 */
export function resolveExportFormat(option: string | undefined, shell: string | undefined): ExportFormat {
  if (option === undefined) return shell?.endsWith("fish") ? "fish" : "sh";
  const format = EXPORT_FORMATS.find((known) => known === option) ?? AWS_CLI_NAMES.get(option);
  if (format === undefined) {
    throw new AssumeMfaError("USAGE", `unknown export format "${option}"`, {
      hint: `the formats are ${EXPORT_FORMATS.join(", ")}`,
    });
  }
  return format;
}

/**
 * Credentials as text for another program (CLI.md, "Output"): sets the keys, the expiry and, where known, the region;
 * takes away the profile and what is left of other credentials.
 * @throws AssumeMfaError UNEXPECTED or CONFIG_MALFORMED for a value that AWS can't have given, without that value:
 *   print {@link formatExportFailure} then
 */
export function formatExport(format: ExportFormat, input: ExportInput): string {
  return FORMATTERS[format].formatChanges(toVariableChanges(input));
}

/** What `--unset` of the format github appends: the credentials, empty. The region stays. */
export const GITHUB_TAKINGS: readonly VariableChange[] = TAKINGS;

/**
 * The way back (`--unset`): takes away all that {@link formatExport} sets. The profile that it took away is not known
 * any more.
 * @throws AssumeMfaError USAGE for a format that can't say it
 */
export function formatExportUnset(format: ExportFormat): string {
  const { formatUnset }: ExportFormatter = FORMATTERS[format];
  if (formatUnset === undefined) {
    throw new AssumeMfaError("USAGE", `--unset has no meaning in the format ${format}`, {
      hint: `add --format ${UNSETTING.join(", ")}`,
    });
  }
  return formatUnset();
}

/**
 * Standard output of an `export` that failed. `eval ""` succeeds, and a script would go on with the account that it had
 * before: so the shells are told to drop the credentials and to fail. Other formats print nothing.
 */
export function formatExportFailure(format: ExportFormat): string {
  return FORMATTERS[format].formatFailure();
}
