import { describe, expect, it } from "vitest";
import { programName, programPath } from "../../src/text/program-name.ts";

describe("programName", () => {
  it.each<[readonly string[], string | undefined]>([
    [["/usr/bin/ykman", "oath", "accounts"], "ykman"],
    [["pass-otp.sh"], "pass-otp.sh"],
    [["g++"], "g++"],
    [[], undefined],
    [[""], undefined],
    [["/usr/bin/"], undefined],
    [["two words"], undefined],
    [["a\u001b[2J"], undefined],
    [["a\u202eb"], undefined],
    [["wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYab"], undefined],
    [["x".repeat(33)], undefined],
  ])("of %j is %s", (command, name) => {
    expect(programName(command)).toBe(name);
  });
});

describe("programPath", () => {
  it.each<[string, string | undefined]>([
    ["/no/such/prog", "/no/such/prog"],
    ["ykman", "ykman"],
    [`/${"long/".repeat(8)}prog`, "…/prog"],
    ["/wJalrXUtnFEMI/K7MDENGbPxRfiCYEXAMPLEKEY", "…/K7MDENGbPxRfiCYEXAMPLEKEY"],
    ["/home/alice/wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYab", undefined],
    ["/a\u001b[2J/prog", "…/prog"],
  ])("of %s is %s", (program, shown) => {
    expect(programPath([program, "--secret"])).toBe(shown);
  });
});
