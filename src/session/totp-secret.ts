import { rememberPassword } from "../credentials/redaction.ts";

/** RFC 6238 as AWS's virtual devices use it: steps of thirty seconds. */
const TOTP_STEP_SECONDS = 30;
export const TOTP_STEP_MS = TOTP_STEP_SECONDS * 1000;

/** Shorter is a secret that lost its end: authenticators have made 80 bits and more, AWS makes 320. */
const SHORTEST_SECRET_BYTES = 10;
const LONGEST_SECRET_BYTES = 128;
const BASE32_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/**
 * The secret of a virtual device as people keep it: base32 in any case, with blanks or hyphens between groups, padded or
 * not. Whatever it is, it is hidden from all output from here on.
 * @returns base32 as RFC 4648 has it, without padding; undefined when it is none
 */
export function parseTotpSecret(text: string): string | undefined {
  rememberPassword(text);
  rememberPassword(text.trim());
  const plain = text.replace(/[\s-]/g, "").replace(/=+$/, "").toUpperCase();
  rememberPassword(plain);
  rememberPassword(plain.toLowerCase());
  if (!/^[A-Z2-7]+$/.test(plain)) return undefined;
  const bytes = Math.floor((plain.length * 5) / 8);
  const restBits = plain.length * 5 - bytes * 8;
  // The bits beyond the last whole byte are zero and less than a character (RFC 4648, 6): else some of it is missing.
  const last = BASE32_ALPHABET.indexOf(plain.at(-1) ?? "");
  if (restBits >= 5 || (last & ((1 << restBits) - 1)) !== 0) return undefined;
  return bytes >= SHORTEST_SECRET_BYTES && bytes <= LONGEST_SECRET_BYTES ? plain : undefined;
}

/**
 * The code of one step. Imports the library: called only when a code is due.
 * @param secret what `parseTotpSecret` returned
 * @param step whole steps since 1970
 * @returns six digits
 */
export async function computeTokenCode(secret: string, step: number): Promise<string> {
  const { createGuardrails, generateSync } = await import("otplib");
  const guardrails = createGuardrails({
    MIN_SECRET_BYTES: SHORTEST_SECRET_BYTES,
    MAX_SECRET_BYTES: LONGEST_SECRET_BYTES,
  });
  return generateSync({ secret, epoch: step * TOTP_STEP_SECONDS, period: TOTP_STEP_SECONDS, guardrails });
}

/** @param nowMs milliseconds since 1970 */
export function totpStepAt(nowMs: number): number {
  return Math.floor(nowMs / TOTP_STEP_MS);
}

/**
 * @param nowMs milliseconds since 1970
 * @returns milliseconds until a device shows another code: never 0
 */
export function untilNextStepMs(nowMs: number): number {
  return (totpStepAt(nowMs) + 1) * TOTP_STEP_MS - nowMs;
}
