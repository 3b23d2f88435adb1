import { GetCallerIdentityCommand, GetSessionTokenCommand } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { computeTotp, formatBase32, parseBase32, totpStepAt } from "../../src/sandbox/totp.ts";
import { DEV, DEV_ROLE, demand, type Keys, openHarness, PARENT, refusal, SERIAL } from "./sandbox-harness.ts";
import { type QueryAnswer, sendQuery } from "./signed-query.ts";

const harness = await openHarness();
const { sandbox } = harness;
const parentAdmin = await harness.assume(`arn:aws:iam::${PARENT}:role/Administrator`, { DurationSeconds: 43_200 });
const devAdmin = await harness.assume(`arn:aws:iam::${DEV}:role/Administrator`, { DurationSeconds: 43_200 });

type Fields = Readonly<Record<string, string>>;

const iam = (credentials: Keys, Action: string, fields: Fields = {}): Promise<QueryAnswer> =>
  sendQuery(sandbox.endpoint, "iam", credentials, { Action, ...fields });

/** The call must succeed. */
async function done(credentials: Keys, action: string, fields: Fields = {}): Promise<QueryAnswer> {
  const answer = await iam(credentials, action, fields);
  expect([action, answer.status, answer.message]).toEqual([action, 200, undefined]);
  return answer;
}

/** The call must be refused so. */
async function refused(
  credentials: Keys,
  action: string,
  fields: Fields,
  status: number,
  code: string,
  message: string | RegExp,
) {
  const answer = await iam(credentials, action, fields);
  expect([answer.status, answer.code]).toEqual([status, code]);
  if (typeof message === "string") expect(answer.message).toBe(message);
  else expect(answer.message).toMatch(message);
}

const alice = harness.keys("alice");
const bob = harness.keys("bob");
const ALLOW_ALL = JSON.stringify({ Version: "2012-10-17", Statement: { Effect: "Allow", Action: "*", Resource: "*" } });
const trust = (principal: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: { Effect: "Allow", Principal: { AWS: principal }, Action: "sts:AssumeRole" },
  });

describe("who may call IAM", () => {
  it("is a user for their own things, and told by name what they may not", async () => {
    expect((await done(alice, "GetUser")).text("Arn")).toBe(`arn:aws:iam::${PARENT}:user/alice`);
    await refused(
      bob,
      "GetUser",
      { UserName: "alice" },
      403,
      "AccessDenied",
      `User: arn:aws:iam::${PARENT}:user/bob is not authorized to perform: iam:GetUser on resource: user alice because no identity-based policy allows the iam:GetUser action`,
    );
    await refused(
      bob,
      "CreateRole",
      { RoleName: "x", AssumeRolePolicyDocument: trust(PARENT) },
      403,
      "AccessDenied",
      /iam:CreateRole on resource: arn:aws:iam::111122223333:role\/x because/,
    );
  });

  it("is no session of GetSessionToken that was made without a code", async () => {
    const keysOf = async (input: { SerialNumber: string; TokenCode: string } | object): Promise<Keys> => {
      const { Credentials } = await harness.sts().send(new GetSessionTokenCommand(input));
      return {
        accessKeyId: demand(Credentials?.AccessKeyId),
        secretAccessKey: demand(Credentials?.SecretAccessKey),
        sessionToken: demand(Credentials?.SessionToken),
      };
    };
    await refused(
      await keysOf({}),
      "GetUser",
      {},
      403,
      "InvalidClientTokenId",
      "The security token included in the request is invalid.",
    );
    await done(await keysOf({ SerialNumber: SERIAL, TokenCode: harness.nextCode() }), "GetUser");
  });

  it("must name the user when a role asks", async () => {
    await refused(
      parentAdmin,
      "GetUser",
      {},
      400,
      "ValidationError",
      "Must specify userName when calling with non-User credentials",
    );
  });

  it("sees the own account only", async () => {
    expect((await done(devAdmin, "ListRoles")).texts("RoleName")).toEqual(["Administrator", "PrivilegedActionsRole"]);
    await refused(
      devAdmin,
      "GetUser",
      { UserName: "alice" },
      404,
      "NoSuchEntity",
      "The user with name alice cannot be found.",
    );
  });
});

