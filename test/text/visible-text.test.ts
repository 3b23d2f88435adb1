import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeUnshowable, visibleText } from "../../src/text/visible-text.ts";

// Written out once more, as code points and by hand, so that a mistake in the source's classes is not repeated here.
function isHarmful(codePoint: number): boolean {
  return (
    codePoint < 0x20 ||
    (codePoint >= 0x7f && codePoint <= 0x9f) ||
    codePoint === 0xad ||
    codePoint === 0x61c ||
    (codePoint >= 0x200b && codePoint <= 0x200f) ||
    (codePoint >= 0x2028 && codePoint <= 0x202e) ||
    (codePoint >= 0x2060 && codePoint <= 0x206f) ||
    (codePoint >= 0xd800 && codePoint <= 0xdfff) ||
    (codePoint >= 0xfe00 && codePoint <= 0xfe0f) ||
    codePoint === 0xfeff ||
    (codePoint >= 0xe0000 && codePoint <= 0xe0fff)
  );
}

const hostileText = fc.array(
  fc.oneof(
    fc.string({ unit: "binary", maxLength: 5 }),
    fc.string({ unit: "grapheme", maxLength: 5 }),
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    fc
      .integer({ min: 0, max: 0x10ffff })
      .filter(isHarmful)
      .map((codePoint) => String.fromCodePoint(codePoint)),
    fc.constantFrom("\u001b[2J", "\u001b]0;title\u0007", "\u009b31m", "\r", "\n", "\u0301\u0301\u0301", "\\", "a"),
  ),
  { maxLength: 20 },
);

describe("visibleText", () => {
  it.each([
    ["plain text", "web-1 (blue)", "web-1 (blue)"],
    ["other scripts", "datenbank-größe 日本 שלום 🚀", "datenbank-größe 日本 שלום 🚀"],
    ["a backslash", "C:\\new\\x1b", "C:\\new\\x1b"],
    ["newline, return, tab", "a\nb\rc\td", "a\\nb\\rc\\td"],
    ["an escape sequence", "\u001b[31mred", "\\x1b[31mred"],
    ["NUL, bell, backspace", "\0\u0007\b", "\\x00\\x07\\x08"],
    ["DEL and C1", "\u007f\u0085\u009b2J", "\\x7f\\x85\\x9b2J"],
    ["a bidirectional override", "exe.\u202egpj", "exe.\\u202egpj"],
    ["bidirectional isolates and marks", "\u2066\u2069\u200e\u061c", "\\u2066\\u2069\\u200e\\u061c"],
    ["zero-width characters", "pro\u200bd\ufeff\u2060", "pro\\u200bd\\ufeff\\u2060"],
    ["a soft hyphen", "pro\u00add", "pro\\xadd"],
    ["line and paragraph separators", "a\u2028b\u2029", "a\\u2028b\\u2029"],
    ["variation selectors and fillers", "a\ufe0f\u3164\u115f", "a\\ufe0f\\u3164\\u115f"],
    ["tags above U+FFFF", "a\u{e0041}", "a\\u{e0041}"],
    ["noncharacters", "\ufffe\u{1ffff}", "\\ufffe\\u{1ffff}"],
    ["surrogates without a partner", "a\ud83d-\ude00", "a\\ud83d-\\ude00"],
    ["a mark that would sit on the caller's text", "\u0301abc", "\\u0301abc"],
    ["a mark that would sit on an escape", "a\u200b\u0301b", "a\\u200b\\u0301b"],
    ["a tower of marks", `e${"\u0301".repeat(6)}`, `e${"\u0301".repeat(4)}\\u0301\\u0301`],
    ["nothing", "", ""],
  ])("shows %s", (_, text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });

  it("leaves nothing that a terminal would act on or hide", () => {
    fc.assert(
      fc.property(hostileText, (pieces) => {
        const shown = visibleText(pieces.join(""));
        expect(Array.from(shown).filter((character) => isHarmful(character.codePointAt(0) ?? 0))).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it("escapes each of the harmful code points, and no printable ASCII", () => {
    const mistaken: string[] = [];
    for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
      const character = String.fromCodePoint(codePoint);
      const isKept = visibleText(`a${character}b`) === `a${character}b`;
      if (isHarmful(codePoint) && isKept) mistaken.push(`${codePoint.toString(16)} kept`);
      if (codePoint >= 0x20 && codePoint <= 0x7e && !isKept) mistaken.push(`${codePoint.toString(16)} escaped`);
    }
    expect(mistaken).toEqual([]);
  });

  it("changes nothing when it is applied again", () => {
    fc.assert(
      fc.property(hostileText, (pieces) => {
        const once = visibleText(pieces.join(""));
        expect(visibleText(once)).toBe(once);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ["controls", "\u001b"],
    ["marks", "\u0301"],
    ["marks on a base", "a\u0301\u0301\u0301\u0301\u0301"],
    ["surrogates", "\ud83d"],
    ["controls and marks in turn", "\u200b\u0301"],
  ])("takes little time for a long text: %s", (_, unit) => {
    const started = performance.now();
    visibleText(unit.repeat(320_000));
    // About a tenth of a second when linear; minutes when quadratic.
    expect(performance.now() - started).toBeLessThan(15_000);
  });
});

describe("escapeUnshowable", () => {
  it("gives the caller whole code points, one at a time", () => {
    const seen: string[] = [];
    const text = escapeUnshowable("a\u{e0041}\u202eb\ud800", (character) => {
      seen.push(character);
      return "?";
    });
    expect({ text, seen }).toEqual({ text: "a??b?", seen: ["\u{e0041}", "\u202e", "\ud800"] });
  });
});
