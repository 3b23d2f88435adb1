import { askedExportFormat, isJsonAsked } from "./cli/invocation.ts";
import { PrintedFailure } from "./cli/printed-failure.ts";
import { readInvocation, runProgram } from "./cli/program.ts";
import type { Services } from "./cli/services.ts";
import { AssumeMfaError, EXIT_BEFORE_CHILD, InterruptedError } from "./errors.ts";
import type { Host } from "./host/host.ts";
import { type ExportFormat, formatExportFailure, resolveExportFormat } from "./outputs/export.ts";
import { formatJson, toErrorJson } from "./outputs/json.ts";
import { isColourWanted, makeStyle } from "./outputs/style.ts";
import { editDistance } from "./target/closest-names.ts";
import { visibleText } from "./text/visible-text.ts";
import { makeServices } from "./wiring.ts";

/**
 * The program from its arguments to its exit code. Never throws: this is the one catch, where errors are printed.
 * @param services parts made otherwise, by tests
 */
export async function main(host: Host, services: Services = makeServices(host, main)): Promise<number> {
  const watch = watchInterrupts(host);
  try {
    return await Promise.race([runProgram(services), watch.interrupted]);
  } catch (error) {
    return reportFailure(services.host, error);
  } finally {
    watch.end();
  }
}

/** The first signal ends the run, unless somebody holds it to finish what was begun. */
function watchInterrupts({ interrupts }: Host): { readonly interrupted: Promise<never>; end(): void } {
  const { signal } = interrupts;
  let onAbort = () => {};
  const interrupted = new Promise<never>((_, reject) => {
    onAbort = () => {
      if (!interrupts.isHeld) reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort);
  });
  // The runs of `sandbox demo` share one signal: each takes its listener away.
  return { interrupted, end: () => signal.removeEventListener("abort", onAbort) };
}

function reportFailure(host: Host, thrown: unknown): number {
  const isPrinted = thrown instanceof PrintedFailure;
  const error = isPrinted ? thrown.cause : thrown;
  const format = failedExportFormat(host);
  if (format !== undefined) {
    // `eval ""` succeeds, and a script would go on with the account it had before (CLI.md, "Output").
    if (!(error instanceof AssumeMfaError && error.code === "TERMINAL_OUTPUT"))
      writeIfPossible(host, formatExportFailure(format));
  }
  if (error instanceof InterruptedError) return error.exitCode;
  const ours =
    error instanceof AssumeMfaError
      ? error
      : new AssumeMfaError("UNEXPECTED", messageOf(error), {
          hint: "this is a defect of assume-mfa: --debug shows where",
          cause: error,
        });
  const isChildMeant = isMeantForChild(host.argv);
  // The child's standard output has nothing of ours in it, and `-o` among the child's own words is not ours.
  const isForProgram = isMeantAs("credential-process", host.argv);
  if (!isPrinted && format === undefined && !isChildMeant && !isForProgram && isJsonAsked(host.argv, host.env)) {
    writeIfPossible(host, formatJson({ error: toErrorJson(ours) }));
  }
  const { red, cyan } = makeStyle(
    isColourWanted({
      isTerminal: host.stderr.isTerminal,
      env: host.env,
      noColorOption: host.argv.includes("--no-color"),
    }),
  );
  // A run of ours that runs this one says `error:` itself, and that it was said above.
  const isInside = isForProgram && Boolean(host.env.ASSUME_MFA_CREDENTIAL_PROCESS);
  host.stderr.write(
    `assume-mfa: ${red(isInside ? "in credential_process:" : "error:")} ${visibleText(ours.message)}\n`,
  );
  // An SDK shows all of it as one message (ACCEPTANCE.md V6).
  for (const hint of isForProgram ? ours.hints.slice(0, MAX_PROGRAM_HINTS) : ours.hints)
    host.stderr.write(`assume-mfa: ${cyan("hint:")} ${visibleText(hint)}\n`);
  if (isDebugAsked(host)) host.stderr.write(formatCauses(ours));
  // Below it every status is the child's own.
  return isChildMeant ? Math.max(EXIT_BEFORE_CHILD, ours.exitCode) : ours.exitCode;
}

