import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { redact } from "../../src/credentials/redaction.ts";
import { formatBase32 } from "../../src/sandbox/totp.ts";
import { openCliWorld, type RunOptions, SERIAL } from "../support/cli-world.ts";
import type { Reply } from "../support/fake-host.ts";

const world = await openCliWorld();
const programs = path.join(world.folder, "programs");
mkdirSync(programs);

/** Writes a program for `sh`. @returns its path */
function program(name: string, script: string): string {
  const file = path.join(programs, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o700);
  return file;
}

/** A target `keyed` whose profile names the program; and one whose source profile does. */
function configured(command: string) {
  return world.configWith(
    `\n[profile keyed]\nrole_arn = arn:aws:iam::222222222222:role/PrivilegedActionsRole\nsource_profile = parent\nmfa_serial = ${SERIAL}\nmfa_process = ${command}\n`,
  );
}

const plainFile = path.join(programs, "plain");
writeFileSync(plainFile, "echo 123456\n", { mode: 0o600 });
const runsFile = path.join(programs, "runs");
const counted = `echo run >> ${runsFile}`;
const countRuns = () => (existsSync(runsFile) ? readFileSync(runsFile, "utf8").split("\n").length - 1 : 0);

/** @param code a code, or a shell's words that print one */
const printing = (code: string) => program("code", `${counted}\necho ${code}`);
const runKeyed = (command: string, argv = "keyed login", options: RunOptions = {}) =>
  world.run(argv, { ...options, env: { ...configured(command), ...options.env } });

const assumed = (operations: readonly string[]) => operations.filter((operation) => operation === "AssumeRole").length;

beforeEach(() => {
  world.newCache();
  writeFileSync(runsFile, "");
});

