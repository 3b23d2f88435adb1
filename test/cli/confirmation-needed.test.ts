import { describe, expect, it } from "vitest";
import { changesOf, DEV, demand, openCliWorld } from "../support/cli-world.ts";
import { destructiveActions } from "../support/destructive-actions.ts";

const world = await openCliWorld();

/** What each action is tried on, by how its operands are called. */
const OPERANDS: Readonly<Record<string, () => string>> = {
  "[ids...]": () => demand(world.instances(DEV)[0]).id,
  "[names...]": () => "sessions",
};

const destructive = await destructiveActions();

describe("without a terminal and without --yes (ACCEPTANCE.md D3)", () => {
  it("is asked of every action that destroys or interrupts", () => {
    expect(destructive.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["terminate", "stop", "start", "reboot", "delete-table"]),
    );
    for (const { operands } of destructive) expect(Object.keys(OPERANDS)).toContain(operands);
  });

  it.each(destructive)("$name is exit 2: nothing called, no code sent", async ({ name, operands }) => {
    const operand = demand(OPERANDS[operands])();
    const words = ["dev-admin", name, operand, "--token-code", world.code()];
    for (const options of [{}, { env: { CI: "true" }, replies: [] }]) {
      const run = await world.run(words, options);
      expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [], questions: [] });
      expect(run.stderr).toMatch(/error: .* must be confirmed, and nobody can be asked; nothing was done\n/);
    }
    const asked = await world.run([...words, "--no-input"], { replies: [] });
    expect(asked).toMatchObject({ exitCode: 2, operations: [], questions: [] });
  });

  it.each(destructive)("$name with a session at hand looks at nothing either", async ({ name, operands }) => {
    world.newCache();
    await world.login("dev-admin");
    const run = await world.run(["dev-admin", name, demand(OPERANDS[operands])()]);
    expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
  });

  it.each(destructive)("$name in another account than expected is exit 3", async ({ name, operands }) => {
    const words = ["dev-admin", name, demand(OPERANDS[operands])(), "--yes", "--expect-account", "444444444444"];
    const run = await world.run([...words, "--token-code", world.code()]);
    expect(run).toMatchObject({ exitCode: 3, stdout: "", operations: [] });
  });

  it.each(destructive)("$name --dry-run needs no --yes and changes nothing", async ({ name, operands }) => {
    world.newCache();
    const words = ["dev-admin", name, demand(OPERANDS[operands])(), "--dry-run", "-t", world.code()];
    expect(changesOf(await world.run(words))).toEqual([]);
  });
});
