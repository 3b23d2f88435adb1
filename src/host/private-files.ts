// Files that only their owner may read. Edge file: node:fs. Rules: folders 0700 and files 0600 whatever the umask, and
// ours, or nothing is read or written; a file appears whole or not at all (a temporary file in the same folder, fsync,
// rename); a name is never followed through a link, and a FIFO or a device never opened to be waited for.
// ACCEPTANCE.md T1, T2, C5, C11, C12.
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
// Not on Windows.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK = fs.constants.O_NONBLOCK ?? 0;

/** Larger than any entry of ours; a larger file is not ours. */
const FILE_LIMIT_BYTES = 1024 * 1024;

/** Files that only their owner may read, as the rooms that keep something see them. */
export interface PrivateFiles {
  /** Makes the folder, or tightens it. @throws Error when it is no folder of this user's own, or can't be made so */
  ensureFolder(folder: string): void;
  /** @returns undefined when there is no such file, or it is not a plain file that only this user can read and write */
  read(file: string): string | undefined;
  /** @throws NodeJS.ErrnoException when it can't be written; nothing is left behind then */
  write(file: string, text: string): void;
  /**
   * What is not there is removed already.
   * @returns false when it can't be removed, and stays
   */
  remove(file: string): boolean;
  /** @returns the names of what lies in it; none when there is no such folder, or it or the one above is no folder of this user's own */
  list(folder: string): readonly string[];
}

export const privateFiles: PrivateFiles = {
  ensureFolder: ensurePrivateFolder,
  read: readPrivateFile,
  write: writePrivateFile,
  remove: removePrivateFile,
  list: listFolder,
};

function ensurePrivateFolder(folder: string): void {
  makeFolder(folder);
  const status = fs.lstatSync(folder);
  if (!status.isDirectory()) throw new Error(`${folder} is no folder`);
  if (process.getuid === undefined) return;
  if (status.uid !== process.getuid()) throw new Error(`${folder} belongs to another user`);
  if ((status.mode & 0o777) !== 0o700) fs.chmodSync(folder, 0o700);
}

/** Folder by folder: a hostile umask takes bits from those above, too, and a recursive mkdir can't go on below them. */
function makeFolder(folder: string, mayMakeParent = true): void {
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
    fs.chmodSync(folder, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || !mayMakeParent) throw error;
    makeFolder(path.dirname(folder));
    makeFolder(folder, false);
  }
}

function readPrivateFile(file: string): string | undefined {
  let fd: number;
  try {
    fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const status = fs.fstatSync(fd);
    if (!isPrivateFolder(path.dirname(file))) return undefined;
    if (!status.isFile() || status.size > FILE_LIMIT_BYTES || status.nlink !== 1) return undefined;
    if (process.getuid !== undefined && (status.uid !== process.getuid() || (status.mode & 0o077) !== 0)) {
      return undefined;
    }
    return fs.readFileSync(fd, "utf8");
  } catch {
    return undefined;
  } finally {
    fs.closeSync(fd);
  }
}

/** A folder that others can write in, or a link to one, can be made to hold anything. */
function isPrivateFolder(folder: string): boolean {
  const status = fs.lstatSync(folder);
  if (process.getuid === undefined) return status.isDirectory();
  return status.isDirectory() && status.uid === process.getuid() && (status.mode & 0o022) === 0;
}

/** What a killed process left behind holds keys: it goes with the next writing there (ACCEPTANCE.md C5). */
const ORPHAN_AGE_MS = 60_000;

function sweepTemporaries(folder: string): void {
  let names: readonly string[] = [];
  try {
    names = fs.readdirSync(folder);
  } catch {
    // It can be written and not listed: nothing to sweep.
  }
  for (const name of names) {
    if (!/^\..*\.[0-9a-f]{32}\.tmp$/.test(name)) continue;
    const file = path.join(folder, name);
    try {
      if (Date.now() - fs.lstatSync(file).mtimeMs > ORPHAN_AGE_MS) fs.unlinkSync(file);
    } catch {
      // Another process swept it first.
    }
  }
}

function writePrivateFile(file: string, text: string): void {
  const folder = path.dirname(file);
  const temporary = path.join(folder, `.${path.basename(file)}.${randomBytes(16).toString("hex")}.tmp`);
  const fd = fs.openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    try {
      fs.fchmodSync(fd, 0o600); // a hostile umask takes bits away
      fs.writeFileSync(fd, text);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, file);
  } catch (error) {
    removePrivateFile(temporary);
    throw error;
  }
  sweepTemporaries(folder);
}

function removePrivateFile(file: string): boolean {
  try {
    fs.unlinkSync(file);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

/**
 * Looser than for reading: what lies in a folder of ours that others can write in is not believed, and yet is to go. The
 * folder above is the program's own: through a link there, what is listed would be somebody else's to remove.
 */
function listFolder(folder: string): readonly string[] {
  try {
    return isOwnFolder(path.dirname(folder)) && isOwnFolder(folder) ? fs.readdirSync(folder) : [];
  } catch {
    return [];
  }
}

function isOwnFolder(folder: string): boolean {
  const status = fs.lstatSync(folder);
  return status.isDirectory() && (process.getuid === undefined || status.uid === process.getuid());
}
