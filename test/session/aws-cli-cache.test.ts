import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Credentials } from "../../src/credentials/credentials.ts";
import { privateFiles } from "../../src/host/private-files.ts";
import { makeAwsCliCache } from "../../src/session/aws-cli-cache.ts";
import { awsCliKey } from "../../src/session/aws-cli-key.ts";
import type { RoleSession } from "../../src/session/role-session.ts";
import { hasBotocore } from "../target/read-with-botocore.ts";

const ARGS = { RoleArn: "arn:aws:iam::222222222222:role/PrivilegedActionsRole" };
const ARN = "arn:aws:sts::222222222222:assumed-role/PrivilegedActionsRole/alice";
const EXPIRATION = Date.UTC(2026, 10, 24, 15);
const SESSION: RoleSession = {
  credentials: new Credentials({
    accessKeyId: "ASIAIOSFODNN7EXAMPLE",
    secretAccessKey: "secret+of/a=session",
    sessionToken: "token+of/a=session",
    expiration: EXPIRATION + 345,
  }),
  assumedRoleArn: ARN,
  accountId: "222222222222",
  obtainedAt: EXPIRATION - 3_600_000,
  clockOffsetMs: 0,
  isFromCache: false,
};
const isRoot = process.getuid?.() === 0;

let home: string;
let folder: string;
let file: string;

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "assume-mfa-test-"));
  folder = path.join(home, ".aws", "cli", "cache");
  file = path.join(folder, `${awsCliKey(ARGS)}.json`);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const open = (env: Readonly<Record<string, string>> = {}, homeDirectory: string | undefined = home) =>
  makeAwsCliCache(privateFiles, { env, homeDirectory });
const modeOf = (name: string) => lstatSync(name).mode & 0o777;
const plainEntry = () => ({
  Credentials: {
    AccessKeyId: "ASIAIOSFODNN7EXAMPLE",
    SecretAccessKey: "secret+of/a=session",
    SessionToken: "token+of/a=session",
    Expiration: "2026-11-24T15:00:00UTC",
    AccountId: "222222222222",
  },
  AssumedRoleUser: { AssumedRoleId: "AROAEXAMPLE:alice", Arn: ARN },
  ResponseMetadata: { HTTPStatusCode: 200, RetryAttempts: 0 },
});

/** As the AWS CLI leaves it. */
function plant(entry: unknown, name = file): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(name, typeof entry === "string" ? entry : JSON.stringify(entry), { mode: 0o600 });
}

