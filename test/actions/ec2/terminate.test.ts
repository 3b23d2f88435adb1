import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { terminate } from "../../../src/actions/ec2/terminate.ts";
import { AssumeMfaError, InterruptedError } from "../../../src/errors.ts";
import type { TestScope } from "../../support/action-scope.ts";
import { runAndTell } from "../../support/destructive-run.ts";
import { type SandboxSession, startSandboxSession } from "../../support/sandbox-session.ts";

const UNKNOWN_ID = "i-0fffffffffffffff0";
const EVERYTHING = ["ec2:TerminateInstances", "ec2:DescribeInstances", "ec2:DescribeInstanceAttribute"];

let session: SandboxSession;
let scope: TestScope;

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

beforeEach(async () => {
  session.allow("dev", ...EVERYTHING);
  scope = await session.scope("dev");
  session.forget();
});

/** The sandbox's own state of each, once what is under way is over. */
function statesOf(ids: readonly string[]): (string | undefined)[] {
  return ids.map((id) => session.instance("dev", id)?.state);
}

describe("terminate", () => {
  it("looks, shows, asks, terminates all in one call, waits, and reports each one's state", async () => {
    const ids = session.addInstances("dev", 3, { tags: new Map([["Name", "web"]]) });
    const told = await runAndTell(terminate, ids, scope);
    expect(told.events).toEqual(["show", "confirm", "report"]);
    expect(told.shown?.resources).toMatchObject(
      ids.map((id) => ({
        id,
        name: "web",
        type: "t3.small",
        zone: "us-east-1a",
        state: "running",
        protection: "unprotected",
        createdAt: expect.any(Number),
      })),
    );
    expect(told.report).toEqual({
      action: "terminate",
      dryRun: false,
      resources: ids.map((id) => ({ id, name: "web", before: "running", state: "terminated", outcome: "done" })),
      requestIds: [expect.any(String)],
    });
    expect(told.failure).toBeUndefined();
    expect(statesOf(ids)).toEqual(["terminated", "terminated", "terminated"]);
    expect(session.changes()).toEqual(["TerminateInstances"]);
    // One DescribeInstances to look, then protection id by id.
    expect(session.operations().slice(0, 5)).toEqual([
      "DescribeInstances",
      "DescribeInstanceAttribute",
      "DescribeInstanceAttribute",
      "DescribeInstanceAttribute",
      "TerminateInstances",
    ]);
    expect(session.sandbox.calls.at(-1)?.requestId).not.toBe(told.report?.requestIds[0]);
    expect(session.sandbox.calls.map(({ requestId }) => requestId)).toContain(told.report?.requestIds[0]);
  });

  it("counts states by the clock while it waits", async () => {
    const ids = session.addInstances("dev", 2);
    const { progress } = await runAndTell(terminate, ids, scope);
    expect(progress[0]).toEqual({ counts: new Map([["shutting-down", 2]]), elapsedMs: expect.any(Number) });
    expect(progress.at(-1)?.counts).toEqual(new Map([["terminated", 2]]));
    const elapsed = progress.map(({ elapsedMs }) => elapsedMs);
    expect(elapsed).toEqual([...elapsed].sort((a, b) => a - b));
    expect(elapsed.at(-1)).toBeGreaterThanOrEqual(1_000);
  });

  it("names each id once to EC2, however often it is given", async () => {
    const [id = ""] = session.addInstances("dev", 1);
    const told = await runAndTell(terminate, [id, id, id], scope);
    expect(told.report?.resources).toHaveLength(1);
    expect(session.changes()).toEqual(["TerminateInstances"]);
  });

  it("returns at once with --no-wait, with the state of EC2's reply", async () => {
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(terminate, ids, scope, { wait: false });
    expect(told.report?.resources.map(({ state, outcome }) => [state, outcome])).toEqual([
      ["shutting-down", "pending"],
      ["shutting-down", "pending"],
    ]);
    expect(told.failure).toBeUndefined();
    expect(session.operations().at(-1)).toBe("TerminateInstances");
  });

  it("stops waiting when the time is over and says what is still going on", async () => {
    const ids = session.addInstances("dev", 1);
    const told = await runAndTell(terminate, ids, scope, {
      timeoutSeconds: 90,
      onProgress: () => {
        // An instance that takes its time.
        const instance = session.instance("dev", ids[0] ?? "");
        if (instance?.nextState) instance.nextState = { ...instance.nextState, atMs: session.clock.now() + 600_000 };
      },
    });
    expect(told.report?.resources).toMatchObject([
      { state: "shutting-down", outcome: "pending", reason: "still shutting-down after 90 s" },
    ]);
    expect(told.failure).toMatchObject({ code: "STILL_IN_PROGRESS", exitCode: 1 });
    // Polling slows down: far fewer readings than one each 200 ms.
    expect(session.operations().filter((operation) => operation === "DescribeInstances").length).toBeLessThan(40);
  });

  it("terminates a thousand with one call, and says that protection was not read", async () => {
    const ids = session.addInstances("dev", 1_000);
    const told = await runAndTell(terminate, ids, scope);
    expect(session.changes()).toEqual(["TerminateInstances"]);
    expect(session.operations().filter((operation) => operation === "DescribeInstanceAttribute")).toEqual([]);
    expect(told.notes).toEqual(["termination protection was not read: more than 100 instances"]);
    expect(told.shown?.resources.every(({ protection }) => protection === "unknown")).toBe(true);
    expect(new Set(told.report?.resources.map(({ outcome }) => outcome))).toEqual(new Set(["done"]));
    expect(new Set(statesOf(ids))).toEqual(new Set(["terminated"]));
    for (const id of ids) session.account("dev").instances.delete(id);
  });

  it("hands hostile names on as they are, for the printer to make visible", async () => {
    const hostile = "web\u009b2J\u202egnp.exe\r\nassume-mfa: error: all is well";
    const ids = session.addInstances("dev", 1, { tags: new Map([["Name", hostile]]) });
    const told = await runAndTell(terminate, ids, scope);
    expect(told.report?.resources[0]).toMatchObject({ name: hostile, outcome: "done" });
  });
});