describe("access keys", () => {
  it("are made, used, deactivated and deleted; two at most", async () => {
    const made = await done(bob, "CreateAccessKey");
    const key = {
      accessKeyId: demand(made.text("AccessKeyId")),
      secretAccessKey: demand(made.text("SecretAccessKey")),
    };
    await refused(bob, "CreateAccessKey", {}, 409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2");
    expect((await done(bob, "GetAccessKeyLastUsed", { AccessKeyId: key.accessKeyId })).text("ServiceName")).toBe("N/A");
    await harness.sts(key).send(new GetCallerIdentityCommand({}));
    const used = await done(bob, "GetAccessKeyLastUsed", { AccessKeyId: key.accessKeyId });
    expect([used.text("ServiceName"), used.text("Region"), used.text("UserName")]).toEqual(["sts", "us-east-1", "bob"]);
    await done(bob, "UpdateAccessKey", { AccessKeyId: key.accessKeyId, Status: "Inactive" });
    const listed = await done(bob, "ListAccessKeys");
    expect(listed.texts("Status").sort()).toEqual(["Active", "Inactive"]);
    expect(listed.body).not.toContain("SecretAccessKey");
    expect((await refusal(harness.sts(key).send(new GetCallerIdentityCommand({})))).code).toBe("InvalidClientTokenId");
    await done(bob, "DeleteAccessKey", { AccessKeyId: key.accessKeyId });
    await refused(
      bob,
      "DeleteAccessKey",
      { AccessKeyId: key.accessKeyId },
      404,
      "NoSuchEntity",
      `The Access Key with id ${key.accessKeyId} cannot be found.`,
    );
  });
});

describe("MFA devices", () => {
  const deviceOf = (serial: string) => demand(harness.account(PARENT).mfaDevices.get(serial));
  const codesFrom = (secret: string, offset = 0): Fields => {
    const step = totpStepAt(sandbox.now()) + offset;
    const bytes = parseBase32(secret);
    return { AuthenticationCode1: computeTotp(bytes, step - 1), AuthenticationCode2: computeTotp(bytes, step) };
  };

  it("are listed for their user", async () => {
    const answer = await done(alice, "ListMFADevices");
    expect(answer.texts("SerialNumber")).toEqual([SERIAL]);
    expect((await done(bob, "ListMFADevices")).texts("SerialNumber")).toEqual([]);
  });

  it("are enrolled as AWS does it: seed, two codes, then the device opens roles", async () => {
    const created = await done(bob, "CreateVirtualMFADevice", { VirtualMFADeviceName: "bob" });
    const serial = demand(created.text("SerialNumber"));
    expect(serial).toBe(`arn:aws:iam::${PARENT}:mfa/bob`);
    const seed = Buffer.from(demand(created.text("Base32StringSeed")), "base64").toString();
    expect(seed).toMatch(/^[A-Z2-7]{64}$/);
    expect(formatBase32(parseBase32(seed))).toBe(seed);
    await refused(
      bob,
      "CreateVirtualMFADevice",
      { VirtualMFADeviceName: "bob" },
      409,
      "EntityAlreadyExists",
      "MFADevice entity at the same path and name already exists.",
    );
    expect(
      (await done(bob, "ListVirtualMFADevices", { AssignmentStatus: "Unassigned" })).texts("SerialNumber"),
    ).toEqual([serial]);

    const enable = (codes: Fields) => ["EnableMFADevice", { UserName: "bob", SerialNumber: serial, ...codes }] as const;
    const right = codesFrom(seed);
    const wrong = { ...right, AuthenticationCode2: demand(right.AuthenticationCode1) };
    await refused(
      bob,
      ...enable(wrong),
      403,
      "InvalidAuthenticationCode",
      "Authentication code for device is not valid.",
    );
    await refused(bob, ...enable(codesFrom(seed, 40)), 403, "InvalidAuthenticationCode", /not valid/);
    await refused(
      bob,
      ...enable({ ...right, AuthenticationCode1: "12345" }),
      400,
      "ValidationError",
      /authenticationCode1/,
    );
    await done(bob, ...enable(right));
    await refused(bob, ...enable(codesFrom(seed)), 409, "EntityAlreadyExists", /already in use/);
    expect((await done(bob, "ListMFADevices")).texts("SerialNumber")).toEqual([serial]);

    const assume = (TokenCode: string) =>
      sendQuery(sandbox.endpoint, "sts", bob, {
        Action: "AssumeRole",
        RoleArn: DEV_ROLE,
        RoleSessionName: "bob",
        SerialNumber: serial,
        TokenCode,
      });
    // Both codes of the enrolment are spent.
    expect((await assume(demand(right.AuthenticationCode2))).message).toMatch(/invalid MFA one time pass code/);
    sandbox.moveClock(30_000);
    expect((await assume(computeTotp(parseBase32(seed), totpStepAt(sandbox.now())))).status).toBe(200);

    await refused(
      bob,
      "DeleteVirtualMFADevice",
      { SerialNumber: serial },
      409,
      "DeleteConflict",
      "MFA VirtualDevice in use. Must deactivate first.",
    );
    await done(bob, "DeactivateMFADevice", { SerialNumber: serial });
    await done(bob, "DeleteVirtualMFADevice", { SerialNumber: serial });
    await refused(
      bob,
      "DeleteVirtualMFADevice",
      { SerialNumber: serial },
      404,
      "NoSuchEntity",
      `MFA Device with serial number ${serial} does not exist.`,
    );
  });

  it("that are off by minutes are refused until they are resynced", async () => {
    const device = deviceOf(SERIAL);
    const ahead = 8;
    const codeAhead = () => computeTotp(parseBase32(device.secret), totpStepAt(sandbox.now()) + ahead);
    const assume = (TokenCode: string) =>
      sendQuery(sandbox.endpoint, "sts", alice, {
        Action: "AssumeRole",
        RoleArn: DEV_ROLE,
        RoleSessionName: "alice",
        SerialNumber: SERIAL,
        TokenCode,
      });
    expect((await assume(codeAhead())).message).toMatch(/invalid MFA one time pass code/);
    const resync = (codes: Fields) =>
      ["ResyncMFADevice", { UserName: "alice", SerialNumber: SERIAL, ...codes }] as const;
    await refused(alice, ...resync(codesFrom(device.secret, 30)), 403, "InvalidAuthenticationCode", /not valid/);
    await done(alice, ...resync(codesFrom(device.secret, ahead)));
    sandbox.moveClock(30_000);
    expect(sandbox.currentCode()).toBe(codeAhead());
    expect((await assume(codeAhead())).status).toBe(200);
    // What was accepted is spent for a resync too.
    await refused(alice, ...resync(codesFrom(device.secret, ahead)), 403, "InvalidAuthenticationCode", /not valid/);
    sandbox.moveClock(30_000 * (ahead + 1));
    await done(alice, ...resync(codesFrom(device.secret)));
    sandbox.moveClock(30_000);
    expect((await assume(sandbox.currentCode())).status).toBe(200);
  });

  it("of hardware are enabled by their serial, and are not among the virtual ones", async () => {
    const serial = "GAHT12345678";
    harness.account(PARENT).mfaDevices.set(serial, {
      ...deviceOf(SERIAL),
      serialNumber: serial,
      userName: undefined,
      enabledAtMs: undefined,
      lastAcceptedStep: undefined,
    });
    await done(bob, "EnableMFADevice", {
      UserName: "bob",
      SerialNumber: serial,
      ...codesFrom(deviceOf(serial).secret),
    });
    expect((await done(bob, "ListMFADevices")).texts("SerialNumber")).toEqual([serial]);
    expect((await done(bob, "ListVirtualMFADevices")).texts("SerialNumber")).toEqual([SERIAL]);
    await done(bob, "DeactivateMFADevice", { SerialNumber: serial });
  });

  it("of one user are eight at most, and nobody resyncs another's", async () => {
    for (let number = 1; number <= 8; number += 1) {
      const created = await done(bob, "CreateVirtualMFADevice", { VirtualMFADeviceName: `b-${number}` });
      const seed = Buffer.from(demand(created.text("Base32StringSeed")), "base64").toString();
      const SerialNumber = demand(created.text("SerialNumber"));
      const enable = { UserName: "bob", SerialNumber, ...codesFrom(seed) };
      await done(bob, "EnableMFADevice", enable);
    }
    const ninth = await done(bob, "CreateVirtualMFADevice", { VirtualMFADeviceName: "b-9" });
    await refused(
      bob,
      "EnableMFADevice",
      {
        UserName: "bob",
        SerialNumber: demand(ninth.text("SerialNumber")),
        AuthenticationCode1: "123456",
        AuthenticationCode2: "654321",
      },
      409,
      "LimitExceeded",
      "Cannot exceed quota for MFADevicesPerUser: 8",
    );
    await refused(
      bob,
      "ResyncMFADevice",
      { UserName: "bob", SerialNumber: SERIAL, ...codesFrom(deviceOf(SERIAL).secret) },
      404,
      "NoSuchEntity",
      /does not exist for user bob/,
    );
    await refused(
      bob,
      "DeactivateMFADevice",
      { UserName: "alice", SerialNumber: SERIAL },
      403,
      "AccessDenied",
      /user alice/,
    );
  });
});

describe("roles", () => {
  it("are made with trust and access, assumed, changed, and end their sessions with them", async () => {
    const name = "Maker";
    const RoleArn = `arn:aws:iam::${DEV}:role/${name}`;
    const made = await done(devAdmin, "CreateRole", {
      RoleName: name,
      AssumeRolePolicyDocument: trust(PARENT),
      MaxSessionDuration: "7200",
      Description: "a test's",
    });
    expect(made.text("Arn")).toBe(RoleArn);
    await done(devAdmin, "PutRolePolicy", { RoleName: name, PolicyName: "all", PolicyDocument: ALLOW_ALL });
    const read = await done(devAdmin, "GetRolePolicy", { RoleName: name, PolicyName: "all" });
    expect(decodeURIComponent(demand(read.text("PolicyDocument")))).toBe(ALLOW_ALL);
    await done(parentAdmin, "PutUserPolicy", {
      UserName: "alice",
      PolicyName: "grant",
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Action: "sts:AssumeRole", Resource: RoleArn },
      }),
    });
    const session = await harness.assume(RoleArn, { DurationSeconds: 7_200 });
    await done(session, "ListRoles");

    // The access policy acts at once on running sessions; the trust policy does not.
    await done(devAdmin, "UpdateAssumeRolePolicy", { RoleName: name, PolicyDocument: trust(DEV) });
    expect(
      decodeURIComponent(
        demand((await done(devAdmin, "GetRole", { RoleName: name })).text("AssumeRolePolicyDocument")),
      ),
    ).toBe(trust(`arn:aws:iam::${DEV}:root`));
    expect((await refusal(harness.assume(RoleArn))).code).toBe("AccessDenied");
    await done(session, "ListRoles");
    await refused(
      devAdmin,
      "DeleteRole",
      { RoleName: name },
      409,
      "DeleteConflict",
      "Cannot delete entity, must delete policies first.",
    );
    await done(devAdmin, "DeleteRolePolicy", { RoleName: name, PolicyName: "all" });
    await refused(
      session,
      "ListRoles",
      {},
      403,
      "AccessDenied",
      /because no identity-based policy allows the iam:ListRoles action$/,
    );
    await done(devAdmin, "DeleteRole", { RoleName: name });
    await refused(session, "ListRoles", {}, 403, "InvalidClientTokenId", /invalid/);
  });

  describe("whose trust names somebody", () => {
    const trustOf = async (role: string) =>
      decodeURIComponent(
        demand((await done(devAdmin, "GetRole", { RoleName: role })).text("AssumeRolePolicyDocument")),
      );
    const assumes = async (credentials: Keys, role: string): Promise<string> => {
      const fields = { Action: "AssumeRole", RoleArn: `arn:aws:iam::${DEV}:role/${role}`, RoleSessionName: "again" };
      return (await sendQuery(sandbox.endpoint, "sts", credentials, fields)).code ?? "assumed";
    };
    const makeUser = async (name: string) => {
      const id = demand((await done(parentAdmin, "CreateUser", { UserName: name })).text("UserId"));
      await done(parentAdmin, "PutUserPolicy", { UserName: name, PolicyName: "all", PolicyDocument: ALLOW_ALL });
      const made = await done(parentAdmin, "CreateAccessKey", { UserName: name });
      const accessKeyId = demand(made.text("AccessKeyId"));
      return { id, accessKeyId, secretAccessKey: demand(made.text("SecretAccessKey")) };
    };
    const deleteUser = async (name: string, { accessKeyId }: Keys) => {
      await done(parentAdmin, "DeleteAccessKey", { UserName: name, AccessKeyId: accessKeyId });
      await done(parentAdmin, "DeleteUserPolicy", { UserName: name, PolicyName: "all" });
      await done(parentAdmin, "DeleteUser", { UserName: name });
    };

    it("are bound to that user: one who is made again under the name is not trusted, and the id shows", async () => {
      const arn = `arn:aws:iam::${PARENT}:user/pat`;
      const first = await makeUser("pat");
      await done(devAdmin, "CreateRole", { RoleName: "for-pat", AssumeRolePolicyDocument: trust(arn) });
      expect(await trustOf("for-pat")).toBe(trust(arn));
      expect(await assumes(first, "for-pat")).toBe("assumed");

      await deleteUser("pat", first);
      expect(await trustOf("for-pat")).toBe(trust(first.id));
      const second = await makeUser("pat");
      expect(await trustOf("for-pat")).toBe(trust(first.id));
      expect(await assumes(second, "for-pat")).toBe("AccessDenied");
      // What GetRole shows then is not taken back (IAM refuses the ids of those who are gone).
      await refused(
        devAdmin,
        "UpdateAssumeRolePolicy",
        { RoleName: "for-pat", PolicyDocument: trust(first.id) },
        400,
        "MalformedPolicyDocument",
        `Invalid principal in policy: "AWS":"${first.id}"`,
      );
      await done(devAdmin, "UpdateAssumeRolePolicy", { RoleName: "for-pat", PolicyDocument: trust(arn) });
      expect(await assumes(second, "for-pat")).toBe("assumed");
      await deleteUser("pat", second);
      await done(devAdmin, "DeleteRole", { RoleName: "for-pat" });
    });

    it("are bound to that role likewise", async () => {
      const arn = `arn:aws:iam::${DEV}:role/hop`;
      const makeHop = async () => {
        const made = await done(devAdmin, "CreateRole", { RoleName: "hop", AssumeRolePolicyDocument: trust(DEV) });
        return demand(made.text("RoleId"));
      };
      const hop = async (): Promise<Keys> => harness.assume(arn, { RoleSessionName: "hop" }, devAdmin);
      const id = await makeHop();
      await done(devAdmin, "CreateRole", { RoleName: "for-hop", AssumeRolePolicyDocument: trust(arn) });
      expect(await assumes(await hop(), "for-hop")).toBe("assumed");
      await done(devAdmin, "DeleteRole", { RoleName: "hop" });
      await makeHop();
      expect(await trustOf("for-hop")).toBe(trust(id));
      expect(await assumes(await hop(), "for-hop")).toBe("AccessDenied");
      for (const RoleName of ["hop", "for-hop"]) await done(devAdmin, "DeleteRole", { RoleName });
    });

    it("read as they were written but for that, an account by its root's ARN", async () => {
      const alice = `arn:aws:iam::${PARENT}:user/alice`;
      const write = (account: string) =>
        `{ "Version": "2012-10-17", "Id": "${PARENT}",\n  "Statement": [ { "Sid": "a", "Effect": "Allow", "Principal": { "AWS": [ "${account}", ` +
        `"${alice}", "*" ], "Service": "ec2.amazonaws.com" },\n "Action": [ "sts:AssumeRole" ], "Condition": { "StringEquals":` +
        ` { "aws:PrincipalArn": [ "${alice}", "\\u0061" ], "AWS:PrincipalAccount": "${PARENT}" }, "NumericLessThan": { "aws:MultiFactorAuthAge": 3600.0 } } } ] }`;
      await done(devAdmin, "CreateRole", { RoleName: "spelled", AssumeRolePolicyDocument: write(PARENT) });
      expect(await trustOf("spelled")).toBe(write(`arn:aws:iam::${PARENT}:root`));
      expect(harness.role(DEV, "spelled").trustPolicy).toContain(`"${harness.user("alice").id}"`);
      expect(harness.role(DEV, "spelled").trustPolicy).toContain(`"aws:PrincipalArn": [ "${alice}"`);
      await done(devAdmin, "DeleteRole", { RoleName: "spelled" });
    });
  });

  it("are panicked by a denial of the sessions issued before now", async () => {
    const session = await harness.assume(DEV_ROLE);
    sandbox.moveClock(2_000);
    const PolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: {
        Effect: "Deny",
        Action: "*",
        Resource: "*",
        Condition: { DateLessThan: { "aws:TokenIssueTime": new Date(sandbox.now()).toISOString() } },
      },
    });
    const revoke = { RoleName: "PrivilegedActionsRole", PolicyName: "AWSRevokeOlderSessions" };
    await done(devAdmin, "PutRolePolicy", { ...revoke, PolicyDocument });
    const describeInstances = (keys: Keys) => sendQuery(sandbox.endpoint, "ec2", keys, { Action: "DescribeInstances" });
    expect((await describeInstances(session)).message).toContain("with an explicit deny in an identity-based policy");
    sandbox.moveClock(2_000);
    expect((await describeInstances(await harness.assume(DEV_ROLE))).status).toBe(200);
    await done(devAdmin, "DeleteRolePolicy", revoke);
  });

  it.each<[string, Fields, number, string, string]>([
    [
      "a trust policy with a trailing comma",
      { AssumeRolePolicyDocument: '{"Version":"2012-10-17",}' },
      400,
      "MalformedPolicyDocument",
      "This policy contains invalid Json",
    ],
    [
      "trust in a user who is not there",
      { AssumeRolePolicyDocument: trust(`arn:aws:iam::${PARENT}:user/nobody`) },
      400,
      "MalformedPolicyDocument",
      `Invalid principal in policy: "AWS":"arn:aws:iam::${PARENT}:user/nobody"`,
    ],
    [
      "a trust policy of 2,049 characters",
      { AssumeRolePolicyDocument: trust(PARENT).replace("}}", `},"Sid":"${"x".repeat(2_000)}"}`) },
      409,
      "LimitExceeded",
      "Cannot exceed quota for ACLSizePerRole: 2048",
    ],
    [
      "an hour too little",
      { AssumeRolePolicyDocument: trust(PARENT), MaxSessionDuration: "3599" },
      400,
      "ValidationError",
      "1 validation error detected: Value '3599' at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600",
    ],
    [
      "the name of one that is there",
      { AssumeRolePolicyDocument: trust(PARENT), RoleName: "Administrator" },
      409,
      "EntityAlreadyExists",
      "Role with name Administrator already exists.",
    ],
  ])("are not made with %s", async (_name, fields, status, code, message) => {
    await refused(devAdmin, "CreateRole", { RoleName: "New", ...fields }, status, code, message);
  });
});

