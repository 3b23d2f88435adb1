import type { Look, Wording } from "../actions/action.ts";
import { AssumeMfaError } from "../errors.ts";
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

/**
 * Asks at the terminal, when it must. Enter, end of input and anything but the asked-for answer is No.
 * @param alias of the account, raw; undefined where none is known
 * @throws AssumeMfaError DECLINED
 */
export async function askAgreement(
  run: TargetRun,
  agreement: Agreement,
  wording: Wording,
  look: Look,
  alias: string | undefined,
): Promise<void> {
  if (agreement === "given") return;
  const { target, services } = run;
  const terminal = services.host.openTerminal();
  const what = formatCount(look.resources.length, wording.noun, wording.nouns);
  const unread = look.resources.filter(({ phase, protection }) => phase === "untouched" && protection === "unknown");
  if (unread.length > 0 && wording.protection !== undefined) {
    const which =
      unread.length === 1 ? "it" : unread.length === look.resources.length ? "them" : `${unread.length} of them`;
    terminal?.write(`${capitalised(wording.protection)} was not read for ${which}.\n`);
  }
  const { accountId } = target.role.value;
  const account = alias === undefined ? accountId : `${accountId}, ${visibleText(alias)}`;
  const where = `in ${shownName(target.name)} (account ${account})`;
  let answer: string | undefined;
  try {
    if (agreement === "yes or no") {
      answer = await terminal?.askLine(`${capitalised(wording.verb)} ${what} ${where}? [y/N] `, {
        discardTypedAhead: true,
        label: "y/N",
      });
      if (/^(?:y|yes)$/i.test(answer?.trim() ?? "")) return;
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
  throw new AssumeMfaError("DECLINED", "declined; nothing was done");
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
