import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  type AssumeRoleCommandOutput,
  GetCallerIdentityCommand,
  STSClient,
} from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { makeAccessKeyId, makeSecretAccessKey, makeUniqueId } from "../../src/sandbox/identifiers.ts";
import { computeTotp, parseBase32, totpStepAt } from "../../src/sandbox/totp.ts";
import {
  DEV,
  DEV_ROLE,
  demand,
  type Keys,
  openHarness,
  PARENT,
  PROD_ROLE,
  refusal,
  SERIAL,
} from "./sandbox-harness.ts";

const harness = await openHarness();
const { sandbox } = harness;

function assume(input: Partial<AssumeRoleCommandInput>, caller?: Keys): Promise<AssumeRoleCommandOutput> {
  return harness.sts(caller).send(new AssumeRoleCommand({ RoleArn: DEV_ROLE, RoleSessionName: "alice", ...input }));
}

const whoAmI = (credentials: Keys, region?: string) =>
  harness.sts(credentials, region).send(new GetCallerIdentityCommand({}));
const mfa = () => ({ SerialNumber: SERIAL, TokenCode: harness.nextCode() });

const DENIED = {
  code: "AccessDenied",
  status: 403,
  message: `User: arn:aws:iam::${PARENT}:user/alice is not authorized to perform: sts:AssumeRole on resource: ${DEV_ROLE}`,
};

