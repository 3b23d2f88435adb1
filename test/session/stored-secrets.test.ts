import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeOsKeychain } from "../../src/host/os-keychain.ts";
import { privateFiles } from "../../src/host/private-files.ts";
import { makeStoredSecrets } from "../../src/session/stored-secrets.ts";
import { makeFakeHost } from "../support/fake-host.ts";
import { NO_KEYCHAIN } from "../support/no-keychain.ts";
import { HAS_KEYCHAIN, KEYCHAIN_LEFT_OUT, type RealKeychain, startKeychain } from "../support/real-keychain.ts";

const SERIAL = "arn:aws:iam::111122223333:mfa/alice";
const SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

let home: string;
let folder: string;
beforeAll(() => {
  home = mkdtempSync(path.join(tmpdir(), "assume-mfa-test-"));
});
beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(home, "state-")), "assume-mfa");
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const markers = () => path.join(folder, "stored-secrets");

describe.skipIf(!HAS_KEYCHAIN)(`stored secrets${KEYCHAIN_LEFT_OUT}`, () => {
  let real: RealKeychain;
  beforeAll(async () => {
    real = await startKeychain();
  });
  afterAll(() => real?.close());
  const make = () =>
    makeStoredSecrets(
      privateFiles,
      makeOsKeychain({
        host: makeFakeHost({ argv: [], env: real.env, now: () => 0 }),
        timeLimitMs: 10_000,
        onWaiting: () => undefined,
      }),
      folder,
    );

  it("are told apart by device and place, and listed", async () => {
    const stored = make();
    expect(stored.has(SERIAL, "aws")).toBe(false);
    await stored.write(SERIAL, "aws", SECRET);
    expect(stored.has(SERIAL, "aws")).toBe(true);
    for (const [serial, place] of [
      [SERIAL, "aws-cn"],
      ["GAHT12345678", "aws"],
    ] as const) {
      expect(stored.has(serial, place)).toBe(false);
      expect(await stored.isKept(serial, place)).toBe(false);
      expect(await stored.read(serial, place)).toBeUndefined();
    }
    expect(await make().read(SERIAL, "aws")).toBe(SECRET);
    expect(stored.list()).toEqual([{ serial: SERIAL, place: "aws" }]);
    expect(await stored.remove(SERIAL, "aws")).toBe(true);
    expect(stored.list()).toEqual([]);
    expect(real.names()).toEqual([]);
    expect(await stored.remove(SERIAL, "aws")).toBe(true);
  });

  it("are not kept where the marker can't be: nothing is left in the keychain", async () => {
    const stored = make();
    await stored.write(SERIAL, "aws", SECRET);
    const [file = ""] = readdirSync(markers());
    await stored.remove(SERIAL, "aws");
    mkdirSync(path.join(markers(), file)); // nothing is renamed onto a folder
    await expect(stored.write(SERIAL, "aws", SECRET)).rejects.toThrow();
    expect(real.names()).toEqual([]);
    expect(stored.has(SERIAL, "aws")).toBe(false);
  });

  it.each([
    ["torn", (text: string) => text.slice(0, 20)],
    ["another's", (text: string) => text.replace("alice", "bob")],
    ["null", () => "null"],
  ])("whose marker is damaged (%s) are not looked for", async (_what, damage) => {
    const stored = make();
    await stored.write(SERIAL, "aws", SECRET);
    const [file = ""] = readdirSync(markers());
    writeFileSync(path.join(markers(), file), damage(readFileSync(path.join(markers(), file), "utf8")));
    expect(stored.has(SERIAL, "aws")).toBe(false);
    expect(stored.list()).toEqual([]);
    expect(await stored.remove(SERIAL, "aws")).toBe(true);
    expect(real.names()).toEqual([]);
  });

  it("of another device than the entry says are damage, never codes", async () => {
    const stored = make();
    await stored.write(SERIAL, "aws", SECRET);
    const [name = ""] = real.names();
    real.put(name, JSON.stringify({ serial: "arn:aws:iam::111122223333:mfa/bob", place: "aws", secret: SECRET }));
    await expect(stored.read(SERIAL, "aws")).rejects.toMatchObject({ code: "KEYCHAIN_FAILED" });
    expect(await stored.isKept(SERIAL, "aws")).toBe(true);
    await stored.remove(SERIAL, "aws");
  });
});

describe("stored secrets without a keychain or a folder", () => {
  it("can't be written, and leave nothing behind", async () => {
    const stored = makeStoredSecrets(privateFiles, NO_KEYCHAIN, folder);
    await expect(stored.write(SERIAL, "aws", SECRET)).rejects.toMatchObject({ code: "KEYCHAIN_FAILED" });
    expect(readdirSync(markers())).toEqual([]);
    expect(stored.has(SERIAL, "aws")).toBe(false);
    const nowhere = makeStoredSecrets(privateFiles, NO_KEYCHAIN, undefined);
    await expect(nowhere.write(SERIAL, "aws", SECRET)).rejects.toMatchObject({ code: "KEYCHAIN_FAILED" });
    expect(nowhere.has(SERIAL, "aws")).toBe(false);
    expect(nowhere.list()).toEqual([]);
  });
});
