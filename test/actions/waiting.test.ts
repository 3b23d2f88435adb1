import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { terminate } from "../../src/actions/ec2/terminate.ts";
import type { TestScope } from "../support/action-scope.ts";
import { runAndTell } from "../support/destructive-run.ts";
import type { Fault } from "../support/fault-proxy.ts";
import { type SandboxSession, startSandboxSession } from "../support/sandbox-session.ts";

let session: SandboxSession;
let scope: TestScope;
let id: string;

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

beforeEach(async () => {
  scope = await session.scope("dev");
  [id = ""] = session.addInstances("dev", 1);
  session.proxy.break("DescribeInstances", { kind: "silence" }, 0);
  session.forget();
});

/** Breaks what is read after the instance was terminated, not what is looked at before. */
function breakReadings(fault: Fault, times: number): () => void {
  session.proxy.whenAsked("TerminateInstances", () => session.proxy.break("DescribeInstances", fault, times));
  return () => session.proxy.whenAsked("TerminateInstances", () => {});
}

function ec2Error(status: number, code: string): Fault {
  const body = `<Response><Errors><Error><Code>${code}</Code><Message>As asked.</Message></Error></Errors><RequestID>x</RequestID></Response>`;
  return { kind: "answer", status, body, forward: false };
}

it("goes on while EC2 still shows the state from before the call", async () => {
  const body = `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>x</requestId><reservationSet><item><instancesSet><item><instanceId>${id}</instanceId><instanceState><code>16</code><name>running</name></instanceState></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`;
  const mend = breakReadings({ kind: "answer", status: 200, body, forward: false }, 4);
  const told = await runAndTell(terminate, [id], scope);
  mend();
  expect(told.progress.map(({ counts }) => [...counts.keys()].join())).toContain("running");
  expect(told.report?.resources).toMatchObject([{ state: "terminated", outcome: "done" }]);
  expect(session.changes()).toEqual(["TerminateInstances"]);
});

it("reads for itself what the reply left out", async () => {
  const body = `<TerminateInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>x</requestId><instancesSet/></TerminateInstancesResponse>`;
  session.proxy.break("TerminateInstances", { kind: "answer", status: 200, body, forward: true });
  const told = await runAndTell(terminate, [id], scope);
  expect(told.report?.resources).toMatchObject([{ state: "terminated", outcome: "done" }]);
  expect(session.changes()).toEqual(["TerminateInstances"]);
});

it("backs off when EC2 throttles, and goes on", async () => {
  // The SDK itself tries three times, so two readings fail.
  const mend = breakReadings(ec2Error(503, "RequestLimitExceeded"), 6);
  const told = await runAndTell(terminate, [id], scope);
  mend();
  expect(told.report?.resources).toMatchObject([{ state: "terminated", outcome: "done" }]);
  // The ordinary steps are under a second so early on.
  const elapsed = told.progress.map(({ elapsedMs }) => elapsedMs);
  expect(Math.max(...elapsed.map((ms, index) => ms - (elapsed[index - 1] ?? 0)))).toBeGreaterThanOrEqual(2_000);
});

it("goes on after a few readings without an answer", async () => {
  const mend = breakReadings({ kind: "lose-request" }, 6);
  const told = await runAndTell(terminate, [id], scope);
  mend();
  expect(told.report?.resources).toMatchObject([{ state: "terminated", outcome: "done" }]);
});

it.each([
  ["the session ends", ec2Error(400, "RequestExpired"), /RequestExpired/],
  ["the network is gone", { kind: "lose-request" }, /no usable answer to ec2:DescribeInstances/],
] as [string, Fault, RegExp][])(
  "reports what is known when %s, and does not claim that it is so",
  async (_, fault, reason) => {
    const mend = breakReadings(fault, 999);
    const told = await runAndTell(terminate, [id], scope);
    mend();
    expect(told.report?.resources).toMatchObject([{ state: "shutting-down", outcome: "pending" }]);
    expect(told.report?.resources[0]?.reason).toMatch(/^not waited for: /);
    expect(told.report?.resources[0]?.reason).toMatch(reason);
    expect(told.failure).toMatchObject({
      code: "STILL_IN_PROGRESS",
      exitCode: 1,
      message: expect.stringMatching(/^the instance is not terminated yet, as far as could be seen: /),
    });
    expect(session.changes()).toEqual(["TerminateInstances"]);
  },
);

it("reports from the reply when the role may not look any more: that is no failure", async () => {
  const mend = breakReadings(ec2Error(403, "UnauthorizedOperation"), 999);
  const told = await runAndTell(terminate, [id], scope);
  mend();
  expect(told.report?.resources).toMatchObject([
    { state: "shutting-down", outcome: "pending", reason: "not waited for: the role may not look at it" },
  ]);
  expect(told.failure).toBeUndefined();
});
