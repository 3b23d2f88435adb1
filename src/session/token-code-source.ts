import { formatSkew } from "../aws/server-clock.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Environment } from "../host/host.ts";
import { formatOrigin } from "../target/format-origin.ts";
import type { SignIn, Sourced } from "../target/target.ts";
import { askTokenCode, type CodeRequest, nobodyToAsk } from "./ask-token-code.ts";
import { runMfaProcess } from "./mfa-process.ts";
import { runningWithProgram } from "./program-circle.ts";
import type { RoleSessionOptions, RoleSessionPorts } from "./role-session.ts";
import {
  type CodeClient,
  type CodePresenter,
  describeSkew,
  describeSpent,
  findSpent,
  isCodeRejected,
  makeSpentError,
  sendCode,
  withHint,
} from "./send-code.ts";
import { placeName } from "./signer.ts";
import type { GivenTokenCode } from "./token-code.ts";
import { computeTokenCode, parseTotpSecret, TOTP_STEP_MS, totpStepAt } from "./totp-secret.ts";

type Options = Pick<RoleSessionOptions, "givenCode" | "mayAsk">;
type Ports = Pick<RoleSessionPorts, "host" | "captureCommand" | "note" | "spentCodes" | "storedSecrets">;

/** The rung of the ladder that a code comes from. */
export type CodeSource =
  | { readonly kind: "given"; readonly given: GivenTokenCode }
  | { readonly kind: "mfa_process"; readonly mfaProcess: Sourced<readonly string[]> }
  | { readonly kind: "stored secret"; readonly mfaSerial: string }
  | { readonly kind: "totp secret"; readonly secret: string }
  /** Somebody who can be asked, if somebody is there. */
  | { readonly kind: "person" };

/** What the choice of a rung depends on. */
export interface CodeSourceRequest extends Pick<CodeRequest, "mfaProcess" | "place"> {
  /** Undefined where the device is still to be found. */
  readonly mfaSerial: string | undefined;
}

/** The same of a sign-in whose device may be still to be found. */
export function codeSourceRequest(
  signIn: Pick<SignIn, "mfaProcess" | "mfaSerial" | "endpoints" | "partition">,
): CodeSourceRequest {
  const { mfaProcess, mfaSerial } = signIn;
  return { mfaProcess, mfaSerial: mfaSerial?.value, place: placeName(signIn) };
}

/**
 * The first rung that is there (CLI.md, "Where a token code comes from"). Asks and runs nothing, opens no keychain:
 * `--explain` shows what it returns.
 */
export function codeSourceOf(
  { mfaProcess, mfaSerial, place }: CodeSourceRequest,
  { givenCode }: Pick<Options, "givenCode">,
  { host, storedSecrets }: Pick<Ports, "storedSecrets"> & { readonly host: Pick<Ports["host"], "env"> },
): CodeSource {
  // The one given for this run: --token-code, standard input or ASSUME_MFA_TOKEN_CODE.
  if (givenCode !== undefined) return { kind: "given", given: givenCode };
  // What the profile's mfa_process prints.
  if (mfaProcess !== undefined) return { kind: "mfa_process", mfaProcess };
  // The one that the device would show, made from its secret: kept in the keychain by `mfa store`.
  if (mfaSerial !== undefined && storedSecrets.has(mfaSerial, place)) return { kind: "stored secret", mfaSerial };
  // The same from the environment: for CI.
  const secret = host.env.ASSUME_MFA_TOTP_SECRET;
  if (secret) return { kind: "totp secret", secret };
  // What somebody types at the terminal, or into pinentry where there is none.
  return { kind: "person" };
}

/**
 * Gets a token code and presents it. Whose code it is: the first rung that is there, and no other after it but a person,
 * since a failure that the user can mend is told. Called only when a code is due, and as holder of the device's turn.
 * No code is sent that was sent before, by whichever process (CLI.md, "Spent codes").
 * @throws AssumeMfaError TOKEN_CODE_REJECTED when AWS accepted none; TOKEN_CODE_USED when there is none but one that was
 *   sent before, and nobody to ask; what each rung throws when it gives none
 */
