// The AWS CLI's own cache of role sessions, ~/.aws/cli/cache. Edge file: node:fs, node:process (whose files they are).
// Rules: the folders are the AWS CLI's, so that none of them is changed; one that is missing is made, 0700; where one is
// somebody else's, or others can write in it, nothing is read or written. Only a plain file of this user's own that nobody
// else can write is read, through no link, and no FIFO is waited for. A file appears whole or not at all, 0600
// (host/private-files.ts); what is no plain file stays. ACCEPTANCE.md T1 to T3.
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { Credentials } from "../credentials/credentials.ts";
import type { Host } from "../host/host.ts";
import type { PrivateFiles } from "../host/private-files.ts";
import type { AwsCliArguments } from "../target/target.ts";
import { awsCliKey } from "./aws-cli-key.ts";
import type { Cleared } from "./clear-folder.ts";
import type { RoleSession } from "./role-session.ts";

const { O_RDONLY } = fs.constants;
// Not on Windows.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK = fs.constants.O_NONBLOCK ?? 0;

const FILE_LIMIT_BYTES = 1024 * 1024;
/** As botocore names them, and nothing else that may lie there. */
const ENTRY_NAME = /^[0-9a-f]{40}\.json$/;
/** Stands in what we write: the AWS CLI passes over it, and `logout` goes by it. */
const WRITER = "assume-mfa";

/** A role session as the AWS CLI keeps it, of which only it is known yet that it looks like one. */
export interface AwsCliEntry {
  readonly credentials: Credentials;
  /** Milliseconds since 1970, by AWS's clock. */
  readonly expiration: number;
  /** Milliseconds since 1970, by this machine's clock: when the file was written. */
  readonly writtenAt: number;
  /** What it says it is a session of, unchecked; undefined where it says nothing. */
  readonly assumedRoleArn: string | undefined;
  /** Whether this program wrote it. */
  readonly isOwn: boolean;
  /** With which keys, and where: what `write` was given. Undefined where another program wrote it. */
  readonly sourceDigest: string | undefined;
}

/** Role sessions where the AWS CLI keeps its own. Where none can be kept, nothing is ever found. */
export interface AwsCliCache {
  /** Why nothing is shared in this run, completing `not shared with the AWS CLI: …`. */
  readonly obstacle: string | undefined;
  /**
   * @returns undefined when there is none, or nothing that could be one
   * @throws Error for what may be somebody else's doing: a link, another user's file, a folder that others can write in
   */
  read(args: AwsCliArguments): AwsCliEntry | undefined;
  /**
   * @param sourceDigest tells the keys that made it, and where, from all others: the AWS CLI's arguments hold neither
   * @throws Error when it can't be written; nothing is changed then
   */
  write(args: AwsCliArguments, session: RoleSession, sourceDigest: string): void;
  /** Removes what is meant. Never throws. */
  remove(isMeant: (entry: AwsCliEntry) => boolean): Cleared;
}

export function makeAwsCliCache(files: PrivateFiles, host: Pick<Host, "env" | "homeDirectory">): AwsCliCache {
  const { homeDirectory: home, env } = host;
  // The home stays the user's own inside a sandbox, whose sessions open nothing outside (CLI.md, "Sandbox").
  if (env.ASSUME_MFA_SANDBOX) return unusedCache("this is a sandbox, and ~/.aws/cli/cache is not its own");
  if (home === undefined || !path.isAbsolute(home)) return unusedCache("there is no home folder");
  const folder = path.join(home, ".aws", "cli", "cache");
  const folders = [path.join(home, ".aws"), path.join(home, ".aws", "cli"), folder];
  const fileOf = (args: AwsCliArguments) => path.join(folder, `${awsCliKey(args)}.json`);
  return {
    obstacle: undefined,
    read(args) {
      const file = fileOf(args);
      const there = fs.lstatSync(file, { throwIfNoEntry: false });
      if (there === undefined) return undefined;
      if (!there.isFile()) throw notPlain(file);
      for (const each of folders) checkFolder(each, each === folder);
      return readEntry(file);
    },
    write(args, session, sourceDigest) {
      for (const each of folders) {
        makeFolder(each);
        checkFolder(each, each === folder);
      }
      const file = fileOf(args);
      const there = fs.lstatSync(file, { throwIfNoEntry: false });
      if (there !== undefined && !there.isFile()) throw notPlain(file);
      files.write(file, formatEntry(session, sourceDigest));
    },
    remove(isMeant) {
      const left: string[] = [];
      let removed = 0;
      for (const name of files.list(folder)) {
        if (!ENTRY_NAME.test(name)) continue;
        const file = path.join(folder, name);
        if (!isOfEntry(file, isMeant)) continue;
        if (files.remove(file)) removed += 1;
        else left.push(file);
      }
      return { removed, left };
    },
  };
}

