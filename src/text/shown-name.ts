import { visibleText } from "./visible-text.ts";

const LONGEST_NAME_CHARACTERS = 64;

/**
 * A name from outside inside a sentence of ours: as it is when it is plain, else in quotes, so that no name can be read as
 * part of the sentence (`dev (account 222222222222)`), and cut where it would push the rest out of sight. Role ARNs, which
 * can be longer, are plain.
 */
export function shownName(name: string): string {
  if (/^arn:[\w+=,.@:/-]{1,700}$/.test(name) || /^[\w+=,.@:/-]{1,64}$/.test(name)) return name;
  const visible = visibleText(name).replaceAll('"', "'");
  const cut = visible.length > LONGEST_NAME_CHARACTERS ? `${visible.slice(0, LONGEST_NAME_CHARACTERS - 1)}…` : visible;
  return `"${cut}"`;
}
