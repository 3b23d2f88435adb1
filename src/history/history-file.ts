// The file of the history. Edge file: node:fs. Rules: 0600 in a folder of 0700, and this user's own, or nothing is read
// or written; a name is never followed through a link, and a FIFO or a device never waited for; it is only ever appended
// to, one write for all that is added, then fsync. Nothing is taken away: what a crash tore stays where it is, and the
// line after says so. What is read is bounded: the tail for writing, chunks for reading.
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { AssumeMfaError } from "../errors.ts";
import { isWhole, LINE_LIMIT_BYTES, parseLine, type WholeLine } from "./chain.ts";

const { O_RDONLY, O_RDWR, O_APPEND, O_CREAT } = fs.constants;
// Not on Windows.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK = fs.constants.O_NONBLOCK ?? 0;

const NEWLINE = 0x0a;
const FIRST_WINDOW_BYTES = 8 * 1024;
const CHUNK_BYTES = 256 * 1024;
const TRIES = 100;
/** A list is not made of more than this, bytes: the latest of it. */
const LIST_LIMIT_BYTES = 256 * 1024 * 1024;

/** How the file ends. */
export interface Tail {
  /** The last whole entry; undefined when none of the lines that were looked at is one. */
  readonly last: WholeLine | undefined;
  /** Lines after it that are none. */
  readonly badLines: number;
  /** What stands behind the last newline. */
  readonly rest: Buffer;
}

/**
 * Appends to the file, which is made when there is none.
 * @param compose what to append to such an end
 * @throws NodeJS.ErrnoException, Error when it can't be, or it is no file of this user's own: it is as it was then
 */
export function appendToFile(file: string, compose: (tail: Tail) => string): void {
  const isNew = !fs.existsSync(file);
  const fd = fs.openSync(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const status = fs.fstatSync(fd);
    if (!status.isFile()) throw new Error(`${file} is no plain file`);
    if (process.getuid !== undefined) {
      if (status.uid !== process.getuid()) throw new Error(`${file} belongs to another user`);
      if ((status.mode & 0o777) !== 0o600) fs.fchmodSync(fd, 0o600);
    }
    let { size } = status;
    let bytes = Buffer.from(compose(readTail(fd, size, file)));
    // Should somebody write without the lock, this is what is left to do about it.
    for (let tries = 0; tries < TRIES && fs.fstatSync(fd).size !== size; tries += 1) {
      size = fs.fstatSync(fd).size;
      bytes = Buffer.from(compose(readTail(fd, size, file)));
    }
    try {
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at);
    } catch (error) {
      // A full disk: half a line would be told as a crash.
      fs.ftruncateSync(fd, size);
      throw error;
    }
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  if (isNew) syncFolder(path.dirname(file));
}

/** A new name is on the disk when its folder is. */
function syncFolder(folder: string): void {
  try {
    const fd = fs.openSync(folder, O_RDONLY);
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // Windows opens no folder; the line itself is written.
  }
}

/** Reads no more than it takes to find the last whole entry. @throws Error when the end is no line of a history */
function readTail(fd: number, size: number, file: string): Tail {
  for (let window = FIRST_WINDOW_BYTES; ; window *= 8) {
    const length = Math.min(window, size);
    const { lines, rest } = splitLines(readAt(fd, size - length, length), length === size);
    if (rest.length > LINE_LIMIT_BYTES) throw new Error(`${file} is no history: its end is no line`);
    let badLines = 0;
    for (const bytes of lines.reverse()) {
      const line = parseLine(bytes);
      if (isWhole(line)) return { last: line, badLines, rest };
      badLines += 1;
    }
    const isLastWindow = window > LINE_LIMIT_BYTES;
    if (isLastWindow && lines.length === 0 && length < size)
      throw new Error(`${file} is no history: its end is no line`);
    if (isLastWindow || length === size) return { last: undefined, badLines, rest };
  }
}

