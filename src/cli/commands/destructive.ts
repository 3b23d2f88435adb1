import type { Command } from "commander";
import type { DestructiveAction, Look, Report, ResourceView } from "../../actions/action.ts";
import { AssumeMfaError } from "../../errors.ts";
import { openPickTerminal } from "../../host/terminal.ts";
import { makeStyle, type Style } from "../../outputs/style.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import { formatTable, type TableColumn } from "../../outputs/table.ts";
import { formatOrigin } from "../../target/format-origin.ts";
import type { Sourced } from "../../target/target.ts";
import { visibleText } from "../../text/visible-text.ts";
import { askAgreement, resolveAgreement } from "../confirm.ts";
import { addDestructiveOptions, type DestructiveOptions, resolveTimeoutSeconds } from "../options.ts";
import { formatSpan } from "../phrases.ts";
import { pickResource, type ResourcePicker } from "../pick-resource.ts";
import { runRecorded } from "../recorded-action.ts";
import { runOnTarget } from "../run-on-target.ts";
import type { Screen } from "../screen.ts";
import type { Services } from "../services.ts";
import type { TargetRun } from "../target-run.ts";

/** A destructive action as it is typed. `Own`: the options that it alone has, as commander gives them. */
export interface DestructiveCommand<Own extends object, Action extends DestructiveAction> {
  readonly name: string;
  /** @throws USAGE where its options contradict each other */
  readonly makeAction: (options: Own) => Action;
  readonly ownOptions?: readonly (readonly [flags: string, description: string])[];
  /** `ids`, `names` */
  readonly operands: string;
  readonly description: string;
  /** What to offer on a terminal when no operand is given. */
  readonly makePicker: (action: Action) => ResourcePicker;
}

export function registerDestructive<Own extends object, Action extends DestructiveAction>(
  program: Command,
  services: Services,
  targetName: string,
  { name, makeAction, ownOptions = [], operands, description, makePicker }: DestructiveCommand<Own, Action>,
): void {
  const command = program.command(name).argument(`[${operands}...]`).description(description);
  for (const [flags, meaning] of ownOptions) command.option(flags, meaning);
  addDestructiveOptions(command).action(async (words: readonly string[], options: DestructiveOptions & Own) => {
    const action = makeAction(options);
    const timeoutSeconds = resolveTimeoutSeconds(options);
    const needs = { ids: () => action.checkIds(words), needs: action.needs, finding: makePicker(action).needs };
    await runOnTarget(services, targetName, options, { needsRegion: true, needs }, async (run) => {
      const { screen } = run;
      const given = action.checkIds(words);
      if (given.length === 0) checkSomebodyToPick(run, action, operands, options.yes === true);
      const agreed = resolveAgreement(run, options, action.name);
      // What is picked from a list is always asked about: a slip of the hand picks too.
      const isUnasked = given.length === 0 && agreed === "given" && options.dryRun !== true;
      const agreement = isUnasked ? "yes or no" : agreed;
      const ids =
        given.length > 0
          ? given
          : action.checkIds([await pickResource(run, await run.openScope(), makePicker(action), action.wording.verb)]);
      const opened = await run.openAction(action, ids);
      const { scope } = opened;
      const progress = screen.progress();
      const { report, failure } = await runRecorded(
        { history: run.services.history, agreement, scopes: opened.scopes },
        opened.action,
        ids,
        scope,
        { dryRun: options.dryRun === true, wait: options.wait, timeoutSeconds },
        {
          show: (look) => showLook(run, action, look, scope.region, agreement !== "given"),
          confirm: (look) => askAgreement(run, agreement, action.wording, look),
          progress({ counts, elapsedMs }) {
            const states = [...counts].map(([state, count]) => `${count} ${visibleText(state)}`).join(", ");
            progress.update(`waiting: ${states} (${formatSpan(elapsedMs)})`);
          },
          note(text) {
            progress.end();
            screen.note(text);
          },
          report: () => progress.end(),
        },
      ).finally(() => progress.end());
      // Nothing at all was done: the error takes the result's place, the report goes with it.
      if (failure instanceof AssumeMfaError && isWholeFailure(failure) && screen.output === "json") {
        throw new AssumeMfaError(failure.code, failure.message, {
          hint: failure.hints,
          cause: failure.cause,
          details: { ...failure.details, report },
        });
      }
      return { result: report, print: (shown) => printReport(shown, report), failure };
    });
  });
}

function checkSomebodyToPick(run: TargetRun, action: DestructiveAction, operands: string, yes: boolean): void {
  const terminal = run.mayAsk && !yes ? openPickTerminal(run.services.host) : undefined;
  terminal?.close();
  if (terminal !== undefined) return;
  throw new AssumeMfaError("USAGE", `${action.name}${yes ? " --yes" : ""} needs ${operands}`, {
    hint: `assume-mfa ${run.target.name} ${action.name} <${operands}…>; assume-mfa ${run.target.name} ${action.wording.nouns} lists them`,
  });
}

