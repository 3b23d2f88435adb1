import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { privateFiles } from "../../src/host/private-files.ts";

let root: string;
let servers: Server[] = [];
beforeEach(() => {
  root = fs.mkdtempSync(path.join(tmpdir(), "assume-mfa-test-"));
});
afterEach(() => {
  for (const server of servers) server.close();
  servers = [];
  fs.rmSync(root, { recursive: true, force: true });
});

const modeOf = (file: string) => (fs.lstatSync(file).mode & 0o7777).toString(8);

function withUmask<T>(umask: number, work: () => T): T {
  const before = process.umask(umask);
  try {
    return work();
  } finally {
    process.umask(before);
  }
}

describe.each([0o000, 0o002, 0o022, 0o077, 0o777])("under umask %o", (umask) => {
  it("new folders are 0700, those above them too, and files are 0600", () => {
    const folder = path.join(root, "cache", "assume-mfa", "sessions");
    const file = path.join(folder, "entry.json");
    withUmask(umask, () => {
      privateFiles.ensureFolder(folder);
      privateFiles.write(file, "text");
      privateFiles.write(file, "newer text");
    });
    expect(modeOf(path.join(root, "cache"))).toBe("700");
    expect(modeOf(path.dirname(folder))).toBe("700");
    expect(modeOf(folder)).toBe("700");
    expect(modeOf(file)).toBe("600");
    expect(privateFiles.read(file)).toBe("newer text");
    expect(fs.readdirSync(folder)).toEqual(["entry.json"]);
  });

  it("a folder that is there and loose is tightened", () => {
    const folder = path.join(root, "loose");
    for (const mode of [0o755, 0o777, 0o770, 0o1777, 0o500]) {
      fs.rmSync(folder, { recursive: true, force: true });
      fs.mkdirSync(folder);
      fs.chmodSync(folder, mode);
      withUmask(umask, () => privateFiles.ensureFolder(folder));
      expect(modeOf(folder)).toMatch(/^1?700$/);
    }
  });
});

describe("a folder of the user's own that others rely on", () => {
  it("above ours is left as it is", () => {
    const shared = path.join(root, ".cache");
    fs.mkdirSync(shared);
    fs.chmodSync(shared, 0o755);
    privateFiles.ensureFolder(path.join(shared, "assume-mfa"));
    expect(modeOf(shared)).toBe("755");
  });
});

/** The names of files below a folder, with their modes and contents: what must not change. */
function snapshot(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const file = path.join(folder, name);
      const status = fs.lstatSync(file);
      return `${name} ${status.mode.toString(8)} ${status.isFile() ? fs.readFileSync(file, "utf8") : ""}`;
    });
}

const SECRET = "what somebody else keeps";

/** Puts something hostile at a path; what it leads to lies in `elsewhere`. */
const HOSTILE: Readonly<Record<string, (at: string, elsewhere: string, isFolder: boolean) => void | Promise<void>>> = {
  "a symbolic link": (at, elsewhere, isFolder) => {
    fs.symlinkSync(isFolder ? elsewhere : path.join(elsewhere, "victim"), at);
  },
  "a hard link": (at, elsewhere) => fs.linkSync(path.join(elsewhere, "victim"), at),
  "a FIFO": (at) => {
    execFileSync("mkfifo", ["-m", "600", at]);
  },
  "a folder": (at, _elsewhere, isFolder) => {
    if (isFolder) fs.writeFileSync(at, SECRET, { mode: 0o600 });
    else fs.mkdirSync(at);
  },
  "a socket": async (at) => {
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(at, resolve));
  },
  "a device": (at) => {
    // Only root can make one; a link to one is the nearest that anybody else can.
    try {
      execFileSync("mknod", ["-m", "600", at, "c", "1", "5"], { stdio: "ignore" });
    } catch {
      fs.symlinkSync("/dev/zero", at);
    }
  },
};

