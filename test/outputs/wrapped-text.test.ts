import { describe, expect, it } from "vitest";
import { terminalWidth } from "../../src/outputs/terminal-width.ts";
import { wrapPainted } from "../../src/outputs/wrapped-text.ts";

const wrap = (text: string, width: number | undefined) => wrapPainted([{ text }], width);

describe("a text that is wrapped", () => {
  it("is broken between words, and is one line where it fits or nobody knows the width", () => {
    expect(wrap("one two three four", 9)).toEqual(["one two", "  three", "  four"]);
    for (const width of [undefined, 0, Number.NaN, 18, 200]) {
      expect(wrap("one two three four", width)).toEqual(["one two three four"]);
    }
  });

  it("has a long word broken within, between what a reader takes for characters", () => {
    expect(wrap("region /a/very/long/path:36", 12)).toEqual(["region", "  /a/very/lo", "  ng/path:36"]);
    expect(wrap("日本語日本語", 7)).toEqual(["日本語", "  日本", "  語"]);
    expect(wrap("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 4).join("").replaceAll(" ", "")).toBe("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧");
  });

  it("loses nothing and is never wider, however narrow it gets", () => {
    const text = "account 222222222222 (acme-dev)  region us-east-1 (/home/somebody/.aws/config:36)";
    for (let width = 1; width <= text.length; width++) {
      const lines = wrap(text, width);
      for (const line of lines) expect(terminalWidth(line)).toBeLessThanOrEqual(width);
      expect(lines.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
    }
  });

  it("paints each part's own words in every line", () => {
    const lines = wrapPainted([{ text: "a " }, { text: "bb cc", paint: (text) => `<${text}>` }], 6);
    expect(lines).toEqual(["a <bb>", "  <cc>"]);
    const whole = wrapPainted([{ text: "a " }, { text: "bb cc", paint: (text) => `<${text}>` }], 7);
    expect(whole).toEqual(["a <bb cc>"]);
  });
});
