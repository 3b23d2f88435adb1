import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { defaultBackupName } from "../../../src/actions/dynamodb/backup-name.ts";
import { makeDeleteTable } from "../../../src/actions/dynamodb/delete-table.ts";
import type { TestScope } from "../../support/action-scope.ts";
import { runAndTell } from "../../support/destructive-run.ts";
import { CUT_POINTS, type Fault } from "../../support/fault-proxy.ts";
import { type SandboxSession, startSandboxSession } from "../../support/sandbox-session.ts";

const ALL = ["DeleteTable", "DescribeTable", "CreateBackup", "DescribeBackup", "ListBackups"];
const OPERATIONS = [...ALL];
const BACKUP_ARN = /^arn:aws:dynamodb:us-east-1:222222222222:table\/.+\/backup\/\d{14}-[0-9a-f]{8}$/;
const withBackup = makeDeleteTable({ backup: true });

let session: SandboxSession;
let scope: TestScope;
let made = 0;

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

beforeEach(async () => {
  for (const operation of OPERATIONS) {
    session.proxy.whenAsked(operation, () => {});
    session.proxy.break(operation, { kind: "silence" }, 0);
  }
  allowAllBut();
  session.account("dev").backups.clear();
  scope = await session.scope("dev");
  session.forget();
});

function allowAllBut(...denied: readonly string[]): void {
  session.allow("dev", ...ALL.filter((name) => !denied.includes(name)).map((name) => `dynamodb:${name}`));
}

function addTables(count: number, change: Parameters<SandboxSession["addTable"]>[2] = {}): string[] {
  return Array.from({ length: count }, () => session.addTable("dev", `table-${++made}`, change).name);
}

function backupsOf(tableName: string) {
  return [...session.account("dev").backups.values()].filter(({ table }) => table.name === tableName);
}

const statusOf = (name: string) => session.table("dev", name)?.status ?? "gone";
const sent = (operation: string) => session.changes().filter((one) => one === operation).length;

/** Whatever happened: no table is gone that has no whole backup, and nothing was made or done twice. */
function checkNothingLost(names: readonly string[]): void {
  for (const name of names) {
    const backups = backupsOf(name);
    expect(backups.length).toBeLessThanOrEqual(1);
    if (statusOf(name) === "ACTIVE") continue;
    expect(backups).toHaveLength(1);
    expect(backups[0]?.availableAtMs).toBeLessThanOrEqual(session.clock.now());
  }
  expect(sent("DeleteTable")).toBeLessThanOrEqual(names.length);
  expect(sent("CreateBackup")).toBeLessThanOrEqual(names.length);
}

