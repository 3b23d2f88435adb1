import type { Progress as Counts } from "../actions/wait.ts";
import type { Progress } from "../host/progress.ts";
import { visibleText } from "../text/visible-text.ts";
import { formatSpan } from "./phrases.ts";
import type { TargetRun } from "./target-run.ts";

/** Targets that wait side by side tell it in one line; where that is no terminal's, not more often than this. */
const PLAIN_LINES_EVERY_MS = 2_000;

/** The one line of progress of a run, whatever the number of its targets. */
export interface JointProgress {
  update(run: TargetRun, counts: Counts): void;
  /** Clears the line, for another to be said. */
  end(): void;
}

export function makeJointProgress(): JointProgress {
  const byTarget = new Map<string, Counts>();
  let line: Progress | undefined;
  let saidAtMs = Number.NEGATIVE_INFINITY;
  return {
    update(run, counts) {
      line ??= run.screen.progress();
      byTarget.set(run.target.name, counts);
      const { host } = run.services;
      const nowMs = host.now();
      if (run.together !== undefined && !line.isPainted && nowMs - saidAtMs < PLAIN_LINES_EVERY_MS) return;
      saidAtMs = nowMs;
      const sums = new Map<string, number>();
      for (const { counts: one } of byTarget.values()) {
        for (const [state, count] of one) sums.set(state, (sums.get(state) ?? 0) + count);
      }
      const states = [...sums].map(([state, count]) => `${count} ${visibleText(state)}`).join(", ");
      line.update(
        `waiting: ${states} (${formatSpan(Math.max(...[...byTarget.values()].map((one) => one.elapsedMs)))})`,
      );
    },
    end: () => line?.end(),
  };
}
