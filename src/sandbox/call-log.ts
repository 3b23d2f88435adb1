import { createHash, randomBytes } from "node:crypto";
import type { ServiceName } from "./call.ts";

/** One call that the sandbox answered, or swallowed by a fault: what tests and people look back at. */
export interface SandboxCall {
  readonly atMs: number;
  /** Undefined where the request was too broken to tell. */
  readonly service: ServiceName | "signin" | undefined;
  readonly operation: string | undefined;
  readonly accessKeyId: string | undefined;
  readonly region: string | undefined;
  /** As they came; codes, secrets and passwords stand as a tag that is the same for the same value. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly status: number;
  readonly errorCode: string | undefined;
  /** What was made to go wrong; the status is then what the sandbox meant to answer, 0 where nothing was. */
  readonly fault: string | undefined;
  readonly requestId: string;
}

const MAX_CALLS = 10_000;
/** What all remembered calls may weigh, by the size of their requests. */
const MAX_TOTAL_BYTES = 32 * 1_024 * 1_024;
/** Larger calls are remembered without their parameters; a thousand instance ids are about 40 KB. */
const MAX_CALL_BYTES = 128 * 1_024;
const SECRET_PARAMETERS =
  /^(?:TokenCode|AuthenticationCode[12]|X-Amz-(?:Security-Token|Signature|Credential)|Session|SigninToken|.*Password)$/;

/** The calls of one sandbox, the oldest forgotten first; bounded in number and in weight. */
export class CallLog {
  readonly calls: SandboxCall[] = [];
  readonly #bytes: number[] = [];
  #totalBytes = 0;
  // Six digits are soon guessed from a bare hash: the tag is salted, and worth nothing elsewhere.
  readonly #salt = randomBytes(16);

  /** @param requestBytes the size of the request's body */
  add(call: SandboxCall, requestBytes: number): void {
    const bytes = requestBytes > MAX_CALL_BYTES ? 0 : requestBytes;
    const parameters = requestBytes > MAX_CALL_BYTES ? {} : this.#mask(call.parameters);
    this.calls.push({ ...call, parameters });
    this.#bytes.push(bytes);
    this.#totalBytes += bytes;
    while (this.calls.length > MAX_CALLS || this.#totalBytes > MAX_TOTAL_BYTES) {
      this.calls.shift();
      this.#totalBytes -= this.#bytes.shift() ?? 0;
    }
  }

  #mask(parameters: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [
        name,
        SECRET_PARAMETERS.test(name) ? `masked-${this.#tag(String(value))}` : value,
      ]),
    );
  }

  #tag(text: string): string {
    return createHash("sha256").update(this.#salt).update(text).digest("hex").slice(0, 8);
  }
}
