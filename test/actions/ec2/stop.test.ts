import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeStop } from "../../../src/actions/ec2/stop.ts";
import type { TestScope } from "../../support/action-scope.ts";
import { runAndTell } from "../../support/destructive-run.ts";
import { type SandboxSession, startSandboxSession } from "../../support/sandbox-session.ts";

const EVERYTHING = ["ec2:StopInstances", "ec2:DescribeInstances", "ec2:DescribeInstanceAttribute"];
const HOME = { partition: "aws", region: "us-east-1", accountId: "222222222222" };
const stop = makeStop({});

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

const stateOf = (id: string) => session.instance("dev", id)?.state;
/** What the last StopInstances was sent with. */
const flagsSent = () => {
  const call = session.sandbox.calls.findLast(({ operation }) => operation === "StopInstances");
  return [call?.parameters.Force, call?.parameters.Hibernate];
};

describe("stop", () => {
  it("looks, shows with stop protection, asks, stops all in one call, and waits until they are stopped", async () => {
    const ids = session.addInstances("dev", 3);
    const told = await runAndTell(stop, ids, scope);
    expect(told.events).toEqual(["show", "confirm", "report"]);
    expect(told.shown?.resources.map(({ state, protection }) => [state, protection])).toEqual(
      ids.map(() => ["running", "unprotected"]),
    );
    expect(told.report).toMatchObject({
      action: "stop",
      resources: ids.map((id) => ({ id, before: "running", state: "stopped", outcome: "done" })),
      requestIds: [expect.any(String)],
    });
    expect(told.failure).toBeUndefined();
    expect(session.changes()).toEqual(["StopInstances"]);
    expect(flagsSent()).toEqual([undefined, undefined]);
    expect(ids.map(stateOf)).toEqual(["stopped", "stopped", "stopped"]);
    expect(told.progress[0]?.counts).toEqual(new Map([["stopping", 3]]));
  });

  it.each([{ dryRun: false }, { dryRun: true }])(
    "ends at one with stop protection, and never switches it off ($dryRun)",
    async ({ dryRun }) => {
      const [free = ""] = session.addInstances("dev", 1);
      // Termination protection is another matter.
      const [other = ""] = session.addInstances("dev", 1, { disableApiTermination: true });
      const [held = ""] = session.addInstances("dev", 1, { disableApiStop: true });
      const told = await runAndTell(makeStop({ force: true }), [free, other, held], scope, { dryRun });
      expect(told.events).toEqual(["show"]);
      expect(told.thrown).toMatchObject({
        code: "PROTECTED",
        message: `${held} (web-1) has stop protection; nothing was done`,
      });
      expect(session.changes()).toEqual([]);
      expect([free, other, held].map(stateOf)).toEqual(["running", "running", "running"]);
      expect(session.instance("dev", held)?.disableApiStop).toBe(true);
    },
  );

  it("tells protection that came after the look from EC2's refusal, with nothing stopped", async () => {
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(stop, ids, scope, {
      confirm: () => {
        const held = session.instance("dev", ids[1] ?? "");
        if (held !== undefined) held.disableApiStop = true;
      },
    });
    expect(told.failure).toMatchObject({
      code: "PROTECTED",
      message: `OperationNotPermitted: The instance '${ids[1]}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again`,
    });
    expect(told.report?.resources.map(({ outcome, state }) => [outcome, state])).toEqual([
      ["failed", "running"],
      ["failed", "running"],
    ]);
  });

  it.each(["pending", "shutting-down", "terminated"] as const)(
    "explains that one that is %s can't be stopped, before anything is asked, with nothing done",
    async (state) => {
      const [good = ""] = session.addInstances("dev", 1);
      const [bad = ""] = session.addInstances("dev", 1, { state });
      for (const dryRun of [false, true]) {
        const told = await runAndTell(stop, [good, bad], scope, { dryRun });
        expect(told.events).toEqual(["show"]);
        expect(told.thrown).toMatchObject({
          code: "WRONG_STATE",
          exitCode: 1,
          message: `can't be stopped: ${bad} (web-1) is ${state}; nothing was done`,
          hint: "leave it out: only a running instance can be stopped",
          details: { states: { [bad]: state } },
        });
      }
      expect(session.changes()).toEqual([]);
      expect(stateOf(good)).toBe("running");
    },
  );

  it("has nothing to do for one that is stopped, and only waits for one that is stopping", async () => {
    const [still = ""] = session.addInstances("dev", 1, { state: "stopped" });
    const [going = ""] = session.addInstances("dev", 1, {
      state: "stopping",
      nextState: { state: "stopped", atMs: session.clock.now() + 2_000 },
    });
    const told = await runAndTell(stop, [still, going], scope);
    expect(told.events).toEqual(["show", "report"]);
    expect(told.report?.resources).toMatchObject([
      { id: still, outcome: "done", reason: "was already stopped" },
      { id: going, before: "stopping", state: "stopped", outcome: "done" },
    ]);
    expect(session.changes()).toEqual([]);
    // Of neither could protection make a difference.
    expect(session.operations()).not.toContain("DescribeInstanceAttribute");
  });

  it("ends the waiting for one that somebody terminates meanwhile", async () => {
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(stop, ids, scope, {
      onProgress: () => {
        const gone = session.instance("dev", ids[1] ?? "");
        if (gone !== undefined) Object.assign(gone, { state: "terminated", nextState: undefined });
      },
    });
    expect(told.report?.resources).toMatchObject([
      { state: "stopped", outcome: "done" },
      {
        state: "terminated",
        outcome: "failed",
        reason: expect.stringMatching(/^it was not stopped: it is terminated/),
      },
    ]);
    expect(told.failure).toMatchObject({ code: "PARTIAL_FAILURE", exitCode: 5 });
  });

  it("reports each one's true state, whatever is protected or gone by the time of the call", async () => {
    for (const cell of [0, 1, 2, 3, 4, 5, 6, 7]) {
      session.forget();
      const zones = ["us-east-1a", "us-east-1a", "us-east-1b"];
      const ids = zones.flatMap((availabilityZone) => session.addInstances("dev", 1, { availabilityZone }));
      const told = await runAndTell(stop, ids, scope, {
        confirm: () => {
          const [first, , third] = ids.map((id) => session.instance("dev", id));
          if ((cell & 1) !== 0 && first !== undefined) first.disableApiStop = true;
          if ((cell & 2) !== 0 && third !== undefined) third.disableApiStop = true;
          if ((cell & 4) !== 0) session.account("dev").instances.delete(ids[1] ?? "");
        },
      });
      expect(session.changes()).toEqual(["StopInstances"]);
      expect(told.report?.resources.map(({ id, state }) => [id, state])).toEqual(
        ids.map((id) => [id, stateOf(id) ?? "gone"]),
      );
      expect(new Set(told.report?.resources.map(({ outcome }) => outcome))).toEqual(
        new Set([cell === 0 ? "done" : "failed"]),
      );
      expect(told.failure?.exitCode).toBe(cell === 0 ? undefined : 1);
    }
  });
});

