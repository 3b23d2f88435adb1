import path from "node:path";
import type { PrivateFiles } from "../host/private-files.ts";
import { type Cleared, clearFolder } from "./clear-folder.ts";
import { inputsDigest } from "./session-inputs.ts";

/** Whose an access key is: remembered, so that a run without a prompt needs no extra call. */
export interface CallerStore {
  /**
   * @param place the STS endpoint or partition: the same key id can mean someone else elsewhere
   * @returns the caller's ARN; undefined when it is not known
   */
  read(accessKeyId: string, place: string): string | undefined;
  /** Never throws: what can't be kept is asked again. */
  write(accessKeyId: string, place: string, callerArn: string): void;
  /** Forgets all of them. Never throws. */
  clear(): Cleared;
}

export function makeFileCallerStore(files: PrivateFiles, folder: string | undefined): CallerStore {
  const callers = folder === undefined ? undefined : path.join(folder, "callers");
  const fileOf = (accessKeyId: string, place: string) =>
    path.join(callers as string, inputsDigest(JSON.stringify([accessKeyId, place])));
  return {
    read(accessKeyId, place) {
      if (callers === undefined) return undefined;
      const text = files.read(fileOf(accessKeyId, place))?.trim();
      return text !== undefined && /^arn:[\w-]+:(?:iam|sts)::\d{12}:[\x21-\x7e]+$/.test(text) ? text : undefined;
    },
    write(accessKeyId, place, callerArn) {
      if (folder === undefined || callers === undefined) return;
      try {
        files.ensureFolder(folder);
        files.ensureFolder(callers);
        files.write(fileOf(accessKeyId, place), `${callerArn}\n`);
      } catch {
        // The session itself warns when its folder can't be written.
      }
    },
    clear: () => clearFolder(files, callers),
  };
}
