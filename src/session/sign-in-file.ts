// The file that `aws sso login` or `aws login` left, looked at before the SDK opens it. Edge file: node:fs, node:process.
// Rules: it reads nothing and never waits. The SDK opens whatever lies there, and a pipe would hold one of the process's
// threads for ever, signals and all; what another user put there would choose whose session it is.
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { AssumeMfaError } from "../errors.ts";
import type { Host } from "../host/host.ts";

/** They are a few thousand bytes. */
const LIMIT_BYTES = 1024 * 1024;

type Whose = Pick<Host, "env" | "homeDirectory">;

/**
 * Where the SDK looks for the sign-in at IAM Identity Center.
 * @param id the `sso-session`'s name, in the older form its start URL
 */
export function ssoSignInFile(id: string, { homeDirectory }: Whose): string | undefined {
  return homeDirectory && path.join(homeDirectory, ".aws", "sso", "cache", `${digest("sha1", id)}.json`);
}

/** Where the SDK looks for a console sign-in. */
export function loginSignInFile(session: string, { env, homeDirectory }: Whose): string | undefined {
  const own = env.AWS_LOGIN_CACHE_DIRECTORY || undefined;
  const folder = own ?? (homeDirectory && path.join(homeDirectory, ".aws", "login", "cache"));
  return folder && path.join(folder, `${digest("sha256", session)}.json`);
}

function digest(algorithm: "sha1" | "sha256", text: string): string {
  return createHash(algorithm).update(text).digest("hex");
}

/**
 * @param file undefined where there is no home folder
 * @param label who gives the credentials
 * @param again what signs in again
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING
 */
export function checkSignInFile(file: string | undefined, label: string, again: string): void {
  if (file === undefined) {
    throw new AssumeMfaError("SOURCE_CREDENTIALS_MISSING", `${label}: there is no home folder to find the sign-in in`, {
      hint: "set HOME",
    });
  }
  const problem = problemOf(file);
  if (problem === undefined) return;
  if (problem === "missing") {
    throw new AssumeMfaError("SOURCE_CREDENTIALS_MISSING", `${label}: nobody is signed in`, { hint: again });
  }
  throw new AssumeMfaError("SOURCE_CREDENTIALS_MISSING", `${label}: the sign-in in ${file} is not used: ${problem}`, {
    hint: `remove it, then ${again}`,
    details: { path: file },
  });
}

function problemOf(path: string): string | undefined {
  let file: number;
  try {
    // Not on every system.
    const { O_NONBLOCK = 0, O_NOFOLLOW = 0 } = constants;
    file = openSync(path, constants.O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    if (code === "ENOENT" || code === "ENOTDIR") return "missing";
    if (code === "ELOOP" || code === "EMLINK") return "it is a symbolic link";
    if (code === "EACCES" || code === "EPERM") return "permission denied";
    return code === "ENXIO" ? "it is no ordinary file" : code;
  }
  try {
    const stats = fstatSync(file);
    if (stats.isDirectory()) return "it is a folder";
    if (stats.isFIFO()) return "it is a pipe";
    if (!stats.isFile()) return "it is no ordinary file";
    const own = process.getuid?.();
    if (own !== undefined && stats.uid !== own && stats.uid !== 0) return "it belongs to another user";
    return stats.size > LIMIT_BYTES ? `it is larger than ${LIMIT_BYTES / 1024 / 1024} MiB` : undefined;
  } finally {
    closeSync(file);
  }
}
