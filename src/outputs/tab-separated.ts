import { visibleText } from "../text/visible-text.ts";

/** What the AWS CLI's text output prints where there is no value. */
const NO_VALUE = "None";

/**
 * `-o text`, in the manner of the AWS CLI: a line per row, no titles, a tab between the cells, so that `cut` and `awk`
 * find each cell at its place. A tab or newline inside a cell is made visible (`\t`) and can't move the others.
 * @param rows an undefined cell is printed as `None`
 * @returns the empty string when there are no rows
 */
export function formatTabSeparated(rows: readonly (readonly (string | undefined)[])[]): string {
  return rows
    .map((row) => `${row.map((cell) => (cell === undefined ? NO_VALUE : visibleText(cell))).join("\t")}\n`)
    .join("");
}
