import path from "node:path";
import type { Host } from "./host.ts";

/**
 * The folder of what can be lost: sessions. `$XDG_CACHE_HOME/assume-mfa`, or the platform's own place.
 * @returns undefined where there is no such place (no home folder): nothing is kept then
 */
export function cacheFolder(host: Pick<Host, "env" | "homeDirectory" | "platform">): string | undefined {
  const { env, homeDirectory, platform } = host;
  // XDG Base Directory Specification: a relative path is invalid and must be ignored.
  if (env.XDG_CACHE_HOME !== undefined && path.isAbsolute(env.XDG_CACHE_HOME)) {
    return path.join(env.XDG_CACHE_HOME, "assume-mfa");
  }
  if (platform === "win32" && env.LOCALAPPDATA !== undefined && path.isAbsolute(env.LOCALAPPDATA)) {
    return path.join(env.LOCALAPPDATA, "assume-mfa", "cache");
  }
  if (homeDirectory === undefined || !path.isAbsolute(homeDirectory)) return undefined;
  if (platform === "darwin") return path.join(homeDirectory, "Library", "Caches", "assume-mfa");
  return path.join(homeDirectory, ".cache", "assume-mfa");
}

/**
 * The folder of what is to stay: the history, which secrets are stored. `$XDG_STATE_HOME/assume-mfa`, or the platform's
 * own place.
 * @returns undefined where there is no such place (no home folder): nothing is kept then
 */
export function stateFolder(host: Pick<Host, "env" | "homeDirectory" | "platform">): string | undefined {
  const { env, homeDirectory, platform } = host;
  if (env.XDG_STATE_HOME !== undefined && path.isAbsolute(env.XDG_STATE_HOME)) {
    return path.join(env.XDG_STATE_HOME, "assume-mfa");
  }
  if (platform === "win32" && env.LOCALAPPDATA !== undefined && path.isAbsolute(env.LOCALAPPDATA)) {
    return path.join(env.LOCALAPPDATA, "assume-mfa", "state");
  }
  if (homeDirectory === undefined || !path.isAbsolute(homeDirectory)) return undefined;
  if (platform === "darwin") return path.join(homeDirectory, "Library", "Application Support", "assume-mfa");
  return path.join(homeDirectory, ".local", "state", "assume-mfa");
}
