import fs from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { beforeEach, describe, expect, it } from "vitest";
import { DEV, demand, openCliWorld, PROD, type Run, type RunOptions, SERIAL } from "../support/cli-world.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const STAGING = "333333333333";
const HOUR_MS = 3_600_000;
const folder = (name: string) => path.join(world.cacheHome, "assume-mfa", name);
const filesIn = (name: string) => (fs.existsSync(folder(name)) ? fs.readdirSync(folder(name)) : []);

/** Signs in for the day, so that the next runs are served by the shared session. */
async function signIn(options: RunOptions = {}): Promise<Run> {
  const run = await world.run(["login", "--token-code", world.code()], options);
  expect(run.exitCode).toBe(0);
  expect(answered(run)).toEqual(["GetSessionToken"]);
  return run;
}

/**
 * The sessions that were made or refused. Not GetCallerIdentity, which the prompt of an earlier run may have left under way,
 * nor what was refused for the clock: the SDK signs by this machine's, which is not the world's once that was moved.
 */
function answered({ calls }: Run): string[] {
  return calls.flatMap(({ operation = "?", errorCode }) =>
    operation === "GetCallerIdentity" || errorCode === "SignatureDoesNotMatch" ? [] : [operation],
  );
}

function trustOf(account: string, condition: object): () => void {
  const role = world.role(account);
  const before = role.trustPolicy;
  const policy = JSON.parse(before);
  Object.assign(policy.Statement[0].Condition, condition);
  role.trustPolicy = JSON.stringify(policy);
  return () => {
    role.trustPolicy = before;
  };
}

const LOGIN = v.strictObject({
  sourceProfile: v.nullable(v.string()),
  mfaSerial: v.string(),
  expiration: v.pipe(v.string(), v.isoTimestamp()),
  secondsLeft: v.number(),
  keptIn: v.picklist(["keychain", "file"]),
  cached: v.boolean(),
  targets: v.array(v.looseObject({ target: v.string(), account: v.string(), region: v.nullable(v.string()) })),
});

