import { TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  DecodeAuthorizationMessageCommand,
  GetAccessKeyInfoCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  type GetSessionTokenCommandInput,
} from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { makeResourceId } from "../../src/sandbox/identifiers.ts";
import type { Role } from "../../src/sandbox/world.ts";
import {
  DEV,
  DEV_ROLE,
  demand,
  type Harness,
  type Keys,
  openHarness,
  PARENT,
  refusal,
  SERIAL,
} from "./sandbox-harness.ts";

const harness = await openHarness();
const { sandbox } = harness;
const DEV_ADMIN = `arn:aws:iam::${DEV}:role/Administrator`;

async function getSession(input: GetSessionTokenCommandInput = {}, caller?: Keys, from: Harness = harness) {
  const { Credentials } = await from.sts(caller).send(new GetSessionTokenCommand(input));
  return {
    accessKeyId: demand(Credentials?.AccessKeyId),
    secretAccessKey: demand(Credentials?.SecretAccessKey),
    sessionToken: demand(Credentials?.SessionToken),
    expiration: demand(Credentials?.Expiration),
  };
}

const getMfaSession = (more: GetSessionTokenCommandInput = {}, from: Harness = harness) =>
  getSession({ SerialNumber: SERIAL, TokenCode: from.nextCode(), ...more }, undefined, from);

const assume = (caller: Keys, input: Partial<AssumeRoleCommandInput> = {}, from: Harness = harness) =>
  from.sts(caller).send(new AssumeRoleCommand({ RoleArn: DEV_ROLE, RoleSessionName: "alice", ...input }));

const trusting = (statement: object) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: { Effect: "Allow", Principal: { AWS: [PARENT, DEV] }, Action: "sts:*", ...statement },
  });

/** Runs with another trust policy, and puts the founding one back. */
async function withTrust(role: Role, statement: object, work: () => Promise<void>): Promise<void> {
  const founding = role.trustPolicy;
  role.trustPolicy = trusting(statement);
  try {
    await work();
  } finally {
    role.trustPolicy = founding;
  }
}

