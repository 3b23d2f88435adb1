/*
 * Edge file: node:fs, node:process (whose folder it is, and whether who holds it lives). Folders that a sandbox writes
 * into, and whole files in them.
 * - A folder is made 0700 whatever the umask says, those above it too, or is a real folder of this user's that nobody
 *   else can write in; no link is followed, and a folder that was there is neither changed in its mode nor taken over:
 *   what holds something else is refused.
 * - A file is written beside its place and renamed over it, 0600: a link in its place is replaced, never followed.
 * - A held folder says by whom: process id and start time, so that a number given to another process later holds
 *   nothing.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
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

/** Who holds a folder, by an empty file's name: process id, start time (0 where the system tells none), a nonce. */
const HOLDER = /^holder\.([1-9]\d{0,9})\.(\d{1,20})\.[0-9a-f]{16}$/;

/** Whether a name in a folder only says who holds it, or once did. */
export function isHolderName(name: string): boolean {
  return HOLDER.test(name);
}

/**
 * Takes a folder for this sandbox. Everyone says that they are there before they look who else is, under a name that is
 * nobody else's: two that start at once may both be refused, and never both have it.
 * @returns what gives it up again; harmless when called twice
 * @throws AssumeMfaError SANDBOX_FAILED when a sandbox that lives has it; the system's error
 */
export function holdFolder(folder: string): () => void {
  const { pid } = process;
  const own = `holder.${pid}.${readStartTime(pid) ?? "0"}.${randomBytes(8).toString("hex")}`;
  const release = () => rmSync(join(folder, own), { force: true });
  writeFileSync(join(folder, own), "", { flag: "wx", mode: 0o600 });
  try {
    for (const name of readdirSync(folder)) {
      const [, holder, startTime] = HOLDER.exec(name) ?? [];
      if (name === own || holder === undefined || startTime === undefined) continue;
      if (isAlive(Number(holder), startTime)) {
        throw new AssumeMfaError("SANDBOX_FAILED", `another sandbox (process ${holder}) has ${folder}`, {
          hint: "stop it, or name another folder",
        });
      }
      rmSync(join(folder, name), { force: true });
    }
  } catch (error) {
    release();
    throw error;
  }
  return () => {
    try {
      release();
    } catch {
      // What can't be removed any more is found to be of a dead process by the next start.
    }
  };
}

function isAlive(pid: number, startTime: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: somebody else's process lives under that number.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const now = readStartTime(pid);
  return now === undefined || startTime === "0" || now === startTime;
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
