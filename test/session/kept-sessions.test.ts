import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Credentials } from "../../src/credentials/credentials.ts";
import { privateFiles } from "../../src/host/private-files.ts";
import { makeFileCallerStore } from "../../src/session/caller-store.ts";
import { makeFileExportedSessions } from "../../src/session/exported-sessions.ts";
import type { RoleSession } from "../../src/session/role-session.ts";
import { makeFileSessionCache } from "../../src/session/session-cache.ts";
import { canonicalText, inputsDigest, type SessionInputs } from "../../src/session/session-inputs.ts";
import { DEV, DEV_ROLE, PROD } from "../support/cli-world.ts";
import { NO_KEYCHAIN } from "../support/no-keychain.ts";

let root: string;
let folder: string;
let sessions: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(tmpdir(), "assume-mfa-test-"));
  folder = path.join(root, "assume-mfa");
  now = session.obtainedAt;
  sessions = path.join(folder, "sessions");
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const inputs: SessionInputs = { schema: 1, roleArn: DEV_ROLE, mfaSerial: null, durationSeconds: 3600 };
const session: RoleSession = {
  credentials: new Credentials({
    accessKeyId: "ASIAIOSFODNN7EXAMPLE",
    secretAccessKey: "a-secret",
    sessionToken: "a-token",
    expiration: 2_000_000_000_000,
  }),
  assumedRoleArn: `arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice`,
  accountId: DEV,
  obtainedAt: 1_999_996_400_000,
  clockOffsetMs: 0,
  isFromCache: false,
};
/** This machine's clock. */
let now = session.obtainedAt;
const cache = () => makeFileSessionCache(privateFiles, NO_KEYCHAIN, folder, () => now);
const fileOf = (made: SessionInputs) => path.join(sessions, `${inputsDigest(canonicalText(made))}.json`);
const rewrite = (file: string, change: (entry: Record<string, unknown>) => void) => {
  const entry = JSON.parse(fs.readFileSync(file, "utf8"));
  change(entry);
  fs.writeFileSync(file, JSON.stringify(entry), { mode: 0o600 });
};

