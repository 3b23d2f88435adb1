import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { terminalWidth } from "../../src/outputs/terminal-width.ts";
import { DEFAULT_REGIONS } from "../../src/sandbox/regions.ts";
import { DEV, DEV_ROLE, demand, openCliWorld, SERIAL } from "../support/cli-world.ts";

// ACCEPTANCE.md V4. Whatever `world.run` returns has been looked through: no stream has a character that a terminal acts
// on or hides, but for newlines, tabs and colours of our own.

const world = await openCliWorld();

/** What a terminal acts on, hides or turns round, and what is wide or nothing at all. */
const PIECES = [
  "\u001b[2J",
  "\u001b]0;title\u0007",
  "\u001b]52;c;aGk=\u001b\\",
  "\u009b31m",
  "\r",
  "\n",
  "\t",
  "\b\b\b",
  "\u0000",
  "\u007f",
  "\u202e",
  "\u2066",
  "\u2069",
  "\u200b",
  "\u200d",
  "\ufeff",
  "\u2028",
  "\u00ad",
  "\u{e0041}",
  "\ud800",
  "a\u0301\u0301\u0301\u0301\u0301\u0301",
  "漢字",
  "👩‍👩‍👧",
  "e",
  "web-1",
  "i-0123456789abcdef0  running",
];
const hostile = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(""));

// biome-ignore lint/suspicious/noControlCharactersInRegex: our own
const COLOURS = /\u001b\[\d+m/g;

function nameInstances(names: readonly string[]): void {
  const { instances } = world.account(DEV);
  const model = demand(world.instances(DEV)[0]);
  for (const id of [...instances.keys()].slice(3)) instances.delete(id);
  for (const [n, name] of names.entries()) {
    const id = `i-${n.toString(16).padStart(17, "0")}`;
    instances.set(id, {
      ...model,
      id,
      tags: new Map([["Name", name.replaceAll(/\p{Cs}/gu, "").replaceAll("\u0000", "")]]),
    });
  }
}

describe("text from AWS", () => {
  beforeEach(() => world.login());

  it("in 1,000 Name tags is shown, not obeyed, on every output, within the terminal's width", async () => {
    nameInstances(fc.sample(hostile, { numRuns: 1_000, seed: 1 }));
    for (const columns of [80, 120]) {
      const run = await world.run("dev instances", { isStdoutTerminal: true, columns });
      expect(run.exitCode).toBe(0);
      const lines = run.stdout.replace(COLOURS, "").trimEnd().split("\n");
      expect(lines).toHaveLength(1 + world.instances(DEV).length);
      expect(Math.max(...lines.map(terminalWidth))).toBeLessThanOrEqual(columns);
    }
    for (const words of [[], ["-o", "text"], ["-o", "json"], ["--filter", "tag:Name=*"]]) {
      const run = await world.run(["dev", "instances", ...words]);
      expect(run.exitCode).toBe(0);
      if (!words.includes("json")) expect(run.stdout.match(/^i-/gm)?.length).toBe(world.instances(DEV).length);
    }
  });

  it("in what is about to be terminated is shown, not obeyed, in the look, the report and a pick list", async () => {
    nameInstances(fc.sample(hostile, { numRuns: 40, seed: 2 }));
    for (const words of [[], ["-o", "text"], ["-o", "json"]]) {
      const line = ["dev", "terminate", "--filter", "instance-state-name=running", "--dry-run", ...words];
      expect(await world.run(line)).toMatchObject({ exitCode: 0 });
    }
    const asked = await world.run(["dev", "terminate", "--filter", "tag:Name=*"], { replies: ["n"] });
    expect(asked.exitCode).toBe(6);
  });
});

describe("text from the command line and the config", () => {
  it("in a filter is shown, not obeyed", async () => {
    await world.login();
    const run = async (text: string) => {
      for (const words of [
        ["instances", "--filter", `tag:Env=x${text}`],
        ["instances", "--filter", `tag:${text}=x`],
        ["instances", "--filter", text],
        ["instances", "--filter", `Name=tag:Env,Values=${text}`],
        ["instances", "--state", text],
        ["terminate", "--filter", `tag:Env=x${text}`, "--dry-run"],
        ["terminate", "--filter", "tag:Env=x", "--yes", "--max", text],
      ]) {
        const { exitCode } = await world.run(["dev", ...words]);
        expect([0, 1, 2]).toContain(exitCode);
      }
    };
    await fc.assert(fc.asyncProperty(hostile, run), { numRuns: 12 });
  });

  it("in the names of several targets is shown, not obeyed, and can't pass for a line of its own", async () => {
    const regionOf = (n: number) => DEFAULT_REGIONS[n % DEFAULT_REGIONS.length] ?? "us-east-1";
    const names = PIECES.filter((piece) => !["\n", "\r", "\ud800", "\u0000", "\u2028"].includes(piece)).map(
      (piece, n) => `t${n}${piece}`,
    );
    const env = world.configWith(
      names
        .map(
          (name, n) =>
            `\n[profile ${name}]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = ${regionOf(n)}\n`,
        )
        .join(""),
    );
    nameInstances([]);
    // What several reach in one place is one's alone to do.
    const model = world.instance(DEV, "web-1");
    for (const n of names.keys()) {
      const id = `i-${n.toString(16).padStart(17, "0")}`;
      const place = { region: regionOf(n), availabilityZone: `${regionOf(n)}a` };
      world.account(DEV).instances.set(id, { ...model, id, ...place });
    }
    const login = await world.run(["t*", "login", "-t", world.code()], { env });
    expect(login.exitCode).toBe(0);
    for (const words of [
      ["instances"],
      ["instances", "-o", "text"],
      ["instances", "-o", "json"],
      ["terminate", "--filter", "tag:Env=none"],
      ["terminate", "--filter", "tag:Name=web-1", "--dry-run"],
      ["terminate", "--filter", "tag:Name=web-1", "--yes", "--max", "1"],
      ["terminate", "--filter", "tag:Name=web-1", "--no-input"],
    ]) {
      const run = await world.run(["t*", ...words], { env, replies: [] });
      expect([0, 1, 2]).toContain(run.exitCode);
      if (words.length === 1)
        expect(
          run.stdout
            .trimEnd()
            .split("\n")
            .slice(1)
            .every((line) => /^t\d/.test(line)),
        ).toBe(true);
    }
    const asked = await world.run(["t*", "terminate", "--filter", "tag:Name=web-1"], { env, replies: ["n"] });
    expect(asked.exitCode).toBe(6);
    expect(asked.questions).toHaveLength(1);
  });
});