// ACCEPTANCE.md C12: six kinds of object at three paths; nothing hangs, nothing of others' is touched or served.
describe.each(Object.keys(HOSTILE))("%s", (kind) => {
  const place = HOSTILE[kind] as (typeof HOSTILE)[string];
  let elsewhere: string;
  let folder: string;
  let sessions: string;
  let before: string[];
  beforeEach(() => {
    elsewhere = path.join(root, "elsewhere");
    fs.mkdirSync(elsewhere, { mode: 0o750 });
    fs.writeFileSync(path.join(elsewhere, "victim"), SECRET, { mode: 0o600 });
    before = snapshot(elsewhere);
    folder = path.join(root, "assume-mfa");
    sessions = path.join(folder, "sessions");
  });
  afterEach(() => {
    expect(snapshot(elsewhere)).toEqual(before);
    expect(modeOf(elsewhere)).toBe("750");
  });

  it("in place of an entry is neither read nor written through", async () => {
    const entry = path.join(sessions, "entry.json");
    privateFiles.ensureFolder(folder);
    privateFiles.ensureFolder(sessions);
    await place(entry, elsewhere, false);
    expect(privateFiles.read(entry)).toBeUndefined();
    try {
      privateFiles.write(entry, "ours");
    } catch {
      // A folder can't be replaced by a file: the caller says that nothing could be kept.
      expect(kind).toBe("a folder");
    }
    expect(fs.readdirSync(sessions)).toEqual(["entry.json"]);
    if (kind !== "a folder") {
      expect(fs.lstatSync(entry).isFile()).toBe(true);
      expect(privateFiles.read(entry)).toBe("ours");
    }
    expect(snapshot(elsewhere)).toEqual(before.map((line) => line));
  });

  it.each(["the inner folder", "the program's folder"])("in place of %s is refused", async (which) => {
    const at = which === "the inner folder" ? sessions : folder;
    if (which === "the inner folder") privateFiles.ensureFolder(folder);
    await place(at, elsewhere, true);
    const entry = path.join(sessions, "entry.json");
    expect(() => {
      privateFiles.ensureFolder(folder);
      privateFiles.ensureFolder(sessions);
      privateFiles.write(entry, "ours");
    }).toThrow();
    expect(privateFiles.read(entry)).toBeUndefined();
  });

  it.each(["the inner folder", "the program's folder"])(
    "in place of %s has nothing listed behind it",
    async (which) => {
      fs.mkdirSync(path.join(elsewhere, "sessions"));
      fs.writeFileSync(path.join(elsewhere, "sessions", "theirs"), SECRET);
      before = snapshot(elsewhere);
      const at = which === "the inner folder" ? sessions : folder;
      if (which === "the inner folder") privateFiles.ensureFolder(folder);
      await place(at, elsewhere, true);
      expect(privateFiles.list(sessions)).toEqual([]);
    },
  );

  it("in place of an entry is listed, and removed itself", async () => {
    const entry = path.join(sessions, "entry.json");
    privateFiles.ensureFolder(folder);
    privateFiles.ensureFolder(sessions);
    await place(entry, elsewhere, false);
    expect(privateFiles.list(sessions)).toEqual(["entry.json"]);
    expect(privateFiles.remove(entry)).toBe(kind !== "a folder");
    expect(privateFiles.list(sessions)).toEqual(kind === "a folder" ? ["entry.json"] : []);
  });
});

describe("list", () => {
  it("gives nothing where there is no folder, and every name where there is one", () => {
    const folder = path.join(root, "sessions");
    expect(privateFiles.list(folder)).toEqual([]);
    privateFiles.ensureFolder(folder);
    for (const name of ["b", ".a", "line\nbreak"]) privateFiles.write(path.join(folder, name), "x");
    expect([...privateFiles.list(folder)].sort()).toEqual([".a", "b", "line\nbreak"]);
  });

  it("gives what lies in a folder that others can write in: it is to go, too", () => {
    const folder = path.join(root, "sessions");
    privateFiles.ensureFolder(folder);
    privateFiles.write(path.join(folder, "entry"), "x");
    fs.chmodSync(folder, 0o777);
    expect(privateFiles.list(folder)).toEqual(["entry"]);
  });

  it.runIf(process.getuid?.() === 0)("gives nothing of another user's folder", () => {
    const folder = path.join(root, "theirs");
    privateFiles.ensureFolder(folder);
    privateFiles.write(path.join(folder, "entry"), "x");
    fs.chownSync(folder, 65_534, 65_534);
    expect(privateFiles.list(folder)).toEqual([]);
  });
});

