import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DIRECT_CONNECTION } from "../../src/aws/client-settings.ts";
import { makeServerClock } from "../../src/aws/server-clock.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { makeStsClient } from "../../src/session/sts-client.ts";
import {
  changesOf,
  DEV,
  demand,
  openCliWorld,
  PARENT,
  PROD,
  type Run,
  type RunOptions,
  SERIAL,
} from "../support/cli-world.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";

// A clock that is wrong by more than AWS lets pass (five minutes), with the whole program and a sandbox whose clock, device
// and sessions are right.

const MINUTE_MS = 60_000;
const world = await openCliWorld();
beforeEach(() => {
  world.newCache();
  world.sandbox.clearFaults();
});
afterEach(() => vi.useRealTimers());

/** From now on this machine's clock is so far behind AWS's (negative: ahead). @returns what the device shows */
function beBehind(minutes: number): string {
  world.sandbox.clearFaults();
  if (minutes !== 0) world.sandbox.addFault({ kind: "clock-skew", skewMs: minutes * MINUTE_MS });
  // AWS's time went on, or back: the step of an earlier test is not this one's.
  world.device().lastAcceptedStep = undefined;
  return world.watch(world.sandbox.currentCode());
}

/** One more that is running, launched five minutes ago by AWS's clock, which is so far ahead. @returns its id */
function addInstance(accountId: string, minutes: number): string {
  const [model] = world.instances(accountId);
  serial += 1;
  const id = `i-${serial.toString(16).padStart(17, "0")}`;
  const launchedAtMs = world.sandbox.now() + (minutes - 5) * MINUTE_MS - 1_000;
  const own = { id, launchedAtMs, state: "running", nextState: undefined, disableApiTermination: false } as const;
  world.account(accountId).instances.set(id, { ...demand(model), tags: new Map(), ...own });
  return id;
}
let serial = 0;

/** GetCallerIdentity of a destructive action, which stands beside its DescribeInstances. */
const isBesideLook = (calls: Run["calls"], operation: string | undefined) =>
  operation === "GetCallerIdentity" && calls.some((call) => call.operation === "ListAccountAliases");
const refused = ({ calls }: Pick<Run, "calls">) =>
  calls
    .filter(({ errorCode }) => errorCode !== undefined)
    // What only adds to the look, in parallel with it: who is worked as, and the account's alias.
    .filter(({ operation }) => operation !== "ListAccountAliases" && !isBesideLook(calls, operation))
    .map(({ operation, errorCode }) => `${operation}: ${errorCode}`);
const NOTE = /^assume-mfa: this computer's clock is (.*): requests were signed by AWS's; set it \(.*\)$/gm;
const notes = (run: Run) => [...run.stderr.matchAll(NOTE)].map(([, size]) => size);

const SKEWS: readonly (readonly [minutes: number, words: string])[] = [
  [12, "12 min behind AWS's"],
  [-12, "12 min ahead of AWS's"],
  [20, "20 min behind AWS's"],
  [-20, "20 min ahead of AWS's"],
  [62, "1 h 2 min behind AWS's"],
  [-62, "1 h 2 min ahead of AWS's"],
];

/** Ways to give a code. */
const SOURCES: Readonly<Record<string, (code: string) => { readonly words: string; readonly options: RunOptions }>> = {
  "a code at the prompt": (code) => ({ words: "", options: { replies: [code] } }),
  "--token-code": (code) => ({ words: ` -t ${code}`, options: {} }),
  ASSUME_MFA_TOKEN_CODE: (code) => ({ words: "", options: { env: { ASSUME_MFA_TOKEN_CODE: code } } }),
  ASSUME_MFA_TOTP_SECRET: () => ({
    words: "",
    options: { env: { ASSUME_MFA_TOTP_SECRET: world.addCanary(world.device().secret), CI: "1" } },
  }),
};

/** So far a code is made by AWS's clock in place of this machine's. */
const FARTHEST_CODE_MIN = 15;
const isMadeHere = (source: string) => source === "ASSUME_MFA_TOTP_SECRET";

