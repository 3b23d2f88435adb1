import { visibleText } from "../text/visible-text.ts";
import type { Style } from "./style.ts";
import { terminalWidth } from "./terminal-width.ts";

export interface TableColumn {
  readonly title: string;
  /** Default: left. */
  readonly align?: "left" | "right";
  /** False: its cells are never cut, whatever the width, such as ids that are copied into the next command. Default: true. */
  readonly shrink?: boolean;
  /** True: left out before anything is cut or stacked, the last such column first. Default: false. */
  readonly optional?: boolean;
  /** Terminal columns that are left to it when it is cut, never fewer than its title has. Default: 8. */
  readonly minWidth?: number;
  /** Terminal columns that its cells often have: kept for it where the rows are told in parts. Default: what the first part has. */
  readonly usualWidth?: number;
  /**
   * Colours a cell.
   * @param text the cell as it is shown: made visible, perhaps cut
   * @param cell the whole cell
   */
  readonly paint?: (text: string, cell: string) => string;
}

export interface TableInput {
  readonly columns: readonly TableColumn[];
  /** Text from outside as it came: each cell is made visible here. A missing cell is empty. */
  readonly rows: readonly (readonly string[])[];
  /** The terminal's width; undefined (a pipe) or less than one (a terminal that does not know): nothing is cut. */
  readonly widthColumns: number | undefined;
  readonly style: Style;
}

const GAP = "  ";
const ELLIPSIS = "…";
const DEFAULT_MIN_WIDTH = 8;
/** Below this a table that does not fit is stacked rather than cut to scraps. */
const NARROW_COLUMNS = 40;
/** A value that would get less room than this beside its title stands below it. */
const MIN_STACKED_VALUE_COLUMNS = 10;
const STACKED_INDENT = "  ";

interface Cell {
  /** As given. */
  readonly raw: string;
  /** Made visible, without blanks at its end, which could not be seen. */
  readonly text: string;
  readonly width: number;
}

/**
 * A table for people: a line of titles, a line per row, no line wider than the terminal and none with blanks at its end.
 * Columns that may shrink are cut (`…`), the widest first. A table that can't be made to fit, or would have to be cut on
 * a terminal narrower than 40 columns, is stacked instead: a block per row, a line per cell, an empty line in between.
 * A cell of a column with `shrink: false` is whole even where it alone is wider than the terminal.
 * Widths are the most that a terminal takes (`terminal-width.ts`), so that no cell reaches into the next line.
 * @returns lines, each with its newline; the empty string when there are no rows: the caller says what there is none of
 */
export function formatTable(input: TableInput): string {
  if (input.rows.length === 0) return "";
  return layOut(input)(input.rows);
}

/** A first part of so many rows is seldom the last. */
const MANY_ROWS = 50;

/**
 * The same for rows that come in parts: titles and widths are those of the first part, so that it can be shown before
 * there is another. In a later one what is too wide for its column is cut where the column may shrink and the table is on
 * a terminal; else it stands whole, and moves what follows it in its line.
 * @returns what a part of the rows looks like: the empty string for no rows
 */
export function openTable(input: Omit<TableInput, "rows">): (rows: readonly (readonly string[])[]) => string {
  let formatPart: ReturnType<typeof layOut> | undefined;
  return (rows) => {
    if (rows.length === 0) return "";
    if (formatPart !== undefined) return formatPart(rows);
    const reserved = input.columns.map(({ usualWidth = 0 }) => (rows.length < MANY_ROWS ? "" : "x".repeat(usualWidth)));
    formatPart = layOut({ ...input, rows: [...rows, reserved] });
    return formatPart(rows);
  };
}

/**
 * Decides what the table looks like by these rows.
 * @returns formats rows: the first time under their titles
 */