describe("GetSessionToken", () => {
  it("with a code opens every role behind the device without another", async () => {
    const session = await getMfaSession();
    expect(session.expiration.getTime() - sandbox.now()).toBeGreaterThan(43_190_000);
    for (const account of [DEV, "333333333333", "444444444444"]) {
      const { AssumedRoleUser } = await assume(session, { RoleArn: DEV_ROLE.replace(DEV, account) });
      expect(AssumedRoleUser?.Arn).toBe(`arn:aws:sts::${account}:assumed-role/PrivilegedActionsRole/alice`);
    }
    const identity = await harness.sts(session).send(new GetCallerIdentityCommand({}));
    expect(identity).toMatchObject({ Arn: `arn:aws:iam::${PARENT}:user/alice`, UserId: harness.user("alice").id });
  });

  it("without a code opens nothing that wants MFA", async () => {
    const { code, message } = await refusal(assume(await getSession()));
    expect(code).toBe("AccessDenied");
    expect(message).toMatch(/not authorized to perform: sts:AssumeRole/);
  });

  it("counts as the first hop of a chain: an hour for each role", async () => {
    const session = await getMfaSession();
    expect(await refusal(assume(session, { DurationSeconds: 3_601 }))).toEqual({
      code: "ValidationError",
      status: 400,
      message: "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    });
    await assume(session, { DurationSeconds: 3_600 });
  });

  it.each([
    [899, "greater than or equal to 900"],
    [129_601, "less than or equal to 129600"],
  ])("does not last %i seconds", async (DurationSeconds, bound) => {
    expect(await refusal(getSession({ DurationSeconds }))).toEqual({
      code: "ValidationError",
      status: 400,
      message: `1 validation error detected: Value '${DurationSeconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value ${bound}`,
    });
  });

  it("lasts what was asked, and then is expired", async () => {
    const session = await getMfaSession({ DurationSeconds: 129_600 });
    sandbox.moveClock(129_590_000);
    await assume(session);
    sandbox.moveClock(10_000);
    expect((await refusal(assume(session))).code).toBe("ExpiredToken");
  });

  it("takes long-term keys only", async () => {
    const answer = {
      code: "AccessDenied",
      status: 403,
      message: "Cannot call GetSessionToken with session credentials",
    };
    expect(await refusal(getSession({}, await getMfaSession()))).toEqual(answer);
    expect(await refusal(getSession({}, await harness.assume(DEV_ROLE)))).toEqual(answer);
  });

  it("gives a session that may call nothing else of STS", async () => {
    const call = harness
      .sts(await getMfaSession())
      .send(new DecodeAuthorizationMessageCommand({ EncodedMessage: "x" }));
    expect(await refusal(call)).toMatchObject({ code: "InvalidClientTokenId", status: 403 });
  });

  it("uses a code up, for AssumeRole too", async () => {
    const TokenCode = harness.nextCode();
    await getSession({ SerialNumber: SERIAL, TokenCode });
    const again = assume(harness.keys("alice"), { SerialNumber: SERIAL, TokenCode });
    expect((await refusal(again)).message).toBe(
      "MultiFactorAuthentication failed with invalid MFA one time pass code.",
    );
  });

  it("ages: a trust policy may ask how old the code is", async () => {
    await withTrust(
      harness.role(DEV),
      { Condition: { NumericLessThan: { "aws:MultiFactorAuthAge": "3600" } } },
      async () => {
        const session = await getMfaSession();
        sandbox.moveClock(3_590_000);
        await assume(session);
        sandbox.moveClock(20_000);
        expect((await refusal(assume(session))).code).toBe("AccessDenied");
      },
    );
  });
});

describe("the MFA key of a policy", () => {
  /** Whether each kind of caller passes a trust policy with this condition. */
  async function passes(condition: object): Promise<Record<string, boolean>> {
    const callers: Record<string, Keys> = {
      longTerm: harness.keys("alice"),
      sessionWithout: await getSession(),
      sessionWith: await getMfaSession(),
      roleSession: await harness.assume(DEV_ADMIN),
    };
    const outcome: Record<string, boolean> = {};
    await withTrust(harness.role(DEV), { Condition: condition }, async () => {
      for (const [name, caller] of Object.entries(callers)) {
        outcome[name] = await assume(caller).then(
          () => true,
          () => false,
        );
      }
    });
    return outcome;
  }

  // AWS.md, MFA rules: absent for long-term keys, true or false for sessions, false for a role's.
  it.each([
    ["Bool true", { Bool: { "aws:MultiFactorAuthPresent": "true" } }, [false, false, true, false]],
    ["BoolIfExists true", { BoolIfExists: { "aws:MultiFactorAuthPresent": "true" } }, [true, false, true, false]],
    ["Bool false", { Bool: { "aws:MultiFactorAuthPresent": "false" } }, [false, true, false, true]],
    ["Null true", { Null: { "aws:MultiFactorAuthPresent": "true" } }, [true, false, false, false]],
    ["an age that is absent", { Null: { "aws:MultiFactorAuthAge": "true" } }, [true, true, false, true]],
  ])("under %s", async (_name, condition, [longTerm, sessionWithout, sessionWith, roleSession]) => {
    expect(await passes(condition)).toEqual({ longTerm, sessionWithout, sessionWith, roleSession });
  });

  it("carries from GetSessionToken into a role with the switch alone, and never from a direct AssumeRole", async () => {
    const carrying = await openHarness({ settings: { mfaCarriesThroughAssumeRole: true } });
    for (const [from, expected] of [
      [harness, false],
      [carrying, true],
    ] as const) {
      from.role(DEV).trustPolicy = trusting({ Condition: { Bool: { "aws:MultiFactorAuthPresent": "true" } } });
      const secondHop = async (first: Keys) =>
        assume(first, {}, from).then(
          () => true,
          () => false,
        );
      const { Credentials } = await assume(await getMfaSession({}, from), { RoleArn: DEV_ADMIN }, from);
      const viaSession = {
        accessKeyId: demand(Credentials?.AccessKeyId),
        secretAccessKey: demand(Credentials?.SecretAccessKey),
        sessionToken: demand(Credentials?.SessionToken),
      };
      expect(await secondHop(viaSession)).toBe(expected);
      expect(await secondHop(await from.assume(DEV_ADMIN))).toBe(false);
    }
    harness.role(DEV).trustPolicy = harness.role("333333333333").trustPolicy;
  });
});

describe("session policies", () => {
  const statement = { Effect: "Allow", Action: "ec2:DescribeInstances", Resource: "*" };

  it("are told in per cent of what they may be", async () => {
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: statement });
    const { PackedPolicySize } = await assume(await getMfaSession(), { Policy });
    expect(PackedPolicySize).toBe(Math.ceil((Policy.length / 2_048) * 100));
  });

  it.each([
    ["{", "MalformedPolicyDocument"],
    [
      '{"Version":"2012-10-17","Statement":{"Effect":"Perhaps","Action":"*","Resource":"*"}}',
      "MalformedPolicyDocument",
    ],
    [
      JSON.stringify({ Version: "2012-10-17", Statement: Array.from({ length: 40 }, () => statement) }),
      "PackedPolicyTooLarge",
    ],
  ])("like %.60j are refused", async (Policy, code) => {
    expect(await refusal(assume(await getMfaSession(), { Policy }))).toMatchObject({ code, status: 400 });
  });

  it("may be AWS's managed ones", async () => {
    const session = await harness.assume(DEV_ROLE, {
      PolicyArns: [{ arn: "arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess" }],
    });
    const InstanceIds = [makeResourceId("i")];
    const { message } = await refusal(harness.ec2(session).send(new TerminateInstancesCommand({ InstanceIds })));
    expect(message).toContain("because no session policy allows the ec2:TerminateInstances action");
  });
});

