import type { KeptEntry } from "../history/history.ts";
import { formatCount } from "./phrases.ts";

/** An entry of the history for people. Text as it came: whoever prints it makes it visible. */
export interface HistoryRow {
  readonly at: string | undefined;
  readonly target: string | undefined;
  readonly account: string | undefined;
  readonly region: string | undefined;
  readonly what: string;
  readonly outcome: string | undefined;
  readonly resources: string | undefined;
  readonly accessKeyIds: string | undefined;
  readonly requestIds: string | undefined;
  /** The outcome stands in a later row. */
  readonly isOutdated: boolean;
}

/** @param entries whatever stands in the file: nothing of them is taken for granted */
export function rowsOf(entries: readonly KeptEntry[]): readonly HistoryRow[] {
  const ended = new Set(entries.flatMap(({ event, run }) => (event === "action ended" && isText(run) ? [run] : [])));
  return entries.map((entry) => ({
    at: textOf(entry.at),
    target: textOf(entry.target),
    account: textOf(entry.account),
    region: textOf(entry.region),
    ...whatOf(entry),
    resources: listOf(entry.resources, (one) => textOf((one as KeptEntry | null)?.id)),
    accessKeyIds: textOf(entry.accessKeyId) ?? listOf(entry.accessKeyIds, textOf),
    requestIds: textOf(entry.requestId) ?? listOf(entry.requestIds, textOf),
    isOutdated: entry.event === "action begun" && isText(entry.run) && ended.has(entry.run),
  }));
}

function whatOf(entry: KeptEntry): Pick<HistoryRow, "what" | "outcome"> {
  const action = textOf(entry.action) ?? "";
  switch (entry.v === 1 ? entry.event : undefined) {
    case "AssumeRole":
    case "AssumeRoleWithWebIdentity":
      return { what: `session, ${textOf(entry.route) ?? "?"}`, outcome: undefined };
    case "GetSessionToken":
      return { what: "signed in", outcome: undefined };
    case "action begun":
      return { what: action, outcome: "begun, no outcome" };
    case "action ended":
      return { what: entry.dryRun === true ? `${action} (dry run)` : action, outcome: outcomeOf(entry) };
    case "torn line":
      return { what: "damage", outcome: "a crash tore the line before" };
    case "lines missing":
      return { what: "damage", outcome: "lines before were gone" };
    default:
      // A later version's: as it is.
      return { what: textOf(entry.event) ?? "?", outcome: JSON.stringify(entry) };
  }
}

/** `2 done, 1 failed`, `declined`, `2 not done (PROTECTED)` */
function outcomeOf({ resources, code }: KeptEntry): string {
  if (code === "DECLINED") return "declined";
  const counts = new Map<string, number>();
  for (const one of Array.isArray(resources) ? resources : []) {
    const outcome = textOf((one as KeptEntry | null)?.outcome) ?? "?";
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  const told = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(", ") || formatCount(0, "resource");
  return isText(code) && code !== "PARTIAL_FAILURE" ? `${told} (${code})` : told;
}

function listOf(value: unknown, pick: (one: unknown) => string | undefined): string | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.map((one) => pick(one) ?? "?").join(" ");
}

function textOf(value: unknown): string | undefined {
  return isText(value) ? value : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
