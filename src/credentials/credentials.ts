import { rememberSecret } from "./redaction.ts";

/** What the AWS SDK and the formats of `export` call the parts of a set of credentials. */
export interface CredentialsParts {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** Milliseconds since 1970; undefined for long-term keys. */
  readonly expiration?: number | undefined;
}

/**
 * A set of AWS credentials that can't be printed by accident: the secret parts are private fields behind getters of the
 * prototype, which `util.inspect`, `JSON.stringify` and a spread all pass over. Whoever needs them names them.
 */
export class Credentials {
  readonly accessKeyId: string;
  /** Milliseconds since 1970; undefined for long-term keys. */
  readonly expiration: number | undefined;
  readonly #secretAccessKey: string;
  readonly #sessionToken: string | undefined;

  constructor(parts: CredentialsParts) {
    this.accessKeyId = parts.accessKeyId;
    this.expiration = parts.expiration;
    this.#secretAccessKey = parts.secretAccessKey;
    this.#sessionToken = parts.sessionToken;
    rememberSecret(parts.secretAccessKey);
    rememberSecret(parts.sessionToken);
  }

  /** For `util.inspect`, whatever its options: `{ getters: true }` would read the secrets. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `Credentials(${this.accessKeyId})`;
  }

  get secretAccessKey(): string {
    return this.#secretAccessKey;
  }

  /** Undefined for the long-term keys of an IAM user. */
  get sessionToken(): string | undefined {
    return this.#sessionToken;
  }

  /** Only long-term keys of an IAM user can present a token code. */
  get isLongTerm(): boolean {
    return this.#sessionToken === undefined;
  }
}
