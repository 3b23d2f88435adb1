import type { Look, Wording } from "../actions/action.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Terminal } from "../host/terminal.ts";
import { alignedLines } from "../outputs/table.ts";
import { formatOrigin } from "../target/format-origin.ts";
import { shownName } from "../text/shown-name.ts";
import { visibleText } from "../text/visible-text.ts";
import type { DestructiveOptions } from "./options.ts";
import { formatCount } from "./phrases.ts";
import type { TargetRun } from "./target-run.ts";

/** How a destructive action is agreed to: known before a code is spent. */
export type Agreement = "given" | "yes or no" | "type the name";

/**
 * What has to be asked, by `assume_mfa_confirm` and the options (CLI.md, "Destructive actions" 3).
 * @throws AssumeMfaError CONFIRMATION_MISSING when nobody is there to ask and the options do not stand for them
 */
export function resolveAgreement(run: TargetRun, options: DestructiveOptions, action: string): Agreement {
  const { target, services } = run;
  const mode = target.confirm.value;
  if (options.dryRun === true || mode === "never") return "given";
  const isSomebodyThere = run.mayAsk && hasTerminal(services.host);
  const missing = (hint: string) =>
    new AssumeMfaError(
      "CONFIRMATION_MISSING",
      `${action} in ${shownName(target.name)} must be confirmed, and nobody can be asked; nothing was done`,
      {
        hint,
      },
    );
  switch (mode) {
    case "prompt":
      if (options.yes === true) return "given";
      if (isSomebodyThere) return "yes or no";
      throw missing("run it on a terminal, or add --yes");
    case "always":
      if (isSomebodyThere) return "type the name";
      if (options.yes === true && run.isAccountExpected) return "given";
      throw missing(
        `assume_mfa_confirm = always (${formatOrigin(target.confirm.origin)}): run it on a terminal, or add --yes --expect-account ${target.role.value.accountId}`,
      );
    case "person":
      if (isSomebodyThere) return "type the name";
      throw missing(
        `assume_mfa_confirm = person (${formatOrigin(target.confirm.origin)}): run it on a terminal, no option stands for that`,
      );
  }
}

function hasTerminal(host: TargetRun["services"]["host"]): boolean {
  const terminal = host.openTerminal();
  terminal?.close();
  return terminal !== undefined;
}

/** One target's part in what is asked. */
export interface Question {
  readonly run: TargetRun;
  readonly agreement: Agreement;
  readonly wording: Wording;
  readonly look: Look;
  /** Of the account, raw; undefined where none is known. */
  readonly alias: string | undefined;
}

/**
 * Asks at the terminal, when it must. Enter, end of input and anything but the asked-for answer is No.
 * @throws AssumeMfaError DECLINED
 */
export async function askAgreement({ run, agreement, wording, look, alias }: Question): Promise<void> {
  if (agreement === "given") return;
  const { target, services } = run;
  const terminal = services.host.openTerminal();
  const what = formatCount(look.resources.length, wording.noun, wording.nouns);
  if (terminal !== undefined) tellUnread(terminal, wording, look.resources);
  const where = `in ${shownName(target.name)} (account ${nameAccount(run, alias)})`;
  let answer: string | undefined;
  try {
    if (agreement === "yes or no") {
      answer = await terminal?.askLine(`${capitalised(wording.verb)} ${what} ${where}? [y/N] `, {
        discardTypedAhead: true,
        label: "y/N",
      });
      if (isYes(answer)) return;
    } else {
      answer = await terminal?.askLine(
        `To ${wording.verb} ${what} ${where}, type the target's name (${visibleText(target.name)}): `,
        { discardTypedAhead: true, label: "Target" },
      );
      if (answer?.trim() === target.name) return;
    }
  } finally {
    terminal?.close();
  }
  throw declined();
}

/**
 * Asks for several targets, before anything is done in any: once for all that take a y, naming each with its account and
 * its count, then for each one's name where it must be typed. One No is a No to all of it: who hesitates has seen
 * something that is wrong with the run, not with a part of it.
 * @throws AssumeMfaError DECLINED
 */
export async function askForAll(questions: readonly Question[]): Promise<void> {
  const together = questions.filter(({ agreement }) => agreement === "yes or no");
  const [first] = together;
  if (first !== undefined && together.length === 1) await askAgreement(first);
  else if (first !== undefined) {
    const { wording, run } = first;
    const resources = together.flatMap(({ look }) => look.resources);
    const terminal = run.services.host.openTerminal();
    if (terminal !== undefined) tellUnread(terminal, wording, resources);
    const parts = alignedLines(
      together.map(({ run: one, look, alias }) => [
        shownName(one.target.name),
        `account ${nameAccount(one, alias)}`,
        formatCount(look.resources.length, wording.noun, wording.nouns),
      ]),
    );
    const what = formatCount(resources.length, wording.noun, wording.nouns);
    terminal?.write(parts.map((part) => `  ${part}\n`).join(""));
    try {
      const answer = await terminal?.askLine(
        `${capitalised(wording.verb)} ${what} in these ${together.length} targets? [y/N] `,
        { discardTypedAhead: true, label: "y/N" },
      );
      if (!isYes(answer)) throw declined();
    } finally {
      terminal?.close();
    }
  }
  for (const question of questions) {
    if (question.agreement === "type the name") await askAgreement(question);
  }
}

function nameAccount({ target }: TargetRun, alias: string | undefined): string {
  const { accountId } = target.role.value;
  return alias === undefined ? accountId : `${accountId}, ${visibleText(alias)}`;
}

function tellUnread(terminal: Terminal, { protection }: Wording, resources: Look["resources"]): void {
  const unread = resources.filter((one) => one.phase === "untouched" && one.protection === "unknown");
  if (unread.length === 0 || protection === undefined) return;
  const which = unread.length === 1 ? "it" : unread.length === resources.length ? "them" : `${unread.length} of them`;
  terminal.write(`${capitalised(protection)} was not read for ${which}.\n`);
}

function isYes(answer: string | undefined): boolean {
  return /^(?:y|yes)$/i.test(answer?.trim() ?? "");
}

function declined(): AssumeMfaError {
  return new AssumeMfaError("DECLINED", "declined; nothing was done");
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
