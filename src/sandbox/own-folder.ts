/*
 * Edge file: node:fs, node:process (whose folder it is). Folders that a sandbox writes into, and whole files in them.
 * - A folder is made 0700, or is a real folder of this user's that nobody else can write in; no link is followed, and a
 *   folder that was there is neither changed in its mode nor taken over: what holds something else is refused.
 * - A file is written beside its place and renamed over it, 0600: a link in its place is replaced, never followed.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, type Stats, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { getuid } from "node:process";
import { AssumeMfaError } from "../errors.ts";

/**
 * @param folder an absolute path; made when it is not there, with those above it
 * @param isOurs whether what lies in it is a sandbox's, so that it may be written into
 * @throws AssumeMfaError SANDBOX_FAILED for a folder that is not ours to write in; the system's error otherwise
 */
export function openOwnFolder(folder: string, isOurs: (names: readonly string[]) => boolean): void {
  let status: Stats | undefined;
  try {
    status = lstatSync(folder, { throwIfNoEntry: false });
  } catch (cause) {
    throw new AssumeMfaError("SANDBOX_FAILED", `${folder} can't be read: ${(cause as Error).message}`, { cause });
  }
  if (status === undefined) {
    mkdirSync(dirname(folder), { recursive: true });
    mkdirSync(folder, { mode: 0o700 });
    chmodSync(folder, 0o700);
    return;
  }
  const refuse = (why: string): never => {
    throw new AssumeMfaError("SANDBOX_FAILED", `${folder} ${why}`, { hint: "name a new or an empty folder" });
  };
  if (!status.isDirectory()) refuse("is no folder");
  if (getuid !== undefined) {
    if (status.uid !== getuid()) refuse("belongs to another user");
    if ((status.mode & 0o022) !== 0) refuse("can be written by other users");
  }
  const names = readdirSync(folder);
  if (names.length > 0 && !isOurs(names)) refuse("holds something that is no sandbox's");
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
