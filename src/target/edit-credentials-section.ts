import { AssumeMfaError } from "../errors.ts";
import { locateSections, parseAwsConfig, type SectionLines } from "./aws-config.ts";

/** Keys and their new values; an undefined one goes. */
export type SectionValues = readonly (readonly [key: string, value: string | undefined])[];

/** Stands in each section that this program wrote: only such a one is ever changed. */
const MARKER_KEY = "written_by";
const MARKER_VALUE = "assume-mfa";

/** Nothing that a parser of these files takes for more than a part of a name. */
const SECTION_NAME = /^[\p{L}\p{N}._@:/+=,-]+(?: [\p{L}\p{N}._@:/+=,-]+)*$/u;

/**
 * @throws AssumeMfaError USAGE for what can't be the name of a section: Python's `configparser` gives the keys of
 *   `[DEFAULT]` to every section, and some SDKs pass over the word `profile`, which stands in the config file only
 */
export function checkSectionName(name: string): void {
  if (SECTION_NAME.test(name) && name !== "DEFAULT" && !/^(?:profile|sso-session|services) /.test(name)) return;
  throw new AssumeMfaError("USAGE", `"${name}" can't be a profile of the credentials file`, {
    hint: "a name has letters, digits and ._@:/+=,- such as dev-session",
  });
}

/** Whether {@link setSection} would: @throws AssumeMfaError PROFILE_TAKEN, CONFIG_MALFORMED */
export function checkSection(text: string, path: string, name: string): void {
  openSection(text, path, name);
}

/**
 * The text of a credentials file with these keys in that section, and all else as it was: comments, order, other keys, how
 * lines end, a byte order mark. A new section comes last.
 * @param path for messages only
 * @throws AssumeMfaError PROFILE_TAKEN for a section that somebody else wrote, CONFIG_MALFORMED, CONFIG_UNWRITABLE where the
 *   file's other sections would not be read as before
 */
export function setSection(text: string, path: string, name: string, values: SectionValues): string {
  const file = openSection(text, path, name);
  const marked: SectionValues = [...values, [MARKER_KEY, MARKER_VALUE]];
  const { lines, section } = file;
  if (section === undefined) {
    const added = marked.flatMap(([key, value]) => (value === undefined ? [] : [`${key} = ${value}`]));
    appendLines(file, [`[${name}]`, ...added]);
  } else {
    const missing: string[] = [];
    for (const [key, value] of marked) {
      const entry = section.entries.get(key);
      if (entry === undefined) {
        if (value !== undefined) missing.push(`${key} = ${value}`);
      } else {
        const [first = 0, ...rest] = entry.lines;
        if (value !== undefined) lines[first - 1] = withValue(lines[first - 1], value);
        for (const line of value === undefined ? entry.lines : rest) lines[line - 1] = "";
      }
    }
    insertBehindMarker(file, missing);
  }
  return checked(file, name, path, new Map(values));
}

/**
 * The same file without these keys, and without the section where nothing else stands in it.
 * @returns undefined when there is no such section
 * @throws AssumeMfaError as {@link setSection}
 */
export function unsetSection(text: string, path: string, name: string, keys: readonly string[]): string | undefined {
  const file = openSection(text, path, name);
  const { lines, section } = file;
  if (section === undefined) return undefined;
  const ours = [...keys, MARKER_KEY];
  for (const key of ours) for (const line of section.entries.get(key)?.lines ?? []) lines[line - 1] = "";
  if ([...section.entries.keys()].every((key) => ours.includes(key))) {
    lines[section.line - 1] = "";
    // The empty line before it came with it.
    const before = lines[section.line - 2];
    if (before !== undefined && before.trim() === "") lines[section.line - 2] = "";
  }
  return checked(file, name, path, new Map(ours.map((key) => [key, undefined])));
}

interface OpenedFile {
  readonly before: string;
  readonly mark: string;
  /** Each with its line's end; an empty one goes. */
  readonly lines: string[];
  readonly newline: string;
  readonly section: SectionLines | undefined;
}

function openSection(before: string, path: string, name: string): OpenedFile {
  // What the AWS CLI does not read is not changed either.
  parseAwsConfig(before, path, "credentials");
  const section = locateSections(before, path).get(name);
  if (section !== undefined && section.entries.get(MARKER_KEY)?.text !== MARKER_VALUE) {
    throw new AssumeMfaError("PROFILE_TAKEN", `${path}:${section.line}: [${name}] was not written by assume-mfa`, {
      hint: "take another name, or remove that section: keys that are kept nowhere else would be lost",
      details: { path, line: section.line },
    });
  }
  const mark = before.startsWith("\ufeff") ? "\ufeff" : "";
  const text = before.slice(mark.length);
  return {
    before,
    mark,
    lines: text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? [],
    newline: /\r\n|\r|\n/.exec(text)?.[0] ?? "\n",
    section,
  };
}

/** The key, its indentation and the blanks around the delimiter stay as they are. */
function withValue(line = "", value: string): string {
  const head = /^[^=:]*[=:][ \t]*/.exec(line)?.[0] ?? "";
  return `${head}${value}${/[\r\n]*$/.exec(line)?.[0] ?? ""}`;
}

/** As far indented as the marker: deeper, it would go on with the entry before; less, the entry after it would. */
function insertBehindMarker({ lines, newline, section }: OpenedFile, added: readonly string[]): void {
  const at = (section?.entries.get(MARKER_KEY)?.lines[0] ?? 0) - 1;
  const marker = lines[at];
  if (added.length === 0 || marker === undefined) return;
  const indent = marker.slice(0, marker.search(/\S/));
  const ended = /[\r\n]$/.test(marker) ? marker : marker + newline;
  lines[at] = ended + added.map((line) => indent + line + newline).join("");
}

function appendLines({ lines, newline }: OpenedFile, added: readonly string[]): void {
  const last = lines.at(-1);
  if (last !== undefined && !/[\r\n]$/.test(last)) lines.push(newline);
  if (last !== undefined && last.trim() !== "") lines.push(newline);
  lines.push(...added.map((line) => line + newline));
}

/** Whatever the file looks like, nothing in it but these keys is read otherwise than before. */
function checked(
  { before, mark, lines }: OpenedFile,
  name: string,
  path: string,
  changed: ReadonlyMap<string, string | undefined>,
): string {
  const after = mark + lines.join("");
  if (readingOf(before, path, name, changed) === readingOf(after, path, name, changed)) {
    const section = locateSections(after, path).get(name);
    if ([...changed].every(([key, value]) => section?.entries.get(key)?.text === value)) return after;
  }
  throw new AssumeMfaError("CONFIG_UNWRITABLE", `${path} can't be changed so that all else in it stays as it is`, {
    hint: "see how its lines are indented: a deeper one goes on with the one before",
    details: { path },
  });
}

function readingOf(text: string, path: string, name: string, left: ReadonlyMap<string, unknown>): string {
  const sections = [...locateSections(text, path)].map(([header, { entries }]) => {
    const kept = [...entries].filter(([key]) => header !== name || (!left.has(key) && key !== MARKER_KEY));
    return [header, kept.map(([key, entry]) => [key, entry.text])] as const;
  });
  return JSON.stringify(sections.filter(([header, entries]) => header !== name || entries.length > 0));
}
