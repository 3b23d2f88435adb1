import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatExplainedFields } from "../../src/outputs/explained-fields.ts";
import { makeStyle } from "../../src/outputs/style.ts";
import { terminalWidth } from "../../src/outputs/terminal-width.ts";

const plain = makeStyle(false);

describe("formatExplainedFields", () => {
  it("puts where a value comes from beside it", () => {
    const fields = [
      { label: "region", value: "us-east-1", from: "--region" },
      { label: "route", value: "direct" },
    ];
    expect(formatExplainedFields(fields, undefined, plain)).toBe("region  us-east-1  (--region)\nroute   direct\n");
    expect(formatExplainedFields([], 80, plain)).toBe("");
  });

  it.each([0, -1, undefined])("takes a terminal of %s columns for one without an end", (width) => {
    const fields = [{ label: "a", value: "b ".repeat(200).trim(), from: "c" }];
    expect(formatExplainedFields(fields, width, plain).split("\n")).toHaveLength(2);
  });

  it("goes on below the value where there is no room beside it", () => {
    const fields = [{ label: "path", value: "v".repeat(40), from: "/home/alice/.aws/config:12" }];
    expect(formatExplainedFields(fields, 60, plain)).toBe(
      `path  ${"v".repeat(40)}\n      (/home/alice/.aws/config:12)\n`,
    );
  });

  it("stands below its label where a word has no room beside it, and keeps the word whole", () => {
    const word = `arn:aws:iam::222222222222:role/${"r".repeat(30)}`;
    expect(formatExplainedFields([{ label: "role", value: word, from: "x" }], 50, plain)).toBe(
      `role\n  ${word}\n  (x)\n`,
    );
  });

  it("makes what a terminal would act on visible, in both", () => {
    expect(formatExplainedFields([{ label: "a", value: "b\u001b[2J", from: "c\nd\u202e" }], 80, plain)).toBe(
      "a  b\\x1b[2J  (c\\nd\\u202e)\n",
    );
  });

  it("paints the labels and the origins, and no line by halves", () => {
    const style = makeStyle(true);
    const fields = [{ label: "l", value: "word ".repeat(20).trim(), from: "from ".repeat(20).trim() }];
    for (const line of formatExplainedFields(fields, 50, style).trimEnd().split("\n")) {
      expect(line.split("\u001b[").length % 2).toBe(1);
    }
  });

  it("never loses a word, and never passes the edge but for a word that does", () => {
    const words = fc.stringMatching(/^[a-z日/]{1,60}(?: [a-z日/]{1,60}){0,8}$/);
    fc.assert(
      fc.property(
        fc.array(fc.record({ label: fc.stringMatching(/^[a-z]{1,16}$/), value: words, from: fc.option(words) }), {
          minLength: 1,
          maxLength: 5,
        }),
        fc.integer({ min: 1, max: 120 }),
        (fields, width) => {
          const given = fields.map(({ from, ...rest }) => ({ ...rest, ...(from === null ? {} : { from }) }));
          const text = formatExplainedFields(given, width, plain);
          const all = given.flatMap(({ label, value, from }) => [
            label,
            value,
            ...(from === undefined ? [] : [`(${from})`]),
          ]);
          expect(text.split(/\s+/).filter(Boolean)).toEqual(all.flatMap((each) => each.split(" ")));
          for (const line of text.trimEnd().split("\n")) {
            if (!/^ *\S+$/.test(line)) expect(terminalWidth(line)).toBeLessThanOrEqual(width);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
