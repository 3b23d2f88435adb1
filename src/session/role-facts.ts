import path from "node:path";
import type { PrivateFiles } from "../host/private-files.ts";
import { type Cleared, clearFolder } from "./clear-folder.ts";
import { inputsDigest } from "./session-inputs.ts";

/** What AWS taught about a role, for one caller: so that no code is spent on what was refused before. */
export interface RoleFacts {
  /** It refused a shared session, and took a code of its own (`aws:MultiFactorAuthAge`). */
  readonly refusesShared: boolean;
  /** Seconds: it refused a session of this length, so its maximum is lower. */
  readonly refusedDurationSeconds: number | undefined;
}

export interface RoleFactsStore {
  /** @param place where STS is called: the same ARN can be another role elsewhere */
  read(roleArn: string, accessKeyId: string, place: string): RoleFacts;
  /** Adds to what is known. Never throws: what can't be kept is learnt again. */
  write(roleArn: string, accessKeyId: string, place: string, facts: Partial<RoleFacts>): void;
  /** Forgets all of them. Never throws. */
  clear(): Cleared;
}

const NOTHING_KNOWN: RoleFacts = Object.freeze({ refusesShared: false, refusedDurationSeconds: undefined });

export function makeFileRoleFacts(files: PrivateFiles, folder: string | undefined): RoleFactsStore {
  const roles = folder === undefined ? undefined : path.join(folder, "roles");
  const fileOf = (...key: readonly string[]) => path.join(roles as string, inputsDigest(JSON.stringify(key)));
  const read: RoleFactsStore["read"] = (roleArn, accessKeyId, place) => {
    const text = roles === undefined ? undefined : files.read(fileOf(roleArn, accessKeyId, place));
    return text === undefined ? NOTHING_KNOWN : parseFacts(text);
  };
  return {
    read,
    write(roleArn, accessKeyId, place, facts) {
      if (folder === undefined || roles === undefined) return;
      try {
        files.ensureFolder(folder);
        files.ensureFolder(roles);
        const all = { ...read(roleArn, accessKeyId, place), ...facts };
        files.write(fileOf(roleArn, accessKeyId, place), `${JSON.stringify(all)}\n`);
      } catch {
        // The session itself warns when its folder can't be written.
      }
    },
    clear: () => clearFolder(files, roles),
  };
}

function parseFacts(text: string): RoleFacts {
  try {
    const { refusesShared, refusedDurationSeconds: seconds } = JSON.parse(text) ?? {};
    return {
      refusesShared: refusesShared === true,
      refusedDurationSeconds: Number.isInteger(seconds) && seconds > 0 ? seconds : undefined,
    };
  } catch {
    return NOTHING_KNOWN;
  }
}
