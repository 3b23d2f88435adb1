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

/** An identifier is never cut: one that stands alone on its line may be wider. */
const tooWide = (line: string) => stringWidth(line) > COLUMNS && /\S\s+\S/.test(line);

describe.concurrent("on a terminal of 30 columns", () => {
  it.for([
    ["login", [/222222222222/, /PrivilegedActionsRole/]],
    ["whoami", [/^arn:aws:sts::222222222222:assumed-role\/PrivilegedActionsRole\/alice$/m]],
    ["instances", [/i-[0-9a-f]{17}/, /us-east-1b/, /database-1/]],
    ["tables", [/^orders$/m]],
    ["table orders", [/PAY_PER_REQUEST/]],
    ["terminate $ID --dry-run", [/account 222222222222$/m, /protection +unprotected/, /outcome +would be done/]],
  ] as const)("%s fits, and shows what it is to show", async ([args, shows], { onTestFinished }) => {
    const terminal = new PseudoTerminal(`assume-mfa dev ${args}`, {
      env: { ...world.env, ID: world.runningInstances()[0] ?? "" },
      columns: COLUMNS,
    });
    onTestFinished(() => terminal.close());
    expect(await terminal.status()).toBe(0);
    const lines = linesOf(terminal.output);
    for (const shown of shows) expect(lines.join("\n").replaceAll(/^ +/gm, "")).toMatch(shown);
    expect(lines.filter((line) => tooWide(line) && !line.startsWith("region "))).toEqual([]);
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
