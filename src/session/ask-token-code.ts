import { rememberTokenCode } from "../credentials/redaction.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import type { Terminal } from "../host/terminal.ts";
import type { Sourced } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import { visibleText } from "../text/visible-text.ts";
import { parseTokenCode } from "./token-code.ts";

const TRY_AGAIN_HINT = "run it again with the six digits that the device shows then";
const CODE_LABEL = "MFA code";
/** How often a wrong code is asked for again. */
const ASK_AGAIN_TIMES = 3;
/** An idle connection is used again after this, and no longer than that, while the user looks for the device. */
const KEEP_WARM_EVERY_MS = 4_000;
const KEEP_WARM_FOR_MS = 120_000;

/** Whoever typed a code and sees nothing for longer than this wonders. */
const PATIENCE_MS = 1_000;

/** For what a code is wanted, and of which device. */
export interface CodeRequest {
  /** Completes `a token code is needed for …`: a target's or profile's name, raw. */
  readonly forWhom: string;
  /** The same for the prompt, shown as it is: `dev (account 222222222222)`. */
  readonly wantedFor: string;
  readonly mfaSerial: string;
  /** The STS endpoint or the partition: the same device can be another elsewhere. */
  readonly place: string;
  readonly mfaProcess: Sourced<readonly string[]> | undefined;
}

/** The calls around a prompt: made by the caller, timed here. */
export interface CodePresenter<Client, Result> {
  /** Imports and builds; begins once the prompt is painted. */
  connect(): Promise<Client>;
  /** A signed call without the code, while the user types. @throws AssumeMfaError when it proves the keys dead */
  introduce(client: Client): Promise<void>;
  /** Sends the code, once. @throws AssumeMfaError TOKEN_CODE_REJECTED: another is asked for */
  send(client: Client, code: string): Promise<Result>;
}

/** A code that was tried before anybody was asked. */
export interface RefusedCode {
  /** Shown above the question. */
  readonly reason: string;
  readonly sentCode: string;
}

/**
 * Asks for the code at the terminal and presents it. A malformed or wrong one is asked for again, three times, saying why.
 * @param terminal undefined when nobody may or can be asked
 * @throws AssumeMfaError TOKEN_CODE_MISSING (nobody there, Ctrl-D), TOKEN_CODE_MALFORMED, TOKEN_CODE_REJECTED at the end
 */
export async function askTokenCode<Client extends { close(): void }, Result>(
  request: CodeRequest,
  terminal: Terminal | undefined,
  host: Pick<Host, "now">,
  presenter: CodePresenter<Client, Result>,
  refused?: RefusedCode,
): Promise<Result> {
  if (terminal === undefined) throw nobodyToAsk(request.forWhom);
  try {
    if (refused !== undefined) terminal.write(`${visibleText(refused.reason)}\n`);
    let answer = terminal.askLine(formatQuestion(request), { label: CODE_LABEL });
    const connection = keepWarm(presenter, host);
    try {
      const sent = new Set(refused === undefined ? [] : [refused.sentCode]);
      for (let again = ASK_AGAIN_TIMES; ; again -= 1) {
        const line = await Promise.race([answer, connection.keysDead]);
        const refusal = await tryCode(line, sent, async (code) => {
          rememberTokenCode(code);
          const patience = setTimeout(() => terminal.write("asking AWS…\n"), PATIENCE_MS);
          try {
            return await presenter.send(await connection.client, code);
          } finally {
            clearTimeout(patience);
          }
        });
        if (!(refusal instanceof AssumeMfaError)) return refusal.result;
        if (again === 0) throw refusal;
        answer = terminal.askLine(`${CODE_LABEL}: `, {
          label: CODE_LABEL,
          refusal: visibleText(reasonToAskAgain(refusal)),
        });
      }
    } catch (error) {
      if (connection.isKeysDeadError(error)) terminal.write("\n");
      throw error;
    } finally {
      await connection.close();
    }
  } finally {
    terminal.close();
  }
}

/** @param forWhom a target's or profile's name, raw */
export function nobodyToAsk(forWhom: string): AssumeMfaError {
  return new AssumeMfaError(
    "TOKEN_CODE_MISSING",
    `a token code is needed for ${shownName(forWhom)}, and nobody can be asked`,
    {
      hint: [
        "give it with --token-code <code>, --token-code - (standard input) or ASSUME_MFA_TOKEN_CODE",
        "or let it be made: mfa_process = <program> in the profile, or in CI ASSUME_MFA_TOTP_SECRET",
      ],
    },
  );
}

function formatQuestion({ wantedFor, mfaSerial }: CodeRequest): string {
  return `${CODE_LABEL} for ${wantedFor}, device ${visibleText(mfaSerial)}: `;
}

/** STS answers alike to a mistyped, a used and a late code (AWS.md, 1), and in more words than a prompt has room for. */
function reasonToAskAgain(refusal: AssumeMfaError): string {
  return refusal.cause === undefined
    ? refusal.message
    : "AWS did not accept that code: mistyped, already used, or too late";
}

/** @returns the result, or the error that makes it worth asking again */
async function tryCode<Result>(
  line: string | undefined,
  sent: Set<string>,
  send: (code: string) => Promise<Result>,
): Promise<{ readonly result: Result } | AssumeMfaError> {
  if (line === undefined) {
    throw new AssumeMfaError("TOKEN_CODE_MISSING", "no token code was given", {
      hint: "run it again and type the six digits that the device shows then",
    });
  }
  const code = parseTokenCode(line);
  if (code === undefined)
    return new AssumeMfaError("TOKEN_CODE_MALFORMED", "that is not a code of six digits", { hint: TRY_AGAIN_HINT });
  if (sent.has(code)) {
    return new AssumeMfaError(
      "TOKEN_CODE_REJECTED",
      "that code was already sent: wait until the device shows another",
      { hint: TRY_AGAIN_HINT },
    );
  }
  sent.add(code);
  try {
    return { result: await send(code) };
  } catch (error) {
    if (error instanceof AssumeMfaError && error.code === "TOKEN_CODE_REJECTED") return error;
    throw error;
  }
}

/**
 * While the user types: import, connect, sign a call. Its failure is ignored unless it proves the base keys dead, since
 * AssumeRole itself will tell (DESIGN.md, "While the user types the code").
 */
function keepWarm<Client extends { close(): void }>(
  presenter: Pick<CodePresenter<Client, unknown>, "connect" | "introduce">,
  host: Pick<Host, "now">,
) {
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let deadError: unknown;
  const endsAt = host.now() + KEEP_WARM_FOR_MS;
  // A turn of the event loop first: the import is synchronous work, and the prompt must be on the screen before it.
  const client = new Promise<void>((resolve) => setImmediate(resolve)).then(() => presenter.connect());
  const keysDead = new Promise<never>((_, reject) => {
    const introduce = async () => {
      try {
        await presenter.introduce(await client);
      } catch (error) {
        if (error instanceof AssumeMfaError && error.code === "SOURCE_CREDENTIALS_INVALID") {
          deadError = error;
          reject(error);
        }
      }
      if (!isClosed && host.now() < endsAt) timer = setTimeout(introduce, KEEP_WARM_EVERY_MS);
    };
    void introduce();
  });
  // Both may fail when nobody waits for them any more.
  client.catch(() => undefined);
  keysDead.catch(() => undefined);
  return {
    client,
    keysDead,
    isKeysDeadError: (error: unknown) => deadError !== undefined && error === deadError,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await client.then(
        (made) => made.close(),
        () => undefined,
      );
    },
  };
}
