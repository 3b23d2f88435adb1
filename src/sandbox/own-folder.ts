/*
 * Edge file: node:fs, node:process (whose folder it is, and whether who holds it lives). Folders that a sandbox writes
 * into, and whole files in them.
 * - A folder is made 0700 whatever the umask says, those above it too, or is a real folder of this user's that nobody
 *   else can write in; no link is followed, and a folder that was there is neither changed in its mode nor taken over:
 *   what holds something else is refused.
 * - A file is written beside its place and renamed over it, 0600: a link in its place is replaced, never followed.
 * - A held folder says by whom: process id and start time, so that a number given to another process later holds
 *   nothing. That file comes into being whole, by a link that fails when there is one; a dead holder's is moved away.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { AssumeMfaError } from "../errors.ts";

/**
 * @param folder an absolute path; made when it is not there, with those above it
 * @param isOurs whether what lies in it is a sandbox's, so that it may be written into
 * @throws AssumeMfaError SANDBOX_FAILED for a folder that is not ours to write in, or can't be made
 */
export function openOwnFolder(folder: string, isOurs: (names: readonly string[]) => boolean): void {
  let status: Stats | undefined;
  try {
    status = lstatSync(folder, { throwIfNoEntry: false });
  } catch (cause) {
    throw unusable(folder, `can't be read: ${(cause as Error).message}`, cause);
  }
  if (status === undefined) {
    makeFolder(folder);
    return;
  }
  const refuse = (why: string): never => {
    throw unusable(folder, why);
  };
  if (!status.isDirectory()) refuse("is no folder");
  if (process.getuid !== undefined) {
    if (status.uid !== process.getuid()) refuse("belongs to another user");
    if ((status.mode & 0o022) !== 0) refuse("can be written by other users");
  }
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    throw unusable(folder, `can't be read: ${(cause as Error).message}`, cause);
  }
  if (names.length > 0 && !isOurs(names)) refuse("holds something that is no sandbox's");
}

function unusable(folder: string, why: string, cause?: unknown): AssumeMfaError {
  return new AssumeMfaError("SANDBOX_FAILED", `${folder} ${why}`, { hint: "name a new or an empty folder", cause });
}

/** One folder after the other: node's own way to make those above does not end where a file system refuses (/proc). */
function makeFolder(folder: string): void {
  const missing = [folder];
  for (let above = dirname(folder); !existsSync(above) && above !== dirname(above); above = dirname(above)) {
    missing.push(above);
  }
  for (const each of missing.reverse()) {
    try {
      mkdirSync(each, { mode: 0o700 });
      chmodSync(each, 0o700);
    } catch (cause) {
      throw unusable(each, `can't be made: ${(cause as Error).message}`, cause);
    }
  }
}

/** @throws the system's error; nothing is left behind then */
export function writeOwnFile(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(16).toString("hex")}.new`;
  try {
    writeFileSync(temporary, text, { flag: "wx", mode: 0o600 });
    chmodSync(temporary, 0o600);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Its name in a folder says that a sandbox made what lies there. */
const MARK = ".assume-mfa-sandbox";

/** A folder all of whose contents are the sandbox's: marked, so that it is known again. */
export function openMarkedFolder(folder: string): void {
  openOwnFolder(folder, (names) => names.includes(MARK));
  writeOwnFile(join(folder, MARK), "");
}

/** Its name in a state folder. */
export const HOLDER_NAME = "holder";
/** What a start that was killed may leave beside it. */
export const HOLDER_REST = /^holder\.[0-9a-f]{32}(?:\.[0-9a-f]{32}\.new)?$/;
const MAX_TRIES = 5;

/**
 * Takes a folder for this process.
 * @returns what gives it up again; harmless when called twice
 * @throws AssumeMfaError SANDBOX_FAILED when a sandbox that lives has it; the system's error
 */
export function holdFolder(folder: string): () => void {
  const path = join(folder, HOLDER_NAME);
  const own = `${path}.${randomBytes(16).toString("hex")}`;
  // The nonce tells two sandboxes of one process apart.
  const text = `${process.pid} ${readStartTime(process.pid) ?? "-"} ${randomBytes(8).toString("hex")}\n`;
  writeOwnFile(own, text);
  try {
    for (let left = MAX_TRIES; ; left -= 1) {
      if (tryLink(own, path)) break;
      const holder = readHolder(path);
      if (left === 1 || (holder !== undefined && isAlive(holder))) {
        const who = Number.parseInt(holder ?? "", 10);
        throw new AssumeMfaError("SANDBOX_FAILED", `another sandbox (process ${who}) has ${folder}`, {
          hint: "stop it, or name another folder",
        });
      }
      if (holder !== undefined) moveAway(path, holder);
    }
  } finally {
    rmSync(own, { force: true });
  }
  return () => {
    try {
      if (readHolder(path) === text) rmSync(path, { force: true });
    } catch {
      // What can't be read any more is nobody's to give up; the next start finds a dead holder at worst.
    }
  };
}

function tryLink(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** @returns undefined when nobody holds the folder */
function readHolder(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Of two that find the same dead holder one moves it; what the other moves then is put back. A third that starts in
 * between would go unseen here: whoever writes notices a foreign file, too (StateKeeper).
 */
function moveAway(path: string, dead: string): void {
  const rest = `${path}.${randomBytes(16).toString("hex")}`;
  try {
    renameSync(path, rest);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (readHolder(rest) !== dead) tryLink(rest, path);
  rmSync(rest, { force: true });
}

function isAlive(holder: string): boolean {
  const match = /^([1-9]\d{0,9}) (\d+|-) [0-9a-f]{16}\n$/.exec(holder);
  if (match === null) return false;
  const holderPid = Number(match[1]);
  try {
    process.kill(holderPid, 0);
  } catch (error) {
    // EPERM: somebody else's process lives under that number.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const startTime = readStartTime(holderPid);
  return startTime === undefined || match[2] === "-" || startTime === match[2];
}

/**
 * proc(5), stat: the 22nd field, in clock ticks since the machine started; the command's name before it may hold anything.
 * @returns undefined where the system has no such file; `ended` for a process that only waits to be taken note of
 */
function readStartTime(ofPid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${ofPid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return /^[ZX]$/.test(fields[0] ?? "") ? "ended" : fields[19];
  } catch {
    return undefined;
  }
}