describe("what must not be terminated", () => {
  it("stops on an unknown id before anything is shown or done, naming it and those that exist", async () => {
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(terminate, [...ids, UNKNOWN_ID], scope);
    expect(told.events).toEqual([]);
    expect(told.thrown).toMatchObject({
      code: "NOT_FOUND",
      exitCode: 1,
      message: `no instance ${UNKNOWN_ID} in us-east-1 of account 222222222222; nothing was done`,
      hint: `these exist: ${ids.join(", ")}`,
      details: { missing: [UNKNOWN_ID], existing: ids },
    });
    expect(session.changes()).toEqual([]);
    expect(statesOf(ids)).toEqual(["running", "running"]);
  });

  it("finds the one unknown id among more than a filter takes", async () => {
    const ids = session.addInstances("dev", 450);
    const told = await runAndTell(terminate, [...ids.slice(0, 230), UNKNOWN_ID, ...ids.slice(230)], scope);
    expect(told.thrown?.details).toEqual({ missing: [UNKNOWN_ID], existing: ids });
    // The call that failed, then 200, 200 and 51 ids through a filter; the role may not list regions to look in.
    expect(session.operations()).toEqual([...Array.from({ length: 4 }, () => "DescribeInstances"), "DescribeRegions"]);
    for (const id of ids) session.account("dev").instances.delete(id);
  });

  it("does not find an instance of another account", async () => {
    const [foreign = ""] = session.instances("prod").map(({ id }) => id);
    const told = await runAndTell(terminate, [foreign], scope);
    expect(told.thrown).toMatchObject({ code: "NOT_FOUND", hint: "check the id, the region and the target" });
    expect(session.instance("prod", foreign)?.state).toBe("running");
  });

  it.each([{ dryRun: false }, { dryRun: true }])(
    "stops on a protected one after showing it, and never switches protection off ($dryRun)",
    async ({ dryRun }) => {
      const [free = ""] = session.addInstances("dev", 1);
      const [held = ""] = session.addInstances("dev", 1, {
        disableApiTermination: true,
        tags: new Map([["Name", "database"]]),
      });
      const told = await runAndTell(terminate, [free, held], scope, { dryRun });
      expect(told.events).toEqual(["show"]);
      expect(told.shown?.resources.map(({ protection }) => protection)).toEqual(["unprotected", "protected"]);
      expect(told.thrown).toMatchObject({
        code: "PROTECTED",
        exitCode: 1,
        message: `${held} (database) has termination protection; nothing was done`,
      });
      expect(statesOf([free, held])).toEqual(["running", "running"]);
      expect(session.changes()).toEqual([]);
      expect(session.operations().filter((operation) => operation.endsWith("(dry run)"))).toEqual([]);
      expect(session.instance("dev", held)?.disableApiTermination).toBe(true);
    },
  );

  it("does nothing when it is declined", async () => {
    const ids = session.addInstances("dev", 1);
    const declined = new AssumeMfaError("DECLINED", "declined");
    const told = await runAndTell(terminate, ids, scope, {
      confirm: () => {
        throw declined;
      },
    });
    expect(told.thrown).toBe(declined);
    expect(told.events).toEqual(["show", "confirm"]);
    expect(session.changes()).toEqual([]);
    expect(scope.interrupts.holds).toBe(0);
  });

  it("reports those already terminated as such, asks for nothing and calls nothing", async () => {
    const ids = session.addInstances("dev", 2, { state: "terminated" });
    const told = await runAndTell(terminate, ids, scope);
    expect(told.events).toEqual(["show", "report"]);
    expect(told.report?.resources).toMatchObject(
      ids.map((id) => ({ id, before: "terminated", outcome: "done", reason: "was already terminated" })),
    );
    expect(told.failure).toBeUndefined();
    expect(session.operations()).toEqual(["DescribeInstances"]);
  });

  it("waits for one that is on its way already, without terminating it again", async () => {
    const [id = ""] = session.addInstances("dev", 1, {
      state: "shutting-down",
      nextState: { state: "terminated", atMs: session.clock.now() + 3_000 },
    });
    const told = await runAndTell(terminate, [id], scope);
    expect(told.report?.resources).toMatchObject([{ before: "shutting-down", state: "terminated", outcome: "done" }]);
    expect(session.changes()).toEqual([]);
  });

  it("looks again when the answer took more than a minute, and stops at what became protected", async () => {
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(terminate, ids, scope, {
      confirm: () => {
        session.clock.advance(61_000);
        const instance = session.instance("dev", ids[1] ?? "");
        if (instance !== undefined) instance.disableApiTermination = true;
      },
    });
    expect(told.thrown).toMatchObject({ code: "PROTECTED" });
    expect(session.changes()).toEqual([]);
  });

  it("looks again when the answer took more than a minute, and stops at what has another name now", async () => {
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(terminate, ids, scope, {
      confirm: () => {
        session.clock.advance(61_000);
        session.instance("dev", ids[1] ?? "")?.tags.set("Name", "production database");
      },
    });
    expect(told.thrown).toMatchObject({
      code: "AWS_REFUSED",
      message: `${ids[1]} changed since it was shown; nothing was done`,
    });
    expect(session.changes()).toEqual([]);
  });

  it("does not start with a session that is about to end, nor go on with one after a long silence", async () => {
    const ids = session.addInstances("dev", 1);
    const soon = await runAndTell(terminate, ids, scope, { confirm: () => session.clock.advance(3_560_000) });
    expect(soon.thrown).toMatchObject({ code: "SESSION_EXPIRED", hint: "run it again with --refresh" });
    expect(soon.events).toEqual(["show", "confirm"]);
    session.forget();
    const now = await runAndTell(terminate, ids, scope);
    expect(now.thrown).toMatchObject({ code: "SESSION_EXPIRED" });
    expect(session.operations()).toEqual([]);
    expect(statesOf(ids)).toEqual(["running"]);
  });
});

