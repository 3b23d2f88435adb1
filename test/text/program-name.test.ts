import { describe, expect, it } from "vitest";
import { programName } from "../../src/text/program-name.ts";

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
