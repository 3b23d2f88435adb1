import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { formatOrigin } from "../../src/target/format-origin.ts";
import { resolveTarget } from "../../src/target/resolve-target.ts";

const SECRET = randomBytes(30).toString("base64");
const DEV = "[profile dev]\nrole_arn = arn:aws:iam::222222222222:role/PrivilegedActionsRole\nsource_profile = parent\n";
const KEYS = `[parent]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = ${SECRET}\n`;

function resolve(config: string) {
  const files = makeAwsConfig(
    parseAwsConfig(config, "/aws/config", "config"),
    parseAwsConfig(KEYS, "/aws/credentials", "credentials"),
  );
  return resolveTarget("dev", {}, files, {}).mfaProcess;
}

const ofDev = (value: string) => resolve(`${DEV}mfa_process = ${value}\n`);

function refusal(value: string): AssumeMfaError {
  try {
    ofDev(value);
  } catch (error) {
    if (error instanceof AssumeMfaError) return error;
    throw error;
  }
  throw new Error(`it was taken: ${value}`);
}

describe("mfa_process", () => {
  it("is the target profile's, else the source profile's, else nobody's", () => {
    const parent = "[profile parent]\nmfa_process = of-parent\n";
    const decided = (config: string) => {
      const found = resolve(config);
      return found && [found.value, formatOrigin(found.origin)];
    };
    expect(decided(`${DEV}mfa_process = of-dev\n${parent}`)).toEqual([["of-dev"], "/aws/config:4"]);
    expect(decided(`${DEV}${parent}`)).toEqual([["of-parent"], "/aws/config:5"]);
    expect(decided(DEV)).toBeUndefined();
  });

  it.each<[string, readonly string[]]>([
    ["ykman oath accounts code --single aws", ["ykman", "oath", "accounts", "code", "--single", "aws"]],
    ["pass otp aws/alice", ["pass", "otp", "aws/alice"]],
    ['op item get "AWS alice" --otp', ["op", "item", "get", "AWS alice", "--otp"]],
    ["op read 'op://Private/AWS/code?attribute=otp'", ["op", "read", "op://Private/AWS/code?attribute=otp"]],
    [
      "sh -c 'pass show aws | head -n 1 > /dev/null; echo `x` $(y) ~ *'",
      ["sh", "-c", "pass show aws | head -n 1 > /dev/null; echo `x` $(y) ~ *"],
    ],
    ["/opt/my\\ tools/code a\\|b \\~x \\$HOME", ["/opt/my tools/code", "a|b", "~x", "$HOME"]],
    [
      "code a~b a#b user@host 100% a=b {x} 5$ !x ^y",
      ["code", "a~b", "a#b", "user@host", "100%", "a=b", "{x}", "5$", "!x", "^y"],
    ],
    ["code \"\" '' \"it's\" '\"'", ["code", "", "", "it's", '"']],
    ["code   a\tb  ", ["code", "a", "b"]],
    ["code a\n  b", ["code", "a", "b"]],
    ["'C:\\tools\\code.exe' x", ["C:\\tools\\code.exe", "x"]],
  ])("%s is split into words", (value, words) => {
    expect(ofDev(value)?.value).toEqual(words);
  });

  it.each([
    ["pass otp aws | head -n 1", "has a shell's | in it"],
    ["code || true", "has a shell's | in it"],
    ["unlock && code", "has a shell's & in it"],
    ["unlock; code", "has a shell's ; in it"],
    ["code &", "has a shell's & in it"],
    ["code > file", "has a shell's > in it"],
    ["code 2>/dev/null", "has a shell's > in it"],
    ["code < file", "has a shell's < in it"],
    ["code `cat name`", "has a shell's ` in it"],
    ['code "`cat name`"', "has a shell's ` in it"],
    ["code $(cat name)", "has a $ that only a shell would replace"],
    ['code "$(cat name)"', "has a $ that only a shell would replace"],
    ['sh -c "code $(cat name)"', "has a $ that only a shell would replace"],
    ["$HOME/bin/code", "has a $ that only a shell would replace"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as a shell has it
    ["code ${NAME}", "has a $ that only a shell would replace"],
    ["code $'x'", "has a $ that only a shell would replace"],
    ['code "\\$HOME"', "has a shell's \\$ in double quotes"],
    ["~/bin/code", "has a shell's ~ at the start of a word"],
    ["code ~alice/x", "has a shell's ~ at the start of a word"],
    ["code # of alice", "has a shell's # at the start of a word"],
    ["code *.txt", "has a shell's * in it"],
    ["code a?", "has a shell's ? in it"],
    ["code [ab]", "has a shell's [ in it"],
    ["(code)", "has a shell's ( in it"],
    ["GPG_TTY=x pass otp aws", "has a variable set before the program (NAME=value)"],
  ])("%s is refused, with a hint to write sh -c", (value, problem) => {
    const { code, exitCode, message, hint } = refusal(value);
    expect([code, exitCode, message]).toEqual(["CONFIG_MALFORMED", 3, `/aws/config:4: mfa_process ${problem}`]);
    expect(hint).toContain("sh -c '…'");
  });

  it.each([
    ["", "is empty"],
    ["'' x", "is empty"],
    ["code 'open", "has an open quote, or a backslash at its end"],
    ['code "open', "has an open quote, or a backslash at its end"],
    ["code \\", "has an open quote, or a backslash at its end"],
    ["code a\0b", "holds a NUL, which no command can"],
    ["./code", "must begin with a program's name or its absolute path"],
    ["bin/code x", "must begin with a program's name or its absolute path"],
    ["'bin\\code.exe'", "must begin with a program's name or its absolute path"],
  ])("%j is refused", (value, problem) => {
    const { exitCode, message } = refusal(value);
    expect([exitCode, message]).toEqual([3, `/aws/config:4: mfa_process ${problem}`]);
  });

  it("never repeats what stands there", () => {
    for (const value of [`code --pin ${SECRET} | x`, `'${SECRET}`, `./${SECRET}`, `code ${SECRET} $(x)`]) {
      const { message, hint } = refusal(value);
      expect(`${message} ${hint}`).not.toContain(SECRET);
    }
  });

  it("is split as a shell splits whatever is taken", () => {
    const piece = fc.constantFrom(..."ab'\"\\ $`|&;<>()*?[]~#={}!^%-/", "$(", "''", '" "');
    let taken = 0;
    const commands: (readonly [string, readonly string[]])[] = [];
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const value = `x ${pieces.join("")}`;
        try {
          commands.push([value, ofDev(value)?.value ?? []]);
          taken += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(AssumeMfaError);
        }
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(200);
    // One shell for all of them, each in its own line; a newline between the words.
    const script = commands.map(([value]) => `set -- ${value}\nprintf '%s\\n' "$#" "$@"\n`).join("");
    const told = execFileSync("/bin/sh", ["-c", script], { encoding: "utf8", cwd: "/" });
    expect(told).toBe(commands.map(([, words]) => `${[words.length, ...words].join("\n")}\n`).join(""));
  });
});
