import type { ActionScope } from "./action.ts";
import type { CallerIdentity } from "./sts-client.ts";

/** Whose the role's session is, as STS tells it. */
export async function whoami(scope: ActionScope): Promise<CallerIdentity> {
  const { getCallerIdentity } = await import("./sts-client.ts");
  return getCallerIdentity(scope);
}
