import { rememberTokenCode } from "../credentials/redaction.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import type { Terminal } from "../host/terminal.ts";
import type { Sourced } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import { visibleText } from "../text/visible-text.ts";
import { canCountDown, countDownToCode } from "./code-countdown.ts";
import type { RoleSessionPorts } from "./role-session.ts";
import {
  type CodeClient,
  type CodePresenter,
  describeSpent,
  findSpent,
  isCodeRejected,
  makeSpentError,
  type SpentCode,
  sendCode,
} from "./send-code.ts";
import { parseTokenCode } from "./token-code.ts";

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

/** Why somebody is asked, where a code was there before. */
export interface AskedBecause {
  /** Shown above the question. */
  readonly reason: string;
  /** The code that was there was sent before: the next is waited for, unless the device shows it by now. */
  readonly spent?: SpentCode | undefined;
}

export type AskPorts = Pick<RoleSessionPorts, "spentCodes"> & {
  readonly host: Pick<Host, "now" | "sleep" | "env" | "interrupts">;
};

/**
 * Asks for the code at the terminal and presents it. A malformed or wrong one is asked for again, three times, saying
 * why, and so is one whose answer was lost; one that was sent before counts for itself, three times too: it cost nothing.
 * @param terminal undefined when nobody may or can be asked
 * @throws AssumeMfaError TOKEN_CODE_MISSING (nobody there, Ctrl-D); at the end what the last one was refused for:
 *   TOKEN_CODE_MALFORMED, TOKEN_CODE_REJECTED, TOKEN_CODE_USED, REPLY_LOST
 */
