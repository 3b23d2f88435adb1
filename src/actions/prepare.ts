import { AssumeMfaError, InterruptedError } from "../errors.ts";
import type { ActionScope, ActionSteps } from "./action.ts";
import { awsFailureOf } from "./action-errors.ts";
import type { BatchVerdict, DestructivePorts } from "./run-destructive.ts";
import { markError, type Tracked } from "./tracked.ts";
import { countStates } from "./wait.ts";

/**
 * Makes what must be there before a batch of one is done (`ActionSteps.prepare`), and keeps what was made for the report.
 * @param batch left alone where this does not succeed
 * @param tracked all of the run, for its progress
 * @param limits milliseconds since 1970
 * @returns undefined when the batch may be done now; else what its failure means for those after it
 */
export async function prepareOne(
  steps: ActionSteps,
  batch: readonly Tracked[],
  tracked: readonly Tracked[],
  { clock }: ActionScope,
  requestIds: string[],
  { giveUpAt, retryUntil }: { readonly giveUpAt: number; readonly retryUntil: number },
  ports: DestructivePorts,
): Promise<BatchVerdict | undefined> {
  const [one] = batch;
  if (steps.prepare === undefined || one === undefined) return undefined;
  const startedAt = clock.now();
  try {
    await steps.prepare(one.view, giveUpAt, {
      retryUntil,
      made(backup) {
        one.backup = backup;
      },
      asked(requestId) {
        if (requestId !== undefined) requestIds.push(requestId);
      },
      waiting(word) {
        const others = countStates(tracked.filter((other) => other !== one));
        ports.progress({ counts: new Map([[word, 1], ...others]), elapsedMs: clock.now() - startedAt });
      },
    });
    return undefined;
  } catch (error) {
    if (error instanceof InterruptedError) return "stop";
    const failure = awsFailureOf(error);
    const isRefused = failure?.kind === "refused";
    markError(one, error, isRefused ? "refused" : "not sent");
    const code = error instanceof AssumeMfaError ? error.code : "UNEXPECTED";
    if (code === "NETWORK" || failure?.kind === "unsent") return "nothing was sent";
    // What AWS refuses for one table it can allow for the next; who had no time left, or no session, has none for that.
    return isRefused && code !== "SESSION_EXPIRED" && clock.now() < giveUpAt ? "go on" : "stop";
  }
}
