import { AssumeMfaError } from "../errors.ts";
import { shownName } from "../text/shown-name.ts";
import type { ActionScope, Whereabouts, Wording } from "./action.ts";

/** Past this many, a message counts the rest. The whole lists are in the error's details. */
const MAX_NAMED = 10;

/** `i-1, i-2 and 3 more` */
export function listOf(ids: readonly string[]): string {
  const named = ids.slice(0, MAX_NAMED).join(", ");
  return ids.length > MAX_NAMED ? `${named} and ${ids.length - MAX_NAMED} more` : named;
}

/**
 * Some of the ids given are unknown: names them, and those that do exist (CLI.md, "Destructive actions" 1).
 * @param consequence what follows from it, at the message's end; none for a read
 * @param whereabouts of those that were found elsewhere
 */
export function notFoundError(
  missing: readonly string[],
  existing: readonly string[],
  wording: Pick<Wording, "noun" | "nouns">,
  scope: ActionScope,
  { consequence = "", whereabouts = [] }: { consequence?: string; whereabouts?: readonly Whereabouts[] } = {},
): AssumeMfaError {
  const place = `in ${scope.region.value} of account ${scope.accountId}`;
  return new AssumeMfaError(
    "NOT_FOUND",
    `no ${missing.length === 1 ? wording.noun : wording.nouns} ${listOf(missing)} ${place}${consequence}`,
    {
      hint: [
        ...placesOf(whereabouts),
        ...(existing.length > 0
          ? [`${existing.length === 1 ? "this one exists" : "these exist"}: ${listOf(existing)}`]
          : whereabouts.length > 0
            ? []
            : ["check the id, the region and the target"]),
      ],
      details: { missing, existing, ...(whereabouts.length === 0 ? {} : { elsewhere: whereabouts.map(toJson) }) },
    },
  );
}

/** A line for each place: `i-1, i-2 is in eu-west-1: --region eu-west-1`. */
function placesOf(whereabouts: readonly Whereabouts[]): readonly string[] {
  const idsByPlace = new Map<string, string[]>();
  for (const { id, region, elsewhere } of whereabouts) {
    const place =
      elsewhere === undefined
        ? `in ${region}: --region ${region}`
        : `in account ${elsewhere.accountId}, ${region}: target ${shownName(elsewhere.targetName)}`;
    idsByPlace.set(place, [...(idsByPlace.get(place) ?? []), id]);
  }
  return [...idsByPlace].map(([place, ids]) => `${listOf(ids)} ${ids.length === 1 ? "is" : "are"} ${place}`);
}

function toJson({ id, region, elsewhere }: Whereabouts) {
  return {
    id,
    region,
    ...(elsewhere === undefined ? {} : { account: elsewhere.accountId, target: elsewhere.targetName }),
  };
}
