import { afterAll, beforeAll, expect, it } from "vitest";
import { deleteTable } from "../../src/actions/dynamodb/delete-table.ts";
import { listTables } from "../../src/actions/dynamodb/tables.ts";
import { terminate } from "../../src/actions/ec2/terminate.ts";
import { runAndTell } from "../support/destructive-run.ts";
import { type SandboxSession, startSandboxSession } from "../support/sandbox-session.ts";

let session: SandboxSession;

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

// One test for all three, since each has to sit out real time limits.
it("gives up a service that never answers within 30 s, and sends nothing that changes something twice", async () => {
  const scopes = [await session.scope("dev"), await session.scope("dev")] as const;
  const [id = ""] = session.addInstances("dev", 1);
  session.addTable("dev", "silent");
  session.forget();
  for (const operation of ["TerminateInstances", "DeleteTable", "ListTables"]) {
    session.proxy.break(operation, { kind: "silence" }, 99);
  }
  const startedAt = performance.now();
  const readTables = async () => {
    for await (const _ of listTables(scopes[0]));
  };
  const [terminated, deleted, listing] = await Promise.all([
    runAndTell(terminate, [id], scopes[0]),
    runAndTell(deleteTable, ["silent"], scopes[1]),
    readTables().catch((error: unknown) => error),
  ]);
  expect(performance.now() - startedAt).toBeLessThan(30_000);
  expect(session.changes().sort()).toEqual(["DeleteTable", "TerminateInstances"]);
  expect(terminated.report?.resources).toMatchObject([{ id, state: "terminated", outcome: "done" }]);
  expect(deleted.report?.resources).toMatchObject([{ id: "silent", state: "gone", outcome: "done" }]);
  expect(listing).toMatchObject({
    code: "NETWORK",
    message: expect.stringMatching(/^no answer to dynamodb:ListTables from DynamoDB at .* within the time limit$/),
  });
}, 40_000);
