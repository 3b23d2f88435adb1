import {
  DeleteTableCommand,
  DescribeTableCommand,
  ListTablesCommand,
  paginateListTables,
} from "@aws-sdk/client-dynamodb";
import { describe, expect, it } from "vitest";
import { makeAccessKeyId, makeSecretAccessKey } from "../../src/sandbox/identifiers.ts";
import { type Table, tableKey } from "../../src/sandbox/world.ts";
import { DEV, DEV_ROLE, demand, openHarness, PROD, PROD_ROLE, refusal } from "./sandbox-harness.ts";

const harness = await openHarness();
const { sandbox } = harness;
const dev = harness.dynamoDb(await harness.assume(DEV_ROLE, { DurationSeconds: 43_200 }));
const prod = harness.dynamoDb(await harness.assume(PROD_ROLE));

const describeOne = (TableName: string, client = dev) => client.send(new DescribeTableCommand({ TableName }));
const deleteOne = (TableName: string, client = dev) => client.send(new DeleteTableCommand({ TableName }));

function addTable(name: string, changes: Partial<Table> = {}): Table {
  const { tables } = harness.account(DEV);
  const founding = demand(tables.get(tableKey("us-east-1", "sessions")));
  const arn = founding.arn.replace("sessions", name);
  const table: Table = { ...founding, name, arn, items: new Map(), tags: new Map(), ...changes };
  tables.set(tableKey("us-east-1", name), table);
  return table;
}

