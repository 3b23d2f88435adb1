import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { parseTokenCode } from "../../src/session/token-code.ts";
import { DEV, openCliWorld, type RunOptions } from "../support/cli-world.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const FULL_WIDTH = "０１２３４５６７８９";
const fullWidth = (code: string) => [...code].map((digit) => FULL_WIDTH[Number(digit)]).join("");

describe("parseTokenCode", () => {
  it.each([
    ["123456", "123456"],
    ["000000", "000000"],
    [" 123 456\t", "123456"],
    ["123\u00a0456", "123456"],
    ["123\u3000456", "123456"],
    ["123456\r\n", "123456"],
    ["１２３４５６", "123456"],
    ["１２３ 456", "123456"],
    ["\u001b[200~123456\u001b[201~", "123456"],
  ])("%j is %s", (text, code) => {
    expect(parseTokenCode(text)).toBe(code);
  });

  it.each([
    [""],
    [" "],
    ["12345"],
    ["1234567"],
    ["123 4567"],
    ["abcdef"],
    ["12345a"],
    ["a123456"],
    ["123456;"],
    ["-123456"],
    ["+12345"],
    ["1e5000"],
    ["0x1234"],
    ["12345.6"],
    ["١٢٣٤٥٦"],
    ["१२३४५६"],
    ["123456\0"],
    ["123\u200b456"],
    ["123456\n789012"],
    ["\u001b[31m123456"],
    ["1".repeat(257)],
    [`123456${" ".repeat(1_000_000)}`],
  ])("%.40j is none", (text) => {
    expect(parseTokenCode(text)).toBeUndefined();
  });

  it("gives six ASCII digits or nothing, whatever it gets", () => {
    const digitish = fc.array(fc.constantFrom(..."0123456789", ...FULL_WIDTH, " ", "\t", "-", "a", "\u001b[200~"), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          digitish.map((parts) => parts.join("")),
        ),
        (text) => {
          const code = parseTokenCode(text);
          expect(code === undefined || /^[0-9]{6}$/.test(code)).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("finds six digits again in any way to write them", () => {
    const blank = fc.constantFrom("", "", " ", "\t", "\u00a0", "\u3000");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.boolean(), blank), { minLength: 6, maxLength: 6 }),
        (digits) => {
          const text = digits.map(([digit, wide, after]) => `${wide ? FULL_WIDTH[digit] : digit}${after}`).join("");
          expect(parseTokenCode(text)).toBe(digits.map(([digit]) => digit).join(""));
        },
      ),
    );
  });
});

type Source = "--token-code" | "ASSUME_MFA_TOKEN_CODE" | "standard input";
const SOURCES: readonly Source[] = ["--token-code", "ASSUME_MFA_TOKEN_CODE", "standard input"];

/** @returns the words and the options of a run that is given the code from this source */
function giving(code: string, source: Source): { words: readonly string[]; options: RunOptions } {
  switch (source) {
    case "--token-code":
      return { words: [`--token-code=${code}`], options: {} };
    case "ASSUME_MFA_TOKEN_CODE":
      return { words: [], options: { env: { ASSUME_MFA_TOKEN_CODE: code } } };
    case "standard input":
      return { words: ["-t", "-"], options: { stdin: `${code}\n` } };
  }
}

