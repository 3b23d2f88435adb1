import type { ActionScope } from "../actions/action.ts";
import { sessionInputs } from "../session/session-inputs.ts";
import { makeScope } from "./action-scope.ts";
import { nameSessions, resolvePlainTarget } from "./kept-sessions.ts";
import type { Services } from "./services.ts";

/** More than that are not looked through for an error's hint. */
const MAX_OTHERS = 20;

/**
 * Other accounts that can be looked into without a code, a dialog or an AssumeRole: by the live role sessions that
 * other targets have in files, one for each account, in the scope's region.
 */
export async function otherAccounts(scope: ActionScope, services: Services): Promise<readonly ActionScope[]> {
  const config = services.loadConfig();
  const others = new Map<string, ActionScope>();
  for (const { target: name, isCurrent, kept } of nameSessions(services.cache.list(), config, services)) {
    const { accountId, partition } = kept.role;
    if (!isCurrent || accountId === scope.accountId || partition !== scope.target.role.value.partition) continue;
    if (others.has(accountId) || others.size >= MAX_OTHERS) continue;
    const target = resolvePlainTarget(name, config, services);
    // A keychain may want somebody to open it. Another endpoint is another AWS, which nobody asked about.
    if (target.cache.value !== "file" || target.endpoints.ec2?.value !== scope.target.endpoints.ec2?.value) continue;
    const session = await services.cache.read(sessionInputs(target));
    if (session === undefined) continue;
    others.set(accountId, makeScope(services, { ...target, region: scope.region }, session));
  }
  return [...others.values()];
}
