import { AssumeMfaError } from "../errors.ts";
import type { Backup, Phase, ResourceState, ResourceView } from "./action.ts";

/**
 * `refused`: AWS decided against it. `answer lost`: sent, and no answer. `not sent`: nothing was asked of AWS.
 */
export type HowItFailed = "refused" | "answer lost" | "not sent";

/** What is known of one resource while a run goes on: the run's own notebook, turned into a report at its end. */
export interface Tracked {
  readonly view: ResourceView;
  /** Its true state when last read; undefined when it could not be, since the call if there was one. */
  state: string | undefined;
  /** Goes back only where it failed: what AWS shows lags behind what it has taken on. */
  phase: Phase;
  /** AWS took the call that names it. */
  asked: boolean;
  wouldBeDone: boolean;
  error: AssumeMfaError | undefined;
  howItFailed: HowItFailed | undefined;
  /** What became of it could not be read. */
  unreadable: boolean;
  /** For how long it was looked at after its answer was lost. */
  watchedMs: number | undefined;
  remark: string | undefined;
  backup: Backup | undefined;
}

export function track(view: ResourceView): Tracked {
  return {
    view,
    state: view.state,
    phase: view.phase,
    asked: false,
    wouldBeDone: false,
    error: undefined,
    howItFailed: undefined,
    unreadable: false,
    watchedMs: undefined,
    remark: undefined,
    backup: undefined,
  };
}

const PHASES: readonly Phase[] = ["untouched", "under way", "reached"];

export function markState(one: Tracked, state: ResourceState): void {
  one.state = state.state ?? one.state;
  one.remark = state.remark;
  if (state.failed !== undefined) {
    one.phase = "untouched";
    markError(one, state.failed, "refused");
    return;
  }
  if (PHASES.indexOf(state.phase) > PHASES.indexOf(one.phase)) one.phase = state.phase;
}

/** @param state undefined when the reply left it out */
export function markAsked(one: Tracked, state: ResourceState | undefined): void {
  one.asked = true;
  if (state === undefined) one.state = undefined;
  else markState(one, state);
  // AWS took it, whatever state it still shows.
  if (one.phase === "untouched") one.phase = "under way";
}

export function markError(one: Tracked, error: unknown, how: HowItFailed): void {
  one.howItFailed = how;
  one.error =
    error instanceof AssumeMfaError
      ? error
      : new AssumeMfaError("UNEXPECTED", error instanceof Error ? error.message : String(error), { cause: error });
}

/** It is not what was shown any more: it was left alone, or another one was hit. */
export function markSpared(one: Tracked, error: AssumeMfaError, state: string): void {
  markError(one, error, "refused");
  one.state = state;
}
