import { spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Environment } from "../../src/host/host.ts";
import { DEV, DEV_ROLE, demand, openCliWorld, PROD, type Run, type RunOptions, SERIAL } from "../support/cli-world.ts";

// One session for this program and the AWS CLI, through both: the real `aws`, no mock of its cache. Not in the sandbox's
// own environment, where nothing is shared, but against its endpoint: in the profiles, which both programs read.

const world = await openCliWorld();
const home = path.join(world.folder, "home");
const folder = path.join(home, ".aws", "cli", "cache");
const hasAwsCli = spawnSync("aws", ["--version"], { timeout: 30_000 }).status === 0;
const DEV_SESSION = `arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice`;

beforeEach(() => {
  world.newCache();
  rmSync(path.join(home, ".aws"), { recursive: true, force: true });
});

const REGION = `region = us-east-1\nendpoint_url = ${world.sandbox.endpoint}\n`;
const ROLE_LINES = `role_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\n`;

function configOf(lines = ROLE_LINES, share = "assume_mfa_share_aws_cli = true"): Environment {
  return world.configFile(
    `[profile parent]\n${REGION}[profile dev]\n${REGION}${lines}\n${share}\n` +
      `[profile other]\n${REGION}${ROLE_LINES.replace(DEV, PROD)}`,
  );
}

const shared = configOf();

/** Not the sandbox's environment. */
const OUTSIDE = { ASSUME_MFA_SANDBOX: undefined, AWS_ENDPOINT_URL: undefined };

function run(words: string, { env, ...options }: RunOptions = {}): Promise<Run> {
  return world.run(words, { ...options, env: { ...shared, ...OUTSIDE, ...env } });
}

interface AwsRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly operations: readonly (string | undefined)[];
}

/** The AWS CLI, with no terminal: it reads the code from its standard input then. */
async function aws(
  words: string,
  { env = shared, code = "" }: { env?: Environment; code?: string } = {},
): Promise<AwsRun> {
  return program("aws", words.split(" "), env, code === "" ? "" : `${code}\n`);
}

