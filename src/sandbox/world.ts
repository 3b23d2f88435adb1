/**
 * What exists: accounts with their users, roles, devices, instances and tables, and the sessions that were handed out.
 * Plain data, so that it can be written to a file and read back; whoever handles a call changes it in place. All times
 * are the world's own clock, in milliseconds since 1970.
 */
export interface World {
  readonly accounts: Map<string, Account>;
  /** By access key id. */
  readonly sessions: Map<string, Session>;
  /** Hexadecimal AES-256 key for texts that callers hand back unread: page markers, encoded failure messages. */
  readonly sealKey: string;
}

export interface Account {
  /** twelve digits */
  readonly id: string;
  readonly name: string;
  readonly users: Map<string, User>;
  readonly groups: Map<string, Group>;
  readonly roles: Map<string, Role>;
  /** Customer managed policies, by ARN. */
  readonly managedPolicies: Map<string, ManagedPolicy>;
  /** By serial number. */
  readonly mfaDevices: Map<string, MfaDevice>;
  readonly instances: Map<string, Instance>;
  /** By {@link tableKey}. */
  readonly tables: Map<string, Table>;
  /** By ARN. */
  readonly backups: Map<string, Backup>;
  alias: string | undefined;
}

/** A user, group or role, as far as its permissions go. */
export interface PolicyHolder {
  /** Policy documents as they were put, by name. */
  readonly inlinePolicies: Map<string, string>;
  readonly attachedPolicyArns: string[];
}

export interface User extends PolicyHolder {
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  /** AIDA… */
  readonly id: string;
  readonly createdAtMs: number;
  readonly accessKeys: AccessKey[];
  readonly groupNames: string[];
  readonly tags: Map<string, string>;
}

/** Long-term keys of a user; an inactive one is as unknown to AWS. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly createdAtMs: number;
  status: "Active" | "Inactive";
  lastUsed: { readonly atMs: number; readonly service: string; readonly region: string } | undefined;
}

export interface Group extends PolicyHolder {
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  readonly id: string;
  readonly createdAtMs: number;
}

export interface Role extends PolicyHolder {
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  /** AROA…; sessions are bound to it, so that a role made again under the same name doesn't revive them. */
  readonly id: string;
  readonly createdAtMs: number;
  readonly tags: Map<string, string>;
  description: string;
  /** 3600 to 43200 */
  maxSessionDurationSeconds: number;
  /** With unique ids in the place of users and roles: see trusted-principals.ts. */
  trustPolicy: string;
}

export interface ManagedPolicy {
  readonly arn: string;
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly createdAtMs: number;
  document: string;
}

/** A virtual device, or a hardware one that a test put into the world. */
export interface MfaDevice {
  /** ARN of a virtual device, or a hardware device's serial. */
  readonly serialNumber: string;
  /** Base32, without padding. */
  readonly secret: string;
  /** Undefined while the device belongs to nobody. */
  userName: string | undefined;
  enabledAtMs: number | undefined;
  /** Codes of this step (of the device's clock) and earlier ones are spent. */
  lastAcceptedStep: number | undefined;
  /** How many steps the device's clock is ahead, as EnableMFADevice or ResyncMFADevice found. */
  driftSteps: number;
}

/** Temporary credentials: of a role (AssumeRole) or of a user (GetSessionToken). */
export interface Session {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly accountId: string;
  readonly owner:
    | { readonly kind: "user"; readonly userId: string; readonly userName: string }
    | {
        readonly kind: "role";
        readonly roleId: string;
        readonly roleName: string;
        readonly roleSessionName: string;
      };
  /** When a code was given for these very credentials; undefined when none was, or when it does not carry. */
  readonly mfaAtMs: number | undefined;
  /** Session policies: the session may do only what these allow too. Empty when none were passed. */
  readonly sessionPolicies: readonly string[];
  readonly tags: ReadonlyMap<string, string>;
  /** Keys of {@link tags} that go down a chain. */
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
  /** Whether the role was assumed with temporary credentials. */
  readonly isChained: boolean;
}

export type InstanceStateName = "pending" | "running" | "shutting-down" | "terminated" | "stopping" | "stopped";

