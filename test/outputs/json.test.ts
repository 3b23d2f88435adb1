import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { formatJson, formatTargetResults, toErrorJson } from "../../src/outputs/json.ts";

describe("formatJson", () => {
  it("indents by two spaces and ends in a newline", () => {
    expect(formatJson({ a: [1, "größe 日本 🚀"] })).toBe('{\n  "a": [\n    1,\n    "größe 日本 🚀"\n  ]\n}\n');
  });

  it("escapes what a terminal would act on or hide", () => {
    expect(formatJson("\u001b[2J\u007f\u009b\u202e\u2028\u200b\u{e0041}\ud800")).toBe(
      '"\\u001b[2J\\u007f\\u009b\\u202e\\u2028\\u200b\\udb40\\udc41\\ud800"\n',
    );
  });

  it("writes null for undefined", () => {
    expect(formatJson(undefined)).toBe("null\n");
  });

  it("is read back as the same value, and holds nothing that a terminal would act on", () => {
    const hostile = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => `\u0301a${String.fromCharCode(unit)}\u0301`),
    );
    fc.assert(
      fc.property(fc.dictionary(hostile, fc.array(hostile)), (value) => {
        const text = formatJson(value);
        expect(JSON.parse(text)).toEqual(value);
        expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("formatTargetResults", () => {
  it("prints a list of results and errors in the order of the targets", () => {
    const error = new AssumeMfaError("TOKEN_CODE_USED", "the code was already used", {
      hint: "wait 12 s",
      details: { retryAfterSeconds: 12, message: "not this one" },
    });
    const text = formatTargetResults([
      { target: "staging", account: "333333333333", region: "us-east-1", result: [{ instanceId: "i-1" }] },
      { target: "dev", account: undefined, region: undefined, error },
    ]);
    expect(JSON.parse(text)).toEqual([
      { target: "staging", account: "333333333333", region: "us-east-1", result: [{ instanceId: "i-1" }] },
      {
        target: "dev",
        account: null,
        region: null,
        error: {
          code: "TOKEN_CODE_USED",
          message: "the code was already used",
          hint: "wait 12 s",
          retryAfterSeconds: 12,
        },
      },
    ]);
  });

  it("is a list for one target, and for none", () => {
    const entry = { target: "dev", account: "222222222222", region: "us-east-1", result: undefined };
    expect(JSON.parse(formatTargetResults([entry]))).toEqual([{ ...entry, result: null }]);
    expect(formatTargetResults([])).toBe("[]\n");
  });
});

describe("toErrorJson", () => {
  it("says null where there is no hint, and nothing of the cause", () => {
    const error = new AssumeMfaError("NETWORK", "no answer", { cause: new Error("inner") });
    expect(formatJson({ error: toErrorJson(error) })).toBe(
      '{\n  "error": {\n    "code": "NETWORK",\n    "message": "no answer",\n    "hint": null\n  }\n}\n',
    );
  });
});
