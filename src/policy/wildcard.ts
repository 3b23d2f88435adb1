/** In a pattern: any run of characters, an empty one too. */
export const ANY_RUN = Symbol("*");
/** In a pattern: exactly one character (a UTF-16 code unit). */
export const ANY_ONE = Symbol("?");

/** Literal text stands as strings, so that a `*` that came out of a policy variable is only a star. */
export type WildcardPattern = readonly (string | typeof ANY_RUN | typeof ANY_ONE)[];

/** Reads `*` and `?` as wildcards; there is no escape (in policies `${*}` and `${?}` are, see policy-variables.ts). */
export function parseWildcardPattern(text: string): WildcardPattern {
  return text
    .split(/([*?])/)
    .filter((part) => part !== "")
    .map((part) => (part === "*" ? ANY_RUN : part === "?" ? ANY_ONE : part));
}

export function matchesWildcard(text: string, pattern: WildcardPattern): boolean {
  const runs = splitAtStars(pattern);
  const [first, ...rest] = runs;
  if (first === undefined) return text === "";
  const last = rest.pop();
  if (last === undefined) return text.length === first.length && standsAt(text, 0, first);
  if (!standsAt(text, 0, first)) return false;
  const end = text.length - last.length;
  let from = first.length;
  // Each run between two stars at its earliest place: if any way of placing them fits, this one does.
  for (const run of rest) {
    const at = findRun(text, run, from);
    if (at === -1) return false;
    from = at + run.length;
  }
  return from <= end && standsAt(text, end, last);
}

/** What stands between two stars: text in which the positions of `ones` match any character. */
interface Run {
  readonly text: string;
  readonly length: number;
  readonly ones: ReadonlySet<number>;
}

function splitAtStars(pattern: WildcardPattern): readonly Run[] {
  const runs: Run[] = [];
  let text = "";
  let ones = new Set<number>();
  for (const part of [...pattern, ANY_RUN] as const) {
    if (part === ANY_RUN) {
      runs.push({ text, length: text.length, ones });
      text = "";
      ones = new Set();
    } else if (part === ANY_ONE) {
      ones.add(text.length);
      text += "?";
    } else {
      text += part;
    }
  }
  return runs;
}

function standsAt(text: string, at: number, run: Run): boolean {
  if (at < 0 || at + run.length > text.length) return false;
  if (run.ones.size === 0) return text.startsWith(run.text, at);
  for (let index = 0; index < run.length; index++) {
    if (!run.ones.has(index) && text.charCodeAt(at + index) !== run.text.charCodeAt(index)) return false;
  }
  return true;
}

function findRun(text: string, run: Run, from: number): number {
  if (run.ones.size === 0) return text.indexOf(run.text, from);
  for (let at = from; at + run.length <= text.length; at++) if (standsAt(text, at, run)) return at;
  return -1;
}