describe("mfa_process", () => {
  it("gives the code, and nobody is asked", async () => {
    const { exitCode, operations, questions } = await runKeyed(printing(world.code()), undefined, { replies: [] });
    expect([exitCode, assumed(operations), questions, countRuns()]).toEqual([0, 1, [], 1]);
  });

  it("gives a code that no text shows from then on", async () => {
    const code = world.code();
    await runKeyed(printing(code));
    expect(redact(`the code ${code} was sent`)).toBe("the code [code] was sent");
  });

  it.each<[string, RunOptions]>([
    ["where CI=true", { env: { CI: "true" } }],
    ["where nobody is there", {}],
  ])("gives the code %s", async (_, options) => {
    expect((await runKeyed(printing(world.code()), undefined, options)).exitCode).toBe(0);
  });

  it("of the source profile gives the code for a role's ARN", async () => {
    const config = world.configFile(
      `[profile parent]\nregion = us-east-1\nmfa_serial = ${SERIAL}\nmfa_process = ${printing(world.code())}\n`,
    );
    const { exitCode } = await world.run("arn:aws:iam::222222222222:role/PrivilegedActionsRole login", {
      env: { ...config, AWS_PROFILE: "parent" },
    });
    expect([exitCode, countRuns()]).toEqual([0, 1]);
  });

  it("is not run when a code is given, by option or by environment", async () => {
    const command = printing("echo 000000");
    expect((await runKeyed(command, `keyed login --token-code ${world.code()}`)).exitCode).toBe(0);
    const env = { ASSUME_MFA_TOKEN_CODE: world.code() };
    expect((await runKeyed(command, "keyed login --refresh", { env })).exitCode).toBe(0);
    expect(countRuns()).toBe(0);
  });

  it("is not run when a session is cached, and once when it is refreshed", async () => {
    const command = program("device", `${counted}\ncat ${path.join(programs, "shown")}`);
    const show = () => writeFileSync(path.join(programs, "shown"), `${world.code()}\n`);
    show();
    expect((await runKeyed(command)).exitCode).toBe(0);
    expect((await runKeyed(command)).exitCode).toBe(0);
    expect(countRuns()).toBe(1);
    show();
    expect((await runKeyed(command, "keyed login --refresh")).exitCode).toBe(0);
    expect(countRuns()).toBe(2);
  });

  it("is not run for a role that needs no code", async () => {
    const command = printing("000000");
    const { AWS_CONFIG_FILE } = configured(command);
    writeFileSync(AWS_CONFIG_FILE, `${readFileSync(AWS_CONFIG_FILE, "utf8")}assume_mfa_required = false\n`);
    const { exitCode } = await world.run("keyed login", { env: { AWS_CONFIG_FILE } });
    expect([exitCode, countRuns()]).toEqual([4, 0]);
  });

  it("comes before ASSUME_MFA_TOTP_SECRET", async () => {
    const env = { ASSUME_MFA_TOTP_SECRET: formatBase32(randomBytes(20)) };
    const { exitCode, operations } = await runKeyed(printing(world.code()), undefined, { env });
    expect([exitCode, assumed(operations)]).toEqual([0, 1]);
  });

  it("whose code is rejected is an error where nobody is there, naming where the code came from", async () => {
    const { exitCode, operations, stderr } = await runKeyed(printing(world.wrongCode()));
    expect([exitCode, assumed(operations), countRuns()]).toEqual([4, 1, 1]);
    expect(stderr).toMatch(/hint: the code came from mfa_process \(.*config:\d+\)\n/);
  });

  it.each<[string, string]>([
    ["--no-input", "keyed login --no-input"],
    ["CI=true", "keyed login"],
  ])("whose code is rejected asks nobody with %s", async (name, argv) => {
    const env = name === "CI=true" ? { CI: "true" } : {};
    const { exitCode, questions } = await runKeyed(printing(world.wrongCode()), argv, { replies: [], env });
    expect([exitCode, questions]).toEqual([4, []]);
  });

  it("whose code is rejected leads to the prompt, which says why and sends no code twice", async () => {
    const wrong = world.wrongCode();
    const right = world.code();
    const replies: Reply[] = [wrong, right];
    const { exitCode, operations, screen, questions } = await runKeyed(printing(wrong), undefined, { replies });
    expect([exitCode, assumed(operations), countRuns()]).toEqual([0, 2, 1]);
    expect(screen).toMatch(/^AWS did not accept the code of mfa_process \(.*config:\d+\).*\nMFA code for keyed /);
    expect(screen).toContain("that code was already sent");
    expect(questions).toHaveLength(2);
  });

  describe("whose code was sent before", () => {
    const shown = path.join(programs, "shown");
    const show = () => writeFileSync(shown, `${world.watch(world.sandbox.currentCode())}\n`);
    const device = () => program("device", `${counted}\ncat ${shown}`);
    /** This step's code is used, and the program prints it. */
    const spend = async () => {
      world.code();
      world.sandbox.moveClock(30_000 - (world.sandbox.now() % 30_000) + 2_000);
      show();
      expect((await world.run(`staging login -t ${world.sandbox.currentCode()}`)).exitCode).toBe(0);
    };
    const passing: RunOptions["sleep"] = async (milliseconds) => {
      world.sandbox.moveClock(milliseconds);
      show();
    };

    it("is run again at the next step, and its code is sent once", async () => {
      await spend();
      const before = world.sandbox.now();
      const { exitCode, operations, said } = await runKeyed(device(), "keyed login", { sleep: passing });
      expect([exitCode, assumed(operations), countRuns()]).toEqual([0, 1, 2]);
      expect(said).toMatch(
        /^assume-mfa: the code of mfa_process \(.*config:\d+\) was already sent, .* and works once: it is run again in (?:\d|[12]\d|3[01]) s$/m,
      );
      expect(world.sandbox.now() - before).toBeLessThanOrEqual(31_000);
    });

    it("and printed again is exit 7 where nobody is there: no call was made", async () => {
      await spend();
      const { exitCode, operations, said } = await runKeyed(device(), "keyed login");
      expect([exitCode, operations, countRuns()]).toEqual([7, [], 2]);
      expect(said).toMatch(
        /error: the code of mfa_process \(.*\) was already sent, .*: the device shows the next in \d+ s\n/,
      );
      expect(said).toContain("hint: it was run twice, and printed that code again\n");
    });

    it("and printed again leads to the prompt where somebody is there", async () => {
      await spend();
      const replies: Reply[] = [() => world.watch(world.sandbox.currentCode())];
      const { exitCode, operations, screen } = await runKeyed(device(), "keyed login", { replies });
      expect([exitCode, assumed(operations), countRuns()]).toEqual([0, 1, 2]);
      expect(screen).toMatch(
        /^the code of mfa_process \(.*\) is one that was already sent, a second time too\nMFA code for keyed /,
      );
    });
  });

  it.each<[string, string, number, RegExp]>([
    ["is not there", "/nowhere/ykman", 3, /mfa_process can't be run: \/nowhere\/ykman: not found/],
    [
      "is not on the PATH",
      "no-such-program-of-ours",
      3,
      /mfa_process can't be run: no-such-program-of-ours: not found/,
    ],
    ["may not be run", plainFile, 3, /mfa_process can't be run: …\/plain: permission denied/],
    ["is a folder", "/etc", 3, /mfa_process can't be run: \/etc: permission denied/],
    ["fails", "false", 2, /mfa_process ended with status 1: no code is taken from it/],
    ["prints a code and fails", "sh -c 'echo 123456; exit 3'", 2, /mfa_process ended with status 3/],
    ["ends by a signal", "sh -c 'kill -SEGV $$'", 2, /mfa_process was ended by SIGSEGV and gave no code/],
    ["is silent", "true", 2, /mfa_process printed nothing/],
    ["prints blanks", "printf '  \\n \\n'", 2, /mfa_process printed nothing/],
    ["prints other text", "echo no key found", 2, /mfa_process printed no code of six digits on its first line/],
    ["prints seven digits", "echo 1234567", 2, /mfa_process printed no code of six digits/],
    ["prints the code on its second line", "printf 'Amazon\\n123456\\n'", 2, /printed no code of six digits/],
    ["prints names beside it", "echo aws 123456", 2, /printed no code of six digits/],
    ["prints escape sequences", "printf '\\033]0;x\\007\\033[2J'", 2, /printed no code of six digits/],
    ["prints bytes that are no text", "printf '\\377\\376\\000'", 2, /printed no code of six digits/],
    ["prints without end", "yes 123456", 2, /mfa_process printed more than 4096 bytes, and was ended/],
    ["prints one long line", "head -c 100000 /dev/zero", 2, /mfa_process printed more than 4096 bytes, and was ended/],
  ])("that %s gives no code: an error that names file and line", async (_, command, status, message) => {
    const { exitCode, said, operations, stdout } = await runKeyed(command, undefined, { replies: [] });
    expect(said).toMatch(message);
    expect(said).toMatch(/^assume-mfa: error: \S+config:\d+: mfa_process .*\nassume-mfa: hint: .*\n$/);
    expect([exitCode, operations, stdout]).toEqual([status, [], ""]);
    expect(said).not.toContain("123456");
  });

  it.each<[string, (code: string) => string]>([
    ["blanks", (code) => `  ${code.slice(0, 3)} ${code.slice(3)}  `],
    ["a carriage return", (code) => `${code}\r\n`],
    ["full-width digits", (code) => code.replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)))],
    ["more lines after it", (code) => `${code}\nAmazon Web Services\n`],
    ["no newline", (code) => code],
  ])("prints a code with %s, which is understood", async (_, written) => {
    const file = path.join(programs, "shown");
    writeFileSync(file, written(world.code()));
    const { exitCode, operations } = await runKeyed(`cat ${file}`);
    expect([exitCode, assumed(operations)]).toEqual([0, 1]);
  });

  it("gets none of AWS's variables nor of ours but the mark of what runs, and all others", async () => {
    const file = path.join(programs, "environment");
    const secret = world.addCanary(formatBase32(randomBytes(20)));
    const env = {
      ...{ PATH: process.env.PATH, HOME: world.folder, GPG_TTY: "/dev/pts/7", LC_ALL: "C.UTF-8", MY_AWS_NAME: "kept" },
      ...{ ASSUME_MFA_TOTP_SECRET: secret, ASSUME_MFA_SERIAL_NUMBER: SERIAL, aws_session_token: "x", AWS_PROFILE: "y" },
    };
    const command = program("dump", `env > ${file}\necho ${world.code()}`);
    expect((await runKeyed(command, undefined, { env })).exitCode).toBe(0);
    const dump = readFileSync(file, "utf8");
    expect(dump.match(/^(?:AWS|ASSUME_MFA)_.*$/gim)).toEqual(['ASSUME_MFA_CREDENTIAL_PROCESS=["keyed"]']);
    expect(world.secretsIn(dump)).toEqual([]);
    for (const kept of ["PATH=", "HOME=", "GPG_TTY=/dev/pts/7", "MY_AWS_NAME=kept"])
      expect(dump).toContain(`\n${kept}`.slice(1));
  });

  it.each([
    ["its own", '["keyed"]', "keyed → keyed"],
    ["its own, through a credential_process", '["a","keyed","vault"]', "keyed → vault → keyed"],
  ])("is not run inside %s: nobody is asked, and nothing is waited for", async (_, mark, circle) => {
    for (const argv of ["keyed login", "keyed login --no-cache", "keyed login --refresh"]) {
      const { exitCode, operations, questions, said } = await runKeyed(printing("123456"), argv, {
        env: { ASSUME_MFA_CREDENTIAL_PROCESS: mark },
        replies: [],
      });
      expect({ exitCode, operations, questions, runs: countRuns() }).toEqual({
        exitCode: 3,
        operations: [],
        questions: [],
        runs: 0,
      });
      expect(said).toMatch(
        /^assume-mfa: error: \S+config:\d+: mfa_process goes round in a circle: (.*)\nassume-mfa: hint: let it print the code/,
      );
      expect(said).toContain(circle);
    }
  });

  it("is run inside another's, which it hands on", async () => {
    const file = path.join(programs, "mark");
    const command = program("mark-of", `printenv ASSUME_MFA_CREDENTIAL_PROCESS > ${file}\necho ${world.code()}`);
    const env = { ASSUME_MFA_CREDENTIAL_PROCESS: '["vault"]', PATH: process.env.PATH };
    expect((await runKeyed(command, undefined, { env })).exitCode).toBe(0);
    expect(readFileSync(file, "utf8")).toBe('["vault","keyed"]\n');
  });

  it("may run this program where the code is given to that", async () => {
    const env = { ASSUME_MFA_CREDENTIAL_PROCESS: '["keyed"]' };
    expect((await runKeyed(printing("123456"), `keyed login -t ${world.code()}`, { env })).exitCode).toBe(0);
    expect(countRuns()).toBe(0);
  });

  it("is one word per word, whatever it holds: no shell reads it", async () => {
    const file = path.join(programs, "words");
    const command = program("words-of", `printf '%s\\n' "$@" > ${file}\necho ${world.code()}`);
    expect((await runKeyed(`${command} 'a b' '$(touch ${file}.x)' "it's" '' '*'`)).exitCode).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(`a b\n$(touch ${file}.x)\nit's\n\n*\n`);
    expect(existsSync(`${file}.x`)).toBe(false);
  });
});

