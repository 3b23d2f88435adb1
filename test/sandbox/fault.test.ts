import { ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { DescribeInstancesCommand } from "@aws-sdk/client-ec2";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { parseDurationMs, parseFault } from "../../src/sandbox/fault.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { DEV_ROLE, openHarness, refusal, SERIAL } from "./sandbox-harness.ts";
import { sendQuery } from "./signed-query.ts";

const FAILURE_MESSAGE = "The request processing has failed because of an unknown error, exception or failure.";

describe("parseFault", () => {
  it.each([
    ["drop-reply:AssumeRole", { kind: "drop-reply", operation: "AssumeRole", amount: 0, times: undefined }],
    ["cut-reply=100:AssumeRole:1", { kind: "cut-reply", operation: "AssumeRole", amount: 100, times: 1 }],
    ["slow=2s:*", { kind: "slow", operation: "*", amount: 2_000, times: undefined }],
    ["throttle:DescribeInstances:3", { kind: "throttle", operation: "DescribeInstances", amount: 0, times: 3 }],
    ["5xx:DeleteTable", { kind: "5xx", operation: "DeleteTable", amount: 0, times: undefined }],
    ["late-5xx:DeleteTable", { kind: "late-5xx", operation: "DeleteTable", amount: 0, times: undefined }],
    ["silent:AssumeRole", { kind: "silent", operation: "AssumeRole", amount: 0, times: undefined }],
    ["clock-skew=+20m", { kind: "clock-skew", skewMs: 1_200_000 }],
    ["clock-skew=-90s", { kind: "clock-skew", skewMs: -90_000 }],
  ])("reads %s", (text, fault) => {
    expect(parseFault(text)).toEqual(fault);
  });

  it.each([
    "",
    "drop-reply",
    "drop-reply:",
    "drop-reply=1:AssumeRole",
    "cut-reply:AssumeRole",
    "cut-reply=x:AssumeRole",
    "slow:AssumeRole",
    "slow=-1s:AssumeRole",
    "slow=99h:AssumeRole",
    "nonsense:AssumeRole",
    "drop-reply:Assume Role",
    "drop-reply:AssumeRole:0",
    "drop-reply:AssumeRole:1:2",
    "clock-skew",
    "clock-skew=20",
    "clock-skew=20m:AssumeRole",
    "toString:AssumeRole",
  ])("refuses %j with the grammar", (text) => {
    expect(() => parseFault(text)).toThrow(
      expect.objectContaining({ code: "USAGE", hint: expect.stringContaining("drop-reply:") }),
    );
  });

  it("either reads a text or refuses it as USAGE", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."drop-ecutlyslowilent5x:=*AR1+m ") }), (text) => {
        try {
          parseFault(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "USAGE" });
        }
      }),
    );
  });

  it.each([
    ["500ms", 500],
    ["+1h", 3_600_000],
    ["-2d", -172_800_000],
    ["1", undefined],
    ["", undefined],
  ])("reads the duration %j", (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected);
  });
});

