import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { World } from "./world.ts";

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Text that a caller carries but can't read or change: page markers, encoded failure messages. Base64url. */
export function sealText(world: World, purpose: string, text: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", Buffer.from(world.sealKey, "hex"), iv);
  cipher.setAAD(Buffer.from(purpose));
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64url");
}

/** @returns undefined for a text that this world didn't seal for this purpose */
export function openSealedText(world: World, purpose: string, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, "base64url");
  // Only the one spelling that was handed out: Buffer passes over what is no base64url.
  if (bytes.length < IV_BYTES + TAG_BYTES || bytes.toString("base64url") !== sealed) return undefined;
  try {
    const decipher = createDecipheriv("aes-256-gcm", Buffer.from(world.sealKey, "hex"), bytes.subarray(0, IV_BYTES));
    decipher.setAAD(Buffer.from(purpose));
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}
