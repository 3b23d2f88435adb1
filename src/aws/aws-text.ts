import { redact } from "../credentials/redaction.ts";

/** Past this, text from AWS (or from whatever answers in its place) is cut. */
const MAX_AWS_TEXT_CHARACTERS = 700;

/**
 * AWS's words as they can stand in a line of ours: one line, without a full stop, not endless. The blob that only
 * sts:DecodeAuthorizationMessage can read goes, and so does what follows the first line of a signature's refusal: that is
 * the canonical request, session token included.
 * @param message an AWS error's message
 * @param code its code
 */
export function awsText(message: string, code: string): string {
  const relevant = /Signature/.test(code) ? (message.trim().split("\n", 1)[0] ?? "") : message;
  // Before it is cut: half a secret would not be known for one.
  const text = redact(relevant)
    .replace(/\s*Encoded authorization failure message:\s*\S+/i, "")
    .replace(/\s+/g, " ")
    .trim()
    .replace(/\.$/, "");
  return text.length > MAX_AWS_TEXT_CHARACTERS ? `${text.slice(0, MAX_AWS_TEXT_CHARACTERS)}…` : text;
}
