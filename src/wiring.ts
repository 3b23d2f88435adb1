// The composition root: stores, clients and the sandbox made from a Host and handed to `cli`. Heavy parts are imported
// when they are called. Edge file for node:fs and node:os: the temporary home of a sandbox.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { makeServerClock } from "./aws/server-clock.ts";
import type { RunningSandbox, SandboxServices, SandboxStart } from "./cli/sandbox-services.ts";
import type { ClientServices, Services } from "./cli/services.ts";
import { redact, redactSecrets } from "./credentials/redaction.ts";
import { AssumeMfaError } from "./errors.ts";
import { makeFileHistory } from "./history/file-history.ts";
import type { History } from "./history/history.ts";
import { makeFileLocks } from "./host/file-locks.ts";
import { cacheFolder, stateFolder } from "./host/folders.ts";
import type { Host, TextSink } from "./host/host.ts";
import type { Keychain } from "./host/keychain.ts";
import type { Locks } from "./host/lock.ts";
import { privateFiles } from "./host/private-files.ts";
import type { Terminal } from "./host/terminal.ts";
import { makeAwsCliCache } from "./session/aws-cli-cache.ts";
import { makeFileCallerStore } from "./session/caller-store.ts";
import { makeFileDeviceStore } from "./session/device-store.ts";
import { makeFileExportedSessions } from "./session/exported-sessions.ts";
import { makeFileRoleFacts } from "./session/role-facts.ts";
import { makeFileSessionCache } from "./session/session-cache.ts";
import { makeSharedSessions } from "./session/shared-sessions.ts";
import { makeFileSpentCodes } from "./session/spent-codes.ts";
import { makeStoredSecrets } from "./session/stored-secrets.ts";
import { loadAwsConfig } from "./target/load-aws-config.ts";
import { visibleText } from "./text/visible-text.ts";

/** Without a place for files there is nothing to share, and nobody to wait for. */
const NO_LOCKS: Locks = { tryAcquire: () => ({ release: () => undefined }) };

/** Nothing of the user's is read or written inside a sandbox (CLI.md, "Sandbox"): what is kept there lies in its files. */
const SANDBOX_KEYCHAIN: Keychain = {
  async read() {
    throw new AssumeMfaError("KEYCHAIN_FAILED", "a sandbox leaves your keychain alone");
  },
  async write() {
    throw new AssumeMfaError("KEYCHAIN_FAILED", "a sandbox leaves your keychain alone");
  },
  remove: async () => false,
};

/**
 * @param plainHost as it is; the services' own hides every known secret from whatever is printed
 * @param runProgram the program itself, for the runs that `sandbox demo` makes of it
 */
export function makeServices(plainHost: Host, runProgram: (host: Host) => Promise<number>): Services {
  const host = withRedaction(plainHost);
  const folder = cacheFolder(host);
  const keychain = host.env.ASSUME_MFA_SANDBOX ? SANDBOX_KEYCHAIN : makeLazyKeychain(host);
  const exported = makeFileExportedSessions(privateFiles, folder);
  const history = makeHistory(host);
  const captureCommand: Services["captureCommand"] = async (command, env, limits) => {
    const { captureCommand: capture } = await import("./host/captured-command.ts");
    return capture(command, env, limits, host.interrupts);
  };
  return {
    host,
    payload: plainHost.stdout,
    version: packageJson.version,
    loadConfig: () => loadAwsConfig(host),
    loadConfigIn: (env) => loadAwsConfig({ env, homeDirectory: host.homeDirectory }),
    cache: makeFileSessionCache(privateFiles, keychain, folder, () => host.now()),
    awsCliCache: makeAwsCliCache(privateFiles, host),
    shared: makeSharedSessions(privateFiles, keychain, folder),
    roleFacts: makeFileRoleFacts(privateFiles, folder),
    spentCodes: makeFileSpentCodes(privateFiles, folder),
    devices: makeFileDeviceStore(privateFiles, folder),
    keychain,
    storedSecrets: makeStoredSecrets(privateFiles, keychain, stateFolder(host)),
    callers: makeFileCallerStore(privateFiles, folder),
    locks: folder === undefined ? NO_LOCKS : makeFileLocks(path.join(folder, "locks"), () => host.now()),
    exported,
    history,
    recordSession: (opened) => history.append(opened),
    ...makeClients(() => host.now()),
    async loadProvidedCredentials(request) {
      const { loadProvidedCredentials } = await import("./session/provided-credentials.ts");
      return loadProvidedCredentials(request, {
        host,
        isExported: exported.read(host.env) !== undefined,
        captureCommand,
      });
    },
    captureCommand,
    async prepareChild() {
      const [{ runChild }, { findInheritedDescriptors }] = await Promise.all([
        import("./host/child-process.ts"),
        import("./host/inherited-descriptors.ts"),
      ]);
      const descriptors = findInheritedDescriptors();
      return (command, env) => runChild(command, env, host.interrupts, descriptors);
    },
    async isCommandThere(command, env) {
      const { isCommandThere } = await import("./host/child-process.ts");
      return isCommandThere(command, env);
    },
    async makeTemporaryFolder() {
      const { makeTemporaryFolder: make } = await import("./host/temporary-folder.ts");
      return make();
    },
    sandbox: makeSandboxServices(host, runProgram),
  };
}

