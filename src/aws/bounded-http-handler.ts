// How requests reach AWS: the SDK's own handler, with bounds. Edge file: @smithy/node-http-handler, node:tls. The SDK's
// time limits end when an answer's headers are there, and it has no limit of size: a body that trickles would hold a command for
// ever, one without an end would fill the memory. TLS certificates are verified whatever NODE_TLS_REJECT_UNAUTHORIZED
// says: a variable that somebody set for another program must not hand out keys.
import { type Readable, Transform } from "node:stream";
import { createSecureContext, type SecureContext } from "node:tls";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { loadCaBundle } from "./ca-bundle.ts";
import { type CaBundle, type ConnectionSettings, DIRECT_CONNECTION } from "./client-settings.ts";
import { parseAmzDate, type ServerClock } from "./server-clock.ts";

/** TCP and TLS must be up within this. ACCEPTANCE.md M6. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** An answer must begin within this, and be complete within the same again. ACCEPTANCE.md M6. */
export const RESPONSE_TIMEOUT_MS = 15_000;
/** Many times the largest answer that AWS gives: a page of a thousand instances has about five. */
export const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** What an answer may take. */
export interface AnswerBounds {
  readonly responseTimeoutMs: number;
  readonly maxBodyBytes: number;
}

const AWS_BOUNDS: AnswerBounds = { responseTimeoutMs: RESPONSE_TIMEOUT_MS, maxBodyBytes: MAX_BODY_BYTES };

export class BoundedHttpHandler extends NodeHttpHandler {
  readonly #bounds: AnswerBounds;
  readonly #clock: ServerClock | undefined;

  /**
   * @param clock hears the Date header of every answer, those of errors too; what a proxy says for itself is no answer
   * @throws AssumeMfaError when the CA bundle can't be used
   */
  constructor(
    bounds = AWS_BOUNDS,
    { proxy, caBundle }: ConnectionSettings = DIRECT_CONNECTION,
    clock?: ServerClock | undefined,
  ) {
    const limits = {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: bounds.responseTimeoutMs,
      throwOnRequestTimeout: true,
    };
    const trust = caBundle === undefined ? {} : { secureContext: trustOnly(caBundle) };
    const agent = { rejectUnauthorized: true, keepAlive: true, maxSockets: 50, ...trust };
    super(
      proxy === undefined
        ? { ...limits, httpsAgent: agent }
        : async () => {
            const { TunnelAgent } = await import("./tunnel-agent.ts");
            return { ...limits, httpsAgent: new TunnelAgent(agent, proxy, CONNECT_TIMEOUT_MS) };
          },
    );
    this.#bounds = bounds;
    this.#clock = clock;
  }

  override async handle(...args: Parameters<NodeHttpHandler["handle"]>): ReturnType<NodeHttpHandler["handle"]> {
    const sentAt = this.#clock?.now() ?? 0;
    const answer = await super.handle(...args);
    const { headers } = answer.response;
    const { date, age } = headers as Record<string, string | undefined>;
    // With an Age it comes from a cache on the way, and is dated when that got it (RFC 9111).
    if (age === undefined) this.#clock?.hear({ date, sentAt, receivedAt: this.#clock.now() });
    // Where its own clock is wrong, the SDK takes any refusal that is dated for one of the clock, and sends again what
    // was signed by the right time already.
    if (isSignedInTime(args[0].headers["x-amz-date"], date)) delete headers.date;
    answer.response.body = boundBody(answer.response.body as Readable, this.#bounds);
    return answer;
  }
}

/** The SDK corrects what is more than this; AWS refuses from five minutes on. */
const SIGNED_IN_TIME_MS = 240_000;

function isSignedInTime(amzDate: string | undefined, date: string | undefined): boolean {
  return Math.abs(parseAmzDate(amzDate) - Date.parse(date ?? "")) < SIGNED_IN_TIME_MS;
}

const contexts = new Map<string, SecureContext>();

/**
 * For TLS that trusts the bundle alone. Made once for a file: Node would make one for each connection.
 * @throws AssumeMfaError as {@link loadCaBundle}
 */
function trustOnly(bundle: CaBundle): SecureContext {
  const made = contexts.get(bundle.path) ?? createSecureContext({ ca: loadCaBundle(bundle) });
  contexts.set(bundle.path, made);
  return made;
}

function boundBody(body: Readable, { responseTimeoutMs, maxBodyBytes }: AnswerBounds): Readable {
  let bytes = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) end("EMSGSIZE", "the answer is too long");
      else done(null, chunk);
    },
  });
  const end = (code: string, message: string) => {
    body.destroy();
    bounded.destroy(Object.assign(new Error(message), { name: "TimeoutError", code }));
  };
  const timer = setTimeout(() => end("ETIMEDOUT", "the answer did not end"), responseTimeoutMs);
  timer.unref();
  body.on("error", (error) => bounded.destroy(error));
  body.on("close", () => {
    if (!body.readableEnded)
      bounded.destroy(Object.assign(new Error("the connection was cut"), { code: "ECONNRESET" }));
  });
  bounded.on("close", () => clearTimeout(timer));
  return body.pipe(bounded);
}
