import type { AccessRequest } from "./access-request.ts";
import type { PrincipalElement, PrincipalEntry } from "./policy-document.ts";

/**
 * How a Principal element names the caller, the widest last.
 * `session`: this one role session. `exact`: the user, or the role whose session it is. `account`: the caller's
 * account, which leaves it to the account's own policies. `anyone`: `*`, or all but those of a NotPrincipal.
 */
export type PrincipalMatch = "session" | "exact" | "account" | "anyone";

const ACCOUNT_ROOT = /^arn:[^:]+:iam::(\d{12}):root$/;

/** @returns undefined when the element does not name the caller */
export function matchPrincipal(
  element: PrincipalElement,
  caller: AccessRequest["principal"],
): PrincipalMatch | undefined {
  const matches = new Set(element.entries.map((entry) => matchEntry(entry, caller)));
  if (element.negated) {
    const named = [...matches].some((match) => match !== undefined);
    return named ? undefined : "anyone";
  }
  // The strongest first: what names the caller itself needs no second permission in the same account.
  for (const match of ["session", "exact", "anyone", "account"] as const) if (matches.has(match)) return match;
  return undefined;
}

function matchEntry(entry: PrincipalEntry, caller: AccessRequest["principal"]): PrincipalMatch | undefined {
  // Service, Federated and CanonicalUser name callers that sign with no IAM user's or role's keys.
  if (entry.type !== "AWS" && entry.type !== "*") return undefined;
  if (entry.value === "*") return "anyone";
  if (entry.value === caller.accountId || ACCOUNT_ROOT.exec(entry.value)?.[1] === caller.accountId) return "account";
  if (entry.value === caller.sessionArn) return "session";
  return entry.value === caller.arn ? "exact" : undefined;
}