export async function presentTokenCode<Client extends CodeClient, Result>(
  request: CodeRequest,
  options: Options,
  ports: Ports,
  presenter: CodePresenter<Client, Result>,
): Promise<Result> {
  const presenting = new Presenting(request, options, ports, presenter);
  return presenting.from(codeSourceOf(request, options, ports));
}

/**
 * Refuses a code that would come from the very `mfa_process` which this run is inside of: before the device's turn, which
 * the run around it has.
 * @param forWhom as in the request for the code
 * @throws AssumeMfaError SOURCE_PROFILE_LOOP, CONFIG_MALFORMED
 */
export function refuseCodeCircle(
  request: CodeSourceRequest,
  forWhom: string,
  options: Pick<Options, "givenCode">,
  ports: Parameters<typeof codeSourceOf>[2],
): void {
  const source = codeSourceOf(request, options, ports);
  if (source.kind === "mfa_process") {
    runningWithProgram("mfa_process", forWhom, source.mfaProcess.origin, ports.host.env);
  }
}

/** Whether a code can be had, and nobody or somebody is there to be asked: for what is only tried where it costs nothing else. */
export function isCodeAtHand(
  request: CodeSourceRequest,
  options: Options,
  ports: Pick<Ports, "host" | "storedSecrets" | "spentCodes">,
): boolean {
  const source = codeSourceOf(request, options, ports);
  const { mfaSerial, place } = request;
  const isFresh =
    source.kind !== "given" ||
    mfaSerial === undefined ||
    findSpent({ mfaSerial, place }, source.given.code, ports) === undefined;
  return (source.kind !== "person" && isFresh) || isSomebodyThere(options, ports.host);
}

/**
 * What makes the source give no code, as far as it can be told without asking anybody.
 * @param isSomebodyThere who is asked where a given code was sent before
 */
export function faultOf(
  source: CodeSource,
  { mfaSerial, place, forWhom }: CodeSourceRequest & Pick<CodeRequest, "forWhom">,
  isSomebodyThere: boolean,
  ports: Pick<Ports, "spentCodes" | "host">,
): AssumeMfaError | undefined {
  if (source.kind === "totp secret")
    return parseTotpSecret(source.secret) === undefined ? malformedSecret() : undefined;
  if (isSomebodyThere) return undefined;
  if (source.kind === "person") return nobodyToAsk(forWhom);
  if (source.kind !== "given" || mfaSerial === undefined) return undefined;
  const spent = findSpent({ mfaSerial, place }, source.given.code, ports);
  return spent && makeSpentError(`the token code from ${source.given.from}`, spent);
}

