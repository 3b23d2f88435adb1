import { beforeEach, describe, expect, it } from "vitest";
import { changesOf, DEV, demand, openCliWorld, SERIAL } from "../support/cli-world.ts";
import { destructiveActions } from "../support/destructive-actions.ts";

const world = await openCliWorld();

const MODES = ["prompt", "always", "person", "never"] as const;
type Mode = (typeof MODES)[number];
const ADMIN_ROLE = `arn:aws:iam::${DEV}:role/Administrator`;

const envOf = Object.fromEntries(
  MODES.map((mode) => [
    mode,
    world.configFile(
      `[profile parent]\n[profile dev]\nrole_arn = ${ADMIN_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = us-east-1\nassume_mfa_confirm = ${mode}\n`,
    ),
  ]),
);

/** What each action is tried on, by how its operands are called; fresh for each run. */
let serial = 0;
const OPERANDS: Readonly<Record<string, (action: string) => string>> = {
  "[ids...]"(action) {
    const id = `i-${serial.toString(16).padStart(17, "0")}`;
    const model = demand(world.instances(DEV)[0]);
    const state = action === "start" ? "stopped" : "running";
    world.account(DEV).instances.set(id, { ...model, id, state, nextState: undefined });
    return id;
  },
  "[names...]"() {
    const name = `table-${serial}`;
    const model = demand(world.table(DEV, "sessions"));
    const arn = model.arn.replace(/[^/]+$/, name);
    world.account(DEV).tables.set(`us-east-1/${name}`, { ...model, name, arn, id: crypto.randomUUID() });
    return name;
  },
};

/** Who is there, what they answer, and the options: then whether it is done, declined, or not even begun. */
const SITUATIONS = [
  { title: "somebody says y", replies: ["y"], words: [] },
  { title: "somebody types the target's name", replies: ["dev"], words: [] },
  { title: "somebody presses Enter", replies: [""], words: [] },
  { title: "somebody, and --yes --expect-account", replies: [""], words: ["--yes", "--expect-account", DEV] },
  { title: "nobody", replies: undefined, words: [] },
  { title: "nobody, and --yes", replies: undefined, words: ["--yes"] },
  { title: "nobody, and --yes --expect-account", replies: undefined, words: ["--yes", "--expect-account", DEV] },
] as const;
type Ending = "done" | "declined" | "not begun";
const ENDINGS: Readonly<Record<Mode, readonly Ending[]>> = {
  prompt: ["done", "declined", "declined", "done", "not begun", "done", "done"],
  always: ["declined", "done", "declined", "declined", "not begun", "not begun", "done"],
  // Nothing stands in for a person.
  person: ["declined", "done", "declined", "declined", "not begun", "not begun", "not begun"],
  never: ["done", "done", "done", "done", "done", "done", "done"],
};
const EXIT_CODES: Readonly<Record<Ending, number>> = { done: 0, declined: 6, "not begun": 2 };

beforeEach(() => {
  serial += 1;
});

const actions = await destructiveActions();

describe.each(actions)("$name", ({ name, operands }) => {
  it.each(MODES)("assume_mfa_confirm = %s", async (mode) => {
    world.newCache();
    const env = demand(envOf[mode]);
    await world.login("dev", { env });
    for (const [index, { title, replies, words }] of SITUATIONS.entries()) {
      serial += 1;
      const operand = demand(OPERANDS[operands])(name);
      const run = await world.run(["dev", name, operand, "--no-wait", ...words], {
        env,
        ...(replies === undefined ? {} : { replies: [...replies] }),
      });
      const ending = demand(ENDINGS[mode][index]);
      expect(`${title}: ${run.exitCode}`).toBe(`${title}: ${EXIT_CODES[ending]}`);
      expect(changesOf(run)).toHaveLength(ending === "done" ? 1 : 0);
      if (ending === "not begun") expect(run.operations).toEqual([]);
      const isAsked = mode !== "never" && replies !== undefined && !(mode === "prompt" && words.length > 0);
      expect(run.questions).toHaveLength(isAsked ? 1 : 0);
      if (isAsked)
        expect(run.questions[0]).toMatch(mode === "prompt" ? /\? \[y\/N\] $/ : /type the target's name \(dev\): $/);
    }
  });
});
