import type { Report, RunFailure } from "../actions/action.ts";
import type { Style } from "../outputs/style.ts";
import { formatTabSeparated } from "../outputs/tab-separated.ts";
import type { TableColumn } from "../outputs/table.ts";
import { visibleText } from "../text/visible-text.ts";
import type { Screen } from "./screen.ts";
import type { Listing } from "./target-run.ts";

/** A longer reason stands below the table. */
const LONGEST_REASON_CELL = 40;

/**
 * What became of each, for people or for `cut`.
 * @param failure printed after it, so that what it says of all of them is not said here too
 */
export function printReport(screen: Screen, report: Report, failure: RunFailure | undefined): void {
  const rows = rowsOf(report);
  const backups = report.resources.flatMap(({ id, backup }) => (backup === undefined ? [] : [{ id, ...backup }]));
  if (screen.output === "text") {
    const withBackups = rows.map((row, index) => [...row, report.resources[index]?.backup?.arn]);
    screen.result(formatTabSeparated(backups.length > 0 ? withBackups : rows));
    return;
  }
  const isSaidBelow = report.resources.every(({ reason }) => reason !== undefined && reason === failure?.message);
  const reasons = isSaidBelow ? [] : report.resources.flatMap(({ reason }) => reason ?? []);
  // A sentence of AWS's, the same for two hundred ids, is said once, below.
  const hasReasonColumn = reasons.length > 0 && reasons.every((reason) => reason.length <= LONGEST_REASON_CELL);
  const hasNames = report.resources.some(({ name }) => name !== null);
  screen.table(
    [
      { title: "id", shrink: false },
      ...(hasNames ? [{ title: "name" }] : []),
      { title: "before", shrink: false },
      { title: "now", shrink: false },
      outcomeColumn(screen.style),
      ...(hasReasonColumn ? [{ title: "reason", shrink: false }] : []),
    ],
    cellsOf(hasNames ? rows : rows.map(([id, , ...others]) => [id, ...others])),
  );
  for (const { id, name, arn, status } of backups) {
    const incomplete = status === "AVAILABLE" ? "" : screen.style.yellow(` (${visibleText(status)})`);
    screen.result(`backup of ${id}: ${visibleText(name)}${incomplete}\n  ${visibleText(arn)}\n`);
  }
  if (hasReasonColumn) return;
  for (const reason of new Set(reasons)) {
    const { length } = reasons.filter((other) => other === reason);
    screen.result(`${length} of ${report.resources.length}: ${visibleText(reason)}\n`);
  }
}

/** The report's rows, to stand among those of other targets. */
export function reportListing(report: Report, style: Style): Listing {
  const rows = rowsOf(report);
  return {
    columns: [
      { title: "id", shrink: false },
      { title: "name" },
      { title: "before", shrink: false },
      { title: "now", shrink: false },
      outcomeColumn(style),
      { title: "reason", minWidth: 20 },
    ],
    rows: cellsOf(rows),
    textRows: rows,
    dropsEmpty: true,
  };
}

/** An undefined cell is one that there is nothing for. */
type Rows = readonly (readonly (string | undefined)[])[];

function rowsOf(report: Report): Rows {
  return report.resources.map((one) => [
    one.id,
    one.name ?? undefined,
    one.before ?? undefined,
    one.state ?? "unknown",
    one.outcome,
    one.reason,
  ]);
}

function cellsOf(rows: Rows): readonly (readonly string[])[] {
  return rows.map((row) => row.map((cell) => cell ?? ""));
}

function outcomeColumn({ green, yellow, red }: Style): TableColumn {
  return {
    title: "outcome",
    shrink: false,
    paint: (text, cell) =>
      cell === "done" || cell === "would be done" ? green(text) : cell === "pending" ? yellow(text) : red(text),
  };
}
