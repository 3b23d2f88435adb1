import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Environment, findProgram, PROGRAM, run, runProgram, titled } from "./built-program.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// The program where nobody can be asked, between pipes, and in homes that can't be written (ACCEPTANCE.md P2, P7, C7).

let world: TestWorld;
let codeless: TestWorld;

beforeAll(async () => {
  [world, codeless] = await Promise.all([startWorld(), startWorld()]);
  await world.login("dev");
});

afterAll(async () => {
  await Promise.all([world.close(), codeless.close()]);
});

/** A script in a session without a terminal. */
function runScript(script: string, env: Environment = world.env) {
  return run(["bash", "--noprofile", "--norc", "-c", script], { env, cwd: world.folder });
}

describe.concurrent("with no terminal", () => {
  it.each([
    ["a code", ["staging", "login"]],
    ["an id", ["dev", "terminate"]],
    ["a confirmation", ["dev", "terminate", "i-0123456789abcdef0"]],
    ["an action", ["dev"]],
    ["a target", []],
  ])("exits 2 at once where it would ask for %s", async (_, args) => {
    const { status, stdout, stderr, elapsedMs } = await world.run(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(
      args.length === 0 ? /^assume-mfa: / : /^(?:SANDBOX.*\n)?assume-mfa: error: .*\nassume-mfa: hint: /,
    );
    expect(elapsedMs).toBeLessThan(3_000); // one second where no other test runs beside it
  });

  it("asks nobody with CI=true or --no-input, terminal or not", async () => {
    for (const [args, env] of [
      [["staging", "login"], { CI: "true" }],
      [["staging", "login", "--no-input"], {}],
    ] as const) {
      const { status, stderr } = await world.run(args, env);
      expect(status).toBe(2);
      expect(stderr).toContain("--token-code");
    }
  });

  it("has made no call for a code, and none that changes anything", () => {
    expect(world.countCalls("AssumeRole")).toBe(1); // this file's own login
    expect(world.countCalls("TerminateInstances")).toBe(0);
  });
});

describe("--token-code -", () => {
  const login = "assume-mfa dev login --refresh -o text --token-code -";

  it.each([
    ["a pipe", (code: string) => `printf '${code}\\nthe rest\\nand more' | { ${login}; cat; }`],
    [
      "a pipe whose writer is slow",
      (code: string) =>
        `{ sleep 0.3; printf ${code.slice(0, 3)}; sleep 0.2; printf '${code.slice(3)}\\n'; sleep 0.2; printf 'the rest\\nand more'; } | { ${login}; cat; }`,
    ],
    ["a file", (code: string) => `printf '${code}\\nthe rest\\nand more' > given; { ${login}; cat; } < given`],
    ["a here-document", (code: string) => `{ ${login}; cat; } <<< '${code}'$'\\nthe rest\\nand more'`],
    ["a pipe with CRLF", (code: string) => `printf '${code}\\r\\nthe rest\\nand more' | { ${login}; cat; }`],
  ])("reads one line of %s, and leaves the rest for the next reader", async (_, script) => {
    const { status, stdout, stderr } = await runScript(`set -o pipefail; ${script(world.freshCode())}`);
    expect(stderr).toMatch(/^SANDBOX.*\n$/);
    expect(stdout).toMatch(/^\S+\t222222222222\t.*\nthe rest\nand more\n?$/);
    expect(status).toBe(0);
  });

  it("takes a line from a socket, as programs give it to their children", async () => {
    const { status, stdout } = await run(["bash", "-c", login], { env: world.env, input: `${world.freshCode()}\n` });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\S+\t222222222222\t/) });
  });

  it.each([
    ["is closed", "assume-mfa staging login --token-code - <&-"],
    ["is empty", "assume-mfa staging login --token-code - </dev/null"],
    ["is a folder", "assume-mfa staging login --token-code - </"],
    ["holds no code", "echo 12345 | assume-mfa staging login --token-code -"],
    ["never ends its line", "head -c 100000 /dev/zero | assume-mfa staging login --token-code -"],
  ])("exits 2 when standard input %s", async (_, script) => {
    const calls = world.countCalls("AssumeRole");
    const { status, stdout, stderr } = await runScript(script);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/assume-mfa: error: .*standard input.*\nassume-mfa: hint: /);
    expect(world.countCalls("AssumeRole")).toBe(calls);
  });
});

