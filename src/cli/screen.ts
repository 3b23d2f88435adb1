import type { Host } from "../host/host.ts";
import { makeProgress, type Progress } from "../host/progress.ts";
import { formatFields } from "../outputs/fields.ts";
import { isColourWanted, makeStyle, type Style } from "../outputs/style.ts";
import { formatTable, openTable, type TableColumn } from "../outputs/table.ts";
import { visibleText } from "../text/visible-text.ts";

export type OutputFormat = "table" | "json" | "text";

export interface ScreenOptions {
  readonly output: OutputFormat;
  readonly quiet: boolean;
  readonly noColor: boolean;
  readonly debug: boolean;
  /** Neither notes nor lines: standard error is for errors alone. Default: false. */
  readonly isSilent?: boolean;
}

/** Where a command's words go: the result to standard output, all else to standard error (CLI.md, "Output"). */
export interface Screen {
  readonly output: OutputFormat;
  readonly debug: boolean;
  /** For standard output. */
  readonly style: Style;
  /** For standard error. */
  readonly errorStyle: Style;
  /** The result, as it is: already safe to show, with its newline. */
  result(text: string): void;
  /** A table on standard output, fitted to its width. */
  table(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): void;
  /** The same for rows that come in parts, each shown as it comes; its widths are those of the first part. */
  openTable(columns: readonly TableColumn[]): (rows: readonly (readonly string[])[]) => void;
  /** One thing on standard output, a line a field. */
  fields(fields: readonly (readonly [label: string, value: string])[]): void;
  /** A line on standard error that `--quiet` leaves out; made visible here. */
  note(text: string): void;
  /** A line on standard error, already painted, always shown. */
  line(text: string): void;
  progress(): Progress;
}

export function makeScreen(host: Pick<Host, "stdout" | "stderr" | "env">, options: ScreenOptions): Screen {
  const styleOf = (isTerminal: boolean) =>
    makeStyle(isColourWanted({ isTerminal, env: host.env, noColorOption: options.noColor }));
  const style = styleOf(host.stdout.isTerminal);
  const errorStyle = styleOf(host.stderr.isTerminal);
  return {
    output: options.output,
    debug: options.debug,
    style,
    errorStyle,
    result: (text) => host.stdout.write(text),
    table: (columns, rows) =>
      host.stdout.write(formatTable({ columns, rows, widthColumns: host.stdout.columns, style })),
    openTable(columns) {
      const format = openTable({ columns, widthColumns: host.stdout.columns, style });
      return (rows) => host.stdout.write(format(rows));
    },
    fields: (fields) => host.stdout.write(formatFields(fields, style)),
    note(text) {
      if (!options.quiet && !options.isSilent) host.stderr.write(`assume-mfa: ${visibleText(text)}\n`);
    },
    line(text) {
      if (!options.isSilent) host.stderr.write(`${text}\n`);
    },
    progress: () => makeProgress(host, options.quiet || options.isSilent === true),
  };
}
