import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEV, DEV_ROLE, demand, openCliWorld, type Run, type RunOptions, SERIAL } from "../support/cli-world.ts";
import { CUT_POINTS, type Fault, type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

function assumptions({ calls }: Run) {
  return calls.filter(({ operation }) => operation === "AssumeRole");
}

/** The sandbox's `dev` with more lines in its profile. */
function devWith(lines: string) {
  return world.configFile(
    `[profile parent]\nregion = us-east-1\n[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = us-east-1\n${lines}\n`,
  );
}

describe("AssumeRole, as STS sees it", () => {
  const BASE = { RoleArn: DEV_ROLE, RoleSessionName: "alice", SerialNumber: SERIAL };

  it.each<[string, readonly string[], RunOptions, Record<string, string>]>([
    ["nothing more than it must", [], {}, {}],
    ["--role-session-name", ["--role-session-name", "deploy-42"], {}, { RoleSessionName: "deploy-42" }],
    [
      "ASSUME_MFA_ROLE_SESSION_NAME",
      [],
      { env: { ASSUME_MFA_ROLE_SESSION_NAME: "from-env" } },
      { RoleSessionName: "from-env" },
    ],
    ["role_session_name", [], { env: devWith("role_session_name = from-file") }, { RoleSessionName: "from-file" }],
    [
      "option over variable over file",
      ["--role-session-name", "option"],
      { env: { ...devWith("role_session_name = from-file"), ASSUME_MFA_ROLE_SESSION_NAME: "from-env" } },
      { RoleSessionName: "option" },
    ],
    ["--external-id", ["--external-id", "id:42/x"], {}, { ExternalId: "id:42/x" }],
    ["external_id", [], { env: devWith("external_id = from-file") }, { ExternalId: "from-file" }],
    ["--duration", ["--duration", "1h30m"], {}, { DurationSeconds: "5400" }],
    ["ASSUME_MFA_DURATION", [], { env: { ASSUME_MFA_DURATION: "45m" } }, { DurationSeconds: "2700" }],
    ["duration_seconds", [], { env: devWith("duration_seconds = 900") }, { DurationSeconds: "900" }],
    [
      "all of them",
      ["--role-session-name", "x1", "--external-id", "x2", "--duration", "12h"],
      {},
      { RoleSessionName: "x1", ExternalId: "x2", DurationSeconds: "43200" },
    ],
  ])("%s", async (_what, words, options, expected) => {
    const code = world.code();
    const run = await world.run(["dev", "login", "-t", code, ...words], options);
    expect(run.exitCode).toBe(0);
    const [sent, ...others] = assumptions(run);
    expect(others).toEqual([]);
    const { Action, Version, TokenCode, ...inputs } = demand(sent).parameters;
    expect({ Action, Version }).toEqual({ Action: "AssumeRole", Version: "2011-06-15" });
    expect(inputs).toEqual({ ...BASE, ...expected });
    // The sandbox masks it; that it is the right one is shown by the device, whose step is spent.
    expect(TokenCode).toMatch(/^masked-/);
    // The step of when it was read, which may have ended meanwhile.
    const stepsAgo = Math.floor(world.sandbox.now() / 30_000) - (world.device().lastAcceptedStep ?? 0);
    expect([0, 1]).toContain(stepsAgo);
    expect(sent?.accessKeyId).toBe(world.user("alice").accessKeys[0]?.accessKeyId);
    expect(sent?.region).toBe("us-east-1");
  });

  it.each<[string, string, RunOptions]>([
    ["--serial-number", `dev login --serial-number ${SERIAL}`, {}],
    ["ASSUME_MFA_SERIAL_NUMBER", "dev login", { env: { ASSUME_MFA_SERIAL_NUMBER: SERIAL } }],
  ])("the device of %s wins over the profile's", async (_from, line, options) => {
    const env = {
      ...world.configFile(
        `[profile parent]\n[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = GAHT12345678\nregion = us-east-1\n`,
      ),
      ...options.env,
    };
    const run = await world.run([...line.split(" "), "-t", world.code()], { env });
    expect(run.exitCode).toBe(0);
    expect(assumptions(run).map(({ parameters }) => parameters.SerialNumber)).toEqual([SERIAL]);
  });

  it("a hardware device's serial is sent as it is", async () => {
    const run = await world.run(["dev", "login", "--serial-number", "GAHT12345678", "-t", world.code()]);
    expect(run.exitCode).toBe(4);
    expect(assumptions(run).map(({ parameters }) => parameters.SerialNumber)).toEqual(["GAHT12345678"]);
  });

  it("the device of the source profile serves where the target names none", async () => {
    const env = world.configFile(
      `[profile parent]\nmfa_serial = ${SERIAL}\n[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nregion = us-east-1\n`,
    );
    expect(await world.run(["dev", "login", "-t", world.code()], { env })).toMatchObject({ exitCode: 0 });
  });

  it("the session name is the user's, asked for once and remembered", async () => {
    const first = await world.run(["dev", "login", "-t", world.code()]);
    expect(first.operations).toEqual(["GetCallerIdentity", "AssumeRole"]);
    const second = await world.run(["staging", "login", "-t", world.code()]);
    expect(second.operations).toEqual(["AssumeRole"]);
    expect(second.calls[0]?.parameters.RoleSessionName).toBe("alice");
  });

  it("a session name that is given needs no call to find one", async () => {
    const run = await world.run(["dev", "login", "--role-session-name", "x1", "-t", world.code()]);
    expect(run.operations).toEqual(["AssumeRole"]);
  });

  it("a code is never sent with another call", async () => {
    const run = await world.run(["dev", "instances", "-t", world.code()]);
    expect(run.operations).toEqual(["GetCallerIdentity", "AssumeRole", "DescribeInstances"]);
    for (const { operation, parameters } of run.calls) {
      expect("TokenCode" in parameters, operation).toBe(operation === "AssumeRole");
    }
  });

  it("one AssumeRole serves all that follows", async () => {
    await world.login();
    for (const line of ["dev whoami", "dev instances", "dev tables", "dev table orders", "dev export"]) {
      const run = await world.run(line, { isPayload: true });
      expect(run).toMatchObject({ exitCode: 0 });
      expect(assumptions(run)).toEqual([]);
    }
  });
});

describe("keys that do not sign", () => {
  const keyId = () => demand(world.user("alice").accessKeys[0]).accessKeyId;
  const secret = () => demand(world.user("alice").accessKeys[0]).secretAccessKey;
  const shuffled = () => world.addCanary([...secret()].reverse().join(""));

  it.each<[string, () => string, number, RegExp, RegExp]>([
    [
      "an unknown key",
      () => `aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = ${secret()}`,
      4,
      /AWS does not know the access key AKIAIOSFODNN7EXAMPLE of profile "parent"/,
      /deleted, inactive/,
    ],
    [
      "a secret that does not fit",
      () => `aws_access_key_id = ${keyId()}\naws_secret_access_key = ${shuffled()}`,
      4,
      /the secret key of profile "parent" \(AKIA[A-Z0-9]{16}\) does not fit/,
      /both halves/,
    ],
    [
      "half a pair, no secret",
      () => `aws_access_key_id = ${keyId()}`,
      3,
      /has no aws_secret_access_key/,
      /add aws_secret_access_key/,
    ],
    [
      "half a pair, no id",
      () => `aws_secret_access_key = ${secret()}`,
      3,
      /has no aws_access_key_id/,
      /add aws_access_key_id/,
    ],
    [
      "no keys",
      () => "",
      3,
      /profile "parent" .*has no keys to sign with/,
      /aws_access_key_id and aws_secret_access_key/,
    ],
    [
      "a session token that is not the key's",
      () =>
        `aws_access_key_id = ${keyId()}\naws_secret_access_key = ${secret()}\naws_session_token = ${world.addCanary("not-a-session-token-0123456789")}`,
      4,
      /the access key/,
      /check the key/,
    ],
  ])("%s", async (_what, lines, exitCode, error, hint) => {
    const env = world.credentialsFile(`[parent]\n${lines()}\n`);
    // Asked at a prompt and given beforehand: the same end, and the code is not spent.
    for (const options of [{ env }, { env, replies: [() => new Promise<string>(() => undefined)] }]) {
      const words = "replies" in options ? [] : ["-t", world.code()];
      const run = await world.run(["dev", "login", ...words], options);
      expect(run).toMatchObject({ exitCode, stdout: "" });
      expect(run.stderr).toMatch(/^assume-mfa: error: .*\n(?:assume-mfa: hint: .*\n)+$/m);
      expect(run.stderr).toMatch(error);
      expect(run.stderr).toMatch(hint);
      if (exitCode === 3) expect(run).toMatchObject({ operations: [], questions: [] });
      expect(assumptions(run).filter(({ parameters }) => "TokenCode" in parameters)).toEqual([]);
    }
  });

  it("a session that has expired", async () => {
    await world.login();
    const session = demand([...world.sandbox.world.sessions.values()].at(-1));
    world.sandbox.moveClock(3_700_000);
    const env = {
      AWS_ACCESS_KEY_ID: session.accessKeyId,
      AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
      AWS_SESSION_TOKEN: session.sessionToken,
    };
    const run = await world.run(["arn:aws:iam::333333333333:role/PrivilegedActionsRole", "login"], {
      env,
      replies: [],
    });
    expect(run).toMatchObject({ exitCode: 4, stdout: "", questions: [] });
    expect(run.stderr).toMatch(/error: the session of the environment has expired/);
    expect(run.stderr).toMatch(/hint: renew it, or sign with a user's own keys/);
  });
});

describe("a network that fails", () => {
  let proxy: FaultProxy;
  let servers: Server[] = [];
  beforeEach(async () => {
    proxy = await startFaultProxy(world.sandbox.endpoint);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await proxy.close();
    for (const server of servers) server.close();
    servers = [];
  });
  const through = (): RunOptions => ({ env: { AWS_ENDPOINT_URL: proxy.url, ASSUME_MFA_SANDBOX: undefined } });
  const sent = (operation: string) => proxy.calls.filter((call) => call.operation === operation).length;

  it("a closed port: exit 1, nothing was sent, the setting is named", async () => {
    const env = { AWS_ENDPOINT_URL: "http://127.0.0.1:9", ASSUME_MFA_SANDBOX: undefined };
    const run = await world.run(["dev", "login", "-t", world.code()], { env });
    expect(run).toMatchObject({ exitCode: 1, stdout: "", operations: [] });
    expect(run.said).toBe(
      "assume-mfa: error: STS at http://127.0.0.1:9 can't be reached: the connection was refused\n" +
        "assume-mfa: hint: check the endpoint, set by AWS_ENDPOINT_URL\n",
    );
  });

  it.each<[string, Fault]>([
    ...CUT_POINTS.map((at): [string, Fault] => [`a reply cut at: ${at}`, { kind: "cut-reply", at }]),
    ["a request that never arrives", { kind: "lose-request" }],
    ["a truncated body", { kind: "truncate-body" }],
    ["HTTP 500 after it was done", { kind: "answer", status: 500, body: "<x/>", forward: true }],
    ["HTTP 503", { kind: "answer", status: 503, body: "", forward: false }],
    ["an answer that is no XML", { kind: "answer", status: 200, body: "welcome to the hotel", forward: true }],
    ["an answer that is other XML", { kind: "answer", status: 200, body: "<html><p>login</p></html>", forward: true }],
  ])("%s, at AssumeRole: the code is sent once, and may be used up", async (_what, fault) => {
    await world.login("staging"); // the caller is known: the next call is AssumeRole
    proxy.break("AssumeRole", fault, 5);
    const run = await world.run(["dev", "login", "-t", world.code()], through());
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(sent("AssumeRole")).toBe(1);
    expect(run.said).toMatch(
      /^assume-mfa: error: AssumeRole.*\nassume-mfa: hint: .*the token code may be used up.*\n$/,
    );
    // Nor does a person get to hear that the code was wrong.
    expect(run.stderr).not.toMatch(/not accepted|wrong/);
  });

  it("a lost GetCallerIdentity: exit 1, the code was not sent", async () => {
    proxy.break("GetCallerIdentity", { kind: "cut-reply", at: "body" }, 5);
    const run = await world.run(["dev", "login", "-t", world.code()], through());
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(sent("AssumeRole")).toBe(0);
    expect(run.stderr).toMatch(
      /error: GetCallerIdentity got no usable answer.*\n.*hint: no code was sent; try again\n/,
    );
  });

  it.each([
    ["AssumeRole", "staging", /AssumeRole got no usable answer.*no answer within the time limit\n.*may be used up/],
    [
      "GetCallerIdentity",
      undefined,
      /GetCallerIdentity got no usable answer.*no answer within the time limit\n.*no code was sent/,
    ],
  ] as const)("a server that is silent at %s is waited for 15 s, and no longer", async (operation, known, message) => {
    if (known !== undefined) await world.login(known);
    proxy.break(operation, { kind: "silence" });
    const code = world.code();
    // The SDK's limits are timers: they are run down without waiting for them.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    const arrived = new Promise<void>((resolve) => proxy.whenAsked(operation, resolve));
    let isOver = false;
    const running = world.run(["dev", "login", "-t", code], through()).finally(() => {
      isOver = true;
    });
    await arrived;
    await vi.advanceTimersByTimeAsync(14_000);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1_100);
    const run = await running;
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.stderr).toMatch(message);
    expect(sent("AssumeRole")).toBe(operation === "AssumeRole" ? 1 : 0);
  });

  it("a socket that accepts and never speaks HTTP: the same", async () => {
    const server = createServer(() => undefined);
    servers.push(server);
    const port = await new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
    );
    const arrived = new Promise<void>((resolve) => server.once("connection", () => resolve()));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    // https is not needed on loopback; the mark's own question must not hold it up either.
    const env = {
      AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${port}`,
      AWS_ENDPOINT_URL: undefined,
      ASSUME_MFA_SANDBOX: undefined,
    };
    const running = world.run(["dev", "login", "-t", world.code()], { env });
    await arrived;
    await vi.advanceTimersByTimeAsync(16_000);
    expect(await running).toMatchObject({ exitCode: 1, stdout: "" });
  });

  it("what answers as STS but hands out no credentials is no success", async () => {
    const body = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId></Credentials></AssumeRoleResult></AssumeRoleResponse>`;
    proxy.break("AssumeRole", { kind: "answer", status: 200, body, forward: false });
    const run = await world.run(["dev", "login", "-t", world.code()], through());
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.stderr).toMatch(/no complete credentials\n.*may be used up/);
  });

  it.each([[[]], [["--expect-account", DEV]]])(
    "a session of another account than the role's is refused, %j",
    async (words) => {
      const elsewhere = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser><AssumedRoleId>AROA:alice</AssumedRoleId><Arn>arn:aws:sts::999999999999:assumed-role/PrivilegedActionsRole/alice</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>2036-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;
      proxy.break("AssumeRole", { kind: "answer", status: 200, body: elsewhere, forward: false });
      const run = await world.run(["dev", "login", ...words, "-t", world.code()], through());
      expect(run).toMatchObject({ exitCode: 3, stdout: "" });
      expect(run.stderr).toContain("999999999999");
      expect(await world.run("dev whoami", through())).toMatchObject({ exitCode: 2 }); // nor was it cached
    },
  );
});
