import { AssumeMfaError } from "../errors.ts";
import type { ActionScope, Wording } from "./action.ts";

/** Past this many, a message counts the rest. The whole lists are in the error's details. */
const MAX_NAMED = 10;

/** `i-1, i-2 and 3 more` */
export function listOf(ids: readonly string[]): string {
  const named = ids.slice(0, MAX_NAMED).join(", ");
  return ids.length > MAX_NAMED ? `${named} and ${ids.length - MAX_NAMED} more` : named;
}

/**
 * Some of the ids given are unknown: names them, and those that do exist (CLI.md, "Destructive actions" 1).
 * @param consequence what follows from it, at the message's end; empty for a read
 */
export function notFoundError(
  missing: readonly string[],
  existing: readonly string[],
  wording: Pick<Wording, "noun" | "nouns">,
  scope: ActionScope,
  consequence = "",
): AssumeMfaError {
  const place = `in ${scope.region.value} of account ${scope.accountId}`;
  return new AssumeMfaError(
    "NOT_FOUND",
    `no ${missing.length === 1 ? wording.noun : wording.nouns} ${listOf(missing)} ${place}${consequence}`,
    {
      hint:
        existing.length === 0
          ? "check the id, the region and the target"
          : `${existing.length === 1 ? "this one exists" : "these exist"}: ${listOf(existing)}`,
      details: { missing, existing },
    },
  );
}
