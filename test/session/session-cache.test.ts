import fs from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Credentials } from "../../src/credentials/credentials.ts";
import { privateFiles } from "../../src/host/private-files.ts";
import type { RoleSession } from "../../src/session/role-session.ts";
import { makeFileSessionCache } from "../../src/session/session-cache.ts";
import { canonicalText, inputsDigest, type SessionInputs, sessionInputs } from "../../src/session/session-inputs.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { resolveTarget } from "../../src/target/resolve-target.ts";
import { DEV, DEV_ROLE, openCliWorld, type RunOptions, SERIAL } from "../support/cli-world.ts";
import { NO_KEYCHAIN } from "../support/no-keychain.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const MINUTE_MS = 60_000;

/** Whether a run of `dev login` was served without a call. */
async function isHit(options: RunOptions = {}, words: readonly string[] = []): Promise<boolean> {
  const run = await world.run(["dev", "login", "-o", "json", ...words], options);
  // A miss has no code, so it ends with 2 and calls nothing.
  expect([0, 2]).toContain(run.exitCode);
  expect(run.operations).toEqual([]);
  if (run.exitCode === 0) expect(JSON.parse(run.stdout)[0].result.cached).toBe(true);
  return run.exitCode === 0;
}

describe("a role session", () => {
  it("is cached: the next run has it without a call or a question", async () => {
    expect(await isHit()).toBe(false);
    await world.login();
    expect(await isHit()).toBe(true);
    expect(await isHit()).toBe(true);
  });

  it("lies in a 0600 file below 0700 folders, under a name that says nothing", async () => {
    await world.login();
    const { sessionFile } = world;
    expect(path.basename(sessionFile)).toMatch(/^[0-9a-f]{64}\.json$/);
    for (const [file, mode] of [
      [sessionFile, "600"],
      [path.dirname(sessionFile), "700"],
      [path.join(world.cacheHome, "assume-mfa"), "700"],
    ] as const) {
      expect((fs.statSync(file).mode & 0o777).toString(8)).toBe(mode);
    }
    expect(fs.readdirSync(path.dirname(sessionFile))).toHaveLength(1);
  });

  it.each([0o000, 0o002, 0o077, 0o777])("under umask %o is as private, and the next run can read it", async (umask) => {
    const before = process.umask(umask);
    try {
      await world.login();
    } finally {
      process.umask(before);
    }
    for (const name of fs.readdirSync(world.cacheHome, { recursive: true, encoding: "utf8" })) {
      const status = fs.statSync(path.join(world.cacheHome, name));
      expect([name, (status.mode & 0o777).toString(8)]).toEqual([name, status.isFile() ? "600" : "700"]);
    }
    expect(await isHit()).toBe(true);
  });

  it("is one file for each role", async () => {
    await world.login("dev");
    await world.login("staging");
    expect(fs.readdirSync(path.join(world.cacheHome, "assume-mfa", "sessions"))).toHaveLength(2);
  });

  it("holds no code, no long-term secret and no name of a file", async () => {
    await world.login();
    const text = fs.readFileSync(world.sessionFile, "utf8");
    const { secretAccessKey } = world.user("alice").accessKeys[0] ?? {};
    expect(text).not.toContain(secretAccessKey);
    expect(text).not.toMatch(/tokenCode/i);
    expect(text).not.toContain(world.folder);
  });
});