describe("--dry-run", () => {
  it("asks EC2's DryRun, changes nothing, asks no one, and says that it would go through", async () => {
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(terminate, ids, scope, { dryRun: true });
    expect(told.events).toEqual(["show", "report"]);
    expect(told.report).toMatchObject({
      dryRun: true,
      requestIds: [],
      resources: ids.map((id) => ({ id, state: "running", outcome: "would be done" })),
    });
    expect(told.failure).toBeUndefined();
    expect(session.operations().at(-1)).toBe("TerminateInstances (dry run)");
    expect(session.changes()).toEqual([]);
    expect(statesOf(ids)).toEqual(["running", "running"]);
  });

  it("fails when EC2 says that the role may not", async () => {
    session.allow("dev", "ec2:DescribeInstances", "ec2:DescribeInstanceAttribute");
    const ids = session.addInstances("dev", 1);
    const told = await runAndTell(terminate, ids, scope, { dryRun: true });
    expect(told.failure).toMatchObject({
      code: "DRY_RUN_REFUSED",
      exitCode: 1,
      message: expect.stringMatching(/^it would not go through: the role may not do ec2:TerminateInstances/),
      hint: "allow ec2:TerminateInstances in the role's permissions policy",
    });
    expect(told.report?.resources).toMatchObject([{ outcome: "not done", state: "running" }]);
    expect(session.changes()).toEqual([]);
  });

  it("says which protection it could not read", async () => {
    session.allow("dev", "ec2:DescribeInstances", "ec2:TerminateInstances");
    const ids = session.addInstances("dev", 1);
    const told = await runAndTell(terminate, ids, scope, { dryRun: true });
    expect(told.report?.resources[0]?.reason).toBe("if it has no termination protection, which was not read");
  });
});

