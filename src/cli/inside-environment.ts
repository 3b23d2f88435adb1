import type { Environment } from "../host/host.ts";
import type { RunningSandbox } from "./sandbox-services.ts";

/** The caller's environment without anything of AWS's or ours, and with the sandbox's. */
export function insideEnvironment(env: Environment, running: RunningSandbox): Environment {
  const kept = Object.entries(env).filter(([name]) => !/^(?:AWS|ASSUME_MFA)_/i.test(name));
  return { ...Object.fromEntries(kept), ...running.environment };
}