describe.concurrent("a standard output that", () => {
  it("is closed loses the result and nothing else", async () => {
    const { status, stderr } = await runScript("assume-mfa dev whoami >&-; echo status $? >&2");
    expect(stderr).toMatch(/^SANDBOX.*\nstatus 0\n$/);
    expect(status).toBe(0);
  });

  it.each(["dev instances -o json", "dev export", "--help", "dev terminate --help", "sandbox demo"])(
    "went away ends `%s` with 141 or 0, without a trace",
    async (args) => {
      // `true` ends before a byte comes; `head` after the first.
      for (const reader of ["true", "head -c1 >/dev/null"]) {
        const { stderr } = await runScript(`assume-mfa ${args} | ${reader}; echo status \${PIPESTATUS[0]} >&2`);
        expect(stderr).toMatch(/^(?:SANDBOX.*\n)?status (?:141|0)\n$/);
      }
    },
  );

  it.each(["dev instances", "dev export", "--help", "nobody login -o json"])(
    "is a full disk is an error of `%s`, not a crash",
    async (args) => {
      const { status, stderr } = await runScript(`assume-mfa ${args} >/dev/full`);
      expect(status).toBe(args.startsWith("nobody") ? 3 : 1);
      expect(stderr).toMatch(/^(?:SANDBOX.*\n)?assume-mfa: error: .*\n(?:assume-mfa: hint: .*\n)+$/);
    },
  );

  it("errors that nobody can read end nothing", async () => {
    const { status, stdout } = await runScript("assume-mfa dev whoami -o text 2>/dev/full");
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/\b222222222222\t/) });
  });

  it("leaves no sandbox behind", async () => {
    const { stdout } = await runScript(
      "export TMPDIR=$PWD/left; mkdir $TMPDIR; assume-mfa sandbox demo | head -c1 >/dev/null; ls -A $TMPDIR",
    );
    expect(stdout).toBe("");
  });
});

describe("many at once", () => {
  it("ten exports on a warm cache hand over the same session, and none assumes a role", async () => {
    const calls = world.countCalls("AssumeRole");
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => world.run(["dev", "export"])));
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([0]));
    const texts = new Set(outcomes.map(({ stdout }) => stdout));
    expect(texts.size).toBe(1);
    expect([...texts][0]).toMatch(/^export AWS_ACCESS_KEY_ID='ASIA/m);
    expect(world.countCalls("AssumeRole")).toBe(calls);
  });
});

const unshare = findProgram("unshare");
const canMount =
  unshare !== undefined && (await run([unshare, "-m", "true"], { env: { PATH: process.env.PATH ?? "" } })).status === 0;

/** The world's variables without the sandbox's own folders, so that the home is where the cache would be. */
function withHome({ env }: TestWorld, home: string): Environment {
  const { XDG_CACHE_HOME, XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME, ...rest } = env;
  return { ...rest, HOME: home };
}

/** As it is before a sandbox is started. */
function outside({ env }: TestWorld, home: string | undefined): Environment {
  const { HOME, ...rest } = env;
  const kept = Object.fromEntries(Object.entries(rest).filter(([name]) => !/^(?:AWS|ASSUME_MFA|XDG)_/.test(name)));
  return home === undefined ? kept : { ...kept, HOME: home };
}

describe.concurrent("a home that", () => {
  // Root may write wherever modes forbid it, so none of these is a matter of modes.
  it.each([
    ["is empty", (home: string) => home],
    ["is not set", () => undefined],
    ["is set to nothing", () => ""],
    ["is relative", () => "somewhere"],
    ["is a file", (home: string) => join(home, "a-file")],
    ["is not there, nor can be made", () => "/proc/nobody"],
  ] as const)("%s lets the demo run to its end, in ten seconds", async (_, home) => {
    const cwd = join(codeless.folder, "empty");
    mkdirSync(cwd, { recursive: true });
    writeFileSync(join(codeless.home, "a-file"), "");
    const env = outside(codeless, home(codeless.home));
    const { status, stdout, stderr, elapsedMs } = await runProgram(["sandbox", "demo"], {
      env,
      cwd,
      timeoutMs: 20_000,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.match(/✓/g)).toHaveLength(7);
    expect(stdout).not.toContain("✗");
    expect(elapsedMs).toBeLessThan(10_000);
    expect(readdirSync(cwd)).toEqual([]);
  });

  const keepsNothing = /assume-mfa: the session could not be cached: /;

  it("can't be written still gets its session, and the note says that it is not kept", async () => {
    const { home, folder } = codeless;
    for (const hostile of ["somewhere", join(home, "a-file"), "/proc/nobody"]) {
      const { status, stdout, stderr } = await runProgram(
        ["dev", "login", "-o", "text", "--token-code", codeless.freshCode()],
        { env: withHome(codeless, hostile), cwd: folder },
      );
      expect({ hostile, status, stdout }).toEqual({
        hostile,
        status: 0,
        stdout: expect.stringMatching(/^\S+\t222222222222\t/),
      });
      expect(stderr).toMatch(keepsNothing);
    }
    expect(readdirSync(folder)).not.toContain("somewhere");
  });

  it.skipIf(!canMount)(titled("is read-only does too", ["unshare -m", canMount]), async ({ onTestFinished }) => {
    const frozen = await startWorld();
    onTestFinished(() => frozen.close());
    const { home } = frozen;
    const { status, stdout, stderr } = await run(
      [
        unshare ?? "",
        "-m",
        "bash",
        "-c",
        `mount --bind '${home}' '${home}' && mount -o remount,bind,ro '${home}' && ! touch '${home}/x' 2>/dev/null &&
         exec '${process.execPath}' '${PROGRAM}' dev login -o text --token-code ${frozen.freshCode()}`,
      ],
      { env: withHome(frozen, home) },
    );
    expect(stderr).toMatch(keepsNothing);
    expect(stderr).toMatch(/EROFS|read-only/);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\S+\t222222222222\t/) });
  });
});