export async function askTokenCode<Client extends CodeClient, Result>(
  request: CodeRequest,
  terminal: Terminal | undefined,
  ports: AskPorts,
  presenter: CodePresenter<Client, Result>,
  because?: AskedBecause,
): Promise<Result> {
  if (terminal === undefined) throw nobodyToAsk(request.forWhom);
  try {
    // Nothing is awaited where there is nothing to wait for: the prompt is there at once.
    if (because !== undefined) {
      const reason = await awaitNextCode(because, terminal, ports);
      if (reason !== undefined) terminal.write(`${reason}\n`);
    }
    let onShown = () => {};
    const shown = new Promise<void>((resolve) => {
      onShown = resolve;
    });
    let answer = terminal.askLine(formatQuestion(request), { label: CODE_LABEL, onShown });
    const connection = keepWarm(presenter, ports.host, Promise.race([shown, answer]));
    try {
      let againTimes = ASK_AGAIN_TIMES;
      let spentTimes = ASK_AGAIN_TIMES;
      for (;;) {
        const line = await Promise.race([answer, connection.keysDead]);
        const outcome = await tryCode(line, connection, request, terminal, ports, presenter);
        if ("result" in outcome) return outcome.result;
        if (outcome.error.code === "TOKEN_CODE_USED" ? spentTimes-- === 0 : againTimes-- === 0) throw outcome.error;
        const refusal = await awaitNextCode(outcome, terminal, ports);
        answer = terminal.askLine(`${CODE_LABEL}: `, {
          label: CODE_LABEL,
          ...(refusal === undefined ? {} : { refusal }),
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

/**
 * Waits until there is another code to type, where it is known that there is none before.
 * @returns why another is wanted, safe to show; undefined when it was shown
 */
async function awaitNextCode(
  { reason, spent }: AskedBecause,
  terminal: Terminal,
  { host }: AskPorts,
): Promise<string | undefined> {
  const line = visibleText(reason);
  if (spent === undefined) return line;
  if (spent.isReplaced) return `${line}: type the one that the device shows by now`;
  // Where nothing can be seen to pass nobody is kept waiting.
  if (!canCountDown(terminal, host))
    return `${line}: the device shows the next in ${Math.ceil(spent.nextInMs / 1000)} s`;
  terminal.write(`${line}\n`);
  await countDownToCode(spent.nextInMs, terminal, host);
  return undefined;
}

/** Why a code opened nothing. */
interface Refusal extends AskedBecause {
  /** What the run ends with when nobody is asked again. */
  readonly error: AssumeMfaError;
}

/** @returns the result, or why it is worth asking again */
async function tryCode<Client extends CodeClient, Result>(
  line: string | undefined,
  connection: Pick<WarmConnection<Client>, "client" | "clockOffsetMs">,
  device: CodeRequest,
  terminal: Terminal,
  ports: AskPorts,
  presenter: CodePresenter<Client, Result>,
): Promise<{ readonly result: Result } | Refusal> {
  if (line === undefined) {
    throw new AssumeMfaError("TOKEN_CODE_MISSING", "no token code was given", {
      hint: "run it again and type the six digits that the device shows then",
    });
  }
  const code = parseTokenCode(line);
  if (code === undefined) {
    const reason = "that is not a code of six digits";
    const hint = "run it again with the six digits that the device shows then";
    return { reason, error: new AssumeMfaError("TOKEN_CODE_MALFORMED", reason, { hint }) };
  }
  rememberTokenCode(code);
  const find = () => findSpent(device, code, ports, connection.clockOffsetMs());
  const spent = find();
  if (spent !== undefined) {
    return { reason: describeSpent("that code", spent), spent, error: makeSpentError("that code", spent) };
  }
  const patience = setTimeout(() => terminal.write("asking AWS…\n"), PATIENCE_MS);
  try {
    const client = await connection.client;
    await presenter.prepare?.(client);
    try {
      return { result: await sendCode(client, code, "that code", device, ports, presenter) };
    } catch (error) {
      const reason = error instanceof AssumeMfaError ? reasonToAskAgain(error) : undefined;
      if (reason === undefined) throw error;
      return { reason, spent: isReplyLost(error) ? find() : undefined, error: error as AssumeMfaError };
    }
  } finally {
    clearTimeout(patience);
  }
}

/** STS answers alike to a mistyped, a used and a late code (AWS.md, 1), and in more words than a prompt has room for. */
function reasonToAskAgain(error: AssumeMfaError): string | undefined {
  if (isCodeRejected(error)) return "AWS did not accept that code: mistyped, too late, or already used elsewhere";
  return isReplyLost(error) ? "no usable answer came, so that code may be spent" : undefined;
}

function isReplyLost(error: unknown): boolean {
  return error instanceof AssumeMfaError && error.code === "REPLY_LOST";
}

/** A client that is made, and its connection kept, while somebody types. */
interface WarmConnection<Client extends CodeClient> {
  readonly client: Promise<Client>;
  /** Rejects when the base keys turn out to be dead. */
  readonly keysDead: Promise<never>;
  isKeysDeadError(error: unknown): boolean;
  clockOffsetMs(): number | undefined;
  close(): Promise<void>;
}

/**
 * While the user types: import, connect, sign a call. Its failure is ignored unless it proves the base keys dead, since
 * AssumeRole itself will tell (DESIGN.md, "While the user types the code").
 * @param isAsked fulfilled once the question is shown or answered; nothing is begun before, nor when it is rejected
 */
function keepWarm<Client extends CodeClient>(
  presenter: Pick<CodePresenter<Client, unknown>, "connect" | "introduce">,
  host: Pick<Host, "now">,
  isAsked: Promise<unknown>,
): WarmConnection<Client> {
  let made: Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let deadError: unknown;
  const endsAt = host.now() + KEEP_WARM_FOR_MS;
  // The import is synchronous work, and the prompt must be on the screen before it: asked, and a turn of the event loop.
  const connect = async () => {
    await isAsked;
    await new Promise<void>((resolve) => setImmediate(resolve));
    made = await presenter.connect();
    return made;
  };
  const client = connect();
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
    clockOffsetMs: () => made?.clockOffsetMs(),
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
