import { setImmediate as nextTurn } from "node:timers/promises";
import { vi } from "vitest";

/**
 * A clock that stands still but for what is slept on it: nobody waits, and time still passes. `Date` follows it, since
 * the AWS SDK signs by `Date`; real timers and sockets run on.
 */
export interface FakeClock {
  now(): number;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  advance(milliseconds: number): void;
}

export function makeFakeClock(): FakeClock {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  const advance = (milliseconds: number) => {
    vi.setSystemTime(Date.now() + milliseconds);
  };
  return {
    now: () => Date.now(),
    async sleep(milliseconds, signal) {
      signal?.throwIfAborted();
      advance(milliseconds);
      await nextTurn();
      signal?.throwIfAborted();
    },
    advance,
  };
}
