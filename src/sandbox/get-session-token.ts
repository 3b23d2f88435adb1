import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { checkMfa } from "./check-mfa.ts";
import { checkFields } from "./field-rules.ts";
import { formatSessionCredentials, issueSession } from "./issue-session.ts";
import { mfaFieldRules } from "./mfa-fields.ts";
import type { QueryParameters, XmlValue } from "./query-protocol.ts";

const DEFAULT_DURATION_SECONDS = 43_200;

/**
 * sts:GetSessionToken, with a code or without. Only with an IAM user's long-term keys; needs no permission, and no
 * policy can forbid it (AWS.md, MFA rules).
 */
export function getSessionToken(call: Call, parameters: QueryParameters): XmlValue {
  const { principal } = call;
  checkFields([
    { field: "durationSeconds", value: parameters.get("DurationSeconds"), min: 900, max: 129_600 },
    ...mfaFieldRules(parameters),
  ]);
  if (principal.kind !== "user" || principal.session !== undefined) {
    throw new AwsFault("AccessDenied", "Cannot call GetSessionToken with session credentials", 403);
  }
  const hasMfa = checkMfa(call, parameters.get("SerialNumber"), parameters.get("TokenCode"));
  const session = issueSession(call.world, {
    issuedAtMs: call.nowMs,
    durationSeconds: Number(parameters.get("DurationSeconds") ?? DEFAULT_DURATION_SECONDS),
    accountId: principal.account.id,
    owner: { kind: "user", userId: principal.user.id, userName: principal.user.name },
    mfaAtMs: hasMfa ? call.nowMs : undefined,
    sessionPolicies: [],
    tags: new Map(),
    transitiveTagKeys: [],
    sourceIdentity: undefined,
    isChained: false,
  });
  return { Credentials: formatSessionCredentials(session) };
}
