// The keychain of the operating system, by @napi-rs/keyring. Edge file: node:child_process, node:fs, process. Rules: the
// package is optional, and is loaded in a child alone: its calls run on Node's thread pool, where one that waits for an
// unlock dialog would keep this process from ending (measured: process.exit waits as long as the dialog), and opening the
// store blocks the thread that asks. Names and secrets go through pipes, never into argv or the environment; the child
// gets nothing of AWS's or ours, is ended after a time limit, and ends itself when this process is gone. On Linux the
// store is the Secret Service and no other: the package's own choice falls silently to the kernel's keyring, which the
// next process can't read.
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { AssumeMfaError } from "../errors.ts";
import type { Environment, Host } from "./host.ts";
import type { Keychain } from "./keychain.ts";
import { findKeychainPackage } from "./keychain-package.ts";

const SERVICE = "assume-mfa";
const PACKAGE = "@napi-rs/keyring";
/** Larger than any session of AWS's. */
const ANSWER_LIMIT_BYTES = 1024 * 1024;
/** Whoever sees nothing for longer than this wonders. */
const PATIENCE_MS = 1_000;
/** A dialog that was dismissed or left alone does not come up again in the same run. */
const GIVEN_UP_FOR_MS = 60_000;

export interface OsKeychainOptions {
  readonly host: Pick<Host, "env" | "platform" | "interrupts">;
  /** Milliseconds that one call may take, an unlock dialog included. */
  readonly timeLimitMs: number;
  /** Called once when an answer takes longer than a second: a dialog may be waiting behind a window. */
  onWaiting(): void;
  /** Absolute path of what is loaded; default: where keychain-package.ts finds it, never by the current folder (ACCEPTANCE.md T13). */
  findPackage?(): string | undefined;
}

/** Nothing is loaded, started or asked before the first call. Calls run one after the other. */
export function makeOsKeychain(options: OsKeychainOptions): Keychain {
  let last: Promise<unknown> = Promise.resolve();
  let givenUp: { readonly error: unknown; readonly until: number } | undefined;
  let hasSaidWaiting = false;
  const askInTurn = async (request: Request): Promise<Answer> => {
    if (givenUp !== undefined && performance.now() < givenUp.until) throw givenUp.error;
    const patience = setTimeout(() => {
      if (!hasSaidWaiting) options.onWaiting();
      hasSaidWaiting = true;
    }, PATIENCE_MS);
    try {
      return await ask(request, options);
    } catch (error) {
      if (!(error instanceof EntryError)) givenUp = { error, until: performance.now() + GIVEN_UP_FOR_MS };
      throw error;
    } finally {
      clearTimeout(patience);
    }
  };
  const call = (request: Request): Promise<Answer> => {
    const answer = last.then(() => askInTurn(request));
    last = answer.catch(() => undefined);
    return answer;
  };
  return {
    async read(name) {
      const { value } = await call({ operation: "read", name });
      return value ?? undefined;
    },
    async write(name, secret) {
      await call({ operation: "write", name, secret });
    },
    async remove(name) {
      try {
        await call({ operation: "remove", name });
        return true;
      } catch (error) {
        if (error instanceof AssumeMfaError) return false;
        throw error;
      }
    },
  };
}

interface Request {
  readonly operation: "read" | "write" | "remove";
  readonly name: string;
  readonly secret?: string;
}

interface Answer {
  readonly value?: string | null;
  /** The package's own words. */
  readonly failure?: string;
}

/**
 * One line of JSON in, one out. Its standard input stays open for as long as somebody waits for the answer; SIGKILL, since
 * an exit would wait for the dialog.
 */
