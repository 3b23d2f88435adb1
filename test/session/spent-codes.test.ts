import { createHash, createHmac } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { privateFiles } from "../../src/host/private-files.ts";
import { makeFileSpentCodes, SPENT_FOR_MS } from "../../src/session/spent-codes.ts";

const ALICE = { mfaSerial: "arn:aws:iam::111122223333:mfa/alice", place: "aws" };
const BOB = { mfaSerial: "arn:aws:iam::111122223333:mfa/bob", place: "aws" };
const NOW = Date.parse("2026-11-24T12:00:10Z");

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "assume-mfa-test-"));
  folder = path.join(root, "assume-mfa");
});
afterEach(() => {
  chmodSync(root, 0o700);
  rmSync(root, { recursive: true, force: true });
});

/** Another process each time. */
const open = () => makeFileSpentCodes(privateFiles, folder);
const files = () => readdirSync(path.join(folder, "spent-codes"));
const onlyFile = () => path.join(folder, "spent-codes", files()[0] as string);

describe("the ledger of spent codes", () => {
  it("tells another process when a code was sent, and of no other code, device or place", () => {
    expect(open().record(ALICE, "123456", NOW)).toBe(true);
    expect(open().sentAgoMs(ALICE, "123456", NOW + 12_000)).toBe(12_000);
    expect(open().sentAgoMs(ALICE, "123457", NOW)).toBeUndefined();
    expect(open().sentAgoMs(BOB, "123456", NOW)).toBeUndefined();
    expect(open().sentAgoMs({ ...ALICE, place: "http://127.0.0.1:4566" }, "123456", NOW)).toBeUndefined();
  });

  it.each([
    [0, 0],
    [SPENT_FOR_MS - 1, SPENT_FOR_MS - 1],
    [SPENT_FOR_MS, undefined],
    [3_600_000, undefined],
    // The clock was set back: by minutes the device's secret gives the same code again, by hours it is nobody's.
    [-45_000, 0],
    [-SPENT_FOR_MS, 0],
    [-15 * 60_000 + 1, 0],
    [-15 * 60_000, undefined],
    [-3_600_000, undefined],
  ])("%i ms later: %s", (later, ago) => {
    open().record(ALICE, "123456", NOW);
    expect(open().sentAgoMs(ALICE, "123456", NOW + later)).toBe(ago);
  });

  it("keeps many of a device, and drops the old ones when it is written", () => {
    open().record(ALICE, "000001", NOW);
    open().record(ALICE, "000002", NOW + 60_000);
    open().record(ALICE, "000003", NOW + 119_000);
    expect(open().sentAgoMs(ALICE, "000001", NOW + 119_000)).toBe(119_000);
    open().record(ALICE, "000004", NOW + 130_000);
    expect(JSON.parse(readFileSync(onlyFile(), "utf8")).sent).toHaveLength(3);
    expect(open().sentAgoMs(ALICE, "000002", NOW + 130_000)).toBe(70_000);
  });

  it("keeps one through a clock that is set back, and what is written by that", () => {
    open().record(ALICE, "000001", NOW);
    open().record(ALICE, "000002", NOW - 14 * 60_000);
    expect(open().sentAgoMs(ALICE, "000001", NOW - 14 * 60_000)).toBe(0);
    // It is none that is kept longer than others when the time comes again.
    expect(open().sentAgoMs(ALICE, "000001", NOW + SPENT_FOR_MS)).toBeUndefined();
  });

  it("forgets one that is taken back, and that one alone", () => {
    const spentCodes = open();
    spentCodes.record(ALICE, "000001", NOW);
    spentCodes.record(ALICE, "000002", NOW);
    spentCodes.takeBack(ALICE, "000002", NOW);
    for (const each of [spentCodes, open()]) {
      expect(each.sentAgoMs(ALICE, "000002", NOW)).toBeUndefined();
      expect(each.sentAgoMs(ALICE, "000001", NOW)).toBe(0);
    }
  });

  it("is a 0600 file in a 0700 folder, in which no code stands, nor a hash of one without the salt", () => {
    open().record(ALICE, "123456", NOW);
    open().record(BOB, "123456", NOW);
    expect(statSync(path.join(folder, "spent-codes")).mode & 0o777).toBe(0o700);
    const ledgers = files().map((name) => {
      const file = path.join(folder, "spent-codes", name);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(name).toMatch(/^[0-9a-f]{64}$/);
      return readFileSync(file, "utf8");
    });
    expect(ledgers).toHaveLength(2);
    const everything = `${files().join("\n")}\n${ledgers.join("\n")}`;
    for (const hidden of [
      "123456",
      "mfa/alice",
      createHash("sha256").update("123456").digest("hex"),
      createHmac("sha256", "").update("123456").digest("hex"),
    ]) {
      expect(everything).not.toContain(hidden);
    }
    // The salts are random: the same code leaves two traces, and another two tomorrow.
    const [one, other] = ledgers.map((text) => JSON.parse(text));
    expect(one.salt).toMatch(/^[0-9a-f]{32}$/);
    expect(one.salt).not.toBe(other.salt);
    expect(one.sent[0].hash).not.toBe(other.sent[0].hash);
    expect(one.sent[0].hash).toBe(createHmac("sha256", Buffer.from(one.salt, "hex")).update("123456").digest("hex"));
  });
});