/** Whether the exit code would be taken for that of a program which the run was to start: `exec`, `shell`. */
function isMeantForChild(argv: readonly string[]): boolean {
  const { targetName, word, misplaced } = readInvocation(argv);
  const isIt = (one: string | undefined) => one === "exec" || one === "shell";
  if (misplaced !== undefined) return argv.some(isIt);
  return targetName !== undefined && isIt(word);
}

/** Standard error of a failed `credential-process` has five lines at most; a keychain that is waited for may be one. */
const MAX_PROGRAM_HINTS = 3;

/** A standard output that fails takes nothing from the error lines and the exit code of a run that failed before. */
function writeIfPossible(host: Host, text: string): void {
  try {
    host.stdout.write(text);
  } catch {
    // Nobody reads it, or it is what failed first.
  }
}

/** Anything can be thrown, also what has no text of its own. */
function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return String(thrown);
  } catch {
    return "something that is no error was thrown";
  }
}

/** Undefined where the run is no `export`, or has nothing that a shell would take in. */
function failedExportFormat(host: Host): ExportFormat | undefined {
  if (host.stdout.isTerminal || !isMeantAs("export", host.argv) || isProfileWritten(host.argv)) return undefined;
  try {
    return resolveExportFormat(askedExportFormat(host.argv), host.env.SHELL);
  } catch {
    return "sh"; // an unknown format: whoever evaluates it is a shell
  }
}

/** Also a line that can't be read as it was meant, `export dev` or `--yes dev export`: a shell waits for it all the same. */
function isMeantAs(action: string, argv: readonly string[]): boolean {
  const { targetName, word, misplaced, isTargetExplicit } = readInvocation(argv);
  if (misplaced !== undefined || word?.startsWith("-")) return argv.includes(action);
  if (targetName === undefined) return false;
  // A slip of the hand counts: no other action is near.
  const isNear = (given: string | undefined) => given !== undefined && editDistance(given, action) <= 2;
  return isNear(word) || (!isTargetExplicit && isNear(targetName));
}

/** `export --write-profile`: no shell waits for what it prints. */
function isProfileWritten(argv: readonly string[]): boolean {
  return argv.some((word) => /^--write-profile(?:=|$)/.test(word));
}

function isDebugAsked(host: Host): boolean {
  const end = host.argv.indexOf("--");
  return (end < 0 ? host.argv : host.argv.slice(0, end)).includes("--debug");
}

/**
 * The chain of causes for `--debug`: names, messages, AWS's codes and where our own code was. Nothing else of an error
 * object is shown, since an SDK error can hold a request and its headers.
 */
function formatCauses(error: AssumeMfaError): string {
  const lines: string[] = [];
  let cause: unknown = error;
  for (let depth = 0; cause instanceof Error && depth < 5; depth += 1) {
    const { $metadata: metadata } = cause as { readonly $metadata?: { httpStatusCode?: number; requestId?: string } };
    const facts = [
      metadata?.httpStatusCode === undefined ? undefined : `status ${metadata.httpStatusCode}`,
      metadata?.requestId === undefined ? undefined : `request id ${metadata.requestId}`,
    ].filter((fact) => fact !== undefined);
    const code = cause instanceof AssumeMfaError ? ` ${cause.code}` : "";
    lines.push(`${cause.name}${code}: ${cause.message}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}`);
    for (const frame of (cause.stack ?? "").split("\n").filter((text) => /^\s+at /.test(text)))
      lines.push(`  ${frame.trim()}`);
    cause = cause.cause;
  }
  return lines.map((line) => `assume-mfa: debug: ${visibleText(line)}\n`).join("");
}
