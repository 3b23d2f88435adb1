import type { ActionScope } from "../actions/action.ts";
import { defaultRegionOf } from "../aws/arn.ts";
import type { RoleSession } from "../session/role-session.ts";
import { sessionNameOf } from "../session/session-name.ts";
import type { Target } from "../target/target.ts";
import type { Services } from "./services.ts";

/** What an action works with in a target's account. */
export function makeScope(services: Services, target: Target, session: RoleSession): ActionScope {
  const { partition } = target.role.value;
  const region = target.region ?? {
    value: defaultRegionOf(partition),
    origin: { kind: "default", reason: `the default of ${partition}` } as const,
  };
  return {
    target,
    accountId: session.accountId,
    region,
    sessionName: sessionNameOf(session.assumedRoleArn),
    clientSettings: (service, maxAttempts) => ({
      region: region.value,
      endpoint: target.endpoints[service]?.value,
      credentials: session.credentials,
      useFipsEndpoint: target.useFipsEndpoint.value,
      useDualstackEndpoint: target.useDualstackEndpoint.value,
      connection: target.connection,
      maxAttempts,
      clock: services.serverClock,
      // What may not be sent again has a connection of its own.
      pool: maxAttempts > 1 ? services.pool : undefined,
    }),
    clock: services.host,
    interrupts: services.host.interrupts,
  };
}
