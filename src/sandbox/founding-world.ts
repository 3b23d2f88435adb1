import { randomBytes, randomUUID } from "node:crypto";
import { makeAccessKeyId, makeResourceId, makeSecretAccessKey, makeUniqueId } from "./identifiers.ts";
import { formatBase32 } from "./totp.ts";
import { type Account, type Instance, type Role, type Table, tableKey, type User, type World } from "./world.ts";

/** The names of the founding world (CLI.md, "Sandbox"). */
export const PARENT_ACCOUNT_ID = "111122223333";
/** In the order in which the profiles are written. */
export const CHILD_ACCOUNTS = [
  { name: "dev", id: "222222222222" },
  { name: "staging", id: "333333333333" },
  { name: "prod", id: "444444444444" },
] as const;
/** Where all instances and tables of the founding world are. */
export const FOUNDING_REGION = "us-east-1";
/** In every child account: terminate, delete table, and the reads that these need. */
export const PRIVILEGED_ROLE_NAME = "PrivilegedActionsRole";
/** In every account, the parent too: everything, with MFA. */
export const ADMINISTRATOR_ROLE_NAME = "Administrator";
/** A virtual device; its secret is made when the world is. */
export const ALICE_DEVICE_SERIAL = `arn:aws:iam::${PARENT_ACCOUNT_ID}:mfa/alice`;

const HOUR_SECONDS = 3_600;
const DAY_MS = 86_400_000;
/** Bytes of a virtual device's secret; AWS's own are 64 characters of base32. */
const DEVICE_SECRET_BYTES = 40;

/** A JSON document as IAM stores it. */
function policy(...statements: readonly object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements }, null, 2);
}

/** The founding trust policy: anyone of the parent account whom its own policies allow, and only with MFA. */
const MFA_TRUST_POLICY = policy({
  Effect: "Allow",
  Principal: { AWS: `arn:aws:iam::${PARENT_ACCOUNT_ID}:root` },
  Action: "sts:AssumeRole",
  Condition: { Bool: { "aws:MultiFactorAuthPresent": true } },
});

const PRIVILEGED_ACTIONS_POLICY = policy({
  Effect: "Allow",
  Action: [
    "ec2:TerminateInstances",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceAttribute",
    "dynamodb:DeleteTable",
    "dynamodb:ListTables",
    "dynamodb:DescribeTable",
  ],
  Resource: "*",
});

const EVERYTHING_POLICY = policy({ Effect: "Allow", Action: "*", Resource: "*" });

function roleArn(accountId: string, roleName: string): string {
  return `arn:aws:iam::${accountId}:role/${roleName}`;
}

const PRIVILEGED_ROLE_ARNS = CHILD_ACCOUNTS.map(({ id }) => roleArn(id, PRIVILEGED_ROLE_NAME));
const ADMINISTRATOR_ROLE_ARNS = [PARENT_ACCOUNT_ID, ...CHILD_ACCOUNTS.map(({ id }) => id)].map((id) =>
  roleArn(id, ADMINISTRATOR_ROLE_NAME),
);

/** What a user may do with their own keys and devices (IAM User Guide, "Allow users to manage their own password, …"). */
const OWN_CREDENTIALS_POLICY = policy(
  {
    Effect: "Allow",
    Action: [
      "iam:GetUser",
      "iam:ListMFADevices",
      "iam:EnableMFADevice",
      "iam:ResyncMFADevice",
      "iam:DeactivateMFADevice",
      "iam:ListAccessKeys",
      "iam:CreateAccessKey",
      "iam:UpdateAccessKey",
      "iam:DeleteAccessKey",
      "iam:GetAccessKeyLastUsed",
    ],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable, which IAM fills in
    Resource: "arn:aws:iam::*:user/${aws:username}",
  },
  {
    Effect: "Allow",
    Action: ["iam:CreateVirtualMFADevice", "iam:DeleteVirtualMFADevice"],
    Resource: "arn:aws:iam::*:mfa/*",
  },
  { Effect: "Allow", Action: ["iam:ListVirtualMFADevices", "iam:ListAccountAliases"], Resource: "*" },
);

/** An empty account. @param id twelve digits */
export function makeAccount(id: string, name: string): Account {
  return {
    id,
    name,
    users: new Map(),
    groups: new Map(),
    roles: new Map(),
    managedPolicies: new Map(),
    mfaDevices: new Map(),
    instances: new Map(),
    tables: new Map(),
    backups: new Map(),
    alias: undefined,
  };
}

/** A new user with one active key. */
function addUser(
  account: Account,
  name: string,
  nowMs: number,
  inlinePolicies: Readonly<Record<string, string>>,
): User {
  const user: User = {
    name,
    path: "/",
    arn: `arn:aws:iam::${account.id}:user/${name}`,
    id: makeUniqueId("AIDA"),
    createdAtMs: nowMs - 400 * DAY_MS,
    accessKeys: [
      {
        accessKeyId: makeAccessKeyId("AKIA"),
        secretAccessKey: makeSecretAccessKey(),
        createdAtMs: nowMs - 40 * DAY_MS,
        status: "Active",
        lastUsed: undefined,
      },
    ],
    groupNames: [],
    tags: new Map(),
    inlinePolicies: new Map(Object.entries(inlinePolicies)),
    attachedPolicyArns: [],
  };
  account.users.set(name, user);
  return user;
}

function addRole(
  account: Account,
  name: string,
  nowMs: number,
  maxSessionDurationSeconds: number,
  permissions: string,
): void {
  const role: Role = {
    name,
    path: "/",
    arn: roleArn(account.id, name),
    id: makeUniqueId("AROA"),
    createdAtMs: nowMs - 300 * DAY_MS,
    tags: new Map(),
    inlinePolicies: new Map([[name, permissions]]),
    attachedPolicyArns: [],
    description: "",
    maxSessionDurationSeconds,
    trustPolicy: MFA_TRUST_POLICY,
  };
  account.roles.set(name, role);
}

