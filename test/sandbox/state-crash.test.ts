import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";
import { afterAll, describe, expect, it } from "vitest";
import { loadState } from "../../src/sandbox/state-file.ts";

const root = mkdtempSync(join(tmpdir(), "sandbox-crash-"));
afterAll(() => rmSync(root, { recursive: true }));

/** A program that writes one world after the other, each with a higher number, until it is killed. */
async function buildWriter(): Promise<string> {
  const entry = join(root, "writer.ts");
  const from = (name: string) => JSON.stringify(resolve("src/sandbox", name));
  writeFileSync(
    entry,
    `import { makeFoundingWorld } from ${from("founding-world.ts")};
     import { saveState } from ${from("state-file.ts")};
     const world = makeFoundingWorld(0);
     console.log("ready");
     for (let movedMs = 1; ; movedMs += 1) saveState(process.argv[2], { world, movedMs });`,
  );
  const bundle = await rolldown({ input: entry, platform: "node" });
  const file = join(root, "writer.mjs");
  await bundle.write({ file, format: "esm" });
  return file;
}

describe("a sandbox that is killed while it writes", () => {
  it("leaves a whole world, the old one or the new", async () => {
    const writer = await buildWriter();
    const folder = join(root, "world");
    for (let round = 0; round < 8; round += 1) {
      const child = spawn(process.execPath, [writer, folder], { stdio: ["ignore", "pipe", "inherit"] });
      await new Promise((ready) => child.stdout.once("data", ready));
      const existed = existsSync(join(folder, "world.json"));
      await new Promise((wait) => setTimeout(wait, 7 * round + 3));
      child.kill("SIGKILL");
      await new Promise((ended) => child.once("exit", ended));
      const state = loadState(folder);
      if (existed) expect(state).toBeDefined();
      if (state === undefined) continue;
      expect(state.movedMs).toBeGreaterThan(0);
      expect(state.world.accounts.get("222222222222")?.instances.size).toBe(4);
    }
    expect(loadState(folder)).toBeDefined();
    expect(readdirSync(folder).filter((name) => !name.startsWith("world.json"))).toEqual([]);
  });
});