const CHILD_PROGRAM = `
const answer = (text) => require("node:fs").writeSync(1, JSON.stringify(text) + "\\n");
const leave = () => process.kill(process.pid, "SIGKILL");
async function serve({ operation, service, name, secret }) {
  try {
    const { AsyncEntry } = require(process.argv[1]);
    const entry = new AsyncEntry(service, name, { linux: { store: "secret-service" } });
    if (operation === "read") return answer({ value: await entry.getPassword() });
    if (operation === "write") await entry.setPassword(secret);
    else await entry.deleteCredential();
    answer({});
  } catch (error) {
    answer({ failure: String(error && error.message) });
  }
}
let line = "";
process.stdin.setEncoding("utf8").on("end", leave).on("error", leave).on("data", (chunk) => {
  line += chunk;
  if (line.endsWith("\\n")) serve(JSON.parse(line));
});
`;

async function ask(request: Request, options: OsKeychainOptions): Promise<Answer> {
  const { host, timeLimitMs } = options;
  host.interrupts.signal.throwIfAborted();
  const env = childEnvironment(host.env, host.platform);
  const file = options.findPackage ? options.findPackage() : findKeychainPackage(fileURLToPath(import.meta.url));
  if (file === undefined) {
    throw new AssumeMfaError("KEYCHAIN_FAILED", `there is no keychain: the package ${PACKAGE} is not installed`, {
      hint: "it is an optional dependency: install assume-mfa again, without --omit=optional",
    });
  }
  const child = spawn(process.execPath, ["--input-type=commonjs", "-e", CHILD_PROGRAM, file], {
    env,
    stdio: ["pipe", "pipe", "ignore"],
    windowsHide: true,
    ...(host.platform === "win32" ? {} : { cwd: "/" }),
  });
  const answer = await answerOf(child, request, timeLimitMs, host.interrupts.signal);
  if (answer.failure !== undefined) throw failureOf(answer.failure);
  return answer;
}

function answerOf(child: ChildProcess, request: Request, timeLimitMs: number, signal: AbortSignal): Promise<Answer> {
  const kill = () => void child.kill("SIGKILL");
  return new Promise<Answer>((resolve, reject) => {
    const { stdin, stdout } = child;
    let text = "";
    const settle = (finish: () => void) => {
      clearTimeout(limit);
      signal.removeEventListener("abort", onAbort);
      process.off("exit", kill);
      kill();
      stdin?.destroy();
      stdout?.destroy();
      child.unref();
      finish();
    };
    const fail = (message: string, cause?: unknown) =>
      settle(() => reject(new AssumeMfaError("KEYCHAIN_FAILED", message, { hint: UNLOCK_HINT, cause })));
    const onAbort = () => settle(() => reject(signal.reason));
    const limit = setTimeout(
      () => fail(`the keychain did not answer within ${formatLimit(timeLimitMs)}: a dialog may be waiting`),
      timeLimitMs,
    );
    signal.addEventListener("abort", onAbort);
    process.on("exit", kill); // a second Ctrl-C ends us at once
    child.on("error", (error) => fail("the keychain can't be asked: its helper does not start", error));
    child.on("close", (status, endSignal) => {
      fail(`the keychain can't be asked: its helper ended (${endSignal ?? `status ${status}`})`);
    });
    stdin?.on("error", () => undefined); // it ended: `close` says how
    stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.length > ANSWER_LIMIT_BYTES) fail("the keychain answers with more than any secret of this program");
      if (!text.endsWith("\n")) return;
      const answer = parseAnswer(text);
      if (answer === undefined) fail("the keychain's helper answers in another language");
      else settle(() => resolve(answer));
    });
    stdin?.write(`${JSON.stringify({ ...request, service: SERVICE })}\n`);
  });
}

