/** In a pattern: any run of characters, an empty one too. */
export const ANY_RUN = Symbol("*");
/** In a pattern: exactly one character (a UTF-16 code unit). */
export const ANY_ONE = Symbol("?");

/** Literal text stands as strings, so that a `*` which came out of a policy variable is a star and no wildcard. */
export type WildcardPattern = readonly (string | typeof ANY_RUN | typeof ANY_ONE)[];

/** Reads `*` and `?` as wildcards; there is no escape (in policies `${*}` and `${?}` are: policy-variables.ts). */
export function parseWildcardPattern(text: string): WildcardPattern {
  return text
    .split(/([*?])/)
    .filter((part) => part !== "")
    .map((part) => (part === "*" ? ANY_RUN : part === "?" ? ANY_ONE : part));
}

/**
 * Whether the whole text fits. Time is the text's length times one word per 32 characters of the pattern, whatever
 * the pattern: no backtracking.
 */
export function matchesWildcard(text: string, pattern: WildcardPattern): boolean {
  const [first, ...others] = splitAtStars(pattern);
  const last = others.pop();
  if (first === undefined || !standsAt(text, 0, first)) return false;
  if (last === undefined) return text.length === first.length;
  const end = text.length - last.length;
  let from = first.length;
  // What stands between two stars, at its earliest place: if any way of placing all fits, this one does.
  for (const run of others) {
    const at = findRun(text, run, from);
    if (at === -1) return false;
    from = at + run.length;
  }
  return from <= end && standsAt(text, end, last);
}

/** Code units; undefined for `?`. */
type Run = readonly (number | undefined)[];

/** One run more than there are stars. */
function splitAtStars(pattern: WildcardPattern): readonly Run[] {
  let run: (number | undefined)[] = [];
  const runs: Run[] = [];
  for (const part of pattern) {
    if (part === ANY_RUN) {
      runs.push(run);
      run = [];
    } else if (part === ANY_ONE) {
      run.push(undefined);
    } else {
      for (let index = 0; index < part.length; index++) run.push(part.charCodeAt(index));
    }
  }
  return [...runs, run];
}

function standsAt(text: string, at: number, run: Run): boolean {
  if (at < 0 || at + run.length > text.length) return false;
  return run.every((unit, index) => unit === undefined || unit === text.charCodeAt(at + index));
}

/**
 * The first place of a run at or after `from`, -1 when there is none. Baeza-Yates and Gonnet's Shift-And: bit i of the
 * state says that the last i + 1 characters fit the run's first i + 1. Takes `?` at no cost.
 */
function findRun(text: string, run: Run, from: number): number {
  if (run.length === 0) return from;
  const words = Math.ceil(run.length / 32);
  const anyCharacter = new Uint32Array(words);
  for (const [index, unit] of run.entries()) if (unit === undefined) setBit(anyCharacter, index);
  const fitting = new Map<number, Uint32Array>();
  for (const [index, unit] of run.entries()) {
    if (unit === undefined) continue;
    const mask = fitting.get(unit) ?? anyCharacter.slice();
    setBit(mask, index);
    fitting.set(unit, mask);
  }
  const state = new Uint32Array(words);
  const lastBit = 1 << ((run.length - 1) & 31);
  for (let at = from; at < text.length; at++) {
    const mask = fitting.get(text.charCodeAt(at)) ?? anyCharacter;
    let carry = 1;
    for (let word = 0; word < words; word++) {
      const bits = state[word] ?? 0;
      state[word] = ((bits << 1) | carry) & (mask[word] ?? 0);
      carry = bits >>> 31;
    }
    if (((state[words - 1] ?? 0) & lastBit) !== 0) return at - run.length + 1;
  }
  return -1;
}

function setBit(mask: Uint32Array, index: number): void {
  mask[index >> 5] = (mask[index >> 5] ?? 0) | (1 << (index & 31));
}