describe("a code that is given", () => {
  const given: readonly [
    string,
    (code: string) => { readonly words?: readonly string[]; readonly options?: RunOptions },
  ][] = [
    ["--token-code", (code) => ({ words: ["-t", code] })],
    ["ASSUME_MFA_TOKEN_CODE", (code) => ({ options: { env: { ASSUME_MFA_TOKEN_CODE: code } } })],
    ["standard input", (code) => ({ words: ["-t", "-"], options: { stdin: `${code}\n` } })],
  ];

  it.each(given)("by %s and was sent before is exit 7, with the seconds and without a call", async (from, give) => {
    const code = world.code();
    expect((await world.run(["dev", "login", "-t", code])).exitCode).toBe(0);
    const { words = [], options = {} } = give(code);
    const plain = await world.run(["staging", "login", ...words], options);
    expect([plain.exitCode, plain.operations, plain.stdout]).toEqual([7, [], ""]);
    expect(plain.said).toMatch(
      new RegExp(
        `^assume-mfa: error: the token code from ${from} was already sent, (?:just now|\\d+ s ago), and works once: the device shows the next in (\\d+) s\n` +
          "assume-mfa: hint: nothing was sent: (?:try again in \\d+ s, with|give) the code that the device shows .*\n$",
      ),
    );
    const json = await world.run(["staging", "login", "-o", "json", ...words], options);
    expect([json.exitCode, json.operations]).toEqual([7, []]);
    const [{ error }] = JSON.parse(json.stdout);
    expect(error).toMatchObject({ code: "TOKEN_CODE_USED", message: expect.stringContaining(`in ${error.seconds} s`) });
    expect(error.seconds).toBeGreaterThanOrEqual(1);
    expect(error.seconds).toBeLessThanOrEqual(30);
    // The next works.
    const next = give(world.code());
    expect((await world.run(["staging", "login", ...(next.words ?? [])], next.options)).exitCode).toBe(0);
  });

  it("and that AWS rejected is dead for all: exit 4, then 7 without a call, and another is not held up", async () => {
    const wrong = world.wrongCode();
    const first = await world.run(["dev", "login", "-t", wrong]);
    expect([first.exitCode, assumed(first.operations)]).toEqual([4, 1]);
    expect(first.said).toContain(
      "hint: it was not sent from this computer before: it is mistyped, late, another device's, or used elsewhere\n",
    );
    expect(await world.run(["staging", "login", "-t", wrong])).toMatchObject({ exitCode: 7, operations: [] });
    expect(await world.run(["dev", "login", "-t", world.code()])).toMatchObject({ exitCode: 0 });
  });

  it("and is rejected names this computer's clock where that is off, since it may be made here", async () => {
    const options: RunOptions = { env: { ASSUME_MFA_SANDBOX: undefined }, now: () => world.sandbox.now() - 300_000 };
    const { exitCode, said } = await world.run(["dev", "login", "-t", world.wrongCode()], options);
    expect(exitCode).toBe(4);
    expect(said).toContain(
      "hint: this computer's clock is 5 min behind AWS's: a code that is made on this computer is wrong then, one from a phone is not\n",
    );
    // One that a phone made is none the worse for it.
    const right = await world.run(["dev", "login", "-t", world.code()], options);
    expect(right.exitCode).toBe(0);
    expect(right.said).not.toContain("clock");
  });

  it("asks nobody with --no-input nor where CI=true", async () => {
    const code = world.code();
    await world.run(["dev", "login", "-t", code]);
    for (const [words, env] of [
      [["--no-input"], {}],
      [[], { CI: "true" }],
    ] as const) {
      const run = await world.run(["staging", "login", "-t", code, ...words], { env, replies: [] });
      expect(run).toMatchObject({ exitCode: 7, operations: [], questions: [], screen: "" });
    }
  });

  it("is refused for two minutes, and then AWS decides", async () => {
    const code = world.code();
    await world.run(["dev", "login", "-t", code]);
    world.sandbox.moveClock(115_000);
    expect(await world.run(["staging", "login", "-t", code])).toMatchObject({ exitCode: 7, operations: [] });
    world.sandbox.moveClock(6_000);
    const run = await world.run(["staging", "login", "-t", code]);
    expect([run.exitCode, assumed(run.operations)]).toEqual([4, 1]);
  });

  it("of one device says nothing of another's", async () => {
    const code = world.code();
    await world.run(["dev", "login", "-t", code]);
    const other = ["--serial-number", "arn:aws:iam::111122223333:mfa/other"];
    const run = await world.run(["staging", "login", "-t", code, ...other]);
    expect([run.exitCode, assumed(run.operations)]).toEqual([4, 1]);
  });

  it("is not refused where the cache serves: it is not sent", async () => {
    const code = world.code();
    await world.run(["dev", "login", "-t", code]);
    const run = await world.run(["dev", "login", "-t", code]);
    expect(run).toMatchObject({ exitCode: 0, operations: [] });
  });

  it("stays refused after logout --all", async () => {
    const code = world.code();
    await world.run(["dev", "login", "-t", code]);
    expect(await world.run("logout --all")).toMatchObject({ exitCode: 0 });
    expect(await world.run(["dev", "login", "-t", code])).toMatchObject({ exitCode: 7, operations: [] });
  });
});

