import { AssumeMfaError } from "../errors.ts";
import type { SandboxCall } from "./call-log.ts";
import type { DeviceDisplay } from "./device-display.ts";
import type { WireRequest, WireResponse } from "./wire.ts";

/**
 * What a program inside asks the sandbox itself, beside AWS's protocols. The paths need no signature, so they answer
 * only what did not come through a browser: the exact Host (against DNS rebinding), no Origin, no Sec-Fetch headers.
 */
export const CONTROL_PREFIX = "/_assume-mfa/";
/** Says that this is a sandbox. */
export const SANDBOX_PATH = `${CONTROL_PREFIX}sandbox`;
/** What alice's device shows; with `?fresh=true` once it is unused. */
export const CODE_PATH = `${CONTROL_PREFIX}code`;
/** The world's time; POST with `?byMs=` moves it on. */
export const CLOCK_PATH = `${CONTROL_PREFIX}clock`;
/** What was called, with codes and secrets masked. */
export const CALLS_PATH = `${CONTROL_PREFIX}calls`;
/** The value of the `sandbox` key at {@link SANDBOX_PATH}. */
export const SANDBOX_MARK = "assume-mfa";

/** What the control paths show and move. */
export interface ControlInput {
  readonly port: number;
  readonly display: DeviceDisplay;
  readonly calls: readonly SandboxCall[];
  /** The world's time, milliseconds since 1970. */
  now(): number;
  moveClock(byMs: number): void;
}

/** Ten years: more than anything in the sandbox lasts. */
export const MAX_MOVE_MS = 315_360_000_000;

/** Answers with JSON; 403 for what came through a browser or under another name. */
export async function answerControl(request: WireRequest, input: ControlInput): Promise<WireResponse> {
  const refusal = refuseForeignRequest(request, input.port);
  if (refusal !== undefined) return jsonResponse(403, { error: refusal });
  const { method, path } = request;
  if (method === "POST" && path === CLOCK_PATH) return moveClock(request, input);
  if (method !== "GET") return jsonResponse(405, { error: "only GET is answered here" });
  if (path === SANDBOX_PATH) return jsonResponse(200, { sandbox: SANDBOX_MARK, version: 1 });
  if (path === CLOCK_PATH) return jsonResponse(200, { nowMs: input.now() });
  if (path === CALLS_PATH) return jsonResponse(200, input.calls);
  if (path !== CODE_PATH) return jsonResponse(404, { error: "there is nothing at this path" });
  try {
    const isFresh = request.query === "fresh=true";
    return jsonResponse(200, { code: isFresh ? await input.display.freshCode() : input.display.currentCode() });
  } catch (error) {
    if (error instanceof AssumeMfaError) return jsonResponse(503, { error: error.message, hint: error.hint });
    throw error;
  }
}

function moveClock(request: WireRequest, input: ControlInput): WireResponse {
  const match = /^byMs=(\d{1,15})$/.exec(request.query);
  const byMs = Number(match?.[1]);
  if (match === null || byMs > MAX_MOVE_MS) {
    return jsonResponse(400, { error: "the clock is moved on by milliseconds: ?byMs=1200000" });
  }
  input.moveClock(byMs);
  return jsonResponse(200, { nowMs: input.now() });
}

function refuseForeignRequest(request: WireRequest, port: number): string | undefined {
  const host = request.headers.get("host");
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) return "the Host header is not this sandbox's";
  for (const name of request.headers.keys()) {
    if (name === "origin" || name.startsWith("sec-fetch-")) return "browsers are not answered here";
  }
  return undefined;
}

function jsonResponse(status: number, content: object): WireResponse {
  return {
    status,
    headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
    body: JSON.stringify(content),
  };
}