function layOut({ columns, rows, widthColumns, style }: TableInput): (part: TableInput["rows"]) => string {
  if (columns.length === 0) return () => "";
  const titles = columns.map((column) => toCell(column.title));
  const toCells = (part: TableInput["rows"]) => part.map((row) => columns.map((_, index) => toCell(row[index] ?? "")));
  const natural = toCells(rows).reduce(
    (widest, row) => widest.map((width, index) => Math.max(width, cellAt(row, index).width)),
    titles.map(({ width }) => width),
  );
  const available =
    widthColumns === undefined || !(widthColumns >= 1) ? Number.POSITIVE_INFINITY : Math.floor(widthColumns);
  let parts = 0;
  const asGrid = (widths: readonly number[]) => (part: TableInput["rows"]) => {
    const shownTitles = parts++ === 0 ? titles : undefined;
    return formatGrid(columns, shownTitles, toCells(part), widths, available, style);
  };

  if (lineWidth(natural) <= available) return asGrid(natural);
  const spare = columns.findLastIndex(({ optional }) => optional);
  if (spare >= 0 && available >= NARROW_COLUMNS) {
    const without = <T>(all: readonly T[]) => all.filter((_, index) => index !== spare);
    const format = layOut({ columns: without(columns), rows: rows.map(without), widthColumns, style });
    return (part) => format(part.map(without));
  }
  if (available >= NARROW_COLUMNS) {
    const widths = shrinkToFit(columns, titles, natural, available);
    if (widths !== undefined) return asGrid(widths);
  }
  return (part) => (parts++ === 0 ? "" : "\n") + formatStack(columns, titles, toCells(part), available, style);
}

/**
 * Rows as lines whose columns stand below each other: for lists that are no tables.
 * @param rows text from outside as it came: each cell is made visible here
 */
export function alignedLines(rows: readonly (readonly string[])[]): readonly string[] {
  const cells = rows.map((row) => row.map(toCell));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [index, { width }] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, width);
  }
  return cells.map((row) =>
    row
      .map(({ text, width }, index) => text + " ".repeat((widths[index] ?? 0) - width))
      .join(GAP)
      .trimEnd(),
  );
}

function toCell(raw: string): Cell {
  const text = visibleText(raw).trimEnd();
  return { raw, text, width: terminalWidth(text) };
}

function cellAt(row: readonly Cell[], index: number): Cell {
  return row[index] ?? { raw: "", text: "", width: 0 };
}

function lineWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
}

/**
 * Cuts the widest columns first, so that a short column keeps what it has for as long as a longer one can give.
 * @returns undefined when the columns at their narrowest are still too wide
 */
function shrinkToFit(
  columns: readonly TableColumn[],
  titles: readonly Cell[],
  natural: readonly number[],
  available: number,
): readonly number[] | undefined {
  const narrowest = natural.map((width, index) => {
    const column = columns[index];
    if (column?.shrink === false) return width;
    return Math.min(width, Math.max(column?.minWidth ?? DEFAULT_MIN_WIDTH, titles[index]?.width ?? 0, 1));
  });
  if (lineWidth(narrowest) > available) return undefined;

  const widths = [...natural];
  let excess = lineWidth(widths) - available;
  while (excess > 0) {
    const shrinkable = widths.map((width, index) => (width > (narrowest[index] ?? 0) ? width : 0));
    const widest = Math.max(...shrinkable);
    const atWidest = shrinkable.flatMap((width, index) => (width === widest ? [index] : []));
    // Down to the next lower column, to the first minimum among them, or by an even share: whichever comes first.
    const nextLower = Math.max(0, ...shrinkable.filter((width) => width < widest));
    const floor = Math.max(nextLower, ...atWidest.map((index) => narrowest[index] ?? 0));
    const step = Math.max(1, Math.min(widest - floor, Math.floor(excess / atWidest.length)));
    for (const index of atWidest) {
      const cut = Math.min(step, excess);
      widths[index] = widest - cut;
      excess -= cut;
    }
  }
  return widths;
}

