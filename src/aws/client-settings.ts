import type { Credentials } from "../credentials/credentials.ts";

/** Everything an AWS client is made from; nothing else is looked up by the SDK behind our back. */
export interface ClientSettings {
  readonly region: string;
  /** An absolute http(s) URL in place of AWS's own address. */
  readonly endpoint: string | undefined;
  readonly credentials: Credentials;
  readonly useFipsEndpoint: boolean;
  readonly useDualstackEndpoint: boolean;
  /** 1: sent once. A call that carries a token code or changes something is never sent again by the SDK (AWS.md). */
  readonly maxAttempts: number;
}
