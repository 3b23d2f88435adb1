import path from "node:path";
import { parseRoleArn, type RoleArn } from "../aws/arn.ts";
import { Credentials } from "../credentials/credentials.ts";
import type { PrivateFiles } from "../host/private-files.ts";
import { type Cleared, clearFolder } from "./clear-folder.ts";
import type { RoleSession } from "./role-session.ts";
import { canonicalText, inputsDigest, type SessionInputs } from "./session-inputs.ts";

/** Role sessions by what they were made from. */
export interface SessionCache {
  /** @returns undefined when there is none: a missing, damaged or foreign entry alike. Never throws. */
  read(inputs: SessionInputs): RoleSession | undefined;
  /** @throws Error when it can't be kept */
  write(inputs: SessionInputs, session: RoleSession): void;
  /** @returns false when it can't be removed, and stays */
  remove(inputs: SessionInputs): boolean;
  /** All that are whole and what they say they are, ended ones too, those of another schema as well. Never throws. */
  list(): readonly KeptSession[];
  /** Removes all of it, what is damaged or foreign too. Never throws. */
  clear(): Cleared;
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
}

/**
 * Role sessions in 0600 files, one each.
 * @param folder the program's cache folder; undefined where there is none
 */
export function makeFileSessionCache(files: PrivateFiles, folder: string | undefined): SessionCache {
  const sessions = folder === undefined ? undefined : path.join(folder, "sessions");
  const fileOf = (canonical: string) => path.join(sessions as string, `${inputsDigest(canonical)}.json`);
  return {
    read(inputs) {
      if (sessions === undefined) return undefined;
      const canonical = canonicalText(inputs);
      const text = files.read(fileOf(canonical));
      return text === undefined ? undefined : parseEntry(text, canonical);
    },
    write(inputs, session) {
      if (folder === undefined || sessions === undefined) throw new Error("there is no home folder");
      files.ensureFolder(folder);
      files.ensureFolder(sessions);
      const canonical = canonicalText(inputs);
      files.write(fileOf(canonical), formatEntry(session, canonical));
    },
    remove: (inputs) => sessions === undefined || files.remove(fileOf(canonicalText(inputs))),
    list() {
      if (sessions === undefined) return [];
      return files.list(sessions).flatMap((name) => {
        const text = files.read(path.join(sessions, name));
        const kept = text === undefined ? undefined : parseKept(text);
        return kept !== undefined && name === `${inputsDigest(canonicalText(kept.inputs))}.json` ? [kept] : [];
      });
    },
    clear: () => clearFolder(files, sessions),
  };
}

function formatEntry(session: RoleSession, canonical: string): string {
  const { credentials } = session;
  return `${JSON.stringify({
    inputs: canonical,
    assumedRoleArn: session.assumedRoleArn,
    accountId: session.accountId,
    credentials: {
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey,
      sessionToken: credentials.sessionToken,
      expiration: credentials.expiration,
    },
    obtainedAt: session.obtainedAt,
  })}\n`;
}

const LONGEST_LIFE_MS = 13 * 3_600_000;

/** The inputs stand in the entry again and are compared, so that no mishap with names serves another identity's keys. */
function parseEntry(text: string, canonical: string): RoleSession | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(entry) || entry.inputs !== canonical || !isRecord(entry.credentials)) return undefined;
  const { assumedRoleArn, accountId, obtainedAt } = entry;
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = entry.credentials;
  if (!isText(assumedRoleArn) || !isText(accountId) || !isTime(obtainedAt)) return undefined;
  if (!isKey(accessKeyId) || !isKey(secretAccessKey) || !isKey(sessionToken) || !isTime(expiration)) return undefined;
  // AssumeRole gives twelve hours at most, and an hour more for clocks that differ: a longer life is damage.
  if (expiration - obtainedAt > LONGEST_LIFE_MS) return undefined;
  return {
    credentials: new Credentials({ accessKeyId, secretAccessKey, sessionToken, expiration }),
    assumedRoleArn,
    accountId,
    obtainedAt,
    isFromCache: true,
  };
}

/** @returns undefined for what is no entry, or holds a session of another role than the one it was made for */
function parseKept(text: string): KeptSession | undefined {
  try {
    const canonical: unknown = JSON.parse(text)?.inputs;
    if (!isText(canonical)) return undefined;
    const session = parseEntry(text, canonical);
    const inputs: SessionInputs = Object.fromEntries(JSON.parse(canonical));
    const role = typeof inputs.roleArn === "string" ? parseRoleArn(inputs.roleArn) : undefined;
    if (session?.credentials.expiration === undefined || role === undefined) return undefined;
    const { accountId, assumedRoleArn, obtainedAt, credentials } = session;
    // IAM compares role names without regard to case.
    const prefix = `arn:${role.partition}:sts::${role.accountId}:assumed-role/${role.roleName}/`.toLowerCase();
    if (accountId !== role.accountId || !assumedRoleArn.toLowerCase().startsWith(prefix)) return undefined;
    return { inputs, role, assumedRoleArn, obtainedAt, expiration: credentials.expiration as number };
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

/** Printable ASCII without blanks: anything else could not be sent in a header, and is no key of AWS's. */
function isKey(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value);
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value <= LAST_TIME_MS;
}