describe.each(SOURCES)("a code from %s", (source) => {
  it.each([
    ["as it is", (code: string) => code],
    ["with a blank in it", (code: string) => `${code.slice(0, 3)} ${code.slice(3)}`],
    ["in full-width digits", fullWidth],
    ["with the end of its line", (code: string) => `${code}\r`],
    ["as a bracketed paste", (code: string) => `\u001b[200~${code}\u001b[201~`],
  ])("is accepted %s", async (_how, write) => {
    const { words, options } = giving(write(world.code()), source);
    const run = await world.run(["dev", "login", ...words], options);
    expect(run).toMatchObject({ exitCode: 0, operations: ["GetCallerIdentity", "AssumeRole"], questions: [] });
  });

  it.each([
    ["12345"],
    ["1234567"],
    ["abcdef"],
    ["12345a"],
    ["１２３４５"],
    ["1234 56x"],
    ["$(id)"],
    ["1".repeat(100_000)],
    // An empty variable is none (as for all AWS tools): the other two are mistakes.
    ...(source === "ASSUME_MFA_TOKEN_CODE" ? [] : [[""]]),
  ])("that is %.20j is exit 2, with no call at all", async (code) => {
    const { words, options } = giving(code, source);
    // A person is there: it must not be papered over by asking.
    const run = await world.run(["dev", "login", ...words], { ...options, replies: [] });
    expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [], questions: [] });
    expect(run.stderr).toMatch(
      new RegExp(`^assume-mfa: error: the token code from ${source} is not six digits\nassume-mfa: hint: .*\n$`),
    );
  });

  it("that is malformed is never repeated: it can be a secret that was pasted", async () => {
    const pasted = world.addCanary("pasted-by-mistake-0123456789");
    const { words, options } = giving(pasted, source);
    for (const more of [[], ["--debug"], ["-o", "json"]]) {
      // The world looks for canaries in all that comes out.
      expect((await world.run(["dev", "login", ...words, ...more], options)).exitCode).toBe(2);
    }
  });

  it("that is wrong is exit 4, sent once, and nobody is asked for another", async () => {
    const { words, options } = giving(world.wrongCode(), source);
    const run = await world.run(["dev", "login", ...words], { ...options, replies: [] });
    expect(run).toMatchObject({
      exitCode: 4,
      stdout: "",
      operations: ["GetCallerIdentity", "AssumeRole"],
      questions: [],
    });
    expect(run.stderr).toContain("invalid MFA one time pass code");
    expect(run.stderr).toMatch(/hint: .*wait for the next one/);
  });

  it("that the cache makes needless is not sent, and that is said", async () => {
    await world.login();
    const code = world.code();
    const { words, options } = giving(code, source);
    const run = await world.run(["dev", "login", ...words], options);
    expect(run).toMatchObject({ exitCode: 0, operations: [] });
    expect(run.stderr).toContain(`assume-mfa: the token code from ${source} was not needed and not sent`);
    const quiet = await world.run(["dev", "login", "-q", ...words], options);
    expect(quiet.stderr).not.toContain("not sent");
    // It was not spent: it still opens another role.
    expect((await world.run(["staging", "login", "-t", code])).exitCode).toBe(0);
  });
});

describe("which source counts", () => {
  it("the option wins over the variable", async () => {
    const run = await world.run(["dev", "login", "-t", world.code()], {
      env: { ASSUME_MFA_TOKEN_CODE: "not a code" },
    });
    expect(run.exitCode).toBe(0);
  });

  it("an empty variable is none", async () => {
    const run = await world.run("dev login", { env: { ASSUME_MFA_TOKEN_CODE: "" }, replies: [() => world.code()] });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.questions).toHaveLength(1);
  });

  it("standard input is read only when it is asked for", async () => {
    const run = await world.run(["dev", "login", "-t", world.code()], { stdin: "123456\n" });
    expect(run.exitCode).toBe(0);
    expect(run.host.stdinLeft.toString()).toBe("123456\n");
  });

  it("of standard input one line is read and not a byte more", async () => {
    const run = await world.run("dev login -t -", { stdin: `${world.code()}\nfor the next reader\n\n` });
    expect(run.exitCode).toBe(0);
    expect(run.host.stdinLeft.toString()).toBe("for the next reader\n\n");
  });

  it("the last line of standard input may have no end", async () => {
    expect((await world.run("dev login -t -", { stdin: world.code() })).exitCode).toBe(0);
  });

  it("an empty standard input is exit 2 and says what was expected", async () => {
    const run = await world.run("dev login -t -", { replies: [] });
    expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [], questions: [] });
    expect(run.stderr).toMatch(/standard input ended before a token code\n.*hint: .*first line of standard input/);
  });

  it("a standard input that can't be read is exit 2", async () => {
    const host = world.makeHost(["dev", "login", "-t", "-"]);
    const broken = Object.assign(host, {
      readStdinLine: () => Promise.reject(Object.assign(new Error("read EISDIR"), { code: "EISDIR" })),
    });
    const { main } = await import("../../src/main.ts");
    expect(await main(broken)).toBe(2);
    expect(host.err).toMatch(/^assume-mfa: error: standard input can't be read\n/);
  });
});

