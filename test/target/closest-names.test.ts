import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closestNames, editDistance } from "../../src/target/closest-names.ts";

describe("the closest names", () => {
  it.each([
    ["stagin", ["prod", "staging", "dev"], 1, ["staging"]],
    ["dve", ["prod", "dev", "devs"], 2, ["dev", "devs"]],
    ["DEV", ["prod", "dev"], 1, ["dev"]],
    ["x", ["b", "a", "c"], 2, ["b", "a"]],
    ["dev", [], 3, []],
    ["dev", ["dev"], 0, []],
    ["", ["abc", "a"], 2, ["a", "abc"]],
  ])("to %s among %j", (word, candidates, count, expected) => {
    expect(closestNames(word, candidates, count)).toEqual(expected);
  });

  it("are those with the fewest edits, whoever stands first", () => {
    const name = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 6 });
    fc.assert(
      fc.property(
        name,
        fc.uniqueArray(name, { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        (word, names, count) => {
          const expected = names
            .map((candidate, index) => ({ candidate, index, distance: editDistance(word, candidate) }))
            .sort((a, b) => a.distance - b.distance || a.index - b.index)
            .slice(0, count)
            .map(({ candidate }) => candidate);
          expect(closestNames(word, names, count)).toEqual(expected);
        },
      ),
    );
  });

  it("are found for a megabyte of a word among a hundred thousand", () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `team-${index}`);
    expect(closestNames("team-99999", names, 1)).toEqual(["team-99999"]);
    expect(closestNames("x".repeat(1_000_000), names, 3)).toHaveLength(3);
  });
});

describe("the edit distance", () => {
  it.each([
    ["", "", 0],
    ["abc", "abc", 0],
    ["abc", "ABC", 0],
    ["abc", "acb", 1],
    ["abc", "ab", 1],
    ["abc", "abcd", 1],
    ["abc", "xbc", 1],
    ["kitten", "sitting", 3],
    ["ca", "abc", 3],
  ])("of %s and %s is %d", (first, second, distance) => {
    expect(editDistance(first, second)).toBe(distance);
    expect(editDistance(second, first)).toBe(distance);
  });

  it("below its limit is the same as without one, else the limit", () => {
    const name = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 8 });
    fc.assert(
      fc.property(name, name, fc.integer({ min: 1, max: 6 }), (first, second, limit) => {
        expect(Math.min(editDistance(first, second, limit), limit)).toBe(Math.min(editDistance(first, second), limit));
      }),
    );
  });
});
