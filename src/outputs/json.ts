import { redact } from "../credentials/redaction.ts";
import type { AssumeMfaError, ErrorCode } from "../errors.ts";
import { escapeUnshowable } from "../text/visible-text.ts";

/**
 * One JSON document: two spaces of indentation, a newline at its end.
 * What a terminal would act on or hide is escaped (`\u202e`), so that the text is harmless wherever it is shown while
 * the value that a program reads from it is the same.
 * @param value undefined is written as `null`
 */
export function formatJson(value: unknown): string {
  const lines = JSON.stringify(value ?? null, null, 2).split("\n");
  // Newlines inside strings are escaped by now: those that are left are the layout's.
  return `${lines.map((line) => escapeUnshowable(line, formatUnicodeEscape)).join("\n")}\n`;
}

/** JSON knows UTF-16 code units only: a character above U+FFFF becomes two escapes (RFC 8259, 7). */
function formatUnicodeEscape(character: string): string {
  let escaped = "";
  for (let index = 0; index < character.length; index++) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

/** What happened to one target of a run: its result or its error. */
export type TargetResult = {
  /** As the user named it. */
  readonly target: string;
  /** Twelve digits; undefined where it failed before that was known. */
  readonly account: string | undefined;
  readonly region: string | undefined;
} & ({ readonly result: unknown } | { readonly error: AssumeMfaError });

/** An error as `-o json` shows it: always these three, then the error's own details. */
export interface ErrorJson {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
  readonly [detail: string]: unknown;
}

/** @returns for `"error"` in {@link formatTargetResults}, and for `{"error": …}` of a run that failed before any target */
export function toErrorJson(error: AssumeMfaError): ErrorJson {
  const { code, hint } = error;
  const message = redact(error.message);
  // The three stand first, and no detail replaces one of them.
  const three = { code, message, hint: hint === undefined ? null : redact(hint) };
  return { ...three, ...error.details, ...three };
}

/**
 * The document of an action (CLI.md, "Output"): a list, also for a single target, in the order of the targets.
 * `account` and `region` are always there, null where unknown.
 */
export function formatTargetResults(entries: readonly TargetResult[]): string {
  return formatJson(
    entries.map((entry) => {
      const head = { target: entry.target, account: entry.account ?? null, region: entry.region ?? null };
      return "error" in entry
        ? { ...head, error: toErrorJson(entry.error) }
        : { ...head, result: entry.result ?? null };
    }),
  );
}
