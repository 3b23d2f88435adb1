import { partitionOfRegion } from "../aws/arn.ts";
import type { ClientSettings } from "../aws/client-settings.ts";
import { endpointPlace } from "../aws/endpoint-place.ts";
import { isNotableSkew, type ServerClock } from "../aws/server-clock.ts";
import type { Host } from "../host/host.ts";
import type { SessionCache } from "./session-cache.ts";
import type { SharedSessions } from "./shared-sessions.ts";
import type { StsClient } from "./sts-client.ts";

interface Ports {
  readonly host: Pick<Host, "now">;
  readonly cache: Pick<SessionCache, "list">;
  readonly shared: Pick<SharedSessions, "list">;
  readonly serverClock: Pick<ServerClock, "offsetMs" | "suppose">;
  loadStsClient(settings: ClientSettings): Promise<StsClient>;
}

/** A clock that was wrong longer ago may have been set since. */
const KNOWN_FOR_MS = 24 * 3_600_000;

/**
 * The same ports, with a first call of STS that is signed by the time that an earlier run learnt there, where this machine's
 * clock was wrong: else what carries a code would be refused for its date and sent again in each run. It only signs by
 * it; where the clock was set since, that one is refused in its place, and what it hears counts.
 * @param noCache nothing that is kept is looked at
 */
export function withKnownClock<Given extends Ports>(ports: Given, { noCache }: { readonly noCache: boolean }): Given {
  if (noCache) return ports;
  return {
    ...ports,
    loadStsClient(settings: ClientSettings) {
      const { serverClock } = ports;
      if (serverClock.offsetMs() === undefined) {
        const offsetMs = knownOffsetMs(stsPlace(settings), ports);
        if (isNotableSkew(offsetMs)) serverClock.suppose(offsetMs);
      }
      return ports.loadStsClient(settings);
    },
  };
}

function stsPlace({ endpoint, region }: Pick<ClientSettings, "endpoint" | "region">): string {
  return endpoint === undefined ? partitionOfRegion(region) : endpointPlace(endpoint, "sts");
}

/** What the newest session of the place says; what is dated later than now says that the clock was set. */
function knownOffsetMs(place: string, { cache, shared, host }: Ports): number | undefined {
  const ofRoles = cache.list().filter(({ inputs: { stsEndpoint }, role }) => {
    const where = typeof stsEndpoint === "string" ? endpointPlace(stsEndpoint, "sts") : role.partition;
    return where === place;
  });
  const now = host.now();
  return [...ofRoles, ...shared.list().filter((head) => head.place === place)]
    .filter(({ obtainedAt }) => obtainedAt <= now && now - obtainedAt < KNOWN_FOR_MS)
    .sort((one, other) => other.obtainedAt - one.obtainedAt)[0]?.clockOffsetMs;
}
