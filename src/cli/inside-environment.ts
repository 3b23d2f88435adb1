import type { Environment } from "../host/host.ts";
import type { RunningSandbox } from "./sandbox-services.ts";

/** Other programs inside must not look for the sandbox behind a proxy. Both spellings are in use. */
export const NO_PROXY_NAMES = ["NO_PROXY", "no_proxy"] as const;
export const NO_PROXY_HOSTS = "127.0.0.1,localhost";

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
