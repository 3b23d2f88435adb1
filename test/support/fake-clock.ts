import { setImmediate as nextTurn } from "node:timers/promises";

/** A clock that starts at the real time and runs ahead by what is slept: nobody waits, and time still passes. */
export interface FakeClock {
  now(): number;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  advance(milliseconds: number): void;
}

export function makeFakeClock(): FakeClock {
  let aheadMs = 0;
  return {
    now: () => Date.now() + aheadMs,
    async sleep(milliseconds, signal) {
      signal?.throwIfAborted();
      aheadMs += milliseconds;
      await nextTurn();
      signal?.throwIfAborted();
    },
    advance(milliseconds) {
      aheadMs += milliseconds;
    },
  };
}