describe.each(SKEWS)("a clock that is wrong by %i min", (minutes, words) => {
  const isFar = Math.abs(minutes) > FARTHEST_CODE_MIN;

  it.runIf(isFar)("is told where the code is made by it: exit 4, and no code of another time is sent", async () => {
    beBehind(minutes);
    const how = demand(SOURCES.ASSUME_MFA_TOTP_SECRET)("");
    const run = await world.run("dev login", how.options);
    expect(run).toMatchObject({ exitCode: 4, stdout: "" });
    const codes = run.calls.flatMap(({ parameters }) => parameters.TokenCode ?? []);
    expect(codes).toHaveLength(1);
    expect(codes).not.toContain(world.sandbox.currentCode());
    expect(run.stderr).toMatch(
      new RegExp(`error: .* this computer's clock is ${words}, and no code is made for a time that far off\n`),
    );
    expect(run.stderr).toMatch(/hint: set the clock \(/);
  });

  it.each(Object.keys(SOURCES).filter((source) => !isFar || !isMadeHere(source)))(
    "is told once, and %s signs in all the same",
    async (source) => {
      const code = beBehind(minutes);
      const how = demand(SOURCES[source])(code);
      const run = await world.run(`dev login -o json${how.words}`, how.options);
      expect(run.stderr).not.toMatch(/error/);
      expect(run.exitCode).toBe(0);
      expect(notes(run)).toEqual([words]);
      // What was asked by the wrong time was asked again, once; what followed went by AWS's.
      expect(refused(run)[0]).toBe("GetCallerIdentity: SignatureDoesNotMatch");
      expect(refused(run).filter((call) => call.endsWith("SignatureDoesNotMatch"))).toHaveLength(1);
      const [{ result }] = JSON.parse(run.stdout);
      expect(result).toMatchObject({ cached: false });
      expect(result.secondsLeft).toBeGreaterThan(3_590);
      expect(result.secondsLeft).toBeLessThanOrEqual(3_601);
      // A question is never written over.
      expect(run.screen).not.toMatch(/clock/);
    },
  );

  it("is told once where the code goes with the call that is refused: it is as good as before", async () => {
    // The user's name is known from before.
    await world.run(`staging login -t ${beBehind(0)}`);
    const run = await world.run(`dev login -t ${beBehind(minutes)}`);
    expect(run).toMatchObject({ exitCode: 0, operations: ["AssumeRole", "AssumeRole"] });
    expect(refused(run)).toEqual(["AssumeRole: SignatureDoesNotMatch"]);
    expect(run.calls.map(({ parameters }) => parameters.TokenCode)).toEqual([
      demand(run.calls[0]).parameters.TokenCode,
      demand(run.calls[0]).parameters.TokenCode,
    ]);
    expect(notes(run)).toEqual([words]);
  });

  it("is known from then on: nothing is refused any more, and what changes is sent once", async () => {
    await world.run(`prod login -t ${beBehind(minutes)}`);
    const who = await world.run("prod whoami");
    expect(who).toMatchObject({ exitCode: 0, operations: ["GetCallerIdentity"] });
    const id = addInstance(PROD, minutes);
    const listed = await world.run("prod instances");
    expect(listed.stdout).toMatch(new RegExp(`^${id} .* 5 min\\b`, "m"));
    expect(listed).toMatchObject({ exitCode: 0, operations: ["DescribeInstances"] });
    expect(await world.run("prod tables")).toMatchObject({ exitCode: 0, operations: ["ListTables"] });
    const ended = await world.run(`prod terminate ${id} --yes --expect-account ${PROD} --no-wait`);
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toMatch(new RegExp(`^${id} .* 5 min\\b`, "m"));
    expect(changesOf(ended)).toEqual(["TerminateInstances"]);
    for (const run of [who, listed, ended]) {
      expect(refused(run)).toEqual([]);
      expect(run.said).not.toMatch(/clock/);
    }
    const [status] = JSON.parse((await world.run("prod status -o json")).stdout);
    expect(status).toMatchObject({ current: true });
    expect(status.secondsLeft).toBeGreaterThan(3_540);
    expect(status.secondsLeft).toBeLessThanOrEqual(3_601);
    expect((await world.run("prod whoami --explain")).stdout).toMatch(/hit, until .*\((?:59 min|1 h) left\)/);
  });

  it("is known to the next sign-in: what carries its code is sent once, and nothing is told again", async () => {
    // Another minute has another code.
    const more = (by: number) => minutes + Math.sign(minutes) * by;
    await world.run(`staging login -t ${beBehind(minutes)}`);
    const run = await world.run(`dev login -t ${beBehind(more(1))}`);
    expect(run).toMatchObject({ exitCode: 0, operations: ["AssumeRole"] });
    expect(refused(run)).toEqual([]);
    expect(run.said).not.toMatch(/clock/);
    const day = await world.run(`login --source-profile parent -t ${beBehind(more(2))}`);
    expect(day).toMatchObject({ exitCode: 0, operations: ["GetSessionToken"] });
    // It lies with the sessions, and `--no-cache` looks at none.
    const without = await world.run(`dev login --direct --no-cache -t ${beBehind(more(3))}`);
    expect(without.exitCode).toBe(0);
    expect(refused(without)).toHaveLength(1);
  });

  it("that is set after all is taken as it is: one call is refused, and no clock is said to be wrong", async () => {
    await world.run(`staging login -t ${beBehind(minutes)}`);
    const run = await world.run(`dev login -t ${beBehind(0)}`);
    expect(run).toMatchObject({ exitCode: 0, operations: ["AssumeRole", "AssumeRole"] });
    expect(refused(run)).toEqual(["AssumeRole: SignatureDoesNotMatch"]);
    expect(run.said).not.toMatch(/clock/);
    const next = await world.run(`prod login -t ${beBehind(1)}`);
    expect(next).toMatchObject({ exitCode: 0, operations: ["AssumeRole"] });
  });

  it("that is set after all hinders no action on the session that was got before", async (context) => {
    // The session has ended then, by AWS's clock.
    if (Math.abs(minutes) > 60) context.skip();
    await world.run(`prod login -t ${beBehind(minutes)}`);
    beBehind(0);
    for (const line of ["prod whoami", "prod instances", "prod tables"]) {
      expect(await world.run(line), line).toMatchObject({ exitCode: 0 });
    }
    const ended = await world.run(`prod terminate ${addInstance(PROD, 0)} --yes --no-wait`);
    expect(ended.exitCode).toBe(0);
    expect(changesOf(ended)).toEqual(["TerminateInstances"]);
  });

  it("that became so after the session was got is corrected by the first read, and what changes is sent once", async () => {
    await world.run(`dev login -t ${beBehind(0)}`);
    beBehind(minutes);
    const run = await world.run(`dev terminate ${addInstance(DEV, minutes)} --yes --no-wait`);
    if (minutes > 60) {
      // By AWS's clock it has ended meanwhile, which EC2 says in the words that it has for a wrong clock.
      expect(run.exitCode).toBe(1);
      expect(new Set(refused(run))).toEqual(new Set(["DescribeInstances: RequestExpired"]));
      expect(changesOf(run)).toEqual([]);
      expect(run.stderr).toMatch(/error: the role's session has expired .*\n.*hint: run it again with --refresh/);
      return;
    }
    expect(run.exitCode).toBe(0);
    expect(changesOf(run)).toEqual(["TerminateInstances"]);
    expect(refused(run)).toEqual(["DescribeInstances: RequestExpired"]);
  });
});

describe("a read that the role may not do, with a clock that is wrong", () => {
  it("is asked for once: it was signed by AWS's time, and the refusal is not the clock's", async () => {
    await world.run(`dev login -t ${beBehind(62)}`);
    const policies = world.role(DEV).inlinePolicies;
    const before = [...policies];
    policies.clear();
    try {
      const run = await world.run("dev instances");
      expect(run.exitCode).toBe(1);
      expect(refused(run)).toEqual(["DescribeInstances: UnauthorizedOperation"]);
    } finally {
      for (const [name, text] of before) policies.set(name, text);
    }
  });
});

describe("a clock that is wrong by less than AWS lets pass", () => {
  it("is not told, and counts all the same", async () => {
    const run = await world.run(`dev login -o json -t ${beBehind(4)}`);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(refused(run)).toEqual([]);
    expect(run.said).not.toMatch(/clock/);
    expect(JSON.parse(run.stdout)[0].result.secondsLeft).toBeGreaterThan(3_590);
    expect(JSON.parse(run.stdout)[0].result.secondsLeft).toBeLessThanOrEqual(3_601);
  });
});

describe("a code that AWS does not take, with a clock that is wrong", () => {
  it("is sent no second time: that refusal is not the clock's", async () => {
    await world.run(`staging login -t ${beBehind(0)}`);
    beBehind(20);
    const run = await world.run(`dev login -t ${world.wrongCode()}`);
    expect(run.exitCode).toBe(4);
    expect(refused(run)).toEqual(["AssumeRole: SignatureDoesNotMatch", "AssumeRole: AccessDenied"]);
    expect(run.stderr).toMatch(/the token code was not accepted/);
    expect(notes(run)).toEqual(["20 min behind AWS's"]);
  });
});

describe("a clock that is wrong where AWS's is not told", () => {
  let proxy: FaultProxy;
  beforeEach(async () => {
    proxy = await startFaultProxy(world.sandbox.endpoint, { withoutDate: true });
  });
  afterEach(() => proxy.close());

  it.each([
    [20, "20 min behind AWS's: Signature expired: "],
    [-62, "1 h 2 min ahead of AWS's: Signature not yet current: "],
  ])(
    "by %i min: exit 4, told by AWS's own words, nothing is sent again and no code is spent",
    async (minutes, words) => {
      await world.run(`staging login -t ${beBehind(0)}`);
      const code = beBehind(minutes);
      const env = { AWS_ENDPOINT_URL: proxy.url, ASSUME_MFA_SANDBOX: undefined };
      const run = await world.run(`dev login -t ${code} --no-cache`, { env });
      expect(run).toMatchObject({ exitCode: 4, stdout: "", operations: ["GetCallerIdentity"] });
      expect(run.stderr).toContain(`error: this computer's clock is ${words}`);
      expect(run.stderr).toMatch(/hint: set the clock/);
      expect(notes(run)).toEqual([]);
      expect(world.device().lastAcceptedStep).toBeUndefined();
    },
  );
});

describe("a call with a code, answered by a clock an hour ahead", () => {
  const EXPIRED =
    "Signature expired: 20261124T100000Z is now earlier than 20261124T105500Z (20261124T110000Z - 5 min.)";
  const USER = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "a-secret" };
  const SESSION = { ...USER, accessKeyId: "ASIAIOSFODNN7EXAMPLE", sessionToken: "a-token" };

  it.each<[string, number, string, string, typeof USER, number]>([
    ["SignatureDoesNotMatch", 403, EXPIRED, "a user", USER, 2],
    ["SignatureDoesNotMatch", 403, EXPIRED, "a session", SESSION, 2],
    ["RequestTimeTooSkewed", 403, "too skewed", "a user", USER, 2],
    ["RequestExpired", 400, "Request has expired.", "a user", USER, 2],
    // It may have ended.
    ["RequestExpired", 400, "Request has expired.", "a session", SESSION, 1],
    ["SignatureDoesNotMatch", 403, "The request signature we calculated does not match", "a user", USER, 1],
    ["AccessDenied", 403, "MultiFactorAuthentication failed with invalid MFA one time pass code.", "a user", USER, 1],
    ["InvalidClientTokenId", 403, "The security token included in the request is invalid.", "a user", USER, 1],
    ["Throttling", 400, "Rate exceeded", "a user", USER, 1],
    // What it decided is not known, whatever it says.
    ["SignatureDoesNotMatch", 500, EXPIRED, "a user", USER, 1],
  ])("%s (%i: %s), signed by %s, is sent as often as it may be", async (code, status, message, _who, keys, times) => {
    let requests = 0;
    const server = createServer((request, response) => {
      request.resume();
      requests += 1;
      response.setHeader("Date", new Date(Date.now() + 60 * MINUTE_MS).toUTCString());
      response
        .writeHead(status, { "content-type": "text/xml" })
        .end(`<ErrorResponse><Error><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const clock = makeServerClock(Date.now);
    const client = makeStsClient({
      region: "us-east-1",
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: new Credentials(keys),
      useFipsEndpoint: false,
      useDualstackEndpoint: false,
      connection: DIRECT_CONNECTION,
      maxAttempts: 1,
      clock,
    });
    try {
      const input = { SerialNumber: SERIAL, TokenCode: "123456", DurationSeconds: 900 };
      await expect(client.getSessionToken(input)).rejects.toMatchObject({ message });
      expect(requests).toBe(times);
      expect(Math.abs((client.clockOffsetMs() ?? 0) - 60 * MINUTE_MS)).toBeLessThan(2_000);
      expect(clock.takeBlame() !== undefined).toBe(times === 2);
    } finally {
      client.close();
      server.closeAllConnections();
      server.close();
    }
  });
});

describe("this machine's own clock", () => {
  it.each([3_600_000, -3_600_000])("wrong by %i ms: the SDK signs by AWS's, once it is told", async (skewMs) => {
    // The sandbox's own two clocks stay; the SDK signs by ours.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + skewMs });
    const sandbox = await startSandbox({ now: () => performance.timeOrigin + performance.now() });
    try {
      const alice = demand(sandbox.world.accounts.get(PARENT)?.users.get("alice")?.accessKeys[0]);
      world.addCanary(alice.secretAccessKey);
      const env = {
        ...world.credentialsFile(
          `[parent]\naws_access_key_id = ${alice.accessKeyId}\naws_secret_access_key = ${alice.secretAccessKey}\n`,
        ),
        AWS_ENDPOINT_URL: sandbox.endpoint,
        // Inside one, its clock would count as this machine's.
        ASSUME_MFA_SANDBOX: undefined,
      };
      const now = () => Date.now();
      const login = await world.run(["dev", "login", "-t", world.watch(sandbox.currentCode())], { env, now });
      expect(login.exitCode).toBe(0);
      expect(login.stdout).toMatch(/expires .*\((?:59 min|1 h) left\)/);
      expect(notes(login)).toEqual([skewMs > 0 ? "1 h ahead of AWS's" : "1 h behind AWS's"]);
      expect(sandbox.calls.map(({ operation }) => operation)).toEqual([
        "GetCallerIdentity",
        "GetCallerIdentity",
        "AssumeRole",
      ]);
      const listed = await world.run("dev instances", { env, now });
      expect(listed.exitCode).toBe(0);
      expect(sandbox.calls.slice(3).map(({ operation, errorCode }) => [operation, errorCode])).toEqual([
        ["DescribeInstances", undefined],
      ]);
    } finally {
      await sandbox.close();
    }
  });
});
