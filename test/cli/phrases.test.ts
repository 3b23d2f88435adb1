import { describe, expect, it } from "vitest";
import { formatBytes, formatCount, formatExpiry, formatSpan } from "../../src/cli/phrases.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("phrases", () => {
  it.each([
    [-5, "0 s"],
    [0, "0 s"],
    [999, "0 s"],
    [59 * SECOND, "59 s"],
    [MINUTE, "1 min"],
    [59 * MINUTE + 59 * SECOND, "59 min"],
    [HOUR, "1 h"],
    [HOUR + 5 * MINUTE, "1 h 5 min"],
    [47 * HOUR, "47 h"],
    [2 * DAY, "2 d"],
    [400 * DAY, "400 d"],
  ])("a span of %i ms is %s, never rounded up", (milliseconds, text) => {
    expect(formatSpan(milliseconds)).toBe(text);
  });

  it("a moment is the local time and what is left", () => {
    expect(formatExpiry(HOUR, MINUTE)).toMatch(/^\d\d:\d\d \(59 min left\)$/);
  });

  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KB"],
    [1536, "1.5 KB"],
    [150 * 1024, "150 KB"],
    [3 * 1024 ** 4, "3.0 TB"],
    [2 * 1024 ** 6, "2048 PB"],
  ])("%i bytes are %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it("counts agree with their nouns", () => {
    expect([0, 1, 2].map((count) => formatCount(count, "instance"))).toEqual([
      "0 instances",
      "1 instance",
      "2 instances",
    ]);
    expect(formatCount(2, "policy", "policies")).toBe("2 policies");
  });
});
