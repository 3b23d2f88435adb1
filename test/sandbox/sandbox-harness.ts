import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EC2Client } from "@aws-sdk/client-ec2";
import { AssumeRoleCommand, type AssumeRoleCommandInput, STSClient } from "@aws-sdk/client-sts";
import { afterAll } from "vitest";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/sandbox.ts";
import type { AccessKey, Account, Role, User } from "../../src/sandbox/world.ts";

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

export const PARENT = "111122223333";
export const DEV = "222222222222";
export const PROD = "444444444444";
export const SERIAL = `arn:aws:iam::${PARENT}:mfa/alice`;
export const DEV_ROLE = `arn:aws:iam::${DEV}:role/PrivilegedActionsRole`;
export const PROD_ROLE = `arn:aws:iam::${PROD}:role/PrivilegedActionsRole`;

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A sandbox with real SDK clients for it, on the real clock; `nextCode` moves the world's clock to a fresh code. */
export class Harness {
  readonly sandbox: Sandbox;
  readonly #clients: { destroy(): void }[] = [];

  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  account(id: string): Account {
    return demand(this.sandbox.world.accounts.get(id));
  }

  user(name: string): User {
    return demand(this.account(PARENT).users.get(name));
  }

  keys(userName: string): AccessKey {
    return demand(this.user(userName).accessKeys[0]);
  }

  role(accountId: string, name = "PrivilegedActionsRole"): Role {
    return demand(this.account(accountId).roles.get(name));
  }

  sts(credentials: Keys = this.keys("alice"), region = "us-east-1"): STSClient {
    return this.#keep(new STSClient({ ...this.#base(region), credentials }));
  }

  ec2(credentials: Keys, region = "us-east-1"): EC2Client {
    return this.#keep(new EC2Client({ ...this.#base(region), credentials }));
  }

  dynamoDb(credentials: Keys, region = "us-east-1"): DynamoDBClient {
    return this.#keep(new DynamoDBClient({ ...this.#base(region), credentials }));
  }

  /** A code that was not used: the world's clock goes on to the next step when this step's is spent. */
  nextCode(): string {
    const device = demand(this.account(PARENT).mfaDevices.get(SERIAL));
    while (
      device.lastAcceptedStep !== undefined &&
      Math.floor(this.sandbox.now() / 30_000) <= device.lastAcceptedStep
    ) {
      this.sandbox.moveClock(30_000);
    }
    return this.sandbox.currentCode();
  }

  /** Credentials of a role, assumed by alice with a fresh code. */
  async assume(roleArn: string, more: Partial<AssumeRoleCommandInput> = {}, caller?: Keys): Promise<Required<Keys>> {
    const mfa = caller === undefined ? { SerialNumber: SERIAL, TokenCode: this.nextCode() } : {};
    const { Credentials } = await this.sts(caller).send(
      new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: "alice", ...mfa, ...more }),
    );
    return {
      accessKeyId: demand(Credentials?.AccessKeyId),
      secretAccessKey: demand(Credentials?.SecretAccessKey),
      sessionToken: demand(Credentials?.SessionToken),
    };
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.sandbox.close();
  }

  #base(region: string) {
    return { region, endpoint: this.sandbox.endpoint, maxAttempts: 1 };
  }

  #keep<T extends { destroy(): void }>(client: T): T {
    this.#clients.push(client);
    return client;
  }
}

/** A fresh world; closed when the file's tests are done. */
export async function openHarness(options: Partial<SandboxOptions> = {}): Promise<Harness> {
  const harness = new Harness(await startSandbox({ now: Date.now, ...options }));
  afterAll(() => harness.close());
  return harness;
}

/** What a client was told: its error's code, HTTP status and message. */
export async function refusal(call: Promise<unknown>): Promise<{ code: string; status: number; message: string }> {
  try {
    await call;
  } catch (error) {
    const { name, message, ...more } = error as Error & { Code?: string; $metadata?: { httpStatusCode?: number } };
    const { Code, $metadata } = more;
    // The SDK's name of an error may differ from the code on the wire.
    return { code: Code ?? name, status: $metadata?.httpStatusCode ?? 0, message };
  }
  throw new Error("the call was not refused");
}

export function demand<T>(value: T | undefined | null): T {
  if (value === undefined || value === null) throw new Error("a value that the test relies on is missing");
  return value;
}
