import { rememberTokenCode } from "../credentials/redaction.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Environment } from "../host/host.ts";
import { formatOrigin } from "../target/format-origin.ts";
import type { Sourced } from "../target/target.ts";
import { askTokenCode, type CodePresenter, type CodeRequest } from "./ask-token-code.ts";
import { runMfaProcess } from "./mfa-process.ts";
import type { RoleSessionOptions, RoleSessionPorts } from "./role-session.ts";
import type { GivenTokenCode } from "./token-code.ts";
import { computeTokenCode, parseTotpSecret, TOTP_STEP_SECONDS, totpStepAt } from "./totp-secret.ts";

type Options = Pick<RoleSessionOptions, "givenCode" | "mayAsk">;
type Ports = Pick<RoleSessionPorts, "host" | "captureCommand" | "note">;

/** The rung of the ladder that a code comes from. */
export type CodeSource =
  | { readonly kind: "given"; readonly given: GivenTokenCode }
  | { readonly kind: "mfa_process"; readonly mfaProcess: Sourced<readonly string[]> }
  | { readonly kind: "totp secret"; readonly secret: string }
  /** Somebody who can be asked, if somebody is there. */
  | { readonly kind: "person" };

/** The first rung that is there (CLI.md, "Where a token code comes from"). Pure: `--explain` shows what it returns. */
export function codeSourceOf(
  { mfaProcess }: Pick<CodeRequest, "mfaProcess">,
  { givenCode }: Pick<Options, "givenCode">,
  { host }: { readonly host: Pick<Ports["host"], "env"> },
): CodeSource {
  // The one given for this run: --token-code, standard input or ASSUME_MFA_TOKEN_CODE.
  if (givenCode !== undefined) return { kind: "given", given: givenCode };
  // What the profile's mfa_process prints.
  if (mfaProcess !== undefined) return { kind: "mfa_process", mfaProcess };
  // The one that the device would show, made from its secret: for CI.
  const secret = host.env.ASSUME_MFA_TOTP_SECRET;
  if (secret) return { kind: "totp secret", secret };
  // What somebody types at the terminal.
  return { kind: "person" };
}

/**
 * Gets a token code and presents it. Whose code it is: the first rung that is there, and no other after it, since a
 * failure that the user can mend is told. Called only when a code is due, and as holder of the device's turn.
 * @throws AssumeMfaError TOKEN_CODE_REJECTED when AWS accepted none; what each rung throws when it gives none
 */
export function presentTokenCode<Client extends { close(): void }, Result>(
  request: CodeRequest,
  options: Options,
  ports: Ports,
  presenter: CodePresenter<Client, Result>,
): Promise<Result> {
  const { mayAsk } = options;
  const source = codeSourceOf(request, options, ports);
  switch (source.kind) {
    case "given":
      return presentOnce(source.given.code, presenter);
    case "mfa_process":
      return presentFromProcess(request, source.mfaProcess, mayAsk, ports, presenter);
    case "totp secret":
      return presentFromSecret(request, source.secret, ports, presenter);
    case "person":
      return askTokenCode(request, mayAsk ? ports.host.openTerminal() : undefined, ports.host, presenter);
  }
}

/** Whether a code can be had, and nobody or somebody is there to be asked: for what is only tried where it costs nothing else. */
export function isCodeAtHand(
  request: Pick<CodeRequest, "mfaProcess">,
  options: Options,
  { host }: Pick<Ports, "host">,
): boolean {
  return codeSourceOf(request, options, { host }).kind !== "person" || isSomebodyThere(options, host);
}

/** Asks nobody, and opens the terminal only to see that there is one. */
export function isSomebodyThere(
  { mayAsk }: Pick<Options, "mayAsk">,
  host: Pick<Ports["host"], "openTerminal">,
): boolean {
  const terminal = mayAsk ? host.openTerminal() : undefined;
  terminal?.close();
  return terminal !== undefined;
}

async function presentOnce<Client extends { close(): void }, Result>(
  code: string,
  presenter: CodePresenter<Client, Result>,
): Promise<Result> {
  const client = await presenter.connect();
  try {
    return await presenter.send(client, code);
  } finally {
    client.close();
  }
}

