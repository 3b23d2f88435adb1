import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { AssumeRoleCommand, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { afterAll, describe, expect, it } from "vitest";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { fetchSandboxClock, moveSandboxClock } from "../../src/sandbox/sandbox-client.ts";
import { writeSandboxHome } from "../../src/sandbox/sandbox-home.ts";
import { formatState, loadState, saveState } from "../../src/sandbox/state-file.ts";
import { DEV, DEV_ROLE, demand, openHarness, PARENT, refusal, SERIAL } from "./sandbox-harness.ts";

const root = mkdtempSync(join(tmpdir(), "sandbox-state-"));
afterAll(() => rmSync(root, { recursive: true }));
let folderCount = 0;
const newFolder = () => join(root, `world-${++folderCount}`);

describe("a state folder", () => {
  it("keeps the world over a restart: keys, sessions, spent codes, instances, the clock", async () => {
    const stateFolder = newFolder();
    const before = await openHarness({ stateFolder });
    const session = await before.assume(DEV_ROLE);
    const spent = before.sandbox.currentCode();
    const victim = demand([...before.account(DEV).instances.values()][0]).id;
    await before.ec2(session).send(new TerminateInstancesCommand({ InstanceIds: [victim] }));
    before.sandbox.moveClock(5_000);
    const timeMs = before.sandbox.now();
    const { world } = before.sandbox;
    await before.sandbox.close();

    const after = await openHarness({ stateFolder });
    expect(after.sandbox.world).toEqual(world);
    expect(after.sandbox.now()).toBeGreaterThanOrEqual(timeMs);
    expect(after.sandbox.now() - Date.now()).toBeGreaterThanOrEqual(5_000);
    await after.sts(session).send(new GetCallerIdentityCommand({}));
    const again = new AssumeRoleCommand({
      RoleArn: DEV_ROLE,
      RoleSessionName: "alice",
      SerialNumber: SERIAL,
      TokenCode: spent,
    });
    expect((await refusal(after.sts().send(again))).message).toMatch(/invalid MFA one time pass code/);
    await refusal(after.ec2(session).send(new TerminateInstancesCommand({ InstanceIds: [victim], DryRun: true })));
    expect(after.account(DEV).instances.get(victim)?.state).toBe("terminated");
  });

  it("is written soon after a change, without waiting for the end", async () => {
    const stateFolder = newFolder();
    const harness = await openHarness({ stateFolder });
    await harness.assume(DEV_ROLE);
    await expect
      .poll(() => readFileSync(join(stateFolder, "world.json"), "utf8"), { timeout: 2_000 })
      .toContain('lastAcceptedStep":');
  });

  it("holds one file for nobody else's eyes, and nothing beside it", async () => {
    const stateFolder = newFolder();
    const umask = process.umask(0);
    const sandbox = await startSandbox({ now: Date.now, stateFolder });
    await sandbox.close();
    process.umask(umask);
    expect(readdirSync(stateFolder)).toEqual(["world.json"]);
    expect(statSync(stateFolder).mode & 0o777).toBe(0o700);
    expect(statSync(join(stateFolder, "world.json")).mode & 0o777).toBe(0o600);
  });

  it("takes a folder as it is, if nobody else can write there, and no link for one", async () => {
    const readable = newFolder();
    mkdirSync(readable, { mode: 0o755 });
    await (await startSandbox({ now: Date.now, stateFolder: readable })).close();
    expect(statSync(readable).mode & 0o777).toBe(0o755);
    expect(statSync(join(readable, "world.json")).mode & 0o777).toBe(0o600);

    const open = newFolder();
    mkdirSync(open);
    chmodSync(open, 0o777);
    const link = newFolder();
    symlinkSync(readable, link);
    const others = newFolder();
    mkdirSync(others);
    writeFileSync(join(others, "credentials"), "of somebody's\n");
    for (const stateFolder of [open, link, others]) {
      await expect(startSandbox({ now: Date.now, stateFolder })).rejects.toMatchObject({ code: "SANDBOX_FAILED" });
    }
    expect(readdirSync(open)).toEqual([]);
    expect(readFileSync(join(others, "credentials"), "utf8")).toBe("of somebody's\n");
  });

  it("gives no way to files elsewhere: a link where the home of programs inside should be is refused", async () => {
    const victim = newFolder();
    mkdirSync(victim);
    writeFileSync(join(victim, "credentials"), "real\n");
    const stateFolder = newFolder();
    mkdirSync(stateFolder);
    symlinkSync(victim, join(stateFolder, "home"));
    const sandbox = await startSandbox({ now: Date.now, stateFolder });
    try {
      expect(() => writeSandboxHome(sandbox, join(stateFolder, "home"))).toThrow(/is no folder/);
      rmSync(join(stateFolder, "home"));
      mkdirSync(join(stateFolder, "home"));
      writeFileSync(join(stateFolder, "home", "credentials"), "real\n");
      expect(() => writeSandboxHome(sandbox, join(stateFolder, "home"))).toThrow(/no sandbox's/);
      rmSync(join(stateFolder, "home"), { recursive: true });
      writeSandboxHome(sandbox, join(stateFolder, "home"));
      rmSync(join(stateFolder, "home", "credentials"));
      symlinkSync(join(victim, "credentials"), join(stateFolder, "home", "credentials"));
      writeSandboxHome(sandbox, join(stateFolder, "home"));
      expect(readFileSync(join(victim, "credentials"), "utf8")).toBe("real\n");
    } finally {
      await sandbox.close();
    }
  });

  it("takes over from a run that was killed while it wrote", async () => {
    const stateFolder = newFolder();
    await (await startSandbox({ now: Date.now, stateFolder })).close();
    writeFileSync(join(stateFolder, "world.json.new"), "half a wor");
    await (await startSandbox({ now: Date.now, stateFolder })).close();
    expect(readdirSync(stateFolder)).toEqual(["world.json"]);
  });

  it.each<[string, (path: string) => void]>([
    ["cut short", (path) => truncateSync(path, 1_000)],
    ["empty", (path) => truncateSync(path, 0)],
    ["longer than it was", (path) => appendFileSync(path, " ")],
    ["changed by hand", (path) => writeFileSync(path, readFileSync(path, "utf8").replace("alice", "mallory"))],
  ])("is refused when its file is %s, and left as it is", async (_name, damage) => {
    const stateFolder = newFolder();
    await (await startSandbox({ now: Date.now, stateFolder })).close();
    const path = join(stateFolder, "world.json");
    damage(path);
    const text = readFileSync(path, "utf8");
    await expect(startSandbox({ now: Date.now, stateFolder })).rejects.toMatchObject({ code: "SANDBOX_FAILED" });
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("of another version is said to be one", async () => {
    const stateFolder = newFolder();
    await (await startSandbox({ now: Date.now, stateFolder })).close();
    const path = join(stateFolder, "world.json");
    writeFileSync(path, readFileSync(path, "utf8").replace("sandbox 1 ", "sandbox 2 "));
    await expect(startSandbox({ now: Date.now, stateFolder })).rejects.toMatchObject({
      code: "SANDBOX_FAILED",
      message: expect.stringContaining("of another version"),
    });
  });

  it("is one sandbox's at a time: another is told whose it is, and starts when that one has ended", async () => {
    const stateFolder = newFolder();
    const first = await startSandbox({ now: Date.now, stateFolder });
    const refused = expect(startSandbox({ now: Date.now, stateFolder })).rejects;
    await refused.toMatchObject({
      code: "SANDBOX_FAILED",
      message: `another sandbox (process ${process.pid}) has ${stateFolder}`,
    });
    expect(readdirSync(stateFolder)).toEqual([expect.stringMatching(/^holder\./), "world.json"]);
    await first.close();
    expect(readdirSync(stateFolder)).toEqual(["world.json"]);
    await (await startSandbox({ now: Date.now, stateFolder })).close();
  });

  it("is given up by a sandbox that could not start", async () => {
    const other = await startSandbox({ now: Date.now });
    const stateFolder = newFolder();
    const port = Number(new URL(other.endpoint).port);
    await expect(startSandbox({ now: Date.now, stateFolder, port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await other.close();
    await (await startSandbox({ now: Date.now, stateFolder })).close();
  });

  it.each<[string, () => string]>([
    ["a process that is gone", () => `holder.${spawnSync(process.execPath, ["-e", ""]).pid}.1`],
    ["an earlier process with the number of a living one", () => `holder.${process.pid}.1`],
  ])("is taken over from %s", async (_name, holder) => {
    const stateFolder = newFolder();
    mkdirSync(stateFolder);
    for (const nonce of ["0", "1"]) writeFileSync(join(stateFolder, `${holder()}.${nonce.repeat(16)}`), "");
    await (await startSandbox({ now: Date.now, stateFolder })).close();
    expect(readdirSync(stateFolder)).toEqual(["world.json"]);
  });

  it("is left alone by a sandbox that was closed, whatever was still to be written", async () => {
    const stateFolder = newFolder();
    const failures: unknown[] = [];
    const options = { now: Date.now, stateFolder, onStateFailure: (error: unknown) => failures.push(error) };
    const sandbox = await startSandbox(options);
    sandbox.moveClock(5_000);
    await sandbox.close();
    expect(demand(loadState(stateFolder)).movedMs).toBe(5_000);
    rmSync(stateFolder, { recursive: true });
    sandbox.moveClock(5_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(existsSync(stateFolder)).toBe(false);
    expect(failures).toEqual([]);
  });

  it("is left alone once somebody else wrote there", async () => {
    const stateFolder = newFolder();
    const failures: unknown[] = [];
    const first = await openHarness({ stateFolder, onStateFailure: (error) => failures.push(error) });
    saveState(stateFolder, formatState({ world: first.sandbox.world, movedMs: 7 }));
    const text = readFileSync(join(stateFolder, "world.json"), "utf8");
    await first.assume(DEV_ROLE);
    expect(failures).toMatchObject([{ code: "SANDBOX_FAILED" }]);
    await first.sandbox.close();
    expect(readFileSync(join(stateFolder, "world.json"), "utf8")).toBe(text);
  });

  it("holds the world before the address is known, and every change before it is answered", async () => {
    const stateFolder = newFolder();
    const harness = await openHarness({ stateFolder });
    const stored = () => demand(loadState(stateFolder));
    expect(stored().world).toEqual(harness.sandbox.world);
    harness.sandbox.moveClock(30_000);
    const { accessKeyId } = await harness.assume(DEV_ROLE);
    expect(stored().world.sessions.has(accessKeyId)).toBe(true);
    expect(stored().movedMs).toBeGreaterThanOrEqual(30_000);
    await moveSandboxClock(harness.sandbox.endpoint, 5_000);
    expect(stored().movedMs).toBeGreaterThanOrEqual(35_000);
    const refused = await refusal(harness.assume(`arn:aws:iam::${DEV}:role/NoSuchRole`));
    expect(refused.code).toBe("AccessDenied");
    expect(stored().world.accounts.get(PARENT)?.mfaDevices).toEqual(harness.account(PARENT).mfaDevices);
  });

  it.each([0o777, 0o477, 0])(
    "is made with those above it for nobody else, whatever the umask (mode bits off: %d)",
    async (mask) => {
      const top = newFolder();
      const stateFolder = join(top, "a", "b");
      const umask = process.umask(mask);
      try {
        await (await startSandbox({ now: Date.now, stateFolder })).close();
      } finally {
        process.umask(umask);
      }
      for (const folder of [top, join(top, "a"), stateFolder]) expect(statSync(folder).mode & 0o777).toBe(0o700);
      expect(statSync(join(stateFolder, "world.json")).mode & 0o777).toBe(0o600);
    },
  );

  it("where none can be made is refused at once, with a reason and a way out", async () => {
    const file = newFolder();
    writeFileSync(file, "");
    const impossible = ["/proc/nope/deeper", "/proc/nope", file, join(file, "below")];
    for (const stateFolder of process.platform === "linux" ? impossible : impossible.slice(2)) {
      await expect(startSandbox({ now: Date.now, stateFolder })).rejects.toMatchObject({
        code: "SANDBOX_FAILED",
        message: expect.stringMatching(/can't be made: |is no folder|can't be read: /),
        hint: "name a new or an empty folder",
      });
    }
  });

  it("does not read through a symbolic link, or a folder in the file's place", async () => {
    const elsewhere = newFolder();
    await (await startSandbox({ now: Date.now, stateFolder: elsewhere })).close();
    const linked = newFolder();
    mkdirSync(linked);
    symlinkSync(join(elsewhere, "world.json"), join(linked, "world.json"));
    const blocked = newFolder();
    mkdirSync(join(blocked, "world.json"), { recursive: true });
    for (const stateFolder of [linked, blocked]) {
      await expect(startSandbox({ now: Date.now, stateFolder })).rejects.toMatchObject({ code: "SANDBOX_FAILED" });
    }
  });

  it("that can't be written is told once, and the sandbox goes on", async () => {
    const file = newFolder();
    writeFileSync(file, "");
    const failures: unknown[] = [];
    const sandbox = await startSandbox({
      now: Date.now,
      stateFolder: join(file, "below"),
      onStateFailure: (error) => failures.push(error),
    }).catch((error: unknown) => error);
    // A file where a folder should be is noticed when it is read.
    expect(sandbox).toMatchObject({ code: "SANDBOX_FAILED" });

    const stateFolder = newFolder();
    const harness = await openHarness({ stateFolder, onStateFailure: (error) => failures.push(error) });
    rmSync(stateFolder, { recursive: true });
    writeFileSync(stateFolder, "");
    await harness.assume(DEV_ROLE);
    expect(failures).toHaveLength(1);
    await harness.assume(DEV_ROLE);
    expect(failures).toHaveLength(1);
    await harness.sandbox.close();
  });
});

describe("the clock from outside", async () => {
  const { sandbox } = await openHarness();

  it("is read and moved on", async () => {
    const startMs = await fetchSandboxClock(sandbox.endpoint);
    expect(Math.abs(startMs - sandbox.now())).toBeLessThan(1_000);
    const movedMs = await moveSandboxClock(sandbox.endpoint, 1_200_000);
    expect(movedMs - startMs).toBeGreaterThanOrEqual(1_200_000);
    expect(Math.abs(movedMs - sandbox.now())).toBeLessThan(1_000);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e15])("is not moved by %d", async (byMs) => {
    const beforeMs = sandbox.now();
    await expect(moveSandboxClock(sandbox.endpoint, byMs)).rejects.toMatchObject({ code: "SANDBOX_FAILED" });
    expect(sandbox.now() - beforeMs).toBeLessThan(1_000);
  });

  it("is not moved by a page", async () => {
    const response = await fetch(`${sandbox.endpoint}/_assume-mfa/clock?byMs=1000`, {
      method: "POST",
      headers: { Origin: "http://evil.example" },
    });
    expect(response.status).toBe(403);
  });
});
