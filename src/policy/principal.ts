import type { AccessRequest } from "./access-request.ts";
import type { PolicyStatement, PrincipalEntry } from "./policy-statement.ts";

/**
 * How a statement names the caller. `session`: this one role session. `anyone`: `*`, or all but those of a
 * NotPrincipal. `exact`: the user, or the role whose session it is. `account`: the caller's account, which leaves it to
 * the account's own policies.
 */
export type PrincipalMatch = "session" | "anyone" | "exact" | "account";

/** The grant that the fewest other policies can limit comes first (see evaluate-access.ts). */
const STRONGEST_FIRST: readonly PrincipalMatch[] = ["session", "anyone", "exact", "account"];

const ACCOUNT_ROOT = /^arn:[^:]+:iam::(\d{12}):root$/;

export function strongestMatch(matches: ReadonlySet<PrincipalMatch>): PrincipalMatch | undefined {
  return STRONGEST_FIRST.find((match) => matches.has(match));
}

/** @returns undefined when the statement does not name the caller, or has neither Principal nor NotPrincipal */
export function matchPrincipal(
  statement: PolicyStatement,
  caller: AccessRequest["principal"],
): PrincipalMatch | undefined {
  const element = statement.principal;
  if (element === undefined) return undefined;
  const matches = new Set(element.entries.flatMap((entry) => matchEntry(entry, caller) ?? []));
  if (!element.negated) return strongestMatch(matches);
  return isSpared(statement.effect, matches, caller) ? undefined : "anyone";
}

/**
 * Whether a NotPrincipal spares the caller. A caller has several names, checked one after the other: account, then
 * user, or role and session. A Deny spares only whom it lists by all of them (reference_policies_elements_notprincipal
 * says that it "might" deny otherwise; the sandbox takes the stricter reading). An Allow leaves out whom it lists by
 * any.
 */
function isSpared(
  effect: "Allow" | "Deny",
  matches: ReadonlySet<PrincipalMatch>,
  caller: AccessRequest["principal"],
): boolean {
  if (effect === "Allow") return matches.size > 0;
  const names: readonly PrincipalMatch[] =
    caller.sessionArn === undefined ? ["account", "exact"] : ["account", "exact", "session"];
  return matches.has("anyone") || names.every((name) => matches.has(name));
}

function matchEntry(entry: PrincipalEntry, caller: AccessRequest["principal"]): PrincipalMatch | undefined {
  // Services and identity providers sign with no user's or role's keys.
  if (entry.type === "Service" || entry.type === "Federated") return undefined;
  if (entry.value === "*") return "anyone";
  if (entry.value === caller.accountId || ACCOUNT_ROOT.exec(entry.value)?.[1] === caller.accountId) return "account";
  if (entry.value === caller.sessionArn) return "session";
  return entry.value === caller.arn ? "exact" : undefined;
}