describe("a session that is about to end", () => {
  /** Signs in for so long, then looks with so much left. */
  async function hitWithLeft(
    lifeMs: number,
    leftMs: number,
    words: readonly string[] = [],
    env = {},
  ): Promise<boolean> {
    // STS ends sessions on whole seconds.
    world.sandbox.moveClock(1_000 - (world.sandbox.now() % 1_000));
    const code = world.code();
    const now = world.sandbox.now();
    const options = { now: () => now };
    const seconds = ["--duration", `${lifeMs / 1_000}`];
    const login = await world.run(["dev", "login", "-t", code, ...seconds], options);
    expect(login.exitCode).toBe(0);
    const entry = JSON.parse(fs.readFileSync(world.sessionFile, "utf8"));
    const at = entry.credentials.expiration - leftMs;
    // This machine's clock, and not the sandbox's, is what is looked at here.
    return isHit({ now: () => at, env: { ...env, ASSUME_MFA_SANDBOX: undefined } }, [...seconds, ...words]);
  }

  it.each([
    // Default: five minutes.
    [60, "59:59", true],
    [60, "5:01", true],
    [60, "5:00", false],
    [60, "4:59", false],
    [60, "0:01", false],
    [60, "0:00", false],
    [60, "-0:01", false],
    // A third of a quarter of an hour is five minutes: it serves for ten.
    [15, "14:59", true],
    [15, "5:01", true],
    [15, "4:59", false],
  ])("of %i min, with %s left: served %s", async (lifeMinutes, left, isServed) => {
    const [, sign, minutes, seconds] = /^(-?)(\d+):(\d+)$/.exec(left) ?? [];
    const leftMs = (Number(minutes) * 60 + Number(seconds)) * 1_000 * (sign === "-" ? -1 : 1);
    expect(await hitWithLeft(lifeMinutes * MINUTE_MS, leftMs)).toBe(isServed);
  });

  it.each([
    ["--min-ttl 45m", ["--min-ttl", "45m"], {}, 60, 20.1, true],
    ["--min-ttl 45m is never over a third of the life", ["--min-ttl", "45m"], {}, 60, 19.9, false],
    ["--min-ttl 1m", ["--min-ttl", "1m"], {}, 60, 1.1, true],
    ["--min-ttl 1m", ["--min-ttl", "1m"], {}, 60, 0.9, false],
    ["--min-ttl 0 serves to the end", ["--min-ttl", "0"], {}, 60, 0.01, true],
    ["ASSUME_MFA_MIN_TTL=10m", [], { ASSUME_MFA_MIN_TTL: "10m" }, 60, 9.9, false],
    ["ASSUME_MFA_MIN_TTL=10m", [], { ASSUME_MFA_MIN_TTL: "10m" }, 60, 10.1, true],
    ["the option wins", ["--min-ttl", "1m"], { ASSUME_MFA_MIN_TTL: "10m" }, 60, 2, true],
    ["12h --min-ttl 3h", ["--min-ttl", "3h"], {}, 720, 170, false],
    ["12h --min-ttl 3h", ["--min-ttl", "3h"], {}, 720, 190, true],
  ] as const)("%s (%j %j, life %i min, left %f min): served %s", async (_what, words, env, life, left, isServed) => {
    expect(await hitWithLeft(life * MINUTE_MS, left * MINUTE_MS, words, env)).toBe(isServed);
  });

  it("of 900 s is not assumed again at once, whatever --min-ttl says", async () => {
    const words = ["--duration", "900", "--min-ttl", "12h"];
    expect((await world.run(["dev", "login", "-t", world.code(), ...words])).exitCode).toBe(0);
    expect(await isHit({}, words)).toBe(true);
  });
});

describe("--refresh and --no-cache", () => {
  it("--refresh assumes again and keeps the new session", async () => {
    await world.login();
    const before = fs.readFileSync(world.sessionFile, "utf8");
    const run = await world.run(["dev", "login", "--refresh", "-t", world.code()]);
    expect(run).toMatchObject({ exitCode: 0, operations: ["AssumeRole"] });
    expect(fs.readFileSync(world.sessionFile, "utf8")).not.toBe(before);
    expect(await isHit()).toBe(true);
  });

  it("--refresh that fails leaves the session that there was", async () => {
    await world.login();
    expect((await world.run(["dev", "login", "--refresh", "-t", world.wrongCode()])).exitCode).toBe(4);
    expect(await isHit()).toBe(true);
  });

  it("--no-cache reads nothing and writes nothing", async () => {
    await world.login();
    const before = fs.readFileSync(world.sessionFile, "utf8");
    expect(await isHit({}, ["--no-cache"])).toBe(false);
    const run = await world.run(["dev", "login", "--no-cache", "-t", world.code()]);
    expect(run).toMatchObject({ exitCode: 0, operations: ["AssumeRole"] });
    expect(fs.readFileSync(world.sessionFile, "utf8")).toBe(before);
    world.newCache();
    expect((await world.run(["dev", "login", "--no-cache", "-t", world.code()])).exitCode).toBe(0);
    expect(fs.existsSync(path.join(world.cacheHome, "assume-mfa", "sessions"))).toBe(false);
  });

  it("assume_mfa_cache = none does the same", async () => {
    const env = world.configFile(
      `[profile parent]\n[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = us-east-1\nassume_mfa_cache = none\n`,
    );
    await world.login("dev", { env });
    expect(fs.existsSync(path.join(world.cacheHome, "assume-mfa", "sessions"))).toBe(false);
    expect(await isHit({ env })).toBe(false);
  });
});

