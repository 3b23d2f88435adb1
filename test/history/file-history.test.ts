import { type ChildProcess, execFileSync, fork } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { rememberSecret } from "../../src/credentials/redaction.ts";
import { formatLine, LINE_LIMIT_BYTES } from "../../src/history/chain.ts";
import { makeFileHistory } from "../../src/history/file-history.ts";
import type { ActionEnded, History, SessionEntry } from "../../src/history/history.ts";
import { appendToFile } from "../../src/history/history-file.ts";
import { makeFileLocks } from "../../src/host/file-locks.ts";
import type { Locks } from "../../src/host/lock.ts";
import { privateFiles } from "../../src/host/private-files.ts";

const NOW = Date.parse("2026-11-24T15:00:00Z");
const DAY_MS = 86_400_000;
const ALL = { limit: 100_000, target: undefined, since: undefined };

let root: string;
let folder: string;
let file: string;
let headFile: string;
let warnings: string[];
let now: number;
let sleptMs: number;
const children: ChildProcess[] = [];

beforeEach(() => {
  root = fs.mkdtempSync(path.join(tmpdir(), "assume-mfa-history-"));
  folder = path.join(root, "state", "assume-mfa");
  file = path.join(folder, "history.jsonl");
  headFile = path.join(folder, "history.head");
  warnings = [];
  now = NOW;
  sleptMs = 0;
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  fs.rmSync(root, { recursive: true, force: true });
});

function makeHistory(locks: Locks = makeFileLocks(path.join(folder, "locks"), () => now)): History {
  return makeFileHistory(folder, {
    files: privateFiles,
    locks,
    host: {
      now: () => now,
      sleep: async (milliseconds) => {
        sleptMs += milliseconds;
      },
    },
    warn: (text) => warnings.push(text),
  });
}

const session = (target: string | null, more: Partial<SessionEntry> = {}): SessionEntry => ({
  event: "AssumeRole",
  target,
  account: "222222222222",
  role: "arn:aws:iam::222222222222:role/PrivilegedActionsRole",
  sessionName: "alice",
  accessKeyId: "ASIAIOSFODNN7EXAMPLE",
  route: "direct",
  sourceAccessKeyId: "AKIAIOSFODNN7EXAMPLE",
  mfaSerial: "arn:aws:iam::111122223333:mfa/alice",
  durationSeconds: null,
  expiration: "2026-11-24T16:00:00.000Z",
  requestId: "11111111-2222-3333-4444-555555555555",
  ...more,
});

const ended = (resources: number, reason = "why"): ActionEnded => ({
  event: "action ended",
  run: "a run",
  target: "dev",
  account: "222222222222",
  region: "us-east-1",
  role: "arn:aws:iam::222222222222:role/PrivilegedActionsRole",
  sessionName: "alice",
  accessKeyIds: ["ASIAIOSFODNN7EXAMPLE"],
  action: "terminate",
  confirmed: "yes",
  dryRun: false,
  resources: Array.from({ length: resources }, (_, nth) => ({
    id: `i-${String(nth).padStart(17, "0")}`,
    name: "a name",
    before: "running",
    state: "terminated",
    outcome: "done",
    reason,
  })),
  requestIds: [],
  code: null,
  exitCode: 0,
});

async function fill(count: number): Promise<void> {
  const history = makeHistory();
  for (let nth = 1; nth <= count; nth += 1) await history.append(session(`t-${nth}`));
}

const linesOf = () => fs.readFileSync(file, "utf8").trimEnd().split("\n");
const targetsOf = async (query = ALL) => (await makeHistory().list(query)).entries.map(({ target }) => target);
const verify = () => makeHistory().verify();
const found = async () => (await verify()).findings.map(({ line, problem }) => `${line} ${problem}`);