describe("login", () => {
  it("gets one session with the code, keeps it for its owner alone, and says where", async () => {
    const { calls, stdout, said } = await signIn();
    expect(calls.at(-1)?.parameters).toMatchObject({ SerialNumber: SERIAL, DurationSeconds: "28800" });
    expect(stdout).toMatch(/signed in as {2}profile "parent"\n.*alice\n.*7 h 59 min left|8 h left/s);
    expect(stdout).toContain("a file that only you can read");
    expect(said).toMatch(/kept in a file that only you can read, since the keychain can't be used: /);
    const [file, ...others] = filesIn("shared");
    expect(others).toEqual([]);
    expect(fs.statSync(folder("shared")).mode & 0o777).toBe(0o700);
    expect(fs.statSync(path.join(folder("shared"), demand(file))).mode & 0o777).toBe(0o600);
    expect(filesIn("sessions")).toEqual([]);
  });

  it("serves every target behind the device without another code, for all its hours", async () => {
    await signIn();
    for (const target of ["dev", "staging", "prod"]) {
      const run = await world.run(`${target} whoami`, { replies: [] });
      expect(run).toMatchObject({ exitCode: 0, questions: [], operations: expect.arrayContaining(["AssumeRole"]) });
      const call = run.calls.find(({ operation }) => operation === "AssumeRole");
      expect(call?.parameters).not.toHaveProperty("TokenCode");
      expect(call?.parameters).toMatchObject({ RoleSessionName: "alice" });
    }
    world.sandbox.moveClock(7 * HOUR_MS);
    expect(await world.run("dev whoami", { replies: [] })).toMatchObject({ exitCode: 0, questions: [] });
    world.sandbox.moveClock(HOUR_MS);
    expect(await world.run("dev whoami --no-input")).toMatchObject({ exitCode: 2, operations: [] });
  });

  it("asks at the terminal, naming whose session and which device it is", async () => {
    const run = await world.run("login", { replies: [() => world.code()] });
    expect(run.exitCode).toBe(0);
    expect(run.questions).toEqual([`MFA code for profile "parent", device ${SERIAL}: `]);
  });

  it("twice asks once, and says that a code was not needed", async () => {
    await signIn();
    const again = await world.run(["login", "--token-code", world.code()]);
    expect(again).toMatchObject({ exitCode: 0, operations: [] });
    expect(again.said).toMatch(
      /the token code from --token-code was not needed and not sent: a shared session is live/,
    );
    expect(again.stdout).toMatch(/signed in before/);
    const renewed = await world.run(["login", "--refresh", "--token-code", world.code()]);
    expect([renewed.exitCode, answered(renewed)]).toEqual([0, ["GetSessionToken"]]);
    expect(filesIn("shared")).toHaveLength(1);
  });

  it("with targets gets their role sessions too, and prints one document", async () => {
    const run = await world.run(["login", "dev,staging", "prod", "--token-code", world.code(), "-o", "json"]);
    expect(run.exitCode).toBe(0);
    expect(answered(run)).toEqual(["GetSessionToken", "AssumeRole", "AssumeRole", "AssumeRole"]);
    const document = v.parse(LOGIN, JSON.parse(run.stdout));
    expect(document).toMatchObject({ sourceProfile: "parent", mfaSerial: SERIAL, keptIn: "file", cached: false });
    expect(document.targets.map(({ target, account }) => [target, account])).toEqual([
      ["dev", DEV],
      ["staging", STAGING],
      ["prod", PROD],
    ]);
    expect(filesIn("sessions")).toHaveLength(3);
  });

  it("that can't assume one of them has signed in all the same: exit 5, that target's own error", async () => {
    const restore = trustOf(STAGING, { StringEquals: { "sts:ExternalId": "42" } });
    const run = await world.run(["login", "dev", "staging", "--token-code", world.code(), "-o", "json"]);
    restore();
    expect(run.exitCode).toBe(5);
    const document = v.parse(LOGIN, JSON.parse(run.stdout));
    expect(document.targets[0]).toHaveProperty("result");
    expect(document.targets[1]).toMatchObject({ error: { code: "ASSUME_ROLE_DENIED" } });
    expect(filesIn("shared")).toHaveLength(1);
  });

  it("lasts as long as assume_mfa_session_duration says, the source profile's or that of all its targets", async () => {
    const source = world.configFile(
      fs
        .readFileSync(demand(world.env.AWS_CONFIG_FILE), "utf8")
        .replace("[profile parent]", "[profile parent]\nassume_mfa_session_duration = 36h"),
    );
    const { calls } = await signIn({ env: source });
    expect(calls.at(-1)?.parameters.DurationSeconds).toBe("129600");
  });

  it("refuses targets of two devices in one go, before any call", async () => {
    const env = world.configWith(
      `\n[profile other]\nrole_arn = arn:aws:iam::${DEV}:role/PrivilegedActionsRole\nsource_profile = parent\nmfa_serial = GAHT12345678\n`,
    );
    const run = await world.run(["login", "dev", "other", "--token-code", world.code()], { env });
    expect(run).toMatchObject({ exitCode: 2, operations: [] });
    expect(run.said).toMatch(/dev and other need sessions of their own/);
  });

  it("of a source that can't present a code is exit 3", async () => {
    const env = {
      ...world.configFile("[profile x]\nrole_arn = arn:aws:iam::222222222222:role/R\nregion = us-east-1\n"),
    };
    const keys = { AWS_ACCESS_KEY_ID: "ASIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: "x", AWS_SESSION_TOKEN: "y" };
    const run = await world.run("login --no-input", {
      env: { ...env, ...keys, AWS_SHARED_CREDENTIALS_FILE: "/nowhere" },
    });
    expect(run).toMatchObject({ exitCode: 3, operations: [] });
    expect(run.said).toMatch(/can't sign in with a code: only an IAM user's own keys can/);
  });

  it("that nobody can answer is exit 2, and nothing is called", async () => {
    expect(await world.run("login --no-input")).toMatchObject({ exitCode: 2, operations: [], stdout: "" });
    expect(await world.run("login", { replies: [undefined] })).toMatchObject({ exitCode: 2 });
    expect(filesIn("shared")).toEqual([]);
  });
});

describe("login that can't keep its session", () => {
  it.each<[string, () => Record<string, string | undefined>]>([
    ["there is no home", () => ({ XDG_CACHE_HOME: undefined })],
    ["a file is in the way", () => ({ XDG_CACHE_HOME: demand(world.env.AWS_CONFIG_FILE) })],
  ])("is exit 3 before a code is asked for, and says where: %s", async (_, env) => {
    const run = await world.run("login", { env: env(), homeDirectory: undefined, replies: [] });
    expect(run).toMatchObject({ exitCode: 3, questions: [], stdout: "" });
    expect(answered(run)).toEqual([]);
    expect(run.said).toMatch(/error: the session of the day can't be kept: .*\n.*set XDG_CACHE_HOME/);
  });
});

describe("a role that wants more than an hour", () => {
  it("goes direct, says so before the code is asked for, and takes the code alone", async () => {
    await signIn();
    const alone = await world.run("dev whoami --duration 2h --no-input");
    expect(alone).toMatchObject({ exitCode: 2, operations: [] });
    expect(alone.said).toMatch(
      /dev goes direct, with a code of its own: --duration asks for 2 h, and a role of a shared/,
    );
    const asked = await world.run("dev login --duration 2h -o json", { replies: [() => world.code()] });
    expect(asked.exitCode).toBe(0);
    expect(asked.questions).toHaveLength(1);
    const call = asked.calls.find(({ operation }) => operation === "AssumeRole");
    expect(call?.parameters).toMatchObject({ DurationSeconds: "7200", SerialNumber: SERIAL });
    expect(JSON.parse(asked.stdout)[0].result.secondsLeft).toBeGreaterThan(7100);
  });

  it("is refused where it is to be shared, naming what to change", async () => {
    const run = await world.run("dev whoami --duration 2h --shared", { replies: [] });
    expect(run).toMatchObject({ exitCode: 3, operations: [], questions: [] });
    expect(run.said).toMatch(/hint: lower --duration to 1h, or go --direct/);
  });

  it("than the role allows is refused by AWS once, and then without a code", async () => {
    const line = (code: string) => ["prod", "login", "--duration", "2h", "--token-code", code];
    const first = await world.run(line(world.code()));
    expect([first.exitCode, answered(first)]).toEqual([3, ["AssumeRole"]]);
    const second = await world.run(["prod", "login", "--duration", "3h"], { replies: [] });
    expect(second).toMatchObject({ exitCode: 3, operations: [], questions: [] });
    expect(second.said).toMatch(/prod allows no session of 3 h: AWS refused 2 h before; no code was asked for/);
    // Less than what was refused is asked for, and AWS is asked again where the user says so.
    expect((await world.run(["prod", "login", "--duration", "1h", "--token-code", world.code()])).exitCode).toBe(0);
    const role = world.role(PROD);
    const before = role.maxSessionDurationSeconds;
    role.maxSessionDurationSeconds = 43_200;
    expect((await world.run([...line(world.code()), "--refresh"])).exitCode).toBe(0);
    role.maxSessionDurationSeconds = before;
  });
});

describe("a role that refuses the shared session", () => {
  const AGE = { NumericLessThan: { "aws:MultiFactorAuthAge": "60" } };

  it("is tried once directly with a fresh code, and that is remembered", async () => {
    await signIn();
    world.sandbox.moveClock(5 * 60_000);
    const restore = trustOf(DEV, AGE);
    const run = await world.run("dev whoami", { replies: [() => world.code()] });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.questions).toHaveLength(1);
    expect(answered(run).filter((operation) => operation === "AssumeRole")).toHaveLength(2);
    expect(run.said).toMatch(/refuses the shared session: its trust policy may demand a fresher code/);

    await world.run("logout dev");
    const again = await world.run("dev whoami", { replies: [() => world.code()] });
    expect(again).toMatchObject({ exitCode: 0 });
    expect(answered(again).filter((operation) => operation === "AssumeRole")).toHaveLength(1);
    expect(again.said).toMatch(/goes direct, with a code of its own: this role refused a shared session before/);
    restore();
    // --shared is the user's own word.
    await world.run("logout dev");
    expect(await world.run("dev whoami --shared", { replies: [] })).toMatchObject({ exitCode: 0, questions: [] });
  });

  it("is exit 4 where no fresh code can be had, and the hint says --direct", async () => {
    await signIn();
    world.sandbox.moveClock(5 * 60_000);
    const restore = trustOf(DEV, AGE);
    const run = await world.run("dev whoami --no-input");
    restore();
    expect(run.exitCode).toBe(4);
    expect(answered(run).filter((operation) => operation === "AssumeRole")).toHaveLength(1);
    expect(run.said).toMatch(/hint: .*aws:MultiFactorAuthAge.*--direct/);
  });

  it("and the direct try as well is that answer, and is not remembered", async () => {
    await signIn();
    const restore = trustOf(DEV, { StringEquals: { "sts:ExternalId": "42" } });
    const run = await world.run("dev whoami", { replies: [() => world.code()] });
    restore();
    expect(run.exitCode).toBe(4);
    expect(await world.run("dev whoami", { replies: [] })).toMatchObject({ exitCode: 0, questions: [] });
  });

  it("and a person who declines is told of the refusal", async () => {
    await signIn();
    const restore = trustOf(DEV, { StringEquals: { "sts:ExternalId": "42" } });
    const run = await world.run("dev whoami", { replies: [undefined] });
    restore();
    expect(run.exitCode).toBe(4);
    expect(run.said).toMatch(/error: the role may not be assumed/);
  });
});

describe("a shared session that AWS ended before its time", () => {
  it("is forgotten, said, and a code asked for", async () => {
    await signIn();
    world.sandbox.world.sessions.clear();
    const run = await world.run("dev whoami", { replies: [() => world.code()] });
    expect(run.exitCode).toBe(0);
    expect(run.questions).toHaveLength(1);
    expect(run.said).toMatch(/the shared session is forgotten, since AWS does not take it any more: /);
    expect(filesIn("shared")).toEqual([]);
  });

  it("is exit 2 where nobody can be asked, and forgotten all the same", async () => {
    await signIn();
    world.sandbox.world.sessions.clear();
    expect((await world.run("dev whoami --no-input")).exitCode).toBe(2);
    expect(filesIn("shared")).toEqual([]);
  });
});

describe("--shared and --direct", () => {
  it("--shared without a live session opens one for this run and keeps none; login --shared keeps it", async () => {
    const run = await world.run(["dev", "whoami", "--shared", "--token-code", world.code()]);
    expect(answered(run)).toEqual(["GetSessionToken", "AssumeRole"]);
    expect(run.exitCode).toBe(0);
    // The code went out: nobody is told that it did not.
    expect(run.said).not.toContain("not needed");
    expect(filesIn("shared")).toEqual([]);
    await world.run("logout dev");
    expect((await world.run(["dev", "login", "--shared", "--token-code", world.code()])).exitCode).toBe(0);
    expect(filesIn("shared")).toHaveLength(1);
  });

  it("--direct asks for a code though one is live", async () => {
    await signIn();
    const run = await world.run("dev whoami --direct", { replies: [() => world.code()] });
    expect(run.questions).toHaveLength(1);
    expect(run.exitCode).toBe(0);
  });

  it("exclude each other", async () => {
    expect(await world.run("dev whoami --shared --direct", { replies: [] })).toMatchObject({
      exitCode: 2,
      operations: [],
    });
  });

  it("--no-cache takes no shared session that is kept", async () => {
    await signIn();
    expect(await world.run("dev whoami --no-cache --no-input")).toMatchObject({ exitCode: 2, operations: [] });
  });
});
