import { AssumeMfaError } from "../../errors.ts";

/** A filter of DescribeInstances: one of its values must match, with EC2's wildcards `*` and `?`. */
export interface InstanceFilter {
  /** As EC2 has it: `instance-type`, `tag:Env`. */
  readonly name: string;
  /** At least one, none of them empty. */
  readonly values: readonly string[];
}

/** EC2 takes this many values in one call (EC2 user guide, "Filter your resources"). */
const MAX_VALUES = 200;

const STATES = ["pending", "running", "shutting-down", "terminated", "stopping", "stopped"] as const;
const STATE_FILTER = "instance-state-name";

const HOW_TO_WRITE_IT = "write it as tag:Env=dev, or as the AWS CLI has it: Name=tag:Env,Values=dev,test";

/** Longest piece of a bad word that a message repeats. */
const MAX_SHOWN_CHARACTERS = 80;

/**
 * `--filter` and `--state` as EC2 takes them: all filters must hold, of each any value.
 *
 * `tag:Env=dev` has one value, up to its end, commas included: what is destroyed by it is never more than what is
 * written. `Name=tag:Env,Values=dev,test` is read as the AWS CLI reads its shorthand, quotes, `\,` and `[…]` included.
 * @param words the values of `--filter`
 * @param stateWords the values of `--state`: each a state, or several with commas between
 * @throws AssumeMfaError USAGE for the first word that is no filter, an empty name or value, a name that stands twice,
 *   a state that EC2 does not have, more values than EC2 takes
 */
export function parseInstanceFilters(
  words: readonly string[],
  stateWords: readonly string[] = [],
): readonly InstanceFilter[] {
  const filters = words.map(parseFilter);
  if (stateWords.length > 0) {
    filters.push({ name: STATE_FILTER, values: [...new Set(stateWords.flatMap((word) => word.split(",")))] });
    for (const state of filters.at(-1)?.values ?? []) checkState(state);
  }
  const names = new Set<string>();
  for (const { name } of filters) {
    if (names.has(name)) {
      throw new AssumeMfaError("USAGE", `two filters are about ${shown(name)}`, {
        hint: `for any of several values write one: Name=${name},Values=a,b`,
      });
    }
    names.add(name);
  }
  const count = filters.reduce((sum, { values }) => sum + values.length, 0);
  if (count > MAX_VALUES) {
    throw new AssumeMfaError("USAGE", `${count} values are too many for one filter: EC2 takes ${MAX_VALUES}`, {
      hint: "a * in a value stands for any characters",
    });
  }
  return filters;
}

/** For a sentence: `tag:Env=dev, instance-type=t3.small or t3.large`. Raw text. */
export function formatInstanceFilters(filters: readonly InstanceFilter[]): string {
  return filters.map(({ name, values }) => `${name}=${values.join(" or ")}`).join(", ");
}

/** What to say where nothing matches a filter that may have been meant for several values; undefined otherwise. */
export function doubtOfComma(words: readonly string[]): string | undefined {
  const word = words.find((one) => !SHORTHAND.test(one) && one.includes(","));
  if (word === undefined) return undefined;
  const { name, values } = parseShort(word);
  return `the comma in ${shown(word)} is part of the value: several values are Name=${name},Values=${values.join()}`;
}

function checkState(word: string): void {
  if (STATES.some((state) => state === word)) return;
  throw new AssumeMfaError("USAGE", `${shown(word)} is no state of an instance`, {
    hint: `the states are ${STATES.join(", ")}`,
  });
}

/** The AWS CLI's form. */
const SHORTHAND = /^\s*(?:Name|Values)\s*=/;