describe("delete-table --backup", () => {
  it("backs each up, waits until it is AVAILABLE, deletes it, and names the backup", async () => {
    const names = addTables(2);
    const told = await runAndTell(withBackup, names, scope);
    expect(told.failure).toBeUndefined();
    expect(told.report?.resources).toEqual(
      names.map((id) => ({
        id,
        name: null,
        before: "ACTIVE",
        state: "gone",
        outcome: "done",
        backup: {
          name: expect.stringMatching(new RegExp(`^${id}-\\d{8}T\\d{6}Z$`)),
          arn: expect.stringMatching(BACKUP_ARN),
          status: "AVAILABLE",
        },
      })),
    );
    // Each table's backup and deletion, and the request ids of both.
    expect(session.changes()).toEqual(["CreateBackup", "DeleteTable", "CreateBackup", "DeleteTable"]);
    expect(told.report?.requestIds).toHaveLength(4);
    expect(told.progress.map(({ counts }) => [...counts.keys()][0])).toContain("backup CREATING");
    checkNothingLost(names);
  });

  it("takes the name that it is given, for each, and needs no --backup beside it", async () => {
    const names = addTables(2);
    const told = await runAndTell(makeDeleteTable({ backupName: "before.v2" }), names, scope);
    expect(told.report?.resources.map(({ backup }) => backup?.name)).toEqual(["before.v2", "before.v2"]);
    expect(names.map(statusOf)).toEqual(["gone", "gone"]);
  });

  it.each(["ab", "a b", "ü".repeat(4), "x".repeat(256), "a/b"])("refuses the name %j", (backupName) => {
    expect(() => makeDeleteTable({ backupName })).toThrow(expect.objectContaining({ code: "USAGE" }));
  });

  it("shortens a long table's name in the backup's", () => {
    const name = defaultBackupName("t".repeat(255), Date.UTC(2026, 10, 24, 15, 6, 7, 890));
    expect(name).toMatch(/^t+-20261124T150607Z$/);
    expect(name).toHaveLength(255);
  });

  it("makes none in a dry run", async () => {
    const names = addTables(1);
    const told = await runAndTell(withBackup, names, scope, { dryRun: true });
    expect(withBackup.precaution).toMatch(/^a backup <table>-<time> is made of each table first/);
    expect(told.report?.resources).toMatchObject([{ outcome: "would be done" }]);
    expect(told.report?.resources[0]).not.toHaveProperty("backup");
    expect(session.changes()).toEqual([]);
  });

  it("needs no more than it declares", async () => {
    const names = addTables(1);
    const home = { partition: "aws", region: "us-east-1", accountId: "222222222222" };
    const statements = withBackup.needs(names, home).map(({ actions, resources }) => {
      return { Effect: "Allow", Action: actions, Resource: resources };
    });
    const scoped = await session.scope("dev", { Version: "2012-10-17", Statement: statements });
    session.proxy.break("CreateBackup", { kind: "cut-reply", at: "first byte" });
    expect((await runAndTell(withBackup, names, scoped)).report?.resources).toMatchObject([{ outcome: "done" }]);
    checkNothingLost(names);
  });
});

describe("a role that may not look", () => {
  it("backs up and deletes by the name alone, which was confirmed so", async () => {
    allowAllBut("DescribeTable");
    const names = addTables(1);
    const told = await runAndTell(withBackup, names, scope);
    expect(told.failure).toBeUndefined();
    expect(told.report?.resources).toMatchObject([
      { before: null, outcome: "pending", backup: { status: "AVAILABLE" } },
    ]);
    expect(session.changes()).toEqual(["CreateBackup", "DeleteTable"]);
    checkNothingLost(names);
  });
});

