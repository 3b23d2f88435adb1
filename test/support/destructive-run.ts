import type { DestructiveAction, Look, Report, RunFailure } from "../../src/actions/action.ts";
import { type DestructiveOptions, type DestructivePorts, runDestructive } from "../../src/actions/run-destructive.ts";
import type { Progress } from "../../src/actions/wait.ts";
import { AssumeMfaError } from "../../src/errors.ts";
import type { TestScope } from "./action-scope.ts";

/** All that a run told, in the order in which it was told. */
export interface Told {
  readonly events: readonly ("show" | "confirm" | "report")[];
  readonly shown: Look | undefined;
  readonly notes: readonly string[];
  readonly progress: readonly Progress[];
  readonly report: Report | undefined;
  readonly failure: RunFailure | undefined;
  /** What the run threw instead of returning; undefined when it returned. */
  readonly thrown: AssumeMfaError | undefined;
  /** Whether interrupts were held while it reported. */
  readonly heldAtReport: boolean | undefined;
}

export interface RunOptions extends Partial<DestructiveOptions> {
  /** Runs as the person's answer; throws to decline. */
  readonly confirm?: (look: Look) => void | Promise<void>;
  readonly onProgress?: (progress: Progress) => void;
}

/** Runs an action as the command line would, and writes down what it told. */
export async function runAndTell(
  action: DestructiveAction,
  words: readonly string[],
  scope: TestScope,
  { confirm, onProgress, ...options }: RunOptions = {},
): Promise<Told> {
  const events: ("show" | "confirm" | "report")[] = [];
  const notes: string[] = [];
  const progress: Progress[] = [];
  let shown: Look | undefined;
  let reported: { report: Report; failure: RunFailure | undefined; held: boolean } | undefined;
  let thrown: AssumeMfaError | undefined;
  const ports: DestructivePorts = {
    show(look) {
      events.push("show");
      shown = look;
    },
    async confirm(look) {
      events.push("confirm");
      await confirm?.(look);
    },
    progress(seen) {
      progress.push(seen);
      onProgress?.(seen);
    },
    note: (text) => notes.push(text),
    report(report, failure) {
      events.push("report");
      reported = { report, failure, held: scope.interrupts.isHeld };
    },
  };
  try {
    const ids = action.checkIds(words);
    await runDestructive(action, ids, scope, { dryRun: false, wait: true, timeoutSeconds: 60, ...options }, ports);
  } catch (error) {
    if (!(error instanceof AssumeMfaError)) throw error;
    thrown = error;
  }
  if (scope.interrupts.isHeld) throw new Error("interrupts are still held");
  return {
    events,
    shown,
    notes,
    progress,
    report: reported?.report,
    failure: reported?.failure,
    thrown,
    heldAtReport: reported?.held,
  };
}
