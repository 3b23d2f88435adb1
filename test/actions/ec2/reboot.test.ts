import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { reboot } from "../../../src/actions/ec2/reboot.ts";
import type { TestScope } from "../../support/action-scope.ts";
import { runAndTell } from "../../support/destructive-run.ts";
import { CUT_POINTS } from "../../support/fault-proxy.ts";
import { type SandboxSession, startSandboxSession } from "../../support/sandbox-session.ts";

let session: SandboxSession;
let scope: TestScope;

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

beforeEach(async () => {
  session.allow("dev", "ec2:RebootInstances", "ec2:DescribeInstances");
  scope = await session.scope("dev");
  session.forget();
});

describe("reboot", () => {
  it("looks, shows, asks, and is over with EC2's reply: there is no state to wait for", async () => {
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(reboot, ids, scope);
    expect(told.events).toEqual(["show", "confirm", "report"]);
    expect(told.report).toEqual({
      action: "reboot",
      dryRun: false,
      resources: ids.map((id) => ({
        id,
        name: "web-1",
        before: "running",
        state: "running",
        outcome: "done",
        reason: "asked to reboot",
      })),
      requestIds: [expect.any(String)],
    });
    expect(told.failure).toBeUndefined();
    expect(told.progress).toEqual([]);
    expect(session.operations()).toEqual(["DescribeInstances", "RebootInstances"]);
  });

  it.each(["pending", "stopping", "stopped", "shutting-down", "terminated"] as const)(
    "explains that one that is %s can't be rebooted, with nothing done",
    async (state) => {
      const [good = ""] = session.addInstances("dev", 1);
      const [bad = ""] = session.addInstances("dev", 1, { state });
      const told = await runAndTell(reboot, [good, bad], scope);
      expect(told.thrown).toMatchObject({
        code: "WRONG_STATE",
        message: `can't be rebooted: ${bad} (web-1) is ${state}; nothing was done`,
        hint: "leave it out: only a running instance can be rebooted",
      });
      expect(session.changes()).toEqual([]);
    },
  );

  it.each(CUT_POINTS)("whose answer is lost at the %s is sent once, and what became of it is unknown", async (at) => {
    const [id = ""] = session.addInstances("dev", 1);
    session.proxy.break("RebootInstances", { kind: "cut-reply", at }, 9);
    const startedAt = session.clock.now();
    const told = await runAndTell(reboot, [id], scope);
    session.proxy.break("RebootInstances", { kind: "cut-reply", at }, 0);
    expect(session.changes()).toEqual(["RebootInstances"]);
    expect(told.report?.resources).toMatchObject([
      { state: "running", outcome: "unknown", reason: expect.stringMatching(/it can't be read what became of it$/) },
    ]);
    expect(told.failure).toMatchObject({ code: "REPLY_LOST", exitCode: 1 });
    // Looking for long would show nothing.
    expect(session.clock.now() - startedAt).toBeLessThan(1_000);
  });

  it("that EC2 refuses is failed, not unknown", async () => {
    const ids = session.addInstances("dev", 2);
    const told = await runAndTell(reboot, ids, scope, {
      confirm: () => {
        const stopped = session.instance("dev", ids[1] ?? "");
        if (stopped !== undefined) stopped.state = "stopped";
      },
    });
    expect(told.failure).toMatchObject({
      code: "WRONG_STATE",
      message: expect.stringMatching(/^its state does not allow ec2:RebootInstances \(IncorrectInstanceState: /),
      hint: "see what state it is in: assume-mfa <target> instances",
    });
    expect(told.report?.resources.map(({ outcome, state }) => [outcome, state])).toEqual([
      ["failed", "running"],
      ["failed", "stopped"],
    ]);
  });

  it("of what the role may not look at is asked for, and claims no state", async () => {
    session.allow("dev", "ec2:RebootInstances");
    const ids = session.addInstances("dev", 1);
    const told = await runAndTell(reboot, ids, scope);
    expect(told.report?.resources).toMatchObject([
      { before: null, state: null, outcome: "done", reason: "asked to reboot" },
    ]);
    expect(session.changes()).toEqual(["RebootInstances"]);
  });

  it("asks EC2's own dry run, and needs no more than it declares", async () => {
    const [mine = "", other = ""] = session.addInstances("dev", 2);
    const home = { partition: "aws", region: "us-east-1", accountId: "222222222222" };
    const Statement = reboot.needs([mine], home).map(({ actions, resources }) => {
      return { Effect: "Allow", Action: actions, Resource: resources };
    });
    const scoped = await session.scope("dev", { Version: "2012-10-17", Statement });
    session.forget();
    const tried = await runAndTell(reboot, [mine], scoped, { dryRun: true });
    expect(tried.report?.resources).toMatchObject([{ outcome: "would be done" }]);
    expect(session.operations()).toEqual(["DescribeInstances", "RebootInstances (dry run)"]);
    expect((await runAndTell(reboot, [mine], scoped)).failure).toBeUndefined();
    expect((await runAndTell(reboot, [other], scoped)).failure).toMatchObject({ code: "ACCESS_DENIED" });
  });
});