describe("policies", () => {
  it("of a user, a group and a managed one all count", async () => {
    await done(parentAdmin, "CreateUser", { UserName: "carol" });
    const made = await done(parentAdmin, "CreateAccessKey", { UserName: "carol" });
    const carol = {
      accessKeyId: demand(made.text("AccessKeyId")),
      secretAccessKey: demand(made.text("SecretAccessKey")),
    };
    const may = async () => (await iam(carol, "ListUsers")).status === 200;
    const statement = { Effect: "Allow", Action: "iam:ListUsers", Resource: "*" };
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: statement });
    const group = { GroupName: "readers" };
    expect(await may()).toBe(false);

    await done(parentAdmin, "PutUserPolicy", { UserName: "carol", PolicyName: "own", PolicyDocument });
    expect(await may()).toBe(true);
    await done(parentAdmin, "DeleteUserPolicy", { UserName: "carol", PolicyName: "own" });
    expect(await may()).toBe(false);

    await done(parentAdmin, "CreateGroup", group);
    await done(parentAdmin, "PutGroupPolicy", { ...group, PolicyName: "list", PolicyDocument });
    await done(parentAdmin, "AddUserToGroup", { ...group, UserName: "carol" });
    expect(await may()).toBe(true);
    expect((await done(parentAdmin, "ListGroupsForUser", { UserName: "carol" })).texts("GroupName")).toEqual([
      "readers",
    ]);
    expect((await done(parentAdmin, "GetGroup", group)).texts("UserName")).toEqual(["carol"]);
    await refused(parentAdmin, "DeleteGroup", group, 409, "DeleteConflict", /remove users/);
    await done(parentAdmin, "RemoveUserFromGroup", { ...group, UserName: "carol" });
    expect(await may()).toBe(false);
    await done(parentAdmin, "DeleteGroupPolicy", { ...group, PolicyName: "list" });
    await done(parentAdmin, "DeleteGroup", group);

    const PolicyArn = demand(
      (await done(parentAdmin, "CreatePolicy", { PolicyName: "managed", PolicyDocument })).text("Arn"),
    );
    await done(parentAdmin, "AttachUserPolicy", { UserName: "carol", PolicyArn });
    expect(await may()).toBe(true);
    expect((await done(parentAdmin, "GetPolicy", { PolicyArn })).text("AttachmentCount")).toBe("1");
    expect(
      decodeURIComponent(
        demand((await done(parentAdmin, "GetPolicyVersion", { PolicyArn, VersionId: "v1" })).text("Document")),
      ),
    ).toBe(PolicyDocument);
    expect((await done(parentAdmin, "ListAttachedUserPolicies", { UserName: "carol" })).texts("PolicyName")).toEqual([
      "managed",
    ]);
    await refused(parentAdmin, "DeletePolicy", { PolicyArn }, 409, "DeleteConflict", /attached/);
    await done(parentAdmin, "DetachUserPolicy", { UserName: "carol", PolicyArn });
    expect(await may()).toBe(false);
    await done(parentAdmin, "DeletePolicy", { PolicyArn });

    await done(parentAdmin, "AttachUserPolicy", {
      UserName: "carol",
      PolicyArn: "arn:aws:iam::aws:policy/IAMReadOnlyAccess",
    });
    expect(await may()).toBe(true);
    await refused(
      parentAdmin,
      "AttachUserPolicy",
      { UserName: "carol", PolicyArn: "arn:aws:iam::aws:policy/Nothing" },
      404,
      "NoSuchEntity",
      "Policy arn:aws:iam::aws:policy/Nothing does not exist or is not attachable.",
    );
    await refused(parentAdmin, "DeleteUser", { UserName: "carol" }, 409, "DeleteConflict", /access keys/);
  });

  it.each([
    ["{", "Syntax errors in policy."],
    [
      '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},]}',
      "Syntax errors in policy.",
    ],
  ])("that IAM would not store are refused: %s", async (PolicyDocument, message) => {
    await refused(
      devAdmin,
      "PutRolePolicy",
      { RoleName: "PrivilegedActionsRole", PolicyName: "x", PolicyDocument },
      400,
      "MalformedPolicyDocument",
      message,
    );
  });

  it("may be put again in the place of an earlier one, whose characters count no more", async () => {
    const put = (marker: string) =>
      done(parentAdmin, "PutUserPolicy", {
        UserName: "bob",
        PolicyName: "large",
        PolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: {
            Effect: "Allow",
            Action: "iam:ListUsers",
            Resource: `arn:aws:iam::111122223333:user/${marker.repeat(700)}`,
          },
        }),
      });
    await put("x");
    await put("y");
    await done(parentAdmin, "DeleteUserPolicy", { UserName: "bob", PolicyName: "large" });
  });

  it("of one user have 2,048 characters together", async () => {
    const statement = {
      Effect: "Allow",
      Action: "iam:ListUsers",
      Resource: `arn:aws:iam::111122223333:user/${"x".repeat(1_500)}`,
    };
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: statement });
    await refused(
      parentAdmin,
      "PutUserPolicy",
      { UserName: "alice", PolicyName: "big", PolicyDocument },
      409,
      "LimitExceeded",
      "Maximum policy size of 2048 bytes exceeded for user alice",
    );
  });
});

