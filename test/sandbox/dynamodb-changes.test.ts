import {
  type AttributeValue,
  CreateBackupCommand,
  CreateTableCommand,
  type CreateTableCommandInput,
  DeleteBackupCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  DescribeBackupCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  GetItemCommand,
  ListBackupsCommand,
  ListTagsOfResourceCommand,
  PutItemCommand,
  paginateScan,
  ScanCommand,
  TagResourceCommand,
  UpdateTableCommand,
  type UpdateTableCommandInput,
} from "@aws-sdk/client-dynamodb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEV, DEV_ROLE, demand, openHarness, refusal } from "./sandbox-harness.ts";

const harness = await openHarness();
const { sandbox } = harness;
const admin = harness.dynamoDb(
  await harness.assume(`arn:aws:iam::${DEV}:role/Administrator`, { DurationSeconds: 43_200 }),
);

const SCHEMA = {
  AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
  KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
  BillingMode: "PAY_PER_REQUEST",
} as const;

const create = (TableName: string, input: Partial<CreateTableCommandInput> = {}) =>
  admin.send(new CreateTableCommand({ TableName, ...SCHEMA, ...input } as CreateTableCommandInput));

async function createActive(name: string, input: Partial<CreateTableCommandInput> = {}): Promise<string> {
  const { TableDescription } = await create(name, input);
  sandbox.moveClock(1_000);
  return demand(TableDescription?.TableArn);
}

const describeOne = async (TableName: string) =>
  demand((await admin.send(new DescribeTableCommand({ TableName }))).Table);
const deleteOne = (TableName: string) => admin.send(new DeleteTableCommand({ TableName }));
const update = (TableName: string, input: Partial<UpdateTableCommandInput>) =>
  admin.send(new UpdateTableCommand({ TableName, ...input }));

describe("CreateTable", () => {
  it("is CREATING for a second, then ACTIVE", async () => {
    const { TableDescription } = await create("fresh", {
      DeletionProtectionEnabled: true,
      Tags: [{ Key: "Env", Value: "x" }],
    });
    expect(TableDescription).toMatchObject({ TableStatus: "CREATING", DeletionProtectionEnabled: true });
    expect(TableDescription?.TableId).toMatch(/^[0-9a-f-]{36}$/);
    expect((await refusal(deleteOne("fresh"))).message).toBe(
      "Attempt to change a resource which is still in use: Table is being created: fresh",
    );
    sandbox.moveClock(1_000);
    expect((await describeOne("fresh")).TableStatus).toBe("ACTIVE");
    expect(await refusal(create("fresh"))).toMatchObject({
      code: "ResourceInUseException",
      message: "Table already exists: fresh",
    });
  });

  it("gives a table of an old name a new id", async () => {
    await createActive("reborn");
    const first = (await describeOne("reborn")).TableId;
    await deleteOne("reborn");
    sandbox.moveClock(1_000);
    await createActive("reborn");
    expect((await describeOne("reborn")).TableId).not.toBe(first);
  });

  it.each<[string, Partial<CreateTableCommandInput>]>([
    ["no hash key", { KeySchema: [{ AttributeName: "id", KeyType: "RANGE" }] }],
    [
      "an attribute that no key has",
      { AttributeDefinitions: [...SCHEMA.AttributeDefinitions, { AttributeName: "x", AttributeType: "S" }] },
    ],
    ["a type that no key has", { AttributeDefinitions: [{ AttributeName: "id", AttributeType: "BOOL" as "S" }] }],
    ["capacity that is not said", { BillingMode: "PROVISIONED" }],
    ["capacity where there is none", { ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 } }],
    ["an index, which the sandbox has not", { GlobalSecondaryIndexes: [] }],
  ])("refuses %s", async (_name, input) => {
    expect(await refusal(create("wrong", input))).toMatchObject({ code: "ValidationException", status: 400 });
  });
});