describe("AssumeRole", () => {
  it("gives credentials of the child account for the right code", async () => {
    const output = await assume(mfa());
    const role = harness.role(DEV);
    expect(output.AssumedRoleUser).toEqual({
      Arn: `arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice`,
      AssumedRoleId: `${role.id}:alice`,
    });
    const credentials = demand(output.Credentials);
    expect(credentials.AccessKeyId).toMatch(/^ASIA[A-Z2-7]{16}$/);
    expect(demand(credentials.Expiration).getTime()).toBeGreaterThan(sandbox.now() + 3_590_000);
    expect(demand(credentials.Expiration).getTime()).toBeLessThanOrEqual(sandbox.now() + 3_600_000);
    const stored = demand(sandbox.world.sessions.get(demand(credentials.AccessKeyId)));
    expect(demand(credentials.Expiration).getTime()).toBe(stored.expiresAtMs);
    const identity = await whoAmI({
      accessKeyId: demand(credentials.AccessKeyId),
      secretAccessKey: demand(credentials.SecretAccessKey),
      sessionToken: demand(credentials.SessionToken),
    });
    expect(identity).toMatchObject({
      Account: DEV,
      Arn: `arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice`,
      UserId: `${role.id}:alice`,
    });
  });

  it("refuses without a code in AWS's one message", async () => {
    expect(await refusal(assume({}))).toEqual(DENIED);
  });

  it("refuses bob, who has no device", async () => {
    expect(await refusal(assume({}, harness.keys("bob")))).toEqual({
      ...DENIED,
      message: DENIED.message.replace("user/alice", "user/bob"),
    });
  });

  it("says the same of a role that does not exist", async () => {
    const RoleArn = `arn:aws:iam::${DEV}:role/NoSuchRole`;
    expect(await refusal(assume({ RoleArn, ...mfa() }))).toEqual({
      ...DENIED,
      message: DENIED.message.replace(DEV_ROLE, RoleArn),
    });
  });

  const INVALID_CODE = {
    code: "AccessDenied",
    status: 403,
    message: "MultiFactorAuthentication failed with invalid MFA one time pass code.",
  };

  it("refuses a wrong code", async () => {
    const right = harness.nextCode();
    const TokenCode = right === "000000" ? "000001" : "000000";
    expect(await refusal(assume({ SerialNumber: SERIAL, TokenCode }))).toEqual(INVALID_CODE);
  });

  it("takes a code once, for whatever role", async () => {
    const spent = mfa();
    await assume(spent);
    expect(await refusal(assume(spent))).toEqual(INVALID_CODE);
    expect(await refusal(assume({ ...spent, RoleArn: PROD_ROLE }))).toEqual(INVALID_CODE);
  });

  it("refuses the code before the one that was accepted", async () => {
    harness.nextCode();
    const secret = parseBase32(demand(harness.account(PARENT).mfaDevices.get(SERIAL)).secret);
    const step = totpStepAt(sandbox.now());
    await assume({ SerialNumber: SERIAL, TokenCode: computeTotp(secret, step) });
    const refused = assume({ SerialNumber: SERIAL, TokenCode: computeTotp(secret, step - 1) });
    expect(await refusal(refused)).toEqual(INVALID_CODE);
  });

  it.each([
    ["a device of nobody", `arn:aws:iam::${PARENT}:mfa/nobody`],
    ["the user's own ARN", `arn:aws:iam::${PARENT}:user/alice`],
    ["a hardware serial", "GAHT12345678"],
  ])("does not take the serial of %s", async (_name, SerialNumber) => {
    expect(await refusal(assume({ SerialNumber, TokenCode: "123456" }))).toEqual({
      code: "AccessDenied",
      status: 403,
      message:
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
    });
  });

  it("does not take alice's device from bob", async () => {
    const { message } = await refusal(assume(mfa(), harness.keys("bob")));
    expect(message).toMatch(/^MultiFactorAuthentication failed, unable to validate MFA code\. {2}Please/);
  });

  it.each([[{ SerialNumber: SERIAL }], [{ TokenCode: "123456" }]])(
    "wants both of serial and code: %j",
    async (input) => {
      expect(await refusal(assume(input))).toEqual({
        code: "AccessDenied",
        status: 403,
        message: "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
      });
    },
  );

  it.each<[string, Partial<AssumeRoleCommandInput>, string]>([
    [
      "a code that is no number",
      { SerialNumber: SERIAL, TokenCode: "abcdefg" },
      "2 validation errors detected: Value 'abcdefg' at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\d]*; Value 'abcdefg' at 'tokenCode' failed to satisfy constraint: Member must have length less than or equal to 6",
    ],
    [
      "899 seconds",
      { DurationSeconds: 899 },
      "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
    ],
    [
      "43201 seconds",
      { DurationSeconds: 43_201 },
      "1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200",
    ],
    [
      "a session name of one character",
      { RoleSessionName: "a" },
      "1 validation error detected: Value 'a' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2",
    ],
    [
      "a session name with a space",
      { RoleSessionName: "al ice" },
      "1 validation error detected: Value 'al ice' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
    ],
    [
      "something that is no role",
      { RoleArn: `arn:aws:iam::${DEV}:user/alice` },
      `arn:aws:iam::${DEV}:user/alice is invalid`,
    ],
  ])("refuses %s before it looks at anything else", async (_name, input, message) => {
    expect(await refusal(assume(input))).toEqual({ code: "ValidationError", status: 400, message });
  });

  it("keeps to the role's maximum", async () => {
    const input = { RoleArn: PROD_ROLE, DurationSeconds: 3_601 };
    expect(await refusal(assume({ ...input, ...mfa() }))).toEqual({
      code: "ValidationError",
      status: 400,
      message: "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    });
    await assume({ ...input, ...mfa(), DurationSeconds: 3_600 });
    await assume({ ...mfa(), DurationSeconds: 43_200 });
  });

  it("does not carry MFA into the role's session, so a second hop that wants it is refused", async () => {
    const admin = await harness.assume(`arn:aws:iam::${DEV}:role/Administrator`);
    const { message } = await refusal(assume({}, admin));
    expect(message).toBe(
      `User: arn:aws:sts::${DEV}:assumed-role/Administrator/alice is not authorized to perform: sts:AssumeRole on resource: ${DEV_ROLE}`,
    );
  });

  it("ends a chain after an hour", async () => {
    const admin = await harness.assume(`arn:aws:iam::${DEV}:role/Administrator`);
    const role = harness.role(DEV);
    const founding = role.trustPolicy;
    role.trustPolicy = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal: { AWS: DEV }, Action: "sts:AssumeRole" },
    });
    try {
      expect(await refusal(assume({ DurationSeconds: 3_601 }, admin))).toEqual({
        code: "ValidationError",
        status: 400,
        message: "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
      });
      await assume({ DurationSeconds: 3_600 }, admin);
    } finally {
      role.trustPolicy = founding;
    }
  });

  it("wants the ExternalId that the trust policy names", async () => {
    const role = harness.role(DEV);
    const founding = role.trustPolicy;
    role.trustPolicy = JSON.stringify({
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${PARENT}:root` },
        Action: "sts:AssumeRole",
        Condition: { StringEquals: { "sts:ExternalId": "blue" } },
      },
    });
    try {
      expect(await refusal(assume({}))).toEqual(DENIED);
      expect(await refusal(assume({ ExternalId: "red" }))).toEqual(DENIED);
      await assume({ ExternalId: "blue" });
    } finally {
      role.trustPolicy = founding;
    }
  });

  it("wants the caller's own policies to allow it too", async () => {
    const alice = harness.user("alice");
    const founding = demand(alice.inlinePolicies.get("AssumeRoles"));
    alice.inlinePolicies.delete("AssumeRoles");
    try {
      expect(await refusal(assume(mfa()))).toEqual(DENIED);
    } finally {
      alice.inlinePolicies.set("AssumeRoles", founding);
    }
  });

  it("is logged with its code masked, the same code the same way", async () => {
    const input = mfa();
    await assume(input);
    await refusal(assume(input));
    const calls = sandbox.calls.slice(-2);
    expect(calls).toMatchObject([
      {
        service: "sts",
        operation: "AssumeRole",
        status: 200,
        errorCode: undefined,
        accessKeyId: harness.keys("alice").accessKeyId,
      },
      { service: "sts", operation: "AssumeRole", status: 403, errorCode: "AccessDenied" },
    ]);
    expect(calls[0]?.parameters.SerialNumber).toBe(SERIAL);
    expect(calls[0]?.parameters.TokenCode).toMatch(/^masked-/);
    expect(calls[0]?.parameters.TokenCode).toBe(calls[1]?.parameters.TokenCode);
    expect(JSON.stringify(sandbox.calls)).not.toContain(input.TokenCode);
  });
});

describe("keys and signatures", () => {
  const INVALID_TOKEN = {
    code: "InvalidClientTokenId",
    status: 403,
    message: "The security token included in the request is invalid.",
  };

  it("answers who alice is, in any region", async () => {
    expect(await whoAmI(harness.keys("alice"), "eu-central-1")).toMatchObject({
      Account: PARENT,
      Arn: `arn:aws:iam::${PARENT}:user/alice`,
      UserId: harness.user("alice").id,
    });
  });

  it("does not know other keys", async () => {
    const stranger = { accessKeyId: makeAccessKeyId("AKIA"), secretAccessKey: makeSecretAccessKey() };
    expect(await refusal(whoAmI(stranger))).toEqual(INVALID_TOKEN);
  });

  it("does not take an inactive key", async () => {
    const key = harness.keys("bob");
    key.status = "Inactive";
    try {
      expect(await refusal(whoAmI(key))).toEqual(INVALID_TOKEN);
    } finally {
      key.status = "Active";
    }
  });

  it("does not take another secret", async () => {
    const forged = { ...harness.keys("alice"), secretAccessKey: makeSecretAccessKey() };
    expect(await refusal(whoAmI(forged))).toEqual({
      code: "SignatureDoesNotMatch",
      status: 403,
      message:
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    });
  });

  it("binds a session's token to its key", async () => {
    const one = await harness.assume(DEV_ROLE);
    const other = await harness.assume(DEV_ROLE);
    const { accessKeyId, secretAccessKey } = one;
    expect(await refusal(whoAmI({ accessKeyId, secretAccessKey }))).toEqual(INVALID_TOKEN);
    expect(await refusal(whoAmI({ ...one, sessionToken: other.sessionToken }))).toEqual(INVALID_TOKEN);
    expect(await refusal(whoAmI({ ...harness.keys("alice"), sessionToken: one.sessionToken }))).toEqual(INVALID_TOKEN);
    await whoAmI(one);
  });

  it("ends a session at its expiration, to the second", async () => {
    const session = await harness.assume(DEV_ROLE, { DurationSeconds: 900 });
    const stored = demand(sandbox.world.sessions.get(session.accessKeyId));
    sandbox.moveClock(stored.expiresAtMs - sandbox.now() - 2_000);
    await whoAmI(session);
    sandbox.moveClock(2_000);
    expect(await refusal(whoAmI(session))).toEqual({
      code: "ExpiredToken",
      status: 403,
      message: "The security token included in the request is expired",
    });
  });

  it("ends the sessions of a deleted role, and a new one of the same name does not revive them", async () => {
    const account = harness.account(DEV);
    const role = harness.role(DEV);
    const session = await harness.assume(DEV_ROLE);
    account.roles.delete(role.name);
    try {
      expect(await refusal(whoAmI(session))).toEqual(INVALID_TOKEN);
      account.roles.set(role.name, { ...role, id: makeUniqueId("AROA") });
      expect(await refusal(whoAmI(session))).toEqual(INVALID_TOKEN);
    } finally {
      account.roles.set(role.name, role);
    }
  });

  it("wants a region that exists, and the service in the scope", async () => {
    expect(await refusal(whoAmI(harness.keys("alice"), "mars-north-1"))).toEqual({
      code: "SignatureDoesNotMatch",
      status: 403,
      message: "Credential should be scoped to a valid region. ",
    });
  });

  it.each([
    [
      -5 * 60_000 - 2_000,
      /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)$/,
    ],
    [
      5 * 60_000 + 2_000,
      /^Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ 5 min\.\)$/,
    ],
  ])("refuses a signature %i ms away from both clocks", async (skewMs, message) => {
    const skewed = await openHarness({ now: () => Date.now() - skewMs });
    const answer = await refusal(skewed.sts().send(new GetCallerIdentityCommand({})));
    expect(answer).toMatchObject({ code: "SignatureDoesNotMatch", status: 403 });
    expect(answer.message).toMatch(message);
  });

  it("takes a signature by the wall clock and by the world's", async () => {
    const moved = await openHarness();
    moved.sandbox.moveClock(3_600_000);
    const credentials = moved.keys("alice");
    await moved.sts().send(new GetCallerIdentityCommand({}));
    const ahead = new STSClient({
      region: "us-east-1",
      endpoint: moved.sandbox.endpoint,
      credentials,
      maxAttempts: 1,
      systemClockOffset: 3_600_000,
    });
    await ahead.send(new GetCallerIdentityCommand({}));
    ahead.destroy();
  });
});
