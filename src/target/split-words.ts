/**
 * Splits a section header into words as Python's `shlex.split` does, which is how the AWS CLI reads
 * `[profile "with space"]`: blanks part words, single and double quotes keep them together, a backslash escapes (inside
 * double quotes only `"` and itself).
 * @returns undefined where `shlex` raises: an open quote, or a backslash with nothing after it
 */
export function splitWords(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote: "" | "'" | '"' = "";
  for (let index = 0; index < text.length; index += 1) {
    const char = text.charAt(index);
    if (char === "\\" && quote !== "'") {
      index += 1;
      if (index >= text.length) return undefined;
      const escaped = text.charAt(index);
      const isKept = quote === '"' && escaped !== '"' && escaped !== "\\";
      word = (word ?? "") + (isKept ? char + escaped : escaped);
    } else if (quote !== "") {
      if (char === quote) quote = "";
      else word = (word ?? "") + char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (char === " " || char === "\t" || char === "\r" || char === "\n") {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + char;
    }
  }
  if (quote !== "") return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
