import type { ActionScope } from "./action.ts";

/** What AWS gives as a region becomes part of a host name. */
const REGION = /^[a-z]{2}(?:-[a-z]+)+-\d{1,2}$/;

export function isRegionName(text: string): boolean {
  return REGION.test(text);
}

/** The same scope in another region of its account. A custom endpoint is all regions' alike. */
export function inRegion(scope: ActionScope, region: string): ActionScope {
  return {
    ...scope,
    region: { value: region, origin: { kind: "default", reason: "a region of the account" } },
    clientSettings: (service, maxAttempts) => ({ ...scope.clientSettings(service, maxAttempts), region }),
  };
}
