import type { Slots } from "../actions/at-most.ts";
import type { Interrupts } from "../host/host.ts";
import type { Together } from "./target-run.ts";

/** The targets of a run, which work at the same time and decide together. */
export interface Gathering {
  /** One target's part in it, by its place in the order of the targets. */
  guest(index: number): Together;
  /** That target has ended, well or not: nobody waits for it any more. */
  ended(index: number): void;
  /** What ended the whole run; undefined where nothing did. */
  readonly verdict: Error | undefined;
  /** All have ended: shows what was left for later. */
  close(): void;
  /** The run has reported: signals end it again. */
  releaseInterrupts(): void;
}

interface Guest {
  hasEnded: boolean;
  waiting: { readonly mine: unknown; go(): void; stop(error: unknown): void } | undefined;
  readonly shows: (() => void)[];
}

/**
 * @param count of the targets
 * @param slots in which they work; whoever waits for the others leaves its place, so that all of them get as far
 */
export function makeGathering(count: number, slots: Slots, interrupts: Pick<Interrupts, "hold">): Gathering {
  const guests = Array.from({ length: count }, (): Guest => ({ hasEnded: false, waiting: undefined, shows: [] }));
  let release: (() => void) | undefined;
  let verdict: Error | undefined;

  const showAll = () => {
    for (const { shows } of guests) for (const show of shows.splice(0)) show();
  };

  async function decideWhenAllAreHere(decide: (all: readonly unknown[]) => void | Promise<void>): Promise<void> {
    if (guests.some(({ hasEnded, waiting }) => !hasEnded && waiting === undefined)) return;
    const here = guests.flatMap(({ waiting }) => waiting ?? []);
    if (here.length === 0) return;
    for (const guest of guests) guest.waiting = undefined;
    try {
      showAll();
      await decide(here.map(({ mine }) => mine));
    } catch (error) {
      verdict = error instanceof Error ? error : new Error(String(error));
      for (const one of here) one.stop(verdict);
      return;
    }
    for (const one of here) one.go();
  }

  /** Of those who wait, to whom it is the same question. */
  let decideNext: (all: readonly unknown[]) => void | Promise<void> = () => undefined;

  return {
    guest(index) {
      const guest = guests[index] as Guest;
      return {
        async meet<T>(mine: T, decide: (all: readonly T[]) => void | Promise<void>) {
          const decision = new Promise<void>((resolve, reject) => {
            guest.waiting = { mine, go: resolve, stop: reject };
          });
          decideNext = decide as typeof decideNext;
          void decideWhenAllAreHere(decideNext);
          await slots.leaveDuring(decision);
        },
        later: (show) => void guest.shows.push(show),
        holdInterrupts() {
          release ??= interrupts.hold();
        },
      };
    },
    ended(index) {
      (guests[index] as Guest).hasEnded = true;
      void decideWhenAllAreHere(decideNext);
    },
    get verdict() {
      return verdict;
    },
    close: showAll,
    releaseInterrupts: () => release?.(),
  };
}
