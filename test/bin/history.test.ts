import { spawn } from "node:child_process";
import { expect, it } from "vitest";
import { runProgram, until } from "./built-program.ts";
import { startWorld } from "./test-world.ts";

// The history of real processes: those that end at once, and one that is killed while its call is in flight.

const DEV = "222222222222";

it("of many processes at once is whole, each with its line", async ({ onTestFinished }) => {
  const world = await startWorld();
  onTestFinished(() => world.close());
  await world.login("dev");
  const runs = await Promise.all(
    Array.from({ length: 8 }, () =>
      runProgram(["dev", "terminate", world.runningInstances()[0] ?? "", "--dry-run", "-q"], {
        env: world.env,
        timeoutMs: 60_000,
      }),
    ),
  );
  expect(runs.map(({ status, stderr }) => [status, stderr.includes("history")])).toEqual(runs.map(() => [0, false]));
  const { status, stdout } = await world.run(["history", "--verify"]);
  expect([status, stdout]).toEqual([0, "whole: 9 entries\n"]);
});

it("of a process that is killed while its call is in flight says that it was begun, and goes on", async ({
  onTestFinished,
}) => {
  const world = await startWorld({
    faults: [{ kind: "slow", operation: "TerminateInstances", amount: 20_000, times: 1 }],
  });
  onTestFinished(() => world.close());
  await world.login("dev");
  const [one = "", two = ""] = world.runningInstances();
  const child = spawn("assume-mfa", ["dev", "terminate", one, "--yes"], { env: world.env, stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
  const stateOf = (id: string) => world.sandbox.world.accounts.get(DEV)?.instances.get(id)?.state;
  await until("the call is in flight", () => stateOf(one) !== "running", 15_000);
  child.kill("SIGKILL");
  expect(await ended).toBe("SIGKILL");
  const list = await world.run(["history"]);
  expect(list.stdout).toMatch(new RegExp(`terminate +begun, no outcome +${one}`));
  const next = await world.run(["dev", "terminate", two, "--yes"]);
  expect(next.status).toBe(0);
  const { status, stdout } = await world.run(["history", "--verify"]);
  expect([status, stdout]).toEqual([0, "whole: 4 entries\n"]);
  const entries = JSON.parse((await world.run(["history", "-o", "json"])).stdout);
  expect(entries.map(({ event, exitCode }: Record<string, unknown>) => [event, exitCode])).toEqual([
    ["AssumeRole", undefined],
    ["action begun", undefined],
    ["action begun", undefined],
    ["action ended", 0],
  ]);
});
