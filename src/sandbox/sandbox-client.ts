import { request as httpRequest, type IncomingMessage } from "node:http";
import { AssumeMfaError } from "../errors.ts";
import { CODE_PATH, SANDBOX_MARK, SANDBOX_PATH } from "./control.ts";

/*
 * Edge file: node:http, client side. Asks a running sandbox on loopback, without a proxy, following nothing, within a
 * limit of time and of 4 KiB. An address that is not plain http on loopback is never asked.
 */

const MAX_ANSWER_BYTES = 4_096;
const CODE_TIMEOUT_MS = 5_000;
/** The sandbox answers within 31 s (its own limit). */
const FRESH_CODE_TIMEOUT_MS = 35_000;

/** Whether an assume-mfa sandbox answers there. False for anything that is not loopback http. Never throws. */
export async function isSandbox(endpoint: string, timeoutMs: number): Promise<boolean> {
  const url = parseLoopbackUrl(endpoint);
  if (url === undefined) return false;
  try {
    const { status, body } = await getJson(new URL(SANDBOX_PATH, url), timeoutMs);
    return status === 200 && body.sandbox === SANDBOX_MARK;
  } catch {
    return false;
  }
}

/**
 * The six digits that alice's device shows in the sandbox at this address.
 * @param options fresh: wait (up to 31 s) until it is a code that was not used
 * @throws AssumeMfaError SANDBOX_FAILED
 */
export async function fetchSandboxCode(endpoint: string, options: { readonly fresh: boolean }): Promise<string> {
  const url = parseLoopbackUrl(endpoint);
  if (url === undefined) throw new AssumeMfaError("SANDBOX_FAILED", `${endpoint} is no sandbox: not http on loopback`);
  const address = new URL(options.fresh ? `${CODE_PATH}?fresh=true` : CODE_PATH, url);
  let answer: JsonAnswer;
  try {
    answer = await getJson(address, options.fresh ? FRESH_CODE_TIMEOUT_MS : CODE_TIMEOUT_MS);
  } catch (cause) {
    throw new AssumeMfaError("SANDBOX_FAILED", `no sandbox answers at ${endpoint}`, {
      hint: "start one with assume-mfa sandbox start, or work inside assume-mfa sandbox run",
      cause,
    });
  }
  const { code, error, hint } = answer.body;
  if (answer.status === 200 && typeof code === "string" && /^\d{6}$/.test(code)) return code;
  const message = typeof error === "string" ? error : `what answers at ${endpoint} is no sandbox`;
  throw new AssumeMfaError("SANDBOX_FAILED", message, { hint: typeof hint === "string" ? hint : undefined });
}

function parseLoopbackUrl(endpoint: string): URL | undefined {
  let url: URL;
  try {
    url = new URL(endpoint);
  } catch {
    return undefined;
  }
  const isLoopback = url.hostname === "127.0.0.1" || url.hostname === "localhost";
  return url.protocol === "http:" && isLoopback && url.username === "" && url.password === "" ? url : undefined;
}

interface JsonAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

function getJson(url: URL, timeoutMs: number): Promise<JsonAnswer> {
  return new Promise((resolve, reject) => {
    // `localhost` is asked at 127.0.0.1, where sandboxes listen, whatever the hosts file says of it.
    const request = httpRequest({
      host: "127.0.0.1",
      port: url.port || 80,
      path: url.pathname + url.search,
      agent: false,
    });
    request.setHeader("Host", url.host);
    const timer = setTimeout(() => request.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    request.on("close", () => clearTimeout(timer));
    request.on("error", reject);
    request.on("response", (response) => {
      readText(response)
        .then((text) => {
          const body: unknown = JSON.parse(text);
          if (typeof body !== "object" || body === null) throw new Error("not a JSON object");
          resolve({ status: response.statusCode ?? 0, body: body as Readonly<Record<string, unknown>> });
        })
        .catch((error: unknown) => {
          request.destroy();
          reject(error);
        });
    });
    request.end();
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
