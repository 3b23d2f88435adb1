import { join } from "node:path";
import { AssumeMfaError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import { type AwsConfig, makeAwsConfig, parseAwsConfig } from "./aws-config.ts";
import { expandPath, readTextFile } from "./text-file.ts";

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
  const expanded = expandPath(given, variable, host);
  if (expanded.kind === "unreadable") throw unreadable(expanded.path, expanded.reason, undefined);
  return { path: expanded.path, isKnown: true };
}

/**
 * Only "there is none" counts as empty: what can't be read is an error, since going on without it would mean another
 * identity.
 */
function readText(path: string): string {
  // AWS_CONFIG_FILE=/dev/null is how people say "none".
  const read = readTextFile(path, MAX_CONFIG_BYTES);
  if (read.kind === "unreadable") throw unreadable(path, read.reason, read.cause);
  return read.kind === "missing" ? "" : read.text;
}

function unreadable(path: string, reason: string, cause: unknown): AssumeMfaError {
  return new AssumeMfaError("CONFIG_UNREADABLE", `can't read ${path}: ${reason}`, {
    hint: "mend the file, or name another with AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE",
    cause,
    details: { path },
  });
}
