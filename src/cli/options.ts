import type { Command } from "commander";
import { AssumeMfaError } from "../errors.ts";
import type { Environment, Host } from "../host/host.ts";
import { parseDuration } from "../target/duration.ts";
import { loadGivenPolicy } from "../target/resolve-session-policy.ts";
import type { TargetOptions } from "../target/resolve-target.ts";
import type { OutputFormat, ScreenOptions } from "./screen.ts";

/** What every command takes, as typed. */
export interface CommonOptions {
  readonly output?: string;
  readonly quiet?: boolean;
  readonly debug?: boolean;
  readonly color: boolean;
  readonly input: boolean;
}

/** What every action on a target takes, as typed; see CLI.md, "Options of every action". */
export interface SessionOptions extends CommonOptions, Omit<TargetOptions, "policy"> {
  /** A policy, or the file of one: `resolveTargetOptions` reads it. */
  readonly policy?: string;
  readonly tokenCode?: string;
  readonly expectAccount?: string;
  readonly minTtl?: string;
  readonly refresh?: boolean;
  readonly cache: boolean;
  readonly explain?: boolean;
}

/** What every destructive action takes, as typed. */
export interface DestructiveOptions extends SessionOptions {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly wait: boolean;
  readonly timeout?: string;
  readonly max?: string;
  readonly filter?: readonly string[];
}

export function addCommonOptions(command: Command): Command {
  return command
    .option("-o, --output <format>", "table, json or text (ASSUME_MFA_OUTPUT)")
    .option("--no-input", "never ask: what is missing is an error (also where CI=true)")
    .option("-q, --quiet", "no notes and no progress")
    .option("--no-color", "no colours (NO_COLOR)")
    .option("--debug", "show the cause of an error, secrets masked");
}

export function addSessionOptions(command: Command): Command {
  return addCommonOptions(
    command
      .option("-t, --token-code <code>", "six digits; - reads a line of standard input (ASSUME_MFA_TOKEN_CODE)")
      .option("--serial-number <serial>", "the MFA device (ASSUME_MFA_SERIAL_NUMBER)")
      .option("--source-profile <name>", "whose keys sign the AssumeRole (ASSUME_MFA_SOURCE_PROFILE)")
      .option("--role-session-name <name>", "default: the IAM user's name (ASSUME_MFA_ROLE_SESSION_NAME)")
      .option("--duration <time>", "of the role session: 1h, 45m, 3600 (ASSUME_MFA_DURATION)")
      .option("--external-id <id>", "passed to AssumeRole")
      .option("--source-identity <id>", "who is behind the session, passed to AssumeRole")
      .option("--session-tag <key=value>", "passed to AssumeRole; may be given again", addTo)
      .option("--policy <policy>", "narrows the session: JSON, or file://path")
      .option("--policy-arn <arn>", "the same by a managed policy's ARN; may be given again", addTo)
      .option("--expect-account <id>", "another account than this is an error (ASSUME_MFA_EXPECT_ACCOUNT)")
      .option("--region <region>", "the region to work in (AWS_REGION, AWS_DEFAULT_REGION)")
      .option("--endpoint-url <url>", "call this in place of AWS (AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE>)")
      .option("--shared", "through one session for every role of the device (assume_mfa_session = shared)")
      .option("--direct", "with a code of its own for this role (assume_mfa_session = direct)")
      .option("--scoped", "may do only what the action needs, on only its resources (assume_mfa_scope = action)")
      .option("--min-ttl <time>", "renew a session that ends sooner, default 5m (ASSUME_MFA_MIN_TTL)")
      .option("--refresh", "assume again even if a session is cached")
      .option("--no-cache", "neither read nor write the cache")
      .option("--explain", "show where each value comes from and what would be done; asks and calls nothing"),
  );
}

/** For an option that may be given again. */
export function addTo(value: string, given: readonly string[] = []): readonly string[] {
  return [...given, value];
}

/** @throws AssumeMfaError CONFIG_UNREADABLE when the policy's file can't be read */
export function resolveTargetOptions(
  options: SessionOptions,
  host: Pick<Host, "env" | "homeDirectory">,
): TargetOptions {
  return { ...options, policy: loadGivenPolicy(options.policy, host) };
}

export function addFilterOption(command: Command): Command {
  return command.option("--filter <filter>", "tag:Env=dev, or as the AWS CLI has it; may be given again", addTo);
}

export function addDestructiveOptions(command: Command): Command {
  return addSessionOptions(
    command
      .option("--yes", "do not ask")
      .option("--dry-run", "look and check the permission, change nothing")
      .option("--no-wait", "return as soon as AWS has taken the order")
      .option("--timeout <time>", "how long to wait for the end, default 10m")
      .option("--max <n>", "do nothing at all when there are more, in all targets together"),
  );
}

const OUTPUT_FORMATS: readonly OutputFormat[] = ["table", "json", "text"];

/** @throws AssumeMfaError USAGE for an unknown format */
export function resolveScreenOptions(options: CommonOptions, env: Environment): ScreenOptions {
  const asked = options.output ?? (env.ASSUME_MFA_OUTPUT || undefined);
  const output = asked === undefined ? "table" : OUTPUT_FORMATS.find((format) => format === asked);
  if (output === undefined) {
    throw new AssumeMfaError("USAGE", `unknown output format "${asked}"`, {
      hint: "the formats are table, json, text",
    });
  }
  return { output, quiet: options.quiet === true, noColor: !options.color, debug: options.debug === true };
}

/** Whether somebody may be asked at all; whether there is somebody is the terminal's to say. */
export function mayAsk(options: Pick<CommonOptions, "input">, env: Environment): boolean {
  return options.input && env.CI !== "true";
}

const DEFAULT_MIN_TTL_MS = 300_000;

/**
 * @param defaultMs where nobody says
 * @returns milliseconds
 * @throws AssumeMfaError USAGE when it is no time
 */
export function resolveMinTtlMs(
  options: Pick<SessionOptions, "minTtl">,
  env: Environment,
  defaultMs: number = DEFAULT_MIN_TTL_MS,
): number {
  const option = options.minTtl;
  const text = option ?? (env.ASSUME_MFA_MIN_TTL || undefined);
  if (text === undefined) return defaultMs;
  return parseTime(text, option === undefined ? "ASSUME_MFA_MIN_TTL" : "--min-ttl") * 1000;
}

const DEFAULT_TIMEOUT_SECONDS = 600;

/** @returns seconds. @throws AssumeMfaError USAGE when it is no time */
export function resolveTimeoutSeconds(options: Pick<DestructiveOptions, "timeout">): number {
  return options.timeout === undefined ? DEFAULT_TIMEOUT_SECONDS : parseTime(options.timeout, "--timeout");
}

function parseTime(text: string, from: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return seconds;
  throw new AssumeMfaError("USAGE", `${from} is no time: "${text}"`, { hint: "write it as 45m, 1h or 3600" });
}

/** @returns twelve digits; undefined where none is expected. @throws AssumeMfaError USAGE when it is no account id */
export function resolveExpectedAccount(
  options: Pick<SessionOptions, "expectAccount">,
  env: Environment,
): string | undefined {
  const account = options.expectAccount ?? (env.ASSUME_MFA_EXPECT_ACCOUNT || undefined);
  if (account === undefined || /^\d{12}$/.test(account)) return account;
  const from = options.expectAccount === undefined ? "ASSUME_MFA_EXPECT_ACCOUNT" : "--expect-account";
  throw new AssumeMfaError("USAGE", `${from} is no account id: "${account}"`, {
    hint: "an account id has twelve digits",
  });
}