describe("a ledger that is damaged", () => {
  const goodSalt = "00112233445566778899aabbccddeeff";

  it.each<[string, string]>([
    ["empty", ""],
    ["torn", '{"salt":"00112233'],
    ["no JSON", "\u0000\u001b[2J"],
    ["null", "null"],
    ["a list", "[]"],
    ["without a salt", '{"sent":[]}'],
    ["with a salt of another kind", '{"salt":{"length":32},"sent":[]}'],
    ["with a hostile salt", '{"salt":"../../../../etc/passwd","sent":[]}'],
    ["with no list", `{"salt":"${goodSalt}","sent":{"0":1}}`],
    ["with a prototype", `{"__proto__":{"salt":"${goodSalt}"},"sent":[]}`],
    ["huge", `{"salt":"${goodSalt}","sent":[${"0,".repeat(700_000)}0]}`],
  ])("%s counts as absent, and a whole one is written over it", (_what, text) => {
    open().record(ALICE, "123456", NOW);
    writeFileSync(onlyFile(), text);
    expect(open().sentAgoMs(ALICE, "123456", NOW)).toBeUndefined();
    expect(open().record(ALICE, "123456", NOW)).toBe(true);
    expect(open().sentAgoMs(ALICE, "123456", NOW)).toBe(0);
    expect(JSON.parse(readFileSync(onlyFile(), "utf8")).salt).not.toBe(goodSalt);
  });

  it.each<[string, unknown]>([
    ["null", null],
    ["a hash that is none", { hash: "x", sentAt: NOW }],
    ["a time that is none", { hash: "0".repeat(64), sentAt: "now" }],
    ["a time far ahead", { hash: "0".repeat(64), sentAt: 1e300 }],
  ])("an entry of it, %s, takes the others not with it", (_what, entry) => {
    open().record(ALICE, "123456", NOW);
    const ledger = JSON.parse(readFileSync(onlyFile(), "utf8"));
    writeFileSync(onlyFile(), JSON.stringify({ ...ledger, sent: [entry, ...ledger.sent] }));
    expect(open().sentAgoMs(ALICE, "123456", NOW)).toBe(0);
    open().record(ALICE, "000001", NOW);
    expect(JSON.parse(readFileSync(onlyFile(), "utf8")).sent).toHaveLength(2);
  });

  it("a link in its place is neither followed nor written through", () => {
    open().record(ALICE, "123456", NOW);
    const file = onlyFile();
    const victim = path.join(root, "victim");
    writeFileSync(victim, readFileSync(file), { mode: 0o600 });
    rmSync(file);
    symlinkSync(victim, file);
    const before = readFileSync(victim, "utf8");
    expect(open().sentAgoMs(ALICE, "123456", NOW)).toBeUndefined();
    open().record(ALICE, "000001", NOW);
    expect(readFileSync(victim, "utf8")).toBe(before);
  });

  it("one that others can read is not believed", () => {
    open().record(ALICE, "123456", NOW);
    chmodSync(onlyFile(), 0o644);
    expect(open().sentAgoMs(ALICE, "123456", NOW)).toBeUndefined();
  });
});

describe("where nothing can be written", () => {
  it.each<[string, () => string | undefined]>([
    ["there is no folder", () => undefined],
    [
      "a file is in its place",
      () => {
        writeFileSync(path.join(root, "file"), "");
        return path.join(root, "file");
      },
    ],
    [
      "a file is in the place of the ledgers",
      () => {
        mkdirSync(folder);
        writeFileSync(path.join(folder, "spent-codes"), "");
        return folder;
      },
    ],
  ])("%s: a process knows its own codes, says that nobody else does, and goes on", (_what, make) => {
    const place = make();
    const spentCodes = makeFileSpentCodes(privateFiles, place);
    expect(spentCodes.record(ALICE, "123456", NOW)).toBe(false);
    expect(spentCodes.sentAgoMs(ALICE, "123456", NOW + 1)).toBe(1);
    expect(spentCodes.sentAgoMs(BOB, "123456", NOW + 1)).toBeUndefined();
    expect(makeFileSpentCodes(privateFiles, place).sentAgoMs(ALICE, "123456", NOW)).toBeUndefined();
    spentCodes.takeBack(ALICE, "123456", NOW);
    expect(spentCodes.sentAgoMs(ALICE, "123456", NOW + 1)).toBeUndefined();
  });
});