function parseFilter(word: string): InstanceFilter {
  // A lone surrogate can't be sent.
  if (/\p{Cs}/u.test(word)) throw new AssumeMfaError("USAGE", `--filter ${shown(word)} is no valid text`);
  if (/^[[{]/.test(word)) {
    throw new AssumeMfaError("USAGE", `--filter ${shown(word)} is JSON, which is not understood here`, {
      hint: HOW_TO_WRITE_IT,
    });
  }
  const filter = SHORTHAND.test(word) ? parseShorthand(word.trimStart()) : parseShort(word);
  if (!/^(?:tag:.+|[a-z][a-z0-9.-]*)$/s.test(filter.name)) {
    throw new AssumeMfaError("USAGE", `${shown(filter.name)} is no name of a filter`, {
      hint: "EC2's names are in lower case, such as instance-type and vpc-id; a tag's is tag: and its key",
    });
  }
  if (filter.values.length === 0 || filter.values.includes("")) {
    throw new AssumeMfaError("USAGE", `the filter ${shown(filter.name)} has an empty value`, {
      hint: `${HOW_TO_WRITE_IT}; whatever has the tag is tag-key=Env`,
    });
  }
  return filter;
}

function parseShort(word: string): InstanceFilter {
  const end = word.indexOf("=");
  if (end < 0) {
    throw new AssumeMfaError("USAGE", `--filter ${shown(word)} has no value`, { hint: HOW_TO_WRITE_IT });
  }
  return { name: word.slice(0, end), values: [word.slice(end + 1)] };
}

// The AWS CLI's shorthand (its user guide, "Using shorthand syntax"): a first value may hold `=`, a later one would be a
// key then.
const KEY = /([A-Za-z0-9_.#/:-]*)\s*=\s*/y;
const QUOTED = /'((?:\\'|[^'])*)'|"((?:\\"|[^"])*)"/y;
const FIRST_VALUE = /(?:\\,|[^\s,="'[\]{}])(?:\\,|[^,"'\]}])*/y;
const LATER_VALUE = /(?:\\,|[^\s,="'[\]{}])(?:\\,|[^,="'])*/y;
const COMMA = /\s*,\s*/y;
const LIST_START = /\[\s*/y;
const LIST_END = /\s*\]/y;

function parseShorthand(word: string): InstanceFilter {
  const fields = new Map<string, readonly string[]>();
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(word);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match;
  };
  const fail = (what: string): never => {
    throw new AssumeMfaError("USAGE", `--filter ${shown(word)} ${what}`, { hint: HOW_TO_WRITE_IT });
  };
  const takeValue = (pattern: RegExp): string => {
    const quoted = take(QUOTED);
    if (quoted !== undefined) return (quoted[1]?.replaceAll("\\'", "'") ?? quoted[2]?.replaceAll('\\"', '"')) as string;
    return take(pattern)?.[0].replaceAll("\\,", ",").trimEnd() ?? "";
  };
  const isKeyNext = () => {
    KEY.lastIndex = at;
    return KEY.test(word);
  };
  const takeList = (): readonly string[] => {
    const values: string[] = [];
    do values.push(takeValue(FIRST_VALUE));
    while (take(COMMA) !== undefined);
    if (take(LIST_END) === undefined) fail("has a list without its end");
    return values;
  };
  const takeValues = (): readonly string[] => {
    if (take(LIST_START) !== undefined) return takeList();
    const values = [takeValue(FIRST_VALUE)];
    for (;;) {
      const before = at;
      if (take(COMMA) === undefined) return values;
      if (isKeyNext()) {
        at = before;
        return values;
      }
      values.push(takeValue(LATER_VALUE));
    }
  };
  do {
    const key = take(KEY)?.[1] ?? fail("can't be read");
    if (key !== "Name" && key !== "Values") fail(`has ${shown(key)}, where only Name and Values can be`);
    if (fields.has(key)) fail(`has ${key} twice`);
    fields.set(key, takeValues());
  } while (take(COMMA) !== undefined);
  if (at < word.length) fail("can't be read");
  const names = fields.get("Name") ?? fail("has no Name");
  const values = fields.get("Values");
  const [name = ""] = names;
  if (names.length !== 1) fail("has more than one Name");
  if (values === undefined) {
    throw new AssumeMfaError("USAGE", `--filter ${shown(word)} has no Values`, {
      hint: `by the Name tag it is tag:Name=${name}`,
    });
  }
  return { name, values };
}

function shown(word: string): string {
  return JSON.stringify(word.length > MAX_SHOWN_CHARACTERS ? `${word.slice(0, MAX_SHOWN_CHARACTERS)}…` : word);
}
