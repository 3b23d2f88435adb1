import { describe, expect, it } from "vitest";
import { isColourWanted, makeStyle } from "../../src/outputs/style.ts";

describe("makeStyle", () => {
  it("colours whatever the process's own environment and streams are", () => {
    const style = makeStyle(true);
    expect(style.red("a")).toBe("\u001b[31ma\u001b[39m");
    expect(style.bold("a")).toBe("\u001b[1ma\u001b[22m");
    expect(Object.values(style).map((paint) => paint("a"))).not.toContain("a");
  });

  it("changes nothing when colour is off", () => {
    expect(Object.values(makeStyle(false)).map((paint) => paint("a"))).toEqual(["a", "a", "a", "a", "a", "a"]);
  });
});

describe("isColourWanted", () => {
  it.each([
    [true, "a terminal", { isTerminal: true, env: {}, noColorOption: false }],
    [false, "a pipe", { isTerminal: false, env: {}, noColorOption: false }],
    [false, "--no-color", { isTerminal: true, env: { FORCE_COLOR: "1" }, noColorOption: true }],
    [false, "NO_COLOR", { isTerminal: true, env: { NO_COLOR: "1" }, noColorOption: false }],
    [false, "NO_COLOR=0, which is not empty", { isTerminal: true, env: { NO_COLOR: "0" }, noColorOption: false }],
    [true, "an empty NO_COLOR", { isTerminal: true, env: { NO_COLOR: "" }, noColorOption: false }],
    [true, "FORCE_COLOR into a pipe", { isTerminal: false, env: { FORCE_COLOR: "1" }, noColorOption: false }],
    [true, "FORCE_COLOR without a value", { isTerminal: false, env: { FORCE_COLOR: "" }, noColorOption: false }],
    [false, "FORCE_COLOR=0", { isTerminal: true, env: { FORCE_COLOR: "0" }, noColorOption: false }],
    [false, "FORCE_COLOR=false", { isTerminal: true, env: { FORCE_COLOR: "false" }, noColorOption: false }],
    [
      false,
      "NO_COLOR against FORCE_COLOR",
      { isTerminal: true, env: { NO_COLOR: "1", FORCE_COLOR: "1" }, noColorOption: false },
    ],
    [false, "TERM=dumb", { isTerminal: true, env: { TERM: "dumb" }, noColorOption: false }],
    [
      true,
      "TERM=dumb with FORCE_COLOR",
      { isTerminal: true, env: { TERM: "dumb", FORCE_COLOR: "1" }, noColorOption: false },
    ],
  ])("is %s for %s", (wanted, _, question) => {
    expect(isColourWanted(question)).toBe(wanted);
  });
});