describe("what is written", () => {
  it("is a line of JSON each, with its time, in a chain that is whole", async () => {
    await fill(3);
    expect(linesOf().map((line) => JSON.parse(line))).toMatchObject([
      { v: 1, n: 1, prev: "0".repeat(64), at: "2026-11-24T15:00:00.000Z", ...session("t-1") },
      { v: 1, n: 2, ...session("t-2") },
      { v: 1, n: 3, ...session("t-3") },
    ]);
    expect(await verify()).toEqual({ entries: 3, findings: [], furtherFindings: 0, tornLines: [], isEndKnown: true });
    expect(warnings).toEqual([]);
  });

  it.each([0o000, 0o022, 0o077, 0o777])("is for its owner alone under umask %o, folder and all", async (umask) => {
    const before = process.umask(umask);
    try {
      await fill(2);
    } finally {
      process.umask(before);
    }
    expect(warnings).toEqual([]);
    const modes = [file, headFile, folder].map((one) => fs.statSync(one).mode & 0o777);
    expect(modes).toEqual([0o600, 0o600, 0o700]);
  });

  it("is tightened where somebody opened it", async () => {
    await fill(1);
    fs.chmodSync(file, 0o644);
    await fill(1);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  });

  it("holds no secret that this process knows, wherever it stands", async () => {
    const secret = `wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE${crypto.randomUUID()}`;
    rememberSecret(secret);
    await makeHistory().append(session(`x ${secret}`, { sessionName: secret }));
    await makeHistory().append(ended(2, `AWS said ${secret}`));
    expect(fs.readFileSync(file, "utf8")).not.toContain(secret.slice(0, 16));
    expect(linesOf()[1]).toContain("AWS said [secret]");
  });

  it("is one line whatever stands in it, and comes back as it was", async () => {
    const name = 'a\nb\r\u2028"\\\u0000\u202e\ud800 {"hash":"x"}';
    await makeHistory().append(session(name));
    await fill(1);
    expect(linesOf()).toHaveLength(2);
    expect(await targetsOf()).toEqual([name, "t-1"]);
    expect(await found()).toEqual([]);
  });

  it("names as many resources as a line has room for, and how many it leaves out", async () => {
    const history = makeHistory();
    await history.append(ended(20_000, "x".repeat(100)));
    await history.append(session("after"));
    expect(warnings).toEqual([]);
    const [line = ""] = linesOf();
    expect(line.length).toBeLessThan(LINE_LIMIT_BYTES);
    const { resources, resourcesLeftOut } = JSON.parse(line);
    expect(resources.length).toBeGreaterThan(2_000);
    expect(resources.length + resourcesLeftOut).toBe(20_000);
    expect(await found()).toEqual([]);
    expect(await targetsOf()).toEqual(["dev", "after"]);
  });

  it("by one process at once is in the order of asking", async () => {
    const history = makeHistory();
    await Promise.all(["a", "b", "c", "d"].map((target) => history.append(session(target))));
    expect(await targetsOf()).toEqual(["a", "b", "c", "d"]);
    expect(sleptMs).toBe(0);
  });
});