describe("tables", () => {
  it("are two ACTIVE ones in each child account", async () => {
    for (const client of [dev, prod]) {
      const { TableNames } = await client.send(new ListTablesCommand({}));
      expect(TableNames).toEqual(["orders", "sessions"]);
      for (const name of TableNames ?? []) {
        expect((await describeOne(name, client)).Table).toMatchObject({
          TableName: name,
          TableStatus: "ACTIVE",
          ItemCount: 3,
        });
      }
    }
  });

  it("are described by name and by ARN", async () => {
    const byName = await describeOne("orders");
    expect(byName.Table?.TableArn).toBe(`arn:aws:dynamodb:us-east-1:${DEV}:table/orders`);
    expect((await describeOne(demand(byName.Table?.TableArn))).Table).toEqual(byName.Table);
  });

  it("are listed in pages", async () => {
    for (let number = 100; number < 110; number += 1) addTable(`page-${number}`);
    const pages: number[] = [];
    const names: string[] = [];
    for await (const { TableNames } of paginateListTables({ client: dev, pageSize: 5 }, {})) {
      pages.push(TableNames?.length ?? 0);
      names.push(...(TableNames ?? []));
    }
    expect(pages).toEqual([5, 5, 2]);
    expect(names).toEqual([...names].sort());
    expect(new Set(names).size).toBe(12);
  });

  it("of another account, region or name are not there", async () => {
    const elsewhere = harness.dynamoDb(await harness.assume(DEV_ROLE), "eu-west-1");
    const notFound = {
      code: "ResourceNotFoundException",
      status: 400,
      message: "Requested resource not found: Table: orders not found",
    };
    expect(await refusal(describeOne("orders", elsewhere))).toEqual(notFound);
    expect(await refusal(describeOne("no-such"))).toEqual({
      ...notFound,
      message: "Requested resource not found: Table: no-such not found",
    });
    const foreign = `arn:aws:dynamodb:us-east-1:${PROD}:table/orders`;
    expect(await refusal(describeOne(foreign))).toEqual({
      code: "AccessDeniedException",
      status: 400,
      message: `User: arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice is not authorized to perform: dynamodb:DescribeTable on resource: ${foreign} because no resource-based policy allows the dynamodb:DescribeTable action`,
    });
  });

  it.each([
    ["ab", "Member must have length greater than or equal to 3"],
    ["a b c", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"],
    ["x".repeat(256), "Member must have length less than or equal to 255"],
  ])("have no name like %j", async (name, constraint) => {
    expect(await refusal(describeOne(name))).toEqual({
      code: "ValidationException",
      status: 400,
      message: `1 validation error detected: Value '${name}' at 'tableName' failed to satisfy constraint: ${constraint}`,
    });
  });
});

describe("DeleteTable", () => {
  it("is DELETING for a second, and then gone", async () => {
    const { name } = addTable("doomed");
    expect((await deleteOne(name)).TableDescription).toMatchObject({ TableName: name, TableStatus: "DELETING" });
    expect((await describeOne(name)).Table?.TableStatus).toBe("DELETING");
    expect(await refusal(deleteOne(name))).toEqual({
      code: "ResourceInUseException",
      status: 400,
      message: "Attempt to change a resource which is still in use: Table is being deleted: doomed",
    });
    sandbox.moveClock(1_000);
    expect(await refusal(describeOne(name))).toEqual({
      code: "ResourceNotFoundException",
      status: 400,
      message: "Requested resource not found: Table: doomed not found",
    });
  });

  it.each([
    ["CREATING", "Attempt to change a resource which is still in use: Table is being created: busy"],
    ["UPDATING", "Attempt to change a resource which is still in use: Table: busy is in the process of being updated."],
  ] as const)("waits for a table that is %s", async (status, message) => {
    addTable("busy", { status, statusUntilMs: sandbox.now() + 60_000 });
    expect(await refusal(deleteOne("busy"))).toEqual({ code: "ResourceInUseException", status: 400, message });
    sandbox.moveClock(60_000);
    await deleteOne("busy");
  });

  it("is refused for the protected table of prod, and for that one alone", async () => {
    const client = harness.dynamoDb(await harness.assume(PROD_ROLE));
    expect(await refusal(deleteOne("orders", client))).toEqual({
      code: "ValidationException",
      status: 400,
      message:
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
    });
    expect((await describeOne("orders", client)).Table).toMatchObject({
      TableStatus: "ACTIVE",
      DeletionProtectionEnabled: true,
    });
    expect((await describeOne("sessions", client)).Table?.DeletionProtectionEnabled).toBe(false);
    expect((await describeOne("orders")).Table?.DeletionProtectionEnabled).toBe(false);
  });

  it("asks for permission before protection", async () => {
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Action: "dynamodb:Describe*", Resource: "*" },
    });
    const client = harness.dynamoDb(await harness.assume(PROD_ROLE, { Policy }));
    expect(await refusal(deleteOne("orders", client))).toEqual({
      code: "AccessDeniedException",
      status: 400,
      message: `User: arn:aws:sts::${PROD}:assumed-role/PrivilegedActionsRole/alice is not authorized to perform: dynamodb:DeleteTable on resource: arn:aws:dynamodb:us-east-1:${PROD}:table/orders because no session policy allows the dynamodb:DeleteTable action`,
    });
  });
});

describe("DynamoDB's own words", () => {
  it("for keys of nobody", async () => {
    const stranger = { accessKeyId: makeAccessKeyId("AKIA"), secretAccessKey: makeSecretAccessKey() };
    expect(await refusal(describeOne("orders", harness.dynamoDb(stranger)))).toEqual({
      code: "UnrecognizedClientException",
      status: 400,
      message: "The security token included in the request is invalid.",
    });
  });

  it("for a wrong secret", async () => {
    const forged = { ...harness.keys("alice"), secretAccessKey: makeSecretAccessKey() };
    expect(await refusal(describeOne("orders", harness.dynamoDb(forged)))).toMatchObject({
      code: "InvalidSignatureException",
      status: 400,
    });
  });

  it("for a session that has ended", async () => {
    const client = harness.dynamoDb(await harness.assume(DEV_ROLE, { DurationSeconds: 900 }));
    sandbox.moveClock(900_000);
    expect(await refusal(describeOne("orders", client))).toEqual({
      code: "ExpiredTokenException",
      status: 400,
      message: "The security token included in the request is expired",
    });
  });
});