describe("a role that may do less", () => {
  it("terminates what it can't look at, and reports from the reply", async () => {
    session.allow("dev", "ec2:TerminateInstances");
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(terminate, ids, scope);
    expect(told.notes).toEqual(["cannot look at the instances: the role may not do ec2:DescribeInstances"]);
    expect(told.events).toEqual(["show", "confirm", "report"]);
    expect(told.shown?.resources.map(({ state }) => state)).toEqual([undefined, undefined]);
    expect(told.report?.resources).toEqual(
      ids.map((id) => ({
        id,
        name: null,
        before: null,
        state: "shutting-down",
        outcome: "pending",
        reason: "not waited for: the role may not look at it",
      })),
    );
    expect(told.failure).toBeUndefined();
    expect(session.changes()).toEqual(["TerminateInstances"]);
  });

  it("does not claim what it can't read after a refusal that may have terminated some", async () => {
    session.allow("dev", "ec2:TerminateInstances");
    const [gone = ""] = session.addInstances("dev", 1, { availabilityZone: "us-east-1b" });
    const [held = ""] = session.addInstances("dev", 1, { disableApiTermination: true });
    const told = await runAndTell(terminate, [gone, held], scope);
    expect(told.report?.resources.map(({ outcome, state }) => [outcome, state])).toEqual([
      ["unknown", null],
      ["unknown", null],
    ]);
    expect(told.failure).toMatchObject({ code: "PROTECTED" });
    expect(session.changes()).toEqual(["TerminateInstances"]);
  });

  it("says that protection is not known where only that may not be read", async () => {
    session.allow("dev", "ec2:DescribeInstances", "ec2:TerminateInstances");
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(terminate, ids, scope);
    expect(told.notes).toEqual([
      "termination protection could not be read: the role may not do ec2:DescribeInstanceAttribute",
    ]);
    expect(told.shown?.resources.map(({ protection }) => protection)).toEqual(["unknown", "unknown"]);
    expect(told.report?.resources.map(({ outcome }) => outcome)).toEqual(["done", "done"]);
  });

  it("is told which permission is missing, with nothing done and every state read again", async () => {
    session.allow("dev", "ec2:DescribeInstances", "ec2:DescribeInstanceAttribute");
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(terminate, ids, scope);
    expect(told.failure).toMatchObject({
      code: "ACCESS_DENIED",
      exitCode: 1,
      message: expect.stringMatching(/^the role may not do ec2:TerminateInstances \(UnauthorizedOperation: /),
    });
    expect(told.failure?.message).not.toContain("Encoded");
    expect(told.report?.resources.map(({ outcome, state }) => [outcome, state])).toEqual([
      ["failed", "running"],
      ["failed", "running"],
    ]);
    expect(session.operations().at(-1)).toBe("DescribeInstances");
  });

  it("needs no more than the action declares, and is refused anything else (--scoped)", async () => {
    const [mine = "", other = ""] = session.addInstances("dev", 2);
    const home = { partition: "aws", region: "us-east-1", accountId: "222222222222" };
    const statements = terminate.needs([mine], home).map(({ actions, resources }) => {
      return { Effect: "Allow", Action: actions, Resource: resources };
    });
    const scoped = await session.scope("dev", { Version: "2012-10-17", Statement: statements });
    session.forget();
    expect((await runAndTell(terminate, [mine], scoped)).report?.resources).toMatchObject([{ outcome: "done" }]);
    const told = await runAndTell(terminate, [other], scoped);
    expect(told.failure).toMatchObject({
      code: "ACCESS_DENIED",
      hint: "allow ec2:TerminateInstances in the session policy that was given",
    });
    expect(statesOf([other])).toEqual(["running"]);
  });
});

describe("Ctrl-C", () => {
  it("stops after the call in flight, reports done and not done, and ends with 130", async () => {
    const ids = session.addInstances("dev", 1_003);
    session.proxy.whenAsked("TerminateInstances", () => scope.interrupts.raise("SIGINT"));
    const told = await runAndTell(terminate, ids, scope);
    session.proxy.whenAsked("TerminateInstances", () => {});
    expect(session.changes()).toEqual(["TerminateInstances"]);
    expect(told.heldAtReport).toBe(true);
    expect(told.failure).toBeInstanceOf(InterruptedError);
    expect(told.failure?.exitCode).toBe(130);
    const outcomes = told.report?.resources.map(({ outcome, reason }) => `${outcome}: ${reason ?? ""}`) ?? [];
    expect(new Set(outcomes.slice(0, 1_000))).toEqual(new Set(["pending: "]));
    expect(outcomes.slice(1_000)).toEqual(Array.from({ length: 3 }, () => "not done: not sent: interrupted"));
    expect(statesOf(ids.slice(1_000))).toEqual(["running", "running", "running"]);
    for (const id of ids) session.account("dev").instances.delete(id);
  });

  it("ends the waiting after one more reading", async () => {
    const ids = session.addInstances("dev", 1);
    const told = await runAndTell(terminate, ids, scope, { onProgress: () => scope.interrupts.raise("SIGTERM") });
    expect(told.report?.resources).toMatchObject([{ outcome: "pending", state: "shutting-down" }]);
    expect(told.failure?.exitCode).toBe(143);
    expect(session.operations().at(-1)).toBe("DescribeInstances");
  });

  it("during the question's answer does nothing at all", async () => {
    const ids = session.addInstances("dev", 1);
    const told = await runAndTell(terminate, ids, scope, { confirm: () => scope.interrupts.raise("SIGINT") });
    expect(told.report?.resources).toMatchObject([{ outcome: "not done", reason: "not sent: interrupted" }]);
    expect(told.failure?.exitCode).toBe(130);
    expect(session.changes()).toEqual([]);
  });
});

describe("a failed call over several zones", () => {
  const A = "us-east-1a";
  const B = "us-east-1b";
  const cells = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].flatMap((mask) =>
    [false, true].map((hasBadId) => ({
      hasBadId,
      isProtected: [0, 1, 2, 3].map((bit) => (mask & (1 << bit)) !== 0),
      title: [0, 1, 2, 3].map((bit) => `${bit < 2 ? "a" : "b"}${(mask & (1 << bit)) === 0 ? "-" : "+"}`).join(" "),
    })),
  );

  // What was seen when looking is not so any more when it is done: protection is switched on, an instance vanishes.
  it.each(cells)(
    "reports each one's true state: zones and protection $title, an id gone: $hasBadId",
    async ({ isProtected, hasBadId }) => {
      const ids = [A, A, B, B].flatMap((availabilityZone) => session.addInstances("dev", 1, { availabilityZone }));
      const [bad = ""] = session.addInstances("dev", 1, { availabilityZone: B });
      const asked = [...ids.slice(0, 2), bad, ...ids.slice(2)];
      const told = await runAndTell(terminate, asked, scope, {
        confirm: () => {
          ids.forEach((id, index) => {
            const instance = session.instance("dev", id);
            if (instance !== undefined) instance.disableApiTermination = isProtected[index] === true;
          });
          if (hasBadId) session.account("dev").instances.delete(bad);
        },
      });
      expect(session.changes()).toEqual(["TerminateInstances"]);
      expect(told.report?.resources.map(({ id, state }) => [id, state])).toEqual(
        asked.map((id) => [id, session.instance("dev", id)?.state ?? "gone"]),
      );
      for (const { state, outcome, reason } of told.report?.resources ?? []) {
        const isGone = state === "terminated" || state === "gone";
        expect(outcome).toBe(isGone ? "done" : "failed");
        if (!isGone) expect(reason).toMatch(/OperationNotPermitted|InvalidInstanceID\.NotFound/);
      }
      const failed = told.report?.resources.filter(({ outcome }) => outcome === "failed").length ?? 0;
      const exitCode = failed === 0 ? undefined : failed === asked.length ? 1 : 5;
      expect(told.failure?.exitCode).toBe(exitCode);
      const isHeld = (zone: number) => isProtected[zone * 2] === true || isProtected[zone * 2 + 1] === true;
      const heldInA = hasBadId || isHeld(0) ? 2 : 0;
      expect(failed).toBe(heldInA + (hasBadId ? 2 : isHeld(1) ? 3 : 0));
    },
  );
});
