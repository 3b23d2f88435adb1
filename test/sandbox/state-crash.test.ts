import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";
import { afterAll, describe, expect, it } from "vitest";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { loadState } from "../../src/sandbox/state-file.ts";
import { DEV_ROLE, demand, type Keys, SERIAL } from "./sandbox-harness.ts";
import { sendQuery } from "./signed-query.ts";

const root = mkdtempSync(join(tmpdir(), "sandbox-crash-"));
afterAll(() => rmSync(root, { recursive: true }));

/** A program of one file. @param body may use `from` the sandbox's files, by their names */
async function buildProgram(name: string, body: (from: (name: string) => string) => string): Promise<string> {
  const entry = join(root, `${name}.ts`);
  writeFileSync(
    entry,
    body((file) => JSON.stringify(resolve("src/sandbox", file))),
  );
  const bundle = await rolldown({ input: entry, platform: "node" });
  const file = join(root, `${name}.mjs`);
  await bundle.write({ file, format: "esm", codeSplitting: false });
  return file;
}

/** Writes one world after the other, each with a higher number, until it is killed. */
const buildWriter = () =>
  buildProgram(
    "writer",
    (from) =>
      `import { makeFoundingWorld } from ${from("founding-world.ts")};
     import { formatState, saveState } from ${from("state-file.ts")};
     const world = makeFoundingWorld(0);
     console.log("ready");
     for (let movedMs = 1; ; movedMs += 1) saveState(process.argv[2], formatState({ world, movedMs }));`,
  );

/** A sandbox that says where it is, with alice's keys and the code of now. */
const buildServer = () =>
  buildProgram(
    "server",
    (from) =>
      `import { startSandbox } from ${from("sandbox.ts")};
     const sandbox = await startSandbox({ now: Date.now, stateFolder: process.argv[2] });
     const [key] = sandbox.world.accounts.get("111122223333").users.get("alice").accessKeys;
     console.log(JSON.stringify({ endpoint: sandbox.endpoint, key, code: await sandbox.freshCode() }));`,
  );

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

describe("a sandbox that is killed right after an answer", () => {
  it.each(["AssumeRole", "GetSessionToken"] as const)(
    "has kept what %s gave, and the code stays spent",
    async (name) => {
      const server = await buildServer();
      const stateFolder = join(root, `answered-${name}`);
      const child = spawn(process.execPath, [server, stateFolder], { stdio: ["ignore", "pipe", "inherit"] });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      const line = await new Promise<Buffer>((told) => child.stdout.once("data", told));
      const { endpoint, key, code } = JSON.parse(line.toString()) as { endpoint: string; key: Keys; code: string };
      const mfa = { Action: name, SerialNumber: SERIAL, TokenCode: code };
      const fields = name === "AssumeRole" ? { ...mfa, RoleArn: DEV_ROLE, RoleSessionName: "alice" } : mfa;
      const answer = await sendQuery(endpoint, "sts", key, fields);
      child.kill("SIGKILL");
      expect(answer.status).toBe(200);
      await ended;

      // Its holder is dead: the folder is free.
      const after = await startSandbox({ now: Date.now, stateFolder });
      try {
        expect(after.world.sessions.has(demand(answer.text("AccessKeyId")))).toBe(true);
        expect((await sendQuery(after.endpoint, "sts", key, fields)).message).toMatch(/invalid MFA one time pass code/);
      } finally {
        await after.close();
      }
    },
  );
});

describe("sandboxes that start at once on one folder", () => {
  it("are one at most, though the one before them was killed", async () => {
    const server = await buildServer();
    const stateFolder = join(root, "contended");
    const start = () => {
      const child = spawn(process.execPath, [server, stateFolder], { stdio: ["ignore", "pipe", "pipe"] });
      const ended = new Promise<undefined>((resolve) => child.once("exit", () => resolve(undefined)));
      const told = new Promise<string>((resolve) => child.stdout.once("data", (line) => resolve(String(line))));
      let reason = "";
      child.stderr.on("data", (text) => {
        reason += text;
      });
      return { child, ended, outcome: Promise.race([told, ended]), reason: () => reason };
    };
    const killed = start();
    expect(await killed.outcome).toContain("endpoint");
    killed.child.kill("SIGKILL");
    await killed.ended;

    const contenders = Array.from({ length: 6 }, start);
    const outcomes = await Promise.all(contenders.map(({ outcome }) => outcome));
    const running = contenders.filter((_contender, index) => outcomes[index] !== undefined);
    expect(running.length).toBeLessThanOrEqual(1);
    for (const each of contenders) {
      if (!running.includes(each)) expect(each.reason()).toMatch(/another sandbox \(process \d+\) has /);
      each.child.kill("SIGKILL");
      await each.ended;
    }
    await (await startSandbox({ now: Date.now, stateFolder })).close();
    expect(readdirSync(stateFolder)).toEqual(["world.json"]);
  });
});
