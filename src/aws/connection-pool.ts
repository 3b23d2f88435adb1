/** Something that holds connections. */
export interface PooledHandler {
  /** Ends the connections. */
  closePooled(): void;
}

/**
 * Connections that the clients of one run share, whichever account and session each is for: AWS has one address for all of
 * them, and every new connection costs round trips. Only for calls that may be sent again, or that change nothing if they
 * are lost: a connection that lay idle can be cut just as it is used again.
 */
export class ConnectionPool {
  readonly #handlers = new Map<unknown, Map<string, PooledHandler>>();

  /**
   * @param owner what the handlers also depend on by identity: a clock that hears of every answer
   * @param key what else they depend on
   */
  share<Handler extends PooledHandler>(owner: unknown, key: string, make: () => Handler): Handler {
    const ofOwner = this.#handlers.get(owner) ?? new Map<string, PooledHandler>();
    this.#handlers.set(owner, ofOwner);
    const handler = (ofOwner.get(key) as Handler | undefined) ?? make();
    ofOwner.set(key, handler);
    return handler;
  }

  /** Ends all of them. */
  close(): void {
    for (const ofOwner of this.#handlers.values()) for (const handler of ofOwner.values()) handler.closePooled();
    this.#handlers.clear();
  }
}
