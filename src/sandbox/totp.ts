import { createHmac, timingSafeEqual } from "node:crypto";

/** RFC 6238 as AWS's virtual devices use it: SHA-1, six digits, steps of thirty seconds. */
export const TOTP_STEP_MS = 30_000;

export type TotpAlgorithm = "sha1" | "sha256" | "sha512";

/** @returns the number of whole steps since 1970 */
export function totpStepAt(nowMs: number): number {
  return Math.floor(nowMs / TOTP_STEP_MS);
}

/**
 * The code of one step (RFC 4226 section 5.3, with the step as its counter).
 * @param secret the shared secret's bytes, not its base32
 */
export function computeTotp(secret: Uint8Array, step: number, digits = 6, algorithm: TotpAlgorithm = "sha1"): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac(algorithm, secret).update(counter).digest();
  const offset = (mac[mac.length - 1] ?? 0) & 0x0f;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** digits).padStart(digits, "0");
}

/**
 * Which step a code belongs to, of those that a device may be at: the world's own and one to either side.
 * A step at or before the last accepted one is never taken, so that a code works once (RFC 6238 section 5.2). AWS
 * publishes no window; one step is this sandbox's choice (AWS.md, "MFA rules").
 * @param nowMs by the device's clock: the world's, with the device's drift as it was found when it was enabled
 * @param lastAcceptedStep undefined when no code of this device was accepted yet
 * @returns undefined when the code is not to be accepted
 */
export function matchTotp(
  secret: Uint8Array,
  code: string,
  nowMs: number,
  lastAcceptedStep: number | undefined,
): number | undefined {
  const current = totpStepAt(nowMs);
  let matched: number | undefined;
  for (const step of [current - 1, current, current + 1]) {
    if (step < 0 || (lastAcceptedStep !== undefined && step <= lastAcceptedStep)) continue;
    if (matched === undefined && isSameCode(computeTotp(secret, step), code)) matched = step;
  }
  return matched;
}

/**
 * Two codes of neighbouring steps, as EnableMFADevice and ResyncMFADevice ask for.
 * @param windowSteps how far from the world's step the first one may lie
 * @returns the step of the second code; undefined when they are not two consecutive codes of this device
 */
export function matchConsecutiveTotp(
  secret: Uint8Array,
  first: string,
  second: string,
  nowMs: number,
  windowSteps: number,
): number | undefined {
  const current = totpStepAt(nowMs);
  for (let step = Math.max(0, current - windowSteps); step <= current + windowSteps; step += 1) {
    if (isSameCode(computeTotp(secret, step), first) && isSameCode(computeTotp(secret, step + 1), second)) {
      return step + 1;
    }
  }
  return undefined;
}

function isSameCode(expected: string, given: string): boolean {
  const expectedBytes = Buffer.from(expected);
  const givenBytes = Buffer.from(given);
  return expectedBytes.length === givenBytes.length && timingSafeEqual(expectedBytes, givenBytes);
}

const BASE32_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648 base32 without padding, as AWS hands secrets out. */
export function formatBase32(bytes: Uint8Array): string {
  let text = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32_ALPHABET[(buffer >>> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  if (bits > 0) text += BASE32_ALPHABET[(buffer << (5 - bits)) & 31];
  return text;
}

/** @throws RangeError when the text holds anything but base32 digits (either case) and padding */
export function parseBase32(text: string): Buffer {
  const bytes: number[] = [];
  let buffer = 0;
  let bits = 0;
  for (const character of text.toUpperCase().replace(/=+$/, "")) {
    const value = BASE32_ALPHABET.indexOf(character);
    if (value < 0) throw new RangeError("not base32");
    buffer = (buffer << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((buffer >>> bits) & 255);
    }
    buffer &= (1 << bits) - 1;
  }
  return Buffer.from(bytes);
}