describe("read", () => {
  const at = () => path.join(root, "file");

  it.each([
    ["is not there", () => undefined],
    ["others may read", () => fs.writeFileSync(at(), "x", { mode: 0o644 })],
    [
      "others may write",
      () => {
        fs.writeFileSync(at(), "x");
        fs.chmodSync(at(), 0o602);
      },
    ],
    ["is larger than 1 MiB", () => fs.writeFileSync(at(), "x".repeat(1024 * 1024 + 1), { mode: 0o600 })],
    ["has a path through a file", () => fs.writeFileSync(root.concat("/file"), "x", { mode: 0o644 })],
  ])("gives nothing for a file that %s", (_what, make) => {
    make();
    expect(privateFiles.read(at())).toBeUndefined();
    expect(privateFiles.read(path.join(at(), "below"))).toBeUndefined();
  });

  it("gives a file of 1 MiB", () => {
    fs.writeFileSync(at(), "x".repeat(1024 * 1024), { mode: 0o600 });
    expect(privateFiles.read(at())).toHaveLength(1024 * 1024);
  });

  it.runIf(process.getuid?.() === 0)("gives nothing for another user's file, and takes no folder of theirs", () => {
    fs.writeFileSync(at(), "x", { mode: 0o600 });
    fs.chownSync(at(), 65_534, 65_534);
    expect(privateFiles.read(at())).toBeUndefined();
    const folder = path.join(root, "theirs");
    fs.mkdirSync(folder, { mode: 0o700 });
    fs.chownSync(folder, 65_534, 65_534);
    expect(() => privateFiles.ensureFolder(folder)).toThrow(/another user/);
  });

  it("leaves no descriptor open", () => {
    const count = () => fs.readdirSync("/proc/self/fd").length;
    fs.writeFileSync(at(), "x", { mode: 0o644 });
    privateFiles.read(at());
    const before = count();
    for (let round = 0; round < 50; round += 1) privateFiles.read(at());
    expect(count()).toBe(before);
  });
});

describe("write", () => {
  it("that fails leaves nothing behind, the old text included in its place", () => {
    const folder = path.join(root, "folder");
    privateFiles.ensureFolder(folder);
    const entry = path.join(folder, "entry");
    fs.mkdirSync(path.join(entry, "full"), { recursive: true });
    expect(() => privateFiles.write(entry, "x")).toThrow();
    expect(fs.readdirSync(folder)).toEqual(["entry"]);
  });

  it("goes through another name: a reader sees the old text or the new one", () => {
    const file = path.join(root, "entry");
    privateFiles.write(file, "old");
    const held = fs.openSync(file, "r");
    privateFiles.write(file, "new");
    expect(fs.readFileSync(held, "utf8")).toBe("old");
    fs.closeSync(held);
    expect(privateFiles.read(file)).toBe("new");
  });
});

describe("a folder that others can write in", () => {
  it.each([0o720, 0o702, 0o770, 0o777, 0o1777])("gives nothing (mode %o), until it is tightened", (mode) => {
    const folder = path.join(root, "sessions");
    const file = path.join(folder, "entry");
    privateFiles.ensureFolder(folder);
    privateFiles.write(file, "ours");
    expect(privateFiles.read(file)).toBe("ours");
    fs.chmodSync(folder, mode);
    expect(privateFiles.read(file)).toBeUndefined();
    privateFiles.ensureFolder(folder);
    expect(privateFiles.read(file)).toBe("ours");
  });

  it.each([0o700, 0o755, 0o711])("is told from one that they can only read (mode %o)", (mode) => {
    const folder = path.join(root, "sessions");
    privateFiles.ensureFolder(folder);
    privateFiles.write(path.join(folder, "entry"), "ours");
    fs.chmodSync(folder, mode);
    expect(privateFiles.read(path.join(folder, "entry"))).toBe("ours");
  });

  it("gives nothing either by way of a link to a folder, though all in it is ours", () => {
    const folder = path.join(root, "elsewhere");
    privateFiles.ensureFolder(folder);
    privateFiles.write(path.join(folder, "entry"), "ours");
    fs.symlinkSync(folder, path.join(root, "sessions"));
    expect(privateFiles.read(path.join(root, "sessions", "entry"))).toBeUndefined();
    expect(privateFiles.read(path.join(folder, "entry"))).toBe("ours");
  });

  it.runIf(process.getuid?.() === 0)("gives nothing where the folder is another user's", () => {
    const folder = path.join(root, "theirs");
    privateFiles.ensureFolder(folder);
    privateFiles.write(path.join(folder, "entry"), "ours");
    fs.chownSync(folder, 65_534, 65_534);
    expect(privateFiles.read(path.join(folder, "entry"))).toBeUndefined();
  });
});

