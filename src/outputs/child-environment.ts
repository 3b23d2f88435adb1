import type { Environment } from "../host/host.ts";
import { CREDENTIAL_NAMES, type ExportInput, REGION_NAMES, toVariableChanges } from "./export-variables.ts";

/** The targets of the `shell`s that this process runs in, the outermost first, for people: `dev > prod`. */
export const SHELL_VARIABLE = "AMFA_SHELL";

/** Ours, and yet the child's: where the sandbox is, and which profiles' programs run already (a guard against circles). */
const KEPT_OF_OURS: ReadonlySet<string> = new Set(["ASSUME_MFA_SANDBOX", "ASSUME_MFA_CREDENTIAL_PROCESS"]);

/** What some SDK takes credentials from, or takes along with them; AWS SDKs and Tools reference, "Environment variables". */
const FIGHTING: ReadonlySet<string> = new Set([
  ...CREDENTIAL_NAMES,
  // The same in the AWS SDK for Java 1.x, and the file of old command line tools.
  ...["AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_CREDENTIAL_FILE"],
  "AWS_CREDENTIAL_SCOPE",
  ...["AWS_PROFILE", "AWS_DEFAULT_PROFILE"],
  ...["AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE"],
  ...["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"],
  ...["AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"],
  // A region that counts for another target; the target's own is set afterwards.
  ...REGION_NAMES,
  SHELL_VARIABLE,
]);

export interface ChildEnvironmentInput extends ExportInput {
  /** The account that the credentials are of. */
  readonly accountId: string;
}

/**
 * The environment of a program that is to work with these credentials alone (CLI.md, "Output"): without what would fight
 * with them or leak beside them, with all else as it is.
 * @throws AssumeMfaError as `toVariableChanges` does
 */
export function childEnvironment(env: Environment, input: ChildEnvironmentInput): Environment {
  const kept = Object.entries(env).filter(([name, value]) => !isTakenAway(name.toUpperCase(), value, input.accountId));
  const set = toVariableChanges(input).filter(({ value }) => value !== undefined);
  return { ...Object.fromEntries(kept), ...Object.fromEntries(set.map(({ name, value }) => [name, value])) };
}

/** Names of variables are the same in any case on Windows. */
function isTakenAway(name: string, value: string | undefined, accountId: string): boolean {
  if (name.startsWith("ASSUME_MFA_")) return !KEPT_OF_OURS.has(name);
  // SDKs make an account's own endpoint of it: another account's would send the calls there.
  if (name === "AWS_ACCOUNT_ID") return value !== accountId;
  // A key of its own for one service, which goes before the credentials there: AWS_BEARER_TOKEN_BEDROCK.
  return FIGHTING.has(name) || name.startsWith("AWS_BEARER_TOKEN");
}
