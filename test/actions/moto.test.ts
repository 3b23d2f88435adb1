import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EC2Client, ModifyInstanceAttributeCommand, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deleteTable, makeDeleteTable } from "../../src/actions/dynamodb/delete-table.ts";
import { describeTable } from "../../src/actions/dynamodb/table.ts";
import { listTables } from "../../src/actions/dynamodb/tables.ts";
import { listInstances } from "../../src/actions/ec2/instances.ts";
import { reboot } from "../../src/actions/ec2/reboot.ts";
import { start } from "../../src/actions/ec2/start.ts";
import { makeStop } from "../../src/actions/ec2/stop.ts";
import { terminate } from "../../src/actions/ec2/terminate.ts";
import { makeClientConfig } from "../../src/aws/client-config.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import { makeTestScope, type TestScope } from "../support/action-scope.ts";
import { runAndTell } from "../support/destructive-run.ts";
import { makeFakeClock } from "../support/fake-clock.ts";
import { isMotoInstalled, type MotoServer, startMotoServer } from "../support/moto-server.ts";

/** An emulator that shares nothing with our sandbox. Skipped, and so listed as skipped, where it is not installed. */
describe.skipIf(!isMotoInstalled())("against moto", () => {
  let moto: MotoServer;
  let scope: TestScope;
  let ids: string[];

  beforeAll(async () => {
    moto = await startMotoServer();
    const credentials = new Credentials({
      accessKeyId: "AKIAIOSFODNN7EXAMPLE",
      secretAccessKey: crypto.randomUUID().replaceAll("-", ""),
    });
    scope = makeTestScope({ accountId: "123456789012", credentials, endpoint: moto.url, clock: makeFakeClock() });
    const ec2 = new EC2Client(makeClientConfig(scope.clientSettings("ec2", 1)));
    const made = await ec2.send(
      new RunInstancesCommand({
        ImageId: "ami-12c6146b",
        MinCount: 3,
        MaxCount: 3,
        TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: "web" }] }],
      }),
    );
    ids = (made.Instances ?? []).map(({ InstanceId = "" }) => InstanceId);
    await ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: ids[2], DisableApiTermination: { Value: true } }));
    const dynamoDb = new DynamoDBClient(makeClientConfig(scope.clientSettings("dynamodb", 1)));
    for (const [name, protect] of [
      ["orders", false],
      ["ledger", true],
      ["archive", false],
    ] as const) {
      await dynamoDb.send(
        new CreateTableCommand({
          TableName: name,
          BillingMode: "PAY_PER_REQUEST",
          DeletionProtectionEnabled: protect,
          AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
          KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
        }),
      );
    }
  });

  afterAll(() => moto?.stop());

  async function statesNow(): Promise<Record<string, string>> {
    const states: Record<string, string> = {};
    for await (const page of listInstances(scope, ids)) for (const { id, state } of page) states[id] = state;
    return states;
  }

  it("lists what is there", async () => {
    expect(Object.values(await statesNow())).toEqual(["running", "running", "running"]);
    const names: string[] = [];
    for await (const page of listTables(scope)) names.push(...page.map(({ name }) => name));
    expect(names.sort()).toEqual(["archive", "ledger", "orders"]);
    // moto gives no TableId: the time of creation is the pin.
    expect(await describeTable(scope, "orders")).toMatchObject({
      tableId: null,
      status: "ACTIVE",
      billing: "PAY_PER_REQUEST",
    });
  });

  it("stops on an unknown id and on a protected one", async () => {
    const unknown = await runAndTell(terminate, [...ids, "i-0fffffffffffffff0"], scope);
    expect(unknown.thrown?.details).toEqual({ missing: ["i-0fffffffffffffff0"], existing: ids });
    expect((await runAndTell(terminate, ids, scope)).thrown).toMatchObject({ code: "PROTECTED" });
    expect((await runAndTell(deleteTable, ["orders", "ledger"], scope)).thrown).toMatchObject({ code: "PROTECTED" });
    expect(Object.values(await statesNow())).toEqual(["running", "running", "running"]);
  });

  it("understands its dry run", async () => {
    const told = await runAndTell(terminate, ids.slice(0, 2), scope, { dryRun: true });
    expect(told.report?.resources.map(({ outcome }) => outcome)).toEqual(["would be done", "would be done"]);
    expect(Object.values(await statesNow())).toEqual(["running", "running", "running"]);
  });

  it("stops, starts and reboots", async () => {
    const [one = "", two = ""] = ids;
    const stopped = await runAndTell(makeStop({ force: true }), [one], scope);
    expect(stopped.report?.resources).toMatchObject([{ before: "running", state: "stopped", outcome: "done" }]);
    const refused = await runAndTell(reboot, [one, two], scope);
    expect(refused.thrown).toMatchObject({ code: "WRONG_STATE", details: { states: { [one]: "stopped" } } });
    const started = await runAndTell(start, [one, two], scope);
    expect(started.report?.resources).toMatchObject([
      { before: "stopped", state: "running", outcome: "done" },
      { outcome: "done", reason: "was already running" },
    ]);
    const rebooted = await runAndTell(reboot, [one, two], scope);
    expect(rebooted.report?.resources.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ["done", "asked to reboot"],
      ["done", "asked to reboot"],
    ]);
  });

  it("knows in which region an instance is", async () => {
    const far = makeTestScope({
      accountId: "123456789012",
      credentials: scope.clientSettings("ec2", 1).credentials,
      endpoint: moto.url,
      clock: makeFakeClock(),
      region: "eu-west-1",
    });
    const told = await runAndTell(terminate, ids.slice(0, 2), far);
    expect(told.thrown?.hint).toBe(`${ids[0]}, ${ids[1]} are in us-east-1: --region us-east-1`);
  });

  it("terminates, and deletes a table", async () => {
    const told = await runAndTell(terminate, ids.slice(0, 2), scope);
    expect(told.report?.resources.map(({ state, outcome }) => [state, outcome])).toEqual([
      ["terminated", "done"],
      ["terminated", "done"],
    ]);
    expect(Object.values(await statesNow())).toEqual(["terminated", "terminated", "running"]);
    const deleted = await runAndTell(deleteTable, ["orders"], scope);
    expect(deleted.report?.resources).toMatchObject([{ state: "gone", outcome: "done" }]);
    await expect(describeTable(scope, "orders")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("backs a table up before it deletes it, and knows the backup by its table's time of creation", async () => {
    const told = await runAndTell(makeDeleteTable({ backupName: "before" }), ["archive"], scope);
    expect(told.report?.resources).toMatchObject([
      {
        state: "gone",
        outcome: "done",
        backup: { name: "before", arn: expect.stringContaining(":table/archive/backup/"), status: "AVAILABLE" },
      },
    ]);
    await expect(describeTable(scope, "archive")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
