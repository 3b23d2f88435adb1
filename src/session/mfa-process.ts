import { rememberTokenCode } from "../credentials/redaction.ts";
import { AssumeMfaError, type ErrorCode } from "../errors.ts";
import type { CapturedOutput } from "../host/captured-command.ts";
import { formatOrigin } from "../target/format-origin.ts";
import type { Sourced } from "../target/target.ts";
import { programPath } from "../text/program-name.ts";
import { MARK_VARIABLE, runningWithProgram } from "./program-circle.ts";
import type { RoleSessionPorts } from "./role-session.ts";
import { parseTokenCode } from "./token-code.ts";

/** Time to find the key and touch it. */
const TIME_LIMIT_MS = 60_000;
/** A code is seven bytes: the rest is for words after it that nobody reads. */
const OUTPUT_LIMIT_BYTES = 4_096;
/** Whoever sees nothing for longer than this wonders. */
const PATIENCE_MS = 1_000;

const ALONE_HINT = "it must print the code alone, as ykman oath accounts code --single <name> does";
const BY_HAND_HINT = "run it by hand to see why; what it says stands on standard error";

/**
 * Runs the profile's `mfa_process`, once, and takes the code from the first line that it prints. AWS's variables and ours
 * are not in its environment: it has no business with keys, sessions or a secret. Only the mark of what runs is, so that a
 * run of ours inside it finds a circle.
 * @param forWhom the target or profile that wants the code
 * @returns six digits
 * @throws AssumeMfaError MFA_PROCESS_FAILED when it can't be run, TOKEN_CODE_MISSING or TOKEN_CODE_MALFORMED when it gave
 *   no code, naming the file and the line and nothing of what it printed; SOURCE_PROFILE_LOOP when this run
 *   is inside that very program; InterruptedError
 */
export async function runMfaProcess(
  { value: command, origin }: Sourced<readonly string[]>,
  forWhom: string,
  ports: Pick<RoleSessionPorts, "host" | "captureCommand" | "note">,
): Promise<string> {
  const at = formatOrigin(origin);
  const kept = Object.entries(ports.host.env).filter(([name]) => !/^(?:AWS|ASSUME_MFA)_/i.test(name));
  const running = runningWithProgram("mfa_process", forWhom, origin, ports.host.env);
  const env = { ...Object.fromEntries(kept), [MARK_VARIABLE]: JSON.stringify(running) };
  const patience = setTimeout(() => ports.note(`waiting for mfa_process (${at})`), PATIENCE_MS);
  let output: CapturedOutput;
  try {
    output = await ports.captureCommand(command, env, { maxBytes: OUTPUT_LIMIT_BYTES, timeMs: TIME_LIMIT_MS });
  } finally {
    clearTimeout(patience);
  }
  const failed = (code: ErrorCode, problem: string, hint: string) =>
    new AssumeMfaError(code, `${at}: mfa_process ${problem}`, {
      hint,
      details: origin.kind === "file" ? { path: origin.path, line: origin.line } : undefined,
    });
  switch (output.kind) {
    case "not started":
      throw failed(
        "MFA_PROCESS_FAILED",
        `can't be run: ${shownProgram(command)}${output.reason}`,
        "its first word must be a program on the PATH, or the absolute path of one; a shell's aliases and functions are none",
      );
    case "killed":
      throw failed("TOKEN_CODE_MISSING", `was ended by ${output.signal} and gave no code`, BY_HAND_HINT);
    case "too much":
      throw failed("TOKEN_CODE_MISSING", `printed more than ${OUTPUT_LIMIT_BYTES} bytes, and was ended`, ALONE_HINT);
    case "too long":
      throw failed("TOKEN_CODE_MISSING", `gave no code in ${TIME_LIMIT_MS / 1000} s, and was ended`, BY_HAND_HINT);
    case "exited": {
      if (output.status !== 0) {
        throw failed(
          "TOKEN_CODE_MISSING",
          `ended with status ${output.status}: no code is taken from it`,
          BY_HAND_HINT,
        );
      }
      if (output.stdout.trim() === "") throw failed("TOKEN_CODE_MISSING", "printed nothing", ALONE_HINT);
      const code = parseTokenCode(output.stdout.split("\n", 1)[0] ?? "");
      if (code === undefined) {
        throw failed("TOKEN_CODE_MALFORMED", "printed no code of six digits on its first line", ALONE_HINT);
      }
      rememberTokenCode(code);
      return code;
    }
  }
}

function shownProgram(command: readonly string[]): string {
  const shown = programPath(command);
  return shown === undefined ? "" : `${shown}: `;
}