describe("an entry that is not what we wrote", async () => {
  const folder = () => path.join(world.folder, "entries");
  const inputs: SessionInputs = { schema: 1, roleArn: DEV_ROLE, mfaSerial: null, mfaRequired: true };
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
  const cache = () => makeFileSessionCache(privateFiles, NO_KEYCHAIN, folder(), () => session.obtainedAt);
  const file = () => path.join(folder(), "sessions", `${inputsDigest(canonicalText(inputs))}.json`);
  const put = (text: string | Buffer) => fs.writeFileSync(file(), text, { mode: 0o600 });

  beforeEach(() => cache().write(inputs, session, false));

  it("comes back whole when it is ours", async () => {
    const { credentials, ...rest } = (await cache().read(inputs)) ?? { credentials: undefined };
    expect(rest).toEqual({ ...rest, accountId: DEV, obtainedAt: session.obtainedAt, isFromCache: true });
    expect(credentials?.secretAccessKey).toBe("a-secret");
    expect(credentials?.sessionToken).toBe("a-token");
    expect(credentials?.expiration).toBe(2_000_000_000_000);
  });

  it("comes back whatever its texts hold", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), async (text, arn) => {
        // A key is printable and without blanks, or the entry is damaged.
        const token = text.replaceAll(" ", "_");
        const credentials = new Credentials({
          accessKeyId: "ASIAIOSFODNN7EXAMPLE",
          secretAccessKey: token,
          sessionToken: token,
          expiration: 1,
        });
        await cache().write(inputs, { ...session, credentials, assumedRoleArn: arn }, false);
        const read = await cache().read(inputs);
        expect(read?.credentials.sessionToken).toBe(token);
        expect(read?.credentials.expiration).toBe(1);
      }),
      { numRuns: 60 },
    );
  });

  it.each<[string, string | Buffer]>([
    ["empty", ""],
    ["a lone newline", "\n"],
    ["null", "null"],
    ["a list", "[]"],
    ["a number", "1e999"],
    ["text", '"x"'],
    ["an empty object", "{}"],
    ["cut in half", '{"inputs":"[["'],
    ["NUL bytes", Buffer.alloc(4096)],
    ["not UTF-8", Buffer.from([0xff, 0xfe, 0x7b, 0x7d])],
    ["nested 100,000 deep", "[".repeat(100_000)],
    ["just below 1 MiB of nothing", `{"inputs":"${"x".repeat(1_000_000)}"}`],
    ["above 1 MiB", `{"inputs":"${"x".repeat(1_100_000)}"}`],
    ["a prototype", '{"__proto__":{"inputs":"x"},"credentials":{}}'],
  ])("%s is a miss, and is written over", async (_what, text) => {
    put(text);
    expect(await cache().read(inputs)).toBeUndefined();
    await cache().write(inputs, session, false);
    expect(await cache().read(inputs)).toBeDefined();
  });

  it("of another version, another identity or another place is a miss", async () => {
    const text = fs.readFileSync(file(), "utf8");
    for (const other of [{ schema: 2 }, { roleArn: `${DEV_ROLE}2` }, { mfaRequired: false }, { mfaSerial: SERIAL }]) {
      await cache().write({ ...inputs, ...other }, session, false);
      const [foreign] = fs
        .readdirSync(path.dirname(file()))
        .filter((name) => name !== path.basename(file()))
        .map((name) => path.join(path.dirname(file()), name));
      // Their entry under our name: a mishap, or somebody's trick.
      fs.renameSync(foreign as string, file());
      expect(await cache().read(inputs)).toBeUndefined();
      put(text);
    }
    expect(await cache().read(inputs)).toBeDefined();
  });

  it("with any one value missing or of another type is a miss", async () => {
    const whole = JSON.parse(fs.readFileSync(file(), "utf8"));
    const paths = [
      ...Object.keys(whole).map((key) => [key]),
      ...Object.keys(whole.credentials).map((key) => ["credentials", key]),
    ];
    expect(paths).toHaveLength(10);
    for (const keys of paths) {
      for (const value of [undefined, null, "", true, {}, [], -1, 0, "x", 1]) {
        const entry = structuredClone(whole);
        const holder = keys.length === 1 ? entry : entry.credentials;
        const key = keys.at(-1) as string;
        if (typeof value === typeof holder[key] && value !== "" && value !== -1 && value !== 0 && key !== "inputs")
          continue;
        holder[key] = value;
        put(JSON.stringify(entry));
        if (typeof value === "number" && value > 0 && typeof whole[key] === "number") continue;
        // A clock can differ either way.
        if (key === "clockOffsetMs" && typeof value === "number") continue;
        expect(await cache().read(inputs), `${keys.join(".")} = ${JSON.stringify(value)}`).toBeUndefined();
      }
    }
  });

  it("mutated anyhow is a miss or the very same session, and never throws", async () => {
    const bytes = fs.readFileSync(file());
    const mutation = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255), fc.constantFrom("set", "cut", "insert", "drop"));
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (mutations) => {
        let changed = Buffer.from(bytes);
        for (const [at, byte, how] of mutations) {
          if (how === "set") changed[Math.min(at, changed.length - 1)] = byte;
          else if (how === "cut") changed = changed.subarray(0, at);
          else if (how === "insert") {
            changed = Buffer.concat([changed.subarray(0, at), Buffer.from([byte]), changed.subarray(at)]);
          } else changed = Buffer.concat([changed.subarray(0, at), changed.subarray(at + 1)]);
        }
        put(changed);
        const read = await cache().read(inputs);
        // What is served belongs to these inputs: they stand in the entry, byte for byte.
        if (read !== undefined) expect(JSON.parse(fs.readFileSync(file(), "utf8")).inputs).toBe(canonicalText(inputs));
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ["accountId", "333333333333"],
    ["assumedRoleArn", `arn:aws:sts::333333333333:assumed-role/PrivilegedActionsRole/alice`],
    ["assumedRoleArn", `arn:aws:sts::${DEV}:assumed-role/Administrator/alice`],
    ["assumedRoleArn", `arn:aws-cn:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice`],
    ["assumedRoleArn", "anything"],
  ])("whose %s is %s is another role's: a miss", async (key, value) => {
    await world.login();
    const entry = JSON.parse(fs.readFileSync(world.sessionFile, "utf8"));
    fs.writeFileSync(world.sessionFile, JSON.stringify({ ...entry, [key]: value }));
    expect(await isHit()).toBe(false);
  });

  it("is a miss for the program too, not an error", async () => {
    await world.login();
    for (const text of ["", "{", "null", "x".repeat(2_000_000)]) {
      fs.writeFileSync(world.sessionFile, text);
      expect(await isHit()).toBe(false);
    }
    const run = await world.run(["dev", "login", "-t", world.code()]);
    expect(run).toMatchObject({ exitCode: 0, operations: ["AssumeRole"] });
    expect(await isHit()).toBe(true);
  });
});

