import { isLoopbackUrl } from "../aws/loopback.ts";
import { AssumeMfaError } from "../errors.ts";
import type { ServiceId, Target } from "../target/target.ts";
import type { Screen } from "./screen.ts";
import type { Services } from "./services.ts";

/** The services whose address decides where the work lands. */
const CALLED_SERVICES: readonly ServiceId[] = ["sts", "ec2", "dynamodb"];

/**
 * Says SANDBOX where every endpoint is loopback and answers as a sandbox, so that nobody takes one for the other.
 * @throws AssumeMfaError ENDPOINT_UNEXPECTED when ASSUME_MFA_SANDBOX is set and any endpoint is something else
 */
export async function showSandboxMark(services: Services, target: Target, screen: Screen): Promise<void> {
  const isExpected = Boolean(services.host.env.ASSUME_MFA_SANDBOX);
  const endpoints = CALLED_SERVICES.map((service) => target.endpoints[service]?.value);
  const distinct = [...new Set(endpoints)];
  const areLoopback = distinct.every((endpoint) => endpoint !== undefined && isLoopbackUrl(endpoint));
  const isSandbox =
    areLoopback &&
    (await Promise.all(distinct.map((endpoint) => services.sandbox.isSandbox(endpoint as string)))).every(Boolean);
  if (isSandbox) {
    screen.line(screen.errorStyle.yellow(`SANDBOX ${distinct.join(" ")} (not AWS)`));
  } else if (isExpected) {
    throw new AssumeMfaError(
      "ENDPOINT_UNEXPECTED",
      "ASSUME_MFA_SANDBOX is set, and not every endpoint is a running sandbox",
      {
        hint: "is the sandbox still running? to work in AWS itself: unset ASSUME_MFA_SANDBOX AWS_ENDPOINT_URL AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE",
      },
    );
  }
}