describe("UpdateTable", () => {
  it("turns deletion protection on and off, at once", async () => {
    await createActive("guarded");
    await update("guarded", { DeletionProtectionEnabled: true });
    expect((await refusal(deleteOne("guarded"))).message).toMatch(
      /^Resource cannot be deleted as it is currently protected/,
    );
    await update("guarded", { DeletionProtectionEnabled: false });
    await deleteOne("guarded");
  });

  it("turns protection off only alone, and only when ACTIVE", async () => {
    await createActive("held", { DeletionProtectionEnabled: true });
    const capacity = {
      BillingMode: "PROVISIONED",
      ProvisionedThroughput: { ReadCapacityUnits: 2, WriteCapacityUnits: 3 },
    } as const;
    expect((await refusal(update("held", { DeletionProtectionEnabled: false, ...capacity }))).code).toBe(
      "ValidationException",
    );
    expect((await update("held", capacity)).TableDescription?.TableStatus).toBe("UPDATING");
    expect(await refusal(update("held", { DeletionProtectionEnabled: false }))).toEqual({
      code: "ResourceInUseException",
      status: 400,
      message: "Attempt to change a resource which is still in use: Table: held is in the process of being updated.",
    });
    sandbox.moveClock(1_000);
    expect((await describeOne("held")).ProvisionedThroughput).toMatchObject({
      ReadCapacityUnits: 2,
      WriteCapacityUnits: 3,
    });
    await update("held", { DeletionProtectionEnabled: false });
  });

  it("wants something to change", async () => {
    await createActive("same");
    expect((await refusal(update("same", {}))).message).toMatch(/^At least one of ProvisionedThroughput/);
  });
});

describe("tags", () => {
  it("hold a deletion up for two seconds after they were written", async () => {
    const ResourceArn = await createActive("tagged");
    await admin.send(new TagResourceCommand({ ResourceArn, Tags: [{ Key: "Env", Value: "test" }] }));
    expect(await refusal(deleteOne("tagged"))).toEqual({
      code: "ResourceInUseException",
      status: 400,
      message: "Attempt to change a resource which is still in use: Table tags are being updated: tagged",
    });
    const { Tags } = await admin.send(new ListTagsOfResourceCommand({ ResourceArn }));
    expect(Tags).toEqual([{ Key: "Env", Value: "test" }]);
    sandbox.moveClock(2_000);
    await deleteOne("tagged");
  });
});

describe("backups", () => {
  it("are CREATING, then AVAILABLE, and survive their table", async () => {
    await createActive("saved");
    await admin.send(new PutItemCommand({ TableName: "saved", Item: { id: { S: "one" } } }));
    const { BackupDetails } = await admin.send(new CreateBackupCommand({ TableName: "saved", BackupName: "before" }));
    const BackupArn = demand(BackupDetails?.BackupArn);
    expect(BackupArn).toMatch(/^arn:aws:dynamodb:us-east-1:222222222222:table\/saved\/backup\/\d{14}-[0-9a-f]{8}$/);
    expect(BackupDetails).toMatchObject({ BackupStatus: "CREATING", BackupName: "before", BackupType: "USER" });
    expect((await refusal(admin.send(new DeleteBackupCommand({ BackupArn })))).code).toBe("BackupInUseException");
    expect(await refusal(deleteOne("saved"))).toMatchObject({
      code: "ResourceInUseException",
      message: expect.stringContaining("Table is being backed up: saved"),
    });
    sandbox.moveClock(1_000);
    await deleteOne("saved");
    sandbox.moveClock(1_000);
    const { BackupDescription } = await admin.send(new DescribeBackupCommand({ BackupArn }));
    expect(BackupDescription).toMatchObject({
      BackupDetails: { BackupStatus: "AVAILABLE" },
      SourceTableDetails: { TableName: "saved", ItemCount: 1 },
    });
    await admin.send(new DeleteBackupCommand({ BackupArn }));
    expect(await refusal(admin.send(new DescribeBackupCommand({ BackupArn })))).toMatchObject({
      code: "BackupNotFoundException",
      message: `Backup not found: ${BackupArn}`,
    });
  });

  it("are listed by table, in pages", async () => {
    await createActive("often");
    for (let number = 0; number < 5; number += 1) {
      await admin.send(new CreateBackupCommand({ TableName: "often", BackupName: `b-${number}` }));
    }
    const names: (string | undefined)[] = [];
    let start: string | undefined;
    do {
      const page = await admin.send(
        new ListBackupsCommand({
          TableName: "often",
          Limit: 2,
          ...(start === undefined ? {} : { ExclusiveStartBackupArn: start }),
        }),
      );
      names.push(...(page.BackupSummaries ?? []).map(({ BackupName }) => BackupName));
      start = page.LastEvaluatedBackupArn;
    } while (start !== undefined);
    expect(names).toEqual(["b-0", "b-1", "b-2", "b-3", "b-4"]);
    const other = await admin.send(new ListBackupsCommand({ TableName: "orders" }));
    expect(other.BackupSummaries).toEqual([]);
  });

  it("are refused for a table that is not there, and to a role that may not", async () => {
    const backup = (TableName: string, client = admin) =>
      client.send(new CreateBackupCommand({ TableName, BackupName: "any" }));
    expect(await refusal(backup("nothing"))).toMatchObject({
      code: "TableNotFoundException",
      message: "Table not found: nothing",
    });
    const role = harness.dynamoDb(await harness.assume(DEV_ROLE));
    expect((await refusal(backup("orders", role))).message).toMatch(
      /perform: dynamodb:CreateBackup on resource: arn:aws:dynamodb:us-east-1:222222222222:table\/orders because/,
    );
  });

  it("continuous ones are off", async () => {
    const { ContinuousBackupsDescription } = await admin.send(
      new DescribeContinuousBackupsCommand({ TableName: "orders" }),
    );
    expect(ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).toBe("DISABLED");
  });
});