describe("what a killed process left behind", () => {
  const temporary = (name: string) => `.${name}.${randomBytes(16).toString("hex")}.tmp`;

  function leave(folder: string, name: string, ageMs: number): string {
    const file = path.join(folder, name);
    fs.writeFileSync(file, "half a session", { mode: 0o600 });
    const at = (Date.now() - ageMs) / 1000;
    fs.utimesSync(file, at, at);
    return name;
  }

  it("goes with the next writing there when it is a minute old, and nothing else does", () => {
    const folder = path.join(root, "sessions");
    privateFiles.ensureFolder(folder);
    const old = [61_000, 3_600_000, 86_400_000].map((ageMs) => leave(folder, temporary("entry.json"), ageMs));
    // Another process may be writing it now.
    const young = [0, 30_000, 55_000].map((ageMs) => leave(folder, temporary("other.json"), ageMs));
    const others = [
      "entry.json.tmp",
      ".entry.json.tmp",
      `.entry.json.${"0".repeat(31)}.tmp`,
      `entry.json.${"0".repeat(32)}.tmp`,
      `.entry.json.${"0".repeat(32)}.tmp.json`,
      `.entry.json.${"A".repeat(32)}.tmp`,
      "other.json",
    ].map((name) => leave(folder, name, 3_600_000));
    expect(fs.readdirSync(folder)).toHaveLength(old.length + young.length + others.length);
    privateFiles.write(path.join(folder, "entry.json"), "whole");
    expect(fs.readdirSync(folder).sort()).toEqual([...young, ...others, "entry.json"].sort());
    expect(privateFiles.read(path.join(folder, "entry.json"))).toBe("whole");
  });

  it("is a link or a folder by that name: what it leads to stays, and the writing goes on", () => {
    const folder = path.join(root, "sessions");
    privateFiles.ensureFolder(folder);
    const victim = path.join(root, "victim");
    fs.writeFileSync(victim, SECRET);
    const link = path.join(folder, temporary("link"));
    fs.symlinkSync(victim, link);
    fs.lutimesSync(link, 1, 1);
    const inner = path.join(folder, temporary("folder"));
    fs.mkdirSync(inner);
    fs.utimesSync(inner, 1, 1);
    privateFiles.write(path.join(folder, "entry"), "whole");
    expect(fs.readdirSync(folder).sort()).toEqual([path.basename(inner), "entry"].sort());
    expect(fs.readFileSync(victim, "utf8")).toBe(SECRET);
  });
});

describe("remove", () => {
  it("says whether it is gone: what was not there is, what can't be removed is not", () => {
    const file = path.join(root, "entry");
    expect(privateFiles.remove(file)).toBe(true);
    privateFiles.write(file, "x");
    expect(privateFiles.remove(file)).toBe(true);
    fs.mkdirSync(file);
    expect(privateFiles.remove(file)).toBe(false);
  });

  it("takes away a file, a link and not what it leads to; what is not there is no error", () => {
    const file = path.join(root, "file");
    const link = path.join(root, "link");
    fs.writeFileSync(file, "x");
    fs.symlinkSync(file, link);
    privateFiles.remove(link);
    expect(fs.readdirSync(root)).toEqual(["file"]);
    privateFiles.remove(file);
    privateFiles.remove(file);
    expect(fs.readdirSync(root)).toEqual([]);
    privateFiles.remove(root);
    expect(fs.existsSync(root)).toBe(true);
  });
});
