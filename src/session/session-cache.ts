import path from "node:path";
import { parseRoleArn, type RoleArn } from "../aws/arn.ts";
import { Credentials } from "../credentials/credentials.ts";
import type { Keychain } from "../host/keychain.ts";
import type { PrivateFiles } from "../host/private-files.ts";
import { isKey, LONGEST_ROLE_LIFE_MS, lastsTooLong } from "./answered-credentials.ts";
import { type Cleared, clearFolder } from "./clear-folder.ts";
import type { RoleSession } from "./role-session.ts";
import { canonicalText, inputsDigest, type SessionInputs } from "./session-inputs.ts";

/** Role sessions by what they were made from. */
export interface SessionCache {
  /** @returns undefined when there is none: a missing, damaged or foreign entry alike. Never throws. */
  read(inputs: SessionInputs): Promise<RoleSession | undefined>;
  /**
   * @param inKeychain its secrets go there, and only what `list` tells into a file (`assume_mfa_cache = keychain`)
   * @throws Error when it can't be kept
   */
  write(inputs: SessionInputs, session: RoleSession, inKeychain: boolean): Promise<void>;
  /** @returns false when it can't be removed, and stays */
  remove(inputs: SessionInputs): Promise<boolean>;
  /** All that are whole and what they say they are, ended ones too, those of another schema as well. Never throws. */
  list(): readonly KeptSession[];
  /** Removes all of it, what is damaged or foreign too. Never throws. */
  clear(): Promise<Cleared>;
}

/** A session that is kept, without its secrets. */
export interface KeptSession {
  /** What it was made from. */
  readonly inputs: SessionInputs;
  readonly role: RoleArn;
  readonly assumedRoleArn: string;
  /** Milliseconds since 1970, as are the next. */
  readonly obtainedAt: number;
  readonly expiration: number;
  /** AWS's clock less this machine's, milliseconds. */
  readonly clockOffsetMs: number;
}

/**
 * Role sessions in 0600 files, one each.
 * @param folder the program's cache folder; undefined where there is none
 * @param now this machine's clock, milliseconds since 1970
 */
export function makeFileSessionCache(
  files: PrivateFiles,
  keychain: Keychain,
  folder: string | undefined,
  now: () => number,
): SessionCache {
  const sessions = folder === undefined ? undefined : path.join(folder, "sessions");
  const fileOf = (digest: string) => path.join(sessions as string, `${digest}.json`);
  const readHead = (inputs: SessionInputs) => {
    if (sessions === undefined) return undefined;
    const canonical = canonicalText(inputs);
    const digest = inputsDigest(canonical);
    const text = files.read(fileOf(digest));
    const head = text === undefined ? undefined : parseEntry(text, canonical);
    return head && { head, digest };
  };
  /** All that are whole and lie where they belong, with their digests. */
  const heads = () => {
    if (sessions === undefined) return [];
    return files.list(sessions).flatMap((name) => {
      const text = files.read(path.join(sessions, name));
      const kept = text === undefined ? undefined : parseKept(text);
      const digest = kept === undefined ? "" : inputsDigest(canonicalText(kept.inputs));
      return kept !== undefined && name === `${digest}.json` ? [{ kept, digest }] : [];
    });
  };
  /**
   * Nobody takes them any more, and nobody else removes them. What has ended is told by this machine's clock alone: that
   * of who answered now must not end what somebody else gave.
   * @param written the digest of what stays whatever it says
   */
  const sweepEnded = async (written: string) => {
    const endedBy = now() - ENDED_AGE_MS;
    for (const { kept, digest } of heads()) {
      if (digest === written || lastEnd(kept) > endedBy) continue;
      if (!kept.isInKeychain || (await keychain.remove(keychainName(digest)))) files.remove(fileOf(digest));
    }
  };
  return {
    async read(inputs) {
      const found = readHead(inputs);
      if (found === undefined) return undefined;
      const { secrets, ...head } = found.head;
      const opened = secrets ?? (await readSecrets(keychain, found.digest, head.accessKeyId));
      if (opened === undefined) return undefined;
      const { accessKeyId, expiration, ...rest } = head;
      return { ...rest, credentials: new Credentials({ accessKeyId, expiration, ...opened }), isFromCache: true };
    },
    async write(inputs, session, inKeychain) {
      if (folder === undefined || sessions === undefined) throw new Error("there is no home folder");
      files.ensureFolder(folder);
      files.ensureFolder(sessions);
      const canonical = canonicalText(inputs);
      const digest = inputsDigest(canonical);
      const { accessKeyId, secretAccessKey, sessionToken } = session.credentials;
      if (inKeychain) {
        await keychain.write(keychainName(digest), JSON.stringify({ accessKeyId, secretAccessKey, sessionToken }));
      }
      try {
        files.write(fileOf(digest), formatEntry(session, canonical, inKeychain));
      } catch (error) {
        // Without its head nobody would look for it, nor remove it.
        if (inKeychain) await keychain.remove(keychainName(digest));
        throw error;
      }
      await sweepEnded(digest);
    },
    async remove(inputs) {
      if (sessions === undefined) return true;
      const digest = inputsDigest(canonicalText(inputs));
      const kept = readHead(inputs);
      const isSecretGone =
        kept === undefined || kept.head.secrets !== undefined || (await keychain.remove(keychainName(digest)));
      return isSecretGone && files.remove(fileOf(digest));
    },
    list: () => heads().map(({ kept: { isInKeychain: _, ...kept } }) => kept),
    async clear() {
      const left: string[] = [];
      const staying = new Set<string>();
      for (const { kept, digest } of heads()) {
        if (!kept.isInKeychain || (await keychain.remove(keychainName(digest)))) continue;
        left.push(`a session of ${kept.role.arn} in the keychain`);
        // By its head it is found again, when the keychain opens.
        staying.add(`${digest}.json`);
      }
      const cleared = clearFolder(files, sessions, staying);
      return { removed: cleared.removed, left: [...left, ...cleared.left] };
    },
  };
}

