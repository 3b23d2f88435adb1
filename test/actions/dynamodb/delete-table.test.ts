import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { deleteTable } from "../../../src/actions/dynamodb/delete-table.ts";
import { AssumeMfaError } from "../../../src/errors.ts";
import type { TestScope } from "../../support/action-scope.ts";
import { runAndTell } from "../../support/destructive-run.ts";
import { type SandboxSession, startSandboxSession } from "../../support/sandbox-session.ts";

let session: SandboxSession;
let scope: TestScope;
let made = 0;

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

beforeEach(async () => {
  session.allow("dev", "dynamodb:DeleteTable", "dynamodb:DescribeTable");
  scope = await session.scope("dev");
  session.forget();
});

function addTables(count: number, change: Parameters<SandboxSession["addTable"]>[2] = {}): string[] {
  return Array.from({ length: count }, () => session.addTable("dev", `table-${++made}`, change).name);
}

function statusesOf(names: readonly string[]): string[] {
  return names.map((name) => session.table("dev", name)?.status ?? "gone");
}

describe("delete-table", () => {
  it("looks, shows, asks, looks once more, deletes one by one, waits until each is gone", async () => {
    const names = addTables(3);
    const told = await runAndTell(deleteTable, names, scope);
    expect(told.events).toEqual(["show", "confirm", "report"]);
    expect(told.shown?.resources).toMatchObject(
      names.map((id) => ({
        id,
        type: "PAY_PER_REQUEST",
        state: "ACTIVE",
        protection: "unprotected",
        createdAt: expect.any(Number),
        facts: [
          ["items", "3"],
          ["bytes", expect.stringMatching(/^\d+$/)],
        ],
      })),
    );
    expect(told.report).toEqual({
      action: "delete-table",
      dryRun: false,
      resources: names.map((id) => ({ id, name: null, before: "ACTIVE", state: "gone", outcome: "done" })),
      requestIds: [expect.any(String), expect.any(String), expect.any(String)],
    });
    expect(told.failure).toBeUndefined();
    expect(statusesOf(names)).toEqual(["gone", "gone", "gone"]);
    expect(session.operations().slice(0, 9)).toEqual([
      ...["DescribeTable", "DescribeTable", "DescribeTable"],
      ...["DescribeTable", "DeleteTable"],
      ...["DescribeTable", "DeleteTable"],
      ...["DescribeTable", "DeleteTable"],
    ]);
    expect(session.changes()).toHaveLength(3);
  });

  it("returns at once with --no-wait", async () => {
    const names = addTables(1);
    const told = await runAndTell(deleteTable, names, scope, { wait: false });
    expect(told.report?.resources).toMatchObject([{ state: "DELETING", outcome: "pending" }]);
    expect(told.failure).toBeUndefined();
  });

  it("says that DynamoDB has no dry run, and changes nothing", async () => {
    const names = addTables(2);
    const told = await runAndTell(deleteTable, names, scope, { dryRun: true });
    expect(told.events).toEqual(["show", "report"]);
    expect(told.report?.resources.map(({ outcome }) => outcome)).toEqual(["would be done", "would be done"]);
    expect(told.notes).toEqual(["this service has no dry run of its own: whether the role may delete was not tried"]);
    expect(session.changes()).toEqual([]);
    expect(statusesOf(names)).toEqual(["ACTIVE", "ACTIVE"]);
  });

  it("needs no more than the action declares, and is refused anything else (--scoped)", async () => {
    const [mine = "", other = ""] = addTables(2);
    const home = { partition: "aws", region: "us-east-1", accountId: "222222222222" };
    const statements = deleteTable.needs([mine], home).map(({ actions, resources }) => {
      return { Effect: "Allow", Action: actions, Resource: resources };
    });
    const scoped = await session.scope("dev", { Version: "2012-10-17", Statement: statements });
    session.forget();
    expect((await runAndTell(deleteTable, [mine], scoped)).report?.resources).toMatchObject([{ outcome: "done" }]);
    const told = await runAndTell(deleteTable, [other], scoped);
    expect(told.notes).toEqual([`cannot look at ${other}: the role may not do dynamodb:DescribeTable`]);
    expect(told.failure).toMatchObject({ code: "ACCESS_DENIED" });
    expect(statusesOf([other])).toEqual(["ACTIVE"]);
  });
});

