import { isThrottled } from "../aws/aws-failure.ts";
import { awsFailureOf } from "./action-errors.ts";

/** Polling starts small, for a sandbox that is done at once, and grows, for EC2, which takes a minute. */
const FIRST_DELAY_MS = 200;
const GROWTH = 1.5;
const LONGEST_DELAY_MS = 5_000;
const FIRST_BACK_OFF_MS = 2_000;
const LONGEST_BACK_OFF_MS = 20_000;
/** After so many readings in a row without an answer the waiting ends. */
const MAX_TROUBLES = 5;

/** How often to look at something that is on its way. */
export interface Pace {
  /** Until the next look, milliseconds. */
  readonly delayMs: number;
  answered(): void;
  /** @returns false when looking again is no use */
  isWorthAnotherLook(error: unknown): boolean;
}

export function makePace(): Pace {
  let delayMs = FIRST_DELAY_MS;
  let troubles = 0;
  return {
    get delayMs() {
      return delayMs;
    },
    answered() {
      troubles = 0;
      delayMs = Math.min(delayMs * GROWTH, LONGEST_DELAY_MS);
    },
    isWorthAnotherLook(error) {
      const failure = awsFailureOf(error);
      if (failure !== undefined && isThrottled(failure)) {
        delayMs = Math.min(Math.max(delayMs * 2, FIRST_BACK_OFF_MS), LONGEST_BACK_OFF_MS);
        return true;
      }
      if (failure === undefined || failure.kind === "refused" || ++troubles >= MAX_TROUBLES) return false;
      delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS);
      return true;
    },
  };
}