describe("a code that is missing", () => {
  it.each<[string, readonly string[], RunOptions]>([
    ["nobody is there", [], {}],
    ["--no-input", ["--no-input"], { replies: [] }],
    ["CI=true", [], { replies: [], env: { CI: "true" } }],
  ])("%s: exit 2, names --token-code, asks and calls nothing", async (_why, words, options) => {
    for (const action of ["login", "whoami", "instances", "export"]) {
      const run = await world.run(["dev", action, ...words], { ...options, isPayload: true });
      expect(run).toMatchObject({ exitCode: 2, questions: [], screen: "", operations: [] });
      expect(run.stderr).toMatch(/error: a token code is needed for dev/);
      expect(run.stderr).toMatch(/hint: .*--token-code.*ASSUME_MFA_TOKEN_CODE/);
    }
  });

  it("is no matter where the cache serves", async () => {
    await world.login();
    expect(await world.run("dev whoami --no-input")).toMatchObject({ exitCode: 0, operations: ["GetCallerIdentity"] });
  });
});

describe("a role or a source that takes no code", () => {
  it("assume_mfa_required = false: none is asked for, and AWS decides", async () => {
    const env = world.configWith(
      `[profile open]\nrole_arn = arn:aws:iam::${DEV}:role/PrivilegedActionsRole\nsource_profile = parent\nregion = us-east-1\nassume_mfa_required = false\n`,
    );
    const refused = await world.run("open login", { env, replies: [] });
    expect(refused).toMatchObject({ exitCode: 4, questions: [], operations: ["GetCallerIdentity", "AssumeRole"] });
    expect(refused.stderr).toMatch(/no code was sent/);

    const role = world.role(DEV);
    const { trustPolicy } = role;
    role.trustPolicy = trustPolicy.replace(/,\s*"Condition": \{[\s\S]*?\}\s*\}/, "");
    try {
      const code = world.code();
      const run = await world.run(["open", "login", "-t", code], { env, replies: [] });
      expect(run).toMatchObject({ exitCode: 0, questions: [] });
      expect(run.stderr).toContain("the token code from --token-code was not sent: assume_mfa_required is false");
      const [sent] = run.calls.filter(({ operation }) => operation === "AssumeRole");
      expect(sent?.parameters).not.toHaveProperty("TokenCode");
      expect(sent?.parameters).not.toHaveProperty("SerialNumber");
    } finally {
      role.trustPolicy = trustPolicy;
    }
  });

  it("a source that is a session presents none, and says so", async () => {
    await world.login("dev");
    const session = [...world.sandbox.world.sessions.values()].at(-1);
    const env = {
      AWS_ACCESS_KEY_ID: session?.accessKeyId,
      AWS_SECRET_ACCESS_KEY: session?.secretAccessKey,
      AWS_SESSION_TOKEN: session?.sessionToken,
    };
    const run = await world.run(["arn:aws:iam::333333333333:role/PrivilegedActionsRole", "login", "-t", world.code()], {
      env,
    });
    expect(run.exitCode).toBe(4);
    expect(run.stderr).toMatch(/the token code from --token-code was not sent: the environment is a session/);
    const [sent] = run.calls.filter(({ operation }) => operation === "AssumeRole");
    expect(sent?.parameters).not.toHaveProperty("TokenCode");
  });

  it.each([
    ["arn:aws:iam::111122223333:u2f/user/alice/key", /passkey or security key/],
    ["arn:aws:iam::111122223333:user/alice", /a user's ARN/],
  ])("the device %s is refused before the prompt", async (serial, reason) => {
    const run = await world.run(["dev", "login", "--serial-number", serial], { replies: [] });
    expect(run).toMatchObject({ exitCode: 3, operations: [], questions: [] });
    expect(run.stderr).toMatch(reason);
    expect(run.stderr).toMatch(/hint: STS takes a virtual device's ARN/);
  });
});