function unusedCache(obstacle: string): AwsCliCache {
  return {
    obstacle,
    read: () => undefined,
    write() {
      throw new Error(obstacle);
    },
    remove: () => ({ removed: 0, left: [] }),
  };
}

function notPlain(file: string): Error {
  return new Error(`${file} is no plain file`);
}

function makeFolder(folder: string): void {
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
    fs.chmodSync(folder, 0o700); // a hostile umask takes bits away
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/**
 * @param isInnermost no link then; those above are links to somebody's dotfiles, often enough
 * @throws Error
 */
function checkFolder(folder: string, isInnermost: boolean): void {
  const status = isInnermost ? fs.lstatSync(folder) : fs.statSync(folder);
  if (!status.isDirectory()) throw new Error(`${folder} is no folder`);
  if (process.getuid === undefined) return;
  if (status.uid !== process.getuid()) throw new Error(`${folder} belongs to another user`);
  if ((status.mode & 0o022) !== 0) throw new Error(`others can write in ${folder} (chmod go-w mends it)`);
}

/** @throws Error as `AwsCliCache.read` does */
function readEntry(file: string): AwsCliEntry | undefined {
  // A link fails here.
  const fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const status = fs.fstatSync(fd);
    if (!status.isFile()) throw notPlain(file);
    if (process.getuid !== undefined) {
      if (status.uid !== process.getuid()) throw new Error(`${file} belongs to another user`);
      if ((status.mode & 0o022) !== 0) throw new Error(`others can write ${file}`);
    }
    if (status.size > FILE_LIMIT_BYTES) return undefined;
    return parseEntry(fs.readFileSync(fd, "utf8"), status.mtimeMs);
  } finally {
    fs.closeSync(fd);
  }
}

function isOfEntry(file: string, isMeant: (entry: AwsCliEntry) => boolean): boolean {
  try {
    const entry = readEntry(file);
    return entry !== undefined && isMeant(entry);
  } catch {
    return false;
  }
}

/** The answer of AssumeRole as botocore keeps it; the time as its `strftime("%Y-%m-%dT%H:%M:%S%Z")` writes it. */
function formatEntry({ credentials, assumedRoleArn, accountId }: RoleSession, sourceDigest: string): string {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = credentials;
  return JSON.stringify({
    Credentials: {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: sessionToken,
      Expiration: `${new Date(expiration ?? 0).toISOString().slice(0, 19)}UTC`,
      AccountId: accountId,
    },
    AssumedRoleUser: { Arn: assumedRoleArn },
    ResponseMetadata: { WrittenBy: WRITER, SourceDigest: sourceDigest },
  });
}

function parseEntry(text: string, writtenAt: number): AwsCliEntry | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(entry) || !isRecord(entry.Credentials)) return undefined;
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = entry.Credentials;
  const expiration = parseTime(entry.Credentials.Expiration);
  if (!isKey(accessKeyId) || !isKey(secretAccessKey) || !isKey(sessionToken) || expiration === undefined) {
    return undefined;
  }
  const metadata = isRecord(entry.ResponseMetadata) ? entry.ResponseMetadata : {};
  const { WrittenBy: writer, SourceDigest: sourceDigest } = metadata;
  const arn = isRecord(entry.AssumedRoleUser) ? entry.AssumedRoleUser.Arn : undefined;
  return {
    credentials: new Credentials({ accessKeyId, secretAccessKey, sessionToken, expiration }),
    expiration,
    writtenAt,
    assumedRoleArn: typeof arn === "string" ? arn : undefined,
    isOwn: writer === WRITER,
    sourceDigest: writer === WRITER && typeof sourceDigest === "string" ? sourceDigest : undefined,
  };
}

/** botocore wrote `…Z`, `…UTC` and `…+00:00` over the years. @returns milliseconds since 1970 */
function parseTime(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const parts = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d{1,9})?(UTC|Z|[+-]\d\d:?\d\d)$/.exec(value);
  if (parts === null) return undefined;
  const [, day, time, zone = ""] = parts;
  const offset = /^[UZ]/.test(zone) ? "Z" : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
  const milliseconds = Date.parse(`${day}T${time}${offset}`);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Printable ASCII without blanks, as long as a header may be: anything else is no key of AWS's. */
function isKey(value: unknown): value is string {
  return typeof value === "string" && value.length <= 16_384 && /^[\x21-\x7e]+$/.test(value);
}