describe("the list", () => {
  it("is of nothing where there is no history, and makes no folder", async () => {
    expect(await makeHistory().list(ALL)).toEqual({ entries: [], damaged: 0, isAll: true });
    expect(await verify()).toMatchObject({ entries: 0, findings: [], isEndKnown: false });
    expect(fs.existsSync(folder)).toBe(false);
    expect(
      await makeFileHistory(undefined, {
        files: privateFiles,
        locks: makeFileLocks("/nowhere", Date.now),
        host: { now: Date.now, sleep: async () => undefined },
        warn: () => undefined,
      }).list(ALL),
    ).toMatchObject({ entries: [] });
  });

  it("is the last ones, of a target, of late", async () => {
    const history = makeHistory();
    for (let day = 0; day < 10; day += 1) {
      now = NOW + day * DAY_MS;
      await history.append(session(day % 2 === 0 ? "even" : "odd", { sessionName: `day-${day}` }));
    }
    const days = async (query: Partial<typeof ALL>) => {
      const { entries, isAll } = await history.list({ ...ALL, ...query });
      return [entries.map(({ sessionName }) => String(sessionName).slice(4)).join(""), isAll];
    };
    expect(await days({})).toEqual(["0123456789", true]);
    expect(await days({ limit: 3 })).toEqual(["789", false]);
    expect(await days({ limit: 3, target: "odd" } as never)).toEqual(["579", false]);
    expect(await days({ target: "odd" } as never)).toEqual(["13579", true]);
    expect(await days({ since: now - 2 * DAY_MS } as never)).toEqual(["789", true]);
    expect(await days({ limit: 10 })).toEqual(["0123456789", true]);
  });

  it("holds what a later version wrote, and leaves out and counts what is no entry", async () => {
    await fill(2);
    fs.appendFileSync(file, "not an entry\n\n{}\n");
    expect(await makeHistory().list(ALL)).toMatchObject({ entries: [{ n: 1 }, { n: 2 }], damaged: 3 });
  });

  it("reads lines that lie across the chunks of reading", async () => {
    const history = makeHistory();
    for (let nth = 0; nth < 12; nth += 1) {
      await history.append({ ...ended(1, "y".repeat(70_000 + nth * 7_919)), target: `t-${nth}` });
    }
    expect(await targetsOf()).toEqual(Array.from({ length: 12 }, (_, nth) => `t-${nth}`));
    expect(await targetsOf({ ...ALL, limit: 5 })).toEqual(["t-7", "t-8", "t-9", "t-10", "t-11"]);
    expect(await found()).toEqual([]);
  });
});