describe("ASSUME_MFA_TOTP_SECRET", () => {
  const secretOf = () => world.device().secret;
  /** The world at the start of a step whose code was not used. */
  const toFreshStep = () => {
    world.code();
    world.sandbox.moveClock(30_000 - (world.sandbox.now() % 30_000));
  };
  const runDev = (secret: string, options: RunOptions = {}, argv = "dev login") =>
    world.run(argv, { ...options, env: { CI: "true", ASSUME_MFA_TOTP_SECRET: secret, ...options.env } });

  beforeEach(toFreshStep);

  it("gives the code that the device shows, and nobody is asked", async () => {
    const code = world.watch(world.sandbox.currentCode());
    const { exitCode, operations, said } = await runDev(secretOf(), { replies: [], env: { CI: "" } });
    expect(redact(`the code ${code} was sent`)).toBe("the code [code] was sent");
    expect([exitCode, assumed(operations)]).toEqual([0, 1]);
    expect(said.match(/warning: /g)).toHaveLength(1);
    expect(said).toContain("whoever has one has both factors");
  });

  it.each([
    ["lower case", (text: string) => text.toLowerCase()],
    ["blanks between groups", (text: string) => ` ${text.replace(/(.{4})/g, "$1 ")}`],
    ["hyphens between groups", (text: string) => text.replace(/(.{4})/g, "$1-")],
    ["padding", (text: string) => `${text}======`],
    ["a newline at its end", (text: string) => `${text}\n`],
  ])("is taken with %s", async (_, written) => {
    world.addCanary(written(secretOf()));
    const { exitCode, said } = await runDev(written(secretOf()));
    expect(exitCode).toBe(0);
    expect(said).not.toContain("warning");
  });

  it.each([
    ["no base32", "not/base32/at/all/0189"],
    ["too short", "GEZDGNBVGY3TQOI"],
    ["a cut one", "GEZDGNBVGY3TQOJQG"],
    ["one whose end was mistyped", "GEZDGNBVGY3TQOJQGF"],
    ["an otpauth address", "otpauth://totp/Amazon?secret=GEZDGNBVGY3TQOJQ"],
    ["a code", "123456"],
    ["far too long", "GEZDGNBV".repeat(60)],
    ["blanks", "   "],
  ])("that is %s is refused before any call, and never shown", async (_, text) => {
    for (const argv of ["dev login", "dev login -o json", "dev login --debug"]) {
      const { exitCode, operations, stdout, stderr } = await runDev(text, {}, argv);
      expect([exitCode, operations]).toEqual([3, []]);
      expect(stderr).toContain("error: ASSUME_MFA_TOTP_SECRET is no secret of an MFA device\n");
      if (text.trim() !== "") expect(`${stdout}${stderr}`).not.toContain(text.trim());
      for (const part of text.match(/[A-Z2-7]{8,}/g) ?? []) expect(`${stdout}${stderr}`).not.toContain(part);
    }
  });

  it("set to nothing is not set", async () => {
    expect((await runDev("")).exitCode).toBe(2);
  });

  it("is not looked at when a code is given or a session is cached", async () => {
    const given = await runDev("wrong", {}, `dev login --token-code ${world.code()}`);
    const cached = await runDev("wrong");
    expect([given.exitCode, cached.exitCode, cached.operations]).toEqual([0, 0, []]);
  });

  it("whose code was sent waits for the next and sends that, once", async () => {
    const usedAt = world.sandbox.now();
    expect((await runDev(secretOf())).exitCode).toBe(0);
    const { exitCode, calls, said } = await runDev(secretOf(), {}, "dev login --refresh");
    const sent = calls
      .filter(({ operation }) => operation === "AssumeRole")
      .map(({ parameters }) => parameters.TokenCode);
    expect([exitCode, sent.length]).toEqual([0, 1]);
    expect(said).toMatch(
      /^assume-mfa: the code of ASSUME_MFA_TOTP_SECRET was already sent, .*, and works once: the next is sent in (?:\d|[12]\d|3[01]) s$/m,
    );
    expect(world.sandbox.now() - usedAt).toBeLessThanOrEqual(31_000 + 5_000);
  });

  it("whose code was used elsewhere waits for the next and tries it, once", async () => {
    expect((await runDev(secretOf())).exitCode).toBe(0);
    world.newCache(); // another computer
    const { exitCode, calls, said } = await runDev(secretOf());
    const sent = calls
      .filter(({ operation }) => operation === "AssumeRole")
      .map(({ parameters }) => parameters.TokenCode);
    expect([exitCode, sent.length, new Set(sent).size]).toEqual([0, 2, 2]);
    expect(said).toMatch(/it may be used elsewhere, so the next one is tried in (?:\d|[12]\d|3[01]) s/);
  });

  it("of another device is tried twice with two codes, and is an error", async () => {
    const secret = world.addCanary(formatBase32(randomBytes(20)));
    const { exitCode, calls, said } = await runDev(secret, { replies: [] });
    const sent = calls
      .filter(({ operation }) => operation === "AssumeRole")
      .map(({ parameters }) => parameters.TokenCode);
    expect([exitCode, sent.length, new Set(sent).size]).toEqual([4, 2, 2]);
    expect(said).toContain(`hint: ASSUME_MFA_TOTP_SECRET may not be the secret of ${SERIAL}`);
  });

  // Not inside: there the program goes by the world's clock.
  const skewed = (milliseconds: number): RunOptions => ({
    env: { ASSUME_MFA_SANDBOX: undefined },
    now: () => world.sandbox.now() + milliseconds,
  });

  it.each([
    [-90_000, /, and this computer's clock is (?:89|90|91) s behind AWS's: one by AWS's clock is tried\n/],
    [200_000, /, and this computer's clock is 3 min ahead of AWS's: one by AWS's clock is tried\n/],
  ])("by a clock that is %i ms off is tried again by AWS's, at once", async (milliseconds, skew) => {
    const before = world.sandbox.now();
    const { exitCode, calls, said } = await runDev(secretOf(), skewed(milliseconds));
    const sent = calls
      .filter(({ operation }) => operation === "AssumeRole")
      .map(({ parameters }) => parameters.TokenCode);
    expect([exitCode, sent.length, new Set(sent).size]).toEqual([0, 2, 2]);
    expect(said).toMatch(skew);
    expect(world.sandbox.now() - before).toBeLessThan(5_000);
  });

  it("by a clock that is a little off is none the worse for it", async () => {
    const { exitCode, operations, said } = await runDev(secretOf(), skewed(-20_000));
    expect([exitCode, assumed(operations)]).toEqual([0, 1]);
    expect(said).not.toContain("clock");
  });

  it("of another device, by a clock that is wrong, names both", async () => {
    const secret = world.addCanary(formatBase32(randomBytes(20)));
    const { exitCode, operations, said } = await runDev(secret, skewed(-90_000));
    expect([exitCode, assumed(operations)]).toEqual([4, 2]);
    expect(said).toMatch(
      /hint: this computer's clock is (?:89|90|91) s behind AWS's: a code that is made on this computer is wrong then/,
    );
    expect(said).toContain(`hint: ASSUME_MFA_TOTP_SECRET may not be the secret of ${SERIAL}`);
  });

  it("is not tried again after a refusal that is not about the code", async () => {
    const role = world.role("222222222222");
    const { trustPolicy } = role;
    role.trustPolicy = trustPolicy.replace("111122223333", "999999999999");
    const { exitCode, operations } = await runDev(secretOf());
    role.trustPolicy = trustPolicy;
    expect([exitCode, assumed(operations)]).toEqual([4, 1]);
  });

  it("ends the wait for the next code at Ctrl-C", async () => {
    expect((await runDev(secretOf())).exitCode).toBe(0);
    const { exitCode, operations } = await runDev(
      secretOf(),
      {
        sleep: (_, signal) =>
          new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
        meanwhile: (host) => {
          const timer = setInterval(() => {
            if (!host.err.includes("the next is sent in")) return;
            clearInterval(timer);
            host.interrupts.raise("SIGINT");
          }, 5);
        },
      },
      "dev login --refresh",
    );
    expect([exitCode, assumed(operations)]).toEqual([130, 0]);
  });
});