describe("what must not be deleted", () => {
  it("stops on an unknown table, naming it and those that exist", async () => {
    const names = addTables(2);
    const told = await runAndTell(deleteTable, ["no-such-table", ...names], scope);
    expect(told.thrown).toMatchObject({
      code: "NOT_FOUND",
      message: "no table no-such-table in us-east-1 of account 222222222222; nothing was done",
      hint: `these exist: ${names.join(", ")}`,
    });
    expect(session.changes()).toEqual([]);
  });

  it("stops on a protected one after showing it, and never switches protection off", async () => {
    const [free = ""] = addTables(1);
    const [held = ""] = addTables(1, { deletionProtectionEnabled: true });
    const told = await runAndTell(deleteTable, [free, held], scope);
    expect(told.events).toEqual(["show"]);
    expect(told.thrown).toMatchObject({
      code: "PROTECTED",
      message: `${held} has deletion protection; nothing was done`,
      details: { protected: [held] },
    });
    expect(session.changes()).toEqual([]);
    expect(session.table("dev", held)?.deletionProtectionEnabled).toBe(true);
  });

  it("does nothing when it is declined", async () => {
    const names = addTables(1);
    const declined = new AssumeMfaError("DECLINED", "declined");
    const told = await runAndTell(deleteTable, names, scope, {
      confirm: () => {
        throw declined;
      },
    });
    expect(told.thrown).toBe(declined);
    expect(session.changes()).toEqual([]);
  });

  it("leaves a table alone that was created again since it was shown, and deletes the others", async () => {
    const names = addTables(3);
    const told = await runAndTell(deleteTable, names, scope, {
      confirm: () => {
        session.addTable("dev", names[1] ?? "");
      },
    });
    expect(told.report?.resources.map(({ state, outcome }) => [state, outcome])).toEqual([
      ["gone", "done"],
      ["ACTIVE", "failed"],
      ["gone", "done"],
    ]);
    expect(told.report?.resources[1]?.reason).toMatch(/was deleted and created again .* the new one was left alone$/);
    expect(told.failure).toMatchObject({ code: "PARTIAL_FAILURE", exitCode: 5 });
    expect(told.failure?.message).toBe("1 of 3 tables was not deleted");
    expect(session.changes()).toEqual(["DeleteTable", "DeleteTable"]);
  });

  it("does not delete what became protected since it was shown", async () => {
    const names = addTables(1);
    const told = await runAndTell(deleteTable, names, scope, {
      confirm: () => {
        const table = session.table("dev", names[0] ?? "");
        if (table !== undefined) table.deletionProtectionEnabled = true;
      },
    });
    expect(told.failure).toMatchObject({ code: "PROTECTED", exitCode: 1 });
    expect(told.report?.resources).toMatchObject([{ state: "ACTIVE", outcome: "failed" }]);
    expect(session.changes()).toEqual([]);
  });

  it("stops with what it did so far when the look right before a call fails", async () => {
    const names = addTables(3);
    session.proxy.whenAsked("DeleteTable", () => {
      session.proxy.break("DescribeTable", { kind: "lose-request" }, 3);
    });
    const told = await runAndTell(deleteTable, names, scope);
    session.proxy.whenAsked("DeleteTable", () => {});
    session.proxy.break("DescribeTable", { kind: "lose-request" }, 0);
    expect(session.changes()).toEqual(["DeleteTable"]);
    expect(told.report?.resources.map(({ outcome, state }) => [outcome, state])).toEqual([
      ["done", "gone"],
      ["not done", "ACTIVE"],
      ["not done", "ACTIVE"],
    ]);
    expect(told.failure).toMatchObject({ code: "PARTIAL_FAILURE", exitCode: 5 });
  });

  it("takes a table that somebody else deletes meanwhile for done, without a call", async () => {
    const names = addTables(1);
    const told = await runAndTell(deleteTable, names, scope, {
      confirm: () => {
        session.account("dev").tables.delete(`us-east-1/${names[0]}`);
      },
    });
    expect(told.report).toMatchObject({ requestIds: [], resources: [{ state: "gone", outcome: "done" }] });
    expect(told.failure).toBeUndefined();
    expect(session.changes()).toEqual([]);
  });

  it("waits for a table that is DELETING already: that is no error", async () => {
    const names = addTables(1, { status: "DELETING", statusUntilMs: session.clock.now() + 4_000 });
    const told = await runAndTell(deleteTable, names, scope);
    expect(told.events).toEqual(["show", "report"]);
    expect(told.report?.resources).toMatchObject([{ before: "DELETING", state: "gone", outcome: "done" }]);
    expect(session.changes()).toEqual([]);
  });

  it("tells the table that it deleted from one of the same name that comes after it", async () => {
    const names = addTables(1);
    let waits = 0;
    const told = await runAndTell(deleteTable, names, scope, {
      onProgress: () => {
        if (++waits === 2) session.addTable("dev", names[0] ?? "");
      },
    });
    expect(told.report?.resources).toMatchObject([
      { state: "gone", outcome: "done", reason: "another table of this name has been created since" },
    ]);
    expect(session.changes()).toEqual(["DeleteTable"]);
    expect(statusesOf(names)).toEqual(["ACTIVE"]);
  });
});

