import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { describeTable } from "../../src/actions/dynamodb/table.ts";
import { listTables } from "../../src/actions/dynamodb/tables.ts";
import { listInstances } from "../../src/actions/ec2/instances.ts";
import { whoami } from "../../src/actions/whoami.ts";
import type { TestScope } from "../support/action-scope.ts";
import { type SandboxSession, startSandboxSession } from "../support/sandbox-session.ts";

let session: SandboxSession;
let scope: TestScope;

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

beforeEach(async () => {
  session.allow("dev", "ec2:DescribeInstances", "dynamodb:ListTables", "dynamodb:DescribeTable");
  scope = await session.scope("dev");
  session.forget();
});

async function allOf<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

describe("whoami", () => {
  it("is the role's session in the child account", async () => {
    expect(await whoami(scope)).toEqual({
      account: "222222222222",
      arn: "arn:aws:sts::222222222222:assumed-role/PrivilegedActionsRole/alice",
      userId: expect.stringMatching(/^AROA[A-Z0-9]+:alice$/),
    });
  });
});

describe("instances", () => {
  it("are those of the account, as the documented result has them", async () => {
    const found = await allOf(listInstances(scope));
    expect(found.map(({ id }) => id).sort()).toEqual(
      session
        .instances("dev")
        .map(({ id }) => id)
        .sort(),
    );
    const instance = session.instances("dev")[0];
    expect(found.find(({ id }) => id === instance?.id)).toEqual({
      id: instance?.id,
      name: "web-1",
      state: "running",
      type: "t3.small",
      region: "us-east-1",
      zone: "us-east-1a",
      launchedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      privateIp: "10.0.0.10",
      publicIp: null,
    });
  });

  it("come page by page: the first are there before the last are asked for", async () => {
    const added = session.addInstances("dev", 1_200);
    const pages = listInstances(scope);
    const first = await pages.next();
    expect(first.value).toHaveLength(500);
    expect(session.operations()).toEqual(["DescribeInstances"]);
    let rest = 0;
    for await (const page of pages) rest += page.length;
    expect(500 + rest).toBe(session.instances("dev").length);
    expect(session.operations()).toHaveLength(3);
    for (const id of added) session.account("dev").instances.delete(id);
  });

  it("end early when nobody wants more", async () => {
    const added = session.addInstances("dev", 1_200);
    for await (const _ of listInstances(scope)) break;
    expect(session.operations()).toEqual(["DescribeInstances"]);
    for (const id of added) session.account("dev").instances.delete(id);
  });

  it("given ids, are those in their order, and an unknown one is an error that names the others", async () => {
    const [one = "", two = ""] = session.addInstances("dev", 2);
    expect((await allOf(listInstances(scope, [two, one]))).map(({ id }) => id)).toEqual([two, one]);
    await expect(allOf(listInstances(scope, [one, "i-00000000"]))).rejects.toMatchObject({
      code: "NOT_FOUND",
      exitCode: 1,
      details: { missing: ["i-00000000"], existing: [one] },
    });
  });

  it("of a list that never ends are an error, not a hang", async () => {
    const body = `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>x</requestId><reservationSet/><nextToken>again</nextToken></DescribeInstancesResponse>`;
    session.proxy.break("DescribeInstances", { kind: "answer", status: 200, body, forward: false }, 50);
    await expect(allOf(listInstances(scope))).rejects.toMatchObject({ code: "AWS_REFUSED" });
    session.proxy.break("DescribeInstances", { kind: "lose-request" }, 0);
    expect(session.proxy.calls.filter(({ forwarded }) => !forwarded).length).toBeLessThan(4);
  });

  it("name a state by its code without the high byte, a missing Name as null", async () => {
    const body = `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>x</requestId><reservationSet><item><instancesSet><item><instanceId>i-12345678</instanceId><instanceState><code>272</code><name>odd</name></instanceState><tagSet><item><key>Name</key><value></value></item></tagSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`;
    session.proxy.break("DescribeInstances", { kind: "answer", status: 200, body, forward: false });
    expect(await allOf(listInstances(scope))).toEqual([
      {
        id: "i-12345678",
        name: null,
        state: "running",
        type: null,
        region: "us-east-1",
        zone: null,
        launchedAt: null,
        privateIp: null,
        publicIp: null,
      },
    ]);
  });

  it("that the role may not list are an error that names the permission", async () => {
    session.allow("dev", "dynamodb:ListTables");
    await expect(allOf(listInstances(scope))).rejects.toMatchObject({
      code: "ACCESS_DENIED",
      hint: "allow ec2:DescribeInstances in the role's permissions policy",
    });
  });

  it("are not asked for with a session that has ended", async () => {
    session.clock.advance(3_700_000);
    await expect(allOf(listInstances(scope))).rejects.toMatchObject({
      code: "SESSION_EXPIRED",
      hint: "run it again with --refresh",
    });
  });
});

describe("tables", () => {
  it("are all names of the account, over several pages", async () => {
    for (let number = 0; number < 230; number++) session.addTable("dev", `many-${String(number).padStart(3, "0")}`);
    const names = (await allOf(listTables(scope))).map(({ name }) => name);
    expect(names).toEqual([...session.account("dev").tables.values()].map(({ name }) => name).sort());
    expect(names.length).toBeGreaterThanOrEqual(232);
    expect(session.operations()).toEqual(["ListTables", "ListTables", "ListTables"]);
  });
});

describe("table", () => {
  it("is described as the documented result has it", async () => {
    expect(await describeTable(scope, "orders")).toEqual({
      name: "orders",
      arn: "arn:aws:dynamodb:us-east-1:222222222222:table/orders",
      tableId: session.table("dev", "orders")?.id,
      status: "ACTIVE",
      items: 3,
      bytes: expect.any(Number),
      billing: "PAY_PER_REQUEST",
      keys: [{ name: "id", role: "partition", type: "S" }],
      indexes: [],
      deletionProtection: false,
      replicas: [],
      createdAt: expect.stringMatching(/Z$/),
    });
  });

  it("that does not exist is not found", async () => {
    await expect(describeTable(scope, "no-such-table")).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "no table no-such-table in us-east-1 of account 222222222222",
    });
  });
});