describe("a table without its backup is not deleted", () => {
  it.each([
    ["CreateBackup", false, "failed"],
    ["DescribeBackup", true, "failed"],
  ] as const)("where the role may not do %s", async (denied, isMade, outcome) => {
    allowAllBut(denied);
    const names = addTables(2);
    const told = await runAndTell(withBackup, names, scope);
    expect(told.failure).toMatchObject({
      code: "ACCESS_DENIED",
      hint: `allow dynamodb:${denied} in the role's permissions policy`,
    });
    expect(told.report?.resources).toMatchObject(
      names.map((id) => ({
        id,
        state: "ACTIVE",
        outcome,
        reason: expect.stringContaining(`dynamodb:${denied}`),
        ...(isMade ? { backup: { arn: expect.stringMatching(BACKUP_ARN), status: "unknown" } } : {}),
      })),
    );
    expect(sent("DeleteTable")).toBe(0);
    checkNothingLost(names);
  });

  it("when it is not AVAILABLE in time, and the next is not even begun", async () => {
    const names = addTables(2);
    session.proxy.whenAsked("DescribeBackup", () => {
      for (const [arn, backup] of session.account("dev").backups) {
        session.account("dev").backups.set(arn, { ...backup, availableAtMs: session.clock.now() + 3_600_000 });
      }
    });
    const told = await runAndTell(withBackup, names, scope, { timeoutSeconds: 30 });
    expect(told.failure).toMatchObject({
      code: "STILL_IN_PROGRESS",
      message: expect.stringMatching(
        /^backup table-\d+-\w+ of table table-\d+ can't be relied on: it is not AVAILABLE after 30 s; the table was not deleted$/,
      ),
    });
    expect(told.report?.resources).toMatchObject([
      { state: "ACTIVE", outcome: "not done", backup: { status: "CREATING" } },
      { state: "ACTIVE", outcome: "not done", reason: "not asked for" },
    ]);
    expect(session.changes()).toEqual(["CreateBackup"]);
  });

  it("when the table is another one by then: neither the new one nor by the old one's backup", async () => {
    const names = addTables(1);
    session.proxy.whenAsked("CreateBackup", () => session.addTable("dev", names[0] ?? ""));
    const told = await runAndTell(withBackup, names, scope);
    expect(told.failure).toMatchObject({
      code: "AWS_REFUSED",
      message: expect.stringContaining("is not of the table"),
    });
    expect(told.report?.resources).toMatchObject([{ outcome: "not done", backup: { name: expect.any(String) } }]);
    expect(session.changes()).toEqual(["CreateBackup"]);
  });

  it("when it was created again between its backup and its end", async () => {
    const names = addTables(1);
    let looks = 0;
    session.proxy.whenAsked("DescribeTable", () => {
      if (++looks === 3) session.addTable("dev", names[0] ?? "");
    });
    const told = await runAndTell(withBackup, names, scope);
    expect(told.report?.resources).toMatchObject([{ outcome: "failed", backup: { status: "AVAILABLE" } }]);
    expect(told.report?.resources[0]?.reason).toMatch(/the new one was left alone$/);
    expect(session.changes()).toEqual(["CreateBackup"]);
  });

  it("when somebody deletes the backup meanwhile", async () => {
    const names = addTables(1);
    session.proxy.whenAsked("DescribeBackup", () => {
      session.account("dev").backups.clear();
    });
    const told = await runAndTell(withBackup, names, scope);
    expect(told.failure).toMatchObject({ message: expect.stringContaining("BackupNotFoundException") });
    expect(sent("DeleteTable")).toBe(0);
    expect(statusOf(names[0] ?? "")).toBe("ACTIVE");
  });

  it("makes no backup of what became protected, or was recreated, since it was shown", async () => {
    const names = addTables(2);
    const told = await runAndTell(withBackup, names, scope, {
      confirm() {
        const table = session.table("dev", names[0] ?? "");
        if (table !== undefined) table.deletionProtectionEnabled = true;
        session.addTable("dev", names[1] ?? "");
      },
    });
    expect(told.report?.resources.map(({ outcome }) => outcome)).toEqual(["failed", "failed"]);
    expect(session.changes()).toEqual([]);
  });
});

describe("Ctrl-C", () => {
  it.each(["CreateBackup", "DescribeBackup"])(
    "during %s leaves the table, and names the backup that there is",
    async (operation) => {
      const names = addTables(2);
      session.proxy.whenAsked(operation, () => scope.interrupts.raise("SIGINT"));
      const told = await runAndTell(withBackup, names, scope);
      expect(told.failure?.exitCode).toBe(130);
      expect(told.heldAtReport).toBe(true);
      expect(told.report?.resources).toMatchObject([
        { state: "ACTIVE", outcome: "not done", backup: { arn: backupsOf(names[0] ?? "")[0]?.arn } },
        { state: "ACTIVE", outcome: "not done" },
      ]);
      expect(session.changes()).toEqual(["CreateBackup"]);
    },
  );
});

