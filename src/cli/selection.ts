import type { ActionScope, DestructiveAction, Report, Wording } from "../actions/action.ts";
import { listOf } from "../actions/not-found.ts";
import { AssumeMfaError } from "../errors.ts";
import { shownName } from "../text/shown-name.ts";
import type { DestructiveOptions } from "./options.ts";
import { formatCount } from "./phrases.ts";
import type { TargetRun } from "./target-run.ts";

/** What `--filter` found in one target. */
export interface Selected {
  /** Of what there is anything to be done to. */
  readonly ids: readonly string[];
  /** By state, how many match as well and are left as they are. */
  readonly others: ReadonlyMap<string, number>;
  /** How many more there are, which another target of the run has taken. Default: none. */
  readonly leftCount?: number;
}

/** `--filter`, read and checked. Text from the command line is raw. */
export interface Selector {
  /** Completes `no instance matches …`. */
  readonly text: string;
  /** What may have been meant otherwise, where nothing is found. */
  readonly doubt?: string | undefined;
  find(scope: ActionScope): Promise<Selected>;
}

/** @returns undefined where there is no limit. @throws AssumeMfaError USAGE when it is no count */
export function resolveMax({ max }: Pick<DestructiveOptions, "max">): number | undefined {
  if (max === undefined) return undefined;
  if (/^[1-9]\d{0,5}$/.test(max)) return Number(max);
  throw new AssumeMfaError("USAGE", `--max is no count: "${max}"`, {
    hint: "write the most that may be there, such as --max 10",
  });
}

/**
 * What the limit and the filter demand of the command line, before anything is asked or called.
 * @param isUnasked nobody will be asked before it is done
 * @throws AssumeMfaError USAGE
 */
export function checkSelection(
  { name, wording }: Pick<DestructiveAction, "name" | "wording">,
  ids: readonly string[],
  selector: Selector | undefined,
  max: number | undefined,
  isUnasked: boolean,
): void {
  if (selector === undefined) {
    if (max === undefined || ids.length <= max) return;
    throw new AssumeMfaError(
      "USAGE",
      `${formatCount(ids.length, wording.noun, wording.nouns)} are given, and --max is ${max}; nothing was done`,
      { hint: `leave out --max, which is for --filter, or give one of ${ids.length} or more` },
    );
  }
  if (ids.length > 0) {
    throw new AssumeMfaError("USAGE", "ids and --filter can't be given together", {
      hint: "give the ids, or what they have in common",
    });
  }
  if (!isUnasked || max !== undefined) return;
  throw new AssumeMfaError("USAGE", `${name} --filter needs --max where nobody is asked; nothing was done`, {
    hint: "add --max <n>: when more match, in all targets together, nothing is done at all",
  });
}

/** One target's part in what was found. */
interface Share {
  readonly name: string;
  readonly accountId: string;
  readonly region: string | undefined;
  ids: readonly string[];
  /** Ids that are another target's to do, and whose. */
  readonly takenBy: Map<string, string>;
}

/**
 * Looks for what matches, and goes on only where it is not more than the limit: over several targets, than all of them
 * may have together. What several reach, being of one account, is one thing and the first one's.
 * @throws AssumeMfaError TOO_MANY, nothing having been done anywhere
 */
export async function select(
  run: TargetRun,
  { wording }: DestructiveAction,
  selector: Selector,
  max: number | undefined,
): Promise<Selected> {
  const { target, screen, together } = run;
  const selected = await selector.find(await run.openScope());
  const mine: Share = {
    name: target.name,
    accountId: target.role.value.accountId,
    region: target.region?.value,
    ids: selected.ids,
    takenBy: new Map(),
  };
  const decide = (all: readonly Share[]) => {
    leaveToTheFirst(all);
    stopAtTooMany(all, wording, selector, max);
  };
  if (together === undefined) decide([mine]);
  else await together.meet(mine, decide);
  for (const owner of new Set(mine.takenBy.values())) {
    const ids = [...mine.takenBy].flatMap(([id, by]) => (by === owner ? [id] : []));
    const what = formatCount(ids.length, wording.noun, wording.nouns);
    screen.note(
      `${what} ${ids.length === 1 ? "is" : "are"} left to ${shownName(owner)}, which is the same account: ${listOf(ids)}`,
    );
  }
  return { ...selected, ids: mine.ids, leftCount: mine.takenBy.size };
}

function leaveToTheFirst(all: readonly Share[]): void {
  const owners = new Map<string, string>();
  for (const share of all) {
    share.ids = share.ids.filter((id) => {
      const key = JSON.stringify([share.accountId, share.region, id]);
      const owner = owners.get(key);
      if (owner === undefined) owners.set(key, share.name);
      else share.takenBy.set(id, owner);
      return owner === undefined;
    });
  }
}

function stopAtTooMany(
  all: readonly Pick<Share, "name" | "ids">[],
  wording: Wording,
  selector: Selector,
  max: number | undefined,
): void {
  const count = all.reduce((sum, { ids }) => sum + ids.length, 0);
  if (max === undefined || count <= max) return;
  const shares = all.filter(({ ids }) => ids.length > 0).map(({ name, ids }) => `${shownName(name)} ${ids.length}`);
  throw new AssumeMfaError(
    "TOO_MANY",
    `${formatCount(count, wording.noun, wording.nouns)} that can be ${wording.done} ${count === 1 ? "matches" : "match"} ${selector.text}${all.length > 1 ? ` (${listOf(shares)})` : ""}, and --max is ${max}; nothing was done`,
    {
      hint: [`they are ${listOf(all.flatMap(({ ids }) => ids))}`, "narrow the filter, or give a higher --max"],
      details: { max, count, matching: Object.fromEntries(all.map(({ name, ids }) => [name, ids])) },
    },
  );
}

/** Nothing to do is no failure: what the filter is to bring about is so. */
export function reportNothing(
  run: TargetRun,
  action: DestructiveAction,
  selector: Selector,
  { others, leftCount = 0 }: Selected,
  isDryRun: boolean,
): Report {
  const { wording } = action;
  const report = { action: action.name, dryRun: isDryRun, resources: [], requestIds: [] };
  // Which was said.
  if (leftCount > 0) return report;
  // Each line of one of several targets begins with its name.
  const name = run.together === undefined ? [shownName(run.target.name)] : [];
  const where = `in ${[...name, ...(run.target.region === undefined ? [] : [run.target.region.value])].join(", ")}`;
  const count = [...others.values()].reduce((sum, one) => sum + one, 0);
  const states = [...others].map(([state, one]) => `${one} ${state}`).join(", ");
  if (count === 0) {
    run.screen.note(`no ${wording.noun} matches ${selector.text} ${where}; nothing to do`);
    if (selector.doubt !== undefined) run.screen.note(selector.doubt);
  } else {
    run.screen.note(
      `${formatCount(count, wording.noun, wording.nouns)} ${count === 1 ? "matches" : "match"} ${selector.text} ${where}, none to be ${wording.done}: ${states}; nothing to do`,
    );
  }
  return report;
}
