/*
 * The one place of this room that touches the disk. It reads what the user names and writes nothing. It never blocks (a
 * pipe is opened without waiting for its writer, then refused) and never reads more than its limit.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { join } from "node:path";
import type { Host } from "../host/host.ts";

/** What stands in a file, or why that can't be told. */
export type FileText =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "missing" }
  | {
      readonly kind: "unreadable";
      /** Completes "can't read <path>: …". */
      readonly reason: string;
      readonly cause: unknown;
    };

/**
 * Reads a file of UTF-8 text; a byte order mark is part of it. `/dev/null` is an empty one, any other device is refused.
 * @param limitBytes a larger file is unreadable
 */
export function readTextFile(path: string, limitBytes: number): FileText {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return isErrno(error, "ENOENT") ? { kind: "missing" } : unreadable(reasonOf(error), error);
  }
  let bytes: Buffer | undefined;
  try {
    const stats = fstatSync(file);
    if (!stats.isFile() && !stats.isCharacterDevice()) return unreadable(`it is ${kindOf(stats)}`);
    bytes = readBytes(file, stats.isFile() ? limitBytes : 0);
    if (bytes === undefined) {
      return unreadable(stats.isFile() ? `it is larger than ${formatLimit(limitBytes)}` : `it is ${kindOf(stats)}`);
    }
  } catch (error) {
    return unreadable(reasonOf(error), error);
  } finally {
    closeSync(file);
  }
  try {
    return { kind: "text", text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return unreadable("it is not UTF-8 text");
  }
}

/** A path as somebody wrote it with its `~` and variables filled in, or why that can't be done. */
export type ExpandedPath =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "unreadable"; readonly path: string; readonly reason: string };

/**
 * Fills in `~`, `$NAME` and `${NAME}`, as the AWS CLI does for the paths that it is given.
 * @param origin where the path was written, for the reason
 */
export function expandPath(
  given: string,
  origin: string,
  { env, homeDirectory }: Pick<Host, "env" | "homeDirectory">,
): ExpandedPath {
  const path = given.replace(/\$(?:(\w+)|\{([^}]*)\})/g, (whole: string, bare?: string, braced?: string) => {
    const key = bare ?? braced ?? "";
    return (Object.hasOwn(env, key) ? env[key] : undefined) ?? whole;
  });
  if (path.includes("\0")) return { kind: "unreadable", path: origin, reason: "the path holds a NUL character" };
  if (!path.startsWith("~")) return { kind: "path", path };
  if (path !== "~" && !path.startsWith("~/")) {
    return { kind: "unreadable", path, reason: `another user's home folder in ${origin} is not looked up` };
  }
  if (homeDirectory === undefined) {
    return { kind: "unreadable", path, reason: `there is no home folder for the ~ in ${origin}` };
  }
  return { kind: "path", path: join(homeDirectory, path.slice(1)) };
}

function readBytes(file: number, limitBytes: number): Buffer | undefined {
  const chunks: Buffer[] = [];
  let total = 0;
  // The size that the file claims is not believed: it may grow meanwhile, and files under /proc claim none.
  for (;;) {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    const count = readSync(file, chunk, 0, chunk.length, null);
    if (count === 0) return Buffer.concat(chunks, total);
    total += count;
    if (total > limitBytes) return undefined;
    chunks.push(chunk.subarray(0, count));
  }
}

function formatLimit(bytes: number): string {
  const mebibytes = bytes / (1024 * 1024);
  return mebibytes >= 1 ? `${mebibytes} MiB` : `${bytes / 1024} KiB`;
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a folder";
  if (stats.isFIFO()) return "a pipe";
  if (stats.isSocket()) return "a socket";
  return "a device";
}

function reasonOf(error: unknown): string {
  if (isErrno(error, "EACCES") || isErrno(error, "EPERM")) return "permission denied";
  if (isErrno(error, "ENOTDIR")) return "a part of its path is no folder";
  if (isErrno(error, "ELOOP")) return "its symbolic links go round in a circle";
  if (isErrno(error, "ENXIO")) return "it is no ordinary file";
  return error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function unreadable(reason: string, cause?: unknown): FileText {
  return { kind: "unreadable", reason, cause };
}