function isWholeFailure(failure: AssumeMfaError): boolean {
  return failure.code !== "PARTIAL_FAILURE" && failure.code !== "STILL_IN_PROGRESS";
}

const PROTECTION_WORDS = { protected: "yes", unprotected: "no", unknown: "not read", irrelevant: "-" } as const;

/**
 * What is about to be lost: always shown, on standard error, also with `--yes` (ACCEPTANCE.md D1). Where that is
 * redirected, whoever is asked at the terminal sees it there too, and in a dialog always.
 */
function showLook(
  run: TargetRun,
  action: DestructiveAction,
  look: Look,
  region: Sourced<string>,
  isAsked: boolean,
): void {
  const { stderr } = run.services.host;
  stderr.write(formatLook(run, action, look, region, stderr.columns, run.screen.errorStyle));
  const terminal = isAsked ? run.services.host.openTerminal() : undefined;
  if (terminal !== undefined && (!stderr.isTerminal || !terminal.canPick)) {
    terminal.write(formatLook(run, action, look, region, terminal.columns, makeStyle(false)));
  }
  terminal?.close();
}

function formatLook(
  run: TargetRun,
  { wording }: DestructiveAction,
  look: Look,
  region: Sourced<string>,
  widthColumns: number | undefined,
  style: Style,
): string {
  const { target } = run;
  const { accountId, roleName } = target.role.value;
  const { bold, dim } = style;
  const name = visibleText(target.name);
  const role = visibleText(roleName);
  const origin = `(${visibleText(formatOrigin(region.origin))})`;
  const width = `account ${accountId}  target ${name}  role ${role}  region ${region.value} ${origin}`.length;
  const facts = [
    bold(`account ${accountId}`),
    `target ${bold(name)}`,
    `role ${role}`,
    `region ${bold(region.value)} ${dim(origin)}`,
  ];
  const head = facts.join(widthColumns !== undefined && width > widthColumns ? "\n" : "  ");
  const seenAt = look.at + (run.services.serverClock.offsetMs() ?? 0);
  const has = (pick: (view: ResourceView) => unknown) => look.resources.some((view) => pick(view) !== undefined);
  const shown: readonly (readonly [TableColumn, (view: ResourceView) => string, boolean])[] = [
    [{ title: "id", shrink: false }, (view) => view.id, true],
    [{ title: "name", minWidth: 30 }, (view) => view.name ?? "", has((view) => view.name)],
    [{ title: "type", shrink: false, optional: true }, (view) => view.type ?? "", has((view) => view.type)],
    [{ title: "zone", shrink: false }, (view) => view.zone ?? "", has((view) => view.zone)],
    [{ title: "state", shrink: false }, (view) => view.state ?? "cannot look", true],
    [
      { title: "age", align: "right", shrink: false, optional: true },
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
  return `${head}\n${table}`;
}

/** A longer reason stands below the table. */
const LONGEST_REASON_CELL = 40;

function printReport(screen: Screen, report: Report): void {
  const rows = report.resources.map((one) => [
    one.id,
    one.name ?? "",
    one.before ?? "",
    one.state ?? "unknown",
    one.outcome,
    one.reason ?? "",
  ]);
  if (screen.output === "text") {
    screen.result(formatTabSeparated(rows));
    return;
  }
  const reasons = report.resources.flatMap(({ reason }) => reason ?? []);
  // A sentence of AWS's, the same for two hundred ids, is said once, below.
  const hasReasonColumn = reasons.length > 0 && reasons.every((reason) => reason.length <= LONGEST_REASON_CELL);
  const hasNames = report.resources.some(({ name }) => name !== null);
  const { green, yellow, red } = screen.style;
  screen.table(
    [
      { title: "id", shrink: false },
      ...(hasNames ? [{ title: "name" }] : []),
      { title: "before", shrink: false },
      { title: "now", shrink: false },
      {
        title: "outcome",
        shrink: false,
        paint: (text, cell) =>
          cell === "done" || cell === "would be done" ? green(text) : cell === "pending" ? yellow(text) : red(text),
      },
      ...(hasReasonColumn ? [{ title: "reason", shrink: false }] : []),
    ],
    hasNames ? rows : rows.map(([id, , ...others]) => [id ?? "", ...others]),
  );
  if (hasReasonColumn) return;
  for (const reason of new Set(reasons)) {
    const { length } = reasons.filter((other) => other === reason);
    screen.result(`${length} of ${report.resources.length}: ${visibleText(reason)}\n`);
  }
}
