// One holder at a time, among processes. Edge file: node:fs. Node 20 has no lock of the system's, so it is our own: a
// numbered file a holder, `<name>.<n>`, made whole by link(2), which only one process can. The highest number is the
// lock; it is never deleted, only the lower ones are, by whoever made a higher one. So a number that was made without a
// higher one being there is held by its maker alone, and the lock of a dead holder is taken over by making the next
// number: nothing is ever removed from under somebody who may be alive.
// A holder is dead when no process has its pid, or one that started at another time (ACCEPTANCE.md C3). A holder that
// can't be seen (another machine or container with the same home folder) counts as alive: waiting is bounded elsewhere.
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { LockHolder, Locks } from "./lock.ts";
import { privateFiles } from "./private-files.ts";

const { O_RDONLY } = fs.constants;
// Not on Windows.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK = fs.constants.O_NONBLOCK ?? 0;

/** Many times what one takes. */
const CLAIM_LIMIT_BYTES = 4_096;
/** More than any number of processes that begin at once needs. */
const MOST_ROUNDS = 1_000;

interface Claim extends LockHolder {
  /** When the process started, as its system tells it; tells it from a later one of the same pid. */
  readonly startedAt: string | undefined;
  /** Where pids mean what they mean here: the machine's boot and, on Linux, the pid namespace. */
  readonly place: string;
  readonly released: boolean;
}

/** @param now milliseconds since 1970 */
export function makeFileLocks(folder: string, now: () => number): Locks {
  return {
    tryAcquire(name) {
      privateFiles.ensureFolder(path.dirname(folder));
      privateFiles.ensureFolder(folder);
      // Each failure to make the next number means that somebody else did: a few rounds settle it.
      for (let round = 0; round < MOST_ROUNDS; round += 1) {
        const numbers = numbersOf(folder, name);
        const highest = numbers.at(-1) ?? 0;
        const claim = highest === 0 ? undefined : readClaim(path.join(folder, `${name}.${highest}`));
        if (claim !== undefined && !claim.released && isAlive(claim)) return { pid: claim.pid, since: claim.since };
        const mine = highest + 1;
        if (!makeClaim(folder, name, mine, now())) continue;
        if (numbersOf(folder, name).at(-1) !== mine) {
          // The list was old: others came and went meanwhile. A lower number is no lock.
          privateFiles.remove(path.join(folder, `${name}.${mine}`));
          continue;
        }
        for (const number of numbers) privateFiles.remove(path.join(folder, `${name}.${number}`));
        return { release: () => release(folder, name, mine, now()) };
      }
      throw new Error(`${path.join(folder, name)} can't be locked: its files change all the time`);
    },
  };
}

function numbersOf(folder: string, name: string): number[] {
  return fs
    .readdirSync(folder)
    .flatMap((file) => (file.startsWith(`${name}.`) ? [file.slice(name.length + 1)] : []))
    .filter((number) => /^[1-9]\d{0,14}$/.test(number))
    .map(Number)
    .sort((a, b) => a - b);
}

function makeClaim(folder: string, name: string, number: number, since: number): boolean {
  const file = path.join(folder, `${name}.${number}`);
  const temporary = path.join(folder, `.${name}.${randomBytes(16).toString("hex")}.tmp`);
  fs.writeFileSync(temporary, formatClaim(since, false), { flag: "wx", mode: 0o600 });
  try {
    fs.chmodSync(temporary, 0o600);
    fs.linkSync(temporary, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    // The claim has one name again: a file with two is not read (private-files.ts).
    privateFiles.remove(temporary);
  }
}

/** The highest number stays, marked: deleting it would let an old list of numbers make it again. */
function release(folder: string, name: string, number: number, since: number): void {
  try {
    privateFiles.write(path.join(folder, `${name}.${number}`), formatClaim(since, true));
  } catch {
    // Then it is free when this process has ended.
  }
}

function formatClaim(since: number, released: boolean): string {
  const claim: Claim = { pid: process.pid, since, startedAt: startOf(process.pid), place: PLACE, released };
  return `${JSON.stringify(claim)}\n`;
}

/** @returns undefined for a file that is no claim of ours: nobody holds it */
function readClaim(file: string): Claim | undefined {
  try {
    // Between link and unlink a claim has two names for a moment, so it is read without private-files' check of that.
    const claim = JSON.parse(readPlainFile(file) ?? "") as Partial<Claim>;
    const { pid, since, startedAt, place, released } = claim;
    if (!Number.isInteger(pid) || typeof since !== "number" || typeof place !== "string") return undefined;
    return { pid: pid as number, since, startedAt, place, released: released === true };
  } catch {
    return undefined;
  }
}

/** A FIFO or a device is not opened to be waited for, and nothing followed or read that is no claim by its size. */
function readPlainFile(file: string): string | undefined {
  const fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const status = fs.fstatSync(fd);
    return status.isFile() && status.size <= CLAIM_LIMIT_BYTES ? fs.readFileSync(fd, "utf8") : undefined;
  } finally {
    fs.closeSync(fd);
  }
}

function isAlive(claim: Claim): boolean {
  if (claim.place !== PLACE) return true;
  try {
    process.kill(claim.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const startedAt = startOf(claim.pid);
  return startedAt === undefined || claim.startedAt === undefined || startedAt === claim.startedAt;
}

/** proc(5): field 22 of /proc/<pid>/stat, counted after the name, which may hold anything. */
function startOf(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended: it only waits for its parent to ask.
    return fields[0] === "Z" ? "ended" : fields[19];
  } catch {
    return undefined; // a system without /proc: the pid alone tells
  }
}

const PLACE = `${os.hostname()} ${readOr("/proc/sys/kernel/random/boot_id")} ${linkOr("/proc/self/ns/pid")}`;

function readOr(file: string): string {
  try {
    return fs.readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}

function linkOr(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return "";
  }
}
