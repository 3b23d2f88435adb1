import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findProgram, run, titled } from "./built-program.ts";
import { PseudoTerminal } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// `credential_process = assume-mfa dev credential-process` as other people's programs run it.

const hasBoto3 = spawnSync("python3", ["-c", "import boto3"], { timeout: 30_000 }).status === 0;
const awsCli = findProgram("aws");

const DEV_CALLER = /^arn:aws:sts::222222222222:assumed-role\/PrivilegedActionsRole\/alice$/m;
const BOTO3_CALLER = `
import boto3
print(boto3.Session(profile_name="dev-mfa").client("sts").get_caller_identity()["Arn"])
`;
const JS_CALLER = `
const { fromProcess } = require("@aws-sdk/credential-providers");
fromProcess({ profile: "dev-mfa" })().then(({ accessKeyId, expiration }) => console.log(accessKeyId, expiration.toISOString()));
`;

let world: TestWorld;

beforeAll(async () => {
  world = await startWorld();
  world.addProfiles(
    "[profile dev-mfa]\nregion = us-east-1\ncredential_process = assume-mfa dev credential-process\n" +
      "[profile round]\nregion = us-east-1\ncredential_process = assume-mfa arn:aws:iam::222222222222:role/PrivilegedActionsRole credential-process\n",
  );
});

afterAll(() => world.close());

function python(script: string, more = {}) {
  const env = { ...world.env, PYTHONDONTWRITEBYTECODE: "1", ...more };
  return run(["python3", "-c", script], { env, cwd: world.folder, timeoutMs: 60_000 });
}

describe("a program without a terminal", () => {
  it.skipIf(!hasBoto3)(titled("boto3 is told why there are none", ["boto3", hasBoto3]), async () => {
    const { status, stderr } = await python(BOTO3_CALLER);
    expect(status).toBe(1);
    const [said = ""] = /CredentialRetrievalError: .*/s.exec(stderr) ?? [];
    expect(said).toMatch(/assume-mfa: error: .*code/);
    expect(said.trimEnd().split("\n").length).toBeLessThanOrEqual(5);
    expect(world.countCalls("AssumeRole")).toBe(0);
  });

  it.skipIf(!hasBoto3)(titled("boto3 takes them from the cache", ["boto3", hasBoto3]), async () => {
    await world.login("dev");
    const before = world.countCalls("AssumeRole");
    const { status, stdout, stderr } = await python(BOTO3_CALLER);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(DEV_CALLER);
    expect(world.countCalls("AssumeRole")).toBe(before);
  });

  it.skipIf(awsCli === undefined)(titled("so does the AWS CLI", ["aws", awsCli]), async () => {
    await world.login("dev");
    const command = ["aws", "sts", "get-caller-identity", "--profile", "dev-mfa", "--query", "Arn", "--output", "text"];
    const outcome = await run(command, { env: world.env, cwd: world.folder, timeoutMs: 60_000 });
    expect(outcome).toMatchObject({ status: 0, stdout: expect.stringMatching(DEV_CALLER), stderr: "" });
  });

  it("so does AWS's SDK for JavaScript", async () => {
    await world.login("dev");
    const outcome = await run([process.execPath, "-e", JS_CALLER], { env: world.env });
    expect(outcome).toMatchObject({ status: 0, stdout: expect.stringMatching(/^ASIA[A-Z0-9]{16} 2\d{3}-.*Z\n$/) });
  });

  it.skipIf(!hasBoto3)(titled("boto3 is told that it goes in a circle", ["boto3", hasBoto3]), async () => {
    const script = BOTO3_CALLER.replace("dev-mfa", "round");
    const { status, stderr, elapsedMs } = await python(script, { AWS_PROFILE: "round" });
    expect(status).toBe(1);
    expect(stderr).toMatch(/credential_process/);
    expect(elapsedMs).toBeLessThan(30_000);
  });
});

it.skipIf(!hasBoto3)(
  titled("several programs at once on one terminal ask one question", ["boto3", hasBoto3]),
  async ({ onTestFinished }) => {
    const cold = await startWorld();
    onTestFinished(() => cold.close());
    cold.addProfiles("[profile dev-mfa]\nregion = us-east-1\ncredential_process = assume-mfa dev credential-process\n");
    const terminal = new PseudoTerminal(
      `for n in 1 2 3 4; do python3 -c "$SCRIPT" >out.$n 2>err.$n & done
       wait; cat out.* err.*; exit 0`,
      { env: { ...cold.env, SCRIPT: BOTO3_CALLER, PYTHONDONTWRITEBYTECODE: "1" }, cwd: cold.folder },
    );
    onTestFinished(() => terminal.close());
    await terminal.waitFor(/MFA code for dev/, 30_000);
    terminal.type(`${cold.freshCode()}\r`);
    expect(await terminal.status()).toBe(0);
    expect(terminal.output.match(/MFA code/g)).toHaveLength(1);
    expect(terminal.output.match(/assumed-role\/PrivilegedActionsRole\/alice/g)).toHaveLength(4);
    expect(cold.countCalls("AssumeRole")).toBe(1);
  },
  90_000,
);
