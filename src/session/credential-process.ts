import { rememberSecret } from "../credentials/redaction.ts";
import { AssumeMfaError } from "../errors.ts";
import type { CapturedOutput, CaptureLimits } from "../host/captured-command.ts";
import type { Environment } from "../host/host.ts";
import { formatOrigin } from "../target/format-origin.ts";
import type { SourceProvided } from "../target/target.ts";
import { programName, programPath } from "../text/program-name.ts";
import { MARK_VARIABLE, runningWithProgram } from "./program-circle.ts";

/** Time to sign in with a browser or to touch a key. */
const TIME_LIMIT_MS = 60_000;
/** Credentials are two or three thousand bytes. */
const OUTPUT_LIMIT_BYTES = 65_536;
/** Whoever sees nothing for longer than this wonders. */
const PATIENCE_MS = 1_000;

const BY_HAND_HINT = "run it by hand to see why; what it says stands on standard error";
const FORMAT_HINT =
  'it must print {"Version": 1, "AccessKeyId": …, "SecretAccessKey": …} with SessionToken and Expiration where there are any';

/** What it printed, as it stands in the document. */
export interface ProcessCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  /** Undefined: they do not end. */
  readonly expiration: string | undefined;
}

export interface ProcessPorts {
  readonly env: Environment;
  /** The environment's keys are a session that our own `export` put there: not the program's to start from either. */
  readonly isExported: boolean;
  captureCommand(command: readonly string[], env: Environment, limits: CaptureLimits): Promise<CapturedOutput>;
  note(text: string): void;
}

/**
 * Runs a profile's `credential_process`, once, and takes the document from what it prints. The AWS variables are in its
 * environment, as the AWS CLI leaves them there; ours are not: a code or a secret is not for it, and options of this run
 * are not for a run inside it.
 * @throws AssumeMfaError SOURCE_PROFILE_LOOP when this run is inside that very program, SOURCE_CREDENTIALS_MISSING when it
 *   gave none, naming file and line and nothing of what it printed; InterruptedError
 */
export async function runCredentialProcess(
  source: SourceProvided,
  command: readonly string[],
  ports: ProcessPorts,
): Promise<ProcessCredentials> {
  const { origin } = source;
  const at = formatOrigin(origin);
  const details = origin.kind === "file" ? { path: origin.path, line: origin.line } : undefined;
  const failed = (problem: string, hint: string | undefined) =>
    new AssumeMfaError("SOURCE_CREDENTIALS_MISSING", `${at}: credential_process ${problem}`, { hint, details });
  const running = runningWith(source, ports.env);
  const patience = setTimeout(() => ports.note(`waiting for credential_process (${at})`), PATIENCE_MS);
  let output: CapturedOutput;
  try {
    const limits = { maxBytes: OUTPUT_LIMIT_BYTES, timeMs: TIME_LIMIT_MS };
    output = await ports.captureCommand(command, processEnvironment(ports, running), limits);
  } finally {
    clearTimeout(patience);
  }
  switch (output.kind) {
    case "not started":
      throw failed(
        `can't be run: ${shownProgram(command)}${output.reason}`,
        "its first word must be a program on the PATH, or the absolute path of one; no shell reads it, as in the AWS CLI",
      );
    case "killed":
      throw failed(`was ended by ${output.signal} and gave no credentials`, BY_HAND_HINT);
    case "too much":
      throw failed(`printed more than ${OUTPUT_LIMIT_BYTES / 1024} KiB, and was ended`, FORMAT_HINT);
    case "too long":
      throw failed(`gave no credentials in ${TIME_LIMIT_MS / 1000} s, and was ended`, BY_HAND_HINT);
    case "exited": {
      if (output.status !== 0) {
        throw isOurselves(command)
          ? failed(`ended with status ${output.status}, as it says above`, undefined)
          : failed(`ended with status ${output.status}: nothing is taken from it`, BY_HAND_HINT);
      }
      const read = readDocument(output.stdout);
      if (typeof read === "string") throw failed(read, FORMAT_HINT);
      return read;
    }
  }
}

/** A run of ours, which has said what is wrong in our own words. */
function isOurselves([program = "", ...args]: readonly string[]): boolean {
  return /assume-mfa|^node$/.test(programName([program]) ?? "") && args.includes("credential-process");
}

/**
 * Whether its program may be run: to be asked before anything is waited for that the run around this one may hold.
 * @returns the profiles whose programs run then, the outermost first
 * @throws AssumeMfaError SOURCE_PROFILE_LOOP, CONFIG_MALFORMED
 */
export function runningWith({ origin, profileName = "" }: SourceProvided, env: Environment): readonly string[] {
  return runningWithProgram("credential_process", profileName, origin, env);
}

function processEnvironment({ env, isExported }: ProcessPorts, running: readonly string[]): Environment {
  const kept = Object.entries(env).filter(([name]) => {
    if (/^ASSUME_MFA_/i.test(name)) return name === "ASSUME_MFA_SANDBOX";
    return !isExported || !SESSION_VARIABLES.has(name.toUpperCase());
  });
  return { ...Object.fromEntries(kept), [MARK_VARIABLE]: JSON.stringify(running) };
}

const SESSION_VARIABLES: ReadonlySet<string> = new Set([
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_SECURITY_TOKEN",
  "AWS_CREDENTIAL_EXPIRATION",
]);

/** @returns what is wrong with it, completing `credential_process …`, when it is no such document */
function readDocument(text: string): ProcessCredentials | string {
  if (text.trim() === "") return "printed nothing";
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's own words hold a piece of what was printed.
    return "printed no JSON";
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) return "printed no JSON object";
  const fields = document as Readonly<Record<string, unknown>>;
  const {
    Version: version,
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration: expiration,
  } = fields;
  // Before anything can be said about it.
  for (const secret of [secretAccessKey, sessionToken]) if (typeof secret === "string") rememberSecret(secret);
  if (version !== 1) return "printed no Version 1";
  if (typeof accessKeyId !== "string" || typeof secretAccessKey !== "string") {
    return "printed no AccessKeyId with a SecretAccessKey";
  }
  if (!isOptionalText(sessionToken)) return "printed a SessionToken that is no text";
  if (!isOptionalText(expiration)) return "printed an Expiration that is no time";
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken: sessionToken || undefined,
    expiration: expiration || undefined,
  };
}

function isOptionalText(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || typeof value === "string";
}

function shownProgram(command: readonly string[]): string {
  const shown = programPath(command);
  return shown === undefined ? "" : `${shown}: `;
}
