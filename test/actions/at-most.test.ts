import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chunksOf, mapAtMost } from "../../src/actions/at-most.ts";

describe("mapAtMost", () => {
  it("answers in the order of the items and never has more than the limit under way", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.nat(3), { maxLength: 40 }),
        async (limit, items) => {
          let underWay = 0;
          let most = 0;
          const answers = await mapAtMost(limit, items, async (turns) => {
            most = Math.max(most, ++underWay);
            for (let turn = 0; turn <= turns; turn++) await Promise.resolve();
            underWay--;
            return turns * 2;
          });
          expect(answers).toEqual(items.map((item) => item * 2));
          expect(most).toBeLessThanOrEqual(limit);
          if (items.length >= limit) expect(most).toBe(limit);
        },
      ),
    );
  });

  it("throws the first failure when those under way have ended, and starts no more", async () => {
    const started: number[] = [];
    const ended: number[] = [];
    const failing = mapAtMost(2, [0, 1, 2, 3, 4], async (item) => {
      started.push(item);
      await new Promise((resolve) => setTimeout(resolve, item === 0 ? 1 : 30));
      ended.push(item);
      if (item === 0) throw new Error("first");
    });
    await expect(failing).rejects.toThrow("first");
    expect(started).toEqual([0, 1]);
    expect(ended).toEqual([0, 1]);
  });
});

describe("chunksOf", () => {
  it("keeps all items in their order, in pieces no larger than asked", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.array(fc.integer()), (size, items) => {
        const chunks = chunksOf(size, items);
        expect(chunks.flat()).toEqual(items);
        for (const chunk of chunks) {
          expect(chunk.length).toBeGreaterThan(0);
          expect(chunk.length).toBeLessThanOrEqual(size);
        }
      }),
    );
  });
});
