import stringWidth from "string-width";

/** A Hangul syllable in its parts: two columns in all, whatever string-width says of the parts alone. */
const HANGUL_SYLLABLE = /[\u1100-\u115e\ua960-\ua97c][\u1161-\u11a7\ud7b0-\ud7c6][\u11a8-\u11ff\ud7cb-\ud7fb]?/g;
/** Some terminals widen the digit. */
const KEYCAP = /[0-9#*]\u20e3/g;
/** Not in this Unicode version, or circled numbers of ambiguous width: narrow or wide, each terminal by its own tables. */
const UNDECIDED = /[\p{Cn}\u3248-\u324f]/u;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/**
 * The most columns that a terminal takes for a text: two for CJK and emoji, none for combining marks.
 *
 * Characters are counted one by one, with string-width's figure for each. Its figure for a whole text counts a cluster
 * as one character (emoji with skin tones, Indic conjuncts), which many terminals do not: text from outside could then
 * run over the edge of a table and forge a row of its own at the start of the next line.
 * What remains: a combining mark that is younger than the terminal's own tables takes a column there and none here.
 * Linear, which string-width is not for long text (Intl.Segmenter on Node 20).
 * @param text one line, already made visible (`text/visible-text.ts`), without colours
 */
export function terminalWidth(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length;
  let width = text.match(KEYCAP)?.length ?? 0;
  const rest = text.replace(HANGUL_SYLLABLE, () => {
    width += 2;
    return "";
  });
  const known = new Map<string, number>();
  for (const character of rest) {
    const characterWidth = known.get(character) ?? measureCharacter(character);
    known.set(character, characterWidth);
    width += characterWidth;
  }
  return width;
}

function measureCharacter(character: string): number {
  return UNDECIDED.test(character) ? 2 : stringWidth(character);
}