describe("a folder of sessions that is not private", () => {
  const folderOf = (file: string) => path.dirname(file);

  it.each([0o770, 0o777])("is a miss (mode %o); the next session is kept, and it is private again", async (mode) => {
    await world.login();
    fs.chmodSync(folderOf(world.sessionFile), mode);
    expect(await isHit()).toBe(false);
    await world.login();
    expect(fs.statSync(folderOf(world.sessionFile)).mode & 0o777).toBe(0o700);
    expect(await isHit()).toBe(true);
  });

  it("is a link to one that is: a miss, and nothing is kept there", async () => {
    await world.login();
    const folder = folderOf(world.sessionFile);
    fs.renameSync(folder, `${folder}-moved`);
    fs.symlinkSync(`${folder}-moved`, folder);
    const before = fs.readFileSync(world.sessionFile, "utf8");
    expect(await isHit()).toBe(false);
    const run = await world.run(["dev", "login", "-t", world.code()]);
    expect(run).toMatchObject({
      exitCode: 0,
      said: expect.stringMatching(/^assume-mfa: the session could not be cached: /),
    });
    expect(fs.readFileSync(world.sessionFile, "utf8")).toBe(before);
  });
});

describe("what a session is kept by", () => {
  it.each<[string, readonly string[], RunOptions]>([
    ["--role-session-name", ["--role-session-name", "other"], {}],
    ["--external-id", ["--external-id", "other"], {}],
    ["--duration", ["--duration", "30m"], {}],
    ["--serial-number", ["--serial-number", "GAHT12345678"], {}],
    ["--source-profile", ["--source-profile", "bob"], {}],
    ["--source-identity", ["--source-identity", "other"], {}],
    ["--session-tag", ["--session-tag", "a=b"], {}],
    ["--policy", ["--policy", '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'], {}],
    ["--policy-arn", ["--policy-arn", "arn:aws:iam::aws:policy/AdministratorAccess"], {}],
  ])("%s alone: a miss", async (_what, words, options) => {
    await world.login();
    expect(await isHit()).toBe(true);
    expect(await isHit(options, words)).toBe(false);
    expect(await isHit()).toBe(true);
  });

  it.each<[string, RunOptions["env"], readonly string[]]>([
    ["a setting that shapes no session", { AWS_MAX_ATTEMPTS: "9", NO_COLOR: "1" }, []],
    ["another region: a role session holds in all of them", { AWS_REGION: "eu-west-1" }, []],
    ["another region as an option", {}, ["--region", "eu-west-1"]],
    ["the same device from elsewhere", {}, ["--serial-number", SERIAL]],
    ["the same source from elsewhere", { ASSUME_MFA_SOURCE_PROFILE: "parent" }, []],
    ["another output", {}, ["-q"]],
  ])("%s: a hit", async (_what, env, words) => {
    await world.login();
    expect(await isHit({ env: env ?? {} }, words)).toBe(true);
  });

  it("the same role under another profile's name: a hit", async () => {
    await world.login();
    const env = world.configWith(
      `[profile same]\nregion = us-east-1\nmfa_serial = ${SERIAL}\nsource_profile = parent\nrole_arn = ${DEV_ROLE}\n`,
    );
    expect(await world.run("same whoami", { env })).toMatchObject({ exitCode: 0, operations: ["GetCallerIdentity"] });
  });

  // C10: each input alone, over all pairs of values.
  const KEY = "[parent]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n";
  const OTHER_KEY = "[parent]\naws_access_key_id = AKIAI44QH8DHBEXAMPLE\naws_secret_access_key = x\n";
  const CHOICES: Readonly<Record<string, readonly (string | undefined)[]>> = {
    role_arn: [DEV_ROLE, `arn:aws:iam::${DEV}:role/Other`, "arn:aws:iam::333333333333:role/PrivilegedActionsRole"],
    mfa_serial: [undefined, SERIAL, "GAHT12345678"],
    external_id: [undefined, "one", "two"],
    role_session_name: [undefined, "one", "two"],
    duration_seconds: [undefined, "900", "3600"],
    endpoint_url: [undefined, "https://sts.example.com", "http://127.0.0.1:4566"],
    assume_mfa_required: [undefined, "false"],
    source_identity: [undefined, "one", "two"],
    session_tags: [undefined, "a=1", "a=2", "A=1", "a=1,b="],
    credentials: [KEY, OTHER_KEY],
  };
  const names = Object.keys(CHOICES);

  function keyOf(values: Readonly<Record<string, string | undefined>>, order: readonly string[] = names): string {
    const lines = [...order, "region"]
      .filter((name) => name !== "credentials" && values[name] !== undefined)
      .map((name) => `${name} = ${values[name]}\n`);
    const text = `[profile parent]\n[profile dev]\nsource_profile = parent\n${lines.join("")}`;
    const config = makeAwsConfig(
      parseAwsConfig(text, "/config", "config"),
      parseAwsConfig(values.credentials ?? "", "/credentials", "credentials"),
      false,
    );
    const target = resolveTarget("dev", {}, config, {});
    return canonicalText(sessionInputs(target));
  }

  it("a flip of any single input is another key; another order of the lines is not", async () => {
    const world = fc.record(Object.fromEntries(names.map((name) => [name, fc.constantFrom(...(CHOICES[name] ?? []))])));
    const flips = new Set<string>();
    fc.assert(
      fc.property(
        world,
        fc.constantFrom(...names),
        fc.nat(2),
        fc.shuffledSubarray(names, { minLength: names.length }),
        (values, name, step, order) => {
          const key = keyOf(values);
          expect(keyOf(values, order)).toBe(key);
          const choices = CHOICES[name] ?? [];
          const other = choices[(choices.indexOf(values[name]) + 1 + (step % (choices.length - 1))) % choices.length];
          expect(keyOf({ ...values, [name]: other })).not.toBe(key);
          flips.add(name);
        },
      ),
      { numRuns: 500 },
    );
    expect([...flips].sort()).toEqual([...names].sort());
  });

  it("no secret is part of the key", () => {
    const secret = KEY.replace("= x", "= another-secret");
    expect(keyOf({ role_arn: DEV_ROLE, region: "us-east-1", credentials: secret })).toBe(
      keyOf({ role_arn: DEV_ROLE, region: "us-east-1", credentials: KEY }),
    );
  });
});

