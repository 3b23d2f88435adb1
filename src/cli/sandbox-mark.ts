import { isLoopbackUrl } from "../aws/loopback.ts";
import { AssumeMfaError } from "../errors.ts";
import { formatOrigin } from "../target/format-origin.ts";
import type { ServiceId, Source, Sourced, Target } from "../target/target.ts";
import { visibleText } from "../text/visible-text.ts";
import type { Screen } from "./screen.ts";
import type { Services } from "./services.ts";

/** The services whose address decides where the work lands. */
const CALLED_SERVICES: readonly ServiceId[] = ["sts", "ec2", "dynamodb", "iam"];

const LEAVE_HINT =
  "to work in AWS itself: unset ASSUME_MFA_SANDBOX AWS_ENDPOINT_URL AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE";

type Called = Pick<Target, "endpoints" | "source">;

/** Below this a difference is the time that asking takes. */
const CLOCK_TOLERANCE_MS = 1_500;

/**
 * The sandbox that the environment speaks of must be running: asked before its files are looked for, which went with it.
 * @returns the services as they are inside: where the world's clock was moved, with its time
 * @throws AssumeMfaError ENDPOINT_UNEXPECTED
 */
export async function enterSandbox(services: Services): Promise<Services> {
  const { host } = services;
  const endpoint = host.env.ASSUME_MFA_SANDBOX;
  if (!endpoint) return services;
  if (await services.sandbox.isSandbox(endpoint)) {
    const aheadMs = (await services.sandbox.clock(endpoint, undefined)) - host.now();
    if (Math.abs(aheadMs) < CLOCK_TOLERANCE_MS) return services;
    const now = () => host.now() + aheadMs;
    return { ...services, host: { ...host, now }, ...services.clientsOn(now) };
  }
  throw new AssumeMfaError("ENDPOINT_UNEXPECTED", `ASSUME_MFA_SANDBOX is set, and no sandbox answers at ${endpoint}`, {
    hint: ["it has stopped: start another with assume-mfa sandbox start", LEAVE_HINT],
  });
}

/** The mark for what calls nothing and yet shows a sandbox's sessions: after {@link enterSandbox}. */
export function showSandbox({ host }: Services, screen: Screen): void {
  const endpoint = host.env.ASSUME_MFA_SANDBOX;
  if (endpoint) screen.line(screen.errorStyle.yellow(`SANDBOX ${visibleText(endpoint)} (not AWS)`));
}

/**
 * Says where the calls go when it is not to AWS's own addresses: SANDBOX where every endpoint is loopback and answers as a
 * sandbox, so that nobody takes one for the other, else each endpoint with who set it.
 * @throws AssumeMfaError ENDPOINT_UNEXPECTED when ASSUME_MFA_SANDBOX is set and any endpoint is something else
 */
export async function showEndpoints(services: Services, targets: readonly Called[], screen: Screen): Promise<void> {
  const endpoints = targets.flatMap((target) => [
    ...CALLED_SERVICES.map((service) => ({ service, endpoint: target.endpoints[service] })),
    ...calledForSource(target.source),
  ]);
  const addresses = [...new Set(endpoints.map(({ endpoint }) => endpoint?.value))];
  const known = new Map<string | undefined, boolean>();
  await Promise.all(
    addresses.map(async (address) => {
      const isSandbox = address !== undefined && isLoopbackUrl(address) && (await services.sandbox.isSandbox(address));
      known.set(address, isSandbox);
    }),
  );
  const others = endpoints.filter(({ endpoint }) => !known.get(endpoint?.value));
  if (others.length === 0) {
    screen.line(screen.errorStyle.yellow(`SANDBOX ${addresses.join(" ")} (not AWS)`));
    return;
  }
  if (services.host.env.ASSUME_MFA_SANDBOX) {
    const [{ service, endpoint }] = others as [(typeof others)[number]];
    const where =
      endpoint === undefined ? "at AWS's own address" : `at ${endpoint.value} (${formatOrigin(endpoint.origin)})`;
    throw new AssumeMfaError(
      "ENDPOINT_UNEXPECTED",
      `ASSUME_MFA_SANDBOX is set, and ${service} is ${where}, which is no sandbox`,
      {
        hint: LEAVE_HINT,
      },
    );
  }
  const shown = new Set<string>();
  for (const { endpoint } of endpoints) {
    if (endpoint === undefined || shown.has(endpoint.value)) continue;
    shown.add(endpoint.value);
    screen.line(visibleText(`endpoint ${endpoint.value} (${formatOrigin(endpoint.origin)})`));
  }
}

/** What is called on the way to the target's session, beside the target's own services. */
function calledForSource(source: Source): readonly { service: string; endpoint: Sourced<string> | undefined }[] {
  if (source.kind === "role") {
    const { endpoints, source: before } = source.target;
    return [{ service: "sts", endpoint: endpoints.sts }, ...calledForSource(before)];
  }
  if (source.kind !== "provided") return [];
  const { provider } = source;
  if (provider.kind === "login") return [{ service: "signin", endpoint: undefined }];
  if (provider.kind !== "sso") return [];
  const portal = { service: "sso", endpoint: provider.endpoint };
  // Where only the portal's address is another, no sign-in is renewed.
  if (provider.oidcEndpoint === undefined) return [portal];
  return [portal, { service: "sso_oidc", endpoint: provider.oidcEndpoint }];
}
