import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeDeleteTable } from "../../src/actions/dynamodb/delete-table.ts";
import { reboot } from "../../src/actions/ec2/reboot.ts";
import { terminate } from "../../src/actions/ec2/terminate.ts";
import type { TestScope } from "../support/action-scope.ts";
import { runAndTell } from "../support/destructive-run.ts";
import type { Fault } from "../support/fault-proxy.ts";
import { type SandboxSession, startSandboxSession } from "../support/sandbox-session.ts";

let session: SandboxSession;
let scope: TestScope;
let tables = 0;

const OPERATIONS = [
  ...["TerminateInstances", "RebootInstances", "DescribeInstances"],
  ...["DeleteTable", "DescribeTable", "CreateBackup", "DescribeBackup", "ListBackups"],
];
const deleteTable = makeDeleteTable();
const withBackup = makeDeleteTable({ backup: true });

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

beforeEach(async () => {
  for (const operation of OPERATIONS) {
    session.proxy.whenAsked(operation, () => {});
    session.proxy.break(operation, { kind: "silence" }, 0);
  }
  session.allow(
    "dev",
    "ec2:TerminateInstances",
    "ec2:RebootInstances",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceAttribute",
    ...OPERATIONS.filter((name) => /Table|Backup/.test(name)).map((name) => `dynamodb:${name}`),
  );
  scope = await session.scope("dev");
  session.forget();
});

const addInstance = () => session.addInstances("dev", 1)[0] ?? "";
const addTable = () => session.addTable("dev", `untold-${++tables}`).name;
const sent = (operation: string) => {
  const before = session.proxy.calls.length;
  return () => session.proxy.calls.slice(before).filter((call) => call.operation === operation).length;
};

function ec2Error(status: number, code: string): Fault {
  const body = `<Response><Errors><Error><Code>${code}</Code><Message>no</Message></Error></Errors><RequestID>r-1</RequestID></Response>`;
  return { kind: "answer", status, body, forward: false };
}

