import type { ActionScope, ActionSteps } from "./action.ts";
import { isDenial } from "./action-errors.ts";
import { makePace } from "./pace.ts";
import { markState, type Tracked } from "./tracked.ts";

/** While waiting: how many are in which state. */
export interface Progress {
  /** By AWS's own word for the state, in order of first appearance. Raw text. */
  readonly counts: ReadonlyMap<string, number>;
  readonly elapsedMs: number;
}

/**
 * How the waiting ended. `over`: nothing is under way any more, or the person interrupted, or the role may not look,
 * which was said before. `timed out` and `cut short` leave open when it will be so.
 */
export type WaitEnd =
  | { readonly kind: "over" }
  | { readonly kind: "timed out"; readonly seconds: number }
  | { readonly kind: "cut short"; readonly error: unknown };

/** Reads the true state of each and notes it. @throws what the reading threw */
export async function readStates(steps: ActionSteps, tracked: readonly Tracked[]): Promise<void> {
  const states = await steps.read(tracked.map(({ view }) => view));
  for (const one of tracked) {
    const state = states.get(one.view.id);
    if (state !== undefined) markState(one, state);
  }
}

/**
 * Waits until what AWS has taken on is so. Ends early when the person interrupts, after one more reading, and where
 * reading is no use (the role may not look, the session ended): then those still under way carry the reason.
 */
export async function waitUntilReached(
  steps: ActionSteps,
  tracked: readonly Tracked[],
  scope: ActionScope,
  timeoutSeconds: number,
  progress: (progress: Progress) => void,
): Promise<WaitEnd> {
  const { clock, interrupts } = scope;
  const startedAt = clock.now();
  const underWay = () => tracked.filter(({ phase }) => phase === "under way");
  if (underWay().length === 0) return { kind: "over" };
  const pace = makePace();
  const giveUp = (reason: string, end: WaitEnd): WaitEnd => {
    for (const one of underWay()) one.remark = `not waited for: ${reason}`;
    return end;
  };
  while (underWay().length > 0) {
    progress({ counts: countStates(tracked), elapsedMs: clock.now() - startedAt });
    const leftMs = startedAt + timeoutSeconds * 1000 - clock.now();
    if (leftMs <= 0) return { kind: "timed out", seconds: timeoutSeconds };
    try {
      await clock.sleep(Math.min(pace.delayMs, leftMs), interrupts.signal);
    } catch (error) {
      if (!interrupts.signal.aborted) throw error;
    }
    try {
      await readStates(steps, underWay());
      pace.answered();
    } catch (error) {
      if (isDenial(error)) return giveUp("the role may not look at it", { kind: "over" });
      // Even a bug ends in the report: what was done so far must not be lost with it.
      if (!pace.isWorthAnotherLook(error)) {
        return giveUp(error instanceof Error ? error.message : String(error), { kind: "cut short", error });
      }
    }
    if (interrupts.signal.aborted) break;
  }
  progress({ counts: countStates(tracked), elapsedMs: clock.now() - startedAt });
  return { kind: "over" };
}

export function countStates(tracked: readonly Tracked[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { state = "unknown" } of tracked) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}
