/**
 * What a terminal would act on or hide instead of showing it, or what no font can show:
 * - Cc: C0, DEL and C1 controls, newline and tab among them (escape sequences, title setting, answers typed back);
 * - Cf: bidirectional controls, zero-width joiners and spaces, soft hyphen, tags;
 * - Zl, Zp: line and paragraph separators;
 * - Cs: surrogates without their partner;
 * - the other default-ignorable ones: variation selectors, fillers, the combining grapheme joiner;
 * - noncharacters.
 */
const UNSHOWABLE = "\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Default_Ignorable_Code_Point}\\p{Noncharacter_Code_Point}";

/** Marks that one base character may carry; more of them would paint over the lines above and below. */
const MAX_STACKED_MARKS = 4;

// The marks that follow an unshowable character, or begin the text, have no base of their own: they would change the
// look of the escape, or of whatever the caller put before. Each alternative consumes all that it looks at, or looks
// back over a fixed distance: linear.
const TO_ESCAPE = new RegExp(
  `(?:[${UNSHOWABLE}]|^\\p{M})[${UNSHOWABLE}\\p{M}]*|(?<=[\\p{Mn}\\p{Me}]{${MAX_STACKED_MARKS}})[\\p{Mn}\\p{Me}]+`,
  "gu",
);

/**
 * Replaces every character that a terminal would act on or hide (V4 in ACCEPTANCE.md), and leaves the rest.
 * @param formatCharacter gets one code point as a string (or one lone surrogate) and returns what is shown in its place
 */
export function escapeUnshowable(text: string, formatCharacter: (character: string) => string): string {
  return text.replace(TO_ESCAPE, (run) => Array.from(run, formatCharacter).join(""));
}

/**
 * Makes text from outside (tags, names, profiles, messages of AWS) one line that is safe to show on a terminal.
 *
 * Notation: `\n`, `\r`, `\t`, else `\x1b` up to U+00FF, `\u202e` up to U+FFFF and `\u{e0041}` above. A backslash stays
 * as it is, so that the function can be applied again without effect; it serves the eye and is not meant to be undone.
 * Right-to-left letters, private-use characters and wide spaces stay.
 *
 * Room rule: pure, imports nothing, may be imported by every room.
 */
export function visibleText(text: string): string {
  return escapeUnshowable(text, formatEscape);
}

function formatEscape(character: string): string {
  switch (character) {
    case "\n":
      return "\\n";
    case "\r":
      return "\\r";
    case "\t":
      return "\\t";
  }
  const codePoint = character.codePointAt(0) ?? 0;
  const digits = codePoint.toString(16);
  if (codePoint <= 0xff) return `\\x${digits.padStart(2, "0")}`;
  if (codePoint <= 0xffff) return `\\u${digits.padStart(4, "0")}`;
  return `\\u{${digits}}`;
}
