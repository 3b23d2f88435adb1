/** What a serial names, by its shape. */
export type MfaSerialKind = "virtual" | "hardware" | "security key" | "sms" | "user" | "other";

// STS's model, AssumeRole: SerialNumber.
const MFA_SERIAL = /^[\w+=/:,.@-]{9,256}$/;
const ARN_KINDS: Readonly<Record<string, MfaSerialKind>> = {
  mfa: "virtual",
  u2f: "security key",
  passkey: "security key",
  fido: "security key",
  fido2: "security key",
  "sms-mfa": "sms",
  user: "user",
};

/** @returns whether STS takes a text of this form as a device's serial */
export function isMfaSerial(text: string): boolean {
  return MFA_SERIAL.test(text);
}

/**
 * A virtual device has an `:mfa/` ARN and a hardware token a plain serial such as GAHT12345678: these two show codes. A
 * passkey, security key or user has an ARN of its own, and no code (AWS.md, 3).
 */
export function mfaSerialKind(serial: string): MfaSerialKind {
  if (!/^arn:/i.test(serial)) return serial.startsWith("+") ? "sms" : "hardware";
  const kind = /^arn:[^:]*:iam::\d*:([\w-]+)\//i.exec(serial)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(ARN_KINDS, kind) ? (ARN_KINDS[kind] as MfaSerialKind) : "other";
}
