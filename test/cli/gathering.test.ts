import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { makeSlots } from "../../src/actions/at-most.ts";
import { makeGathering } from "../../src/cli/gathering.ts";
import type { Together } from "../../src/cli/target-run.ts";

/** Runs as many guests, of whom so many have a place at a time. */
async function gather(count: number, limit: number, work: (guest: Together, index: number) => Promise<void>) {
  const slots = makeSlots(limit);
  let holds = 0;
  const gathering = makeGathering(count, slots, {
    hold() {
      holds += 1;
      return () => {
        holds -= 1;
      };
    },
  });
  const ends = await Promise.allSettled(
    Array.from({ length: count }, (_, index) =>
      slots.run(async () => {
        try {
          await work(gathering.guest(index), index);
        } finally {
          gathering.ended(index);
        }
      }),
    ),
  );
  gathering.close();
  return { ends, gathering, holds: () => holds };
}

describe("targets that decide together", () => {
  it("are decided for once, in their order, when all are there, though few have a place at a time", async () => {
    const decisions: (readonly string[])[] = [];
    const went: number[] = [];
    const { ends } = await gather(5, 2, async (guest, index) => {
      await pause(5 * (5 - index));
      await guest.meet(`t${index}`, (all) => void decisions.push(all));
      went.push(index);
      await guest.meet(`again ${index}`, (all) => void decisions.push(all));
    });
    expect(ends.every(({ status }) => status === "fulfilled")).toBe(true);
    expect(decisions).toEqual([
      ["t0", "t1", "t2", "t3", "t4"],
      ["again 0", "again 1", "again 2", "again 3", "again 4"],
    ]);
    expect(went).toHaveLength(5);
  });

  it("do not wait for one that has ended, whether it was the last or failed", async () => {
    const decisions: (readonly number[])[] = [];
    const { ends } = await gather(3, 3, async (guest, index) => {
      if (index === 0) return;
      if (index === 2) {
        await pause(20);
        throw new Error("it failed");
      }
      await guest.meet(index, (all) => void decisions.push(all));
    });
    expect(decisions).toEqual([[1]]);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  });

  it("all end with what the decision throws", async () => {
    const verdict = new Error("No");
    const { ends, gathering } = await gather(3, 3, (guest, index) =>
      guest.meet(index, async () => {
        await pause(1);
        throw verdict;
      }),
    );
    expect(ends).toEqual(Array.from({ length: 3 }, () => ({ status: "rejected", reason: verdict })));
    expect(gathering.verdict).toBe(verdict);
  });

  it("show what they have in their order, before they decide, and what is left in the end", async () => {
    const shown: string[] = [];
    await gather(3, 3, async (guest, index) => {
      await pause(5 * (3 - index));
      guest.later(() => shown.push(`look ${index}`));
      if (index < 2) await guest.meet(index, () => void shown.push("decision"));
      guest.later(() => shown.push(`rest ${index}`));
    });
    // The third had ended by then.
    expect(shown).toEqual(["look 0", "look 1", "look 2", "rest 2", "decision", "rest 0", "rest 1"]);
  });

  it("hold the interrupts once, from the decision until the run has reported", async () => {
    const { gathering, holds } = await gather(3, 3, (guest, index) =>
      guest.meet(index, () => {
        guest.holdInterrupts();
        guest.holdInterrupts();
      }),
    );
    expect(holds()).toBe(1);
    gathering.releaseInterrupts();
    expect(holds()).toBe(0);
  });
});