describe("session tags and source identity", () => {
  it.each(["aws:role", "AWS:role", "aws:"])("are no place for AWS's own keys: %s", async (Key) => {
    expect(await refusal(harness.assume(DEV_ROLE, { Tags: [{ Key, Value: "x" }] }))).toMatchObject({
      code: "ValidationError",
      message: "aws: prefixed tag key names are not allowed for external use.",
    });
  });

  it("need sts:TagSession and sts:SetSourceIdentity on both sides", async () => {
    const session = await getMfaSession();
    const tagged = { Tags: [{ Key: "team", Value: "blue" }] };
    expect((await refusal(assume(session, tagged))).message).toMatch(/to perform: sts:TagSession on resource/);
    expect((await refusal(assume(session, { SourceIdentity: "alice" }))).message).toMatch(
      /to perform: sts:SetSourceIdentity on resource/,
    );
    harness
      .user("alice")
      .inlinePolicies.set(
        "Tag",
        JSON.stringify({ Version: "2012-10-17", Statement: { Effect: "Allow", Action: "sts:*", Resource: "*" } }),
      );
    // The founding trust policy names sts:AssumeRole alone.
    expect((await refusal(assume(session, tagged))).message).toMatch(/to perform: sts:TagSession on resource/);
    await withTrust(harness.role(DEV), {}, async () => {
      const output = await assume(session, { ...tagged, SourceIdentity: "alice" });
      expect(output.SourceIdentity).toBe("alice");
    });
  });

  it("go down a chain: transitive tags stay, a source identity can't be changed", async () => {
    const role = harness.role(DEV);
    const admin = harness.role(DEV, "Administrator");
    await withTrust(admin, {}, () =>
      withTrust(role, { Condition: { StringEquals: { "aws:PrincipalTag/team": "blue" } } }, async () => {
        const first = (input: Partial<AssumeRoleCommandInput>) =>
          harness.assume(DEV_ADMIN, { Tags: [{ Key: "team", Value: "blue" }], SourceIdentity: "alice", ...input });
        const kept = await first({ TransitiveTagKeys: ["team"] });
        const conflict = assume(kept, { SourceIdentity: "mallory" });
        expect((await refusal(conflict)).message).toBe(
          "The source identity is already set for this assume role session",
        );
        const overwritten = assume(kept, { Tags: [{ Key: "TEAM", Value: "red" }] });
        expect((await refusal(overwritten)).message).toMatch(/transitive tag key/);
        const { Credentials } = await assume(kept);
        expect(sandbox.world.sessions.get(demand(Credentials?.AccessKeyId))).toMatchObject({
          tags: new Map([["team", "blue"]]),
          transitiveTagKeys: ["team"],
          sourceIdentity: "alice",
        });
        const dropped = await assume(await first({ RoleArn: DEV_ADMIN }));
        expect(sandbox.world.sessions.get(demand(dropped.Credentials?.AccessKeyId))?.tags.size).toBe(0);
      }),
    );
  });
});

describe("the rest of STS", () => {
  it("decodes what EC2 encoded, for whom its policies allow it", async () => {
    const role = await harness.assume(DEV_ROLE, {
      Policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Action: "ec2:DescribeInstances", Resource: "*" },
      }),
    });
    const InstanceIds = [makeResourceId("i")];
    const { message } = await refusal(harness.ec2(role).send(new TerminateInstancesCommand({ InstanceIds })));
    const EncodedMessage = demand(/failure message: (\S+)$/.exec(message)?.[1]);
    const admin = harness.sts(await harness.assume(DEV_ADMIN));
    const { DecodedMessage } = await admin.send(new DecodeAuthorizationMessageCommand({ EncodedMessage }));
    expect(JSON.parse(demand(DecodedMessage))).toMatchObject({
      allowed: false,
      explicitDeny: false,
      context: {
        action: "ec2:TerminateInstances",
        resource: `arn:aws:ec2:us-east-1:${DEV}:instance/${InstanceIds[0]}`,
      },
    });
    const forged = admin.send(new DecodeAuthorizationMessageCommand({ EncodedMessage: `${EncodedMessage}A` }));
    expect((await refusal(forged)).code).toBe("InvalidAuthorizationMessageException");
    const denied = harness.sts(role).send(new DecodeAuthorizationMessageCommand({ EncodedMessage }));
    expect(await refusal(denied)).toMatchObject({ code: "AccessDenied", status: 403 });
  });

  it("tells whose account a key is of", async () => {
    const admin = harness.sts(await harness.assume(DEV_ADMIN));
    const AccessKeyId = harness.keys("alice").accessKeyId;
    expect((await admin.send(new GetAccessKeyInfoCommand({ AccessKeyId }))).Account).toBe(PARENT);
  });

  it("is not active in a region that must be opted into", async () => {
    const call = harness.sts(harness.keys("alice"), "me-south-1").send(new GetCallerIdentityCommand({}));
    expect(await refusal(call)).toMatchObject({ code: "RegionDisabledException", status: 403 });
  });
});
