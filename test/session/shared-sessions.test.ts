import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Credentials } from "../../src/credentials/credentials.ts";
import type { Keychain } from "../../src/host/keychain.ts";
import { makeOsKeychain } from "../../src/host/os-keychain.ts";
import { privateFiles } from "../../src/host/private-files.ts";
import { makeSharedSessions, type SharedSession } from "../../src/session/shared-sessions.ts";
import { makeFakeHost } from "../support/fake-host.ts";
import { NO_KEYCHAIN } from "../support/no-keychain.ts";
import { HAS_KEYCHAIN, KEYCHAIN_LEFT_OUT, type RealKeychain, startKeychain } from "../support/real-keychain.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");
const HOUR_MS = 3_600_000;
/** Tokens of the length that AWS's can have. */
const TOKEN = `IQoJb3JpZ2luX2VjEXAMPLETOKEN${"/+Ab".repeat(1_000)}=`;
const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYSHAREDKEYX";

function makeSession(more: Partial<SharedSession> = {}): SharedSession {
  const accessKeyId = more.accessKeyId ?? "ASIASHAREDEXAMPLE";
  const expiration = more.expiration ?? NOW + 8 * HOUR_MS;
  return {
    sourceAccessKeyId: "AKIAIOSFODNN7EXAMPLE",
    place: "aws",
    mfaSerial: "arn:aws:iam::111122223333:mfa/alice",
    accessKeyId,
    expiration,
    obtainedAt: NOW,
    clockOffsetMs: 0,
    credentials: new Credentials({ accessKeyId, secretAccessKey: SECRET, sessionToken: TOKEN, expiration }),
    ...more,
  };
}