/** What is not written there is worth a word with `--quiet`, too. */
function makeHistory(host: Host): History {
  const folder = stateFolder(host);
  const locks = folder === undefined ? NO_LOCKS : makeFileLocks(path.join(folder, "locks"), () => host.now());
  const warn = (text: string) => host.stderr.write(`assume-mfa: ${visibleText(text)}\n`);
  return makeFileHistory(folder, { files: privateFiles, locks, host, warn });
}

/** An unlock dialog wants somebody, who may be away from the screen; where nobody is to be asked it is nobody's to see. */
const KEYCHAIN_TIME_LIMIT_MS = 30_000;
const KEYCHAIN_UNATTENDED_LIMIT_MS = 5_000;

function makeLazyKeychain(host: Host): Keychain {
  const isGiven = (...names: readonly string[]) => {
    const end = host.argv.indexOf("--");
    return (end < 0 ? host.argv : host.argv.slice(0, end)).some((word) => names.includes(word));
  };
  let made: Promise<Keychain> | undefined;
  const load = () => {
    made ??= import("./host/os-keychain.ts").then(({ makeOsKeychain }) =>
      makeOsKeychain({
        host,
        timeLimitMs:
          host.env.CI === "true" || isGiven("--no-input") ? KEYCHAIN_UNATTENDED_LIMIT_MS : KEYCHAIN_TIME_LIMIT_MS,
        onWaiting() {
          if (!isGiven("-q", "--quiet")) {
            host.stderr.write("assume-mfa: waiting for the keychain: a dialog may be asking to unlock it\n");
          }
        },
      }),
    );
    return made;
  };
  return {
    read: async (name) => (await load()).read(name),
    write: async (name, secret) => (await load()).write(name, secret),
    remove: async (name) => (await load()).remove(name),
  };
}

/** What one client hears of AWS's clock, the next signs by, until it hears of its own endpoint's. */
function makeClients(now: () => number): ClientServices {
  const clock = makeServerClock(now);
  return {
    serverClock: clock,
    async loadStsClient(settings) {
      const { makeStsClient } = await import("./session/sts-client.ts");
      // Shared connections are heard by one clock.
      return makeStsClient({ ...settings, clock: settings.pool === undefined ? clock.ofClient() : clock });
    },
    async loadIamClient(settings) {
      const { makeIamClient } = await import("./session/iam-client.ts");
      return makeIamClient({ ...settings, clock: clock.ofClient() });
    },
    clientsOn: makeClients,
  };
}

function withRedaction(host: Host): Host {
  const redacting = (sink: TextSink, hide: (text: string) => string): TextSink => ({
    write: (text) => sink.write(hide(text)),
    get isTerminal() {
      return sink.isTerminal;
    },
    get columns() {
      return sink.columns;
    },
  });
  return {
    ...host,
    stdout: redacting(host.stdout, redactSecrets),
    stderr: redacting(host.stderr, redact),
    openTerminal() {
      const terminal = host.openTerminal();
      return terminal === undefined ? undefined : withRedactedTerminal(terminal);
    },
  };
}

function withRedactedTerminal(terminal: Terminal): Terminal {
  return {
    get columns() {
      return terminal.columns;
    },
    canPick: terminal.canPick,
    write: (text) => terminal.write(redact(text)),
    askLine: (question, options = {}) =>
      terminal.askLine(redact(question), {
        ...options,
        ...(options.refusal === undefined ? {} : { refusal: redact(options.refusal) }),
      }),
    pick: (question, choices) =>
      terminal.pick(
        redact(question),
        choices.map((choice) => ({
          ...choice,
          label: redact(choice.label),
          short: choice.short === undefined ? undefined : redact(choice.short),
        })),
      ),
    close: () => terminal.close(),
  };
}

/** A sandbox on this machine answers at once; whatever does not is none. */
const SANDBOX_PROBE_TIMEOUT_MS = 1_000;
/** Where the environment says that there is one, a machine that is busy is waited for. */
const OWN_SANDBOX_TIMEOUT_MS = 10_000;

