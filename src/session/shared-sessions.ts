import path from "node:path";
import { Credentials } from "../credentials/credentials.ts";
import type { Keychain } from "../host/keychain.ts";
import type { PrivateFiles } from "../host/private-files.ts";
import { isKey, LONGEST_SHARED_LIFE_MS, lastsTooLong } from "./answered-credentials.ts";
import { type Cleared, clearFolder } from "./clear-folder.ts";
import { inputsDigest } from "./session-inputs.ts";

/** Whose sign-in it is: one user's keys, at one place, with one device. */
export interface SharedSessionKey {
  readonly sourceAccessKeyId: string;
  /** The STS endpoint or the partition. */
  readonly place: string;
  readonly mfaSerial: string;
}

/** What is known of a shared session without its secrets. */
export interface SharedSessionHead extends SharedSessionKey {
  /** Of the session itself. */
  readonly accessKeyId: string;
  /** Milliseconds since 1970 by AWS's clock. */
  readonly expiration: number;
  /** Milliseconds since 1970 by this machine's clock. */
  readonly obtainedAt: number;
  /** AWS's clock less this machine's, milliseconds. */
  readonly clockOffsetMs: number;
}

/** GetSessionToken's session: it opens every role behind its device, without another code. */
export interface SharedSession extends SharedSessionHead {
  readonly credentials: Credentials;
}

/** Where the secrets of one lie. */
export type SharedPlace = "keychain" | "file" | "memory";

export interface KeptSharedSession extends SharedSessionHead {
  readonly keptIn: SharedPlace;
}

export interface SharedSessions {
  /** All that are whole, ended ones too; reads no keychain. Never throws. */
  list(): readonly KeptSharedSession[];
  /**
   * @returns undefined when its secrets are gone or are those of another
   * @throws AssumeMfaError KEYCHAIN_FAILED
   */
  open(head: KeptSharedSession): Promise<SharedSession | undefined>;
  /** Makes its place ready, so that no code is spent on what can't be kept. @throws Error */
  prepare(): void;
  /**
   * In the keychain where there is one, else in a 0600 file.
   * @returns where, and why not in the keychain
   * @throws Error when it can't be kept
   */
  write(session: SharedSession): Promise<{ readonly keptIn: SharedPlace; readonly reason: string | undefined }>;
  /** @returns false when it can't be removed, and stays */
  remove(key: SharedSessionKey): Promise<boolean>;
  /** Removes all of them, and what is damaged. Never throws. */
  clear(): Promise<Cleared>;
}

/**
 * The head of each in a 0600 file, the secrets in the keychain or beside it: so that what only looks (`status`,
 * `--explain`, the choice of a route) opens no keychain, whose unlock dialog would ask somebody.
 */