describe("an end that is not as it was left", () => {
  it("torn: it stays where it is, the next line tells of it, and the chain goes on", async () => {
    await fill(3);
    const whole = fs.readFileSync(file);
    fs.appendFileSync(file, '{"v":1,"n":4,"pre');
    expect(await found()).toEqual(["4 torn"]);
    await fill(2);
    expect(fs.readFileSync(file).subarray(0, whole.length)).toEqual(whole);
    expect(linesOf().map((line, nth) => (nth === 3 ? line : JSON.parse(line).event))).toEqual([
      ...["AssumeRole", "AssumeRole", "AssumeRole"],
      '{"v":1,"n":4,"pre',
      ...["torn line", "AssumeRole", "AssumeRole"],
    ]);
    expect(await verify()).toMatchObject({ entries: 6, findings: [], tornLines: [4] });
  });

  it("only its newline gone: the line is whole again", async () => {
    await fill(3);
    fs.truncateSync(file, fs.statSync(file).size - 1);
    expect(await found()).toEqual(["3 torn"]);
    await fill(1);
    expect(await targetsOf()).toEqual(["t-1", "t-2", "t-3", "t-1"]);
    expect(await verify()).toMatchObject({ entries: 4, findings: [], tornLines: [] });
  });

  it.each([
    ["cut off at a line", (text: string) => `${text.split("\n").slice(0, 3).join("\n")}\n`, "4 missing"],
    ["cut off in a line", (text: string) => text.slice(0, -700), undefined],
    ["emptied", () => "", "1 missing"],
  ])("%s: found at once, and for good, when more is written", async (_how, damage, expected) => {
    await fill(5);
    fs.writeFileSync(file, damage(fs.readFileSync(file, "utf8")));
    const before = await found();
    expect(before.join()).toContain("missing");
    if (expected !== undefined) expect(before).toEqual([expected]);
    await fill(3);
    const after = await verify();
    expect(after.findings.map(({ problem }) => problem)).toEqual(["missing"]);
    expect(after.findings[0]?.message).toMatch(/5 (?:was|were) gone when this was written/);
    expect(JSON.parse(linesOf().at(-1) ?? "").n).toBeGreaterThan(7);
  });

  it("the file removed alone: the next line says that there were some", async () => {
    await fill(5);
    fs.rmSync(file);
    expect(await found()).toEqual(["1 missing"]);
    await fill(1);
    expect((await verify()).findings.map(({ message }) => message)).toEqual([
      "entries 1 to 5 were gone when this was written",
    ]);
  });

  it("both files removed: a new history begins, which is all that can be known", async () => {
    await fill(5);
    fs.rmSync(file);
    fs.rmSync(headFile);
    await fill(2);
    expect(await verify()).toMatchObject({ entries: 2, findings: [] });
  });

  it("an older file put back: found at once, and for good", async () => {
    await fill(3);
    const old = fs.readFileSync(file);
    await fill(3);
    fs.writeFileSync(file, old);
    expect(await found()).toEqual(["4 missing"]);
    await fill(1);
    expect(await found()).toEqual(["4 missing"]);
  });

  it("the last line edited: found, and the chain goes on behind it", async () => {
    await fill(3);
    fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("t-3", "t-9"));
    expect(await found()).toEqual(["3 edited"]);
    await fill(2);
    expect(await found()).toEqual(["3 edited"]);
  });

  it("the last line written anew with a hash that fits: found, and for good", async () => {
    await fill(3);
    const old = fs.readFileSync(file, "utf8").split("\n").slice(0, 2).join("\n");
    const head = fs.readFileSync(headFile);
    fs.writeFileSync(file, `${old}\n`);
    fs.rmSync(headFile);
    now += 1;
    await makeHistory().append(session("forged"));
    fs.writeFileSync(headFile, head);
    expect(await found()).toEqual(["3 edited"]);
    await fill(1);
    expect(await found()).toEqual(["4 missing"]);
  });

  it("lines of something else behind it: found, and the chain goes on", async () => {
    await fill(3);
    fs.appendFileSync(file, "hello\nworld\n");
    await fill(2);
    expect(await found()).toEqual(["4 no entry", "5 no entry"]);
  });

  it("nothing but lines of something else: nothing of them is lost", async () => {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    fs.writeFileSync(file, "hello\n".repeat(10));
    await fill(1);
    expect(linesOf()).toHaveLength(11);
    expect((await found()).slice(0, 10)).toEqual(Array.from({ length: 10 }, (_, nth) => `${nth + 1} no entry`));
  });

  it.each([
    ["gone", () => fs.rmSync(headFile)],
    ["no JSON", () => fs.writeFileSync(headFile, "hello")],
    ["another shape", () => fs.writeFileSync(headFile, '{"n":-1,"hash":7}')],
    [
      "a link",
      () => {
        fs.rmSync(headFile);
        fs.symlinkSync("/etc/passwd", headFile);
      },
    ],
  ])(
    "what was written last is %s: it is said that it is not known, and known again with the next line",
    async (_how, damage) => {
      await fill(2);
      damage();
      expect(await verify()).toMatchObject({ findings: [], isEndKnown: false });
      await fill(1);
      expect(await verify()).toMatchObject({ entries: 3, findings: [], isEndKnown: true });
    },
  );
});

