import type { Command } from "commander";
import { type Account, readAccount } from "../../actions/account.ts";
import type { DestructiveAction } from "../../actions/action.ts";
import { sessionNeedMs } from "../../actions/run-destructive.ts";
import { AssumeMfaError } from "../../errors.ts";
import { openPickTerminal } from "../../host/terminal.ts";
import { shownName } from "../../text/shown-name.ts";
import { type Agreement, askAgreement, askForAll, type Question, resolveAgreement } from "../confirm.ts";
import { showLook } from "../destructive-look.ts";
import { printReport, reportListing } from "../destructive-report.ts";
import { makeJointProgress } from "../joint-progress.ts";
import { addDestructiveOptions, addFilterOption, type DestructiveOptions, resolveTimeoutSeconds } from "../options.ts";
import { pickResource, type ResourcePicker } from "../pick-resource.ts";
import { runRecorded } from "../recorded-action.ts";
import { runOnTarget } from "../run-on-target.ts";
import { checkSelection, reportNothing, resolveMax, type Selector, select } from "../selection.ts";
import type { Services } from "../services.ts";
import type { TargetDemand, TargetRun } from "../target-run.ts";

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
  /**
   * Reads `--filter`; undefined: the action has none, and is on one target at a time.
   * @throws USAGE
   */
  readonly makeSelector?: (action: Action, words: readonly string[]) => Selector;
}

export function registerDestructive<Own extends object, Action extends DestructiveAction>(
  program: Command,
  services: Services,
  targetName: string,
  {
    name,
    makeAction,
    ownOptions = [],
    operands,
    description,
    makePicker,
    makeSelector,
  }: DestructiveCommand<Own, Action>,
): void {
  const command = program.command(name).argument(`[${operands}...]`).description(description);
  for (const [flags, meaning] of ownOptions) command.option(flags, meaning);
  if (makeSelector !== undefined) addFilterOption(command);
  addDestructiveOptions(command).action(async (words: readonly string[], options: DestructiveOptions & Own) => {
    const action = makeAction(options);
    const timeoutSeconds = resolveTimeoutSeconds(options);
    const max = resolveMax(options);
    const selector = options.filter === undefined ? undefined : makeSelector?.(action, options.filter);
    const isDryRun = options.dryRun === true;
    const needs = { ids: () => action.checkIds(words), needs: action.needs, finding: makePicker(action).needs };
    const check = (run: TargetRun): Agreement => {
      const given = action.checkIds(words);
      if (given.length === 0 && selector === undefined) {
        checkSomebodyToPick(run, action, operands, options.yes === true, makeSelector !== undefined);
      }
      const agreed = resolveAgreement(run, options, action.name);
      checkSelection(action, given, selector, max, !isDryRun && (options.yes === true || agreed === "given"));
      // What is picked from a list is always asked about: a slip of the hand picks too.
      const isUnasked = given.length === 0 && selector === undefined && agreed === "given" && !isDryRun;
      return isUnasked ? "yes or no" : agreed;
    };
    const demand: TargetDemand = {
      needsRegion: true,
      needs,
      check: (run) => void check(run),
      minTtlFloorMs: sessionNeedMs(action, { dryRun: isDryRun, wait: options.wait, timeoutSeconds }),
      mayBeSeveral: selector !== undefined,
      severalRefusal:
        makeSelector === undefined
          ? { hint: "name one target" }
          : {
              message: `${name} by ${operands} takes one target; several with --filter`,
              hint: `name one target: ${operands} are one account's`,
            },
    };
    const progress = makeJointProgress();
    let isShown = false;
    await runOnTarget(services, targetName, options, demand, async (run) => {
      const { screen, together } = run;
      const agreement = check(run);
      let ids = action.checkIds(words);
      if (selector !== undefined) {
        const selected = await select(run, action, selector, max);
        ids = action.checkIds(selected.ids);
        if (ids.length === 0) return { result: reportNothing(run, action, selector, selected, isDryRun) };
      } else if (ids.length === 0) {
        ids = action.checkIds([
          await pickResource(run, await run.openScope(), makePicker(action), action.wording.verb),
        ]);
      }
      const opened = await run.openAction(action, ids);
      const { scope } = opened;
      // Asked while it is looked: what is shown waits for both.
      const askingOver = new AbortController();
      let unread: string | undefined;
      const asked = readAccount(
        scope,
        { withAlias: run.target.scope.value === "role", signal: askingOver.signal },
        (text) => {
          unread = text;
        },
      );
      asked.catch(() => undefined);
      let account: Account | undefined;
      const { report, failure } = await runRecorded(
        { history: run.services.history, agreement, scopes: opened.scopes },
        opened.action,
        ids,
        scope,
        { dryRun: isDryRun, wait: options.wait, timeoutSeconds },
        {
          async show(look) {
            const told = await asked;
            // What a cached session was opened for long ago is not what somebody wants to hear who gave the account.
            if (unread !== undefined && run.isAccountExpected) throw accountNotTold(run);
            if (unread !== undefined) screen.note(unread);
            account = told;
            const show = () => {
              // A block of its own for each target.
              const before = isShown ? "\n" : "";
              isShown = true;
              showLook(run, action, look, scope.region, told, agreement !== "given", before);
            };
            if (together === undefined) show();
            else together.later(show);
          },
          async confirm(look) {
            const question: Question = { run, agreement, wording: action.wording, look, alias: account?.alias };
            if (together === undefined) return askAgreement(question);
            await together.meet(question, async (all) => {
              await askForAll(all);
              // What is done in one target is not to be lost in the end of another.
              together.holdInterrupts();
            });
          },
          progress: (counts) => progress.update(run, counts),
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
      return {
        result: report,
        print: (shown) => printReport(shown, report, failure),
        listing: reportListing(report, screen.style),
        failure,
      };
    });
  });
}

function checkSomebodyToPick(
  run: TargetRun,
  action: DestructiveAction,
  operands: string,
  yes: boolean,
  hasFilter: boolean,
): void {
  const terminal = run.mayAsk && !yes ? openPickTerminal(run.services.host) : undefined;
  terminal?.close();
  if (terminal !== undefined) return;
  throw new AssumeMfaError("USAGE", `${action.name}${yes ? " --yes" : ""} needs ${operands}`, {
    hint: `assume-mfa ${run.target.name} ${action.name} <${operands}…>${hasFilter ? `, or --filter tag:…=…` : ""}; assume-mfa ${run.target.name} ${action.wording.nouns} lists them`,
  });
}

function accountNotTold({ target }: TargetRun): AssumeMfaError {
  return new AssumeMfaError(
    "NETWORK",
    `STS does not say now whose the session of ${shownName(target.name)} is, and --expect-account wants account ${target.role.value.accountId}; nothing was done`,
    { hint: "try again when STS answers" },
  );
}

function isWholeFailure(failure: AssumeMfaError): boolean {
  return failure.code !== "PARTIAL_FAILURE" && failure.code !== "STILL_IN_PROGRESS";
}
