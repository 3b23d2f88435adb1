import path from "node:path";
import { Credentials } from "../credentials/credentials.ts";
import type { PrivateFiles } from "../host/private-files.ts";
import type { RoleSession } from "./role-session.ts";
import { canonicalText, inputsDigest, type SessionInputs } from "./session-inputs.ts";

/** Role sessions by what they were made from. */
export interface SessionCache {
  /** @returns undefined when there is none: a missing, damaged or foreign entry alike. Never throws. */
  read(inputs: SessionInputs): RoleSession | undefined;
  /** @throws Error when it can't be kept */
  write(inputs: SessionInputs, session: RoleSession): void;
  remove(inputs: SessionInputs): void;
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
    remove(inputs) {
      if (sessions !== undefined) files.remove(fileOf(canonicalText(inputs)));
    },
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
  if (!isText(accessKeyId) || !isText(secretAccessKey) || !isText(sessionToken) || !isTime(expiration))
    return undefined;
  return {
    credentials: new Credentials({ accessKeyId, secretAccessKey, sessionToken, expiration }),
    assumedRoleArn,
    accountId,
    obtainedAt,
    isFromCache: true,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}