describe("items", () => {
  const put = (TableName: string, Item: Record<string, AttributeValue>) =>
    admin.send(new PutItemCommand({ TableName, Item }));
  const get = async (TableName: string, Key: Record<string, AttributeValue>) =>
    (await admin.send(new GetItemCommand({ TableName, Key }))).Item;

  it("come back as they were put, and scans find each once", async () => {
    await createActive("things", {
      AttributeDefinitions: [
        { AttributeName: "id", AttributeType: "S" },
        { AttributeName: "at", AttributeType: "N" },
      ],
      KeySchema: [
        { AttributeName: "id", KeyType: "HASH" },
        { AttributeName: "at", KeyType: "RANGE" },
      ],
    });
    for (let number = 0; number < 7; number += 1) {
      await put("things", {
        id: { S: "a" },
        at: { N: String(number) },
        any: { M: { list: { L: [{ NULL: true }, { BOOL: false }] }, set: { SS: ["x"] } } },
      });
    }
    expect(await get("things", { id: { S: "a" }, at: { N: "3.0" } })).toMatchObject({
      at: { N: "3" },
      any: { M: { set: { SS: ["x"] } } },
    });
    const seen: (string | undefined)[] = [];
    for await (const page of paginateScan({ client: admin, pageSize: 3 }, { TableName: "things" })) {
      expect(page.Count).toBeLessThanOrEqual(3);
      seen.push(...(page.Items ?? []).map(({ at }) => at?.N));
    }
    expect(seen.sort()).toEqual(["0", "1", "2", "3", "4", "5", "6"]);
    expect((await describeOne("things")).ItemCount).toBe(7);
    await admin.send(new DeleteItemCommand({ TableName: "things", Key: { id: { S: "a" }, at: { N: "30e-1" } } }));
    expect((await admin.send(new ScanCommand({ TableName: "things", Select: "COUNT" }))).Count).toBe(6);
  });

  it("of the founding tables are found by their keys", async () => {
    expect(await get("orders", { id: { S: "orders-2" } })).toMatchObject({ id: { S: "orders-2" } });
  });

  it("hold any text", async () => {
    await createActive("texts");
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme", minLength: 1 }),
        fc.string({ unit: "grapheme" }),
        async (id, text) => {
          await put("texts", { id: { S: id }, text: { S: text } });
          expect(await get("texts", { id: { S: id } })).toEqual({ id: { S: id }, text: { S: text } });
        },
      ),
      { numRuns: 30 },
    );
  });

  it.each<[string, Record<string, AttributeValue>, RegExp]>([
    ["no key", { other: { S: "x" } }, /Missing the key id in the item/],
    ["a key of another type", { id: { N: "1" } }, /Type mismatch for key id expected: S actual: N/],
    ["an empty key", { id: { S: "" } }, /cannot contain an empty string value/],
    ["a number that is none", { id: { S: "x" }, n: { N: "one" } }, /cannot be converted to a numeric value: one/],
    ["an empty set", { id: { S: "x" }, s: { SS: [] } }, /AttributeValue is empty/],
    ["half a megabyte", { id: { S: "x" }, s: { S: "x".repeat(500_000) } }, /Item size has exceeded/],
  ])("with %s are refused", async (_name, item, message) => {
    const refused = await refusal(put("orders", item));
    expect(refused).toMatchObject({ code: "ValidationException", status: 400 });
    expect(refused.message).toMatch(message);
  });

  it("are not filtered by expressions in silence", async () => {
    const scan = admin.send(new ScanCommand({ TableName: "orders", FilterExpression: "a = b" }));
    expect((await refusal(scan)).message).toBe("The sandbox has no FilterExpression");
  });
});
