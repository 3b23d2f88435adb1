import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonValue, parsePolicyJson } from "../../src/policy/policy-json.ts";
import { PolicySyntaxError } from "../../src/policy/policy-syntax-error.ts";

const parse = (text: string) => parsePolicyJson(text, "Syntax errors in policy.");

describe("parsePolicyJson", () => {
  it("reads what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(plain(parse(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it("takes and refuses the same texts as JSON.parse", () => {
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"\\u0041"',
      '"\\x"',
      "1",
      "-0.5e+3",
      "01",
      "true",
      "nul",
      " ",
      "\n",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 9 }), (parts) => {
        const text = parts.join("");
        expect(outcome(() => plain(parse(text)))).toEqual(outcome(() => JSON.parse(text)));
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['{"a": 1,}', "a comma before }, which JSON does not allow (line 1, column 9)"],
    ['["a",\n  "b",\n]', "a comma before ], which JSON does not allow (line 3, column 1)"],
    ['{"a": 1 "b": 2}', "a comma or } is expected here (line 1, column 9)"],
    ["{a: 1}", "a key in double quotes is expected here (line 1, column 2)"],
    ['{"a"}', "a colon is expected here (line 1, column 5)"],
    ['{"a": }', "a JSON value is expected here (line 1, column 7)"],
    ["['a']", "a JSON value is expected here (line 1, column 2)"],
    ["", "the JSON text ends too early (line 1, column 1)"],
    ['{"a": "b', "a string does not end (line 1, column 9)"],
    ['"a\nb"', "a control character in a string (line 1, column 3)"],
    ['"\\q"', "an escape that JSON does not know (line 1, column 3)"],
    ['"\\u12"', "four hexadecimal digits are expected after \\u (line 1, column 4)"],
    ["{} {}", "text after the end of the JSON document (line 1, column 4)"],
    ['{"a": 1, "b": 2, "a": 3}', 'the key "a" stands twice in one object (line 1, column 18)'],
    ['{"Effect": "Deny", "\\u0045ffect": "Allow"}', 'the key "Effect" stands twice in one object (line 1, column 20)'],
  ])("says what is wrong with %j, and where", (text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ name: "PolicySyntaxError", message }));
  });

  it("takes __proto__ for a key like any other", () => {
    const value = parse('{"__proto__": {"polluted": true}, "constructor": 1}');
    expect(value).toBeInstanceOf(Map);
    expect([...(value as Map<string, JsonValue>).keys()]).toEqual(["__proto__", "constructor"]);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  it("refuses depth instead of overflowing the stack", () => {
    expect(() => parse("[".repeat(100_000))).toThrow("nested too deeply");
  });
});

function plain(value: JsonValue): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, member]) => [key, plain(member)]));
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === "object" && value !== null && "numberText" in value ? Number(value.numberText) : value;
}

function outcome(parseText: () => unknown): unknown {
  try {
    return { value: parseText() };
  } catch (error) {
    // JSON.parse takes the later of two equal keys.
    if (error instanceof PolicySyntaxError && /stands twice/.test(error.message)) return { value: expect.anything() };
    return "refused";
  }
}