describe("listings and aliases", () => {
  it("come in pages whose markers are good for that listing alone", async () => {
    for (let number = 1; number <= 7; number += 1)
      await done(parentAdmin, "CreateUser", { UserName: `page-${number}` });
    const names: string[] = [];
    let marker: string | undefined;
    do {
      const page = await done(parentAdmin, "ListUsers", {
        MaxItems: "3",
        ...(marker === undefined ? {} : { Marker: marker }),
      });
      names.push(...page.texts("UserName"));
      expect(page.text("IsTruncated")).toBe(page.text("Marker") === undefined ? "false" : "true");
      if (page.text("Marker") !== undefined) {
        await refused(
          parentAdmin,
          "ListRoles",
          { Marker: demand(page.text("Marker")) },
          400,
          "ValidationError",
          /^Invalid Marker/,
        );
      }
      marker = page.text("Marker");
    } while (marker !== undefined);
    expect(names).toEqual([...harness.account(PARENT).users.keys()].sort());
  });

  it.each([
    ["Users", "CreateUser", "UserName", "DeleteUser", {}],
    ["Groups", "CreateGroup", "GroupName", "DeleteGroup", {}],
    ["Roles", "CreateRole", "RoleName", "DeleteRole", { AssumeRolePolicyDocument: trust(PARENT) }],
    ["Policies", "CreatePolicy", "PolicyName", undefined, { PolicyDocument: ALLOW_ALL }],
  ] as const)(
    "of %s are by path where one is asked for, and names differ by more than case",
    async (list, create, field, remove, more) => {
      const make = (name: string, path: string) => iam(parentAdmin, create, { [field]: name, Path: path, ...more });
      const listed = async (pathPrefix: string) =>
        (await done(parentAdmin, `List${list}`, { PathPrefix: pathPrefix })).texts(field);
      expect((await make("Deep-1", "/team/inner/")).status).toBe(200);
      expect((await make("Deep-2", "/team/")).status).toBe(200);
      expect((await make("Deep-3", "/teams/")).status).toBe(200);
      expect(await listed("/team/")).toEqual(["Deep-1", "Deep-2"]);
      expect(await listed("/team")).toEqual(["Deep-1", "Deep-2", "Deep-3"]);
      expect(await listed("/team/inner/")).toEqual(["Deep-1"]);
      expect(await listed("/other/")).toEqual([]);
      expect(await listed("/")).toEqual((await done(parentAdmin, `List${list}`)).texts(field));
      await refused(parentAdmin, `List${list}`, { PathPrefix: "team" }, 400, "ValidationError", /'pathPrefix'/);
      const page = await done(parentAdmin, `List${list}`, { PathPrefix: "/team", MaxItems: "2" });
      expect([page.text("IsTruncated"), page.texts(field)]).toEqual(["true", ["Deep-1", "Deep-2"]]);

      const twin = await make("dEEP-1", "/elsewhere/");
      expect([twin.status, twin.code]).toEqual([409, "EntityAlreadyExists"]);
      expect(twin.message).toContain("dEEP-1 already exists");
      if (remove !== undefined) {
        for (const name of ["Deep-1", "Deep-2", "Deep-3"]) await done(parentAdmin, remove, { [field]: name });
      }
    },
  );

  it("know one alias of an account, unlike any other's", async () => {
    expect((await done(devAdmin, "ListAccountAliases")).texts("member")).toEqual([]);
    await done(devAdmin, "CreateAccountAlias", { AccountAlias: "acme-dev" });
    expect((await done(devAdmin, "ListAccountAliases")).texts("member")).toEqual(["acme-dev"]);
    await refused(
      parentAdmin,
      "CreateAccountAlias",
      { AccountAlias: "acme-dev" },
      409,
      "EntityAlreadyExists",
      /acme-dev/,
    );
    await refused(parentAdmin, "CreateAccountAlias", { AccountAlias: "Acme" }, 400, "ValidationError", /accountAlias/);
    await done(devAdmin, "DeleteAccountAlias", { AccountAlias: "acme-dev" });
  });
});
