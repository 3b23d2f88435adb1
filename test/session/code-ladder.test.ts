import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import type { Environment } from "../../src/host/host.ts";
import type { Keychain } from "../../src/host/keychain.ts";
import { privateFiles } from "../../src/host/private-files.ts";
import type { CodeRequest } from "../../src/session/ask-token-code.ts";
import type { CodeClient, CodePresenter } from "../../src/session/send-code.ts";
import { makeFileSpentCodes } from "../../src/session/spent-codes.ts";
import { makeStoredSecrets } from "../../src/session/stored-secrets.ts";
import type { GivenTokenCode } from "../../src/session/token-code.ts";
import { codeSourceOf, isCodeAtHand, presentTokenCode } from "../../src/session/token-code-source.ts";
import { computeTokenCode, TOTP_STEP_MS } from "../../src/session/totp-secret.ts";
import type { Sourced } from "../../src/target/target.ts";
import { SERIAL } from "../support/cli-world.ts";
import { makeFakeHost, type Reply } from "../support/fake-host.ts";

const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const PLACE = "aws";
const MFA_PROCESS: Sourced<readonly string[]> = {
  value: ["echo", "123456"],
  origin: { kind: "file", path: "/home/alice/.aws/config", line: 7, profile: "dev" },
};
const GIVEN: GivenTokenCode = { code: "654321", from: "--token-code" };

let folder: string;
let now: number;
let secrets: Map<string, string>;
let reads: number;
let failure: AssumeMfaError | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "assume-mfa-test-"));
  now = Date.parse("2026-11-24T12:00:10Z");
  secrets = new Map();
  reads = 0;
  failure = undefined;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A keychain of the test's, which can be locked. */
const keychain: Keychain = {
  async read(name) {
    reads += 1;
    if (failure !== undefined) throw failure;
    return secrets.get(name);
  },
  async write(name, secret) {
    secrets.set(name, secret);
  },
  remove: async (name) => secrets.delete(name) || true,
};

interface Setup {
  readonly given?: GivenTokenCode | undefined;
  readonly mfaProcess?: Sourced<readonly string[]> | undefined;
  readonly env?: Environment;
  readonly replies?: readonly Reply[];
  readonly mayAsk?: boolean;
  /** What STS says of its clock, while it takes no code: its clock less this machine's, milliseconds. */
  readonly rejectingOffsetMs?: number;
}

function makeWorld({ given, mfaProcess, env = {}, replies, mayAsk = true, rejectingOffsetMs }: Setup = {}) {
  const notes: string[] = [];
  const sent: string[] = [];
  const host = makeFakeHost({
    argv: [],
    env,
    replies,
    now: () => now,
    sleep: async (milliseconds) => {
      now += milliseconds;
    },
  });
  const ports = {
    host,
    note: (text: string) => notes.push(text),
    captureCommand: async () => ({ kind: "exited" as const, status: 0, stdout: "111111\n" }),
    spentCodes: makeFileSpentCodes(privateFiles, folder),
    storedSecrets: makeStoredSecrets(privateFiles, keychain, folder),
  };
  const request: CodeRequest = {
    forWhom: "dev",
    wantedFor: "dev (account 222222222222)",
    mfaSerial: SERIAL,
    place: PLACE,
    mfaProcess,
  };
  const presenter: CodePresenter<CodeClient, string> = {
    connect: async () => ({ close: () => undefined, clockOffsetMs: () => rejectingOffsetMs }),
    introduce: async () => undefined,
    async send(_client, code) {
      sent.push(code);
      if (rejectingOffsetMs !== undefined) throw new AssumeMfaError("TOKEN_CODE_REJECTED", "not accepted");
      return "session";
    },
  };
  const options = { givenCode: given, mayAsk };
  return {
    host,
    ports,
    notes,
    sent,
    presenter,
    source: () => codeSourceOf(request, options, ports).kind,
    isAtHand: () => isCodeAtHand(request, options, ports),
    present: () => presentTokenCode(request, options, ports, presenter),
  };
}

