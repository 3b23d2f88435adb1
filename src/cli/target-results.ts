import { AssumeMfaError } from "../errors.ts";
import { formatTabSeparated } from "../outputs/tab-separated.ts";
import type { TableColumn } from "../outputs/table.ts";
import type { Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import { visibleText } from "../text/visible-text.ts";
import { formatCount } from "./phrases.ts";
import type { Screen } from "./screen.ts";
import type { Listing } from "./target-run.ts";

interface NamedListing {
  readonly name: string;
  readonly listing: Listing;
}

/** One table for several targets, with the target's name before each line; also for `-o text`. */
export function printListings(listings: readonly NamedListing[], screen: Screen): void {
  const rowsOf = <T>(pick: (listing: Listing) => readonly (readonly T[])[]) =>
    listings.flatMap(({ name, listing }) => pick(listing).map((row) => [name, ...row]));
  const [first] = listings;
  if (first === undefined) return;
  if (screen.output === "text") {
    screen.result(formatTabSeparated(rowsOf(({ textRows }) => textRows)));
    return;
  }
  const rows = rowsOf(({ rows: ofTarget }) => ofTarget);
  const isShown = (index: number) => first.listing.dropsEmpty !== true || rows.some((row) => row[index] !== "");
  if (rows.length > 0) {
    const columns: readonly TableColumn[] = [{ title: "target" }, ...first.listing.columns];
    screen.table(
      columns.filter((_, index) => isShown(index)),
      rows.map((row) => row.filter((_, index) => isShown(index))),
    );
  } else screen.note(`there are none in ${listings.map(({ name }) => shownName(name)).join(", ")}`);
}

/** What went wrong with each of several targets, as `main.ts` prints the error that ends a run. */
export function printTargetErrors(
  entries: readonly { readonly name: string; readonly error: Error | undefined }[],
  screen: Screen,
): void {
  const { red, cyan } = screen.errorStyle;
  for (const { name, error } of entries) {
    if (!(error instanceof AssumeMfaError)) continue;
    const head = shownName(name);
    screen.line(`assume-mfa: ${red("error:")} ${visibleText(`${head}: ${error.message}`)}`);
    for (const hint of error.hints) screen.line(`assume-mfa: ${cyan("hint:")} ${visibleText(`${head}: ${hint}`)}`);
  }
}

/** @param failed the targets' names, raw. @param count of all targets */
export function partialFailure(failed: readonly string[], count: number): AssumeMfaError {
  const names = failed.map(shownName).join(", ");
  return new AssumeMfaError("PARTIAL_FAILURE", `${failed.length} of ${formatCount(count, "target")} failed: ${names}`);
}

/**
 * A run that takes more codes than can be had, which is told before anything is called (CLI.md, "Where a token code comes
 * from").
 * @param why completes `2 token codes are needed (dev, staging), and …`
 * @param isOneEnough none was given, and one would do
 */
export function tooFewCodes(targets: readonly Target[], why: string, isOneEnough = false): AssumeMfaError {
  const names = targets.map(({ name }) => shownName(name)).join(", ");
  const count = targets.length === 1 ? "a token code is" : `${targets.length} token codes are`;
  return new AssumeMfaError("TOKEN_CODE_MISSING", `${count} needed (${names}), and ${why}`, {
    hint: [
      isOneEnough
        ? "give it: --token-code, or ASSUME_MFA_TOKEN_CODE"
        : "one code serves all targets of one device that want an hour at most: see --duration and assume_mfa_session",
      "or sign in first, where somebody can be asked: assume-mfa login",
    ],
  });
}
