import { AssumeMfaError } from "../errors.ts";
import { splitWords } from "./split-words.ts";

export interface LocatedValue {
  /**
   * The value without a comment behind it (`us-east-1 # home` gives `us-east-1`), as the SDKs read it; kept whole in
   * commands (`mfa_process`, `credential_process`) and behind more than one word, where ` #` may belong to the value.
   */
  readonly value: string;
  /** The value as the AWS CLI reads it: trimmed, continuation lines joined with newlines. */
  readonly text: string;
  readonly path: string;
  /** From 1. */
  readonly line: number;
}

/** One `[section]` of a file; of a profile that stands in both files, the two merged. */
export interface ConfigSection {
  readonly path: string;
  /** The line of its header, from 1. */
  readonly line: number;
  /** Lower case, in the order of the file. */
  keys(): readonly string[];
  /** @param key in any case */
  get(key: string): LocatedValue | undefined;
  /** A value of an indented block: `nested("sts", "endpoint_url")` for `sts =\n  endpoint_url = …`. */
  nested(key: string, subkey: string): LocatedValue | undefined;
}

export interface Profile extends ConfigSection {
  readonly name: string;
}

/** A section of the config file that is no profile to the AWS CLI, though it may have been meant as one. */
export interface IgnoredSection {
  /** What stands between the brackets. */
  readonly header: string;
  readonly path: string;
  readonly line: number;
}

export interface ParsedAwsConfig {
  readonly path: string;
  readonly profiles: ReadonlyMap<string, Profile>;
  /** `[services x]`, config file only. */
  readonly services: ReadonlyMap<string, ConfigSection>;
  /** `[sso-session x]`, config file only. */
  readonly ssoSessions: ReadonlyMap<string, Profile>;
  readonly ignored: readonly IgnoredSection[];
}

/** Both files as one: what the credentials file says wins over the config file, key by key, as in the AWS CLI. */
export interface AwsConfig {
  readonly configPath: string;
  readonly credentialsPath: string;
  /** No home folder is known, so the files at their usual places could not be looked for. */
  readonly isHomeMissing: boolean;
  profile(name: string): Profile | undefined;
  profileNames(): readonly string[];
  /** Profiles that have a `role_arn`: what may be a target. */
  roleProfileNames(): readonly string[];
  services(name: string): ConfigSection | undefined;
  ssoSession(name: string): Profile | undefined;
  /** The section of the config file that reads like this profile but is not read as one (`[dev]`, `[profile my dev]`). */
  ignoredSection(name: string): IgnoredSection | undefined;
}

interface Entry {
  readonly text: string;
  readonly line: number;
  readonly nested: ReadonlyMap<string, { readonly text: string; readonly line: number }> | undefined;
}

/** A value while its continuation lines still come in. */
interface OpenEntry {
  text: string;
  readonly line: number;
  /** Blank lines since the last text: part of the value if more of it follows. */
  blankLines: number;
  readonly continuations: { readonly text: string; readonly line: number }[];
}

interface OpenSection {
  readonly header: string;
  readonly line: number;
  readonly entries: Map<string, OpenEntry>;
}

/** Python's `configparser` gives every section of a file the keys of `[DEFAULT]` (in capitals), and so does the AWS CLI. */
const DEFAULTS_HEADER = "DEFAULT";
const COMMAND_KEYS: ReadonlySet<string> = new Set(["mfa_process", "credential_process"]);
/** Where `str.splitlines` parts a line that the file itself did not. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python takes U+001C to U+001E for line breaks
const INNER_LINE_BREAK = /[\v\f\x1c-\x1e\x85\u2028\u2029]/;

/**
 * Reads an AWS config or credentials file as the AWS CLI does, which is botocore's `configloader` on Python's
 * `configparser`: the first `=` or `:` parts key and value, keys in any case, whole-line comments with `#` or `;`, a
 * deeper indented line continues a value, a section or key that stands twice is an error. Two spellings of one profile
 * (`[default]` and `[profile default]`): the later one replaces the earlier.
 * Other than there, a byte order mark at the start is passed over, and a comment behind a one-word value is dropped.
 *
 * @param path for messages and origins only
 * @param kind in the credentials file a section's whole header is the profile's name
 * @throws AssumeMfaError CONFIG_MALFORMED, naming the file and the line and never what stands there
 */
