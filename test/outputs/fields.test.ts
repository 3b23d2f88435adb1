import { describe, expect, it } from "vitest";
import { formatFields } from "../../src/outputs/fields.ts";
import { makeStyle } from "../../src/outputs/style.ts";

describe("formatFields", () => {
  it.each([30, 60, 500])("never cuts a value (%i characters): it may be copied", (length) => {
    const value = "a".repeat(length);
    expect(
      formatFields(
        [
          ["account", "222222222222"],
          ["arn", value],
        ],
        makeStyle(false),
      ),
    ).toBe(`account  222222222222\narn      ${value}\n`);
  });

  it("makes what a terminal would act on visible", () => {
    expect(formatFields([["name", "a\u001b[2J\nb\u202e"]], makeStyle(false))).toBe("name  a\\x1b[2J\\nb\\u202e\n");
  });
});
