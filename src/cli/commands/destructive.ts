import type { Command } from "commander";
import { type Account, readAccount } from "../../actions/account.ts";
import type { DestructiveAction, Report } from "../../actions/action.ts";
import { AssumeMfaError } from "../../errors.ts";
import { openPickTerminal } from "../../host/terminal.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import { visibleText } from "../../text/visible-text.ts";
import { askAgreement, resolveAgreement } from "../confirm.ts";
import { showLook } from "../destructive-look.ts";
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
      // Asked while it is looked: what is shown waits for both.
      const askingOver = new AbortController();
      const asked = readAccount(
        scope,
        { withAlias: run.target.scope.value === "role", signal: askingOver.signal },
        screen.note,
      );
      asked.catch(() => undefined);
      let account: Account | undefined;
      const { report, failure } = await runRecorded(
        { history: run.services.history, agreement, scopes: opened.scopes },
        opened.action,
        ids,
        scope,
        { dryRun: options.dryRun === true, wait: options.wait, timeoutSeconds },
        {
          async show(look) {
            account = await asked;
            showLook(run, action, look, scope.region, account, agreement !== "given");
          },
          confirm: (look) => askAgreement(run, agreement, action.wording, look, account?.alias),
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
      ).finally(() => {
        askingOver.abort();
        progress.end();
      });
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
  const backups = report.resources.flatMap(({ id, backup }) => (backup === undefined ? [] : [{ id, ...backup }]));
  if (screen.output === "text") {
    const withBackups = rows.map((row, index) => [...row, report.resources[index]?.backup?.arn]);
    screen.result(formatTabSeparated(backups.length > 0 ? withBackups : rows));
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
  for (const { id, name, arn, status } of backups) {
    const incomplete = status === "AVAILABLE" ? "" : yellow(` (${visibleText(status)})`);
    screen.result(`backup of ${id}: ${visibleText(name)}${incomplete}\n  ${visibleText(arn)}\n`);
  }
  if (hasReasonColumn) return;
  for (const reason of new Set(reasons)) {
    const { length } = reasons.filter((other) => other === reason);
    screen.result(`${length} of ${report.resources.length}: ${visibleText(reason)}\n`);
  }
}
