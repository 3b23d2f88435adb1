import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DestructiveAction } from "../../src/actions/action.ts";
import { makeBatchedAction } from "../../src/actions/batched-action.ts";
import { deleteTable } from "../../src/actions/dynamodb/delete-table.ts";
import { terminate } from "../../src/actions/ec2/terminate.ts";
import { planPolicyBatches } from "../../src/actions/policy-batches.ts";
import type { TestScope } from "../support/action-scope.ts";
import { runAndTell } from "../support/destructive-run.ts";
import { type SandboxSession, startSandboxSession } from "../support/sandbox-session.ts";

// One action over several sessions, none of which may touch the resources of another.

let session: SandboxSession;

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

const HOME = { partition: "aws", region: "us-east-1", accountId: "222222222222" };

/** The action with a session for each batch of at most so many ids; the scope is that of the first. */
async function batched(action: DestructiveAction, ids: readonly string[], mostIds: number) {
  const batches: { ids: readonly string[]; scope: TestScope }[] = [];
  for (const { ids: some, policy } of planPolicyBatches(ids, action.needs, HOME, mostIds)) {
    batches.push({ ids: some, scope: await session.scope("dev", JSON.parse(policy.text)) });
  }
  session.forget();
  const [first] = batches;
  if (first === undefined) throw new Error("no batch");
  return { action: makeBatchedAction(action, batches), scope: first.scope, batches };
}

const statesOf = (ids: readonly string[]) => ids.map((id) => session.instance("dev", id)?.state);

describe("an action over several sessions", () => {
  it("is told as one, in the order of the ids, with one call for each session", async () => {
    const ids = session.addInstances("dev", 5).reverse();
    const { action, scope } = await batched(terminate, ids, 2);
    const told = await runAndTell(action, ids, scope);
    expect(told.events).toEqual(["show", "confirm", "report"]);
    expect(told.shown?.resources.map(({ id }) => id)).toEqual(ids);
    expect(told.report?.resources.map(({ id, outcome }) => [id, outcome])).toEqual(ids.map((id) => [id, "done"]));
    expect(told.report?.requestIds).toHaveLength(3);
    expect(session.changes()).toEqual(["TerminateInstances", "TerminateInstances", "TerminateInstances"]);
    expect(session.operations()[0]).toBe("DescribeInstances");
  });

  it("names every unknown id, whichever session looked for it, and does nothing", async () => {
    const [one = "", two = ""] = session.addInstances("dev", 2);
    const ids = [one, "i-0ffffffffffffff01", two, "i-0ffffffffffffff02"];
    const { action, scope } = await batched(terminate, ids, 2);
    const told = await runAndTell(action, ids, scope);
    expect(told.thrown).toMatchObject({ code: "NOT_FOUND" });
    expect(told.thrown?.details).toMatchObject({
      missing: ["i-0ffffffffffffff01", "i-0ffffffffffffff02"],
      existing: [one, two],
    });
    expect(session.changes()).toEqual([]);
  });

  it("asks each session in a dry run, and changes nothing", async () => {
    const ids = session.addInstances("dev", 3);
    const { action, scope } = await batched(terminate, ids, 2);
    const told = await runAndTell(action, ids, scope, { dryRun: true });
    expect(told.report?.resources.map(({ outcome }) => outcome)).toEqual(ids.map(() => "would be done"));
    expect(session.changes()).toEqual([]);
    expect(session.operations().filter((each) => each === "TerminateInstances (dry run)")).toHaveLength(2);
  });

  it("what a lost answer left open is found out by the session that asked, and nothing is asked twice", async () => {
    const ids = session.addInstances("dev", 4);
    const { action, scope } = await batched(terminate, ids, 2);
    session.proxy.break("TerminateInstances", { kind: "cut-reply", at: "headers" });
    const told = await runAndTell(action, ids, scope);
    expect(told.notes).toContain("the answer to the call was lost; looking again shows that it was carried out");
    expect(told.report?.resources.map(({ outcome }) => outcome)).toEqual(ids.map(() => "done"));
    expect(session.changes()).toEqual(["TerminateInstances", "TerminateInstances"]);
  });

  it("a refusal of one session's call stops no other's", async () => {
    const ids = session.addInstances("dev", 4);
    const { action, scope } = await batched(terminate, ids, 2);
    const told = await runAndTell(action, ids, scope, {
      // Protected while somebody was asked.
      confirm: () => {
        const first = session.instance("dev", ids[0] ?? "");
        if (first !== undefined)
          session.account("dev").instances.set(first.id, { ...first, disableApiTermination: true });
      },
    });
    expect(told.report?.resources[0]).toMatchObject({ outcome: "failed", state: "running" });
    expect(told.report?.resources.slice(2)).toMatchObject([{ outcome: "done" }, { outcome: "done" }]);
    expect(told.failure).toMatchObject({ code: "PARTIAL_FAILURE" });
  });

  it("above a hundred ids in all, protection is not read, and that is said once", async () => {
    const ids = session.addInstances("dev", 101);
    const { action, scope } = await batched(terminate, ids, 60);
    const told = await runAndTell(action, ids, scope, { wait: false });
    expect(told.notes).toEqual(["termination protection was not read: more than 100 instances"]);
    expect(session.operations()).not.toContain("DescribeInstanceAttribute");
    expect(statesOf(ids)).not.toContain("running");
  });

  it("tables are deleted one a call, by the session that is for each", async () => {
    const names = ["batch-a", "batch-b", "batch-c"];
    for (const name of names) session.addTable("dev", name);
    const { action, scope, batches } = await batched(deleteTable, names, 2);
    const told = await runAndTell(action, names, scope);
    expect(told.report?.resources.map(({ outcome }) => outcome)).toEqual(names.map(() => "done"));
    expect(session.changes()).toEqual(names.map(() => "DeleteTable"));
    expect(batches).toHaveLength(2);
  });
});

describe("batches", () => {
  const needs = terminate.needs;
  const idsOf = (count: number) => Array.from({ length: count }, (_, index) => `i-${String(index).padStart(17, "0")}`);

  it("hold every id once, in order, as many as fit", () => {
    const ids = idsOf(1_000);
    const batches = planPolicyBatches(ids, needs, HOME);
    expect(batches.flatMap((batch) => batch.ids)).toEqual(ids);
    expect(batches.every(({ policy }) => policy.text.length <= 2_048)).toBe(true);
    const [first, second] = batches;
    const together = [...(first?.ids ?? []), ...(second?.ids.slice(0, 1) ?? [])];
    expect(planPolicyBatches(together, needs, HOME)).toHaveLength(2);
  });

  it("of one id too long for a policy are refused, never widened", () => {
    const tables = (names: readonly string[]) => [
      {
        actions: ["dynamodb:DeleteTable"],
        resources: names.map((name) => `arn:aws:dynamodb:us-east-1:222222222222:table/${name}`),
      },
    ];
    expect(() => planPolicyBatches(["orders", "x".repeat(2_000)], tables, HOME)).toThrow(
      /has \d{4} characters, and AWS takes 2048/,
    );
    expect(() => planPolicyBatches(["orders", "*"], tables, HOME)).toThrow(/could be read as a pattern/);
  });

  it("are one where the action is on nothing in particular", () => {
    expect(planPolicyBatches([], () => [{ actions: ["ec2:DescribeInstances"], resources: ["*"] }], HOME)).toMatchObject(
      [{ ids: [] }],
    );
  });
});