describe("a file that is not ours to trust", () => {
  const prepare = () => fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const elsewhere = () => path.join(root, "elsewhere");

  it.each([
    [
      "a symbolic link",
      () => {
        fs.writeFileSync(elsewhere(), "mine\n");
        fs.symlinkSync(elsewhere(), file);
      },
    ],
    ["a FIFO", () => execFileSync("mkfifo", [file])],
    ["a folder", () => fs.mkdirSync(file)],
    ["a device", () => fs.symlinkSync("/dev/zero", file)],
    [
      "a 1 GB line",
      () => {
        fs.writeFileSync(file, "x");
        fs.truncateSync(file, 2 ** 30);
      },
    ],
    [
      "somebody else's",
      () => {
        fs.writeFileSync(file, "");
        fs.chownSync(file, 12_345, 12_345);
      },
    ],
  ])("(%s) is neither read nor written, nor waited for; one warning a run", async (what, make) => {
    if (what === "somebody else's" && process.getuid?.() !== 0) return;
    prepare();
    make();
    const history = makeHistory();
    await history.append(session("a"));
    await history.append(session("b"));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^not written to the history: /);
    if (what === "a 1 GB line") {
      expect(await history.list(ALL)).toMatchObject({ entries: [], damaged: 1, isAll: false });
      expect((await history.verify()).findings.map(({ problem }) => problem)).toEqual(["too long"]);
      expect(fs.statSync(file).size).toBe(2 ** 30);
      return;
    }
    await expect(history.list(ALL)).rejects.toMatchObject({ code: "CONFIG_UNREADABLE" });
    await expect(history.verify()).rejects.toMatchObject({ code: "CONFIG_UNREADABLE" });
    if (fs.existsSync(elsewhere())) expect(fs.readFileSync(elsewhere(), "utf8")).toBe("mine\n");
  });

  it("that others can write is not believed, and is ours again with the next line", async () => {
    await fill(1);
    fs.chmodSync(file, 0o666);
    await expect(makeHistory().list(ALL)).rejects.toMatchObject({ code: "CONFIG_UNREADABLE" });
    await fill(1);
    expect(await found()).toEqual([]);
  });

  it("a file where the folder should be: one warning", async () => {
    fs.writeFileSync(path.join(root, "state"), "");
    await fill(2);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("ENOTDIR");
  });

  it("no folder at all: one warning", async () => {
    const history = makeFileHistory(undefined, {
      files: privateFiles,
      locks: makeFileLocks("/nowhere", Date.now),
      host: { now: Date.now, sleep: async () => undefined },
      warn: (text) => warnings.push(text),
    });
    await history.append(session("a"));
    await history.append(session("b"));
    expect(warnings).toEqual(["not written to the history: there is no home folder to keep it in"]);
  });

  it("a disk that is full in the middle of a line: the file is as it was", async () => {
    await fill(2);
    const before = fs.readFileSync(file);
    const { writeSync } = fs;
    fs.writeSync = ((fd: number, bytes: Buffer, at: number) => {
      if (!bytes.includes('"event"')) return writeSync(fd, bytes, at);
      if (at > 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      return writeSync(fd, bytes, at, 100);
    }) as typeof fs.writeSync;
    const history = makeHistory();
    try {
      await history.append(session("lost"));
    } finally {
      fs.writeSync = writeSync;
    }
    expect(warnings).toEqual(["not written to the history: ENOSPC: no space left on device, write"]);
    expect(fs.readFileSync(file)).toEqual(before);
    await history.append(session("kept"));
    expect(await verify()).toMatchObject({ entries: 3, findings: [] });
  });
});

describe("a lock that is held", () => {
  const holder = { pid: 1, since: NOW };

  it("by somebody who does not go on is waited for, but not for ever, and the line is written", async () => {
    await makeHistory({ tryAcquire: () => holder }).append(session("a"));
    expect(await targetsOf()).toEqual(["a"]);
    expect(sleptMs).toBeGreaterThanOrEqual(10_000);
    expect(sleptMs).toBeLessThan(11_000);
  });

  it("for more than a minute is not waited for at all", async () => {
    await makeHistory({ tryAcquire: () => ({ pid: 1, since: NOW - 61_000 }) }).append(session("a"));
    expect(await targetsOf()).toEqual(["a"]);
    expect(sleptMs).toBe(0);
  });

  it("by nobody who heeds it: what is written meanwhile is seen, and followed", async () => {
    await fill(1);
    const seen: unknown[] = [];
    appendToFile(file, ({ last }) => {
      seen.push(last?.n);
      if (seen.length === 1) fs.appendFileSync(file, formatLine({ event: "other" }, 2, last?.hash ?? "").line);
      return formatLine({ event: "mine" }, (last?.n ?? 0) + 1, last?.hash ?? "").line;
    });
    expect(seen).toEqual([1, 2]);
    expect(await verify()).toMatchObject({ entries: 3, findings: [] });
  });

  it("by one after the other is waited for longer", async () => {
    let since = NOW;
    let tries = 0;
    await makeHistory({
      tryAcquire() {
        tries += 1;
        since += 1;
        return tries < 2_000 ? { pid: 1, since } : { release: () => undefined };
      },
    }).append(session("a"));
    expect(tries).toBe(2_000);
  });

  it("is given back when writing fails", async () => {
    let held = 0;
    const history = makeHistory({
      tryAcquire() {
        held += 1;
        return { release: () => (held -= 1) };
      },
    });
    fs.mkdirSync(file, { recursive: true });
    await history.append(session("a"));
    expect(warnings).toHaveLength(1);
    expect(held).toBe(0);
  });
});

