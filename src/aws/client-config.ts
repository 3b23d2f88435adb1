import { BoundedHttpHandler } from "./bounded-http-handler.ts";
import type { ClientSettings } from "./client-settings.ts";
import type { PooledHandler } from "./connection-pool.ts";

/**
 * The constructor argument of every AWS SDK client. All that the SDK would otherwise look up by itself is given
 * (AWS.md, "SDK v3 reads the AWS files even when …"): its credential chain never runs, it reads no file, and no
 * endpoint comes from anywhere but our own resolution.
 *
 * Credentials are handed over by a function, since the SDK keeps and copies an object that it is given.
 */
export function makeClientConfig(settings: ClientSettings) {
  const { credentials } = settings;
  const identity = {
    accessKeyId: credentials.accessKeyId,
    secretAccessKey: credentials.secretAccessKey,
    ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
  };
  return {
    region: settings.region,
    credentials: () => Promise.resolve(identity),
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    ignoreConfiguredEndpointUrls: true,
    useFipsEndpoint: settings.useFipsEndpoint,
    useDualstackEndpoint: settings.useDualstackEndpoint,
    maxAttempts: settings.maxAttempts,
    retryMode: "standard" as const,
    defaultsMode: "standard" as const,
    authSchemePreference: [] as string[],
    disableClockSkewCorrection: false,
    systemClockOffset: settings.clock?.offsetMs() ?? 0,
    userAgentAppId: () => Promise.resolve(undefined),
    requestHandler: handlerFor(settings),
  };
}

function handlerFor({ connection, clock, pool }: ClientSettings): BoundedHttpHandler {
  if (pool === undefined) return new BoundedHttpHandler(undefined, connection, clock);
  return pool.share(clock, JSON.stringify(connection), () => new SharedHandler(undefined, connection, clock));
}

/** The client that is destroyed is one of many. */
class SharedHandler extends BoundedHttpHandler implements PooledHandler {
  override destroy(): void {}

  closePooled(): void {
    super.destroy();
  }
}
