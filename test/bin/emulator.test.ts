import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateTableCommand, DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { DescribeInstancesCommand, EC2Client, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bareEnvironment, type Environment, findProgram, runProgram, titled } from "./built-program.ts";

// The main job against an AWS that is none of ours: moto's server, which knows accounts by their sessions but checks no
// code (AWS.md, "What no emulator does"). What was sent is read off the wire, by a recorder between the two.

const motoServer = findProgram("moto_server");

const REGION = "us-east-1";
const ROLE = "arn:aws:iam::222222222222:role/PrivilegedActionsRole";
const DEVICE = "arn:aws:iam::111122223333:mfa/alice";
// Nobody's: this emulator takes any.
const KEYS = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "not-a-secret" };

interface Sent {
  readonly operation: string;
  readonly parameters: Readonly<Record<string, string>>;
}

describe.skipIf(motoServer === undefined)(titled("against moto", ["moto_server", motoServer]), () => {
  const sent: Sent[] = [];
  let folder: string;
  let moto: ChildProcess;
  let recorder: Server;
  let env: Environment;
  let ec2: EC2Client;
  let dynamoDb: DynamoDBClient;
  let instanceId: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "assume-mfa-test-"));
    const started = await startMoto(motoServer ?? "");
    moto = started.process;
    recorder = await startRecorder(started.port, sent);
    const endpoint = `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`;
    mkdirSync(join(folder, "home"));
    writeFileSync(
      join(folder, "config"),
      `[profile parent]\n[profile dev]\nrole_arn = ${ROLE}\nsource_profile = parent\nmfa_serial = ${DEVICE}\nregion = ${REGION}\n`,
    );
    writeFileSync(
      join(folder, "credentials"),
      `[parent]\naws_access_key_id = ${KEYS.accessKeyId}\naws_secret_access_key = ${KEYS.secretAccessKey}\n`,
    );
    env = {
      ...bareEnvironment(),
      HOME: join(folder, "home"),
      AWS_CONFIG_FILE: join(folder, "config"),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, "credentials"),
      AWS_ENDPOINT_URL: endpoint,
    };

    const settings = { region: REGION, endpoint: `http://127.0.0.1:${started.port}` };
    const sts = new STSClient({ ...settings, credentials: KEYS });
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: "someone" }));
    const credentials = {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? "",
    };
    ec2 = new EC2Client({ ...settings, credentials });
    dynamoDb = new DynamoDBClient({ ...settings, credentials });
    const { Instances } = await ec2.send(
      new RunInstancesCommand({ ImageId: "ami-12c6146b", MinCount: 1, MaxCount: 1, InstanceType: "t3.small" }),
    );
    instanceId = Instances?.[0]?.InstanceId ?? "";
    await dynamoDb.send(
      new CreateTableCommand({
        TableName: "orders",
        BillingMode: "PAY_PER_REQUEST",
        KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
        AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      }),
    );
  }, 60_000);

  afterAll(async () => {
    ec2?.destroy();
    dynamoDb?.destroy();
    moto?.kill("SIGKILL");
    recorder?.closeAllConnections();
    await new Promise((resolve) => recorder?.close(resolve) ?? resolve(undefined));
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const count = (name: string) => sent.filter(({ operation }) => operation === name).length;

  it("one AssumeRole with device and code, and the instance goes; then a table with no code and no second one", async () => {
    const terminate = await runProgram(
      ["dev", "terminate", instanceId, "--token-code", "123456", "--yes", "-o", "json"],
      { env, timeoutMs: 30_000 },
    );
    expect({ status: terminate.status, document: JSON.parse(terminate.stdout) }).toMatchObject({
      status: 0,
      document: [
        {
          target: "dev",
          account: "222222222222",
          region: REGION,
          result: { resources: [{ id: instanceId, before: "running", state: "terminated", outcome: "done" }] },
        },
      ],
    });
    expect(sent.filter(({ operation }) => operation === "AssumeRole").map(({ parameters }) => parameters)).toEqual([
      expect.objectContaining({ RoleArn: ROLE, SerialNumber: DEVICE, TokenCode: "123456" }),
    ]);
    expect(sent.filter(({ parameters }) => JSON.stringify(parameters).includes("123456"))).toHaveLength(1);
    expect(count("TerminateInstances")).toBe(1);
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
    expect(Reservations?.[0]?.Instances?.[0]?.State?.Name).toBe("terminated");

    const remove = await runProgram(["dev", "delete-table", "orders", "--yes"], { env, timeoutMs: 30_000 });
    expect(remove.stdout).toMatch(/^orders\s+ACTIVE\s+gone\s+done$/m);
    expect(remove.status).toBe(0);
    expect(count("DeleteTable")).toBe(1);
    expect(count("AssumeRole")).toBe(1);
    expect((await dynamoDb.send(new ListTablesCommand({}))).TableNames).toEqual([]);
  });
});

/** On any free port; it says which. */
function startMoto(program: string): Promise<{ readonly process: ChildProcess; readonly port: number }> {
  const child = spawn(program, ["-H", "127.0.0.1", "-p", "0"], {
    env: { ...bareEnvironment(), PYTHONUNBUFFERED: "1", PYTHONDONTWRITEBYTECODE: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  return new Promise((resolve, reject) => {
    let said = "";
    const listen = (text: Buffer) => {
      said += text.toString();
      const port = /Running on http:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (port !== undefined) resolve({ process: child, port: Number(port) });
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.on("error", reject);
    child.on("exit", () => reject(new Error(`moto_server ended: ${said}`)));
  });
}

/** Passes everything on as it is, and keeps a note of it. */
async function startRecorder(port: number, sent: Sent[]): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const body = Buffer.concat(chunks);
      const target = incoming.headers["x-amz-target"];
      if (typeof target === "string") {
        sent.push({ operation: target.slice(target.indexOf(".") + 1), parameters: { body: body.toString() } });
      } else {
        const { Action = "unknown", ...parameters } = Object.fromEntries(new URLSearchParams(body.toString()));
        sent.push({ operation: Action, parameters });
      }
      const onward = request(
        { host: "127.0.0.1", port, method: incoming.method, path: incoming.url, headers: incoming.headers },
        (reply) => {
          outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
          reply.pipe(outgoing);
        },
      );
      onward.on("error", () => outgoing.destroy());
      onward.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
