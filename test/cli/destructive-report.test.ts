import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { changesOf, DEV, demand, openCliWorld } from "../support/cli-world.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";

const world = await openCliWorld();

let serial = 0;

function addInstance(named = true): string {
  const [model] = world.instances(DEV);
  const id = `i-${(++serial).toString(16).padStart(17, "0")}`;
  const tags = new Map(named ? [["Name", `copy-${serial}`]] : []);
  world.account(DEV).instances.set(id, { ...demand(model), id, tags, state: "running", nextState: undefined });
  return id;
}

function addTable(): string {
  const name = `table-${++serial}`;
  const model = demand(world.table(DEV, "sessions"));
  const arn = model.arn.replace(/[^/]+$/, name);
  world.account(DEV).tables.set(`us-east-1/${name}`, { ...model, name, arn, id: crypto.randomUUID() });
  return name;
}

const timesIn = (text: string, part: string) => text.split(part).length - 1;

beforeEach(async () => {
  world.newCache();
  await world.login("dev-admin");
});

const roles = () => [...world.account(DEV).roles.values()];

afterEach(() => {
  for (const { inlinePolicies } of roles()) inlinePolicies.delete("No");
});

function deny(action: string): void {
  const Statement = [{ Effect: "Deny", Action: action, Resource: "*" }];
  for (const { inlinePolicies } of roles()) {
    inlinePolicies.set("No", JSON.stringify({ Version: "2012-10-17", Statement }));
  }
}

describe("-o text", () => {
  it("has None for what there is not", async () => {
    const [id, table] = [addInstance(false), addTable()];
    const ended = await world.run(["dev-admin", "terminate", id, "--yes", "-o", "text"]);
    expect(ended.stdout).toBe(`${id}\tNone\trunning\tterminated\tdone\tNone\n`);
    const deleted = await world.run(["dev-admin", "delete-table", table, "--yes", "-o", "text"]);
    expect(deleted.stdout).toBe(`${table}\tNone\tACTIVE\tgone\tdone\tNone\n`);
  });
});

describe("one reason for all", () => {
  it.each([1, 2])("is said once on a screen (%i)", async (count) => {
    const ids = Array.from({ length: count }, () => addInstance());
    deny("ec2:TerminateInstances");
    const run = await world.run(["dev-admin", "terminate", ...ids, "--yes"]);
    expect(run.exitCode).toBe(1);
    expect(run.stdout).toContain("failed");
    expect(timesIn(run.stdout + run.stderr, "the role may not do ec2:TerminateInstances")).toBe(1);
    expect(run.stderr).toContain("error: the role may not do ec2:TerminateInstances");
  });

  it("is said once where the answer was lost, with what was seen of it", async () => {
    const id = addInstance();
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    proxy.whenAsked("RebootInstances", () => proxy.break("DescribeInstances", { kind: "lose-request" }, 99));
    proxy.break("RebootInstances", { kind: "lose-request" }, 9);
    const run = await world.run(["dev-admin", "reboot", id, "--yes"], {
      env: { AWS_ENDPOINT_URL_EC2: proxy.url, ASSUME_MFA_SANDBOX: undefined },
    });
    await proxy.close();
    expect(run.exitCode).toBe(1);
    expect(timesIn(run.stdout + run.stderr, "no answer to ec2:RebootInstances")).toBe(1);
    expect(run.stderr).toMatch(/error: no answer to ec2:RebootInstances .*; it can't be read what became of it\n/);
  });

  it("stays with its resource where others are done", async () => {
    const [one, two] = [addTable(), addTable()];
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    const body = JSON.stringify({ __type: "com.amazonaws.dynamodb.v20120810#AccessDeniedException", message: "no" });
    proxy.break("DeleteTable", { kind: "answer", status: 400, body, forward: false }, 1);
    const run = await world.run(["dev-admin", "delete-table", one, two, "--yes"], {
      env: { AWS_ENDPOINT_URL_DYNAMODB: proxy.url, ASSUME_MFA_SANDBOX: undefined },
    });
    await proxy.close();
    expect(run.exitCode).toBe(5);
    expect(run.stdout).toContain("1 of 2: the role may not do dynamodb:DeleteTable");
  });
});

describe("a session that ends before the job usually does (D8)", () => {
  it("is renewed before it begins, for what is backed up first", async () => {
    // An hour's session: 330 s are left of it, more than --min-ttl.
    world.sandbox.moveClock(3_270_000);
    const name = addTable();
    const run = await world.run(["dev-admin", "delete-table", name, "--backup", "--yes", "-t", world.code()]);
    expect(run.stderr).not.toContain("SESSION_EXPIRED");
    expect(run.exitCode).toBe(0);
    expect(run.operations.filter((operation) => operation === "AssumeRole")).toHaveLength(1);
    expect(changesOf(run)).toEqual(["CreateBackup", "DeleteTable"]);
  });

  it("is renewed whatever --min-ttl says", async () => {
    world.sandbox.moveClock(3_270_000);
    const name = addTable();
    const words = ["delete-table", name, "--backup", "--min-ttl", "1m", "--yes", "-t", world.code()];
    const run = await world.run(["dev-admin", ...words]);
    expect(run.exitCode).toBe(0);
    expect(run.operations.filter((operation) => operation === "AssumeRole")).toHaveLength(1);
  });

  it("serves an action that is over sooner", async () => {
    world.sandbox.moveClock(3_270_000);
    const run = await world.run(["dev-admin", "terminate", addInstance(), "--yes", "--timeout", "2h"]);
    expect(run.exitCode).toBe(0);
    expect(run.operations).not.toContain("AssumeRole");
  });

  it("is not used when it ends while somebody thinks: nothing is done", async () => {
    const name = addTable();
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    // As long as it takes to look at it: 100 s are left when it is answered.
    let isMoved = false;
    proxy.whenAsked("DescribeTable", () => {
      if (!isMoved) world.sandbox.moveClock(3_500_000);
      isMoved = true;
    });
    const run = await world.run(["dev-admin", "delete-table", name, "--backup", "--yes", "-o", "json"], {
      env: { AWS_ENDPOINT_URL_DYNAMODB: proxy.url, ASSUME_MFA_SANDBOX: undefined },
    });
    await proxy.close();
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.stdout)[0].error.code).toBe("SESSION_EXPIRED");
    expect(changesOf(run)).toEqual([]);
    expect(world.table(DEV, name)?.status).toBe("ACTIVE");
  });
});

describe("an interrupted run", () => {
  it("says so in its JSON, and on standard error what that means", async () => {
    const id = addInstance();
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    const run = await world.run(["dev-admin", "terminate", id, "--yes", "-o", "json"], {
      env: { AWS_ENDPOINT_URL_EC2: proxy.url, ASSUME_MFA_SANDBOX: undefined },
      meanwhile: ({ interrupts }) => proxy.whenAsked("TerminateInstances", () => interrupts.raise("SIGINT")),
    });
    await proxy.close();
    expect(run.exitCode).toBe(130);
    expect(JSON.parse(run.stdout)[0].result.interrupted).toBe(true);
    expect(timesIn(run.stderr, "interrupted: nothing more is sent; AWS goes on with what it has taken")).toBe(1);
  });
});
