/*
 * Edge file: node:http, client side. Asks a running sandbox on loopback, without a proxy, following nothing, within a
 * limit of time and of 4 KiB (the call log: 256 MiB). An address that is not plain http on 127.0.0.1 is never asked.
 */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { AssumeMfaError } from "../errors.ts";
import type { SandboxCall } from "./call-log.ts";
import { CALLS_PATH, CLOCK_PATH, CODE_PATH, SANDBOX_MARK, SANDBOX_PATH } from "./control.ts";

const MAX_ANSWER_BYTES = 4_096;
/** The call log holds 32 MiB of requests at most; as JSON it is a few times that. */
const MAX_CALLS_BYTES = 256 * 1_024 * 1_024;
const CODE_TIMEOUT_MS = 5_000;
const CALLS_TIMEOUT_MS = 30_000;
/** The sandbox answers within 31 s (its own limit). */
const FRESH_CODE_TIMEOUT_MS = 35_000;

/** Whether an assume-mfa sandbox answers there. False for anything but http on 127.0.0.1. Never throws. */
export async function isSandbox(endpoint: string, timeoutMs: number): Promise<boolean> {
  const url = parseSandboxUrl(endpoint);
  if (url === undefined) return false;
  try {
    const { status, body } = await requestJson(new URL(SANDBOX_PATH, url), timeoutMs, "GET", MAX_ANSWER_BYTES);
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
  const path = options.fresh ? `${CODE_PATH}?fresh=true` : CODE_PATH;
  const answer = await ask(endpoint, path, options.fresh ? FRESH_CODE_TIMEOUT_MS : CODE_TIMEOUT_MS, "GET");
  const { code, error, hint } = answer.body;
  if (answer.status === 200 && typeof code === "string" && /^\d{6}$/.test(code)) return code;
  const message = typeof error === "string" ? error : `what answers at ${endpoint} is no sandbox`;
  throw new AssumeMfaError("SANDBOX_FAILED", message, { hint: typeof hint === "string" ? hint : undefined });
}

/**
 * The world's time in the sandbox at this address, in milliseconds since 1970.
 * @throws AssumeMfaError SANDBOX_FAILED
 */
export function fetchSandboxClock(endpoint: string): Promise<number> {
  return askClock(endpoint, "GET", "");
}

/**
 * Moves the world's time on.
 * @param byMs whole milliseconds, not negative: a world's time never goes back
 * @returns the time after it
 * @throws AssumeMfaError SANDBOX_FAILED
 */
export function moveSandboxClock(endpoint: string, byMs: number): Promise<number> {
  return askClock(endpoint, "POST", `?byMs=${byMs}`);
}

async function askClock(endpoint: string, method: "GET" | "POST", query: string): Promise<number> {
  const { status, body } = await ask(endpoint, CLOCK_PATH + query, CODE_TIMEOUT_MS, method);
  const { nowMs, error } = body;
  // ECMA-262, "Time Values": more is no time that a Date can hold.
  if (status === 200 && typeof nowMs === "number" && nowMs >= 0 && nowMs <= 8.64e15) return nowMs;
  const message = typeof error === "string" ? error : `what answers at ${endpoint} is no sandbox`;
  throw new AssumeMfaError("SANDBOX_FAILED", message);
}

/** @throws AssumeMfaError SANDBOX_FAILED when there is no answer */
async function ask(
  endpoint: string,
  path: string,
  timeoutMs: number,
  method: "GET" | "POST",
  maxBytes = MAX_ANSWER_BYTES,
): Promise<JsonAnswer> {
  const url = parseSandboxUrl(endpoint);
  if (url === undefined) throw new AssumeMfaError("SANDBOX_FAILED", `${endpoint} is no sandbox: not http on 127.0.0.1`);
  try {
    return await requestJson(new URL(path, url), timeoutMs, method, maxBytes);
  } catch (cause) {
    throw new AssumeMfaError("SANDBOX_FAILED", `no sandbox answers at ${endpoint}`, {
      hint: "start one with assume-mfa sandbox start, or work inside assume-mfa sandbox run",
      cause,
    });
  }
}

/**
 * What the sandbox at this address was called so far, the oldest first; secrets and codes are masked.
 * @throws AssumeMfaError SANDBOX_FAILED
 */
export async function fetchSandboxCalls(endpoint: string): Promise<readonly SandboxCall[]> {
  const { status, body } = await ask(endpoint, CALLS_PATH, CALLS_TIMEOUT_MS, "GET", MAX_CALLS_BYTES);
  if (status === 200 && Array.isArray(body)) return body as readonly SandboxCall[];
  throw new AssumeMfaError("SANDBOX_FAILED", `what answers at ${endpoint} is no sandbox`);
}

function parseSandboxUrl(endpoint: string): URL | undefined {
  let url: URL;
  try {
    url = new URL(endpoint);
  } catch {
    return undefined;
  }
  // Not `localhost`: what that name leads to is for the hosts file and the resolver to say, also when the SDK calls it.
  const isOfSandbox = url.protocol === "http:" && url.hostname === "127.0.0.1";
  return isOfSandbox && url.username === "" && url.password === "" ? url : undefined;
}

interface JsonAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

function requestJson(url: URL, timeoutMs: number, method: "GET" | "POST", maxBytes: number): Promise<JsonAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: "127.0.0.1",
      port: url.port || 80,
      method,
      path: url.pathname + url.search,
      agent: false,
    });
    request.setHeader("Host", url.host);
    const timer = setTimeout(() => request.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    request.on("close", () => clearTimeout(timer));
    request.on("error", reject);
    request.on("response", (response) => {
      readText(response, maxBytes)
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

async function readText(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
