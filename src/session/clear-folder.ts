import path from "node:path";
import type { PrivateFiles } from "../host/private-files.ts";

/** What became of a folder's files. */
export interface Cleared {
  /** How many are gone. */
  readonly removed: number;
  /** The paths of those that can't be removed, folders among them: this program makes none there. */
  readonly left: readonly string[];
}

/** @param folder undefined where nothing can be kept */
export function clearFolder(files: PrivateFiles, folder: string | undefined): Cleared {
  if (folder === undefined) return { removed: 0, left: [] };
  const all = files.list(folder).map((name) => path.join(folder, name));
  const left = all.filter((file) => !files.remove(file));
  return { removed: all.length - left.length, left };
}
