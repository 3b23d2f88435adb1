import type { Environment } from "../host/host.ts";
import type { RunningSandbox } from "./sandbox-services.ts";

/** Other programs inside must not look for the sandbox behind a proxy. Both spellings are in use. */
export const NO_PROXY_NAMES = ["NO_PROXY", "no_proxy"] as const;
export const NO_PROXY_HOSTS = "127.0.0.1,localhost";

/** Every variable of ours but the sandbox's own: what is set for the caller's AWS is not for the sandbox's. */
export const OWN_VARIABLES: readonly string[] = [
  ...["TOKEN_CODE", "SERIAL_NUMBER", "SOURCE_PROFILE", "TOTP_SECRET", "ROLE_SESSION_NAME", "EXPECT_ACCOUNT"],
  ...["DURATION", "MIN_TTL", "OUTPUT", "CREDENTIAL_PROCESS"],
].map((name) => `ASSUME_MFA_${name}`);

/** The caller's environment without anything of AWS's or ours, and with the sandbox's. */
export function insideEnvironment(env: Environment, running: RunningSandbox): Environment {
  const kept = Object.entries(env).filter(([name]) => !/^(?:AWS|ASSUME_MFA)_/i.test(name));
  const before = env.no_proxy || env.NO_PROXY;
  const noProxy = before ? `${before},${NO_PROXY_HOSTS}` : NO_PROXY_HOSTS;
  return {
    ...Object.fromEntries(kept),
    ...Object.fromEntries(NO_PROXY_NAMES.map((name) => [name, noProxy])),
    ...running.environment,
  };
}
