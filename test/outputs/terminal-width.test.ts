import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { terminalWidth } from "../../src/outputs/terminal-width.ts";

describe("terminalWidth", () => {
  it.each([
    ["", 0],
    ["web-1", 5],
    ["größe", 5],
    ["e\u0301tat", 4],
    ["日本語", 6],
    ["🚀", 2],
    ["שלום", 4],
    ["한글", 4],
    ["\u1112\u1161\u11ab\u1100\u1173\u11af", 4],
    ["ｶﾞ", 2],
    ["🇩🇪", 2],
    ["…", 1],
  ])("agrees with string-width on %j", (text, width) => {
    expect([terminalWidth(text), stringWidth(text)]).toEqual([width, width]);
  });

  it.each([
    ["emoji modifiers in a row", "\u{1f3fb}".repeat(10), 20],
    ["an emoji with a skin tone", "👍🏻", 4],
    ["an Indic conjunct", "\u0915\u094d\u0937", 2],
    ["letters that join what follows", "\u0d4e".repeat(10), 10],
    ["a character of no Unicode version yet", "\u2fd6", 2],
    ["a circled number of ambiguous width", "\u3248", 2],
    ["a keycap", "1\u20e3", 2],
  ])("counts the most that a terminal takes for %s", (_, text, width) => {
    expect(terminalWidth(text)).toBe(width);
  });

  it("is never less than string-width's", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 30 }), (text) => {
        // Joined emoji do not pass visibleText.
        fc.pre(!/\p{Default_Ignorable_Code_Point}/u.test(text));
        expect(terminalWidth(text)).toBeGreaterThanOrEqual(stringWidth(text));
      }),
      { numRuns: 1_000 },
    );
  });
});