async function program(name: string, args: readonly string[], env: Environment, input: string): Promise<AwsRun> {
  const before = world.sandbox.calls.length;
  const { ASSUME_MFA_SANDBOX: _, AWS_ENDPOINT_URL: __, ...inside } = world.env;
  const child = spawn(name, args, {
    detached: true, // No controlling terminal.
    env: {
      PATH: process.env.PATH,
      PYTHONDONTWRITEBYTECODE: "1",
      PYTHONWARNINGS: "ignore",
      ...inside,
      HOME: home,
      ...env,
    },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdin.end(input);
  const status = await new Promise<number | null>((resolve, reject) => child.on("close", resolve).on("error", reject));
  return { status, stdout, stderr, operations: world.sandbox.calls.slice(before).map(({ operation }) => operation) };
}

const whoAmI = "--profile dev sts get-caller-identity --query Arn --output text";
const entries = () => (existsSync(folder) ? readdirSync(folder) : []);
const entryFile = () => path.join(folder, demand(entries()[0]));
const readEntry = () => JSON.parse(readFileSync(entryFile(), "utf8"));

/** Changes the one entry as a hand in the file would. */
function rewrite(change: (entry: ReturnType<typeof readEntry>) => void): void {
  const entry = readEntry();
  change(entry);
  writeFileSync(entryFile(), JSON.stringify(entry));
}

describe.skipIf(!hasAwsCli)("the AWS CLI itself (skipped where there is none)", () => {
  it("asks nothing after a login of ours, and assumes no role", async () => {
    const alone = await aws(whoAmI);
    expect(alone.status).not.toBe(0);
    expect(alone.stderr).toContain("Enter MFA code for");

    expect(await run(`dev login -t ${world.code()}`)).toMatchObject({ exitCode: 0, said: "" });
    expect(await aws(whoAmI)).toEqual({
      status: 0,
      stdout: `${DEV_SESSION}\n`,
      stderr: "",
      operations: ["GetCallerIdentity"],
    });
  });

  it("makes a session that we use, after one GetCallerIdentity, with no question and no code", async () => {
    const made = await aws(whoAmI, { code: world.code() });
    expect(made).toMatchObject({ status: 0, operations: ["AssumeRole", "GetCallerIdentity"] });
    const { AccessKeyId } = readEntry().Credentials;
    const before = readFileSync(entryFile(), "utf8");

    const first = await run("dev export --format json", { isPayload: true });
    expect(first).toMatchObject({ exitCode: 0, operations: ["GetCallerIdentity"], questions: [] });
    expect(first.said).toBe("assume-mfa: dev: the AWS CLI's session is used\n");
    expect(JSON.parse(first.stdout).AccessKeyId ?? first.stdout).toContain(AccessKeyId);
    expect(readFileSync(entryFile(), "utf8")).toBe(before);

    // Kept in our own cache by then: the AWS CLI's may go.
    rmSync(folder, { recursive: true });
    const second = await run("dev whoami", { env: configOf(ROLE_LINES, "") });
    expect(second).toMatchObject({ exitCode: 0, operations: ["GetCallerIdentity"], said: "" });
    expect(second.stdout).toContain(DEV);
  });

  it("is served by a session of ours that replaced its own", async () => {
    await aws(whoAmI, { code: world.code() });
    const before = readEntry().Credentials.AccessKeyId;
    const { exitCode, calls, said } = await run(`dev login --refresh -t ${world.code()}`);
    expect({ exitCode, said }).toEqual({ exitCode: 0, said: "" });
    expect(calls.filter(({ operation }) => operation === "AssumeRole")).toHaveLength(1);
    expect(calls.filter(({ accessKeyId }) => accessKeyId === before)).toEqual([]);
    expect(readEntry().Credentials.AccessKeyId).not.toBe(before);
    expect(await aws(whoAmI)).toMatchObject({ status: 0, operations: ["GetCallerIdentity"] });
  });

  it("shares one whose device the profile takes from its source", async () => {
    const lines = `role_arn = ${DEV_ROLE}\nsource_profile = parent\n`;
    const env = configOf(lines, `assume_mfa_share_aws_cli = true\n[profile x]\nmfa_serial = ${SERIAL}`);
    const { exitCode } = await run(`dev login -t ${world.code()}`, { env: withDevice(env) });
    expect(exitCode).toBe(0);
    expect(await aws(whoAmI, { env: withDevice(env) })).toMatchObject({ status: 0, stdout: `${DEV_SESSION}\n` });
  });

  it("asks nothing after a login for the day either", async () => {
    expect(await run(`login --source-profile parent --serial-number ${SERIAL} -t ${world.code()}`)).toMatchObject({
      exitCode: 0,
    });
    expect(entries()).toEqual([]);
    const { exitCode, operations } = await run("dev login --no-input");
    expect({ exitCode, last: operations.at(-1) }).toEqual({ exitCode: 0, last: "AssumeRole" });
    expect(operations).not.toContain("GetSessionToken");
    expect(await aws(whoAmI)).toMatchObject({ status: 0, operations: ["GetCallerIdentity"] });
  });

  it("goes on from a chain's first role", async () => {
    const jump = `arn:aws:iam::${PROD}:role/PrivilegedActionsRole`;
    const lines = `role_arn = ${DEV_ROLE}\nsource_profile = jump\n`;
    const env = configOf(
      lines,
      `assume_mfa_share_aws_cli = true\n[profile jump]\n${REGION}role_arn = ${jump}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nassume_mfa_share_aws_cli = true`,
    );
    expect(await run(`jump login -t ${world.code()}`, { env })).toMatchObject({ exitCode: 0 });
    // The second hop demands MFA, which a session can't show: refused, and nobody was asked for a code on the way.
    const refused = await aws(whoAmI, { env });
    expect(refused.operations).toEqual(["AssumeRole"]);
    expect(refused.stderr).toContain("is not authorized to perform: sts:AssumeRole");
    expect(refused.stderr).not.toContain("Enter MFA code");
  });
});

/** The source profile names the device. */
function withDevice({ AWS_CONFIG_FILE }: Environment): Environment {
  const text = readFileSync(demand(AWS_CONFIG_FILE), "utf8");
  return world.configFile(text.replace("[profile parent]\n", `[profile parent]\nmfa_serial = ${SERIAL}\n`));
}

/** An empty cache, but for what is known of whose the keys are. */
function newCache(): void {
  const callers = path.join("assume-mfa", "callers");
  const before = path.join(world.cacheHome, callers);
  world.newCache();
  cpSync(before, path.join(world.cacheHome, callers), { recursive: true });
  chmodSync(path.join(world.cacheHome, "assume-mfa"), 0o700);
}

/** As the AWS CLI would have left it: without our mark. */
async function plant(target = "dev", change: Parameters<typeof rewrite>[0] = () => undefined): Promise<void> {
  const env = configOf(target === "dev" ? ROLE_LINES : ROLE_LINES.replace(DEV, PROD));
  await run(`dev login -t ${world.code()}`, { env });
  newCache();
  const [name] = entries();
  rewrite((entry) => {
    entry.ResponseMetadata = { HTTPStatusCode: 200 };
    change(entry);
  });
  if (target === "dev") return;
  const held = readFileSync(entryFile());
  rmSync(entryFile());
  // Where the other's session would lie.
  await run(`dev login -t ${world.code()}`);
  newCache();
  expect(entries()).not.toEqual([name]);
  writeFileSync(entryFile(), held);
}

const asked = (): RunOptions => ({ replies: [() => world.code()] });

describe("a session found in the AWS CLI's cache", () => {
  it("is used once AWS has said whose it is; a code that was given is not sent", async () => {
    await plant();
    const code = world.code();
    const { exitCode, operations, said } = await run(`dev login -t ${code}`);
    expect({ exitCode, operations }).toEqual({ exitCode: 0, operations: ["GetCallerIdentity"] });
    expect(said).toBe(
      "assume-mfa: dev: the AWS CLI's session is used\n" +
        "assume-mfa: the token code from --token-code was not needed and not sent: the AWS CLI has a live session\n",
    );
    expect(await run("dev login")).toMatchObject({ exitCode: 0, operations: [], said: "" });
  });

  it("is asked about once by any number of runs", async () => {
    await plant();
    const runs = await Promise.all(Array.from({ length: 8 }, () => run("dev login")));
    expect(runs.map(({ exitCode }) => exitCode)).toEqual(Array(8).fill(0));
    expect(runs.filter(({ said }) => said.includes("the AWS CLI's session is used"))).toHaveLength(1);
    const [longest] = runs.map(({ operations }) => operations).sort((a, b) => b.length - a.length);
    expect(longest).toEqual(["GetCallerIdentity"]);
  });

  it("is not used, nor asked about, when it says that it is another's", async () => {
    await plant("other");
    const keyId = readEntry().Credentials.AccessKeyId;
    const { exitCode, calls, operations, questions, said } = await run("dev login", asked());
    expect({ exitCode, asked: questions.length }).toEqual({ exitCode: 0, asked: 1 });
    expect(calls.filter(({ accessKeyId }) => accessKeyId === keyId)).toEqual([]);
    expect(operations.filter((operation) => operation === "AssumeRole")).toHaveLength(1);
    expect(said).toContain(
      `the AWS CLI's session for dev is not used: it is arn:aws:sts::${PROD}:assumed-role/PrivilegedActionsRole/alice\n`,
    );
    // Replaced by the right one.
    expect(readEntry().AssumedRoleUser.Arn).toBe(DEV_SESSION);
  });

  it.each<[string, Parameters<typeof rewrite>[0]]>([
    [
      "lies about it",
      (entry) => {
        entry.AssumedRoleUser.Arn = DEV_SESSION;
      },
    ],
    [
      "says nothing",
      (entry) => {
        delete entry.AssumedRoleUser;
      },
    ],
  ])("is not used when AWS says that it is another's, though it %s", async (_, change) => {
    await plant("other");
    rewrite(change);
    const keyId = readEntry().Credentials.AccessKeyId;
    const { exitCode, calls, said } = await run("dev login", asked());
    expect(exitCode).toBe(0);
    expect(
      calls.filter(({ operation, accessKeyId }) => accessKeyId === keyId && operation !== "GetCallerIdentity"),
    ).toEqual([]);
    expect(said).toMatch(/the AWS CLI's session for dev is not used: it is arn:aws:sts::444444444444:/);
    expect(readEntry().AssumedRoleUser.Arn).toBe(DEV_SESSION);
  });

  it.each<[string, Parameters<typeof rewrite>[0], readonly string[]]>([
    [
      "has ended",
      (entry) => {
        entry.Credentials.Expiration = isoIn(-60_000);
      },
      [],
    ],
    [
      "ends too soon",
      (entry) => {
        entry.Credentials.Expiration = isoIn(4 * 60_000);
      },
      [],
    ],
    [
      "lasts longer than any",
      (entry) => {
        entry.Credentials.Expiration = isoIn(14 * 3_600_000);
      },
      [],
    ],
    [
      "is damaged",
      (entry) => {
        entry.Credentials.SessionToken = "";
      },
      [],
    ],
    [
      "is refused by AWS",
      (entry) => {
        entry.Credentials.SessionToken = "another";
      },
      ["InvalidClientTokenId"],
    ],
  ])("is passed over in silence when it %s", async (_, change, refusals) => {
    await plant("dev", change);
    const { AccessKeyId } = readEntry().Credentials;
    // It was made an hour ago, as far as the file tells.
    const { exitCode, calls, said } = await run("dev login", asked());
    expect({ exitCode, said }).toEqual({ exitCode: 0, said: "" });
    expect(calls.filter(({ accessKeyId }) => accessKeyId === AccessKeyId)).toEqual([]);
    expect(calls.flatMap(({ errorCode }) => errorCode ?? [])).toEqual(refusals);
    // What we made instead.
    expect(readEntry().Credentials.AccessKeyId).not.toBe(AccessKeyId);
  });

  it("is not used for a profile that names another session name", async () => {
    await plant("dev");
    const held = readFileSync(entryFile());
    rmSync(entryFile());
    const env = configOf(`${ROLE_LINES}role_session_name = bob\n`);
    await run(`dev login -t ${world.code()}`, { env });
    newCache();
    writeFileSync(entryFile(), held);
    const { exitCode, said } = await run("dev login", { env, ...asked() });
    expect(exitCode).toBe(0);
    expect(said).toContain(`is not used: it is ${DEV_SESSION}\n`);
  });

  it("is not used when we made it with other keys, and bears the same name", async () => {
    await run(`dev login -t ${world.code()}`);
    newCache();
    const keyId = readEntry().Credentials.AccessKeyId;
    // The same profile, whose source's keys are bob's by now.
    const credentials = readFileSync(demand(world.env.AWS_SHARED_CREDENTIALS_FILE), "utf8");
    const bob = credentials.replace("[parent]", "[alice]").replace("[bob]", "[parent]");
    const { calls, exitCode, said } = await run("dev login", { env: world.credentialsFile(bob), ...asked() });
    expect(exitCode).not.toBe(0);
    expect(said).toContain("the AWS CLI's session for dev is not used: it is one of other keys\n");
    expect(calls.filter(({ accessKeyId }) => accessKeyId === keyId)).toEqual([]);
    // Alice's are the same keys under any name, and their session is hers.
    expect(await run("dev login")).toMatchObject({ exitCode: 0, operations: ["GetCallerIdentity"] });
  });

  it("is replaced when we made it with other keys, and a session of our own cache is there", async () => {
    await run(`dev login -t ${world.code()}`);
    const digest = readEntry().ResponseMetadata.SourceDigest;
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    rewrite((entry) => {
      entry.ResponseMetadata.SourceDigest = "f".repeat(64);
    });
    expect(await run("dev login")).toMatchObject({ exitCode: 0, operations: [], said: "" });
    expect(readEntry().ResponseMetadata.SourceDigest).toBe(digest);
  });

  it("is not used when its name is neither the AWS CLI's own nor this user's", async () => {
    await plant();
    world.newCache(); // Whose the keys are is not known any more.
    const keyId = readEntry().Credentials.AccessKeyId;
    const { exitCode, calls, said } = await run("dev login", asked());
    expect(exitCode).toBe(0);
    expect(said).toContain(`the AWS CLI's session for dev is not used: it is ${DEV_SESSION}\n`);
    expect(calls.filter(({ accessKeyId }) => accessKeyId === keyId)).toEqual([]);
  });

  it("is neither used nor replaced where others can write, which is said", async () => {
    await plant();
    const before = readFileSync(entryFile(), "utf8");
    chmodSync(folder, 0o777);
    const { exitCode, said } = await run("dev login", asked());
    expect(exitCode).toBe(0);
    expect(said).toBe(
      `assume-mfa: the AWS CLI's session is not used: others can write in ${folder} (chmod go-w mends it)\n` +
        `assume-mfa: dev is not shared with the AWS CLI: others can write in ${folder} (chmod go-w mends it)\n`,
    );
    expect(readFileSync(entryFile(), "utf8")).toBe(before);
  });

  it("never makes a run wait that is a FIFO", async () => {
    await plant();
    const file = entryFile();
    rmSync(file);
    expect(spawnSync("mkfifo", [file]).status).toBe(0);
    const { exitCode, said } = await run("dev login", asked());
    expect(exitCode).toBe(0);
    expect(said).toContain(`${file} is no plain file\n`);
  });
});

describe("nothing is shared", () => {
  it.each<[string, string, Environment]>([
    ["unless the profile says so", "dev login", configOf(ROLE_LINES, "")],
    ["when it says no", "dev login", configOf(ROLE_LINES, "assume_mfa_share_aws_cli = false")],
    ["with --no-cache", "dev login --no-cache", shared],
    [
      "where nothing is cached",
      "dev login",
      configOf(ROLE_LINES, "assume_mfa_share_aws_cli = true\nassume_mfa_cache = none"),
    ],
  ])("%s: neither read nor written", async (_, words, env) => {
    await plant();
    const before = readFileSync(entryFile(), "utf8");
    const { exitCode, said, operations } = await run(words, { env, ...asked() });
    expect({ exitCode, said }).toEqual({ exitCode: 0, said: "" });
    expect(operations).toContain("AssumeRole");
    expect(readFileSync(entryFile(), "utf8")).toBe(before);
  });

  it.each<[string, string, Environment, string]>([
    [
      "a variable's STS",
      "dev login",
      { AWS_ENDPOINT_URL: world.sandbox.endpoint },
      "the AWS CLI knows nothing of AWS_ENDPOINT_URL elsewhere; endpoint_url in the profile holds for both",
    ],
    ["an option", "dev login --duration 30m", shared, "duration_seconds is another for the AWS CLI"],
    [
      "another's keys",
      "dev login",
      { ASSUME_MFA_SOURCE_PROFILE: "elsewhere" },
      "other keys sign than the profile names",
    ],
  ])("of a session that %s makes another, which is said", async (_, words, env, obstacle) => {
    const more = env === shared ? shared : { ...env, ...withElsewhere() };
    const { exitCode, said } = await run(words, { env: more, ...asked() });
    expect({ exitCode, said }).toEqual({
      exitCode: 0,
      said: `assume-mfa: dev is not shared with the AWS CLI: ${obstacle}\n`,
    });
    expect(existsSync(path.join(home, ".aws"))).toBe(false);
    expect(await run(words, { env: more })).toMatchObject({ exitCode: 0, operations: [], said: "" });
  });

  it("inside a sandbox, whose sessions open nothing outside: said when one is made", async () => {
    const env = { ASSUME_MFA_SANDBOX: world.sandbox.endpoint };
    const { exitCode, said } = await run("dev login", { env, ...asked() });
    expect({ exitCode, said }).toEqual({
      exitCode: 0,
      said: "assume-mfa: dev is not shared with the AWS CLI: this is a sandbox, and ~/.aws/cli/cache is not its own\n",
    });
    expect(existsSync(path.join(home, ".aws"))).toBe(false);
    expect(await run("dev login", { env })).toMatchObject({ exitCode: 0, said: "" });
  });

  it("when it can't be written, and the session is there all the same", async () => {
    writeFileSync(path.join(home, ".aws"), "");
    const { exitCode, said } = await run("dev login", asked());
    expect(exitCode).toBe(0);
    expect(said).toContain("dev is not shared with the AWS CLI: ");
    expect(await run("dev login")).toMatchObject({ exitCode: 0, operations: [] });
    rmSync(path.join(home, ".aws"));
  });
});

describe("a session of our own cache", () => {
  it("is shared too, once the profile says so, where the AWS CLI has none that lasts as long", async () => {
    await run(`dev login -t ${world.code()}`, { env: configOf(ROLE_LINES, "") });
    expect(entries()).toEqual([]);
    expect(await run("dev login")).toMatchObject({ exitCode: 0, operations: [], said: "" });
    expect(readEntry().AssumedRoleUser.Arn).toBe(DEV_SESSION);

    rewrite((entry) => {
      entry.Credentials.Expiration = isoIn(-1);
    });
    await run("dev login");
    expect(readEntry().Credentials.Expiration).not.toBe(isoIn(-1));
    const longer = isoIn(2 * 3_600_000);
    rewrite((entry) => {
      entry.Credentials.Expiration = longer;
    });
    await run("dev login");
    expect(readEntry().Credentials.Expiration).toBe(longer);
  });
});

describe("logout", () => {
  it("takes back what we wrote, whatever it was made with, and asks for a code again", async () => {
    await run(`dev login -t ${world.code()}`);
    const other = configOf(`${ROLE_LINES}duration_seconds = 1800\n`);
    await run(`dev login -t ${world.code()}`, { env: other });
    expect(entries()).toHaveLength(2);
    // The setting may be gone by then.
    const { exitCode, said, operations } = await run("dev logout", { env: configOf(ROLE_LINES, "") });
    expect({ exitCode, operations }).toEqual({ exitCode: 0, operations: [] });
    expect(said).toContain("forgot 2 sessions, 2 sessions in the AWS CLI's cache\n");
    expect(entries()).toEqual([]);
    expect(await run("dev login --no-input")).toMatchObject({ exitCode: 2 });
  });

  it("takes the AWS CLI's own too where it is shared, since the next run would use it", async () => {
    await plant();
    expect((await run("dev logout -o json")).stdout).toContain('"awsCli": 1');
    expect(entries()).toEqual([]);
  });

  it.each(["dev logout", "logout --all"])(
    "leaves the AWS CLI's own alone where nothing is shared: %s",
    async (line) => {
      await plant();
      world.newCache();
      const { exitCode, said } = await run(line, { env: configOf(ROLE_LINES, "") });
      expect({ exitCode, said }).toEqual({
        exitCode: 0,
        said: expect.stringContaining("there was nothing to forget\n"),
      });
      expect(entries()).toHaveLength(1);
    },
  );

  it("leaves another role's alone, and --all takes that too", async () => {
    await run(`dev login -t ${world.code()}`);
    expect((await run("other logout")).said).toContain("there was nothing to forget\n");
    expect(entries()).toHaveLength(1);
    expect((await run("logout --all", { env: configOf(ROLE_LINES, "") })).said).toContain(
      "1 session in the AWS CLI's cache",
    );
    expect(entries()).toEqual([]);
  });

  it("touches nothing of it inside a sandbox", async () => {
    await run(`dev login -t ${world.code()}`);
    const { exitCode } = await run("logout --all", { env: { ASSUME_MFA_SANDBOX: world.sandbox.endpoint } });
    expect(exitCode).toBe(0);
    expect(entries()).toHaveLength(1);
  });
});

function isoIn(milliseconds: number): string {
  return `${new Date(world.sandbox.now() + milliseconds).toISOString().slice(0, 19)}UTC`;
}

/** A second name for alice's keys. */
function withElsewhere(): Environment {
  const credentials = readFileSync(demand(world.env.AWS_SHARED_CREDENTIALS_FILE), "utf8");
  return world.credentialsFile(
    `${credentials}\n${credentials.replace("[parent]", "[elsewhere]").replace(/\[bob\][^[]*/, "")}`,
  );
}