describe("processes", () => {
  let worker: string;

  beforeAll(async () => {
    const { rolldown } = await import("rolldown");
    // Node 20 runs no TypeScript: the worker is bundled first.
    const bundle = await rolldown({
      input: path.resolve("test/history/history-worker.ts"),
      platform: "node",
      logLevel: "silent",
    });
    const built = fs.mkdtempSync(path.join(tmpdir(), "assume-mfa-worker-"));
    worker = path.join(built, "worker.mjs");
    await bundle.write({ file: worker, format: "esm" });
    return () => fs.rmSync(built, { recursive: true, force: true });
  });

  function start(...words: string[]): Promise<number | string | null> {
    const child = fork(worker, [folder, ...words], { stdio: "inherit" });
    children.push(child);
    return new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  }

  it("fifty writers at once: no line is lost, and the chain is whole", async () => {
    const ends = await Promise.all(Array.from({ length: 5 }, (_, nth) => start(`p${nth}`, "10")));
    expect(ends).toEqual([0, 0, 0, 0, 0]);
    expect(await verify()).toMatchObject({ entries: 50, findings: [], tornLines: [] });
    expect(new Set(await targetsOf()).size).toBe(50);
  }, 60_000);

  it.each([
    ["in the line", { entries: 4, tornLines: [3] }, ["t-1", "t-2", undefined, "t-1"]],
    ["before its newline", { entries: 4, tornLines: [] }, ["t-1", "t-2", "killed-0", "t-1"]],
    ["behind the line", { entries: 4, tornLines: [] }, ["t-1", "t-2", "killed-0", "t-1"]],
  ])("killed %s: nothing before it is harmed, and the next goes on at once", async (death, expected, targets) => {
    await fill(2);
    expect(await start("killed", "1", death)).toBe("SIGKILL");
    await fill(1);
    // Its lock went with it.
    expect(sleptMs).toBe(0);
    expect(warnings).toEqual([]);
    expect(await verify()).toMatchObject({ ...expected, findings: [] });
    expect(await targetsOf()).toEqual(targets);
  });
});

describe("a hundred thousand lines", () => {
  it("are listed from the end, appended to by the end alone, and walked in a few seconds", async () => {
    await fill(1);
    let { n, hash } = JSON.parse(linesOf()[0] ?? "");
    const lines: string[] = [];
    while (n < 100_000) {
      const made = formatLine({ at: "2026-11-24T15:00:00.000Z", ...session(`t-${n + 1}`) }, n + 1, hash);
      ({ n, hash } = made);
      lines.push(made.line);
    }
    fs.appendFileSync(file, lines.join(""));
    fs.writeFileSync(headFile, JSON.stringify({ n, hash }), { mode: 0o600 });

    const { readSync } = fs;
    let bytesRead = 0;
    fs.readSync = ((...words: Parameters<typeof readSync>) => {
      const count = readSync(...words);
      bytesRead += count;
      return count;
    }) as typeof readSync;
    try {
      await makeHistory().append(session("the last"));
      expect(bytesRead).toBeLessThan(20_000);
      bytesRead = 0;
      const began = performance.now();
      expect(await targetsOf({ ...ALL, limit: 2 })).toEqual(["t-100000", "the last"]);
      expect(performance.now() - began).toBeLessThan(2_000);
      expect(bytesRead).toBeLessThan(1_000_000);
    } finally {
      fs.readSync = readSync;
    }
    expect(await verify()).toMatchObject({ entries: 100_001, findings: [] });
    expect(warnings).toEqual([]);
  }, 60_000);
});