/** An ended session is kept for a while, so that a clock that is wrong for a moment takes nothing away. */
const ENDED_AGE_MS = 24 * 3_600_000;

/**
 * By this machine's clock, milliseconds since 1970, if that is right by now, and if it is as wrong as it was: the later.
 */
function lastEnd({ expiration, clockOffsetMs }: Pick<KeptSession, "expiration" | "clockOffsetMs">): number {
  return Math.max(expiration, expiration - clockOffsetMs);
}

function keychainName(digest: string): string {
  return `role-session-${digest}`;
}

interface Secrets {
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** A keychain that is locked or gone is no session: another is assumed. */
async function readSecrets(keychain: Keychain, digest: string, expectedAccessKeyId: string) {
  try {
    const { accessKeyId, secretAccessKey, sessionToken } = JSON.parse(
      (await keychain.read(keychainName(digest))) ?? "null",
    );
    const isWhole = accessKeyId === expectedAccessKeyId && isKey(secretAccessKey) && isKey(sessionToken);
    return isWhole ? { secretAccessKey, sessionToken } : undefined;
  } catch {
    return undefined;
  }
}

function formatEntry(session: RoleSession, canonical: string, inKeychain: boolean): string {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = session.credentials;
  return `${JSON.stringify({
    inputs: canonical,
    assumedRoleArn: session.assumedRoleArn,
    accountId: session.accountId,
    credentials: inKeychain
      ? { accessKeyId, expiration, keptIn: "keychain" }
      : { accessKeyId, secretAccessKey, sessionToken, expiration },
    obtainedAt: session.obtainedAt,
    clockOffsetMs: session.clockOffsetMs,
  })}\n`;
}

interface Entry {
  readonly accessKeyId: string;
  readonly expiration: number;
  /** Undefined: in the keychain. */
  readonly secrets: Secrets | undefined;
  readonly assumedRoleArn: string;
  readonly accountId: string;
  readonly obtainedAt: number;
  readonly clockOffsetMs: number;
}

/** The inputs stand in the entry again and are compared, so that no mishap with names serves another identity's keys. */
function parseEntry(text: string, canonical: string): Entry | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(entry) || entry.inputs !== canonical || !isRecord(entry.credentials)) return undefined;
  const { assumedRoleArn, accountId, obtainedAt, clockOffsetMs } = entry;
  const { accessKeyId, secretAccessKey, sessionToken, expiration, keptIn } = entry.credentials;
  if (!isText(assumedRoleArn) || !isText(accountId) || !isTime(obtainedAt)) return undefined;
  if (typeof clockOffsetMs !== "number" || !Number.isFinite(clockOffsetMs)) return undefined;
  if (!isKey(accessKeyId) || !isTime(expiration)) return undefined;
  if (lastsTooLong({ expiration, obtainedAt, clockOffsetMs }, LONGEST_ROLE_LIFE_MS)) return undefined;
  const head = { accessKeyId, expiration, assumedRoleArn, accountId, obtainedAt, clockOffsetMs };
  if (keptIn === "keychain") return { ...head, secrets: undefined };
  if (!isKey(secretAccessKey) || !isKey(sessionToken)) return undefined;
  return { ...head, secrets: { secretAccessKey, sessionToken } };
}

/** @returns undefined for what is no entry, or holds a session of another role than the one it was made for */
function parseKept(text: string): (KeptSession & { readonly isInKeychain: boolean }) | undefined {
  try {
    const canonical: unknown = JSON.parse(text)?.inputs;
    if (!isText(canonical)) return undefined;
    const entry = parseEntry(text, canonical);
    const inputs: SessionInputs = Object.fromEntries(JSON.parse(canonical));
    const role = typeof inputs.roleArn === "string" ? parseRoleArn(inputs.roleArn) : undefined;
    if (entry === undefined || role === undefined) return undefined;
    const { accountId, assumedRoleArn, obtainedAt, expiration, clockOffsetMs } = entry;
    // IAM compares role names without regard to case.
    const prefix = `arn:${role.partition}:sts::${role.accountId}:assumed-role/${role.roleName}/`.toLowerCase();
    if (accountId !== role.accountId || !assumedRoleArn.toLowerCase().startsWith(prefix)) return undefined;
    const isInKeychain = entry.secrets === undefined;
    return { inputs, role, assumedRoleArn, obtainedAt, expiration, clockOffsetMs, isInKeychain };
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** A `Date` holds no more: what is later can't be shown either. */
const LAST_TIME_MS = 8.64e15;

function isTime(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value <= LAST_TIME_MS;
}
