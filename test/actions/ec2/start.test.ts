import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { start } from "../../../src/actions/ec2/start.ts";
import { formatNeeds } from "../../../src/policy/build-session-policy.ts";
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
  session.allow("dev", "ec2:StartInstances", "ec2:DescribeInstances");
  scope = await session.scope("dev");
  session.forget();
});

const stateOf = (id: string) => session.instance("dev", id)?.state;
const addStopped = (count: number) => session.addInstances("dev", count, { state: "stopped" });

describe("start", () => {
  it("looks, shows, asks, starts all in one call, and waits until they run", async () => {
    const ids = addStopped(2);
    const told = await runAndTell(start, ids, scope);
    expect(told.events).toEqual(["show", "confirm", "report"]);
    expect(told.report).toMatchObject({
      action: "start",
      resources: ids.map((id) => ({ id, before: "stopped", state: "running", outcome: "done" })),
    });
    expect(told.failure).toBeUndefined();
    // Nothing protects from it: no attribute is read, and nothing is said of one.
    expect(new Set(session.operations())).toEqual(new Set(["DescribeInstances", "StartInstances"]));
    expect(told.notes).toEqual([]);
    expect(session.changes()).toEqual(["StartInstances"]);
  });

  it("has nothing to do for one that runs, and only waits for one that is pending", async () => {
    const [up = ""] = session.addInstances("dev", 1);
    const [coming = ""] = session.addInstances("dev", 1, {
      state: "pending",
      nextState: { state: "running", atMs: session.clock.now() + 2_000 },
    });
    const told = await runAndTell(start, [up, coming], scope);
    expect(told.report?.resources).toMatchObject([
      { outcome: "done", reason: "was already running" },
      { before: "pending", state: "running", outcome: "done" },
    ]);
    expect(session.changes()).toEqual([]);
  });

  it("explains which can't be started as they are, with nothing done", async () => {
    const [good = ""] = addStopped(1);
    const [going = ""] = session.addInstances("dev", 1, { state: "stopping" });
    const [gone = ""] = session.addInstances("dev", 1, { state: "terminated", tags: new Map() });
    const told = await runAndTell(start, [good, going, gone], scope);
    expect(told.events).toEqual(["show"]);
    expect(told.thrown).toMatchObject({
      code: "WRONG_STATE",
      message: `can't be started: ${going} (web-1) is stopping, ${gone} is terminated; nothing was done`,
      hint: "leave them out: only a stopped instance can be started",
    });
    expect(session.changes()).toEqual([]);
    expect(stateOf(good)).toBe("stopped");
  });

  it("tells one that EC2 took and then gave up, with EC2's reason and where to look", async () => {
    const ids = addStopped(2);
    const told = await runAndTell(start, ids, scope, {
      onProgress: ({ elapsedMs }) => {
        const failing = session.instance("dev", ids[1] ?? "");
        // It is seen pending once, then it is back.
        if (failing === undefined || elapsedMs < 200) return;
        Object.assign(failing, {
          state: "stopped",
          nextState: undefined,
          stateReason: {
            code: "Client.InternalError",
            message: "Client.InternalError: Client error on launch",
            atMs: session.clock.now(),
          },
        });
      },
    });
    expect(told.report?.resources).toMatchObject([
      { state: "running", outcome: "done" },
      {
        state: "stopped",
        outcome: "failed",
        reason: "it was not started: it went back to stopped (Client.InternalError: Client error on launch)",
      },
    ]);
    expect(told.failure).toMatchObject({
      code: "PARTIAL_FAILURE",
      exitCode: 5,
      hint: "where its volumes are encrypted, the role needs kms:CreateGrant on their key",
    });
    expect(session.changes()).toEqual(["StartInstances"]);
  });

  it("goes on waiting while EC2 still shows the state from before the call", async () => {
    const [id = ""] = addStopped(1);
    let readings = 0;
    const told = await runAndTell(start, [id], scope, {
      onProgress: () => {
        const instance = session.instance("dev", id);
        if (instance === undefined || ++readings > 6) return;
        instance.state = readings < 6 ? "stopped" : "pending";
        instance.nextState = readings < 6 ? undefined : { state: "running", atMs: session.clock.now() };
      },
    });
    expect(told.report?.resources).toMatchObject([{ state: "running", outcome: "done" }]);
    expect(told.failure).toBeUndefined();
  });

  it("does not take one old reading for the end of it", async () => {
    const [id = ""] = addStopped(1);
    let readings = 0;
    const told = await runAndTell(start, [id], scope, {
      onProgress: () => {
        const instance = session.instance("dev", id);
        if (instance === undefined) return;
        const state = (["pending", "stopped", "pending", "stopped"] as const)[readings++] ?? "running";
        Object.assign(instance, { state, nextState: undefined });
      },
    });
    expect(told.report?.resources).toMatchObject([{ state: "running", outcome: "done" }]);
  });

  it("says that EC2 has no room, with what it then reads, and does not ask again", async () => {
    const [id = ""] = addStopped(1);
    const body =
      '<?xml version="1.0"?><Response><Errors><Error><Code>InsufficientInstanceCapacity</Code><Message>no capacity</Message></Error></Errors><RequestID>r-1</RequestID></Response>';
    session.proxy.break("StartInstances", { kind: "answer", status: 500, body, forward: false }, 9);
    const told = await runAndTell(start, [id], scope);
    session.proxy.break("StartInstances", { kind: "answer", status: 500, body, forward: false }, 0);
    expect(told.failure).toMatchObject({
      code: "AWS_REFUSED",
      message: expect.stringMatching(
        /has no room for it now \(InsufficientInstanceCapacity\); watched for 10 s, it was still stopped when last looked at$/,
      ),
      hint: "try again later, or give it another instance type while it is stopped",
    });
    expect(told.report?.resources).toMatchObject([{ state: "stopped", outcome: "not done" }]);
    expect(session.proxy.calls.filter(({ operation }) => operation === "StartInstances").length).toBeGreaterThan(0);
    expect(session.changes()).toEqual([]);
  });

  it("needs no more than it declares, and is refused anything else (--scoped)", async () => {
    const [mine = "", other = ""] = addStopped(2);
    const home = { partition: "aws", region: "us-east-1", accountId: "222222222222" };
    const policy = JSON.parse(formatNeeds(start.needs([mine], home)));
    const scoped = await session.scope("dev", policy);
    expect((await runAndTell(start, [mine], scoped)).report?.resources).toMatchObject([{ outcome: "done" }]);
    expect((await runAndTell(start, [other], scoped)).failure).toMatchObject({ code: "ACCESS_DENIED" });
    expect(stateOf(other)).toBe("stopped");
    // Encrypted volumes: EC2 may be given the use of their keys, and nobody else.
    expect(policy.Statement).toContainEqual({
      Effect: "Allow",
      Action: "kms:CreateGrant",
      Resource: "arn:aws:kms:us-east-1:222222222222:key/*",
      Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } },
    });
  });

  it("asks EC2's own dry run, and changes nothing", async () => {
    const [id = ""] = addStopped(1);
    const told = await runAndTell(start, [id], scope, { dryRun: true });
    expect(told.report?.resources).toMatchObject([{ state: "stopped", outcome: "would be done" }]);
    expect(told.report?.resources[0]?.reason).toBeUndefined();
    expect(session.operations().at(-1)).toBe("StartInstances (dry run)");
    expect(stateOf(id)).toBe("stopped");
  });
});
