import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { DescribeInstancesCommand, DescribeRegionsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { makeDynamoDb } from "../../src/actions/dynamodb/dynamodb-client.ts";
import { makeEc2 } from "../../src/actions/ec2/ec2-client.ts";
import { makeClientConfig } from "../../src/aws/client-config.ts";
import { type ClientSettings, DIRECT_CONNECTION } from "../../src/aws/client-settings.ts";
import { ConnectionPool } from "../../src/aws/connection-pool.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import { makeStsClient } from "../../src/session/sts-client.ts";
import { makeTestScope } from "../support/action-scope.ts";

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

let folder: string;
let fifo: string;
let server: Server;
let endpoint: string;
let trap: Server;
let trapUrl: string;
let requests: IncomingMessage[] = [];
let trapped = 0;
const environment = { ...process.env };

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(tmpdir(), "assume-mfa-test-"));
  fifo = path.join(folder, "config");
  execFileSync("mkfifo", [fifo]);
  server = createServer((request, response) => {
    requests.push(request);
    request.resume();
    response.writeHead(400, { "content-type": "text/xml" }).end("<x/>");
  });
  trap = createServer((_request, response) => {
    trapped += 1;
    response.writeHead(200).end("{}");
  });
  for (const each of [server, trap]) await new Promise<void>((resolve) => each.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  trapUrl = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  trap.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  requests = [];
  trapped = 0;
  // All that would lead the SDK elsewhere if it looked: files that hang whoever reads them, endpoints, a proxy of keys.
  Object.assign(process.env, {
    AWS_CONFIG_FILE: fifo,
    AWS_SHARED_CREDENTIALS_FILE: fifo,
    HOME: folder,
    AWS_PROFILE: "other",
    AWS_REGION: "eu-west-3",
    AWS_ACCESS_KEY_ID: "AKIAI44QH8DHBEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "other",
    AWS_ENDPOINT_URL: trapUrl,
    AWS_ENDPOINT_URL_STS: trapUrl,
    AWS_ENDPOINT_URL_EC2: trapUrl,
    AWS_ENDPOINT_URL_DYNAMODB: trapUrl,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: trapUrl,
    AWS_MAX_ATTEMPTS: "7",
    AWS_RETRY_MODE: "adaptive",
    AWS_USE_FIPS_ENDPOINT: "true",
    AWS_SDK_UA_APP_ID: "other-app",
  });
});
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});

const settings = (more: Partial<ClientSettings> = {}): ClientSettings => ({
  region: "us-west-2",
  endpoint,
  credentials: new Credentials({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "a-secret" }),
  useFipsEndpoint: false,
  useDualstackEndpoint: false,
  connection: DIRECT_CONNECTION,
  maxAttempts: 1,
  ...more,
});

/** The clients as the program makes them, by their one call that needs nothing. */
const CALLS: Readonly<Record<string, (settings: ClientSettings) => Promise<unknown>>> = {
  sts: (given) => makeStsClient(given).getCallerIdentity(),
  ec2: (given) => makeEc2(scopeOf(given)).describeInstances({ pageSize: 5 }, undefined),
  dynamodb: (given) => makeDynamoDb(scopeOf(given)).listTables(1, undefined),
};

function scopeOf({ credentials, region, endpoint }: ClientSettings) {
  const clock = { now: Date.now, sleep: () => Promise.resolve(), advance: () => undefined };
  return makeTestScope({ accountId: "222222222222", credentials, region, endpoint, clock });
}

/** The host name that an SDK client of this configuration would call, or why it calls none. */
const RAW_CALLS = {
  sts: (config: ReturnType<typeof makeClientConfig>) =>
    calledHost(new STSClient(config), (client) => client.send(new GetCallerIdentityCommand({}))),
  ec2: (config: ReturnType<typeof makeClientConfig>) =>
    calledHost(new EC2Client(config), (client) => client.send(new DescribeInstancesCommand({}))),
  dynamodb: (config: ReturnType<typeof makeClientConfig>) =>
    calledHost(new DynamoDBClient(config), (client) => client.send(new ListTablesCommand({}))),
};

async function calledHost<Client extends STSClient | EC2Client | DynamoDBClient>(
  client: Client,
  call: (client: Client) => Promise<unknown>,
): Promise<string> {
  (client as STSClient).middlewareStack.add(
    () => (args) => {
      throw new Error((args.request as { hostname: string }).hostname);
    },
    { step: "finalizeRequest", priority: "low" },
  );
  const error: unknown = await call(client).catch((thrown: unknown) => thrown);
  return error instanceof Error ? error.message : "it was called";
}

