import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { until } from "./built-program.ts";
import { KEYS, PseudoTerminal } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// Ctrl-C at a real terminal while an action is under way (ACCEPTANCE.md D9).

const DEV = "222222222222";

/** Copies of the first instance; their ids are in the file `ids`. */
function addInstances(world: TestWorld, count: number): string[] {
  const instances = world.sandbox.world.accounts.get(DEV)?.instances;
  const [model] = instances?.values() ?? [];
  if (instances === undefined || model === undefined) throw new Error("no instance to copy");
  const ids = Array.from({ length: count }, (_, index) => `i-${(index + 1).toString(16).padStart(17, "0")}`);
  for (const id of ids) instances.set(id, { ...model, id });
  writeFileSync(join(world.folder, "ids"), ids.join(" "));
  return ids;
}

/** Starts `stop` of them all, and waits until the first call is in flight: its answer takes `answerMs`. */
async function stopAll(answerMs: number, onTestFinished: (tidy: () => void | Promise<void>) => void) {
  const world = await startWorld({
    faults: [{ kind: "slow", operation: "StopInstances", amount: answerMs, times: 1 }],
  });
  onTestFinished(() => world.close());
  const ids = addInstances(world, 1_003);
  await world.login("dev-admin");
  const script = "assume-mfa dev-admin stop $(cat ids) --yes -o json >out 2>err";
  const terminal = new PseudoTerminal(script, { env: world.env, cwd: world.folder });
  onTestFinished(() => terminal.close());
  await until("the call is in flight", () => ids.some((id) => stateOf(world, id) === "stopping"), 15_000);
  return { world, terminal, ids };
}

function stateOf(world: TestWorld, id: string): string | undefined {
  return world.sandbox.world.accounts.get(DEV)?.instances.get(id)?.state;
}

it("stops after the call in flight, tells what is done and what is not, and ends with 130", async ({
  onTestFinished,
}) => {
  const { world, terminal, ids } = await stopAll(1_500, onTestFinished);
  terminal.type(KEYS.interrupt);
  expect(await terminal.status()).toBe(130);
  const [{ result }] = JSON.parse(readFileSync(join(world.folder, "out"), "utf8"));
  const outcomes: string[] = result.resources.map(({ outcome }: { outcome: string }) => outcome);
  expect(outcomes.slice(0, 1_000).every((outcome) => outcome === "done" || outcome === "pending")).toBe(true);
  expect(result.resources.slice(1_000)).toMatchObject(
    ids.slice(1_000).map((id) => ({ id, state: "running", outcome: "not done", reason: "not sent: interrupted" })),
  );
  expect(ids.slice(1_000).map((id) => stateOf(world, id))).toEqual(["running", "running", "running"]);
  expect(world.countCalls("StopInstances")).toBe(1);
});

it("ends at once at the second Ctrl-C", async ({ onTestFinished }) => {
  const { world, terminal } = await stopAll(8_000, onTestFinished);
  const startedAt = performance.now();
  terminal.type(KEYS.interrupt);
  await new Promise((resolve) => setTimeout(resolve, 300));
  terminal.type(KEYS.interrupt);
  expect(await terminal.status()).toBe(130);
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  const said = readFileSync(join(world.folder, "err"), "utf8");
  expect(said.split("interrupted: nothing more is sent; AWS goes on with what it has taken")).toHaveLength(2);
  expect(said).toMatch(
    /\nended at once: the order to stop 1000 instances may have been carried out; look, or see assume-mfa history\n$/,
  );
  expect(world.countCalls("StopInstances")).toBeLessThanOrEqual(1);
});