describe("stop --force and --hibernate", () => {
  it("say what is to be confirmed, and send each its flag", async () => {
    const [one = "", two = ""] = session.addInstances("dev", 2, { hibernationConfigured: true });
    const forced = makeStop({ force: true });
    expect(forced.wording.verb).toBe("force-stop");
    expect((await runAndTell(forced, [one], scope)).report?.resources).toMatchObject([{ outcome: "done" }]);
    expect(flagsSent()).toEqual(["true", undefined]);
    const hibernating = makeStop({ hibernate: true });
    expect(hibernating.wording.verb).toBe("hibernate");
    expect((await runAndTell(hibernating, [two], scope)).report?.resources).toMatchObject([{ outcome: "done" }]);
    expect(flagsSent()).toEqual([undefined, "true"]);
    expect(session.instance("dev", two)?.stateReason?.code).toBe("Client.UserInitiatedHibernate");
  });

  it("are not taken together", () => {
    expect(() => makeStop({ force: true, hibernate: true })).toThrow(
      expect.objectContaining({ code: "USAGE", exitCode: 2 }),
    );
  });

  it("--force is sent for one that is stuck in stopping; without it that is only waited for", async () => {
    const stuck = () =>
      session.addInstances("dev", 1, {
        state: "stopping",
        nextState: { state: "stopped", atMs: session.clock.now() + 3_000 },
      });
    const [one = ""] = stuck();
    const told = await runAndTell(makeStop({ force: true }), [one], scope);
    expect(told.events).toEqual(["show", "confirm", "report"]);
    expect(session.changes()).toEqual(["StopInstances"]);
    expect(told.report?.resources).toMatchObject([{ before: "stopping", state: "stopped", outcome: "done" }]);
    session.forget();
    await runAndTell(stop, stuck(), scope);
    expect(session.changes()).toEqual([]);
  });

  it("--force whose answer is lost claims nothing for one that was stopping before", async () => {
    const [one = ""] = session.addInstances("dev", 1, { state: "stopping" });
    session.proxy.break("StopInstances", { kind: "cut-reply", at: "first byte" });
    const told = await runAndTell(makeStop({ force: true }), [one], scope);
    expect(told.report?.resources).toMatchObject([{ state: "stopping", outcome: "not done" }]);
    expect(told.failure).toMatchObject({ code: "REPLY_LOST" });
    expect(session.changes()).toEqual(["StopInstances"]);
  });

  it("--hibernate of one that was not launched for it stops nothing, and says what to do", async () => {
    const [sleeper = ""] = session.addInstances("dev", 1, { hibernationConfigured: true });
    const [plain = ""] = session.addInstances("dev", 1);
    const told = await runAndTell(makeStop({ hibernate: true }), [sleeper, plain], scope);
    expect(told.failure).toMatchObject({
      code: "AWS_REFUSED",
      message: expect.stringContaining("UnsupportedHibernationConfiguration"),
      hint: "only what was launched with hibernation on can hibernate: without --hibernate it is stopped",
    });
    expect([sleeper, plain].map(stateOf)).toEqual(["running", "running"]);
  });
});