export function makeSharedSessions(
  files: PrivateFiles,
  keychain: Keychain,
  folder: string | undefined,
): SharedSessions {
  const shared = folder === undefined ? undefined : path.join(folder, "shared");
  const nameOf = ({ sourceAccessKeyId, place, mfaSerial }: SharedSessionKey) =>
    inputsDigest(JSON.stringify([sourceAccessKeyId, place, mfaSerial]));
  const fileOf = (name: string) => path.join(shared as string, `${name}.json`);
  const entries = () => {
    if (shared === undefined) return [];
    return files.list(shared).flatMap((file) => {
      const text = files.read(path.join(shared, file));
      const entry = text === undefined ? undefined : parseEntry(text);
      return entry !== undefined && file === `${nameOf(entry.head)}.json` ? [entry] : [];
    });
  };
  const makeFolder = () => {
    if (folder === undefined || shared === undefined) throw new Error("there is no home folder");
    files.ensureFolder(folder);
    files.ensureFolder(shared);
    return shared;
  };
  return {
    list: () => entries().map(({ head }) => head),
    async open(head) {
      const text = shared === undefined ? undefined : files.read(fileOf(nameOf(head)));
      const entry = text === undefined ? undefined : parseEntry(text);
      const isIt = nameOf(entry?.head ?? head) === nameOf(head) && entry?.head.accessKeyId === head.accessKeyId;
      if (entry === undefined || !isIt) return undefined;
      const secrets =
        entry.secrets ?? parseSecrets((await keychain.read(keychainName(nameOf(head)))) ?? "", entry.head.accessKeyId);
      if (secrets === undefined) return undefined;
      const { accessKeyId, expiration } = entry.head;
      return { ...entry.head, credentials: new Credentials({ accessKeyId, expiration, ...secrets }) };
    },
    prepare() {
      files.write(path.join(makeFolder(), PROBE), "");
      files.remove(path.join(makeFolder(), PROBE));
    },
    async write(session) {
      makeFolder();
      const name = nameOf(session);
      const { sourceAccessKeyId, place, mfaSerial, accessKeyId, expiration, obtainedAt, clockOffsetMs } = session;
      const head = { sourceAccessKeyId, place, mfaSerial, accessKeyId, expiration, obtainedAt, clockOffsetMs };
      const { secretAccessKey, sessionToken } = session.credentials;
      const secrets = { accessKeyId, secretAccessKey, sessionToken };
      let reason: string | undefined;
      try {
        await keychain.write(keychainName(name), JSON.stringify(secrets));
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
      const keptIn = reason === undefined ? "keychain" : "file";
      const entry = { ...head, keptIn, ...(keptIn === "file" ? { secrets } : {}) };
      try {
        files.write(fileOf(name), `${JSON.stringify(entry)}\n`);
      } catch (error) {
        // Without its head nobody would look for it, nor remove it.
        if (keptIn === "keychain") await keychain.remove(keychainName(name));
        throw error;
      }
      return { keptIn, reason };
    },
    async remove(key) {
      if (shared === undefined) return true;
      const entry = entries().find(({ head }) => nameOf(head) === nameOf(key));
      const isSecretGone = entry?.head.keptIn !== "keychain" || (await keychain.remove(keychainName(nameOf(key))));
      return isSecretGone && files.remove(fileOf(nameOf(key)));
    },
    async clear() {
      const left: string[] = [];
      const kept = new Set<string>();
      for (const { head } of entries()) {
        if (head.keptIn !== "keychain" || (await keychain.remove(keychainName(nameOf(head))))) continue;
        left.push(`the shared session of ${head.mfaSerial} in the keychain`);
        // By its head it is found again, when the keychain opens.
        kept.add(`${nameOf(head)}.json`);
      }
      const cleared = clearFolder(files, shared, kept);
      return { removed: cleared.removed, left: [...left, ...cleared.left] };
    },
  };
}

/** Written and removed again, to see that something can be. */
const PROBE = "probe";

function keychainName(name: string): string {
  return `shared-session-${name}`;
}

interface Secrets {
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

interface Entry {
  readonly head: KeptSharedSession;
  /** Undefined: in the keychain. */
  readonly secrets: Secrets | undefined;
}

function parseEntry(text: string): Entry | undefined {
  try {
    const entry = JSON.parse(text) ?? {};
    const { sourceAccessKeyId, place, mfaSerial, accessKeyId, expiration, obtainedAt, clockOffsetMs, keptIn } = entry;
    const texts = [sourceAccessKeyId, place, mfaSerial, accessKeyId];
    if (!texts.every((each) => typeof each === "string" && each !== "")) return undefined;
    const times = [expiration, obtainedAt, clockOffsetMs];
    if (!times.every((each) => typeof each === "number" && Number.isFinite(each))) return undefined;
    if (lastsTooLong({ expiration, obtainedAt, clockOffsetMs }, LONGEST_SHARED_LIFE_MS)) return undefined;
    if (expiration <= 0 || obtainedAt <= 0) return undefined;
    const head = { sourceAccessKeyId, place, mfaSerial, accessKeyId, expiration, obtainedAt, clockOffsetMs };
    if (keptIn === "keychain") return { head: { ...head, keptIn }, secrets: undefined };
    const secrets = parseSecrets(JSON.stringify(entry.secrets ?? null), accessKeyId);
    return keptIn === "file" && secrets !== undefined ? { head: { ...head, keptIn }, secrets } : undefined;
  } catch {
    return undefined;
  }
}

/** The key id stands beside the secrets again, so that a mishap never makes a pair of two halves. */
function parseSecrets(text: string, expectedAccessKeyId: string): Secrets | undefined {
  try {
    const { accessKeyId, secretAccessKey, sessionToken } = JSON.parse(text) ?? {};
    const isWhole = isKey(secretAccessKey) && isKey(sessionToken);
    return isWhole && accessKeyId === expectedAccessKeyId ? { secretAccessKey, sessionToken } : undefined;
  } catch {
    return undefined;
  }
}