export function parseAwsConfig(text: string, path: string, kind: "config" | "credentials"): ParsedAwsConfig {
  const { sections, defaults } = readSections(text, path);
  const defaultEntries = closeEntries(inheritedOf(defaults, sections), path);
  const profiles = new Map<string, Profile>();
  const services = new Map<string, Profile>();
  const ssoSessions = new Map<string, Profile>();
  const ignored: IgnoredSection[] = [];
  for (const { header, line, entries } of sections.values()) {
    const at = Object.freeze({ header, path, line });
    const own = closeEntries(entries, path);
    if (kind === "credentials" || header === "default") {
      profiles.set(header, new FileSection(header, at, own, defaultEntries));
      continue;
    }
    // botocore looks at the beginning of the header only, and takes the second of exactly two words.
    const kindOf = header.startsWith("profile")
      ? profiles
      : header.startsWith("sso-session")
        ? ssoSessions
        : header.startsWith("services")
          ? services
          : undefined;
    const words = kindOf === undefined ? undefined : splitWords(header);
    const name = words?.length === 2 ? words[1] : undefined;
    if (name === undefined) ignored.push(at);
    else kindOf?.set(name, new FileSection(name, at, own, defaultEntries));
  }
  return Object.freeze({ path, profiles, services, ssoSessions, ignored: Object.freeze(ignored) });
}

/** Where a section stands in a credentials file, for who changes the file. Lines from 1. */
export interface SectionLines {
  readonly line: number;
  /** The section's own entries, lower case, in the order of the file: the value as {@link LocatedValue.text}, and all their lines. */
  readonly entries: ReadonlyMap<string, { readonly text: string; readonly lines: readonly number[] }>;
}

/** @throws AssumeMfaError CONFIG_MALFORMED. @returns by header */
export function locateSections(text: string, path: string): ReadonlyMap<string, SectionLines> {
  const { sections, defaults } = readSections(text, path);
  const linesOf = (entries: ReadonlyMap<string, OpenEntry>): SectionLines["entries"] =>
    new Map(
      [...entries].map(([key, { text: value, line, continuations }]) => [
        key,
        { text: value, lines: [line, ...continuations.map((one) => one.line)] },
      ]),
    );
  return new Map([
    [DEFAULTS_HEADER, { line: 0, entries: linesOf(defaults) }],
    ...[...sections].map(([header, { line, entries }]) => [header, { line, entries: linesOf(entries) }] as const),
  ]);
}

/** Joins the two files. */
export function makeAwsConfig(
  config: ParsedAwsConfig,
  credentials: ParsedAwsConfig,
  isHomeMissing: boolean = false,
): AwsConfig {
  const profile = (name: string): Profile | undefined => {
    const under = config.profiles.get(name);
    const over = credentials.profiles.get(name);
    if (under === undefined || over === undefined) return over ?? under;
    return new MergedProfile(over, under);
  };
  const profileNames = (): readonly string[] => [
    ...new Set([...config.profiles.keys(), ...credentials.profiles.keys()]),
  ];
  return Object.freeze({
    configPath: config.path,
    credentialsPath: credentials.path,
    isHomeMissing,
    profile,
    profileNames,
    roleProfileNames: () => profileNames().filter((name) => profile(name)?.get("role_arn") !== undefined),
    services: (name: string) => config.services.get(name),
    ssoSession: (name: string) => config.ssoSessions.get(name),
    ignoredSection: (name: string) => config.ignored.find(({ header }) => readsLike(header, name)),
  });
}

