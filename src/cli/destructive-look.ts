import type { Account } from "../actions/account.ts";
import type { DestructiveAction, Look, ResourceView } from "../actions/action.ts";
import { makeStyle, type Style } from "../outputs/style.ts";
import { formatTable, type TableColumn } from "../outputs/table.ts";
import { terminalWidth } from "../outputs/terminal-width.ts";
import { type PaintedText, wrapPainted } from "../outputs/wrapped-text.ts";
import { formatOrigin } from "../target/format-origin.ts";
import type { Sourced, Target } from "../target/target.ts";
import { visibleText } from "../text/visible-text.ts";
import { formatSpan } from "./phrases.ts";
import type { TargetRun } from "./target-run.ts";

const PROTECTION_WORDS = { protected: "yes", unprotected: "no", unknown: "not read", irrelevant: "-" } as const;

/**
 * What is about to be lost: always shown, on standard error, also with `--yes` (ACCEPTANCE.md D1). Where that is
 * redirected, whoever is asked at the terminal sees it there too, and in a dialog always.
 * @param before what parts it from the look before
 */
export function showLook(
  run: TargetRun,
  action: DestructiveAction,
  look: Look,
  region: Sourced<string>,
  account: Account,
  isAsked: boolean,
  before: string,
): void {
  const { stderr } = run.services.host;
  stderr.write(before + formatLook(run, action, look, region, account, stderr.columns, run.screen.errorStyle));
  const terminal = isAsked ? run.services.host.openTerminal() : undefined;
  if (terminal !== undefined && (!stderr.isTerminal || !terminal.canPick)) {
    terminal.write(before + formatLook(run, action, look, region, account, terminal.columns, makeStyle(false)));
  }
  terminal?.close();
}

function formatLook(
  run: TargetRun,
  { wording, precaution }: DestructiveAction,
  look: Look,
  region: Sourced<string>,
  account: Account,
  widthColumns: number | undefined,
  style: Style,
): string {
  const lines = (parts: readonly PaintedText[]) => `${wrapPainted(parts, widthColumns).join("\n")}\n`;
  const head = formatHead(run.target, region, account, widthColumns, style);
  const seenAt = look.at + (run.services.serverClock.offsetMs() ?? 0);
  const has = (pick: (view: ResourceView) => unknown) => look.resources.some((view) => pick(view) !== undefined);
  // None is left out for want of room: who answers has seen all of it (CLI.md, "Destructive actions" 2).
  const shown: readonly (readonly [TableColumn, (view: ResourceView) => string, boolean])[] = [
    [{ title: "id", shrink: false }, (view) => view.id, true],
    [{ title: "name", minWidth: 30 }, (view) => view.name ?? "", has((view) => view.name)],
    [{ title: "type", shrink: false }, (view) => view.type ?? "", has((view) => view.type)],
    [{ title: "zone", shrink: false }, (view) => view.zone ?? "", has((view) => view.zone)],
    [{ title: "state", shrink: false }, (view) => view.state ?? "cannot look", true],
    [
      { title: "age", align: "right", shrink: false },
      (view) => (view.createdAt === undefined ? "" : formatSpan(seenAt - view.createdAt)),
      has((view) => view.createdAt),
    ],
    [
      {
        title: "protected",
        shrink: false,
        paint: (text, cell) => (cell === "yes" ? style.red(text) : text),
      },
      (view) =>
        PROTECTION_WORDS[view.phase === "untouched" && view.obstacle === undefined ? view.protection : "irrelevant"],
      wording.protection !== undefined,
    ],
    [
      { title: "holds", shrink: false },
      (view) => view.facts.map(([label, value]) => `${value} ${label}`).join(", "),
      look.resources.some(({ facts }) => facts.length > 0),
    ],
  ];
  const columns = shown.filter(([, , isShown]) => isShown);
  const table = formatTable({
    columns: columns.map(([column]) => column),
    rows: look.resources.map((view) => columns.map(([, cell]) => cell(view))),
    widthColumns,
    style,
  });
  return `${head}\n${table}${precaution === undefined ? "" : lines([{ text: precaution }])}`;
}

/** Where it is about to be done, on one line or, where that is too narrow, on a line each. */
function formatHead(
  { name, role, confirm }: Target,
  region: Sourced<string>,
  account: Account,
  widthColumns: number | undefined,
  { bold, dim, red }: Style,
): string {
  // Somebody set this target apart: it is not to be taken for any other.
  const isGuarded = confirm.value === "always" || confirm.value === "person";
  const warn = (text: string) => (isGuarded ? red(text) : text);
  const alias = account.alias === undefined ? "" : ` (${visibleText(account.alias)})`;
  const origin = ` (${visibleText(formatOrigin(region.origin))})`;
  const facts: readonly (readonly PaintedText[])[] = [
    [{ text: `account ${account.id}${alias}`, paint: bold }],
    [{ text: "target " }, { text: visibleText(name), paint: (text) => bold(warn(text)) }],
    ...(isGuarded ? [[{ text: `guarded: ${confirm.value}`, paint: warn }]] : []),
    [{ text: `role ${visibleText(role.value.roleName)}` }],
    [{ text: "region " }, { text: visibleText(region.value), paint: bold }, { text: origin, paint: dim }],
  ];
  const plain = facts.map((parts) => parts.map(({ text }) => text).join("")).join("  ");
  const isNarrow = widthColumns !== undefined && widthColumns >= 1 && terminalWidth(plain) > widthColumns;
  return facts
    .map((parts) => wrapPainted(parts, isNarrow ? widthColumns : undefined).join("\n"))
    .join(isNarrow ? "\n" : "  ");
}