describe("what is kept", () => {
  it("is nothing where nothing was written, and where there is no home folder", async () => {
    for (const store of [cache(), makeFileSessionCache(privateFiles, NO_KEYCHAIN, undefined, () => now)]) {
      expect(store.list()).toEqual([]);
      expect(await store.clear()).toEqual({ removed: 0, left: [] });
      expect(await store.remove(inputs)).toBe(true);
    }
    expect(fs.existsSync(folder)).toBe(false);
  });

  it("is listed with what it was made from, and without its secrets", async () => {
    await cache().write(inputs, session, false);
    const [kept, ...others] = cache().list();
    expect(others).toEqual([]);
    expect(kept).toEqual({
      inputs,
      role: { arn: DEV_ROLE, partition: "aws", accountId: DEV, roleName: "PrivilegedActionsRole" },
      assumedRoleArn: session.assumedRoleArn,
      obtainedAt: session.obtainedAt,
      clockOffsetMs: 0,
      expiration: 2_000_000_000_000,
    });
    expect(JSON.stringify(kept)).not.toMatch(/a-secret|a-token|ASIA/);
  });

  it("is listed and removed one by one, whatever it was made from", async () => {
    const value = fc.oneof(fc.string({ unit: "binary" }), fc.integer(), fc.boolean(), fc.constant(null));
    const others = fc.dictionary(
      fc.oneof(
        fc.string().filter((name) => name !== "roleArn"),
        fc.constant("__proto__"),
      ),
      value,
      { maxKeys: 6 },
    );
    await fc.assert(
      fc.asyncProperty(others, others, async (first, second) => {
        await cache().clear();
        const made = [first, second].map((other) => ({ ...other, roleArn: DEV_ROLE }));
        for (const one of made) await cache().write(one, session, false);
        const texts = new Set(made.map(canonicalText));
        expect(
          new Set(
            cache()
              .list()
              .map((kept) => canonicalText(kept.inputs)),
          ),
        ).toEqual(texts);
        for (const kept of cache().list()) expect(await cache().remove(kept.inputs)).toBe(true);
        expect(fs.readdirSync(sessions)).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  it("is listed when it has ended and when it is of another schema: it holds keys all the same", async () => {
    const ended = new Credentials({
      accessKeyId: "ASIAIOSFODNN7EXAMPLE",
      secretAccessKey: "a-secret",
      sessionToken: "a-token",
      expiration: session.obtainedAt - 1,
    });
    await cache().write(inputs, { ...session, credentials: ended }, false);
    await cache().write({ ...inputs, schema: 0 }, session, false);
    expect(
      cache()
        .list()
        .map(({ inputs: { schema } }) => schema)
        .sort(),
    ).toEqual([0, 1]);
  });
});

describe("a damaged or foreign entry", () => {
  const copyOf = async (made: SessionInputs) => {
    await cache().write(made, session, false);
    return fileOf(made);
  };
  const DAMAGES: Readonly<Record<string, () => void>> = {
    "that is no JSON": () => fs.writeFileSync(fileOf(inputs), "{", { mode: 0o600 }),
    "that is null": () => fs.writeFileSync(fileOf(inputs), "null", { mode: 0o600 }),
    "whose inputs are no text": () => rewrite(fileOf(inputs), (entry) => Object.assign(entry, { inputs: {} })),
    "whose inputs are no pairs": () => rewrite(fileOf(inputs), (entry) => Object.assign(entry, { inputs: "[1]" })),
    "whose inputs name no role": () => rewrite(fileOf(inputs), (entry) => Object.assign(entry, { inputs: "[]" })),
    "without a secret": () => rewrite(fileOf(inputs), (entry) => Object.assign(entry, { credentials: {} })),
    "that ends at no date that there is": () =>
      rewrite(fileOf(inputs), ({ credentials }) => Object.assign(credentials as object, { expiration: 1e300 })),
    "of another account": () => rewrite(fileOf(inputs), (entry) => Object.assign(entry, { accountId: PROD })),
    "of another role": () =>
      rewrite(fileOf(inputs), (entry) =>
        Object.assign(entry, { assumedRoleArn: `arn:aws:sts::${DEV}:assumed-role/Administrator/alice` }),
      ),
    "under another's name": () => fs.renameSync(fileOf(inputs), fileOf({ ...inputs, durationSeconds: 900 })),
    "that others may read": () => fs.chmodSync(fileOf(inputs), 0o644),
    "that is a link": () => {
      fs.renameSync(fileOf(inputs), path.join(root, "elsewhere"));
      fs.symlinkSync(path.join(root, "elsewhere"), fileOf(inputs));
    },
    "of a killed process": () => fs.renameSync(fileOf(inputs), path.join(sessions, `.x.json.${"0".repeat(32)}.tmp`)),
  };

  it.each(Object.keys(DAMAGES))("%s is not listed, its neighbour is, and clearing removes both", async (what) => {
    copyOf(inputs);
    copyOf({ ...inputs, durationSeconds: 7200 });
    DAMAGES[what]?.();
    expect(
      cache()
        .list()
        .map(({ inputs: { durationSeconds } }) => durationSeconds),
    ).toEqual([7200]);
    expect(await cache().clear()).toEqual({ removed: 2, left: [] });
    expect(fs.readdirSync(sessions)).toEqual([]);
    // What a link leads to is not ours.
    if (what === "that is a link") expect(fs.existsSync(path.join(root, "elsewhere"))).toBe(true);
  });

  it("that can't be removed is told by its path, and the rest goes", async () => {
    copyOf(inputs);
    fs.mkdirSync(path.join(sessions, "a folder"));
    expect(await cache().clear()).toEqual({ removed: 1, left: [path.join(sessions, "a folder")] });
    expect(fs.readdirSync(sessions)).toEqual(["a folder"]);
  });
});

describe("whose keys are whose, and what was exported", () => {
  it("are forgotten, and only they", async () => {
    const callers = makeFileCallerStore(privateFiles, folder);
    const exported = makeFileExportedSessions(privateFiles, folder);
    await cache().write(inputs, session, false);
    callers.write("AKIAIOSFODNN7EXAMPLE", "aws", "arn:aws:iam::111122223333:user/alice");
    const parts = { accessKeyId: "ASIAIOSFODNN7EXAMPLE", secretAccessKey: "secret", sessionToken: "token" };
    const env = { AWS_ACCESS_KEY_ID: parts.accessKeyId, AWS_SESSION_TOKEN: parts.sessionToken };
    exported.write(new Credentials(parts), { targetName: "dev", region: undefined });
    expect(callers.clear()).toEqual({ removed: 1, left: [] });
    expect(callers.read("AKIAIOSFODNN7EXAMPLE", "aws")).toBeUndefined();
    // The same key id with another token, or with none, is somebody else's word.
    expect(exported.read({ ...env, AWS_SESSION_TOKEN: "other" })).toBeUndefined();
    expect(exported.read({ AWS_ACCESS_KEY_ID: parts.accessKeyId })).toBeUndefined();
    expect(exported.read(env)).toEqual({ targetName: "dev", region: undefined });
    expect(exported.clear()).toEqual({ removed: 1, left: [] });
    expect(exported.read(env)).toBeUndefined();
    expect(cache().list()).toHaveLength(1);
  });
});

describe("what has ended", () => {
  /** @param end by AWS's clock, which is so far ahead of this machine's */
  const ending = (end: number, clockOffsetMs = 0): RoleSession => {
    const { accessKeyId, secretAccessKey, sessionToken } = session.credentials;
    const credentials = new Credentials({ accessKeyId, secretAccessKey, sessionToken, expiration: end });
    return { ...session, credentials, clockOffsetMs, obtainedAt: end - clockOffsetMs - HOUR_MS };
  };
  const HOUR_MS = 3_600_000;
  const DAY_MS = 24 * HOUR_MS;
  const YEAR_MS = 365 * DAY_MS;
  const END = 2_000_000_000_000;
  const kept = () =>
    cache()
      .list()
      .map(({ inputs: { externalId } }) => externalId ?? "new");

  it.each([
    ["for more than a day is swept up by the next session that is kept", DAY_MS + 1, ["new"]],
    ["for less stays", DAY_MS - 1, ["new", "old"]],
  ])("%s", async (_, laterMs, left) => {
    await cache().write({ ...inputs, externalId: "old" }, ending(END), false);
    now = END + laterMs;
    await cache().write(inputs, ending(now + HOUR_MS), false);
    expect(kept().sort()).toEqual(left);
  });

  it.each([YEAR_MS, -YEAR_MS, 5 * YEAR_MS])(
    "is not told by an answer that is dated %i ms off: what lives stays, and what was just written",
    async (offsetMs) => {
      now = END - HOUR_MS;
      await cache().write({ ...inputs, externalId: "live" }, ending(END), false);
      // What an endpoint of that date gives has a life by that date, too.
      await cache().write(inputs, ending(now + HOUR_MS + offsetMs, offsetMs), false);
      expect(kept().sort()).toEqual(["live", "new"]);
      // Nor by when it says to have been obtained.
      await cache().write(inputs, { ...ending(END), obtainedAt: now + 5 * YEAR_MS, clockOffsetMs: offsetMs }, false);
      expect(kept()).toContain("live");
    },
  );

  it.each([
    ["a clock that was years behind when it was kept, and is set", 5 * YEAR_MS],
    ["a clock that was years ahead when it was kept, and is set", -5 * YEAR_MS],
  ])("is told by this machine's clock and by what an entry says of it, both: %s", async (_, offsetMs) => {
    now = END - HOUR_MS - offsetMs;
    await cache().write({ ...inputs, externalId: "old" }, ending(END, offsetMs), false);
    now = END - HOUR_MS / 2;
    await cache().write(inputs, ending(END), false);
    expect(kept().sort()).toEqual(["new", "old"]);
    now = END + Math.max(0, -offsetMs) + DAY_MS + 1;
    await cache().write(inputs, ending(now + HOUR_MS), false);
    expect(kept()).toEqual(["new"]);
  });

  it.each([5 * YEAR_MS, -5 * YEAR_MS])("is told right by a clock that stays %i ms off", async (offsetMs) => {
    now = END - HOUR_MS - offsetMs;
    await cache().write({ ...inputs, externalId: "old" }, ending(END, offsetMs), false);
    now += HOUR_MS / 2;
    await cache().write(inputs, ending(END, offsetMs), false);
    expect(kept().sort()).toEqual(["new", "old"]);
  });

  it("is not what was written just now, even so", async () => {
    now = END + 2 * DAY_MS;
    await cache().write(inputs, ending(END), false);
    expect(kept()).toEqual(["new"]);
  });
});