const FOUNDING_INSTANCES = [
  { name: "web-1", zone: "a", type: "t3.small", protectable: false },
  { name: "web-2", zone: "b", type: "t3.small", protectable: false },
  { name: "worker-1", zone: "a", type: "m6i.large", protectable: false },
  { name: "database-1", zone: "b", type: "r6i.large", protectable: true },
] as const;

function addInstances(account: Account, environment: string, nowMs: number): void {
  const vpcId = makeResourceId("vpc");
  const imageId = makeResourceId("ami");
  const securityGroups = [{ id: makeResourceId("sg"), name: "default" }];
  const subnetIds: Readonly<Record<"a" | "b", string>> = { a: makeResourceId("subnet"), b: makeResourceId("subnet") };
  for (const [index, { name, zone, type, protectable }] of FOUNDING_INSTANCES.entries()) {
    const instance: Instance = {
      id: makeResourceId("i"),
      reservationId: makeResourceId("r"),
      region: FOUNDING_REGION,
      availabilityZone: FOUNDING_REGION + zone,
      imageId,
      keyName: undefined,
      clientToken: "",
      launchDigest: undefined,
      launchIndex: 0,
      privateIpAddress: `10.0.${zone === "a" ? 0 : 1}.${10 + index}`,
      subnetId: subnetIds[zone],
      vpcId,
      securityGroups,
      tags: new Map([
        ["Name", name],
        ["Env", environment],
      ]),
      hibernationConfigured: false,
      instanceType: type,
      launchedAtMs: nowMs - (30 - index) * DAY_MS,
      state: "running",
      nextState: undefined,
      stateReason: undefined,
      disableApiTermination: protectable && environment === "prod",
      disableApiStop: false,
      shutdownBehavior: "stop",
      userData: undefined,
    };
    account.instances.set(instance.id, instance);
  }
}

const FOUNDING_TABLES = [
  { name: "orders", protectable: true },
  { name: "sessions", protectable: false },
] as const;

function addTables(account: Account, environment: string, nowMs: number): void {
  for (const { name, protectable } of FOUNDING_TABLES) {
    const items = [1, 2, 3].map((number) => ({ id: { S: `${name}-${number}` }, note: { S: "sandbox" } }));
    const table: Table = {
      name,
      region: FOUNDING_REGION,
      arn: `arn:aws:dynamodb:${FOUNDING_REGION}:${account.id}:table/${name}`,
      id: randomUUID(),
      createdAtMs: nowMs - 200 * DAY_MS,
      attributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      keySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      items: new Map(items.map((item) => [JSON.stringify([item.id]), item])),
      tags: new Map([["Env", environment]]),
      billingMode: "PAY_PER_REQUEST",
      readCapacityUnits: 0,
      writeCapacityUnits: 0,
      tableClass: undefined,
      status: "ACTIVE",
      statusUntilMs: undefined,
      tagsUntilMs: undefined,
      deletionProtectionEnabled: protectable && environment === "prod",
    };
    account.tables.set(tableKey(table.region, table.name), table);
  }
}

/**
 * The world that a sandbox starts with (CLI.md, "Sandbox"): a parent account with alice, who has a device, and bob, who
 * has none, and three child accounts. Keys, secrets and ids are new each time.
 */
export function makeFoundingWorld(startMs: number): World {
  // AWS's own records of launches and creations have whole seconds.
  const nowMs = Math.floor(startMs / 1_000) * 1_000;
  const parent = makeAccount(PARENT_ACCOUNT_ID, "parent");
  addRole(parent, ADMINISTRATOR_ROLE_NAME, nowMs, 12 * HOUR_SECONDS, EVERYTHING_POLICY);
  const assume = (resources: readonly string[]) =>
    policy({ Effect: "Allow", Action: "sts:AssumeRole", Resource: resources });
  addUser(parent, "alice", nowMs, {
    AssumeRoles: assume([...PRIVILEGED_ROLE_ARNS, ...ADMINISTRATOR_ROLE_ARNS]),
    OwnCredentials: OWN_CREDENTIALS_POLICY,
  });
  // Bob may do what alice may: it is only the device that he lacks.
  addUser(parent, "bob", nowMs, {
    AssumeRoles: assume(PRIVILEGED_ROLE_ARNS),
    OwnCredentials: OWN_CREDENTIALS_POLICY,
  });
  parent.mfaDevices.set(ALICE_DEVICE_SERIAL, {
    serialNumber: ALICE_DEVICE_SERIAL,
    secret: formatBase32(randomBytes(DEVICE_SECRET_BYTES)),
    userName: "alice",
    enabledAtMs: nowMs - 100 * DAY_MS,
    lastAcceptedStep: undefined,
    driftSteps: 0,
  });

  const children = CHILD_ACCOUNTS.map(({ id, name }) => {
    const child = makeAccount(id, name);
    const maxSessionSeconds = name === "prod" ? HOUR_SECONDS : 12 * HOUR_SECONDS;
    addRole(child, PRIVILEGED_ROLE_NAME, nowMs, maxSessionSeconds, PRIVILEGED_ACTIONS_POLICY);
    addRole(child, ADMINISTRATOR_ROLE_NAME, nowMs, 12 * HOUR_SECONDS, EVERYTHING_POLICY);
    addInstances(child, name, nowMs);
    addTables(child, name, nowMs);
    return child;
  });
  return {
    accounts: new Map([parent, ...children].map((account) => [account.id, account])),
    sessions: new Map(),
    sealKey: randomBytes(32).toString("hex"),
  };
}