/** @param isFromStart false: the first line may be a part of one, and is left out */
function splitLines(bytes: Buffer, isFromStart: boolean): { readonly lines: Buffer[]; readonly rest: Buffer } {
  const lines: Buffer[] = [];
  let from = isFromStart ? 0 : bytes.indexOf(NEWLINE) + 1;
  if (from === 0 && !isFromStart) return { lines, rest: bytes };
  for (let end = bytes.indexOf(NEWLINE, from); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return { lines, rest: bytes.subarray(from) };
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let have = 0;
  while (have < length) {
    const count = fs.readSync(fd, bytes, have, length - have, position + have);
    if (count === 0) break;
    have += count;
  }
  return bytes.subarray(0, have);
}

/** An open history. Lines that are written meanwhile are none of it. */
export interface OpenHistory {
  /** @returns `isWhole` false where it was stopped by a line that is longer than any entry; what stands behind the last newline */
  readForward(take: (line: Buffer) => void): { readonly isWhole: boolean; readonly rest: Buffer };
  /**
   * From the last line to the first, until `take` says that it is enough.
   * @param take gets undefined for what can't be a line
   * @returns true when it came to the first line
   */
  readBackward(take: (line: Buffer | undefined) => boolean): boolean;
  close(): void;
}

/**
 * @returns undefined when there is no history yet
 * @throws AssumeMfaError CONFIG_UNREADABLE
 */
export function openHistory(file: string): OpenHistory | undefined {
  let fd: number;
  try {
    fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw unreadable(code === "ELOOP" ? `${file} is a symbolic link` : `${file} can't be read (${code})`, error);
  }
  try {
    const status = fs.fstatSync(fd);
    if (!status.isFile()) throw unreadable(`${file} is no plain file`);
    if (process.getuid !== undefined) {
      const folder = fs.lstatSync(path.dirname(file));
      const isOwn = status.uid === process.getuid() && folder.uid === process.getuid() && folder.isDirectory();
      if (!isOwn || ((status.mode | folder.mode) & 0o022) !== 0) {
        throw unreadable(`${file} is not yours alone to write, so what it says is not told`);
      }
    }
    return {
      readForward: (take) => readForward(fd, status.size, take),
      readBackward: (take) => readBackward(fd, status.size, take),
      close: () => fs.closeSync(fd),
    };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

function unreadable(message: string, cause?: unknown): AssumeMfaError {
  return new AssumeMfaError("CONFIG_UNREADABLE", message, {
    hint: "look at it, and move it away: a new history begins with the next thing that is done",
    cause,
  });
}

function readForward(fd: number, size: number, take: (line: Buffer) => void): ReturnType<OpenHistory["readForward"]> {
  let carried: Buffer = Buffer.alloc(0);
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const chunk = readAt(fd, at, Math.min(CHUNK_BYTES, size - at));
    const { lines, rest } = splitLines(carried.length === 0 ? chunk : Buffer.concat([carried, chunk]), true);
    for (const line of lines) {
      if (line.length >= LINE_LIMIT_BYTES) return { isWhole: false, rest: Buffer.alloc(0) };
      take(line);
    }
    if (rest.length > LINE_LIMIT_BYTES) return { isWhole: false, rest: Buffer.alloc(0) };
    carried = rest;
  }
  return { isWhole: true, rest: carried };
}

function readBackward(fd: number, size: number, take: (line: Buffer | undefined) => boolean): boolean {
  let carried: Buffer = Buffer.alloc(0);
  for (let end = size; end > 0; ) {
    if (size - end > LIST_LIMIT_BYTES) return false;
    const at = Math.max(0, end - CHUNK_BYTES);
    const chunk = readAt(fd, at, end - at);
    const bytes = carried.length === 0 ? chunk : Buffer.concat([chunk, carried]);
    end = at;
    const first = at === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
    if (at > 0 && first === 0) {
      if (bytes.length > LINE_LIMIT_BYTES) {
        take(undefined);
        return false;
      }
      carried = bytes;
      continue;
    }
    const { lines, rest } = splitLines(bytes.subarray(first), true);
    // Behind the last newline of all there can be an entry whose own newline was cut off.
    if (rest.length > 0) lines.push(rest);
    for (const line of lines.reverse()) if (!take(line)) return at === 0 && line === lines.at(-1);
    // With the newline that ends it.
    carried = bytes.subarray(0, first);
  }
  return true;
}
