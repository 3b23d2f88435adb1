import { formatTabSeparated } from "../outputs/tab-separated.ts";
import type { TableColumn } from "../outputs/table.ts";
import type { TargetOutcome, TargetRun } from "./target-run.ts";

/** How the items of a list are shown. Text from AWS is raw. */
export interface ListingPlan<Item> {
  readonly columns: readonly TableColumn[];
  readonly row: (item: Item) => readonly string[];
  /** For `-o text`; an undefined cell is one that there is nothing for. */
  readonly textRow: (item: Item) => readonly (string | undefined)[];
  /** Said where there is none, a line each. */
  readonly none: readonly string[];
}

/**
 * Lists what comes page by page. For people and for `cut` the rows are printed as they come, so that the first ones are
 * there before the last page, and none is kept. A JSON document, whole and valid also where a later page fails, and the
 * one table of several targets wait for all of them.
 * @returns without `listing` and `print` where the rows are printed
 */
export async function runListing<Item>(
  { screen, together }: TargetRun,
  plan: ListingPlan<Item>,
  pages: AsyncIterable<readonly Item[]>,
): Promise<TargetOutcome & { readonly result: readonly Item[] }> {
  if (together !== undefined || screen.output === "json") {
    const items: Item[] = [];
    for await (const page of pages) items.push(...page);
    const listing = { columns: plan.columns, rows: items.map(plan.row), textRows: items.map(plan.textRow) };
    return { result: items, listing: screen.output === "json" ? undefined : listing };
  }
  const showRows = screen.openTable(plan.columns);
  let count = 0;
  for await (const page of pages) {
    count += page.length;
    if (screen.output === "text") screen.result(formatTabSeparated(page.map(plan.textRow)));
    else showRows(page.map(plan.row));
  }
  if (count === 0 && screen.output !== "text") for (const line of plan.none) screen.note(line);
  return { result: [] };
}