function formatGrid(
  columns: readonly TableColumn[],
  titles: readonly Cell[] | undefined,
  rows: readonly (readonly Cell[])[],
  widths: readonly number[],
  available: number,
  style: Style,
): string {
  const formatLine = (cells: readonly Cell[], paint: (text: string, cell: Cell, index: number) => string): string => {
    let line = "";
    let pending = "";
    cells.forEach((cell, index) => {
      if (index > 0) pending += GAP;
      const width = widths[index] ?? cell.width;
      // Nothing is cut in a pipe, whatever a later part brings.
      const isCut = columns[index]?.shrink !== false && available !== Number.POSITIVE_INFINITY;
      const text = isCut ? truncate(cell, width) : cell.text;
      const padding = " ".repeat(Math.max(0, width - terminalWidth(text)));
      const isRight = columns[index]?.align === "right";
      if (isRight) pending += padding;
      if (text !== "") {
        line += pending + paint(text, cell, index);
        pending = "";
      }
      // Held back until another cell follows: no blanks at the end of a line.
      if (!isRight) pending += padding;
    });
    return `${line}\n`;
  };
  const header = titles === undefined ? "" : formatLine(titles, (text) => style.bold(text));
  return (
    header + rows.map((row) => formatLine(row, (text, cell, index) => paintCell(columns[index], text, cell))).join("")
  );
}

function formatStack(
  columns: readonly TableColumn[],
  titles: readonly Cell[],
  rows: readonly (readonly Cell[])[],
  available: number,
  style: Style,
): string {
  const titleWidth = Math.max(...titles.map((title) => title.width));
  const besideWidth = available - titleWidth - GAP.length;
  const belowWidth = available - STACKED_INDENT.length;

  const formatField = (title: Cell, cell: Cell, column: TableColumn | undefined): string => {
    const shownTitle = style.bold(truncate(title, available));
    if (cell.text === "") return `${shownTitle}\n`;
    const canShrink = column?.shrink !== false;
    if (cell.width <= besideWidth || (canShrink && besideWidth >= MIN_STACKED_VALUE_COLUMNS)) {
      const text = truncate(cell, besideWidth);
      return `${shownTitle}${" ".repeat(titleWidth - title.width)}${GAP}${paintCell(column, text, cell)}\n`;
    }
    if (cell.width <= belowWidth || (canShrink && belowWidth >= MIN_STACKED_VALUE_COLUMNS)) {
      return `${shownTitle}\n${STACKED_INDENT}${paintCell(column, truncate(cell, belowWidth), cell)}\n`;
    }
    const text = canShrink ? truncate(cell, available) : cell.text;
    return `${shownTitle}\n${paintCell(column, text, cell)}\n`;
  };
  return rows
    .map((row) => row.map((cell, index) => formatField(cellAt(titles, index), cell, columns[index])).join(""))
    .join("\n");
}

function paintCell(column: TableColumn | undefined, text: string, cell: Cell): string {
  return column?.paint === undefined || text === "" ? text : column.paint(text, cell.raw);
}

const graphemes = new Intl.Segmenter();
/** More of a text than this per column is not looked at: Intl.Segmenter takes time in the square of the length. */
const MAX_UNITS_PER_COLUMN = 32;

/**
 * Cuts between what a reader takes for characters, never within one.
 * @param width at least 1
 */
function truncate(cell: Cell, width: number): string {
  if (cell.width <= width) return cell.text;
  const room = width - terminalWidth(ELLIPSIS);
  const maxUnits = (room + 1) * MAX_UNITS_PER_COLUMN;
  let kept = "";
  let used = 0;
  for (const { segment, index } of graphemes.segment(cell.text.slice(0, maxUnits))) {
    const segmentWidth = terminalWidth(segment);
    // What touches the end of the part that is looked at may itself be a part.
    if (used + segmentWidth > room || index + segment.length >= maxUnits) break;
    kept += segment;
    used += segmentWidth;
  }
  return kept.trimEnd() + ELLIPSIS;
}
