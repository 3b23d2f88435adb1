import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { deleteTable } from "../../../src/actions/dynamodb/delete-table.ts";
import { describeTable } from "../../../src/actions/dynamodb/table.ts";
import type { TestScope } from "../../support/action-scope.ts";
import { runAndTell } from "../../support/destructive-run.ts";
import { type SandboxSession, startSandboxSession } from "../../support/sandbox-session.ts";

let session: SandboxSession;
let scope: TestScope;

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

beforeEach(async () => {
  session.allow("dev", "dynamodb:DeleteTable", "dynamodb:DescribeTable");
  scope = await session.scope("dev");
  session.addTable("dev", "global");
  session.forget();
});

describe("a global table", () => {
  it("is shown with its replicas elsewhere, which stay", async () => {
    // The sandbox has no replicas: DescribeTable as the API reference words it.
    const Table = {
      TableName: "global",
      TableStatus: "ACTIVE",
      TableId: session.table("dev", "global")?.id,
      Replicas: [{ RegionName: "us-east-1" }, { RegionName: "eu-west-1", ReplicaStatus: "ACTIVE" }],
    };
    const body = JSON.stringify({ Table });
    session.proxy.break("DescribeTable", { kind: "answer", status: 200, body, forward: false }, 2);
    expect((await describeTable(scope, "global")).replicas).toEqual(["eu-west-1"]);
    const told = await runAndTell(deleteTable, ["global"], scope, { dryRun: true });
    expect(told.shown?.resources[0]?.facts).toEqual([["replicas elsewhere, which stay", "1"]]);
  });

  it.each([
    [
      "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the table in the last 24 hours.",
      "other regions' replicas were copied from it less than 24 hours ago: AWS deletes it only after that",
    ],
    [
      "The last active replica of table: 'global'  in region: 'us-west-2' cannot be deleted until all writes are replicated.",
      "it is the last replica of a global table: try again when its writes have reached the others",
    ],
  ])("whose replica AWS keeps for now is explained: %s", async (message, hint) => {
    const body = JSON.stringify({ __type: "com.amazon.coral.validate#ValidationException", message });
    session.proxy.break("DeleteTable", { kind: "answer", status: 400, body, forward: false });
    const told = await runAndTell(deleteTable, ["global"], scope);
    expect(told.failure).toMatchObject({
      code: "AWS_REFUSED",
      hint,
      message: expect.stringContaining(message.slice(0, 24)),
    });
    expect(told.report?.resources).toMatchObject([{ state: "ACTIVE", outcome: "failed" }]);
  });
});
