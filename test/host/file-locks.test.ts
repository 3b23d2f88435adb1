import { type ChildProcess, execFileSync, fork, spawn, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeFileLocks } from "../../src/host/file-locks.ts";
import type { HeldLock, LockHolder } from "../../src/host/lock.ts";

let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), "assume-mfa-locks-")), "app", "locks");
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(path.dirname(path.dirname(folder)), { recursive: true, force: true });
});

const locks = () => makeFileLocks(folder, Date.now);
const isHeld = (answer: HeldLock | LockHolder): answer is HeldLock => "release" in answer;
function held(answer: HeldLock | LockHolder): HeldLock {
  if (!isHeld(answer)) throw new Error(`held by ${answer.pid}`);
  return answer;
}

/** A claim as another process leaves it. */
function writeClaim(number: number, change: Record<string, unknown>): void {
  const mine = held(locks().tryAcquire("a"));
  const file = path.join(folder, readdirSync(folder)[0] ?? "");
  const claim = JSON.parse(readFileSync(file, "utf8"));
  mine.release();
  rmSync(file);
  writeFileSync(path.join(folder, `a.${number}`), JSON.stringify({ ...claim, released: false, ...change }), {
    mode: 0o600,
  });
}

function linkToFifo(file: string): void {
  execFileSync("mkfifo", [path.join(folder, "fifo")]);
  symlinkSync("fifo", file);
}

/** Of this process, which lives. */
function heldClaim(): string {
  const mine = held(locks().tryAcquire("b"));
  const text = readFileSync(path.join(folder, "b.1"), "utf8");
  mine.release();
  return text;
}

function acquireElsewhere() {
  const program = `
const { makeFileLocks } = require(process.argv[1]);
try {
  const answer = makeFileLocks(process.argv[2], Date.now).tryAcquire("a");
  process.stdout.write("release" in answer ? "held" : "another's");
} catch (error) {
  process.stdout.write(error.message);
}`;
  return spawnSync(process.execPath, ["-e", program, bundled, folder], {
    encoding: "utf8",
    timeout: 5_000,
    killSignal: "SIGKILL",
  });
}

let bundled: string;

beforeAll(async () => {
  // Node 20 runs no TypeScript.
  const { rolldown } = await import("rolldown");
  const bundle = await rolldown({
    input: path.resolve("src/host/file-locks.ts"),
    platform: "node",
    logLevel: "silent",
  });
  bundled = path.join(mkdtempSync(path.join(tmpdir(), "assume-mfa-locks-")), "locks.cjs");
  await bundle.write({ file: bundled, format: "cjs" });
});
afterAll(() => rmSync(path.dirname(bundled), { recursive: true, force: true }));

describe("a lock", () => {
  it("has one holder, and names it to others", () => {
    const before = Date.now();
    const mine = held(locks().tryAcquire("a"));
    const other = locks().tryAcquire("a");
    expect(other).toMatchObject({ pid: process.pid });
    expect((other as LockHolder).since).toBeGreaterThanOrEqual(before);
    expect(isHeld(locks().tryAcquire("b"))).toBe(true);
    mine.release();
    expect(isHeld(locks().tryAcquire("a"))).toBe(true);
  });

  it("leaves one file, private, however often it changes hands", () => {
    for (let round = 0; round < 20; round += 1) held(locks().tryAcquire("a")).release();
    const files = readdirSync(folder);
    expect(files).toEqual(["a.20"]);
    expect(statSync(path.join(folder, "a.20")).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it.each([
    ["a process that is no more", { pid: 4_194_304 + 7 }],
    ["a later process of the same pid", { startedAt: "1" }],
    ["nobody: the file is no claim", { pid: "x" }],
  ])("of %s is taken over", (_who, change) => {
    writeClaim(7, change);
    expect(isHeld(locks().tryAcquire("a"))).toBe(true);
    expect(readdirSync(folder)).toEqual(["a.8"]);
  });

  it("of a process that can't be seen from here is not taken over", () => {
    writeClaim(7, { place: "another machine", pid: 4_194_304 + 7 });
    expect(locks().tryAcquire("a")).toMatchObject({ pid: 4_194_304 + 7 });
  });

  it("of a killed process is free at once", async () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    children.push(child);
    const startedAt = readFileSync(`/proc/${child.pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")[19];
    writeClaim(3, { pid: child.pid, startedAt });
    expect(locks().tryAcquire("a")).toMatchObject({ pid: child.pid });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    expect(isHeld(locks().tryAcquire("a"))).toBe(true);
  });

  it.each<[string, (file: string) => void]>([
    ["a FIFO", (file) => execFileSync("mkfifo", [file])],
    ["a link to one", (file) => linkToFifo(file)],
    ["a link to a device without an end", (file) => symlinkSync("/dev/zero", file)],
    ["a folder", (file) => mkdirSync(file)],
    ["a huge file", (file) => writeFileSync(file, `${" ".repeat(5_000)}${heldClaim()}`)],
  ])("is held by nobody where its file is %s, which is not waited for", (_what, plant) => {
    held(locks().tryAcquire("a")).release();
    plant(path.join(folder, "a.7"));
    // In a process of its own: one that waits in open(2) could not be ended by this test's time limit.
    const { stdout, signal } = acquireElsewhere();
    expect({ signal, stdout }).toEqual({ signal: null, stdout: "held" });
    expect(readdirSync(folder)).toContain("a.8");
  });

  it("gives up on a number after which none can come", () => {
    held(locks().tryAcquire("a")).release();
    writeFileSync(path.join(folder, `a.${"9".repeat(15)}`), "");
    const { stdout, signal } = acquireElsewhere();
    expect({ signal, stdout }).toEqual({
      signal: null,
      stdout: `${path.join(folder, "a")} can't be locked: its files change all the time`,
    });
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("throws where nothing can be written", () => {
    folder = "/dev/null/locks";
    expect(() => locks().tryAcquire("a")).toThrow();
    folder = path.join(tmpdir(), "assume-mfa-none", "app", "locks");
  });
});

describe("many processes", () => {
  it("never hold it at once: none of their turns at a shared counter is lost", async () => {
    const counter = path.join(path.dirname(path.dirname(folder)), "counter");
    writeFileSync(counter, "0");
    const turns = 25;
    const worker = path.resolve("test/host/lock-worker.ts");
    // Node 20 runs no TypeScript: the worker is bundled first.
    const { rolldown } = await import("rolldown");
    const bundle = await rolldown({ input: worker, platform: "node", logLevel: "silent" });
    const file = path.join(path.dirname(path.dirname(folder)), "worker.mjs");
    await bundle.write({ file, format: "esm" });
    const statuses = await Promise.all(
      Array.from({ length: 6 }, () => {
        const child = fork(file, [folder, counter, String(turns)]);
        children.push(child);
        return new Promise<number | null>((resolve) => child.once("exit", resolve));
      }),
    );
    expect(statuses).toEqual([0, 0, 0, 0, 0, 0]);
    expect(readFileSync(counter, "utf8")).toBe(String(6 * turns));
  });
});
