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
/** Larger calls are remembered without their parameters. */
export const MAX_LOGGED_BODY_BYTES = 128 * 1_024;
const SECRET_PARAMETERS =
  /^(?:TokenCode|AuthenticationCode[12]|X-Amz-(?:Security-Token|Signature|Credential)|Session|SigninToken|.*Password)$/;

export class CallLog {
  readonly calls: SandboxCall[] = [];
  // Six digits are soon guessed from a bare hash: the tag is salted, and worth nothing elsewhere.
  readonly #salt = randomBytes(16);

  add(call: SandboxCall): void {
    if (this.calls.length >= MAX_CALLS) this.calls.shift();
    this.calls.push({ ...call, parameters: this.#mask(call.parameters) });
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
