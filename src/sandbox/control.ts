import { AssumeMfaError } from "../errors.ts";
import type { DeviceDisplay } from "./device-display.ts";
import type { WireRequest, WireResponse } from "./wire.ts";

/**
 * What a program inside asks the sandbox itself, beside AWS's protocols. The paths need no signature, so they answer
 * only what did not come through a browser: the exact Host (against DNS rebinding), no Origin, no Sec-Fetch headers.
 */
export const CONTROL_PREFIX = "/_assume-mfa/";
export const SANDBOX_PATH = `${CONTROL_PREFIX}sandbox`;
export const CODE_PATH = `${CONTROL_PREFIX}code`;
/** The value of the `sandbox` key at {@link SANDBOX_PATH}. */
export const SANDBOX_MARK = "assume-mfa";

export interface ControlInput {
  readonly port: number;
  readonly display: DeviceDisplay;
}

export async function answerControl(request: WireRequest, input: ControlInput): Promise<WireResponse> {
  const refusal = refuseForeignRequest(request, input.port);
  if (refusal !== undefined) return jsonResponse(403, { error: refusal });
  if (request.method !== "GET") return jsonResponse(405, { error: "only GET is answered here" });
  if (request.path === SANDBOX_PATH) return jsonResponse(200, { sandbox: SANDBOX_MARK, version: 1 });
  if (request.path !== CODE_PATH) return jsonResponse(404, { error: "there is nothing at this path" });
  try {
    const isFresh = request.query === "fresh=true";
    return jsonResponse(200, { code: isFresh ? await input.display.freshCode() : input.display.currentCode() });
  } catch (error) {
    if (error instanceof AssumeMfaError) return jsonResponse(503, { error: error.message, hint: error.hint });
    throw error;
  }
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
