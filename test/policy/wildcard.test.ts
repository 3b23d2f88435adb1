import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ANY_ONE, ANY_RUN, matchesWildcard, parseWildcardPattern } from "../../src/policy/wildcard.ts";

const matches = (text: string, pattern: string) => matchesWildcard(text, parseWildcardPattern(pattern));

describe("matchesWildcard", () => {
  it.each([
    ["", "", true],
    ["", "*", true],
    ["", "?", false],
    ["a", "", false],
    ["abc", "abc", true],
    ["abc", "ABC", false],
    ["abcd", "abc", false],
    ["abc", "a*", true],
    ["abc", "*c", true],
    ["abc", "a*c", true],
    ["ac", "a*c", true],
    ["ac", "a?c", false],
    ["abc", "a?c", true],
    ["a", "a*a", false],
    ["aba", "*ab*ba*", false],
    ["abba", "*ab*ba*", true],
    ["a/b:c/d", "a*d", true],
    ["a\nb", "a*b", true],
    ["x.[y]+", "x.[y]+", true],
    ["xAy", "x.y", false],
    ["table/orders/backup/1", "table/*/backup/?", true],
    ["prefix-middle-suffix", "prefix-*-??????", true],
    ["prefix-middle-suffix", "prefix-*-???????", false],
    // One `?` is one UTF-16 code unit, as AWS counts.
    ["\u{10400}", "?", false],
    ["\u{10400}", "??", true],
  ])("reads %j with pattern %j: %s", (text, pattern, expected) => {
    expect(matches(text, pattern)).toBe(expected);
  });

  it("takes stars and question marks of literal text as characters", () => {
    expect(matchesWildcard("a*b", ["a", "*", "b"])).toBe(true);
    expect(matchesWildcard("axb", ["a", "*", "b"])).toBe(false);
    expect(matchesWildcard("a?x", ["a?", ANY_ONE])).toBe(true);
    expect(matchesWildcard("abx", ["a?", ANY_ONE])).toBe(false);
    expect(matchesWildcard("a*b", ["a*", ANY_RUN])).toBe(true);
  });

  it("agrees with the definition on every short text and pattern it is tried on", () => {
    const letters = (alphabet: string) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 9 });
    fc.assert(
      fc.property(
        letters("ab"),
        letters("ab*?"),
        (text, pattern) => matches(text, pattern) === byDefinition(text, pattern),
      ),
      { numRuns: 3000 },
    );
  });

  it("finds what is longer than a machine word wherever it stands, and nothing else", () => {
    const texts = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 100, maxLength: 300 });
    fc.assert(
      fc.property(texts, fc.nat(99), fc.integer({ min: 33, max: 99 }), fc.nat(98), (text, from, length, changed) => {
        const run = [...text.slice(from, from + length)];
        run[changed % run.length] = "?";
        run[(changed * 7) % run.length] = "b";
        const fits = (at: number) => run.every((letter, index) => letter === "?" || letter === text[at + index]);
        const expected = Array.from({ length: text.length - run.length + 1 }, (_, at) => at).some(fits);
        expect(matches(text, `*${run.join("")}*`)).toBe(expected);
      }),
    );
  });

  it.each([
    ["many stars", `${"*a".repeat(3000)}*b`],
    ["a long run that almost fits", `*${"a".repeat(5000)}b*`],
    ["a long run that fits but for its first letter", `*b${"a".repeat(5000)}*`],
    ["question marks between stars", `${"*?".repeat(3000)}b`],
    ["a long run of question marks", `*${"?".repeat(5000)}b*`],
  ])("is done with %s in a moment", (_name, pattern) => {
    const text = "a".repeat(20_000);
    const started = performance.now();
    expect(matches(text, pattern)).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

/** The meaning of the two wildcards, written down with no thought of speed. */
function byDefinition(text: string, pattern: string): boolean {
  const [first] = pattern;
  if (first === undefined) return text === "";
  const rest = pattern.slice(1);
  if (first === "*") return byDefinition(text, rest) || (text !== "" && byDefinition(text.slice(1), pattern));
  return text !== "" && (first === "?" || first === text[0]) && byDefinition(text.slice(1), rest);
}
