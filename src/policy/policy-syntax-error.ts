/**
 * A policy document that IAM would not store (it answers MalformedPolicyDocument).
 * The message is one line, without a full stop at its end; text of the document may stand in it raw,
 * so whoever shows it makes it visible (`text/visible-text.ts`).
 */
export class PolicySyntaxError extends Error {
  override readonly name = "PolicySyntaxError";
  /** Counted from 1; undefined where the fault has no single place. */
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(message: string, place?: { readonly line: number; readonly column: number }) {
    super(place === undefined ? message : `${message} (line ${place.line}, column ${place.column})`);
    this.line = place?.line;
    this.column = place?.column;
  }
}
