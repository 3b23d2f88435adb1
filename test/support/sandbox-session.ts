import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { makeClientConfig } from "../../src/aws/client-config.ts";
import { DIRECT_CONNECTION } from "../../src/aws/client-settings.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import type { Account, Instance, Table } from "../../src/sandbox/world.ts";
import { makeTestScope, type TestScope } from "./action-scope.ts";
import { type FakeClock, makeFakeClock } from "./fake-clock.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

const REGION = "us-east-1";
const STEP_MS = 30_000;

export type ChildAccount = "dev" | "staging" | "prod";
const ACCOUNT_IDS: Readonly<Record<ChildAccount, string>> = {
  dev: "222222222222",
  staging: "333333333333",
  prod: "444444444444",
};

/** A sandbox, a fault proxy before it, and role sessions got from it with a real STS client and a real code. */
export interface SandboxSession {
  readonly sandbox: Sandbox;
  /** Between the actions and the sandbox. */
  readonly proxy: FaultProxy;
  readonly clock: FakeClock;
  account(name: ChildAccount): Account;
  instances(name: ChildAccount): Instance[];
  instance(name: ChildAccount, id: string): Instance | undefined;
  table(name: ChildAccount, tableName: string): Table | undefined;
  /** Adds copies of the account's first instance. @returns their ids */
  addInstances(name: ChildAccount, count: number, change?: Partial<Instance>): string[];
  addTable(name: ChildAccount, tableName: string, change?: Partial<Table>): Table;
  /** What the privileged role may do from now on. */
  allow(name: ChildAccount, ...actions: readonly string[]): void;
  /** @param policy a session policy */
  scope(name: ChildAccount, policy?: object): Promise<TestScope>;
  /** Operations that the sandbox answered since the last `forget`, dry runs marked, reads included. */
  operations(): string[];
  /** Those of them that change something. */
  changes(): string[];
  forget(): void;
  close(): Promise<void>;
}

const READS = /^(?:Describe|List|Get)|\(dry run\)$/;

export async function startSandboxSession(): Promise<SandboxSession> {
  const clock = makeFakeClock();
  const sandbox = await startSandbox({ now: clock.now });
  const proxy = await startFaultProxy(sandbox.endpoint);
  let forgotten = 0;
  let lastStep = Number.NEGATIVE_INFINITY;
  let serial = 0;

  const account = (name: ChildAccount): Account => {
    const found = sandbox.world.accounts.get(ACCOUNT_IDS[name]);
    if (found === undefined) throw new Error(`no account ${name}`);
    return found;
  };
  const tableKey = (tableName: string) => `${REGION}/${tableName}`;

  async function assumeRole(name: ChildAccount, policy: object | undefined): Promise<Credentials> {
    // A code works once: on to the next step where this one's was used.
    if (Math.floor(clock.now() / STEP_MS) <= lastStep) clock.advance(STEP_MS);
    lastStep = Math.floor(clock.now() / STEP_MS);
    const alice = sandbox.world.accounts.get("111122223333")?.users.get("alice")?.accessKeys[0];
    if (alice === undefined) throw new Error("no alice");
    const client = new STSClient(
      makeClientConfig({
        region: REGION,
        endpoint: sandbox.endpoint,
        credentials: new Credentials({ accessKeyId: alice.accessKeyId, secretAccessKey: alice.secretAccessKey }),
        useFipsEndpoint: false,
        useDualstackEndpoint: false,
        connection: DIRECT_CONNECTION,
        maxAttempts: 1,
      }),
    );
    const { Credentials: given } = await client.send(
      new AssumeRoleCommand({
        RoleArn: `arn:aws:iam::${ACCOUNT_IDS[name]}:role/PrivilegedActionsRole`,
        RoleSessionName: "alice",
        SerialNumber: "arn:aws:iam::111122223333:mfa/alice",
        TokenCode: sandbox.currentCode(),
        ...(policy === undefined ? {} : { Policy: JSON.stringify(policy) }),
      }),
    );
    client.destroy();
    return new Credentials({
      accessKeyId: given?.AccessKeyId ?? "",
      secretAccessKey: given?.SecretAccessKey ?? "",
      sessionToken: given?.SessionToken,
      expiration: given?.Expiration?.getTime(),
    });
  }

  const operations = () =>
    sandbox.calls.slice(forgotten).map(({ operation = "unknown", parameters }) => {
      return parameters.DryRun === "true" ? `${operation} (dry run)` : operation;
    });

  return {
    sandbox,
    proxy,
    clock,
    account,
    instances: (name) => [...account(name).instances.values()],
    instance: (name, id) => account(name).instances.get(id),
    table: (name, tableName) => account(name).tables.get(tableKey(tableName)),
    addInstances(name, count, change = {}) {
      const [model] = account(name).instances.values();
      if (model === undefined) throw new Error("no instance to copy");
      return Array.from({ length: count }, () => {
        const id = `i-${(++serial).toString(16).padStart(17, "0")}`;
        account(name).instances.set(id, { ...model, tags: new Map(model.tags), ...change, id });
        return id;
      });
    },
    addTable(name, tableName, change = {}) {
      const [model] = account(name).tables.values();
      if (model === undefined) throw new Error("no table to copy");
      const table: Table = {
        ...model,
        name: tableName,
        arn: `arn:aws:dynamodb:${REGION}:${ACCOUNT_IDS[name]}:table/${tableName}`,
        id: crypto.randomUUID(),
        deletionProtectionEnabled: false,
        ...change,
      };
      account(name).tables.set(tableKey(tableName), table);
      return table;
    },
    allow(name, ...actions) {
      const policies = account(name).roles.get("PrivilegedActionsRole")?.inlinePolicies;
      policies?.clear();
      policies?.set(
        "Test",
        JSON.stringify({
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }],
        }),
      );
    },
    async scope(name, policy) {
      const credentials = await assumeRole(name, policy);
      return makeTestScope({ accountId: ACCOUNT_IDS[name], credentials, endpoint: proxy.url, clock });
    },
    operations,
    changes: () => operations().filter((operation) => !READS.test(operation)),
    forget() {
      forgotten = sandbox.calls.length;
    },
    async close() {
      await proxy.close();
      await sandbox.close();
    },
  };
}
