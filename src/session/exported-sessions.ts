import path from "node:path";
import type { Credentials } from "../credentials/credentials.ts";
import type { Environment } from "../host/host.ts";
import type { PrivateFiles } from "../host/private-files.ts";
import type { ExportedSession } from "../target/resolve-source.ts";
import { type Cleared, clearFolder } from "./clear-folder.ts";
import { inputsDigest } from "./session-inputs.ts";

/**
 * Which keys in an environment are a session that our own `export` put there: such a session is never a source, and the
 * region that came with it counts for no other target (CLI.md, "Targets", `--region`).
 */
export interface ExportedSessions {
  /**
   * @param env an environment. Its session token counts as well: an endpoint chooses the key id of a session, which could
   *   be that of the user's own keys
   */
  read(env: Environment): ExportedSession | undefined;
  /** @returns false when it could not be kept, and will not be known later. Never throws. */
  write(credentials: Credentials, session: ExportedSession): boolean;
  /** Forgets all of them: shells that still hold such a session are taken for the user's own keys then. Never throws. */
  clear(): Cleared;
}

export function makeFileExportedSessions(files: PrivateFiles, folder: string | undefined): ExportedSessions {
  const exported = folder === undefined ? undefined : path.join(folder, "exported");
  const fileOf = (accessKeyId: string, sessionToken: string) =>
    path.join(exported as string, inputsDigest(JSON.stringify([accessKeyId, sessionToken])));
  return {
    read({ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SESSION_TOKEN: sessionToken }) {
      if (exported === undefined || !accessKeyId || !sessionToken) return undefined;
      const text = files.read(fileOf(accessKeyId, sessionToken));
      return text === undefined ? undefined : parseExportedSession(text);
    },
    write({ accessKeyId, sessionToken }, session) {
      if (folder === undefined || exported === undefined || sessionToken === undefined) return false;
      try {
        files.ensureFolder(folder);
        files.ensureFolder(exported);
        files.write(fileOf(accessKeyId, sessionToken), `${JSON.stringify(session)}\n`);
        return true;
      } catch {
        return false;
      }
    },
    clear: () => clearFolder(files, exported),
  };
}

function parseExportedSession(text: string): ExportedSession | undefined {
  try {
    const { targetName, region } = JSON.parse(text) ?? {};
    if (typeof targetName !== "string") return undefined;
    return { targetName, region: typeof region === "string" ? region : undefined };
  } catch {
    return undefined;
  }
}
