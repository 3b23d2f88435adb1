import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { endpointPlace } from "../../src/aws/endpoint-place.ts";
import { computeTotp, parseBase32, TOTP_STEP_MS, totpStepAt } from "../../src/sandbox/totp.ts";
import { DEV_ROLE, openCliWorld, type RunOptions, SERIAL } from "../support/cli-world.ts";
import { NO_ANSWER } from "../support/fake-host.ts";
import { HAS_KEYCHAIN, KEYCHAIN_LEFT_OUT, type RealKeychain, startKeychain } from "../support/real-keychain.ts";

// Outside of a sandbox as far as the program knows, where AWS happens to be one: a keychain of the user's own is used.

const world = await openCliWorld();
let real: RealKeychain | undefined;
beforeAll(async () => {
  if (HAS_KEYCHAIN) real = await startKeychain();
});
afterAll(() => real?.close());

let state: string;
beforeEach(() => {
  world.newCache();
  state = mkdtempSync(path.join(world.folder, "state-"));
});

const SECRET = world.addCanary("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
/** Another's: a base32 text of its own. */
const OTHER = world.addCanary("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
const QUESTION = `Secret of ${SERIAL} (base32 or otpauth://…; not shown): `;

/** Eleven seconds before the next code. */
const NOW = (totpStepAt(Date.now()) + 1) * TOTP_STEP_MS - 10_500;
/** By another implementation than the program's. */
const codeOf = (secret: string) => computeTotp(parseBase32(secret), totpStepAt(NOW));

const withEnv = (env: RunOptions["env"], options: RunOptions = {}): RunOptions => ({
  isPayload: true,
  now: () => NOW,
  ...options,
  env: {
    ASSUME_MFA_SANDBOX: undefined,
    XDG_RUNTIME_DIR: "/nonexistent",
    XDG_STATE_HOME: state,
    ...real?.env,
    ...env,
    ...options.env,
  },
});
const mfa = (words: string, options: RunOptions = {}) => world.run(`mfa ${words}`, withEnv({}, options));
const markers = () => path.join(state, "assume-mfa", "stored-secrets");
const printed = async (words: string) => {
  const { exitCode, stdout, stderr } = await mfa(`code ${words}`.trim());
  expect(exitCode, stderr).toBe(0);
  return stdout;
};

describe.skipIf(!HAS_KEYCHAIN)(`mfa store and mfa code${KEYCHAIN_LEFT_OUT}`, () => {
  it("keep the device's secret unseen, show its code to compare and print it on demand, until it is forgotten", async () => {
    const typed = world.device().secret.toLowerCase().replace(/.{4}/g, "$& ");
    const stored = await mfa("store", { replies: [typed] });
    expect(stored).toMatchObject({ exitCode: 0, operations: [], questions: [QUESTION] });
    expect(stored.host.hidden).toEqual([QUESTION]);
    expect(stored.stdout).toContain(SERIAL);
    expect(stored.stdout).toContain(`${codeOf(world.device().secret)}, for 11 s\n`);
    expect(stored.stderr).toMatch(/warning: .*both factors/);
    expect(real?.names()).toEqual([expect.stringMatching(/^totp-secret-[0-9a-f]{64}$/)]);

    const code = await mfa("code");
    expect(code).toMatchObject({ exitCode: 0, stdout: `${codeOf(world.device().secret)}\n`, said: "", operations: [] });
    expect(await printed("dev")).toBe(`${code.stdout}`);
    const json = await mfa("code --source-profile parent -o json");
    expect(JSON.parse(json.stdout)).toEqual({
      code: codeOf(world.device().secret),
      secondsLeft: 11,
      serial: SERIAL,
    });

    expect(await mfa("store --remove")).toMatchObject({ exitCode: 0, stdout: "" });
    expect(real?.names()).toEqual([]);
    expect(readdirSync(markers())).toEqual([]);
    const none = await mfa("code");
    expect(none).toMatchObject({ exitCode: 3, stdout: "" });
    expect(none.stderr).toContain(`error: no secret is stored for the device ${SERIAL}`);
    expect(none.stderr).toContain(`hint: assume-mfa mfa store --serial-number ${SERIAL}`);
    const again = await mfa("store --remove -o json");
    expect(JSON.parse(again.stdout)).toEqual({ serial: SERIAL, removed: false });
    expect(again.exitCode).toBe(0);
  });

  it("print the code on a terminal too", async () => {
    await mfa("store", { stdin: `${world.device().secret}\n` });
    const { exitCode, stdout } = await mfa("code", { isStdoutTerminal: true, isStderrTerminal: true, replies: [] });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${codeOf(world.device().secret)}\n` });
  });

  it("leave a marker without a secret in a private file, and need no keychain to say that there is none", async () => {
    await mfa("store", { stdin: SECRET });
    const [file, ...others] = readdirSync(markers());
    expect(others).toEqual([]);
    const place = path.join(markers(), file as string);
    expect(JSON.parse(readFileSync(place, "utf8"))).toEqual({
      serial: SERIAL,
      place: endpointPlace(world.sandbox.endpoint, "sts"),
    });
    const modes = [path.join(state, "assume-mfa"), markers(), place].map((each) => statSync(each).mode & 0o777);
    expect(modes).toEqual([0o700, 0o700, 0o600]);
    const dead = { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" };
    const other = await mfa("code --serial-number GAHT12345678", { env: dead });
    expect(other).toMatchObject({ exitCode: 3, stdout: "" });
    const own = await mfa("code", { env: dead });
    expect(own).toMatchObject({ exitCode: 1, stdout: "" });
    expect(own.stderr).toMatch(/error: there is no keychain/);
  });

  it("take the secret from standard input, one line and no more, and ask nobody", async () => {
    const serial = "GAHT00000007";
    const store = `store --serial-number ${serial} -o json`;
    const run = await mfa(store, { stdin: `${SECRET}\nthe next program's\n`, replies: [] });
    expect(run).toMatchObject({ exitCode: 0, questions: [] });
    expect(run.host.stdinLeft.toString()).toBe("the next program's\n");
    const result = { serial, keptIn: "keychain", replaced: false, code: codeOf(SECRET), secondsLeft: 11 };
    expect(JSON.parse(run.stdout)).toEqual(result);
    expect(await printed(`--serial-number ${serial}`)).toBe(`${codeOf(SECRET)}\n`);
    const replaced = await mfa(store, { stdin: OTHER });
    expect(JSON.parse(replaced.stdout)).toEqual({ ...result, replaced: true, code: codeOf(OTHER) });
    expect(await printed(`--serial-number ${serial}`)).toBe(`${codeOf(OTHER)}\n`);
  });

  it.each([
    ["of the QR code", `otpauth://totp/Amazon%20Web%20Services:alice@111122223333?secret=${SECRET}&issuer=Amazon`],
    [
      "that says what all of AWS's have",
      `otpauth://totp/x?secret=${SECRET.toLowerCase()}&algorithm=SHA1&digits=6&period=30`,
    ],
    ["with capitals", `OTPAUTH://TOTP/x?secret=${SECRET}`],
  ])("take the URI %s", async (_what, uri) => {
    await mfa("store", { stdin: OTHER });
    const { exitCode, stderr } = await mfa("store", { stdin: uri });
    expect(exitCode, stderr).toBe(0);
    expect(await printed("")).toBe(`${codeOf(SECRET)}\n`);
  });

  it.each([
    ["a code", "123456", /a code, not the secret/],
    ["too short a text", "JBSWY3DP", /no secret of an MFA device/],
    ["another alphabet", `${SECRET.slice(0, -1)}1`, /no secret of an MFA device/],
    ["an access key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", /no secret of an MFA device/],
    ["codes by count", `otpauth://hotp/x?secret=${SECRET}&counter=1`, /codes by time/],
    ["another algorithm", `otpauth://totp/x?secret=${SECRET}&algorithm=SHA256`, /another algorithm/],
    ["eight digits", `otpauth://totp/x?secret=${SECRET}&digits=8`, /another digits/],
    ["a minute a code", `otpauth://totp/x?secret=${SECRET}&period=60`, /another period/],
    ["a URI without a secret", "otpauth://totp/x?issuer=Amazon", /no secret of an MFA device/],
    ["no URI", "otpauth://[", /no secret of an MFA device/],
    ["a file", "A".repeat(5_000), /too long/],
  ])("refuse %s, repeat none of it and change nothing", async (_what, text, message) => {
    const before = real?.names();
    const { exitCode, stdout, stderr } = await mfa("store --serial-number GAHT00000001", { stdin: text });
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain(text);
    expect(real?.names()).toEqual(before);
    expect(await mfa("code --serial-number GAHT00000001")).toMatchObject({ exitCode: 3 });
  });

  it("ask again for what is no secret, three times, and say why", async () => {
    const good = await mfa("store", { replies: ["123456", "x", "", SECRET] });
    expect(good.exitCode, good.stderr).toBe(0);
    expect(good.questions).toHaveLength(4);
    expect(good.questions[1]).toMatch(/^that is a code, not the secret that makes it\nSecret of /);
    expect(good.host.hidden).toHaveLength(4);
    const bad = await mfa("store", { replies: ["1", "2", "3", "4"] });
    expect(bad).toMatchObject({ exitCode: 3, stdout: "" });
    expect(bad.questions).toHaveLength(4);
  });

  it("store nothing at the end of input, and where nobody may be asked", async () => {
    for (const options of [{ replies: [undefined] }, { stdin: "" }, { stdin: "\n" }]) {
      const run = await mfa("store --serial-number GAHT00000002", options);
      expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    }
    const ci = await mfa("store --serial-number GAHT00000002", { replies: [], env: { CI: "true" } });
    expect(ci).toMatchObject({ exitCode: 2, stdout: "", questions: [] });
    const noInput = await mfa("store --serial-number GAHT00000002 --no-input", { replies: [] });
    expect(noInput).toMatchObject({ exitCode: 2, stdout: "", questions: [] });
    expect(noInput.stderr).toMatch(/hint: .*standard input/);
    expect(await mfa("code --serial-number GAHT00000002")).toMatchObject({ exitCode: 3 });
  });

  it("store nothing when the question is interrupted", async () => {
    const run = await mfa("store --serial-number GAHT00000003", {
      replies: [NO_ANSWER],
      meanwhile: (host) => setTimeout(() => host.interrupts.raise("SIGINT"), 500),
    });
    expect(run).toMatchObject({ exitCode: 130, stdout: "" });
    expect(await mfa("code --serial-number GAHT00000003")).toMatchObject({ exitCode: 3 });
  });

  it("are for one device each, wherever it stands", async () => {
    const config = world.configWith(`
[profile hop]
role_arn = ${DEV_ROLE}
source_profile = parent
mfa_serial = GAHT00000010
[profile chained]
role_arn = arn:aws:iam::444444444444:role/PrivilegedActionsRole
source_profile = hop
[profile tokenless]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
`);
    const other = (words: string, options: RunOptions = {}) => mfa(words, { ...options, env: { ...config } });
    await other("store", { stdin: SECRET });
    await other("store hop", { stdin: OTHER });
    const [own, hop, chained, named] = await Promise.all(
      ["code", "code hop", "code chained", "code --serial-number GAHT00000010"].map((words) => other(words)),
    );
    expect(own?.exitCode).toBe(0);
    expect(hop?.stdout).not.toBe(own?.stdout);
    expect([chained?.stdout, named?.stdout]).toEqual([hop?.stdout, hop?.stdout]);
    expect(await other("code nowhere")).toMatchObject({ exitCode: 3 });
    const missing = await other("store --source-profile tokenless", { stdin: SECRET });
    expect(missing.exitCode).toBe(3);
    expect(missing.stderr).toMatch(/error: no MFA device is known for .*tokenless/);
    // The same serial at another place is another device.
    const elsewhere = await other("code --endpoint-url http://127.0.0.1:9");
    expect(elsewhere).toMatchObject({ exitCode: 3, stdout: "" });
  });

  it("need no access key for a device that is named in full", async () => {
    const nothing = { ...world.configFile(""), ...world.credentialsFile(""), AWS_ENDPOINT_URL: undefined };
    const serial = "arn:aws-cn:iam::111122223333:mfa/wang";
    const stored = await mfa(`store --serial-number ${serial}`, { stdin: SECRET, env: nothing });
    expect(stored.exitCode, stored.stderr).toBe(0);
    expect(JSON.parse(readFileSync(path.join(markers(), readdirSync(markers())[0] as string), "utf8"))).toEqual({
      serial,
      place: "aws-cn",
    });
    expect((await mfa("code", { env: { ...nothing, ASSUME_MFA_SERIAL_NUMBER: serial } })).exitCode).toBe(0);
    expect((await mfa("code", { env: nothing })).exitCode).toBe(3);
  });

  it("refuse a passkey, which has no secret", async () => {
    const run = await mfa("store --serial-number arn:aws:iam::111122223333:u2f/alice", { stdin: SECRET });
    expect(run).toMatchObject({ exitCode: 3, stdout: "" });
    expect(run.stderr).toMatch(/passkey or security key/);
  });

  it("say that what the keychain holds is damaged, and store over it", async () => {
    await mfa("store --serial-number GAHT00000004", { stdin: SECRET });
    const before = new Set(real?.names());
    await mfa("store --serial-number GAHT00000005", { stdin: OTHER });
    const name = real?.names().find((each) => !before.has(each)) as string;
    const [mine] = [...before].slice(-1);
    for (const damage of ["", "null", "{}", real?.secret(mine as string) ?? "", '{"secret":"x"}']) {
      real?.put(name, damage);
      const run = await mfa("code --serial-number GAHT00000005");
      expect(run).toMatchObject({ exitCode: 1, stdout: "" });
      expect(run.stderr).toContain("hint: store it again: assume-mfa mfa store --serial-number GAHT00000005");
    }
    expect((await mfa("store --serial-number GAHT00000005", { stdin: OTHER })).exitCode).toBe(0);
    expect(await printed("--serial-number GAHT00000005")).toBe(`${codeOf(OTHER)}\n`);
  });

  it("forget a secret that was taken out by another program: the next run opens no keychain for it", async () => {
    await mfa("store --serial-number GAHT00000006", { stdin: SECRET });
    expect(readdirSync(markers())).toHaveLength(1);
    for (const name of real?.names() ?? []) {
      if (JSON.parse(real?.secret(name) || "null")?.serial === "GAHT00000006") real?.remove(name);
    }
    expect(await mfa("code --serial-number GAHT00000006")).toMatchObject({ exitCode: 3, stdout: "" });
    expect(readdirSync(markers())).toEqual([]);
  });
});

describe.skipIf(!HAS_KEYCHAIN)(`a sign-in${KEYCHAIN_LEFT_OUT}`, () => {
  const run = (words: string, options: RunOptions = {}) =>
    world.run(words, withEnv({}, { now: () => world.sandbox.now(), ...options }));

  it("takes its code from the stored secret: nobody is asked", async () => {
    world.code(); // none that was used
    await mfa("store", { stdin: world.device().secret });
    const login = await run("dev login", { replies: [] });
    expect(login.exitCode, login.stderr).toBe(0);
    expect(login.questions).toEqual([]);
    expect(login.operations).toContain("AssumeRole");
    // The next code comes when the device would show it.
    const again = await run("staging login --no-input");
    expect(again.exitCode, again.stderr).toBe(0);
    const codes = world.sandbox.calls
      .map(({ parameters }) => parameters.TokenCode)
      .filter((code) => code !== undefined);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it("opens no keychain where no secret is stored", async () => {
    const dead = { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" };
    const login = await run("dev login", { replies: [world.code()], env: dead });
    expect(login.exitCode, login.stderr).toBe(0);
    expect(login.said).not.toMatch(/keychain/);
  });

  it("asks a person when the keychain is gone, and says why", async () => {
    await mfa("store", { stdin: world.device().secret });
    const dead = { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" };
    const login = await run("dev login", { replies: [world.code()], env: dead });
    expect(login.exitCode, login.stderr).toBe(0);
    expect(login.questions).toHaveLength(1);
    expect(login.screen).toMatch(/the stored secret of the device can.t be used: there is no keychain/);
    const nobody = await run("staging login --no-input", { env: dead });
    expect(nobody.exitCode).not.toBe(0);
    expect(nobody.operations).not.toContain("AssumeRole");
  });
});

describe("mfa store where there is no keychain", () => {
  it.each([
    ["no bus", { DBUS_SESSION_BUS_ADDRESS: undefined }, /there is no keychain: this session has no D-Bus/],
    ["inside a sandbox", undefined, /a sandbox leaves your keychain alone/],
  ])("(%s) says so before anybody types a secret", async (_what, env, message) => {
    const inside = env === undefined ? { ASSUME_MFA_SANDBOX: world.env.ASSUME_MFA_SANDBOX } : env;
    const run = await mfa("store", { replies: [], env: inside });
    expect(run).toMatchObject({ exitCode: 1, stdout: "", questions: [] });
    expect(run.stderr).toMatch(message);
    const piped = await mfa("store", { stdin: SECRET, env: inside });
    expect(piped).toMatchObject({ exitCode: 1, stdout: "" });
    expect(piped.host.stdinLeft.toString()).toBe(SECRET);
    expect(readdirSync(state)).toEqual([]);
    const code = await mfa("code -o json", { env: inside });
    expect(code.exitCode).toBe(3);
    expect(JSON.parse(code.stdout)).toMatchObject({ error: { code: "TOTP_SECRET_MISSING" } });
  });
});

describe("mfa", () => {
  it("needs a command of its own", async () => {
    const run = await world.run("mfa");
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toMatch(/hint: one of .*store.*code/);
  });
});
