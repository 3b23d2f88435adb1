import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FISH, SH_SHELLS, type Shell } from "../outputs/shells.ts";
import { type Environment, run, titled } from "./built-program.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// `eval "$(assume-mfa … export)"`, the whole of it: the built program in real shells. What the lines mean to each shell,
// value by value, is the business of test/outputs/export-shells.test.ts.

let world: TestWorld;

beforeAll(async () => {
  world = await startWorld();
  await world.login("dev");
});

afterAll(() => world.close());

function runIn(shell: Shell, script: string, more: Environment = {}) {
  const file = join(world.folder, `${shell.name}-${Math.random()}`);
  writeFileSync(file, `${shell.prologue}\n${script}\n`);
  const env = { ...world.env, SHELL: shell.path ?? "", ...STALE, ...more };
  return run([shell.path ?? "", ...shell.args, file], { env, cwd: world.folder });
}

/** Credentials of something else, which the shell holds before. */
const STALE = {
  AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
  AWS_SECRET_ACCESS_KEY: "stale",
  AWS_SESSION_TOKEN: "stale",
  AWS_PROFILE: "stale",
};

const NETWORK_GONE = "env -u ASSUME_MFA_SANDBOX assume-mfa dev export --refresh --endpoint-url http://127.0.0.1:1";

/** What goes wrong, the command, and its exit code. */
const FAILURES: readonly (readonly [what: string, command: string, status: number])[] = [
  ["an unknown target", "assume-mfa nobody export", 3],
  ["an unknown target by option", "assume-mfa --target nobody export", 3],
  ["an unknown option", "assume-mfa dev export --no-such-option", 2],
  ["an unknown format", "assume-mfa dev export --format nonsense", 2],
  ["an option without its value", "assume-mfa dev export --duration", 2],
  ["an operand too many", "assume-mfa dev export more", 2],
  ["a malformed code", "assume-mfa dev export --token-code 12345", 2],
  ["a code that nobody can be asked for", "assume-mfa dev export --refresh", 2],
  ["a wrong code", `assume-mfa dev export --refresh --token-code "$WRONG_CODE"`, 4],
  ["another account", "assume-mfa dev export --expect-account 333333333333", 3],
  ["no config file", "env AWS_CONFIG_FILE=/nowhere assume-mfa dev export", 3],
  ["a broken config file", "env AWS_CONFIG_FILE=/proc/self/maps assume-mfa dev export", 3],
  ["no network", `${NETWORK_GONE} --token-code 123456`, 1],
  [
    "a signal",
    // The writer never writes.
    `mkfifo never; (sleep 5 > never) & writer=$!
     assume-mfa dev export --refresh --token-code - < never & program=$!
     sleep 0.5; kill -TERM $program; wait $program; status=$?; kill $writer; rm never; exit $status`,
    143,
  ],
];

describe("an export that fails", () => {
  it.each(FAILURES)("for %s prints lines that unset and fail, and nothing else", async (_, command, status) => {
    for (const [format, lines] of [
      ["sh", /^(?:unset AWS_[A-Z_]+;\n){5}false;\n$/],
      ["fish", /^(?:if set -qUx AWS_[A-Z_]+; .*\n){5}false;\n$/],
    ] as const) {
      if (format === "fish" && command.includes("--format")) continue;
      const outcome = await run(["bash", "-c", `${command}`], {
        env: { ...world.env, ...STALE, SHELL: `/usr/bin/${format}`, WRONG_CODE: world.wrongCode() },
        cwd: world.folder,
      });
      expect({ format, status: outcome.status }).toEqual({ format, status });
      expect(outcome.stdout).toMatch(lines);
    }
  });

  it.each(["--format json", "--format=json"])("prints nothing with %s", async (format) => {
    const { status, stdout } = await world.run(["nobody", "export", ...format.split(" ")]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
  });
});

const shells = SH_SHELLS.filter(({ name }) => /^(?:bash|dash|zsh|ksh|mksh)$/.test(name));

describe.concurrent.each(shells.map((shell) => ({ title: titled(shell.name, [shell.name, shell.path]), shell })))(
  "in $title, eval",
  ({ shell }) => {
    it.skipIf(shell.path === undefined)("sets the credentials and takes away the profile", async () => {
      const { status, stdout, stderr } = await runIn(
        shell,
        `set -eu
         eval "$(assume-mfa dev export)"
         echo "\${AWS_PROFILE-no profile} $AWS_ACCESS_KEY_ID"
         assume-mfa dev export --format json | grep -c "$AWS_SECRET_ACCESS_KEY"
         eval "$(assume-mfa dev export --unset)"
         echo "\${AWS_ACCESS_KEY_ID-gone} \${AWS_REGION-gone}"`,
      );
      expect(stderr).toMatch(/^(?:SANDBOX.*\n)+$/);
      expect(stdout).toMatch(/^no profile ASIA[A-Z0-9]{16}\n1\ngone gone\n$/);
      expect(status).toBe(0);
    });

    it.skipIf(shell.path === undefined)(
      "fails where the export fails: set -e stops, and nothing stays set",
      async () => {
        const { stdout } = await runIn(
          shell,
          `eval "$(assume-mfa nobody export)" && echo "WENT ON"
         echo "$? \${AWS_ACCESS_KEY_ID-gone} \${AWS_SECRET_ACCESS_KEY-gone} \${AWS_SESSION_TOKEN-gone}"`,
        );
        expect(stdout).toBe("1 gone gone gone\n");
        const stopped = await runIn(shell, `set -e; eval "$(assume-mfa dev export --refresh)"; echo "WENT ON"`);
        expect({ status: stopped.status, stdout: stopped.stdout }).toEqual({ status: 1, stdout: "" });
        expect(stopped.stderr).toContain("--token-code");
      },
    );
  },
);

describe.concurrent(`in ${titled("fish", ["fish", FISH.path])}, source and eval`, () => {
  it.skipIf(FISH.path === undefined)("set the credentials and take away the profile", async () => {
    for (const take of ["assume-mfa dev export | source", "eval (assume-mfa dev export)"]) {
      const { status, stdout, stderr } = await runIn(
        FISH,
        `${take}; or exit 9
         set -q AWS_PROFILE; and echo "a profile"
         echo $AWS_ACCESS_KEY_ID
         assume-mfa dev export --unset | source
         set -q AWS_ACCESS_KEY_ID; and echo "still set"
         exit 0`,
      );
      expect(stderr).toMatch(/^(?:SANDBOX.*\n)+$/);
      expect({ take, stdout }).toEqual({ take, stdout: expect.stringMatching(/^ASIA[A-Z0-9]{16}\n$/) });
      expect(status).toBe(0);
    }
  });

  it.skipIf(FISH.path === undefined)("fail where the export fails, and nothing stays set", async () => {
    for (const take of ["assume-mfa nobody export | source", "eval (assume-mfa dev export --refresh)"]) {
      const { stdout } = await runIn(
        FISH,
        `${take}; and echo "WENT ON"
         for name in AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
           set -q $name; and echo "$name is set"
         end
         echo end`,
      );
      expect({ take, stdout }).toEqual({ take, stdout: "end\n" });
    }
  });
});