function makeSandboxServices(host: Host, runProgram: (host: Host) => Promise<number>): SandboxServices {
  const probes = new Map<string, Promise<boolean>>();
  return {
    start: (options) => startSandboxWithHome(host, options),
    isSandbox(endpoint) {
      // Once a run: who enters a sandbox and who names the endpoints ask about the same address.
      let answer = probes.get(endpoint);
      if (answer === undefined) {
        answer = import("./sandbox/sandbox-client.ts").then(({ isSandbox }) =>
          isSandbox(endpoint, host.env.ASSUME_MFA_SANDBOX ? OWN_SANDBOX_TIMEOUT_MS : SANDBOX_PROBE_TIMEOUT_MS),
        );
        probes.set(endpoint, answer);
      }
      return answer;
    },
    async code(endpoint, isFresh) {
      const { fetchSandboxCode } = await import("./sandbox/sandbox-client.ts");
      return fetchSandboxCode(endpoint, { fresh: isFresh });
    },
    async clock(endpoint, move) {
      const [{ fetchSandboxClock, moveSandboxClock }, { parseDurationMs }, { MAX_MOVE_MS }] = await Promise.all([
        import("./sandbox/sandbox-client.ts"),
        import("./sandbox/fault.ts"),
        import("./sandbox/control.ts"),
      ]);
      if (move === undefined) return fetchSandboxClock(endpoint);
      const byMs = parseDurationMs(move);
      if (byMs !== undefined && byMs >= 0 && byMs <= MAX_MOVE_MS) return moveSandboxClock(endpoint, byMs);
      throw new AssumeMfaError("USAGE", `"${move}" is no time to move on by`, {
        hint: "write it as +20m, +90s or +1h: the world's clock only goes forward, ten years at most",
      });
    },
    async runNested(argv, env) {
      let stdout = "";
      let transcript = "";
      const nested: Host = {
        ...host,
        argv,
        env,
        openTerminal: () => undefined,
        stdout: {
          isTerminal: false,
          columns: host.stdout.columns,
          write(text) {
            stdout += text;
            transcript += text;
          },
        },
        stderr: {
          isTerminal: false,
          columns: host.stdout.columns,
          write(text) {
            transcript += text;
          },
        },
      };
      return { exitCode: await runProgram(nested), stdout, transcript };
    },
  };
}

function makeTemporaryFolder(): string {
  try {
    return mkdtempSync(path.join(tmpdir(), "assume-mfa-sandbox-"));
  } catch (error) {
    throw new AssumeMfaError("SANDBOX_FAILED", `no temporary folder can be made: ${(error as Error).message}`, {
      hint: "set TMPDIR to a folder that can be written",
      cause: error,
    });
  }
}

async function startSandboxWithHome(
  host: Host,
  { port, faults, stateFolder, mfaCarries }: SandboxStart,
): Promise<RunningSandbox> {
  const [{ startSandbox }, { writeSandboxHome }, { parseFault }] = await Promise.all([
    import("./sandbox/sandbox.ts"),
    import("./sandbox/sandbox-home.ts"),
    import("./sandbox/fault.ts"),
  ]);
  const parsedFaults = faults.map(parseFault);
  // A kept world keeps its home too: its keys, and the sessions of programs inside.
  const home = stateFolder === undefined ? makeTemporaryFolder() : path.resolve(stateFolder, "home");
  const removeHome = () => {
    // A program that was left running in the background (fish, at its first start) may still write there.
    if (stateFolder === undefined) rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  try {
    const sandbox = await startSandbox({
      port,
      faults: parsedFaults,
      settings: { mfaCarriesThroughAssumeRole: mfaCarries },
      now: () => host.now(),
      ...(stateFolder === undefined ? {} : { stateFolder: path.resolve(stateFolder) }),
      onStateFailure: (error) =>
        host.stderr.write(`assume-mfa: the sandbox's world is not kept any more: ${visibleText(messageOf(error))}\n`),
    });
    return {
      endpoint: sandbox.endpoint,
      environment: { ...writeSandboxHome(sandbox, home) },
      currentCode: () => sandbox.currentCode(),
      async close() {
        await sandbox.close();
        removeHome();
      },
    };
  } catch (error) {
    removeHome();
    if (error instanceof AssumeMfaError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AssumeMfaError(
      "SANDBOX_FAILED",
      code === "EADDRINUSE" ? `port ${port} is taken` : `the sandbox could not start: ${message}`,
      { hint: code === "EADDRINUSE" ? "choose another with --port, or leave it out" : undefined, cause: error },
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
