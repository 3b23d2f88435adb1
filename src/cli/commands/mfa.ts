import type { Command } from "commander";
import type { Services } from "../services.ts";
import { registerMfaCode } from "./mfa-code.ts";
import { registerMfaStore } from "./mfa-store.ts";

/** The user's own MFA devices. */
export function registerMfa(program: Command, services: Services): void {
  const mfa = program.command("mfa").description("your own MFA device").enablePositionalOptions();
  registerMfaStore(mfa, services);
  registerMfaCode(mfa, services);
}
