/*
 * The one place of this room that touches the disk. It reads two files and writes nothing. Only "there is none" counts
 * as empty: what can't be read is an error that names the file, since going on without it would mean another identity.
 * It never blocks (a pipe is opened without waiting for its writer, then refused) and never reads more than its limit.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { join } from "node:path";
import { AssumeMfaError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import { type AwsConfig, makeAwsConfig, parseAwsConfig } from "./aws-config.ts";

export const MAX_CONFIG_BYTES = 5 * 1024 * 1024;

/**
 * Reads `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, or else `~/.aws/config` and `~/.aws/credentials`.
 * `~`, `$NAME` and `${NAME}` in the variables are expanded, as botocore does. Without a home folder the usual places
 * count as empty, and {@link AwsConfig.isHomeMissing} says so to whoever misses something.
 *
 * @throws AssumeMfaError CONFIG_UNREADABLE (not a file, no permission, above 5 MiB, not UTF-8, `~` without a home
 *   folder), CONFIG_MALFORMED
 */
export function loadAwsConfig(host: Pick<Host, "env" | "homeDirectory">): AwsConfig {
  const config = locate(host, "AWS_CONFIG_FILE", "config");
  const credentials = locate(host, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
  return makeAwsConfig(
    parseAwsConfig(config.isKnown ? readText(config.path) : "", config.path, "config"),
    parseAwsConfig(credentials.isKnown ? readText(credentials.path) : "", credentials.path, "credentials"),
    !config.isKnown || !credentials.isKnown,
  );
}

interface Location {
  readonly path: string;
  /** False: at its usual place in a home folder that nobody knows. */
  readonly isKnown: boolean;
}

function locate(host: Pick<Host, "env" | "homeDirectory">, variable: string, name: string): Location {
  const given = host.env[variable];
  const home = host.homeDirectory;
  if (given === undefined || given === "") {
    if (home === undefined) return { path: `~/.aws/${name}`, isKnown: false };
    return { path: join(home, ".aws", name), isKnown: true };
  }
  const path = given.replace(/\$(?:(\w+)|\{([^}]*)\})/g, (whole: string, bare?: string, braced?: string) => {
    const key = bare ?? braced ?? "";
    return (Object.hasOwn(host.env, key) ? host.env[key] : undefined) ?? whole;
  });
  if (path.includes("\0")) throw unreadable(variable, "the path holds a NUL character", undefined);
  if (!path.startsWith("~")) return { path, isKnown: true };
  if (path !== "~" && !path.startsWith("~/")) {
    throw unreadable(path, `another user's home folder in ${variable} is not looked up`, undefined);
  }
  if (home === undefined) throw unreadable(path, `there is no home folder for the ~ in ${variable}`, undefined);
  return { path: join(home, path.slice(1)), isKnown: true };
}

/** @returns "" when there is no such file */
function readText(path: string): string {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw unreadable(path, reasonOf(error), error);
  }
  let bytes: Buffer;
  try {
    const stats = fstatSync(file);
    // AWS_CONFIG_FILE=/dev/null is how people say "none"; any other device has something to say, and is refused below.
    if (!stats.isFile() && !stats.isCharacterDevice()) throw unreadable(path, `it is ${kindOf(stats)}`, undefined);
    bytes = readBytes(file, stats.isFile() ? MAX_CONFIG_BYTES : 0, path, stats);
  } catch (error) {
    if (error instanceof AssumeMfaError) throw error;
    throw unreadable(path, reasonOf(error), error);
  } finally {
    closeSync(file);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw unreadable(path, "it is not UTF-8 text", undefined);
  }
}

function readBytes(file: number, limitBytes: number, path: string, stats: Stats): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  // The size that the file claims is not believed: it may grow meanwhile, and files under /proc claim none.
  for (;;) {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    const count = readSync(file, chunk, 0, chunk.length, null);
    if (count === 0) return Buffer.concat(chunks, total);
    total += count;
    if (total > limitBytes) {
      throw unreadable(path, stats.isFile() ? "it is larger than 5 MiB" : `it is ${kindOf(stats)}`, undefined);
    }
    chunks.push(chunk.subarray(0, count));
  }
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

function unreadable(path: string, reason: string, cause: unknown): AssumeMfaError {
  return new AssumeMfaError("CONFIG_UNREADABLE", `can't read ${path}: ${reason}`, {
    hint: "mend the file, or name another with AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE",
    cause,
    details: { path },
  });
}
