import type { ActionScope, IamNeed } from "../actions/action.ts";
import { AssumeMfaError } from "../errors.ts";
import { openPickTerminal } from "../host/terminal.ts";
import { alignedLines } from "../outputs/table.ts";
import { shownName } from "../text/shown-name.ts";
import type { TargetRun } from "./target-run.ts";

/** One line of a pick list. Text from AWS is raw. */
export interface Pickable {
  readonly id: string;
  /** What is shown beside it, column by column. */
  readonly facts: readonly string[];
  /** Why it can't be picked; undefined when it can. */
  readonly disabled?: string | undefined;
}

export interface ResourcePicker {
  /** `instance`, `table` */
  readonly noun: string;
  /** What listing them needs. */
  readonly needs: readonly IamNeed[];
  /** What there is to pick from. @throws AssumeMfaError ACCESS_DENIED where listing is denied: then one is typed */
  list(scope: ActionScope): Promise<readonly Pickable[]>;
}

/**
 * No id was given, and somebody is at the terminal: picks one of the list, or types one where listing is denied.
 * @returns the id, unchecked
 * @throws AssumeMfaError NOT_FOUND when there is nothing to pick, DECLINED when nothing was typed
 */
export async function pickResource(
  run: TargetRun,
  scope: ActionScope,
  picker: ResourcePicker,
  verb: string,
): Promise<string> {
  const question = `${verb.charAt(0).toUpperCase()}${verb.slice(1)} which ${picker.noun} in ${shownName(run.target.name)} (account ${scope.accountId})?`;
  let choices: readonly Pickable[] | undefined;
  try {
    choices = await picker.list(scope);
  } catch (error) {
    if (!(error instanceof AssumeMfaError) || error.code !== "ACCESS_DENIED") throw error;
    run.screen.note(`the role may not list: ${error.message}`);
  }
  if (choices?.length === 0) {
    throw new AssumeMfaError("NOT_FOUND", `there is no ${picker.noun} in ${run.target.name}, ${scope.region.value}`, {
      hint: "another region? add --region",
    });
  }
  const terminal = openPickTerminal(run.services.host);
  try {
    if (choices !== undefined && terminal !== undefined) {
      return await terminal.pick(
        question,
        alignedLines(choices.map(({ id, facts }) => [id, ...facts])).map((label, index) => ({
          value: choices[index]?.id ?? "",
          label,
          short: choices[index]?.id,
          disabled: choices[index]?.disabled,
        })),
      );
    }
    const typed = (await terminal?.askLine(`${question} `))?.trim();
    if (typed) return typed;
  } finally {
    terminal?.close();
  }
  throw new AssumeMfaError("DECLINED", `no ${picker.noun} was named; nothing was done`);
}
