import { rememberPassword } from "../credentials/redaction.ts";
import { AssumeMfaError } from "../errors.ts";
import { parseTotpSecret } from "./totp-secret.ts";

/** What the QR code of a device says besides its secret, where it says anything. AWS's devices have these. */
const OF_AWS: Readonly<Record<string, RegExp>> = {
  algorithm: /^(?:HMAC)?-?SHA-?1$/i,
  digits: /^6$/,
  period: /^30$/,
};

/**
 * A secret as people have it: the base32 that AWS shows, or the `otpauth://totp/…?secret=…` of the QR code (Key URI Format
 * of Google Authenticator). Whatever it is, it is hidden from all output from here on.
 * @returns base32 without padding
 * @throws AssumeMfaError TOTP_SECRET_MALFORMED; never repeats any of it
 */
export function parseGivenSecret(text: string): string {
  const given = text.trim();
  rememberPassword(given);
  const secret = /^otpauth:/i.test(given) ? parseUri(given) : parseTotpSecret(given);
  if (secret !== undefined) return secret;
  if (/^\d{6}$/.test(given)) {
    throw new AssumeMfaError("TOTP_SECRET_MALFORMED", "that is a code, not the secret that makes it", {
      hint: "the secret is what AWS shows beside the QR code, once, when the device is made",
    });
  }
  throw malformed("that is no secret of an MFA device");
}

function parseUri(given: string): string | undefined {
  let uri: URL;
  try {
    uri = new URL(given);
  } catch {
    return undefined;
  }
  if (uri.host.toLowerCase() !== "totp") throw malformed("that is not the URI of a device with codes by time");
  for (const [name, pattern] of Object.entries(OF_AWS)) {
    const value = uri.searchParams.get(name);
    if (value !== null && !pattern.test(value)) {
      throw malformed(`that URI has another ${name} than AWS's devices, which have SHA1, 6 digits and 30 seconds`);
    }
  }
  return parseTotpSecret(uri.searchParams.get("secret") ?? "");
}

function malformed(message: string): AssumeMfaError {
  return new AssumeMfaError("TOTP_SECRET_MALFORMED", message, {
    hint: "a secret is base32: 16 and more of the letters A to Z and the digits 2 to 7, as AWS shows it beside the QR code, or the QR code's otpauth://totp/… itself",
  });
}