describe("what is written", () => {
  it("lies in a 0600 file, in 0700 folders, whatever the umask", () => {
    for (const umask of [0o000, 0o022, 0o077, 0o777]) {
      rmSync(path.join(home, ".aws"), { recursive: true, force: true });
      const before = process.umask(umask);
      try {
        open().write(ARGS, SESSION, "digest");
      } finally {
        process.umask(before);
      }
      const { aws, cli, cache, entry } = {
        aws: modeOf(path.join(home, ".aws")),
        cli: modeOf(path.join(home, ".aws", "cli")),
        cache: modeOf(folder),
        entry: modeOf(file),
      };
      expect({ aws, cli, cache, entry }).toEqual({ aws: 0o700, cli: 0o700, cache: 0o700, entry: 0o600 });
      expect(readdirSync(folder)).toEqual([path.basename(file)]);
    }
  });

  it("is read again, as ours", () => {
    open().write(ARGS, SESSION, "digest");
    const entry = open().read(ARGS);
    const { accessKeyId, secretAccessKey, sessionToken } = entry?.credentials ?? {};
    expect({ accessKeyId, secretAccessKey, sessionToken }).toEqual({
      accessKeyId: "ASIAIOSFODNN7EXAMPLE",
      secretAccessKey: "secret+of/a=session",
      sessionToken: "token+of/a=session",
    });
    expect(entry).toMatchObject({ expiration: EXPIRATION, assumedRoleArn: ARN, isOwn: true, sourceDigest: "digest" });
    expect(Math.abs((entry?.writtenAt ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it("leaves a folder that the AWS CLI made as it is", () => {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    open().write(ARGS, SESSION, "digest");
    expect([modeOf(folder), modeOf(file)]).toEqual([0o755, 0o600]);
  });

  it.each([".aws", ".aws/cli", ".aws/cli/cache"])("is not where others can write in ~/%s, which stays so", (name) => {
    mkdirSync(folder, { recursive: true });
    for (const mode of [0o777, 0o775, 0o757, 0o1777]) {
      chmodSync(path.join(home, name), mode);
      expect(() => open().write(ARGS, SESSION, "digest")).toThrow(/others can write in .*\(chmod go-w mends it\)$/);
      expect(readdirSync(folder)).toEqual([]);
      expect(lstatSync(path.join(home, name)).mode & 0o7777).toBe(mode);
    }
  });

  it.skipIf(!isRoot)("is not in another user's folder", () => {
    mkdirSync(folder, { recursive: true });
    chownSync(path.join(home, ".aws", "cli"), 12_345, 12_345);
    expect(() => open().write(ARGS, SESSION, "digest")).toThrow(/cli belongs to another user$/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is not behind a link in the cache's place, but goes with a linked ~/.aws", () => {
    const elsewhere = path.join(home, "dotfiles");
    mkdirSync(path.join(elsewhere, "cli"), { recursive: true });
    symlinkSync(elsewhere, path.join(home, ".aws"));
    open().write(ARGS, SESSION, "digest");
    expect(readdirSync(path.join(elsewhere, "cli", "cache"))).toEqual([path.basename(file)]);

    rmSync(path.join(elsewhere, "cli", "cache"), { recursive: true });
    mkdirSync(path.join(home, "other"));
    symlinkSync(path.join(home, "other"), folder);
    expect(() => open().write(ARGS, SESSION, "digest")).toThrow(/cache is no folder$/);
    expect(readdirSync(path.join(home, "other"))).toEqual([]);
  });

  it("is in no home that is not there", () => {
    const missing = path.join(home, "missing");
    expect(() => open({}, missing).write(ARGS, SESSION, "digest")).toThrow(/ENOENT/);
    expect(existsSync(missing)).toBe(false);
  });

  it("replaces a plain file alone: a link, a FIFO and a folder stay what they are", () => {
    mkdirSync(folder, { recursive: true });
    const victim = path.join(home, "victim");
    writeFileSync(victim, "precious");
    const kinds: Readonly<Record<string, () => void>> = {
      link: () => symlinkSync(victim, file),
      dangling: () => symlinkSync(path.join(home, "nowhere"), file),
      fifo: () => expect(spawnSync("mkfifo", [file]).status).toBe(0),
      folder: () => mkdirSync(file),
    };
    for (const make of Object.values(kinds)) {
      make();
      const before = lstatSync(file).ino;
      expect(() => open().write(ARGS, SESSION, "digest")).toThrow(/is no plain file$/);
      expect(lstatSync(file).ino).toBe(before);
      expect(readdirSync(folder)).toEqual([path.basename(file)]);
      rmSync(file, { recursive: true });
    }
    expect(readFileSync(victim, "utf8")).toBe("precious");
    expect(existsSync(path.join(home, "nowhere"))).toBe(false);
  });

  it("does not reach what else a file is called", () => {
    mkdirSync(folder, { recursive: true });
    const other = path.join(home, "other");
    writeFileSync(other, "precious");
    linkSync(other, file);
    open().write(ARGS, SESSION, "digest");
    expect(readFileSync(other, "utf8")).toBe("precious");
    expect(open().read(ARGS)?.isOwn).toBe(true);
  });

  it.skipIf(!hasBotocore)("is a session for botocore (skipped where python3 has none)", () => {
    open().write(ARGS, { ...SESSION, credentials: later(SESSION.credentials, Date.now() + 3_600_000) }, "digest");
    const program = `
import json, sys
from botocore.credentials import AssumeRoleCredentialFetcher
from botocore.utils import JSONFileCache
class NoClient:
    def __call__(self, *args, **kwargs):
        raise AssertionError("an AssumeRole")
fetcher = AssumeRoleCredentialFetcher(NoClient(), None, sys.argv[2], cache=JSONFileCache(sys.argv[1]))
found = fetcher.fetch_credentials()
from botocore.credentials import RefreshableCredentials
credentials = RefreshableCredentials.create_from_metadata(found, lambda: 1 / 0, "assume-role")
print(json.dumps([credentials.access_key, credentials.secret_key, credentials.token, credentials.account_id]))
`;
    const { stdout, stderr, status } = spawnSync("python3", ["-c", program, folder, ARGS.RoleArn], {
      encoding: "utf8",
    });
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    expect(JSON.parse(stdout)).toEqual([
      "ASIAIOSFODNN7EXAMPLE",
      "secret+of/a=session",
      "token+of/a=session",
      "222222222222",
    ]);
  });
});

describe.skipIf(!hasBotocore)("beside the AWS CLI (skipped where python3 has no botocore)", () => {
  it("both write at once, and whoever reads finds a whole session of one or the other", async () => {
    mkdirSync(folder, { recursive: true });
    const program = `
import json, os, sys
from botocore.utils import JSONFileCache
cache = JSONFileCache(sys.argv[1])
entry = json.loads(sys.argv[3])
print("ready", flush=True)
bad = 0
while not os.path.exists(os.path.join(sys.argv[1], "stop")):
    cache[sys.argv[2]] = entry
    try:
        bad += "SessionToken" not in cache[sys.argv[2]]["Credentials"]
    except KeyError:
        bad += 1
print(json.dumps(bad))
`;
    const child = spawn("python3", ["-c", program, folder, awsCliKey(ARGS), JSON.stringify(plainEntry())]);
    let stdout = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    const closed = new Promise((resolve) => child.on("close", resolve));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const seen = { own: 0, theirs: 0, none: 0 };
    for (let turn = 0; turn < 2_000 && (turn < 200 || seen.own === 0 || seen.theirs === 0); turn += 1) {
      if (turn % 3 === 0) open().write(ARGS, SESSION, "digest");
      const entry = open().read(ARGS);
      if (entry === undefined) seen.none += 1;
      else seen[entry.isOwn ? "own" : "theirs"] += 1;
    }
    writeFileSync(path.join(folder, "stop"), "");
    await closed;
    expect(stdout).toBe("ready\n0\n");
    expect(seen).toEqual({ own: expect.any(Number), theirs: expect.any(Number), none: 0 });
    expect(Math.min(seen.own, seen.theirs)).toBeGreaterThan(0);
    expect(readdirSync(folder).sort()).toEqual([path.basename(file), "stop"]);
  });
});

function later({ accessKeyId, secretAccessKey, sessionToken }: Credentials, expiration: number): Credentials {
  return new Credentials({ accessKeyId, secretAccessKey, sessionToken, expiration });
}

describe("what is read", () => {
  it.each(["2026-11-24T15:00:00UTC", "2026-11-24T15:00:00Z", "2026-11-24T15:00:00+00:00", "2026-11-24 16:00:00+0100"])(
    "is a session of the AWS CLI's that ends at %s",
    (Expiration) => {
      plant({ ...plainEntry(), Credentials: { ...plainEntry().Credentials, Expiration } });
      utimesSync(file, 1_700_000_000, 1_700_000_000);
      expect(open().read(ARGS)).toMatchObject({
        expiration: EXPIRATION,
        assumedRoleArn: ARN,
        isOwn: false,
        sourceDigest: undefined,
        writtenAt: 1_700_000_000_000,
      });
    },
  );

  it("is nothing where there is nothing, and nothing is made", () => {
    expect(open().read(ARGS)).toBeUndefined();
    expect(readdirSync(home)).toEqual([]);
  });

  it.each<[string, unknown]>([
    ["empty", ""],
    ["torn", JSON.stringify(plainEntry()).slice(0, 90)],
    ["no object", "[]"],
    ["null", "null"],
    ["of another kind", { ProviderType: "sso", startUrl: "https://example.com" }],
    ["without credentials", { ...plainEntry(), Credentials: null }],
    ["with credentials that are a list", { ...plainEntry(), Credentials: [] }],
    ["without a token", { Credentials: { ...plainEntry().Credentials, SessionToken: undefined } }],
    ["with a key that would end a header", { Credentials: { ...plainEntry().Credentials, SessionToken: "a\r\nb: c" } }],
    ["with a key that is no text", { Credentials: { ...plainEntry().Credentials, AccessKeyId: 7 } }],
    [
      "with a key too long for a header",
      { Credentials: { ...plainEntry().Credentials, SessionToken: "a".repeat(20_000) } },
    ],
    ["without an end", { Credentials: { ...plainEntry().Credentials, Expiration: undefined } }],
    ["with an end that is a number", { Credentials: { ...plainEntry().Credentials, Expiration: 1_795_532_400 } }],
    ["with an end that is no time", { Credentials: { ...plainEntry().Credentials, Expiration: "tomorrow" } }],
    [
      "with an end that no day has",
      { Credentials: { ...plainEntry().Credentials, Expiration: "2026-99-24T15:00:00Z" } },
    ],
    ["huge", JSON.stringify({ ...plainEntry(), filler: "a".repeat(1024 * 1024) })],
    ["no text", "\ufffd\u0000\u0001"],
  ])("is nothing that is %s", (_, entry) => {
    plant(entry);
    expect(open().read(ARGS)).toBeUndefined();
  });

  it("never fails for what a file holds", () => {
    const whole = JSON.stringify(plainEntry());
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string({ unit: "binary" }),
          fc.tuple(fc.nat(whole.length), fc.nat(9), fc.string()).map(([at, length, text]) => {
            return whole.slice(0, at) + text + whole.slice(at + length);
          }),
        ),
        (text) => {
          plant(text);
          expect(() => open().read(ARGS)).not.toThrow();
        },
      ),
    );
  });

  it.each<[string, () => void, RegExp]>([
    [
      "through a link",
      () => {
        plant(plainEntry(), path.join(home, "entry"));
        symlinkSync(path.join(home, "entry"), file);
      },
      /is no plain file$/,
    ],
    ["from a FIFO, nor waited for", () => expect(spawnSync("mkfifo", [file]).status).toBe(0), /is no plain file/],
    ["from a folder", () => mkdirSync(file), /is no plain file/],
    [
      "that others can write",
      () => {
        plant(plainEntry());
        chmodSync(file, 0o620);
      },
      /others can write .*json$/,
    ],
    [
      "from a folder that others can write in",
      () => {
        plant(plainEntry());
        chmodSync(folder, 0o777);
      },
      /others can write in .*cache/,
    ],
  ])("is nothing %s, which is told", (_, make, problem) => {
    mkdirSync(folder, { recursive: true });
    make();
    expect(() => open().read(ARGS)).toThrow(problem);
  });

  it.skipIf(!isRoot)("is nothing of another user's", () => {
    plant(plainEntry());
    chownSync(file, 12_345, 12_345);
    expect(() => open().read(ARGS)).toThrow(/json belongs to another user$/);
  });
});

describe("what is removed", () => {
  it("is what is meant, and nothing else that lies there", () => {
    plant(plainEntry());
    plant({ accessToken: "sso" }, path.join(folder, `${"a".repeat(40)}.json`));
    plant(plainEntry(), path.join(folder, "notes.json"));
    symlinkSync(file, path.join(folder, `${"b".repeat(40)}.json`));
    expect(open().remove(({ isOwn }) => isOwn)).toEqual({ removed: 0, left: [] });
    expect(open().remove(({ assumedRoleArn }) => assumedRoleArn === ARN)).toEqual({ removed: 1, left: [] });
    expect(readdirSync(folder).sort()).toEqual([`${"a".repeat(40)}.json`, `${"b".repeat(40)}.json`, "notes.json"]);
    expect(readlinkSync(path.join(folder, `${"b".repeat(40)}.json`))).toBe(file);
  });

  it("goes from a folder that others can write in by now", () => {
    open().write(ARGS, SESSION, "digest");
    chmodSync(folder, 0o777);
    expect(open().remove(({ isOwn }) => isOwn)).toEqual({ removed: 1, left: [] });
    expect(existsSync(file)).toBe(false);
  });

  it("is nothing where there is nothing", () => {
    expect(open().remove(() => true)).toEqual({ removed: 0, left: [] });
  });
});

describe("a place where nothing is shared", () => {
  it.each<[string, Readonly<Record<string, string>>, string | undefined, RegExp]>([
    ["a sandbox", { ASSUME_MFA_SANDBOX: "http://127.0.0.1:4566" }, undefined, /this is a sandbox/],
    ["no home", {}, "", /no home folder/],
    ["a home beside the working folder", {}, "relative", /no home folder/],
  ])("is %s: there nothing is read, written or removed", (_, env, homeDirectory, obstacle) => {
    open().write(ARGS, SESSION, "digest");
    const cache = open(env, homeDirectory ?? home);
    expect(cache.obstacle).toMatch(obstacle);
    expect(cache.read(ARGS)).toBeUndefined();
    expect(() => cache.write(ARGS, SESSION, "digest")).toThrow(obstacle);
    expect(cache.remove(() => true)).toEqual({ removed: 0, left: [] });
    expect(readdirSync(folder)).toEqual([path.basename(file)]);
    expect(existsSync("relative")).toBe(false);
  });
});
