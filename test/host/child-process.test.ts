import { describe, expect, it } from "vitest";
import { isCommandThere, runChild } from "../../src/host/child-process.ts";
import { makeFakeHost } from "../support/fake-host.ts";

// With real streams, signals and terminals: test/bin/exec.test.ts, test/bin/sandbox-commands.test.ts.

const { interrupts } = makeFakeHost({ argv: [], env: {}, now: () => 0 });
const env = { PATH: process.env.PATH };

describe("a child that can't be started", () => {
  it.each([
    [["nobody-of-that-name"], 127, "command not found"],
    [[""], 127, "command not found"],
    [[], 127, "command not found"],
    [["/etc/passwd"], 126, "permission denied"],
    [["/etc/passwd/below"], 126, "can't be run (ENOTDIR)"],
    [
      ["true", ...Array.from({ length: 40 }, () => "x".repeat(100_000))],
      126,
      "its arguments and environment are too long",
    ],
  ])("%# is told as a status", async (command, status, startFailure) => {
    const before = process.listenerCount("SIGTERM");
    expect(await runChild(command, env, interrupts)).toEqual({ status, startFailure });
    expect(process.listenerCount("SIGTERM")).toBe(before);
  });
});

describe("a command", () => {
  it.each([
    ["sh", "/nowhere:/bin:/usr/bin", true],
    ["/bin/sh", "", true],
    ["sh", "/nowhere", false],
    ["sh", "", false],
    ["package.json", "", true], // an empty PATH means the working folder
    ["package.json", "/bin::/nowhere", true],
    ["./package.json", "/bin", true],
    ["", "/bin", false],
  ])("%j on the PATH %j: %s", (command, PATH, isThere) => {
    expect(isCommandThere(command, { PATH })).toBe(isThere);
  });

  it("is the system's to find where there is no PATH", () => {
    expect(isCommandThere("sh", {})).toBe(true);
  });
});