let home: string;
let folder: string;
beforeAll(() => {
  home = mkdtempSync(path.join(tmpdir(), "assume-mfa-test-"));
});
beforeEach(() => {
  folder = mkdtempSync(path.join(home, "cache-"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const files = () => readdirSync(path.join(folder, "shared")).map((name) => path.join(folder, "shared", name));
const onlyFile = () => {
  const [file, ...others] = files();
  expect(others).toEqual([]);
  return file as string;
};
const modes = () =>
  [folder, path.join(folder, "shared"), ...files()].map((place) => (statSync(place).mode & 0o777).toString(8));

/** A keychain on whose every call a test has a word. */
function watched(keychain: Keychain) {
  const calls: string[] = [];
  const broken = new Set<keyof Keychain>();
  const fail = async (name: keyof Keychain) => {
    calls.push(name);
    if (broken.has(name)) throw new Error("it is locked");
  };
  const watchedKeychain: Keychain = {
    async read(name) {
      await fail("read");
      return keychain.read(name);
    },
    async write(name, secret) {
      await fail("write");
      return keychain.write(name, secret);
    },
    async remove(name) {
      calls.push("remove");
      return !broken.has("remove") && keychain.remove(name);
    },
  };
  return { keychain: watchedKeychain, calls, broken };
}

describe("a shared session where there is no keychain", () => {
  it("lies in one 0600 file below 0700 folders, whatever the umask, and the reason is told", async () => {
    for (const umask of [0o000, 0o022, 0o777]) {
      const before = process.umask(umask);
      try {
        expect(await makeSharedSessions(privateFiles, NO_KEYCHAIN, folder).write(makeSession())).toEqual({
          keptIn: "file",
          reason: "there is no keychain",
        });
      } finally {
        process.umask(before);
      }
      expect(modes()).toEqual(["700", "700", "600"]);
    }
    const text = readFileSync(onlyFile(), "utf8");
    expect(text).toContain(TOKEN);
    expect(path.basename(onlyFile())).toMatch(/^[0-9a-f]{64}\.json$/);
  });

  it("is whole again for the next run, which reads no keychain", async () => {
    const { keychain, calls } = watched(NO_KEYCHAIN);
    const session = makeSession();
    await makeSharedSessions(privateFiles, keychain, folder).write(session);
    calls.length = 0;
    const shared = makeSharedSessions(privateFiles, keychain, folder);
    const [head] = shared.list();
    expect(head).toEqual({ ...session, credentials: undefined, keptIn: "file" });
    expect(JSON.stringify(head)).not.toContain(SECRET);
    const opened = await shared.open(head as NonNullable<typeof head>);
    expect(opened?.credentials).toEqual(session.credentials);
    expect(calls).toEqual([]);
  });

  it("is one for each key, place and device, and the newest of these", async () => {
    const shared = makeSharedSessions(privateFiles, NO_KEYCHAIN, folder);
    const others = [
      { sourceAccessKeyId: "AKIAI44QH8DHBEXAMPLE" },
      { place: "http://127.0.0.1:4566" },
      { mfaSerial: "GAHT12345678" },
    ];
    for (const other of [{}, ...others]) await shared.write(makeSession(other));
    await shared.write(makeSession({ accessKeyId: "ASIANEWEREXAMPLE" }));
    expect(shared.list()).toHaveLength(4);
    expect(shared.list().filter(({ accessKeyId }) => accessKeyId === "ASIANEWEREXAMPLE")).toHaveLength(1);
    expect(await shared.remove(makeSession())).toBe(true);
    expect(shared.list()).toHaveLength(3);
    expect(await shared.remove(makeSession())).toBe(true);
    expect(await shared.clear()).toEqual({ removed: 3, left: [] });
    expect(shared.list()).toEqual([]);
  });

  it("is not opened by the head of one that was replaced meanwhile", async () => {
    const shared = makeSharedSessions(privateFiles, NO_KEYCHAIN, folder);
    await shared.write(makeSession());
    const [before] = shared.list();
    await shared.write(makeSession({ accessKeyId: "ASIANEWEREXAMPLE" }));
    expect(await shared.open(before as NonNullable<typeof before>)).toBeUndefined();
  });

  it.each<readonly [string, (entry: Record<string, unknown>) => unknown]>([
    ["empty", () => ""],
    ["torn", (entry) => JSON.stringify(entry).slice(0, 200)],
    ["null", () => "null"],
    ["a list", (entry) => [entry]],
    ["of another's name", (entry) => ({ ...entry, place: "aws-cn" })],
    ["without a secret", ({ secrets: _, ...entry }) => entry],
    [
      "with half a secret",
      (entry) => ({ ...entry, secrets: { accessKeyId: "ASIASHAREDEXAMPLE", secretAccessKey: SECRET } }),
    ],
    ["with another's secret", (entry) => ({ ...entry, accessKeyId: "ASIAOTHEREXAMPLE" })],
    [
      "with a secret that is no header's",
      (entry) => ({
        ...entry,
        secrets: { accessKeyId: "ASIASHAREDEXAMPLE", secretAccessKey: "a\nb", sessionToken: TOKEN },
      }),
    ],
    ["that never ends", (entry) => ({ ...entry, expiration: NOW + 1_000 * HOUR_MS })],
    ["that ends at no time", (entry) => ({ ...entry, expiration: "soon" })],
    ["kept nowhere", (entry) => ({ ...entry, keptIn: "memory" })],
    ["of hostile members", (entry) => JSON.stringify({ ...entry, place: "" }).replace("{", '{"__proto__":{"x":1},')],
  ])("damaged (%s) is none, and goes with the rest", async (_what, damage) => {
    const shared = makeSharedSessions(privateFiles, NO_KEYCHAIN, folder);
    await shared.write(makeSession());
    const [head] = shared.list();
    const file = onlyFile();
    const damaged = damage(JSON.parse(readFileSync(file, "utf8")));
    writeFileSync(file, typeof damaged === "string" ? damaged : JSON.stringify(damaged));
    expect(shared.list()).toEqual([]);
    expect(await shared.open(head as NonNullable<typeof head>)).toBeUndefined();
    expect(await shared.clear()).toEqual({ removed: 1, left: [] });
    expect(files()).toEqual([]);
  });

  it("in a file that others can read is none", async () => {
    const shared = makeSharedSessions(privateFiles, NO_KEYCHAIN, folder);
    await shared.write(makeSession());
    chmodSync(onlyFile(), 0o640);
    expect(shared.list()).toEqual([]);
  });

  it("has no place without a folder: nothing is written anywhere", async () => {
    const { keychain, calls } = watched(NO_KEYCHAIN);
    const shared = makeSharedSessions(privateFiles, keychain, undefined);
    await expect(shared.write(makeSession())).rejects.toThrow("there is no home folder");
    expect(shared.list()).toEqual([]);
    expect(await shared.remove(makeSession())).toBe(true);
    expect(await shared.clear()).toEqual({ removed: 0, left: [] });
    expect(calls).toEqual([]);
  });
});

describe.skipIf(!HAS_KEYCHAIN)(`a shared session in the keychain${KEYCHAIN_LEFT_OUT}`, () => {
  let real: RealKeychain;
  beforeAll(async () => {
    real = await startKeychain();
  });
  afterAll(() => real?.close());

  const open = () =>
    watched(
      makeOsKeychain({
        host: makeFakeHost({ argv: [], env: real.env, now: () => NOW }),
        timeLimitMs: 10_000,
        onWaiting: () => undefined,
      }),
    );

  it("leaves its head in a 0600 file, and nothing secret there", async () => {
    const { keychain } = open();
    const shared = makeSharedSessions(privateFiles, keychain, folder);
    expect(await shared.write(makeSession())).toEqual({ keptIn: "keychain", reason: undefined });
    expect(modes()).toEqual(["700", "700", "600"]);
    const text = readFileSync(onlyFile(), "utf8");
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(TOKEN);
    expect(JSON.parse(text)).not.toHaveProperty("secrets");
    const [name, ...others] = real.names();
    expect(others).toEqual([]);
    expect(name).toMatch(/^shared-session-[0-9a-f]{64}$/);
    expect(JSON.parse(real.secret(name as string) ?? "")).toEqual({
      accessKeyId: "ASIASHAREDEXAMPLE",
      secretAccessKey: SECRET,
      sessionToken: TOKEN,
    });
    await shared.clear();
  });

  it("opens for the next run; to look at what there is opens no keychain", async () => {
    const session = makeSession();
    await makeSharedSessions(privateFiles, open().keychain, folder).write(session);
    const { keychain, calls } = open();
    const shared = makeSharedSessions(privateFiles, keychain, folder);
    const [head] = shared.list();
    expect(head).toMatchObject({ keptIn: "keychain", accessKeyId: "ASIASHAREDEXAMPLE" });
    expect(calls).toEqual([]);
    expect((await shared.open(head as NonNullable<typeof head>))?.credentials).toEqual(session.credentials);
    expect(calls).toEqual(["read"]);
    expect(await shared.remove(session)).toBe(true);
    expect(real.names()).toEqual([]);
    expect(files()).toEqual([]);
  });

  it.each([
    ["gone", undefined],
    ["empty", ""],
    ["no JSON", "secret"],
    ["null", "null"],
    [
      "another session's",
      JSON.stringify({ accessKeyId: "ASIAOTHEREXAMPLE", secretAccessKey: SECRET, sessionToken: TOKEN }),
    ],
    ["half of it", JSON.stringify({ accessKeyId: "ASIASHAREDEXAMPLE", secretAccessKey: SECRET })],
  ])("whose secrets are %s is none, and can be forgotten", async (_what, left) => {
    const { keychain } = open();
    const shared = makeSharedSessions(privateFiles, keychain, folder);
    await shared.write(makeSession());
    const [name = ""] = real.names();
    if (left === undefined) await keychain.remove(name);
    else real.put(name, left);
    const [head] = shared.list();
    expect(await shared.open(head as NonNullable<typeof head>)).toBeUndefined();
    expect(await shared.remove(makeSession())).toBe(true);
    expect(real.names()).toEqual([]);
    expect(shared.list()).toEqual([]);
  });

  it("goes into a file when the keychain can't be written, with the reason", async () => {
    const { keychain, broken } = open();
    broken.add("write");
    const shared = makeSharedSessions(privateFiles, keychain, folder);
    expect(await shared.write(makeSession())).toEqual({ keptIn: "file", reason: "it is locked" });
    expect(shared.list()).toMatchObject([{ keptIn: "file" }]);
    expect(real.names()).toEqual([]);
  });

  it("is an error to open when the keychain can't be read, and stays", async () => {
    const { keychain, broken } = open();
    const shared = makeSharedSessions(privateFiles, keychain, folder);
    await shared.write(makeSession());
    broken.add("read");
    const [head] = shared.list();
    await expect(shared.open(head as NonNullable<typeof head>)).rejects.toThrow("it is locked");
    expect(shared.list()).toHaveLength(1);
    await shared.clear();
  });

  it("that can't be removed is told, and is found again when the keychain opens", async () => {
    const { keychain, broken } = open();
    const shared = makeSharedSessions(privateFiles, keychain, folder);
    await shared.write(makeSession());
    await shared.write(makeSession({ mfaSerial: "GAHT12345678" }));
    writeFileSync(path.join(folder, "shared", "damaged.json"), "{", { mode: 0o600 });
    broken.add("remove");
    expect(await shared.remove(makeSession())).toBe(false);
    expect(await shared.clear()).toEqual({
      removed: 1,
      left: expect.arrayContaining([
        "the shared session of arn:aws:iam::111122223333:mfa/alice in the keychain",
        "the shared session of GAHT12345678 in the keychain",
      ]),
    });
    expect(real.names()).toHaveLength(2);
    broken.clear();
    expect(await shared.clear()).toEqual({ removed: 2, left: [] });
    expect(real.names()).toEqual([]);
  });

  it("whose head can't be written leaves no secret behind", async () => {
    const { keychain } = open();
    const shared = makeSharedSessions(privateFiles, keychain, folder);
    await shared.write(makeSession());
    const file = onlyFile();
    await shared.clear();
    mkdirSync(file); // nothing is renamed onto a folder
    await expect(shared.write(makeSession())).rejects.toThrow();
    expect(real.names()).toEqual([]);
    expect(readdirSync(path.join(folder, "shared"))).toEqual([path.basename(file)]);
  });
});
