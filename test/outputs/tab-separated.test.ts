import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatTabSeparated } from "../../src/outputs/tab-separated.ts";

describe("formatTabSeparated", () => {
  it("prints a line per row, a tab between cells, None where there is nothing", () => {
    expect(
      formatTabSeparated([
        ["i-1", undefined, "running"],
        ["i-2", "", "stopped"],
      ]),
    ).toBe("i-1\tNone\trunning\ni-2\t\tstopped\n");
  });

  it("prints nothing for no rows", () => {
    expect(formatTabSeparated([])).toBe("");
  });

  it("keeps each cell at its place whatever is in them", () => {
    const cell = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("a\tb", "a\nb", "\r\n", "\u2028"));
    const rows = fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { minLength: 1 });
    fc.assert(
      fc.property(rows, (input) => {
        const lines = formatTabSeparated(input).split(/\r\n|[\n\r\u0085\u2028\u2029]/u);
        expect(lines.length).toBe(input.length + 1);
        expect(lines.slice(0, -1).map((line) => line.split("\t").length)).toEqual(input.map(() => 3));
      }),
    );
  });
});
