// Changes the AWS credentials file. Edge file: node:fs, node:crypto, node:process (whose file it is). Rules: through a
// temporary file in the folder where the file itself lies, behind any symbolic links, which stay; with the file's own mode,
// or 0600 where there is none yet, and its folder 0700; a file of another user's is left alone; where somebody else changed
// the file meanwhile, it is read again. The file is always the old one or the new one.
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { AssumeMfaError } from "../errors.ts";
import { MAX_CONFIG_BYTES } from "./load-aws-config.ts";
import { readTextFile } from "./text-file.ts";

const { O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
// Not on Windows.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
/** As Linux has it. */
const MAX_LINKS = 40;
/** Somebody who writes all the time is waited for no longer. */
const MAX_TRIES = 20;

/** @returns the text; empty where there is no such file. @throws AssumeMfaError CONFIG_UNREADABLE */
export function readCredentialsFile(file: string): string {
  const read = readTextFile(file, MAX_CONFIG_BYTES);
  if (read.kind === "missing") return "";
  if (read.kind === "text") return read.text;
  throw new AssumeMfaError("CONFIG_UNREADABLE", `can't read ${file}: ${read.reason}`, {
    hint: "mend the file, or name another with AWS_SHARED_CREDENTIALS_FILE",
    cause: read.cause,
    details: { path: file },
  });
}

/**
 * Processes of ours are kept apart by the caller's lock.
 * @param edit what the file is to hold, made of what it holds; undefined leaves it as it is. May be called again
 * @returns whether others than the user may read the file
 * @throws AssumeMfaError CONFIG_UNREADABLE, CONFIG_UNWRITABLE; what `edit` throws. Nothing is changed then
 */
export function changeCredentialsFile(
  file: string,
  edit: (text: string) => string | undefined,
): { readonly isOpenToOthers: boolean } {
  return tellingWhy(file, () => {
    const real = behindLinks(file);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const status = fs.lstatSync(real, { throwIfNoEntry: false });
      if (status !== undefined && !status.isFile()) throw new Error("it is no plain file");
      if (status !== undefined && process.getuid !== undefined && status.uid !== process.getuid()) {
        throw new Error("it belongs to another user");
      }
      const before = readCredentialsFile(real);
      const after = edit(before);
      const mode = status === undefined ? 0o600 : status.mode & 0o777;
      const isOpenToOthers = process.getuid !== undefined && (mode & 0o077) !== 0;
      if (after === undefined || after === before) return { isOpenToOthers };
      if (status === undefined) makeFolder(path.dirname(real));
      if (replaceFile(real, after, mode, () => readCredentialsFile(real) === before)) return { isOpenToOthers };
    }
    throw new Error("another program keeps changing it");
  });
}

/** As far as can be told without writing. @throws AssumeMfaError CONFIG_UNWRITABLE */
export function checkCredentialsFile(file: string): void {
  tellingWhy(file, () => {
    const folder = path.dirname(behindLinks(file));
    const isThere = fs.existsSync(folder);
    fs.accessSync(isThere ? folder : path.dirname(folder), fs.constants.W_OK);
  });
}

function tellingWhy<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AssumeMfaError) throw error;
    throw new AssumeMfaError("CONFIG_UNWRITABLE", `can't write ${file}: ${reasonOf(error)}`, {
      hint: "give yourself the right to write there, or name another file with AWS_SHARED_CREDENTIALS_FILE",
      cause: error,
      details: { path: file },
    });
  }
}

/** Where the file itself lies, or is to lie. */
function behindLinks(file: string): string {
  let real = path.resolve(file);
  for (let links = 0; links < MAX_LINKS; links += 1) {
    if (!fs.lstatSync(real, { throwIfNoEntry: false })?.isSymbolicLink()) return real;
    real = path.resolve(path.dirname(real), fs.readlinkSync(real));
  }
  throw new Error("its symbolic links go round in a circle");
}

function makeFolder(folder: string): void {
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
    fs.chmodSync(folder, 0o700); // a hostile umask takes bits away
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** @returns false when somebody else was faster: nothing is changed then */
function replaceFile(file: string, text: string, mode: number, isStill: () => boolean): boolean {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(16).toString("hex")}.tmp`);
  const fd = fs.openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  let isReplaced = false;
  try {
    try {
      fs.writeFileSync(fd, text);
      fs.fchmodSync(fd, mode);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    if (isStill()) {
      fs.renameSync(temporary, file);
      isReplaced = true;
    }
  } finally {
    if (!isReplaced) fs.rmSync(temporary, { force: true });
  }
  return isReplaced;
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EROFS":
      return "the file system is read-only";
    case "ENOSPC":
    case "EDQUOT":
      return "there is no room left";
    case "ENOENT":
      return "the folder that it is to lie in is missing";
    default:
      return code ?? message;
  }
}
