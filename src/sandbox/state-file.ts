/*
 * Edge file: node:fs. The one file of `sandbox start --state-dir`.
 * - Written beside its place, flushed, then renamed over it: a reader sees the old world or the new one.
 * - File 0600, folder 0700 where it is made here, whatever the umask says: it holds the sandbox's secrets.
 * - A file that is not whole is refused by its checksum; it is never taken for an empty world.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { AssumeMfaError } from "../errors.ts";
import { holdFolder, isHolderName, openOwnFolder } from "./own-folder.ts";
import type { World } from "./world.ts";

const FILE_NAME = "world.json";
/** Goes up with every change of {@link World} that an older file would not have. */
const FORMAT_VERSION = 1;
const HEADER_START = "assume-mfa sandbox ";
const MAX_BYTES = 256 * 1_024 * 1_024;

/** What outlives a run. */
export interface StoredState {
  readonly world: World;
  /** How far the world's clock was moved on, in milliseconds. */
  readonly movedMs: number;
}

/**
 * @returns undefined when the folder holds no world yet
 * @throws AssumeMfaError SANDBOX_FAILED when the file can't be read or is damaged
 */
export function loadState(folder: string): StoredState | undefined {
  const path = join(folder, FILE_NAME);
  let text: string;
  try {
    text = readRegularFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new AssumeMfaError("SANDBOX_FAILED", `cannot read the sandbox's state in ${path}`, { cause });
  }
  const damaged = (cause?: unknown) =>
    new AssumeMfaError("SANDBOX_FAILED", `the sandbox's state in ${path} is damaged`, {
      hint: "remove the file to start with a new world",
      cause,
    });
  const version = text.startsWith(HEADER_START) ? Number.parseInt(text.slice(HEADER_START.length), 10) : undefined;
  if (version !== undefined && version !== FORMAT_VERSION && !Number.isNaN(version)) {
    throw new AssumeMfaError("SANDBOX_FAILED", `the sandbox's state in ${path} is of another version`, {
      hint: "remove the file to start with a new world",
    });
  }
  const newline = text.indexOf("\n");
  const body = text.slice(newline + 1);
  if (newline < 0 || text.slice(0, newline) !== formatHeader(body)) throw damaged();
  try {
    return JSON.parse(body, reviveMap) as StoredState;
  } catch (cause) {
    throw damaged(cause);
  }
}

/** What lies in a folder of a sandbox's: its world, who holds it, and the home of programs inside. */
const STATE_NAMES = new Set([FILE_NAME, `${FILE_NAME}.new`, "home"]);

/** @throws AssumeMfaError SANDBOX_FAILED for a folder that holds something else, or can't be made */
function openStateFolder(folder: string): void {
  openOwnFolder(folder, (names) => names.every((name) => STATE_NAMES.has(name) || isHolderName(name)));
}

/**
 * Makes the folder where it is not there, and holds it: two sandboxes would undo each other's worlds.
 * @returns what gives it up
 * @throws AssumeMfaError SANDBOX_FAILED for a folder that holds something else, or that another sandbox has
 */
export function holdStateFolder(folder: string): () => void {
  openStateFolder(folder);
  try {
    return holdFolder(folder);
  } catch (cause) {
    if (cause instanceof AssumeMfaError) throw cause;
    throw new AssumeMfaError("SANDBOX_FAILED", `${folder} can't be written: ${(cause as Error).message}`, { cause });
  }
}

/**
 * What tells one written file from the next: `undefined` when there is none.
 * @throws the system's error
 */
export function readStateMark(folder: string): string | undefined {
  const stat = lstatSync(join(folder, FILE_NAME), { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.ino} ${stat.mtimeNs} ${stat.size}`;
}

/** The text of a state file. */
export function formatState(state: StoredState): string {
  const body = JSON.stringify(state, replaceMap);
  return `${formatHeader(body)}\n${body}`;
}

/** @param text from {@link formatState}. @throws AssumeMfaError SANDBOX_FAILED; the system's error */
export function saveState(folder: string, text: string): void {
  openStateFolder(folder);
  const path = join(folder, FILE_NAME);
  // One sandbox has one folder; a leftover of a killed one is in the way, and nobody's any more.
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, "wx", 0o600);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
}

function readRegularFile(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() || stat.size > MAX_BYTES) throw new Error("not a file of a sandbox");
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}

function formatHeader(body: string): string {
  return `${HEADER_START}${FORMAT_VERSION} ${createHash("sha256").update(body).digest("hex")}`;
}

const MAP_TAG = "$map";

function replaceMap(_key: string, value: unknown): unknown {
  return value instanceof Map ? { [MAP_TAG]: [...value] } : value;
}

function reviveMap(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || !(MAP_TAG in value)) return value;
  return new Map(value[MAP_TAG] as [unknown, unknown][]);
}
