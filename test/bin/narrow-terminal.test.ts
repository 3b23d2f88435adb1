import stringWidth from "string-width";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HIDE_CURSOR, KEYS, PseudoTerminal } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// A terminal of 30 columns, as in a split window: what is laid out in lines by us fits, and nothing is lost.

const COLUMNS = 30;

let world: TestWorld;

beforeAll(async () => {
  world = await startWorld();
  await world.login("dev");
});

afterAll(() => world.close());

/** As lines without colours: a sentence of ours (`assume-mfa: …`) is the terminal's to wrap, and left out. */
function linesOf(output: string): readonly string[] {
  return output
    .split(/\r?\n/)
    .map((line) => line.replaceAll(new RegExp(`${"\x1b"}\\[[0-9;?]*[A-Za-z]`, "g"), "").replace(/^.*\r/, ""))
    .filter((line) => !/^(?:SANDBOX |assume-mfa: |<ended )/.test(line));
}

describe.concurrent("on a terminal of 30 columns", () => {
  async function show(onTestFinished: (tidy: () => void) => void, args: string): Promise<readonly string[]> {
    const env = { ...world.env, ID: world.runningInstances()[0] ?? "" };
    const terminal = new PseudoTerminal(`assume-mfa dev ${args}`, { env, columns: COLUMNS });
    onTestFinished(() => terminal.close());
    expect(await terminal.status()).toBe(0);
    return linesOf(terminal.output);
  }

  it.for([
    ["instances", [/i-[0-9a-f]{17}$/m, /^zone +us-east-1b$/m, /^name +database-1$/m]],
    ["tables", [/^orders$/m]],
    ["terminate $ID --dry-run", [/^account 222222222222$/m, /^type +t3\.small$/m, /^outcome +would be done$/m]],
  ] as const)("the table of %s fits, and nothing is cut", async ([args, shows], { onTestFinished }) => {
    const lines = await show(onTestFinished, args);
    for (const shown of shows) expect(lines.join("\n")).toMatch(shown);
    // Where the region comes from is a path, and that is never cut.
    expect(lines.filter((line) => stringWidth(line) > COLUMNS && !/^region /.test(line))).toEqual([]);
    expect(lines.filter((line) => line.includes("…"))).toEqual([]);
  });

  it.for([
    ["login", [/^account +222222222222$/m, /^role +PrivilegedActionsRole$/m]],
    ["whoami", [/^arn +arn:aws:sts::222222222222:assumed-role\/PrivilegedActionsRole\/alice$/m]],
    ["table orders", [/^billing +PAY_PER_REQUEST$/m, /^arn +arn:aws:dynamodb:us-east-1:222222222222:table\/orders$/m]],
  ] as const)("the facts of %s are whole, one to a line", async ([args, shows], { onTestFinished }) => {
    const lines = await show(onTestFinished, args);
    for (const shown of shows) expect(lines.join("\n")).toMatch(shown);
  });

  it("a pick list has one line for each, and can be picked from", async ({ onTestFinished }) => {
    const terminal = new PseudoTerminal("assume-mfa dev terminate --dry-run", { env: world.env, columns: COLUMNS });
    onTestFinished(() => terminal.close());
    await terminal.waitFor(new RegExp(HIDE_CURSOR.replace(/[[?]/g, "\\$&")));
    const list = linesOf(terminal.output).filter((line) => /^(?:❯| ) i-/.test(line));
    expect(list).toHaveLength(world.runningInstances().length);
    expect(list.filter((line) => stringWidth(line) > COLUMNS)).toEqual([]);
    terminal.type(KEYS.enter);
    expect(await terminal.status()).toBe(0);
  });
});