const store = () => makeStoredSecrets(privateFiles, keychain, folder).write(SERIAL, PLACE, SECRET);
const codeNow = () => computeTokenCode(SECRET, Math.floor(now / TOTP_STEP_MS));

describe("the rung that a code comes from", () => {
  const ENV = { ASSUME_MFA_TOTP_SECRET: SECRET };

  it.each<[string, Setup, boolean]>([
    ["given", { given: GIVEN, mfaProcess: MFA_PROCESS, env: ENV }, true],
    ["mfa_process", { mfaProcess: MFA_PROCESS, env: ENV }, true],
    ["stored secret", { env: ENV }, true],
    ["totp secret", { env: ENV }, false],
    ["person", {}, false],
    ["person", { env: { ASSUME_MFA_TOTP_SECRET: "" } }, false],
  ])("is the first that is there: %s", async (kind, setup, isStored) => {
    if (isStored) await store();
    const world = makeWorld(setup);
    expect(world.source()).toBe(kind);
    // Somebody is asked only where nothing else gives one.
    expect(world.isAtHand()).toBe(kind !== "person");
    expect(makeWorld({ ...setup, replies: [] }).isAtHand()).toBe(true);
    expect(makeWorld({ ...setup, replies: [], mayAsk: false }).isAtHand()).toBe(kind !== "person");
    // Nor is a keychain opened to tell.
    expect(reads).toBe(0);
  });

  it("is no code that was sent, where nobody is there to give another", () => {
    const world = makeWorld({ given: GIVEN });
    world.ports.spentCodes.record({ mfaSerial: SERIAL, place: PLACE }, GIVEN.code, now);
    expect(world.isAtHand()).toBe(false);
    expect(makeWorld({ given: GIVEN, replies: [] }).isAtHand()).toBe(true);
    now += 120_000;
    expect(world.isAtHand()).toBe(true);
  });
});