/** `dev`, ` profile dev`, `profile my dev` and `profile "my dev` for the profile that was meant. */
function readsLike(header: string, name: string): boolean {
  return (
    header
      .trim()
      .replace(/^profile\s+/, "")
      .replace(/["']/g, "") === name
  );
}

class FileSection implements Profile {
  readonly name: string;
  readonly path: string;
  readonly line: number;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #defaults: ReadonlyMap<string, Entry>;

  constructor(
    name: string,
    at: IgnoredSection,
    entries: ReadonlyMap<string, Entry>,
    defaults: ReadonlyMap<string, Entry>,
  ) {
    this.name = name;
    this.path = at.path;
    this.line = at.line;
    this.#entries = entries;
    this.#defaults = defaults;
    Object.freeze(this);
  }

  keys(): readonly string[] {
    return [...new Set([...this.#entries.keys(), ...this.#defaults.keys()])];
  }

  get(key: string): LocatedValue | undefined {
    const name = key.toLowerCase();
    const entry = this.#entries.get(name) ?? this.#defaults.get(name);
    return entry && locatedValue(name, entry, this.path);
  }

  nested(key: string, subkey: string): LocatedValue | undefined {
    const name = key.toLowerCase();
    const entry = (this.#entries.get(name) ?? this.#defaults.get(name))?.nested?.get(subkey);
    return entry && locatedValue(subkey, entry, this.path);
  }
}

class MergedProfile implements Profile {
  readonly name: string;
  readonly path: string;
  readonly line: number;
  readonly #over: Profile;
  readonly #under: Profile;

  /** Stands where the config file's section stands: that is what people edit. */
  constructor(over: Profile, under: Profile) {
    this.name = under.name;
    this.path = under.path;
    this.line = under.line;
    this.#over = over;
    this.#under = under;
    Object.freeze(this);
  }

  keys(): readonly string[] {
    return [...new Set([...this.#under.keys(), ...this.#over.keys()])];
  }

  get(key: string): LocatedValue | undefined {
    return this.#over.get(key) ?? this.#under.get(key);
  }

  nested(key: string, subkey: string): LocatedValue | undefined {
    // Not merged any deeper: a key that the credentials file has at all is the credentials file's.
    return this.#over.get(key) === undefined ? this.#under.nested(key, subkey) : this.#over.nested(key, subkey);
  }
}

function locatedValue(key: string, entry: { readonly text: string; readonly line: number }, path: string) {
  const { text, line } = entry;
  return Object.freeze({ value: COMMAND_KEYS.has(key) ? text : withoutComment(text), text, path, line });
}

function withoutComment(text: string): string {
  const first = text.charAt(0);
  if (first === "#" || first === ";") return "";
  if (text.includes("\n")) return text;
  const blank = text.search(/\s/);
  if (blank === -1) return text;
  const rest = text.slice(blank).trimStart().charAt(0);
  return rest === "#" || rest === ";" ? text.slice(0, blank) : text;
}

interface Sections {
  /** By header. */
  readonly sections: ReadonlyMap<string, OpenSection>;
  readonly defaults: ReadonlyMap<string, OpenEntry>;
}

/** The line loop of `configparser`, one pass, each line looked at a fixed number of times. */
function readSections(text: string, path: string): Sections {
  const sections = new Map<string, OpenSection>();
  const defaults = new Map<string, OpenEntry>();
  let entries: Map<string, OpenEntry> | undefined;
  let entry: OpenEntry | undefined;
  let indent = 0;
  let lineNumber = 0;
  const lines = (text.startsWith("\ufeff") ? text.slice(1) : text).split(/\r\n|\r|\n/);
  for (const rawLine of lines) {
    lineNumber += 1;
    const start = firstNonSpace(rawLine);
    const line = strip(rawLine, start);
    if (line === "") {
      if (entry !== undefined) entry.blankLines += 1;
      continue;
    }
    if (line.startsWith("#") || line.startsWith(";")) continue;
    if (entry !== undefined && start > indent) {
      entry.text += "\n".repeat(entry.blankLines + 1) + line;
      entry.blankLines = 0;
      entry.continuations.push({ text: line, line: lineNumber });
      continue;
    }
    indent = start;
    const closing = line.startsWith("[") ? line.lastIndexOf("]") : -1;
    if (closing > 1) {
      const header = line.slice(1, closing);
      entry = undefined;
      if (header === DEFAULTS_HEADER) {
        entries = defaults;
        continue;
      }
      const earlier = sections.get(header);
      if (earlier !== undefined) {
        throw malformed(path, lineNumber, `this section stands twice, first at line ${earlier.line}`);
      }
      entries = new Map();
      sections.set(header, { header, line: lineNumber, entries });
      continue;
    }
    // `[a]` alone would be a section: one that is not closed is a slip, whatever stands above it.
    if (line.startsWith("[") && closing === -1 && line.search(/[=:]/) === -1) {
      throw malformed(path, lineNumber, "a section without its closing bracket: ] is missing");
    }
    if (entries === undefined) {
      throw malformed(path, lineNumber, "a line before the first section, such as [default] or [profile dev]");
    }
    const delimiter = line.search(/[=:]/);
    if (delimiter === -1) throw malformed(path, lineNumber, "neither a [section] nor a key = value");
    const key = strip(line.slice(0, delimiter), 0).toLowerCase();
    if (key === "") throw malformed(path, lineNumber, "a value without a key");
    const earlier = entries.get(key);
    if (earlier !== undefined) {
      throw malformed(path, lineNumber, `this key stands twice in its section, first at line ${earlier.line}`);
    }
    const rest = line.slice(delimiter + 1);
    entry = { text: strip(rest, firstNonSpace(rest)), line: lineNumber, blankLines: 0, continuations: [] };
    entries.set(key, entry);
  }
  return { sections, defaults };
}

/** What some section really takes from `[DEFAULT]`: botocore does not look into the rest, broken or not. */
function inheritedOf(defaults: ReadonlyMap<string, OpenEntry>, sections: Sections["sections"]) {
  const overridden = new Map<string, number>();
  for (const { entries } of sections.values()) {
    for (const key of entries.keys()) {
      if (defaults.has(key)) overridden.set(key, (overridden.get(key) ?? 0) + 1);
    }
  }
  return new Map([...defaults].filter(([key]) => (overridden.get(key) ?? 0) < sections.size));
}

function closeEntries(open: ReadonlyMap<string, OpenEntry>, path: string): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [key, { text, line, continuations }] of open) {
    entries.set(key, { text, line, nested: text.startsWith("\n") ? parseNested(continuations, path) : undefined });
  }
  return entries;
}

/** botocore's `_parse_nested`: `key = value` lines; keys in their own case, the last of two wins. */
function parseNested(lines: OpenEntry["continuations"], path: string): NonNullable<Entry["nested"]> {
  const nested = new Map<string, { readonly text: string; readonly line: number }>();
  for (const { text, line } of lines) {
    for (const part of text.split(INNER_LINE_BREAK)) {
      const pair = strip(part, firstNonSpace(part));
      if (pair === "") continue;
      const delimiter = pair.indexOf("=");
      if (delimiter === -1) throw malformed(path, line, "not a key = value, as an indented block wants");
      const value = pair.slice(delimiter + 1);
      nested.set(strip(pair.slice(0, delimiter), 0), { text: strip(value, firstNonSpace(value)), line });
    }
  }
  return nested;
}

/** What stands in the line is never shown: a broken line can be a secret key that slipped. */
function malformed(path: string, line: number, problem: string): AssumeMfaError {
  return new AssumeMfaError("CONFIG_MALFORMED", `${path}:${line}: ${problem}`, {
    hint: `mend line ${line} of ${path}: the AWS CLI does not read the file as it is either`,
    details: { path, line },
  });
}

/** The text from `start` on, without the blanks at its end. */
function strip(text: string, start: number): string {
  let end = text.length;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function firstNonSpace(text: string): number {
  let index = 0;
  while (index < text.length && isSpace(text.charCodeAt(index))) index += 1;
  return index;
}

/** What Python's `str.isspace` holds for a blank; JavaScript's `trim` differs in U+001C to U+001F, U+0085 and U+FEFF. */
function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d) || code >= 0x1c;
  if (code < 0x85) return false;
  return (
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}
