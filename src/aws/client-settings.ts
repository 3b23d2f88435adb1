import type { Credentials } from "../credentials/credentials.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import type { HttpProxy } from "./http-proxy.ts";
import type { ServerClock } from "./server-clock.ts";

/** Everything an AWS client is made from; nothing else is looked up by the SDK behind our back. */
export interface ClientSettings {
  readonly region: string;
  /** An absolute http(s) URL in place of AWS's own address. */
  readonly endpoint: string | undefined;
  readonly credentials: Credentials;
  readonly useFipsEndpoint: boolean;
  readonly useDualstackEndpoint: boolean;
  readonly connection: ConnectionSettings;
  /** 1: sent once. A call that carries a token code or changes something is never sent again by the SDK (AWS.md). */
  readonly maxAttempts: number;
  /** By whose offset requests are signed, and which hears what the answers say; undefined: by this machine's clock. */
  readonly clock?: ServerClock | undefined;
  /** Whose connections are used; undefined: the client's own, which end with it. */
  readonly pool?: ConnectionPool | undefined;
}

/** How AWS is reached, whichever service is called. */
export interface ConnectionSettings {
  /** Undefined: straight. */
  readonly proxy: HttpProxy | undefined;
  /** Undefined: Node's own authorities are trusted. */
  readonly caBundle: CaBundle | undefined;
}

/** A file of PEM certificates: the only authorities that are trusted, in place of Node's own. */
export interface CaBundle {
  readonly path: string;
  /** For messages: the variable, or file and line. */
  readonly setBy: string;
}

/** Straight to AWS, with Node's own authorities. */
export const DIRECT_CONNECTION = Object.freeze({
  proxy: undefined,
  caBundle: undefined,
}) satisfies ConnectionSettings;