/** A person who is there is asked when AWS takes the program for wrong: its device may be another, or its clock late. */
async function presentFromProcess<Client extends { close(): void }, Result>(
  request: CodeRequest,
  mfaProcess: Sourced<readonly string[]>,
  mayAsk: boolean,
  ports: Ports,
  presenter: CodePresenter<Client, Result>,
): Promise<Result> {
  const from = `mfa_process (${formatOrigin(mfaProcess.origin)})`;
  const code = await runMfaProcess(mfaProcess, ports);
  try {
    return await presentOnce(code, presenter);
  } catch (error) {
    if (!isCodeRejected(error)) throw error;
    const terminal = mayAsk ? ports.host.openTerminal() : undefined;
    if (terminal === undefined) throw withHint(error, `the code came from ${from}`);
    const reason = `AWS did not accept the code of ${from}: already used, late, or another device's`;
    return askTokenCode(request, terminal, ports.host, presenter, { reason, sentCode: code });
  }
}

/**
 * A secret makes one code a step, and an earlier run may have sent this step's: AWS answers alike to a wrong and a used
 * one. So the next is waited for and tried, once, and no code is sent twice.
 */
async function presentFromSecret<Client extends { close(): void }, Result>(
  request: CodeRequest,
  text: string,
  ports: Ports,
  presenter: CodePresenter<Client, Result>,
): Promise<Result> {
  const { host, note } = ports;
  const secret = parseTotpSecret(text);
  if (secret === undefined) {
    throw new AssumeMfaError("TOTP_SECRET_MALFORMED", "ASSUME_MFA_TOTP_SECRET is no secret of an MFA device", {
      hint: [
        "a secret is base32: 16 and more of the letters A to Z and the digits 2 to 7, as AWS shows it beside the QR code",
        "a code of six digits goes into ASSUME_MFA_TOKEN_CODE",
      ],
    });
  }
  warnOfOnePlace(host.env, note);
  const step = totpStepAt(host.now());
  const code = await computeTokenCode(secret, step);
  rememberTokenCode(code);
  try {
    return await presentOnce(code, presenter);
  } catch (error) {
    if (!isCodeRejected(error)) throw error;
    const waitMs = Math.min(Math.max((step + 1) * TOTP_STEP_MS - host.now(), 0), TOTP_STEP_MS) + CLOCK_SPARE_MS;
    note(
      `AWS did not accept the code: it may be used already, so the next one is tried in ${Math.ceil(waitMs / 1000)} s`,
    );
    await host.sleep(waitMs, host.interrupts.signal);
    const nextCode = await computeTokenCode(secret, Math.max(step + 1, totpStepAt(host.now())));
    const isOther = `ASSUME_MFA_TOTP_SECRET may not be the secret of ${request.mfaSerial}, or this computer's clock is wrong`;
    if (nextCode === code) throw withHint(error, isOther);
    rememberTokenCode(nextCode);
    return presentOnce(nextCode, presenter).catch((again: unknown) => {
      throw isCodeRejected(again) ? withHint(again, isOther) : again;
    });
  }
}

const TOTP_STEP_MS = TOTP_STEP_SECONDS * 1000;
/** The next step has begun when it is over, whatever the timer's grain. With a whole step, the 31 s that a run may wait. */
const CLOCK_SPARE_MS = 500;

/** Runs that were warned, by what tells them apart. */
const warnedRuns = new WeakSet<Environment>();

function warnOfOnePlace(env: Environment, note: (text: string) => void): void {
  const isCi = env.CI !== undefined && !["", "0", "false"].includes(env.CI.toLowerCase());
  if (isCi || warnedRuns.has(env)) return;
  warnedRuns.add(env);
  note(
    "warning: the code is made from ASSUME_MFA_TOTP_SECRET: with the access key on the same machine, " +
      "whoever has one has both factors; it is meant for CI",
  );
}

function isCodeRejected(error: unknown): error is AssumeMfaError {
  return error instanceof AssumeMfaError && error.code === "TOKEN_CODE_REJECTED";
}

function withHint(error: AssumeMfaError, hint: string): AssumeMfaError {
  const { code, message, hints, details, cause } = error;
  return new AssumeMfaError(code, message, { hint: [...hints, hint], details, cause });
}
