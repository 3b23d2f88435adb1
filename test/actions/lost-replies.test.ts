import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DestructiveAction } from "../../src/actions/action.ts";
import { deleteTable } from "../../src/actions/dynamodb/delete-table.ts";
import { start } from "../../src/actions/ec2/start.ts";
import { makeStop } from "../../src/actions/ec2/stop.ts";
import { terminate } from "../../src/actions/ec2/terminate.ts";
import type { TestScope } from "../support/action-scope.ts";
import { runAndTell } from "../support/destructive-run.ts";
import { CUT_POINTS, type Fault } from "../support/fault-proxy.ts";
import { type SandboxSession, startSandboxSession } from "../support/sandbox-session.ts";

let session: SandboxSession;
let scope: TestScope;
let tables = 0;

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

beforeEach(async () => {
  session.allow(
    "dev",
    "ec2:TerminateInstances",
    "ec2:StopInstances",
    "ec2:StartInstances",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceAttribute",
    "dynamodb:DeleteTable",
    "dynamodb:DescribeTable",
  );
  scope = await session.scope("dev");
  session.forget();
});

interface Case {
  readonly action: DestructiveAction;
  readonly operation: string;
  readonly before: string;
  readonly goal: string;
  make(): string;
}

const CASES: readonly Case[] = [
  {
    action: terminate,
    operation: "TerminateInstances",
    before: "running",
    goal: "terminated",
    make: () => session.addInstances("dev", 1)[0] ?? "",
  },
  {
    action: makeStop({}),
    operation: "StopInstances",
    before: "running",
    goal: "stopped",
    make: () => session.addInstances("dev", 1)[0] ?? "",
  },
  {
    action: start,
    operation: "StartInstances",
    before: "stopped",
    goal: "running",
    make: () => session.addInstances("dev", 1, { state: "stopped" })[0] ?? "",
  },
  {
    action: deleteTable,
    operation: "DeleteTable",
    before: "ACTIVE",
    goal: "gone",
    make: () => session.addTable("dev", `lost-${++tables}`).name,
  },
];

const onceOnly = (operation: string) => session.proxy.calls.filter((call) => call.operation === operation).length;

describe.each(CASES)("$operation whose reply is lost", ({ action, operation, before, goal, make }) => {
  const after: (Fault & { readonly title: string })[] = [
    ...CUT_POINTS.map((at) => ({ kind: "cut-reply" as const, at, title: `cut at the ${at}` })),
    { kind: "truncate-body", title: "with half a body" },
    { kind: "answer", status: 500, body: "", forward: true, title: "a bare 500 in its place" },
    {
      kind: "answer",
      status: 502,
      body: "<html>Bad Gateway</html>",
      forward: true,
      title: "a proxy's 502 in its place",
    },
    { kind: "answer", status: 503, body: "", forward: true, title: "a bare 503 in its place" },
  ];

  it.each(after)("is never sent again, and what it did is found by reading: $title", async ({ title: _, ...fault }) => {
    const id = make();
    const sent = onceOnly(operation);
    session.proxy.break(operation, fault as Fault, 99);
    const told = await runAndTell(action, [id], scope);
    expect(onceOnly(operation) - sent).toBe(1);
    expect(session.changes()).toEqual([operation]);
    expect(told.report?.resources).toMatchObject([{ id, before, state: goal, outcome: "done" }]);
    expect(told.failure).toBeUndefined();
    session.proxy.break(operation, fault as Fault, 0);
  });

  it.each([
    { kind: "lose-request", title: "cut before it arrived" },
    { kind: "answer", status: 500, body: "", forward: false, title: "a 500 that did nothing" },
  ] as (Fault & { title: string })[])(
    "is not sent again either when reading shows nothing of it: $title",
    async ({ title: _, ...fault }) => {
      const id = make();
      const sent = onceOnly(operation);
      session.proxy.break(operation, fault as Fault, 99);
      const startedAt = session.clock.now();
      const told = await runAndTell(action, [id], scope);
      session.proxy.break(operation, fault as Fault, 0);
      expect(onceOnly(operation) - sent).toBe(1);
      expect(session.changes()).toEqual([]);
      expect(told.report?.resources).toMatchObject([
        {
          id,
          before,
          state: before,
          outcome: "not done",
          reason: expect.stringMatching(new RegExp(`it was still ${before} when last looked at$`)),
        },
      ]);
      expect(told.failure).toMatchObject({
        code: "REPLY_LOST",
        exitCode: 1,
        hint: "look once more before doing it again",
      });
      // What AWS shows lags behind: it was looked at for a while.
      expect(session.clock.now() - startedAt).toBeGreaterThanOrEqual(10_000);
    },
  );

  it("is reported as unknown when it can't be read what it did", async () => {
    const id = make();
    session.proxy.whenAsked(operation, () => {
      // From here on nothing can be read any more.
      session.proxy.break("DescribeInstances", { kind: "lose-request" }, 999);
      session.proxy.break("DescribeTable", { kind: "lose-request" }, 999);
    });
    session.proxy.break(operation, { kind: "cut-reply", at: "first byte" });
    const told = await runAndTell(action, [id], scope);
    session.proxy.whenAsked(operation, () => {});
    session.proxy.break("DescribeInstances", { kind: "lose-request" }, 0);
    session.proxy.break("DescribeTable", { kind: "lose-request" }, 0);
    expect(session.changes()).toEqual([operation]);
    expect(told.report?.resources).toMatchObject([
      { id, outcome: "unknown", reason: expect.stringMatching(/it can't be read what became of it$/) },
    ]);
    expect(told.failure).toMatchObject({ code: "REPLY_LOST" });
  });
});

describe("an endpoint that is gone when it is to be done", () => {
  it.each(CASES)("is a plain error with nothing done ($operation)", async ({ action, make, before }) => {
    const id = make();
    const broken = await session.scope("dev");
    session.forget();
    // The reads go through, the mutating call finds nobody.
    const settings = broken.clientSettings;
    const told = await runAndTell(action, [id], {
      ...broken,
      clientSettings: (service, maxAttempts) => ({
        ...settings(service, maxAttempts),
        ...(maxAttempts === 1 ? { endpoint: "http://127.0.0.1:9" } : {}),
      }),
    });
    expect(told.events).toEqual(["show", "confirm"]);
    expect(told.thrown).toMatchObject({
      code: "NETWORK",
      exitCode: 1,
      message: expect.stringMatching(/at http:\/\/127\.0\.0\.1:9 could not be reached: the connection was refused$/),
    });
    expect(session.changes()).toEqual([]);
    expect(session.instance("dev", id)?.state ?? session.table("dev", id)?.status).toBe(before);
  });
});
