/**
 * Most characters of a policy, white space not counted (IAM User Guide, reference_iam-quotas). Inline policies of one
 * user, role or group share theirs. `trust` is the default of a quota that AWS raises to {@link TRUST_SIZE_MAXIMUM}.
 */
export const POLICY_SIZE_QUOTAS = {
  managed: 6144,
  inlineUser: 2048,
  inlineRole: 10_240,
  inlineGroup: 5120,
  trust: 2048,
  session: 2048,
} as const;

export const TRUST_SIZE_MAXIMUM = 4096;

/** What IAM counts against its quotas. */
export function policySizeCharacters(text: string): number {
  return text.replace(/\s+/g, "").length;
}