describe("a refusal of CreateBackup that passes", () => {
  it("is waited out: a table that is being created has none yet", async () => {
    const names = addTables(1, { status: "CREATING", statusUntilMs: session.clock.now() + 3_000 });
    const told = await runAndTell(withBackup, names, scope);
    expect(told.report?.resources).toMatchObject([{ outcome: "done", backup: { status: "AVAILABLE" } }]);
    expect(told.notes[0]).toMatch(/can't be backed up yet, trying again: .*TableInUseException/);
    expect(backupsOf(names[0] ?? "")).toHaveLength(1);
  });

  it.each([
    ["ContinuousBackupsUnavailableException", "backups are not switched on for it yet"],
    ["BackupInUseException", "another backup of it is being made"],
    ["LimitExceededException", "it is busy"],
  ])("is given up after a while, in plain words: %s", async (code, words) => {
    const names = addTables(1);
    const body = JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${code}`, message: "no" });
    session.proxy.break("CreateBackup", { kind: "answer", status: 400, body, forward: false }, 999);
    const told = await runAndTell(withBackup, names, scope);
    expect(told.failure).toMatchObject({ code: "AWS_REFUSED", hint: expect.stringContaining(words) });
    expect(statusOf(names[0] ?? "")).toBe("ACTIVE");
    expect(session.changes()).toEqual([]);
  });
});

describe("a lost reply", () => {
  const AFTER: readonly (readonly [string, Fault])[] = [
    ...CUT_POINTS.map((at) => [`cut at the ${at}`, { kind: "cut-reply", at }] as const),
    ["a bare 500 in its place", { kind: "answer", status: 500, body: "", forward: true }],
  ];

  it.each(AFTER)("of CreateBackup: the one backup is found, and the table deleted (%s)", async (_, fault) => {
    const names = addTables(1);
    session.proxy.break("CreateBackup", fault, 99);
    const told = await runAndTell(withBackup, names, scope);
    expect(told.failure).toBeUndefined();
    expect(told.report?.resources).toMatchObject([
      { outcome: "done", backup: { arn: expect.stringMatching(BACKUP_ARN), status: "AVAILABLE" } },
    ]);
    expect(told.notes).toContain(
      "the answer to the backup's call was lost; looking again shows that it was carried out",
    );
    expect(session.changes()).toEqual(["CreateBackup", "DeleteTable"]);
    checkNothingLost(names);
  });

  it.each(AFTER)("of DeleteTable behind a backup: neither is sent again (%s)", async (_, fault) => {
    const names = addTables(1);
    session.proxy.break("DeleteTable", fault, 99);
    const told = await runAndTell(withBackup, names, scope);
    expect(told.report?.resources).toMatchObject([{ outcome: "done", backup: { status: "AVAILABLE" } }]);
    expect(session.changes()).toEqual(["CreateBackup", "DeleteTable"]);
    checkNothingLost(names);
  });

  it.each([
    [
      "it never arrived",
      () => session.proxy.break("CreateBackup", { kind: "lose-request" }, 99),
      /no backup .* is to be seen/,
    ],
    [
      "the role may not list backups",
      () => {
        allowAllBut("ListBackups");
        session.proxy.break("CreateBackup", { kind: "cut-reply", at: "body" }, 99);
      },
      /it can't be read whether there is a backup .*ListBackups/,
    ],
  ] as const)("of CreateBackup: the table stays when %s", async (_, prepare, reason) => {
    const names = addTables(2);
    prepare();
    const told = await runAndTell(withBackup, names, scope);
    expect(told.failure).toMatchObject({ code: "REPLY_LOST", message: expect.stringMatching(reason) });
    expect(told.report?.resources).toMatchObject([
      { state: "ACTIVE", outcome: "not done", reason: expect.stringMatching(/; the table was not deleted$/) },
      { state: "ACTIVE", outcome: "not done", reason: "not asked for" },
    ]);
    expect(sent("DeleteTable")).toBe(0);
    checkNothingLost(names);
  });

  it("is not resolved by an older backup of the same name", async () => {
    const names = addTables(1);
    const named = makeDeleteTable({ backupName: "nightly" });
    allowAllBut("DeleteTable");
    await runAndTell(named, names, scope);
    const [older] = backupsOf(names[0] ?? "");
    expect(older?.name).toBe("nightly");
    allowAllBut();
    session.clock.advance(10_000);
    session.proxy.break("CreateBackup", { kind: "lose-request" });
    const told = await runAndTell(named, names, scope);
    expect(told.failure).toMatchObject({ code: "REPLY_LOST" });
    expect(told.report?.resources[0]).not.toHaveProperty("backup");
    expect(statusOf(names[0] ?? "")).toBe("ACTIVE");
  });

  it("between the backup and the deletion is told, with the backup's name", async () => {
    const names = addTables(1);
    session.proxy.whenAsked("DescribeBackup", () =>
      session.proxy.break("DescribeTable", { kind: "lose-request" }, 999),
    );
    const told = await runAndTell(withBackup, names, scope);
    expect(told.thrown).toBeUndefined();
    expect(told.failure).toMatchObject({ code: "NETWORK" });
    expect(told.report?.resources).toMatchObject([{ outcome: "not done", backup: { status: "AVAILABLE" } }]);
    expect(sent("DeleteTable")).toBe(0);
  });
});