/** An EC2 instance; its state goes on by itself, see {@link settleInstances}. */
export interface Instance {
  readonly id: string;
  readonly reservationId: string;
  readonly region: string;
  readonly availabilityZone: string;
  readonly imageId: string;
  readonly keyName: string | undefined;
  readonly clientToken: string;
  /** Of the call that launched it; undefined for what was there from the start. */
  readonly launchDigest: string | undefined;
  readonly launchIndex: number;
  readonly privateIpAddress: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly securityGroups: readonly { readonly id: string; readonly name: string }[];
  readonly tags: Map<string, string>;
  readonly hibernationConfigured: boolean;
  instanceType: string;
  launchedAtMs: number;
  state: InstanceStateName;
  /** What the instance becomes by itself, and when. */
  nextState: { readonly state: InstanceStateName; readonly atMs: number } | undefined;
  /** When it left the running state, and by whose wish. */
  stateReason: { readonly code: string; readonly message: string; readonly atMs: number } | undefined;
  disableApiTermination: boolean;
  disableApiStop: boolean;
  shutdownBehavior: "stop" | "terminate";
  userData: string | undefined;
}

export type TableStatus = "CREATING" | "ACTIVE" | "UPDATING" | "DELETING";

/** An attribute value as DynamoDB's JSON writes it: `{"S": "…"}`, `{"N": "1"}`, … */
export type AttributeValue = Readonly<Record<string, unknown>>;
export type Item = Readonly<Record<string, AttributeValue>>;

/** A DynamoDB table; its status goes on by itself, see {@link settleTables}. */
export interface Table {
  readonly name: string;
  readonly region: string;
  readonly arn: string;
  /** A UUID: tells a table from one made later under the same name. */
  readonly id: string;
  readonly createdAtMs: number;
  readonly attributeDefinitions: readonly { readonly AttributeName: string; readonly AttributeType: string }[];
  readonly keySchema: readonly { readonly AttributeName: string; readonly KeyType: string }[];
  /** By the text of the key attributes. */
  readonly items: Map<string, Item>;
  readonly tags: Map<string, string>;
  billingMode: "PROVISIONED" | "PAY_PER_REQUEST";
  readCapacityUnits: number;
  writeCapacityUnits: number;
  tableClass: string | undefined;
  status: TableStatus;
  /** When CREATING and UPDATING become ACTIVE, and a DELETING table is gone. */
  statusUntilMs: number | undefined;
  /** Until then a change of its tags is under way. */
  tagsUntilMs: number | undefined;
  deletionProtectionEnabled: boolean;
}

/** An on-demand backup: it knows its table, and outlives it. */
export interface Backup {
  readonly arn: string;
  readonly name: string;
  readonly region: string;
  readonly createdAtMs: number;
  /** Until then the backup is CREATING. */
  readonly availableAtMs: number;
  readonly sizeBytes: number;
  readonly table: Pick<Table, "name" | "arn" | "id" | "createdAtMs" | "keySchema" | "billingMode">;
  readonly itemCount: number;
}

/** Tables of one name may be in every region. */
export function tableKey(region: string, name: string): string {
  return `${region}/${name}`;
}

/** How long a change of an instance's or a table's state takes, in the world's time. */
export const STATE_CHANGE_MS = 1_000;

/** Terminated instances stay visible for about an hour (EC2 API reference, TerminateInstances). */
const TERMINATED_VISIBLE_MS = 3_600_000;

/** Brings the state of all instances of an account up to now; those terminated long ago are gone. */
export function settleInstances(account: Account, nowMs: number): void {
  for (const instance of account.instances.values()) {
    const next = instance.nextState;
    if (next !== undefined && nowMs >= next.atMs) {
      instance.state = next.state;
      instance.nextState = undefined;
    }
    const endedAtMs = instance.stateReason?.atMs;
    if (instance.state === "terminated" && endedAtMs !== undefined && nowMs >= endedAtMs + TERMINATED_VISIBLE_MS) {
      account.instances.delete(instance.id);
    }
  }
}

/** Brings the state of all tables of an account up to now. */
export function settleTables(account: Account, nowMs: number): void {
  for (const [key, table] of account.tables) {
    if (table.statusUntilMs === undefined || nowMs < table.statusUntilMs) continue;
    table.statusUntilMs = undefined;
    if (table.status === "DELETING") account.tables.delete(key);
    else table.status = "ACTIVE";
  }
}

/** @returns undefined for a key of nobody */
export function findAccessKey(
  world: World,
  accessKeyId: string,
): { account: Account; user: User; key: AccessKey } | undefined {
  for (const account of world.accounts.values()) {
    for (const user of account.users.values()) {
      const key = user.accessKeys.find((each) => each.accessKeyId === accessKeyId);
      if (key !== undefined) return { account, user, key };
    }
  }
  return undefined;
}