function dynamoDbError(code: string): Fault {
  const body = JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${code}`, message: "no" });
  return { kind: "answer", status: 400, body, forward: false };
}

describe("what could not be read after the call", () => {
  it.each([
    ["refused", ec2Error(403, "UnauthorizedOperation")],
    ["throttled", ec2Error(503, "RequestLimitExceeded")],
    ["cut off", { kind: "lose-request" }],
  ] as const)("has no state: the reply was lost, and each look is %s", async (_, fault) => {
    const id = addInstance();
    session.proxy.whenAsked("TerminateInstances", () => session.proxy.break("DescribeInstances", fault, 999));
    session.proxy.break("TerminateInstances", { kind: "cut-reply", at: "first byte" });
    // The SDK's own tries take real time.
    const { clientSettings } = scope;
    const told = await runAndTell(terminate, [id], {
      ...scope,
      clientSettings: (service) => clientSettings(service, 1),
    });
    expect(session.changes()).toEqual(["TerminateInstances"]);
    expect(told.report?.resources).toMatchObject([{ id, before: "running", state: null, outcome: "unknown" }]);
  });

  it("has no state where it was refused, either", async () => {
    const id = addInstance();
    session.proxy.whenAsked("TerminateInstances", () =>
      session.proxy.break("DescribeInstances", { kind: "lose-request" }, 999),
    );
    session.proxy.break("TerminateInstances", ec2Error(400, "InvalidParameterValue"));
    const told = await runAndTell(terminate, [id], scope);
    expect(told.report?.resources).toMatchObject([{ before: "running", state: null, outcome: "failed" }]);
  });

  it("is unknown where it was not looked at for the whole while", async () => {
    const id = addInstance();
    session.proxy.break("TerminateInstances", { kind: "lose-request" });
    session.proxy.whenAsked("TerminateInstances", () => scope.interrupts.raise("SIGINT"));
    const told = await runAndTell(terminate, [id], scope);
    expect(told.report?.resources).toMatchObject([{ state: "running", outcome: "unknown" }]);
  });

  it("is unknown of a backup", async () => {
    const name = addTable();
    session.proxy.break("DescribeBackup", { kind: "lose-request" }, 999);
    const told = await runAndTell(withBackup, [name], scope);
    expect(told.report?.resources).toMatchObject([{ outcome: "not done", backup: { status: "unknown" } }]);
    expect(session.changes()).toEqual(["CreateBackup"]);
  });
});

describe("a throttled call", () => {
  it.each([
    [terminate, "TerminateInstances"],
    [reboot, "RebootInstances"],
  ] as const)("is a refusal: failed, and sent once ($name)", async (action, operation) => {
    const id = addInstance();
    const count = sent(operation);
    session.proxy.break(operation, ec2Error(503, "RequestLimitExceeded"), 999);
    const told = await runAndTell(action, [id], scope);
    expect(count()).toBe(1);
    expect(told.report?.resources).toMatchObject([{ state: "running", outcome: "failed" }]);
    expect(told.failure).toMatchObject({ code: "THROTTLED", exitCode: 1 });
  });

  it.each([
    [deleteTable, "DeleteTable", true, 3],
    [deleteTable, "DeleteTable", false, 1],
    [withBackup, "CreateBackup", true, 3],
    [withBackup, "CreateBackup", false, 1],
  ] as const)("of DynamoDB is sent a few times at most ($1 $2)", async (action, operation, wait, times) => {
    const name = addTable();
    const count = sent(operation);
    session.proxy.break(operation, dynamoDbError("ThrottlingException"), 999);
    const told = await runAndTell(action, [name], scope, { wait });
    expect(count()).toBe(times);
    expect(told.report?.resources).toMatchObject([{ state: "ACTIVE", outcome: "failed" }]);
    expect(told.failure).toMatchObject({ code: "THROTTLED", exitCode: 1 });
    expect(session.table("dev", name)?.status).toBe("ACTIVE");
  });

  it("that Ctrl-C ends was asked for: AWS's refusal is told", async () => {
    const names = [addTable(), addTable()];
    session.proxy.break("DeleteTable", dynamoDbError("ThrottlingException"), 999);
    session.proxy.whenAsked("DeleteTable", () => scope.interrupts.raise("SIGINT"));
    const told = await runAndTell(deleteTable, names, scope);
    expect(told.report?.resources).toMatchObject([
      { outcome: "failed", reason: expect.stringContaining("ThrottlingException") },
      { outcome: "not done", reason: "not sent: interrupted" },
    ]);
    expect(told.report?.interrupted).toBe(true);
  });

  it("that is busy for long says so each time that it waits for long", async () => {
    const name = session.addTable("dev", `untold-${++tables}`, {
      status: "UPDATING",
      statusUntilMs: session.clock.now() + 25_000,
    }).name;
    const told = await runAndTell(deleteTable, [name], scope);
    expect(told.report?.resources).toMatchObject([{ outcome: "done" }]);
    expect(told.notes).toEqual([
      expect.stringMatching(/ can't be deleted yet, trying again: /),
      expect.stringMatching(/ can't be deleted yet, trying again in 8 s: /),
      expect.stringMatching(/ can't be deleted yet, trying again in 10 s: /),
    ]);
  });
});

describe("a call of which nothing was seen", () => {
  it("says how long it was watched, and does not claim that it may have been done", async () => {
    const id = addInstance();
    session.proxy.break("TerminateInstances", { kind: "lose-request" });
    const told = await runAndTell(terminate, [id], scope);
    expect(told.report?.resources).toMatchObject([
      {
        outcome: "not done",
        reason: expect.stringMatching(/; watched for 10 s, it was still running when last looked at$/),
      },
    ]);
    expect(told.failure).toMatchObject({ code: "REPLY_LOST", hint: "look once more before doing it again" });
  });
});

describe("a table created again just before DeleteTable", () => {
  it("is told to be the one that was deleted, by both ids", async () => {
    const name = addTable();
    const shown = session.table("dev", name)?.id;
    let newer: string | undefined;
    session.proxy.whenAsked("DeleteTable", () => {
      newer = session.addTable("dev", name).id;
    });
    const told = await runAndTell(deleteTable, [name], scope);
    const reason = `the table that was deleted is not the one that was shown: ${name} was created again in between (shown: ${shown}, deleted: ${newer})`;
    expect(told.report?.resources).toMatchObject([{ id: name, outcome: "failed", reason }]);
    expect(told.report?.requestIds).toHaveLength(1);
    expect(told.failure).toMatchObject({ code: "WRONG_STATE", exitCode: 1, message: reason });
    expect(session.changes()).toEqual(["DeleteTable"]);
  });
});

describe("CreateBackup's answer without anything in it", () => {
  const EMPTY: Fault = { kind: "answer", status: 200, body: "{}", forward: false };

  it("leaves the table, and names the backup that was asked for", async () => {
    const name = addTable();
    session.proxy.break("CreateBackup", EMPTY);
    const told = await runAndTell(makeDeleteTable({ backupName: "before.v2" }), [name], scope);
    expect(told.failure?.message).toMatch(
      new RegExp(`^backup before\\.v2 of table ${name} can't be relied on: .*; the table was not deleted$`),
    );
    expect(told.failure?.exitCode).toBe(1);
    expect(session.table("dev", name)?.status).toBe("ACTIVE");
    expect(session.changes()).toEqual([]);
  });

  it("is made up for by looking for it", async () => {
    const name = addTable();
    session.proxy.break("CreateBackup", { ...EMPTY, forward: true });
    const told = await runAndTell(makeDeleteTable({ backupName: "before.v2" }), [name], scope);
    expect(told.report?.resources).toMatchObject([
      { outcome: "done", backup: { name: "before.v2", status: "AVAILABLE" } },
    ]);
    expect(session.changes()).toEqual(["CreateBackup", "DeleteTable"]);
  });
});