function malformedSecret(): AssumeMfaError {
  return new AssumeMfaError("TOTP_SECRET_MALFORMED", "ASSUME_MFA_TOTP_SECRET is no secret of an MFA device", {
    hint: [
      "a secret is base32: 16 and more of the letters A to Z and the digits 2 to 7, as AWS shows it beside the QR code",
      "a code of six digits goes into ASSUME_MFA_TOKEN_CODE",
    ],
  });
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

class Presenting<Client extends CodeClient, Result> {
  readonly #request: CodeRequest;
  readonly #options: Options;
  readonly #ports: Ports;
  readonly #presenter: CodePresenter<Client, Result>;

  constructor(request: CodeRequest, options: Options, ports: Ports, presenter: CodePresenter<Client, Result>) {
    this.#request = request;
    this.#options = options;
    this.#ports = ports;
    this.#presenter = presenter;
  }

  async from(source: CodeSource): Promise<Result> {
    switch (source.kind) {
      case "given":
        return this.#fromGiven(source.given);
      case "mfa_process":
        return this.#fromProcess(source.mfaProcess);
      case "stored secret":
        return this.#fromStored();
      case "totp secret":
        return this.#fromEnvironment(source.secret);
      case "person":
        return askTokenCode(this.#request, this.#openTerminal(), this.#ports, this.#presenter);
    }
  }

  async #fromGiven({ code, from }: GivenTokenCode): Promise<Result> {
    const whose = `the token code from ${from}`;
    const spent = findSpent(this.#request, code, this.#ports);
    if (spent === undefined) return this.#sendOnce(code, whose);
    const terminal = this.#openTerminal();
    if (terminal === undefined) throw makeSpentError(whose, spent);
    const because = { reason: describeSpent(whose, spent), spent };
    return askTokenCode(this.#request, terminal, this.#ports, this.#presenter, because);
  }

  /** A person who is there is asked when AWS takes the program for wrong: its device may be another, or its clock late. */
  async #fromProcess(mfaProcess: Sourced<readonly string[]>): Promise<Result> {
    const from = `mfa_process (${formatOrigin(mfaProcess.origin)})`;
    const whose = `the code of ${from}`;
    let code = await runMfaProcess(mfaProcess, this.#request.forWhom, this.#ports);
    let spent = findSpent(this.#request, code, this.#ports);
    if (spent !== undefined) {
      await this.#wait(`${describeSpent(whose, spent)}: it is run again`, spent.nextInMs);
      code = await runMfaProcess(mfaProcess, this.#request.forWhom, this.#ports);
      spent = findSpent(this.#request, code, this.#ports);
    }
    if (spent !== undefined) {
      const terminal = this.#openTerminal();
      if (terminal === undefined) throw makeSpentError(whose, spent, ["it was run twice, and printed that code again"]);
      const because = { reason: `${whose} is one that was already sent, a second time too` };
      return askTokenCode(this.#request, terminal, this.#ports, this.#presenter, because);
    }
    try {
      return await this.#sendOnce(code, whose);
    } catch (error) {
      if (!isCodeRejected(error)) throw error;
      const terminal = this.#openTerminal();
      if (terminal === undefined) throw withHint(error, `the code came from ${from}`);
      const reason = `AWS did not accept ${whose}: already used elsewhere, late, or another device's`;
      const skew = describeSkew(skewOf(error));
      const because = { reason: skew === undefined ? reason : `${reason}; ${skew}` };
      return askTokenCode(this.#request, terminal, this.#ports, this.#presenter, because);
    }
  }

  /** Of the two factors on one machine `mfa store` warned. */
  async #fromStored(): Promise<Result> {
    const { mfaSerial, place } = this.#request;
    let secret: string | undefined;
    try {
      secret = await this.#ports.storedSecrets.read(mfaSerial, place);
    } catch (error) {
      // Over SSH the keychain of the desktop is locked, and the device is at hand all the same.
      const terminal = isKeychainFailure(error) ? this.#openTerminal() : undefined;
      if (terminal === undefined) throw error;
      const because = { reason: `the stored secret of the device can't be used: ${(error as Error).message}` };
      return askTokenCode(this.#request, terminal, this.#ports, this.#presenter, because);
    }
    if (secret !== undefined) return this.#fromSecret(secret, "the stored secret");
    // Somebody took it out of the keychain: the next rung.
    const storedSecrets = { ...this.#ports.storedSecrets, has: () => false };
    return this.from(codeSourceOf(this.#request, this.#options, { ...this.#ports, storedSecrets }));
  }

  async #fromEnvironment(text: string): Promise<Result> {
    const secret = parseTotpSecret(text);
    if (secret === undefined) throw malformedSecret();
    warnOfOnePlace(this.#ports.host.env, this.#ports.note);
    return this.#fromSecret(secret, "ASSUME_MFA_TOTP_SECRET");
  }

  /**
   * A secret makes one code a step. One that was sent from here is not sent again: the next is waited for. One that AWS
   * does not take may be used elsewhere, or this machine's clock is wrong: then another is tried, once, of a time that is not
   * far from this machine's.
   * @param name whose secret it is, for people
   */
  async #fromSecret(secret: string, name: string): Promise<Result> {
    const { host, note } = this.#ports;
    const whose = `the code of ${name}`;
    let step = totpStepAt(host.now());
    let code = await computeTokenCode(secret, step);
    const spent = findSpent(this.#request, code, this.#ports);
    if (spent !== undefined) {
      step = await this.#waitForStep(step + 1, `${describeSpent(whose, spent)}: the next is sent`);
      code = await computeTokenCode(secret, step);
    }
    try {
      return await this.#sendOnce(code, whose);
    } catch (error) {
      if (!isCodeRejected(error)) throw error;
      const isOther = `${name} may not be the secret of ${this.#request.mfaSerial}`;
      const offsetMs = skewOf(error);
      if (offsetMs !== undefined) {
        if (Math.abs(offsetMs) > FARTHEST_CODE_MS) throw refuseFarCode(error, whose, offsetMs);
        note(`AWS did not accept the code, and ${describeSkew(offsetMs)}: one by AWS's clock is tried`);
        step = totpStepAt(host.now() + offsetMs);
      } else if (spent === undefined) {
        step = await this.#waitForStep(
          step + 1,
          "AWS did not accept the code: it may be used elsewhere, so the next one is tried",
        );
      } else {
        // A fresh one by its own clock, which is right.
        throw withHint(error, isOther);
      }
      return this.#sendOnce(await computeTokenCode(secret, step), whose).catch((again: unknown) => {
        throw isCodeRejected(again) ? withHint(again, isOther) : again;
      });
    }
  }

  /** @returns the step that it is then, this one or a later one */
  async #waitForStep(step: number, why: string): Promise<number> {
    const { host } = this.#ports;
    await this.#wait(why, Math.min(Math.max(step * TOTP_STEP_MS - host.now(), 0), TOTP_STEP_MS));
    return Math.max(step, totpStepAt(host.now()));
  }

  async #wait(why: string, milliseconds: number): Promise<void> {
    const { host, note } = this.#ports;
    const waitMs = milliseconds + CLOCK_SPARE_MS;
    note(`${why} in ${Math.ceil(waitMs / 1000)} s`);
    await host.sleep(waitMs, host.interrupts.signal);
  }

  async #sendOnce(code: string, whose: string): Promise<Result> {
    const client = await this.#presenter.connect();
    try {
      await this.#presenter.prepare?.(client);
      return await sendCode(client, code, whose, this.#request, this.#ports, this.#presenter);
    } finally {
      client.close();
    }
  }

  #openTerminal(): ReturnType<Ports["host"]["openTerminal"]> {
    return this.#options.mayAsk ? this.#ports.host.openTerminal() : undefined;
  }
}

/** The next step has begun when it is over, whatever the timer's grain. With a whole step, the 31 s that a run may wait. */
const CLOCK_SPARE_MS = 500;

/**
 * How far from this machine's clock another may be by which a code is made, milliseconds. The other is only what an answer
 * says: whoever answers could ask for the code of any day, and use it then. A quarter of an hour is what AWS's shortest
 * session lasts (AssumeRole, GetSessionToken: 900 s), which the code that it was sent anyway opens: it gains no time by
 * it. And it is three times what AWS lets a signature be off.
 */
const FARTHEST_CODE_MS = 15 * 60_000;

function refuseFarCode({ message, details, cause }: AssumeMfaError, whose: string, offsetMs: number): AssumeMfaError {
  return new AssumeMfaError(
    "TOKEN_CODE_REJECTED",
    `${message}; this computer's clock is ${formatSkew(offsetMs)}, and no code is made for a time that far off`,
    {
      hint: [
        `set the clock (timedatectl set-ntp true, or the system's date settings): ${whose} goes by it`,
        "or give the code that another device shows, with --token-code",
      ],
      details,
      cause,
    },
  );
}

/** @returns milliseconds: AWS's clock less this machine's, where that matters to a code */
function skewOf({ details }: AssumeMfaError): number | undefined {
  const offsetMs = details?.clockOffsetMs;
  return typeof offsetMs === "number" ? offsetMs : undefined;
}

function isKeychainFailure(error: unknown): boolean {
  return error instanceof AssumeMfaError && error.code === "KEYCHAIN_FAILED";
}

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
