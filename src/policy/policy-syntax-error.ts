export interface PolicySyntaxErrorOptions {
  /** What IAM's own MalformedPolicyDocument says of this fault, word for word where a recorded answer is known. */
  readonly awsMessage: string;
  /** Counted from 1. */
  readonly place?: { readonly line: number; readonly column: number };
}

/**
 * A policy document that IAM would not store.
 * The message is one line without a full stop; text of the document may stand in it raw, so whoever shows it makes it
 * visible (`text/visible-text.ts`).
 */
export class PolicySyntaxError extends Error {
  override readonly name = "PolicySyntaxError";
  readonly awsMessage: string;
  /** Undefined where the fault has no single place. */
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(message: string, { awsMessage, place }: PolicySyntaxErrorOptions) {
    super(place === undefined ? message : `${message} (line ${place.line}, column ${place.column})`);
    this.awsMessage = awsMessage;
    this.line = place?.line;
    this.column = place?.column;
  }
}

/** Where in a text an offset lies, for {@link PolicySyntaxErrorOptions.place}. */
export function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const lines = text.slice(0, offset).split("\n");
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}