describe("a cache that can't be written", () => {
  it.each<[string, () => RunOptions]>([
    [
      "the cache's home is a file",
      () => {
        const file = path.join(world.cacheHome, "file");
        fs.writeFileSync(file, "");
        return { env: { XDG_CACHE_HOME: file } };
      },
    ],
    [
      "a file stands in the folder's place",
      () => {
        fs.writeFileSync(path.join(world.cacheHome, "assume-mfa"), "");
        return {};
      },
    ],
    [
      "a file stands in the inner folder's place",
      () => {
        fs.mkdirSync(path.join(world.cacheHome, "assume-mfa"), { mode: 0o700 });
        fs.writeFileSync(path.join(world.cacheHome, "assume-mfa", "sessions"), "");
        return {};
      },
    ],
    [
      "a link stands in the folder's place",
      () => {
        fs.symlinkSync(world.folder, path.join(world.cacheHome, "assume-mfa"));
        return {};
      },
    ],
    ["there is no home folder", () => ({ env: { XDG_CACHE_HOME: undefined }, homeDirectory: undefined })],
    ["there is no such disk", () => ({ env: { XDG_CACHE_HOME: "/proc/self/nowhere" } })],
  ])("%s: exit 0 with the credentials, and one line says why", async (_why, make) => {
    const options = make();
    const run = await world.run(["dev", "export", "-t", world.code()], { ...options, isPayload: true });
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(/^unset [\s\S]*export AWS_SESSION_TOKEN='[^']+';/);
    const said = run.stderr.replace(/^SANDBOX.*\n/, "");
    expect(said).toMatch(
      /^assume-mfa: the session could not be cached: .*\n(?:assume-mfa: nothing can be kept here: .*\n)?$/,
    );
    const login = await world.run(["dev", "login", "-t", world.code(), "-o", "json"], options);
    expect(login).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(login.stdout)[0].result.cached).toBe(false);
  });
});
