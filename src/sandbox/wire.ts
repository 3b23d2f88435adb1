/** One HTTP request, read whole: what the services see of the network. */
export interface WireRequest {
  readonly method: string;
  /** As sent, still percent-encoded; starts with a slash. */
  readonly path: string;
  /** As sent, without the question mark; empty when there is none. */
  readonly query: string;
  /** Names in lower case; a header sent twice is joined by a comma, as SigV4 signs it. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** What becomes of a request: an answer, one that breaks off, or none while the connection stays open. */
export type WireOutcome =
  | { readonly kind: "answer"; readonly response: WireResponse }
  | { readonly kind: "cut"; readonly response: WireResponse; readonly afterBytes: number }
  | { readonly kind: "silence" };

/** One HTTP answer; its length is added when it is sent. */
export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
