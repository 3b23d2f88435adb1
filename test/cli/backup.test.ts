import * as v from "valibot";
import { beforeEach, describe, expect, it } from "vitest";
import { changesOf, DEV, demand, openCliWorld } from "../support/cli-world.ts";

const world = await openCliWorld();

const Backup = v.strictObject({
  name: v.string(),
  arn: v.pipe(v.string(), v.startsWith("arn:aws:dynamodb:us-east-1:222222222222:table/")),
  status: v.picklist(["CREATING", "AVAILABLE"]),
});
/** The documented entry of `resources` for a table that was backed up. */
const BackedUp = v.strictObject({
  id: v.string(),
  name: v.null(),
  before: v.string(),
  state: v.string(),
  outcome: v.picklist(["done", "pending", "failed", "not done"]),
  reason: v.optional(v.string()),
  backup: Backup,
});

let serial = 0;
let name: string;

beforeEach(async () => {
  world.newCache();
  serial += 1;
  name = `table-${serial}`;
  const model = demand(world.table(DEV, "sessions"));
  const arn = model.arn.replace(/[^/]+$/, name);
  world.account(DEV).tables.set(`us-east-1/${name}`, { ...model, name, arn, id: crypto.randomUUID() });
  await world.login("dev-admin");
});

const statusOf = () => world.table(DEV, name)?.status ?? "gone";
const backups = () => [...world.account(DEV).backups.values()].filter(({ table }) => table.name === name);

describe("delete-table --backup", () => {
  it("says what is made first, makes it, deletes, and names the backup with its ARN", async () => {
    const run = await world.run(["dev-admin", "delete-table", name, "--backup", "--yes"]);
    expect(run.exitCode).toBe(0);
    expect(changesOf(run)).toEqual(["CreateBackup", "DeleteTable"]);
    expect(run.stderr).toContain(
      "a backup <table>-<time> is made of each table first; the table is deleted only when that is AVAILABLE\n",
    );
    const [backup] = backups();
    expect(run.stdout).toContain(`backup of ${name}: ${backup?.name}\n  ${backup?.arn}\n`);
    expect(backup?.name).toMatch(new RegExp(`^${name}-\\d{8}T\\d{6}Z$`));
  });

  it("is told whole, and no line wider than a narrow terminal", async () => {
    const run = await world.run(["dev-admin", "delete-table", name, "--backup", "--dry-run"], {
      env: { NO_COLOR: "1" },
      isStderrTerminal: true,
      columns: 42,
    });
    const look = run.stderr.slice(run.stderr.indexOf("account 2"), run.stderr.indexOf("assume-mfa:"));
    for (const line of look.replaceAll("\r\u001b[2K", "").split("\n")) expect(line.length).toBeLessThanOrEqual(42);
    expect(look.replace(/\n */g, " ")).toContain(
      "a backup <table>-<time> is made of each table first; the table is deleted only when that is AVAILABLE",
    );
    expect(look).toMatch(/^age +\d+ d$/m);
    expect(look).toMatch(/^holds +\d+ items/m);
  });

  it("is in the JSON as it is documented, and the last cell of -o text", async () => {
    const run = await world.run(["dev-admin", "delete-table", name, "--backup-name", "before", "--yes", "-o", "json"]);
    const [{ result }] = JSON.parse(run.stdout);
    expect(v.parse(v.tuple([BackedUp]), result.resources)[0].backup).toEqual({
      name: "before",
      arn: demand(backups()[0]).arn,
      status: "AVAILABLE",
    });
    expect(result.requestIds).toHaveLength(2);
    serial += 1;
    name = `table-${serial}`;
    const model = demand(world.table(DEV, "sessions"));
    world.account(DEV).tables.set(`us-east-1/${name}`, { ...model, name, arn: model.arn.replace(/[^/]+$/, name) });
    const text = await world.run(["dev-admin", "delete-table", name, "--backup", "--yes", "-o", "text"]);
    expect(text.stdout).toBe(`${name}\tNone\tACTIVE\tgone\tdone\tNone\t${backups()[0]?.arn}\n`);
  });

  it("makes none in a dry run, nor when it is declined", async () => {
    const tried = await world.run(["dev-admin", "delete-table", name, "--backup", "--dry-run"]);
    expect(tried).toMatchObject({ exitCode: 0 });
    expect(tried.stderr).toContain("a backup <table>-<time> is made of each table first");
    const declined = await world.run(["dev-admin", "delete-table", name, "--backup"], { replies: ["n"] });
    expect(declined).toMatchObject({ exitCode: 6 });
    for (const run of [tried, declined]) expect(changesOf(run)).toEqual([]);
    expect(backups()).toEqual([]);
  });

  it.each([
    ["a bad name", ["--backup-name", "a b"], "is no name for a backup"],
    ["a name that is too short", ["--backup-name", "ab"], "is no name for a backup"],
  ])("%s is exit 2 before anything is called", async (_, words, message) => {
    const run = await world.run(["dev-admin", "delete-table", name, ...words, "--yes"]);
    expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
    expect(run.stderr).toContain(message);
  });

  it("leaves the table where the role may not back up, in both outputs", async () => {
    await world.login("dev");
    for (const output of ["table", "json"]) {
      const run = await world.run(["dev", "delete-table", name, "--backup", "--yes", "-o", output]);
      expect(run.exitCode).toBe(1);
      expect(run.stderr).toContain("hint: allow dynamodb:CreateBackup in the role's permissions policy\n");
      if (output === "table") expect(run.stdout).toMatch(new RegExp(`${name} +ACTIVE +ACTIVE +failed`));
      else expect(JSON.parse(run.stdout)[0].error.report.resources).toMatchObject([{ outcome: "failed" }]);
      expect(statusOf()).toBe("ACTIVE");
    }
  });

  it("with a session of its own for each that may do this alone (--scoped)", async () => {
    const run = await world.run([
      "dev-admin",
      "delete-table",
      name,
      "--backup",
      "--yes",
      "--scoped",
      "-t",
      world.code(),
    ]);
    expect(run.exitCode).toBe(0);
    expect(changesOf(run)).toEqual(["CreateBackup", "DeleteTable"]);
    expect(backups()).toHaveLength(1);
    expect(statusOf()).toBe("gone");
  });

  it("waits for the backup with --no-wait too, and ends in time with --timeout", async () => {
    const run = await world.run(["dev-admin", "delete-table", name, "--backup", "--yes", "--no-wait"]);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(new RegExp(`${name} +ACTIVE +DELETING +pending`));
    expect(backups()[0]?.availableAtMs).toBeLessThanOrEqual(world.sandbox.now());
  });
});
