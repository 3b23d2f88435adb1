import { AssumeMfaError } from "../errors.ts";

/** Longest piece of a bad operand that a message repeats. */
const MAX_SHOWN_CHARACTERS = 80;

/**
 * Checks the names of resources on the command line before a code is asked for.
 * @param rule what a good one looks like, for the hint
 * @returns each once, in the order given
 * @throws USAGE naming the first bad one
 */
export function checkOperands(
  words: readonly string[],
  isGood: (word: string) => boolean,
  kind: string,
  rule: string,
): readonly string[] {
  for (const word of words) {
    if (isGood(word)) continue;
    const shown = word.length > MAX_SHOWN_CHARACTERS ? `${word.slice(0, MAX_SHOWN_CHARACTERS)}…` : word;
    throw new AssumeMfaError("USAGE", `${JSON.stringify(shown)} is no ${kind}`, { hint: rule });
  }
  return [...new Set(words)];
}