describe("a secret in the keychain", () => {
  it("gives the code, without a question and without a warning: that was given when it was stored", async () => {
    await store();
    const world = makeWorld({ replies: [] });
    expect(await world.present()).toBe("session");
    expect(world.sent).toEqual([await codeNow()]);
    expect([world.notes, world.host.questions, reads]).toEqual([[], [], 1]);
  });

  it("comes before ASSUME_MFA_TOTP_SECRET", async () => {
    await store();
    const world = makeWorld({ env: { ASSUME_MFA_TOTP_SECRET: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" } });
    await world.present();
    expect(world.sent).toEqual([await codeNow()]);
  });

  it("of a code that was sent waits for the next, 31 s at most, and sends that", async () => {
    await store();
    await makeWorld().present();
    const before = now;
    const world = makeWorld();
    await world.present();
    expect(now - before).toBeLessThanOrEqual(31_000);
    expect(world.sent).toEqual([await codeNow()]);
    expect(world.notes).toEqual([
      expect.stringMatching(
        /^the code of the stored secret was already sent, just now, and works once: the next is sent in 2\d s$/,
      ),
    ]);
  });

  it("that somebody took out of it leaves the next rung, and is not looked for again", async () => {
    await store();
    secrets.clear();
    const world = makeWorld({ replies: ["123456"] });
    await world.present();
    expect(world.sent).toEqual(["123456"]);
    await makeWorld({ replies: ["000001"] }).present();
    expect(reads).toBe(1);
  });

  it("that is locked away is no dead end for somebody who is there, and is told", async () => {
    await store();
    failure = new AssumeMfaError("KEYCHAIN_FAILED", "the keychain is locked");
    const world = makeWorld({ replies: ["123456"] });
    await world.present();
    expect(world.sent).toEqual(["123456"]);
    expect(world.host.screen).toMatch(
      /^the stored secret of the device can't be used: the keychain is locked\nMFA code for dev /,
    );
  });

  it("that is locked away ends it where nobody is there", async () => {
    await store();
    failure = new AssumeMfaError("KEYCHAIN_FAILED", "the keychain is locked");
    const world = makeWorld();
    await expect(world.present()).rejects.toMatchObject({ code: "KEYCHAIN_FAILED" });
    expect(world.sent).toEqual([]);
  });
});

describe("a code that is made by the clock of whoever answers", () => {
  const MINUTE_MS = 60_000;
  const BOUND_MS = 15 * MINUTE_MS;
  const HOW = ["stored secret", "totp secret"] as const;

  /** @returns what was sent to an endpoint that takes no code and dates its answers as it likes, and what came of it */
  async function presentTo(offsetMs: number, how: (typeof HOW)[number]) {
    if (how === "stored secret") await store();
    const setup = { rejectingOffsetMs: offsetMs, mayAsk: false };
    const world = makeWorld(how === "stored secret" ? setup : { ...setup, env: { ASSUME_MFA_TOTP_SECRET: SECRET } });
    const error: unknown = await world.present().catch((caught: unknown) => caught);
    if (!(error instanceof AssumeMfaError)) throw error;
    return { error, sent: world.sent, notes: world.notes };
  }

  it.each(
    HOW.flatMap((how) =>
      (
        [
          [15 * MINUTE_MS + 1, "15 min behind AWS's"],
          [-15 * MINUTE_MS - 1, "15 min ahead of AWS's"],
          [62 * MINUTE_MS, "1 h 2 min behind AWS's"],
          [-62 * MINUTE_MS, "1 h 2 min ahead of AWS's"],
          [Date.UTC(2031, 0, 1) - Date.parse("2026-11-24T12:00:10Z"), "1498 d 12 h behind AWS's"],
        ] as const
      ).map(([offsetMs, words]) => [how, offsetMs, words] as const),
    ),
  )("from a %s is not made for another time: %i ms off is exit 4, and says so", async (how, offsetMs, words) => {
    const own = await codeNow();
    const { error, sent } = await presentTo(offsetMs, how);
    expect(sent).toEqual([own]);
    expect(error).toMatchObject({ code: "TOKEN_CODE_REJECTED", exitCode: 4, details: { clockOffsetMs: offsetMs } });
    expect(error.message).toContain(`this computer's clock is ${words}`);
    expect(error.hints.join("\n")).toMatch(/set the clock/);
  });

  it.each(HOW.flatMap((how) => [BOUND_MS, -BOUND_MS, 6 * MINUTE_MS].map((offsetMs) => [how, offsetMs] as const)))(
    "from a %s is one of a quarter of an hour at most: %i ms off is tried",
    async (how, offsetMs) => {
      const { sent } = await presentTo(offsetMs, how);
      const step = Math.floor((now + offsetMs) / TOTP_STEP_MS);
      expect(sent).toEqual([await codeNow(), await computeTokenCode(SECRET, step)]);
    },
  );

  it("is never of a time further off, whatever it says", async () => {
    const within = new Set<string>();
    const step = Math.floor(now / TOTP_STEP_MS);
    // Without a notable skew the next step is waited for.
    for (let each = step - 31; each <= step + 33; each += 1) within.add(await computeTokenCode(SECRET, each));
    const start = now;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.integer({ min: -2 * BOUND_MS, max: 2 * BOUND_MS }), fc.integer({ min: -1e13, max: 1e13 })),
        fc.constantFrom(...HOW),
        async (offsetMs, how) => {
          rmSync(path.join(folder, "spent-codes"), { recursive: true, force: true });
          now = start;
          const { sent } = await presentTo(offsetMs, how);
          expect(sent.filter((code) => !within.has(code))).toEqual([]);
        },
      ),
      { numRuns: 100 },
    );
  });
});