function parseAnswer(text: string): Answer | undefined {
  try {
    const { value = null, failure } = JSON.parse(text) ?? {};
    if (failure !== undefined) return { failure: String(failure) };
    return value === null || typeof value === "string" ? { value } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What the keychain's own programs need (the bus, the display, the home), and nothing that holds a secret of ours or
 * makes Node or the package load something else.
 * @throws AssumeMfaError KEYCHAIN_FAILED where there is no bus: nothing need be started to know that
 */
function childEnvironment(env: Environment, platform: NodeJS.Platform): NodeJS.ProcessEnv {
  const kept = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(?:AWS_|ASSUME_MFA_|NODE_|NAPI_RS_)/i.test(name)),
  );
  if (platform !== "linux" || kept.DBUS_SESSION_BUS_ADDRESS) return kept;
  // Where systemd keeps it; a shell over ssh often lacks the variable, and the package's libdbus does not look there.
  const socket = kept.XDG_RUNTIME_DIR && path.join(kept.XDG_RUNTIME_DIR, "bus");
  if (socket && path.isAbsolute(socket) && fs.existsSync(socket)) {
    return { ...kept, DBUS_SESSION_BUS_ADDRESS: `unix:path=${escapeAddress(socket)}` };
  }
  throw new AssumeMfaError("KEYCHAIN_FAILED", "there is no keychain: this session has no D-Bus", {
    hint: "a desktop session has one; elsewhere: dbus-run-session, with a keychain such as gnome-keyring in it",
  });
}

/** D-Bus Specification, "Server Addresses": a comma or a semicolon would begin something else. */
function escapeAddress(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[-\w/.]/.test(character) ? character : `%${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
}

const UNLOCK_HINT = "unlock the keychain and try again";

interface Failure {
  readonly pattern: RegExp;
  readonly message: string;
  readonly hint?: string;
  /** About one entry: the next may do. */
  readonly isOfEntry?: true;
}

/** What the package says, by what is to be done. Its words differ from store to store, and hold no secret. */
const FAILURES: readonly Failure[] = [
  {
    pattern:
      /ServiceUnknown|not provided by any|NameHasNoOwner|Failed to connect|autolaunch|exited with status|can(?:no|')t spawn/i,
    message: "there is no keychain: none answers on this session's D-Bus",
    hint: "start one: gnome-keyring-daemon --start --components=secrets, KWallet or KeePassXC",
  },
  {
    // errSecInteractionNotAllowed (-25308): macOS over ssh.
    pattern: /prompt was dismissed|locked|interaction is not allowed|-25308/i,
    message: "the keychain is locked",
    hint: UNLOCK_HINT,
  },
  {
    pattern: /did not receive a reply|timed? ?out|NoReply/i,
    message: "the keychain does not answer",
    hint: UNLOCK_HINT,
  },
  {
    pattern: /no result found/i,
    message: "the keychain has no default collection",
    hint: "make one with the keychain's own program",
  },
  {
    pattern: /denied|not permitted|auth(?:entication|orization)? ?failed|-25293/i,
    message: "the keychain refuses access",
  },
  {
    pattern: /utf-?8|encoding|bad data|crypto|decrypt/i,
    message: "what the keychain holds is damaged",
    hint: "remove it with the keychain's own program",
    isOfEntry: true,
  },
  {
    pattern: /ambiguous|matched by (?:\d+|multiple)|more than one/i,
    message: "the keychain holds several entries of one name",
    hint: `remove those of "${SERVICE}" with the keychain's own program`,
    isOfEntry: true,
  },
  { pattern: /longer than|too long|size limit/i, message: "the keychain takes no secret that long", isOfEntry: true },
];

/** A failure that is not the keychain's as a whole. */
class EntryError extends AssumeMfaError {}

function failureOf(text: string): AssumeMfaError {
  const own = text.replace(/\s+/g, " ").slice(0, 200);
  const known = FAILURES.find(({ pattern }) => pattern.test(own));
  const options = { hint: known?.hint, cause: new Error(own) };
  if (known === undefined) return new EntryError("KEYCHAIN_FAILED", `the keychain failed: ${own}`, options);
  return new (known.isOfEntry ? EntryError : AssumeMfaError)("KEYCHAIN_FAILED", known.message, options);
}

function formatLimit(milliseconds: number): string {
  return milliseconds < 1_000 ? `${milliseconds} ms` : `${Math.round(milliseconds / 1_000)} s`;
}
