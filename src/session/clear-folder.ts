import path from "node:path";
import type { PrivateFiles } from "../host/private-files.ts";

/** What became of a folder's files. */
export interface Cleared {
  /** How many are gone. */
  readonly removed: number;
  /** The paths of those that can't be removed, folders among them: this program makes none there. */
  readonly left: readonly string[];
}

/**
 * @param folder undefined where nothing can be kept
 * @param kept names of files that stay, and are not counted
 */
export function clearFolder(
  files: PrivateFiles,
  folder: string | undefined,
  kept: ReadonlySet<string> = new Set(),
): Cleared {
  if (folder === undefined) return { removed: 0, left: [] };
  const names = files.list(folder).filter((name) => !kept.has(name));
  const all = names.map((name) => path.join(folder, name));
  const left = all.filter((file) => !files.remove(file));
  return { removed: all.length - left.length, left };
}
