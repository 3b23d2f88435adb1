import type { ActionScope } from "./action.ts";

/** The same scope in another region of its account. A custom endpoint is all regions' alike. */
export function inRegion(scope: ActionScope, region: string): ActionScope {
  return {
    ...scope,
    region: { value: region, origin: { kind: "default", reason: "a region of the account" } },
    clientSettings: (service, maxAttempts) => ({ ...scope.clientSettings(service, maxAttempts), region }),
  };
}
