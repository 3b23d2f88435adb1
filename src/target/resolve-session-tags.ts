import type { Profile } from "./aws-config.ts";
import { optionSetting, profileSetting, quoted, refused, type Setting, sourced } from "./setting.ts";
import type { SessionTag, Sourced } from "./target.ts";

// Lengths, patterns and number: STS API reference, AssumeRole and Tag (AWS.md, 2).
const TAG_KEY = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u;
const TAG_VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u;
const MAX_TAG_KEY_CHARACTERS = 128;
const MAX_TAG_VALUE_CHARACTERS = 256;
const MAX_TAGS = 50;

/**
 * The session tags: those of the profile (`session_tags`, `transitive_session_tags`), named and written as aws-vault does,
 * and those of `--session-tag`, which stand beside them, or in the place of the one with the same key. Keys are told
 * apart without regard to case, as AWS does.
 *
 * @param given `--session-tag`, each `key=value`
 * @returns frozen; empty when there are none
 * @throws AssumeMfaError CONFIG_MALFORMED (naming file and line), USAGE
 */
export function resolveSessionTags(
  given: readonly string[] | undefined,
  profile: Profile | undefined,
): readonly Sourced<SessionTag>[] {
  const tags = new Map<string, Sourced<SessionTag>>();
  const filed = profileSetting(profile, "session_tags");
  if (filed !== undefined) {
    if (filed.value === "") throw refused(filed, "is empty");
    for (const tag of readTags(filed, filed.value.split(","))) tags.set(tag.value.key.toLowerCase(), tag);
  }
  const option = optionSetting("--session-tag", given?.[0]);
  if (option !== undefined) {
    for (const tag of readTags(option, given ?? [])) tags.set(tag.value.key.toLowerCase(), tag);
  }
  if (tags.size > MAX_TAGS) {
    const [where, verb] = option !== undefined && filed !== undefined ? [" and session_tags", "make"] : ["", "makes"];
    const setting = (option ?? filed) as Setting;
    const name = setting.name + where;
    throw refused({ ...setting, name }, `${verb} ${tags.size} tags, and AWS takes ${MAX_TAGS}`);
  }
  for (const key of transitiveKeys(profile)) {
    const tag = tags.get(key.value.toLowerCase());
    if (tag === undefined) {
      throw refused(key, `names ${quoted(key.value)}, and there is no session tag of that name`, {
        hint: "add it to session_tags, or use --session-tag",
      });
    }
    tags.set(key.value.toLowerCase(), sourced(Object.freeze({ ...tag.value, isTransitive: true }), tag.origin));
  }
  return Object.freeze([...tags.values()]);
}

/** @throws AssumeMfaError as {@link resolveSessionTags} */
function readTags(setting: Setting, texts: readonly string[]): readonly Sourced<SessionTag>[] {
  const seen = new Set<string>();
  return texts.map((text, index) => {
    const which = texts.length === 1 ? "" : ` (tag ${index + 1})`;
    const equals = text.indexOf("=");
    if (equals === -1) {
      const form = setting.origin.kind === "file" ? "key1=value1,key2=value2" : "key=value";
      throw refused(setting, `must be written ${form}${which}`);
    }
    const key = text.slice(0, equals).trim();
    const value = text.slice(equals + 1).trim();
    if (key === "") throw refused(setting, `has a tag without a key${which}`);
    if (key.length > MAX_TAG_KEY_CHARACTERS) {
      throw refused(setting, `has a key of more than ${MAX_TAG_KEY_CHARACTERS} characters${which}`);
    }
    if (value.length > MAX_TAG_VALUE_CHARACTERS) {
      throw refused(setting, `has a value of more than ${MAX_TAG_VALUE_CHARACTERS} characters${which}`);
    }
    if (!TAG_KEY.test(key) || !TAG_VALUE.test(value)) {
      const hint =
        setting.origin.kind === "file" ? {} : { hint: "for several tags, give --session-tag again for each" };
      throw refused(setting, `may hold letters, digits, blanks and any of _ . : / = + - @${which}`, hint);
    }
    const lowerKey = key.toLowerCase();
    if (lowerKey.startsWith("aws:"))
      throw refused(setting, `has a key that begins with aws:, which AWS keeps for itself${which}`);
    if (seen.has(lowerKey)) {
      throw refused(setting, `names the key ${quoted(key)} twice; to AWS capital and small letters are the same here`);
    }
    seen.add(lowerKey);
    return sourced(Object.freeze({ key, value, isTransitive: false }), setting.origin);
  });
}

/** @returns one setting for each key, to name in an error */
function transitiveKeys(profile: Profile | undefined): readonly Setting[] {
  const setting = profileSetting(profile, "transitive_session_tags");
  if (setting === undefined) return [];
  const keys = setting.value.split(",").map((text) => text.trim());
  const named = keys.filter((key) => key !== "");
  if (named.length === 0) throw refused(setting, "is empty");
  return named.map((key) => ({ ...setting, value: key }));
}