describe("a refusal that passes", () => {
  it.each(["CREATING", "UPDATING"] as const)(
    "is waited out while the table is %s, and then it is deleted",
    async (status) => {
      const names = addTables(1, { status, statusUntilMs: session.clock.now() + 5_000 });
      const told = await runAndTell(deleteTable, names, scope);
      expect(told.report?.resources).toMatchObject([{ before: status, state: "gone", outcome: "done" }]);
      expect(told.notes).toHaveLength(1);
      expect(told.notes[0]).toMatch(/can't be deleted yet, trying again: .*ResourceInUseException/);
      const codes = session.sandbox.calls
        .filter(({ operation, parameters }) => operation === "DeleteTable" && parameters.TableName === names[0])
        .map(({ errorCode }) => errorCode);
      expect(codes.at(-1)).toBeUndefined();
      expect(new Set(codes.slice(0, -1))).toEqual(new Set(["ResourceInUseException"]));
    },
  );

  it("is given up after a while, with nothing done", async () => {
    const names = addTables(1, { status: "UPDATING", statusUntilMs: session.clock.now() + 9_000_000 });
    const told = await runAndTell(deleteTable, names, scope);
    expect(told.failure).toMatchObject({ code: "AWS_REFUSED", exitCode: 1 });
    expect(told.report?.resources).toMatchObject([{ state: "UPDATING", outcome: "failed" }]);
    expect(session.changes().length).toBeLessThan(25);
  });

  it("ends with Ctrl-C between two tries, with nothing done", async () => {
    const names = addTables(2, { status: "UPDATING", statusUntilMs: session.clock.now() + 9_000_000 });
    session.proxy.whenAsked("DeleteTable", () => scope.interrupts.raise("SIGINT"));
    const told = await runAndTell(deleteTable, names, scope);
    session.proxy.whenAsked("DeleteTable", () => {});
    expect(told.failure?.exitCode).toBe(130);
    expect(told.report?.resources.map(({ outcome }) => outcome)).toEqual(["failed", "not done"]);
    expect(session.changes()).toEqual(["DeleteTable"]);
  });
});

describe("a role that may do less", () => {
  it("deletes what it can't look at, and reports from the reply", async () => {
    session.allow("dev", "dynamodb:DeleteTable");
    const names = addTables(2);
    const told = await runAndTell(deleteTable, names, scope);
    expect(told.notes).toEqual([`cannot look at ${names.join(", ")}: the role may not do dynamodb:DescribeTable`]);
    expect(told.report?.resources.map(({ before, state, outcome }) => [before, state, outcome])).toEqual([
      [null, "DELETING", "pending"],
      [null, "DELETING", "pending"],
    ]);
    expect(told.failure).toBeUndefined();
  });

  it("sends it once where it can't look, also when the table is busy: a later one of its name must not go", async () => {
    session.allow("dev", "dynamodb:DeleteTable");
    const names = addTables(1, { status: "UPDATING", statusUntilMs: session.clock.now() + 2_000 });
    const told = await runAndTell(deleteTable, names, scope);
    expect(session.changes()).toEqual(["DeleteTable"]);
    expect(told.failure).toMatchObject({ code: "AWS_REFUSED", message: expect.stringContaining("ResourceInUse") });
    expect(session.table("dev", names[0] ?? "")).toBeDefined();
  });

  it("is told which permission is missing, for each table", async () => {
    session.allow("dev", "dynamodb:DescribeTable");
    const names = addTables(2);
    const told = await runAndTell(deleteTable, names, scope);
    expect(told.failure).toMatchObject({
      code: "ACCESS_DENIED",
      message: expect.stringMatching(/^the role may not do dynamodb:DeleteTable \(AccessDeniedException: /),
      hint: "allow dynamodb:DeleteTable in the role's permissions policy",
    });
    expect(told.report?.resources.map(({ outcome, state }) => [outcome, state])).toEqual([
      ["failed", "ACTIVE"],
      ["failed", "ACTIVE"],
    ]);
  });
});

describe("Ctrl-C", () => {
  it("stops after the table in flight, reports done and not done, and ends with 130", async () => {
    const names = addTables(3);
    session.proxy.whenAsked("DeleteTable", () => scope.interrupts.raise("SIGINT"));
    const told = await runAndTell(deleteTable, names, scope);
    session.proxy.whenAsked("DeleteTable", () => {});
    expect(session.changes()).toEqual(["DeleteTable"]);
    expect(told.heldAtReport).toBe(true);
    expect(told.report?.resources.map(({ outcome }) => outcome)).toEqual(["pending", "not done", "not done"]);
    expect(told.failure?.exitCode).toBe(130);
    expect(statusesOf(names.slice(1))).toEqual(["ACTIVE", "ACTIVE"]);
  });
});
