import { AssumeMfaError } from "../errors.ts";
import type { DestructiveAction, Outcome, Report, ResourceReport } from "./action.ts";
import type { Tracked } from "./tracked.ts";
import type { WaitEnd } from "./wait.ts";

/**
 * @param requestIds of the mutating calls
 * @param interrupted a signal ended the run
 */
export function reportOf(
  action: DestructiveAction,
  tracked: readonly Tracked[],
  requestIds: readonly string[],
  waitEnd: WaitEnd,
  interrupted = false,
): Report {
  const resources = tracked.map((one): ResourceReport => {
    const outcome = outcomeOf(one);
    const reason = reasonOf(action, one, outcome, waitEnd, interrupted);
    return {
      id: one.view.id,
      name: one.view.name ?? null,
      before: one.view.state ?? null,
      state: one.state ?? null,
      outcome,
      ...(reason === undefined ? {} : { reason }),
      ...(one.backup === undefined ? {} : { backup: one.backup }),
    };
  });
  return { action: action.name, dryRun: false, ...(interrupted ? { interrupted } : {}), resources, requestIds };
}

/** What was read decides; only where that leaves it open does the way the call went. */
function outcomeOf(one: Tracked): Outcome {
  if (one.wouldBeDone) return "would be done";
  if (one.phase === "reached") return "done";
  if (one.phase === "under way") return "pending";
  if (one.unreadable) return "unknown";
  return one.howItFailed === "refused" ? "failed" : "not done";
}

function reasonOf(
  action: DestructiveAction,
  one: Tracked,
  outcome: Outcome,
  waitEnd: WaitEnd,
  interrupted: boolean,
): string | undefined {
  if (one.view.phase === "reached" && outcome === "done") return `was already ${one.view.state}`;
  switch (outcome) {
    case "done":
      return one.remark;
    case "pending":
      if (one.remark !== undefined) return one.remark;
      if (waitEnd.kind === "timed out") return `still ${one.state ?? "under way"} after ${waitEnd.seconds} s`;
      return one.view.phase === "under way" ? `was already ${one.view.state}` : undefined;
    case "failed":
      return one.error?.message;
    case "unknown":
      return `${one.error?.message ?? "no answer"}; it can't be read what became of it`;
    case "not done":
      if (one.error === undefined) return interrupted ? "not sent: interrupted" : "not asked for";
      return one.howItFailed === "answer lost"
        ? `${one.error.message}; watched for ${Math.round((one.watchedMs ?? 0) / 1000)} s, it was still ${one.state} when last looked at`
        : one.error.message;
    case "would be done":
      return action.wording.protection !== undefined && one.view.protection === "unknown"
        ? `if it has no ${action.wording.protection}, which was not read`
        : undefined;
  }
}

/**
 * How a run that nobody interrupted ends: undefined when all is done, or taken on and not to be waited for;
 * PARTIAL_FAILURE (exit 5) when some of what was to be done was not; the first error itself when none was;
 * STILL_IN_PROGRESS when the waiting ended before it was so.
 */
export function failureOfRun(
  action: DestructiveAction,
  tracked: readonly Tracked[],
  report: Report,
  waitEnd: WaitEnd,
): AssumeMfaError | undefined {
  const { wording } = action;
  const toDo = tracked.filter(({ view, error }) => view.phase === "untouched" || error !== undefined);
  const bad = toDo.filter(({ phase }) => phase === "untouched");
  const count = (some: number, all: number) =>
    all === 1 ? `the ${wording.noun}` : `${some} of ${all} ${wording.nouns}`;
  const first = bad.find(({ error }) => error !== undefined)?.error;
  const reasons = new Set(report.resources.map(({ reason }) => reason));
  const [reason] = reasons;
  if (bad.length > 0 && bad.length < toDo.length) {
    const unknown = report.resources.some(({ outcome }) => outcome === "unknown");
    return new AssumeMfaError(
      "PARTIAL_FAILURE",
      `${count(bad.length, toDo.length)} ${bad.length === 1 ? "was" : "were"} not ${wording.done}${unknown ? ", or it is not known" : ""}`,
      { hint: first?.hints, cause: first },
    );
  }
  if (bad.length > 0) {
    // What was seen of all of them is part of how the run ended, and is not said twice then.
    if (first === undefined || reasons.size > 1 || !reason?.startsWith(first.message)) return first;
    return new AssumeMfaError(first.code, reason, { hint: first.hints, cause: first.cause, details: first.details });
  }
  if (waitEnd.kind === "over") return undefined;
  const pending = tracked.filter(({ phase }) => phase === "under way").length;
  const notYet = `${count(pending, tracked.length)} ${pending === 1 ? "is" : "are"} not ${wording.done} yet`;
  if (waitEnd.kind === "timed out") {
    return new AssumeMfaError("STILL_IN_PROGRESS", `${notYet} after ${waitEnd.seconds} s`, {
      hint: "AWS goes on with it: look again later, or give a longer --timeout",
    });
  }
  const { error } = waitEnd;
  return new AssumeMfaError(
    "STILL_IN_PROGRESS",
    `${notYet}, as far as could be seen: ${error instanceof Error ? error.message : String(error)}`,
    { hint: "AWS goes on with it: look again later", cause: error },
  );
}