describe("a fault", async () => {
  const harness = await openHarness();
  const { sandbox } = harness;
  beforeEach(() => sandbox.clearFaults());

  const assume = () =>
    harness.sts().send(
      new AssumeRoleCommand({
        RoleArn: DEV_ROLE,
        RoleSessionName: "alice",
        SerialNumber: SERIAL,
        TokenCode: sandbox.currentCode(),
      }),
    );
  const whoAmI = (client = harness.sts()) => client.send(new GetCallerIdentityCommand({}));
  const lastCall = () => sandbox.calls.at(-1);

  it.each([
    "drop-reply:AssumeRole:1",
    "cut-reply=0:AssumeRole:1",
    "cut-reply=17:AssumeRole:1",
    "cut-reply=300:AssumeRole:1",
    "late-5xx:AssumeRole:1",
  ])("%s uses the code up, so that the same one is refused after it", async (text) => {
    harness.nextCode();
    sandbox.addFault(parseFault(text));
    const lost = await refusal(assume());
    expect(lost.code).not.toBe("AccessDenied");
    expect(lastCall()).toMatchObject({ operation: "AssumeRole", fault: text.split(/[:=]/)[0] });
    expect((await refusal(assume())).message).toBe(
      "MultiFactorAuthentication failed with invalid MFA one time pass code.",
    );
    expect(lastCall()?.fault).toBeUndefined();
  });

  it.each(["throttle:AssumeRole:1", "5xx:AssumeRole:1"])(
    "%s does nothing, and the code is still good",
    async (text) => {
      harness.nextCode();
      sandbox.addFault(parseFault(text));
      await refusal(assume());
      await assume();
    },
  );

  it("throttles in each service's words", async () => {
    sandbox.addFault(parseFault("throttle:*"));
    const { sts, ec2, dynamoDb } = {
      sts: harness.sts(),
      ec2: harness.ec2(harness.keys("alice")),
      dynamoDb: harness.dynamoDb(harness.keys("alice")),
    };
    expect(await refusal(whoAmI(sts))).toEqual({ code: "Throttling", status: 400, message: "Rate exceeded" });
    expect(await refusal(ec2.send(new DescribeInstancesCommand({})))).toEqual({
      code: "RequestLimitExceeded",
      status: 503,
      message: "Request limit exceeded.",
    });
    expect((await refusal(dynamoDb.send(new ListTablesCommand({})))).code).toBe("ThrottlingException");
  });

  it.each<[string, { code: string; status: number; message: string }]>([
    ["5xx:*:1", { code: "InternalFailure", status: 500, message: FAILURE_MESSAGE }],
    ["late-5xx:*:1", { code: "InternalFailure", status: 500, message: FAILURE_MESSAGE }],
  ])("%s fails in each service's words", async (text, stsWords) => {
    const fails = async (call: () => Promise<unknown>) => {
      sandbox.addFault(parseFault(text));
      return refusal(call());
    };
    const dev = await harness.assume(DEV_ROLE);
    const ec2 = harness.ec2(dev);
    const dynamoDb = harness.dynamoDb(dev);
    expect(await fails(() => whoAmI())).toEqual(stsWords);
    expect(await fails(() => ec2.send(new DescribeInstancesCommand({})))).toEqual({
      code: "InternalError",
      status: 500,
      message: "An internal error has occurred",
    });
    expect(await fails(() => dynamoDb.send(new ListTablesCommand({})))).toMatchObject({
      code: "InternalServerError",
      status: 500,
    });
    sandbox.addFault(parseFault(text));
    const iam = await sendQuery(sandbox.endpoint, "iam", harness.keys("alice"), { Action: "GetUser" });
    expect([iam.status, iam.code, iam.message]).toEqual([500, "ServiceFailure", FAILURE_MESSAGE]);
  });

  it.each([
    ["drop-reply:AssumeRoll", "the closest: AssumeRole"],
    ["5xx:assumerole:1", "the closest: AssumeRole"],
    ["slow=1s:TerminateInstance", "the closest: TerminateInstances"],
    ["throttle:Frobnicate", "an operation is written as the API names it, or *"],
  ])("of an operation that no service has is refused: %s", async (text, hint) => {
    const refused = expect.objectContaining({ code: "USAGE", hint });
    expect(() => sandbox.addFault(parseFault(text))).toThrow(refused);
    await expect(startSandbox({ now: Date.now, faults: [parseFault(text)] })).rejects.toEqual(refused);
  });

  it("is met as often as it says", async () => {
    sandbox.addFault(parseFault("5xx:GetCallerIdentity:2"));
    expect((await refusal(whoAmI())).status).toBe(500);
    expect((await refusal(whoAmI())).status).toBe(500);
    await whoAmI();
  });

  it("leaves other operations alone", async () => {
    sandbox.addFault(parseFault("silent:AssumeRole"));
    await whoAmI();
  });

  it("slow answers late, and right", async () => {
    sandbox.addFault(parseFault("slow=300ms:GetCallerIdentity"));
    const startMs = performance.now();
    await whoAmI();
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(290);
  });

  it("silent gives nothing, does nothing, and ends with the sandbox", async () => {
    const other = await openHarness();
    other.sandbox.addFault(parseFault("silent:GetCallerIdentity"));
    let settled = false;
    const waiting = refusal(other.sts().send(new GetCallerIdentityCommand({}))).finally(() => {
      settled = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(settled).toBe(false);
    expect(other.sandbox.calls.at(-1)).toMatchObject({ status: 0, fault: "silent" });
    await other.sandbox.close();
    await waiting;
  });

  it("clock-skew refuses clients with a right clock, and the Date header tells the server's", async () => {
    sandbox.addFault(parseFault("clock-skew=+20m"));
    const refused = await refusal(whoAmI());
    expect(refused.code).toBe("SignatureDoesNotMatch");
    expect(refused.message).toMatch(/^Signature expired: /);
    const response = await fetch(sandbox.endpoint, { method: "POST" });
    const dateMs = Date.parse(response.headers.get("date") ?? "");
    expect(Math.abs(dateMs - (sandbox.now() + 1_200_000))).toBeLessThan(5_000);
    // The SDK's own correction, which goes by that header, gets through on its second try.
    const retrying = new STSClient({
      region: "us-east-1",
      endpoint: sandbox.endpoint,
      credentials: harness.keys("alice"),
      maxAttempts: 2,
    });
    await whoAmI(retrying);
    retrying.destroy();
  });
});
