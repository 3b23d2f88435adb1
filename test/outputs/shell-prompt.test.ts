import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatShellLevels, markShell } from "../../src/outputs/shell-prompt.ts";
import { HOSTILE_VALUES, hostileValue } from "./hostile-values.ts";

// That real shells show the mark and do nothing else with it: test/bin/shell.test.ts.

/** Of these no shell makes anything else in a prompt, in double quotes, in single quotes or in none. */
const PLAIN = /^[\p{L}\p{N}+=,.@:/_-]*$/u;

describe("the levels of a shell", () => {
  it.each([
    [undefined, "dev", "dev"],
    ["", "dev", "dev"],
    ["dev", "prod", "dev > prod"],
    ["dev > prod", "dev", "dev > prod > dev"],
    ["a > b > c", "d", "... > b > c > d"],
    ["... > b > c > d", "e", "... > c > d > e"],
    [undefined, "222222222222/PrivilegedActionsRole", "222222222222/PrivilegedActionsRole"],
    [undefined, "équipe-日本", "équipe-日本"],
    [undefined, "two words", "two_words"],
    [undefined, "x".repeat(100), `${"x".repeat(37)}...`],
    ["$(id) > `id`", "\\[\\e[31m%n!", "__id_ > _id_ > ___e_31m_n_"],
    [undefined, "\u202e\u200b\u3164\u001b", "____"],
  ])("%j around %j is %j", (outer, name, levels) => {
    expect(formatShellLevels(outer, name)).toBe(levels);
  });

  it("hold nothing that a shell acts on, whatever stood there before", () => {
    expect(HOSTILE_VALUES.length).toBeGreaterThan(50);
    const anything = fc.oneof(fc.constantFrom(...HOSTILE_VALUES), hostileValue);
    fc.assert(
      fc.property(anything, anything, (outer, name) => {
        const levels = formatShellLevels(outer, name).split(" > ");
        expect(levels.length).toBeLessThanOrEqual(4);
        for (const level of levels) {
          expect(level).toMatch(PLAIN);
          expect([...level].length).toBeLessThanOrEqual(40);
        }
      }),
    );
  });
});

describe("a marked shell", () => {
  it.each([
    "/bin/bash",
    "/usr/local/bin/zsh",
    "/usr/bin/fish",
    "/bin/sh",
    "/bin/dash",
    "/bin/ksh93",
    "C:\\Windows\\cmd.exe",
    "bash-5.2",
  ])("is made of %s", (shell) => {
    expect(JSON.stringify(markShell(shell, "dev", "/tmp/x", {}))).toContain("[dev] ");
  });

  it.each(["/bin/tcsh", "/usr/bin/nu", "/bin/false", "", "/bin/bash/"])("is not made of %j", (shell) => {
    expect(markShell(shell, "dev", "/tmp/x", {})).toBeUndefined();
  });

  it("quotes the folder's name, whatever it is", () => {
    const zsh = markShell("zsh", "dev", "/tmp/it's $(here)", { ZDOTDIR: "/their's" });
    expect(zsh?.files[".zshenv"]).toContain("ZDOTDIR='/tmp/it'\\''s $(here)'\n");
    expect(zsh?.variables).toEqual({ ZDOTDIR: "/tmp/it's $(here)", AMFA_ZDOTDIR: "/their's" });
  });
});
