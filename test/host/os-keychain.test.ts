import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import type { Environment } from "../../src/host/host.ts";
import { makeOsKeychain, type OsKeychainOptions } from "../../src/host/os-keychain.ts";
import { makeFakeHost } from "../support/fake-host.ts";
import { HAS_KEYCHAIN, KEYCHAIN_LEFT_OUT, type RealKeychain, startKeychain } from "../support/real-keychain.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

function make(env: Environment, options: Partial<Omit<OsKeychainOptions, "host">> = {}) {
  const host = makeFakeHost({
    argv: [],
    env: { PATH: process.env.PATH, ...env },
    now: () => Date.now(),
  });
  let waits = 0;
  const keychain = makeOsKeychain({ host, timeLimitMs: 10_000, onWaiting: () => (waits += 1), ...options });
  return { keychain, host, waits: () => waits };
}

/** The helpers of this process that run. */
function helpers(): readonly number[] {
  const table = execFileSync("ps", ["--ppid", `${process.pid}`, "-o", "pid=,stat=,args="], { encoding: "utf8" });
  return table
    .split("\n")
    .filter((line) => line.includes("@napi-rs/keyring") && !/^\s*\d+\s+Z/.test(line))
    .map((line) => Number.parseInt(line, 10));
}

async function failure(promise: Promise<unknown>): Promise<AssumeMfaError> {
  const error = await promise.then(
    (value) => new Error(`it went well: ${value}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AssumeMfaError)) throw error;
  expect(error.code).toBe("KEYCHAIN_FAILED");
  expect(error.message).toMatch(/^[^\n]*[^.\n]$/);
  expect(`${error.message} ${error.hint}`).not.toContain(SECRET);
  return error;
}

describe.skipIf(!HAS_KEYCHAIN)(`a keychain that is open${KEYCHAIN_LEFT_OUT}`, () => {
  let real: RealKeychain;
  beforeAll(async () => {
    real = await startKeychain();
  });
  afterAll(() => real?.close());

  it("has nothing of a name that nobody used", async () => {
    expect(await make(real.env).keychain.read("nothing")).toBeUndefined();
  });

  it("gives back what another run kept, where libsecret's own program finds it too", async () => {
    await make(real.env).keychain.write("kept", SECRET);
    expect(await make(real.env).keychain.read("kept")).toBe(SECRET);
    expect(real.secret("kept")).toBe(SECRET);
    await make(real.env).keychain.write("kept", "another");
    expect(real.secret("kept")).toBe("another");
    expect(real.names()).toEqual(["kept"]);
  });

  it.each([
    ["a session token of 4 KB", "A/+=".repeat(1024)],
    ["64 KB", "x".repeat(65_536)],
    ["quotes, line ends and other scripts", `{"a":"\\u0000'\n\r\t"} $(id) ключ 🔑 \u202e`],
  ])("takes %s", async (_what, secret) => {
    const { keychain } = make(real.env);
    await keychain.write("odd", secret);
    expect(await keychain.read("odd")).toBe(secret);
    expect(await keychain.remove("odd")).toBe(true);
  });

  it("forgets, and what is not there is forgotten already", async () => {
    const { keychain } = make(real.env);
    await keychain.write("gone", SECRET);
    expect(await keychain.remove("gone")).toBe(true);
    expect(await keychain.read("gone")).toBeUndefined();
    expect(real.secret("gone")).toBeUndefined();
    expect(await keychain.remove("gone")).toBe(true);
  });

  it("is asked for one thing after the other", async () => {
    const { keychain } = make(real.env);
    let most = 0;
    const watching = setInterval(() => {
      most = Math.max(most, helpers().length);
    }, 10);
    await Promise.all(["a", "b", "a", "c"].map((name, index) => keychain.write(name, `${index}`)));
    clearInterval(watching);
    expect(most).toBe(1); // two would be two dialogs
    expect(await Promise.all(["a", "b", "c"].map((name) => keychain.read(name)))).toEqual(["2", "1", "3"]);
    await Promise.all(["a", "b", "c"].map((name) => keychain.remove(name)));
  });

  it("says that bytes which are no text are damage, and goes on with the next", async () => {
    real.put("bytes", Buffer.from([0xff, 0xfe, 0x80, 0x41]));
    const { keychain } = make(real.env);
    expect((await failure(keychain.read("bytes"))).message).toBe("what the keychain holds is damaged");
    expect(await keychain.read("nothing")).toBeUndefined();
    expect(await keychain.remove("bytes")).toBe(true);
  });

  it("does not choose between entries of one name", async () => {
    real.put("twin", "one");
    real.put("twin", "two", "x");
    const { keychain } = make(real.env);
    expect((await failure(keychain.read("twin"))).message).toBe("the keychain holds several entries of one name");
    await failure(keychain.write("twin", SECRET));
    expect(await keychain.remove("twin")).toBe(false);
  });

  it("follows no variable that would load something else, and hands none of ours on", async () => {
    const planted = {
      NODE_OPTIONS: "--require /nonexistent/planted.cjs",
      NAPI_RS_NATIVE_LIBRARY_PATH: "/nonexistent/planted.node",
      NAPI_RS_FORCE_WASI: "error",
    };
    const { keychain } = make({ ...real.env, ...planted });
    await keychain.write("planted", SECRET);
    expect(real.secret("planted")).toBe(SECRET);
    await keychain.remove("planted");
  });

  it("leaves no helper behind", async () => {
    const { keychain, waits } = make(real.env);
    await keychain.read("nothing");
    expect(helpers()).toEqual([]);
    expect(waits()).toBe(0);
  });

  it("is not asked once the run is interrupted", async () => {
    const { keychain, host } = make(real.env);
    host.interrupts.raise("SIGTERM");
    await expect(keychain.read("nothing")).rejects.toMatchObject({ signal: "SIGTERM" });
    await expect(keychain.remove("nothing")).rejects.toMatchObject({ signal: "SIGTERM" });
    expect(helpers()).toEqual([]);
  });
});

describe("where there is no keychain", () => {
  it("no bus: nothing is started to know that", async () => {
    let looked = 0;
    const findPackage = () => {
      looked += 1;
      return undefined;
    };
    const { keychain } = make({ XDG_RUNTIME_DIR: "/nonexistent" }, { findPackage });
    const error = await failure(keychain.read("any"));
    expect(error.message).toBe("there is no keychain: this session has no D-Bus");
    await failure(keychain.write("any", SECRET));
    expect(await keychain.remove("any")).toBe(false);
    expect(looked).toBe(0);
  });

  it("the optional package is not installed", async () => {
    const { keychain } = make({ DBUS_SESSION_BUS_ADDRESS: "unix:path=/x" }, { findPackage: () => undefined });
    const error = await failure(keychain.write("any", SECRET));
    expect(error.message).toBe("there is no keychain: the package @napi-rs/keyring is not installed");
    expect(error.hint).toMatch(/optional/);
  });

  it("the package can't be loaded", async () => {
    const { keychain } = make(
      { DBUS_SESSION_BUS_ADDRESS: "unix:path=/x" },
      { findPackage: () => "/nonexistent/keyring.js" },
    );
    expect((await failure(keychain.read("any"))).message).toMatch(/^the keychain failed: Cannot find module/);
  });

  it.each([
    ["does not start", "/nonexistent/node", /its helper does not start$/],
    ["is another program", "/bin/true", /its helper ended \(status 0\)$/],
    ["speaks another language", "/bin/echo", /helper answers in another language$/],
  ])("its helper %s", async (_what, program, message) => {
    const { execPath } = process;
    const { keychain } = make({ DBUS_SESSION_BUS_ADDRESS: "unix:path=/x" });
    try {
      process.execPath = program;
      expect((await failure(keychain.write("any", SECRET))).message).toMatch(message);
    } finally {
      process.execPath = execPath;
    }
  });

  it.each(["unix:path=/nonexistent/bus", "autolaunch:"])("the bus is gone: %s", async (address) => {
    const { keychain } = make({ DBUS_SESSION_BUS_ADDRESS: address });
    expect((await failure(keychain.read("any"))).message).toMatch(/^there is no keychain/);
  });

  it.skipIf(!HAS_KEYCHAIN)(`no program on the bus is one${KEYCHAIN_LEFT_OUT}`, async ({ onTestFinished }) => {
    const real = await startKeychain({ hasDaemon: false });
    onTestFinished(() => real.close());
    const { keychain } = make(real.env);
    const error = await failure(keychain.read("any"));
    expect(error.message).toBe("there is no keychain: none answers on this session's D-Bus");
    expect(error.hint).toMatch(/gnome-keyring-daemon/);
    expect(await keychain.remove("any")).toBe(false);
  });
});

describe.skipIf(!HAS_KEYCHAIN)(`a keychain that does not open${KEYCHAIN_LEFT_OUT}`, () => {
  it("is locked and nobody unlocks it: that is said, and the dialog does not come up again", async ({
    onTestFinished,
  }) => {
    const real = await startKeychain();
    onTestFinished(() => real.close());
    await make(real.env).keychain.write("kept", SECRET);
    real.lock();
    const { keychain } = make(real.env);
    const error = await failure(keychain.read("kept"));
    expect(error.message).toBe("the keychain is locked");
    const begun = performance.now();
    expect(await keychain.read("kept").catch((thrown: unknown) => thrown)).toBe(error);
    expect(await keychain.remove("kept")).toBe(false);
    // No process was started for these.
    expect(performance.now() - begun).toBeLessThan(10);
  });

  it("waits for a dialog that nobody answers: for so long, said after a second, with nothing left behind", async ({
    onTestFinished,
  }) => {
    const real = await startKeychain({ dialog: "unanswered" });
    onTestFinished(() => real.close());
    await make(real.env).keychain.write("kept", SECRET);
    real.lock();
    const ours = { AWS_SECRET_ACCESS_KEY: SECRET, ASSUME_MFA_TOTP_SECRET: SECRET, aws_session_token: SECRET };
    const { keychain, waits } = make({ ...real.env, ...ours }, { timeLimitMs: 1_500 });
    const begun = performance.now();
    const answer = failure(keychain.write("kept", SECRET));
    await expect.poll(() => helpers().length).toBe(1);
    const [helper] = helpers();
    const seen = ["cmdline", "environ"].map((name) => readFileSync(`/proc/${helper}/${name}`, "latin1"));
    expect(seen.join()).not.toMatch(/AWS_|ASSUME_MFA_/i);
    expect(seen.join()).not.toContain(SECRET);
    expect(seen[1]).toContain("DBUS_SESSION_BUS_ADDRESS");
    expect((await answer).message).toBe("the keychain did not answer within 2 s: a dialog may be waiting");
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(waits()).toBe(1);
    await expect.poll(helpers).toEqual([]);
  });

  it("ends with the run that waits for it", async ({ onTestFinished }) => {
    const real = await startKeychain({ dialog: "unanswered" });
    onTestFinished(() => real.close());
    await make(real.env).keychain.write("kept", SECRET);
    real.lock();
    const { keychain, host } = make(real.env);
    const answer = keychain.read("kept");
    await expect.poll(() => helpers().length).toBe(1);
    host.interrupts.raise("SIGINT");
    await expect(answer).rejects.toMatchObject({ signal: "SIGINT" });
    await expect.poll(helpers).toEqual([]);
  });

  it("is stuck: that is said within its time limit, and this process goes on meanwhile", async ({ onTestFinished }) => {
    const real = await startKeychain();
    onTestFinished(() => real.close());
    real.pause();
    const { keychain } = make(real.env, { timeLimitMs: 1_000 });
    let ticks = 0;
    const ticking = setInterval(() => (ticks += 1), 50);
    expect((await failure(keychain.read("kept"))).message).toMatch(/does not answer|did not answer within 1 s/);
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(5);
    real.resume();
    // Another run asks anew.
    expect(await make(real.env).keychain.read("kept")).toBeUndefined();
  });

  it("went away", async ({ onTestFinished }) => {
    const real = await startKeychain();
    onTestFinished(() => real.close());
    await make(real.env).keychain.write("kept", SECRET);
    await real.kill();
    expect((await failure(make(real.env).keychain.read("kept"))).message).toMatch(/^there is no keychain/);
  });
});
