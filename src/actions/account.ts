import { defaultRegionOf } from "../aws/arn.ts";
import { isLoopbackUrl } from "../aws/loopback.ts";
import { AssumeMfaError } from "../errors.ts";
import { shownName } from "../text/shown-name.ts";
import type { ActionScope } from "./action.ts";

/** The account that something is about to be done in, as AWS tells it now. */
export interface Account {
  /** Twelve digits. */
  readonly id: string;
  /** Raw text; undefined where there is none, or the role may not read it. */
  readonly alias: string | undefined;
}

/** An alias is not waited for longer than this; who the session is, which is checked, is. */
const ALIAS_LIMIT_MS = 2_000;
const IDENTITY_LIMIT_MS = 5_000;

/**
 * Asks STS whose the session is, and IAM for the alias, at the same time.
 * @param withAlias whether the session may be allowed to ask for it
 * @param signal ends the asking where the answer is of no use any more
 * @throws AssumeMfaError ACCOUNT_UNEXPECTED when the session is of another account than the target
 */
export async function readAccount(
  scope: ActionScope,
  { withAlias, signal }: { readonly withAlias: boolean; readonly signal: AbortSignal },
  note: (text: string) => void,
): Promise<Account> {
  const [identity, alias] = await Promise.all([
    readIdentity(scope, signal),
    withAlias ? readAlias(scope, signal) : undefined,
  ]);
  if (identity === undefined && !signal.aborted) {
    note(`the account could not be read again: ${scope.accountId} is what the session was opened for`);
  }
  if (identity !== undefined && identity !== scope.accountId) {
    throw new AssumeMfaError(
      "ACCOUNT_UNEXPECTED",
      `the session is of account ${identity}, and ${shownName(scope.target.name)} is account ${scope.accountId}; nothing was done`,
      { hint: "run it again with --refresh, and check the endpoint of STS" },
    );
  }
  return { id: scope.accountId, alias };
}

/** @returns undefined where STS does not say: a dead session is the action's own call's to tell */
async function readIdentity(scope: ActionScope, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { getCallerIdentity } = await import("./sts-client.ts");
    const { account } = await getCallerIdentity(
      scope,
      AbortSignal.any([signal, AbortSignal.timeout(IDENTITY_LIMIT_MS)]),
    );
    return account === "" ? undefined : account;
  } catch {
    return undefined;
  }
}

async function readAlias(scope: ActionScope, signal: AbortSignal): Promise<string | undefined> {
  const { endpoints, role } = scope.target;
  // An emulator's keys mean nothing to AWS, or somebody else.
  if (endpoints.iam === undefined && endpoints.sts !== undefined && isLoopbackUrl(endpoints.sts.value))
    return undefined;
  try {
    const { getAccountAlias } = await import("./iam-client.ts");
    // IAM is one for a partition, whatever the region.
    const settings = { ...scope.clientSettings("iam", 1), region: defaultRegionOf(role.value.partition) };
    return await getAccountAlias(settings, AbortSignal.any([signal, AbortSignal.timeout(ALIAS_LIMIT_MS)]));
  } catch {
    return undefined;
  }
}
