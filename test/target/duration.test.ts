import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDuration } from "../../src/target/duration.ts";

describe("a duration", () => {
  it.each([
    ["1h", 3600],
    ["45m", 2700],
    ["3600", 3600],
    ["90s", 90],
    ["1h30m", 5400],
    ["1h0m10s", 3610],
    ["2h5s", 7205],
    ["0", 0],
    ["036", 36],
    ["36h", 129_600],
  ])("%s is %d seconds", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each([
    "",
    " ",
    "h",
    "m",
    "1h30",
    "30m1h",
    "1.5h",
    "-1h",
    "+1h",
    "1 h",
    "1h ",
    "1H",
    "1d",
    "1e3",
    "0x10",
    "١h",
    "1hh",
    "1h1h",
    "1h\n",
    "Infinity",
    "NaN",
    "1_000",
    "9".repeat(10),
    `${"9".repeat(400_000)}h`,
  ])("%j is none", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it("comes back from hours, minutes and seconds", () => {
    const part = fc.nat(1000);
    fc.assert(
      fc.property(part, part, part, (hours, minutes, seconds) => {
        expect(parseDuration(`${hours}h${minutes}m${seconds}s`)).toBe(hours * 3600 + minutes * 60 + seconds);
      }),
    );
  });
});