/** Whether somebody waits for the FIFO's writer: then it can be opened for writing. */
function isFifoRead(): boolean {
  try {
    fs.closeSync(fs.openSync(fifo, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}

describe.each(Object.keys(CALLS))("a client of %s", (service) => {
  it("takes nothing from the environment or the files: keys, region, endpoint, attempts and name are ours", async () => {
    await (CALLS[service] as (typeof CALLS)[string])(settings()).catch(() => undefined);
    expect(requests).toHaveLength(1);
    const { authorization, "user-agent": agent } = requests[0]?.headers ?? {};
    expect(authorization).toContain(`Credential=AKIAIOSFODNN7EXAMPLE/`);
    expect(authorization).toContain(`/us-west-2/${service}/aws4_request`);
    expect(agent).not.toContain("other-app");
    expect(trapped).toBe(0);
    expect(isFifoRead()).toBe(false);
  });
});

describe("the check of this file", () => {
  it("sees a client that does look: the FIFO is waited for", async () => {
    const looking = new STSClient({ endpoint, maxAttempts: 1 });
    const call = looking.send(new GetCallerIdentityCommand({})).catch(() => undefined);
    while (!isFifoRead()) await new Promise((resolve) => setTimeout(resolve, 2));
    looking.destroy();
    // Whoever waits for it still gets an empty file each time.
    const serving = setInterval(isFifoRead, 2);
    await call;
    clearInterval(serving);
  });
});

describe("credentials", () => {
  it("are behind a function: the configuration shows none when it is printed", () => {
    const text = JSON.stringify(makeClientConfig(settings()));
    expect(text).not.toContain("a-secret");
  });
});

describe("without an endpoint", () => {
  const fips = { useFipsEndpoint: true };
  const dualstack = { useDualstackEndpoint: true };
  it.each<[keyof typeof RAW_CALLS, Partial<ClientSettings>, string]>([
    ["sts", {}, "sts.us-west-2.amazonaws.com"],
    ["sts", { region: "cn-north-1" }, "sts.cn-north-1.amazonaws.com.cn"],
    ["sts", fips, "sts-fips.us-west-2.amazonaws.com"],
    ["sts", { ...fips, region: "us-gov-west-1" }, "sts.us-gov-west-1.amazonaws.com"],
    ["sts", dualstack, "sts.us-west-2.api.aws"],
    ["sts", { ...fips, ...dualstack }, "sts-fips.us-west-2.api.aws"],
    ["ec2", {}, "ec2.us-west-2.amazonaws.com"],
    ["ec2", fips, "ec2-fips.us-west-2.amazonaws.com"],
    ["ec2", dualstack, "ec2.us-west-2.api.aws"],
    ["dynamodb", {}, "dynamodb.us-west-2.amazonaws.com"],
    ["dynamodb", fips, "dynamodb-fips.us-west-2.amazonaws.com"],
    ["dynamodb", dualstack, "dynamodb.us-west-2.api.aws"],
  ])(
    "%s with %j is called at AWS's own regional address %s, whatever the environment says",
    async (service, more, host) => {
      expect(await RAW_CALLS[service](makeClientConfig(settings({ endpoint: undefined, ...more })))).toBe(host);
    },
  );

  // `target/resolve-endpoints.ts` says so before anything is asked.
  it.each([fips, dualstack])(
    "%j is refused by the SDK for an address of one's own, and nothing is called",
    async (more) => {
      for (const ask of Object.values(RAW_CALLS)) {
        expect(await ask(makeClientConfig(settings(more)))).toMatch(/and custom endpoint are not supported$/);
      }
      expect(requests).toEqual([]);
    },
  );
});

describe("connections", () => {
  it("are shared by the clients of a pool, outlive each of them, and end with the pool", async () => {
    const sockets = new Set<unknown>();
    const server = createServer((_request, response) => response.end("<DescribeRegionsResponse/>"));
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    let opened = 0;
    server.on("connection", () => {
      opened += 1;
    });
    const call = async (pool: ConnectionPool | undefined) => {
      const client = new EC2Client(
        makeClientConfig({
          region: "us-east-1",
          endpoint,
          credentials: new Credentials({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x" }),
          useFipsEndpoint: false,
          useDualstackEndpoint: false,
          connection: { ...DIRECT_CONNECTION },
          maxAttempts: 1,
          pool,
        }),
      );
      await client.send(new DescribeRegionsCommand({}));
      client.destroy();
    };
    await call(undefined);
    await call(undefined);
    expect(opened).toBe(2);
    const pool = new ConnectionPool();
    await call(pool);
    await call(pool);
    await call(pool);
    expect(opened).toBe(3);
    expect(sockets.size).toBeGreaterThan(0);
    pool.close();
    await vi.waitFor(() => expect(sockets.size).toBe(0));
    await new Promise((resolve) => server.close(resolve));
  });
});