describe("a role that may do less", () => {
  it("needs no more than the action declares, and is refused anything else (--scoped)", async () => {
    const [mine = "", other = ""] = session.addInstances("dev", 2);
    const Statement = stop.needs([mine], HOME).map(({ actions, resources }) => {
      return { Effect: "Allow", Action: actions, Resource: resources };
    });
    const scoped = await session.scope("dev", { Version: "2012-10-17", Statement });
    expect((await runAndTell(stop, [mine], scoped)).report?.resources).toMatchObject([{ outcome: "done" }]);
    expect((await runAndTell(stop, [other], scoped)).failure).toMatchObject({ code: "ACCESS_DENIED" });
    expect(stateOf(other)).toBe("running");
  });

  it("stops what it can't look at, and reports from the reply", async () => {
    session.allow("dev", "ec2:StopInstances");
    const ids = session.addInstances("dev", 1);
    const told = await runAndTell(stop, ids, scope);
    expect(told.report?.resources).toMatchObject([{ before: null, state: "stopping", outcome: "pending" }]);
    expect(session.changes()).toEqual(["StopInstances"]);
  });

  it("is told by EC2's own dry run which permission is missing", async () => {
    session.allow("dev", "ec2:DescribeInstances", "ec2:DescribeInstanceAttribute");
    const told = await runAndTell(stop, session.addInstances("dev", 1), scope, { dryRun: true });
    expect(told.failure).toMatchObject({ code: "DRY_RUN_REFUSED", hint: expect.stringContaining("ec2:StopInstances") });
    expect(session.operations().at(-1)).toBe("StopInstances (dry run)");
  });
});

describe("Ctrl-C", () => {
  it("stops after the call in flight, and reports done and not done", async () => {
    const ids = session.addInstances("dev", 1_002);
    session.proxy.whenAsked("StopInstances", () => scope.interrupts.raise("SIGINT"));
    const told = await runAndTell(stop, ids, scope);
    session.proxy.whenAsked("StopInstances", () => {});
    expect(session.changes()).toEqual(["StopInstances"]);
    expect(told.failure?.exitCode).toBe(130);
    expect(told.report?.resources.slice(1_000)).toMatchObject([
      { outcome: "not done", reason: "not sent: interrupted" },
      { outcome: "not done", reason: "not sent: interrupted" },
    ]);
    for (const id of ids) session.account("dev").instances.delete(id);
  });
});

describe("a session that ends soon (D8)", () => {
  it("is not started with when it ends within the time that stopping takes, unless nobody waits so long", async () => {
    const [one = ""] = session.addInstances("dev", 1);
    // An hour's session: two minutes are left of it.
    session.clock.advance(3_480_000);
    const refused = await runAndTell(stop, [one], scope, { timeoutSeconds: 600 });
    expect(refused.thrown).toMatchObject({
      code: "SESSION_EXPIRED",
      message: expect.stringMatching(/^the role's session ends in 1\d\d s, and this can take 240 s; nothing was done$/),
      hint: "run it again with --refresh",
    });
    expect(session.operations()).toEqual([]);
    expect((await runAndTell(stop, [one], scope, { timeoutSeconds: 30 })).report?.resources).toMatchObject([
      { outcome: "done" },
    ]);
    const [two = ""] = session.addInstances("dev", 1);
    expect((await runAndTell(stop, [two], scope, { wait: false })).failure).toBeUndefined();
    expect(stateOf(two)).toBe("stopping");
  });
});
