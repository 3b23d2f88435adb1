import { AwsFault } from "./aws-fault.ts";
import { listOf, type QueryParameters, structuresOf } from "./query-protocol.ts";

/** The values that a resource has under each filter name. */
export type FilterValues<T> = Readonly<Record<string, (resource: T, accountId: string) => readonly string[]>>;

interface Tagged {
  readonly tags: ReadonlyMap<string, string>;
}

/** EC2 User Guide, "Filter your resources": up to 200 values in one call. */
const MAX_VALUES = 200;

/**
 * `Filter.n.Name` with `Filter.n.Value.m`: all names must match, of each any value. `tag:<key>` is known for everything.
 * @throws AwsFault InvalidParameterValue for a name that is not known
 */
export function readFilters<T extends Tagged>(
  parameters: QueryParameters,
  known: FilterValues<T>,
): (resource: T, accountId: string) => boolean {
  let valueCount = 0;
  const tests = structuresOf(parameters, "Filter").map((fields) => {
    const name = fields.get("Name");
    if (name === undefined)
      throw new AwsFault("MissingParameter", "The request must contain the parameter Filter.Name");
    const patterns = listOf(fields, "Value");
    valueCount += patterns.length;
    if (patterns.length === 0) {
      throw new AwsFault("InvalidParameterValue", `The filter '${name}' must have at least one value`);
    }
    const valuesOf = name.startsWith("tag:")
      ? ({ tags }: T) => {
          const value = tags.get(name.slice("tag:".length));
          return value === undefined ? [] : [value];
        }
      : Object.hasOwn(known, name)
        ? known[name]
        : undefined;
    if (valuesOf === undefined) throw new AwsFault("InvalidParameterValue", `The filter '${name}' is invalid`);
    return (resource: T, accountId: string) =>
      valuesOf(resource, accountId).some((value) => patterns.some((pattern) => matchesFilter(value, pattern)));
  });
  if (valueCount > MAX_VALUES) {
    throw new AwsFault(
      "FilterLimitExceeded",
      `The maximum number of filter values specified on a single call is ${MAX_VALUES}`,
    );
  }
  return (resource, accountId) => tests.every((test) => test(resource, accountId));
}

/** `*` is any run of characters, `?` one, a backslash takes the next as it is. Case counts. Linear in both lengths but for the stars. */
export function matchesFilter(value: string, pattern: string): boolean {
  const tokens: (string | typeof ANY_RUN | typeof ANY_ONE)[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern.charAt(at);
    if (character === "\\" && at + 1 < pattern.length) {
      at += 1;
      tokens.push(pattern.charAt(at));
    } else if (character === "*") tokens.push(ANY_RUN);
    else tokens.push(character === "?" ? ANY_ONE : character);
  }
  // The usual walk with one remembered star: no pattern makes it exponential.
  let valueAt = 0;
  let tokenAt = 0;
  let starAt = -1;
  let starValueAt = 0;
  while (valueAt < value.length) {
    const token = tokens[tokenAt];
    if (token === ANY_RUN) {
      starAt = tokenAt;
      starValueAt = valueAt;
      tokenAt += 1;
    } else if (token === ANY_ONE || (token !== undefined && token === value.charAt(valueAt))) {
      tokenAt += 1;
      valueAt += 1;
    } else if (starAt >= 0) {
      starValueAt += 1;
      valueAt = starValueAt;
      tokenAt = starAt + 1;
    } else return false;
  }
  while (tokens[tokenAt] === ANY_RUN) tokenAt += 1;
  return tokenAt === tokens.length;
}

const ANY_RUN = Symbol("any run");
const ANY_ONE = Symbol("any one");
