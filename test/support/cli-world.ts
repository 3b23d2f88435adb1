import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll } from "vitest";
import type { Environment } from "../../src/host/host.ts";
import { main } from "../../src/main.ts";
import type { SandboxCall } from "../../src/sandbox/call-log.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { writeSandboxHome } from "../../src/sandbox/sandbox-home.ts";
import type { Account, Instance, MfaDevice, Role, Table, User } from "../../src/sandbox/world.ts";
import { type FakeHost, type FakeHostOptions, makeFakeHost } from "./fake-host.ts";

export const PARENT = "111122223333";
export const DEV = "222222222222";
export const PROD = "444444444444";
export const SERIAL = `arn:aws:iam::${PARENT}:mfa/alice`;
export const DEV_ROLE = `arn:aws:iam::${DEV}:role/PrivilegedActionsRole`;

const STEP_MS = 30_000;
/** Operations that only look. */
const READS = /^(?:Describe|List|Get|AssumeRole$)/;

/** Colours, and the line that progress paints over. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are looked for
const OUR_SEQUENCES = /\u001b\[\d*(?:;\d+)*m|\r\u001b\[2K/g;
/** What a terminal acts on or hides, but for the newline and the tab (ACCEPTANCE.md V4). */
const HARMFUL = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

export interface RunOptions extends Partial<Omit<FakeHostOptions, "argv" | "env">> {
  /** Added to the sandbox's environment; undefined takes a variable away. */
  readonly env?: Environment;
  /** True: standard output may hold credentials or a code, since that is what was asked for. */
  readonly isPayload?: boolean;
  /** Runs beside the program, with its host. */
  readonly meanwhile?: (host: FakeHost) => void;
}

/** What a run left behind. */
export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard error without the lines about where the calls go. */
  readonly said: string;
  /** What was written to the terminal itself. */
  readonly screen: string;
  readonly questions: readonly string[];
  /** What the sandbox was asked during the run, dry runs marked. */
  readonly operations: readonly string[];
  readonly calls: readonly SandboxCall[];
  readonly host: FakeHost;
}

/**
 * The program as a user has it, in this process: the real `main`, a sandbox over HTTP, real files. After every run it
 * is checked that nothing secret got out and nothing harmful to a terminal, that errors are
 * lines without a stack or a full stop, that each terminal was closed and that no interrupt is held.
 */
export class CliWorld {
  readonly sandbox: Sandbox;
  /** Everything of this world lies below it. */
  readonly folder: string;
  readonly #env: Environment;
  readonly #codes = new Set<string>();
  readonly #canaries = new Set<string>();
  #caches = 0;
  #codeStep = 0;
  #wrongCodes = 0;
  #files = 0;

  constructor(sandbox: Sandbox, folder: string) {
    this.sandbox = sandbox;
    this.folder = folder;
    this.#env = { ...writeSandboxHome(sandbox, path.join(folder, "home")) };
    this.newCache();
  }

  /** An empty cache for the runs from now on. */
  newCache(): void {
    this.#caches += 1;
    mkdirSync(this.cacheHome, { recursive: true });
  }

  /** The `XDG_CACHE_HOME` of the runs. */
  get cacheHome(): string {
    return path.join(this.folder, "caches", `${this.#caches}`);
  }

  get env(): Environment {
    return { ...this.#env, XDG_CACHE_HOME: this.cacheHome };
  }

  /** The one cached role session. */
  get sessionFile(): string {
    const sessions = path.join(this.cacheHome, "assume-mfa", "sessions");
    const [file, ...others] = readdirSync(sessions);
    if (file === undefined || others.length > 0) throw new Error(`${others.length + 1} sessions are cached`);
    return path.join(sessions, file);
  }

  account(id: string): Account {
    return demand(this.sandbox.world.accounts.get(id));
  }

  user(name: string): User {
    return demand(this.account(PARENT).users.get(name));
  }

  device(): MfaDevice {
    return demand(this.account(PARENT).mfaDevices.get(SERIAL));
  }

  role(accountId: string, name = "PrivilegedActionsRole"): Role {
    return demand(this.account(accountId).roles.get(name));
  }

  instances(accountId: string): Instance[] {
    return [...this.account(accountId).instances.values()];
  }

  instance(accountId: string, name: string): Instance {
    return demand(this.instances(accountId).find(({ tags }) => tags.get("Name") === name));
  }

  table(accountId: string, name: string): Table | undefined {
    return this.account(accountId).tables.get(`us-east-1/${name}`);
  }

  /**
   * A code that was neither used nor given out before, since the program sends none twice: the world's clock goes on to the
   * next step when this step's is.
   */
  code(): string {
    const spentStep = Math.max(this.device().lastAcceptedStep ?? 0, this.#codeStep);
    while (Math.floor(this.sandbox.now() / STEP_MS) <= spentStep) this.sandbox.moveClock(STEP_MS);
    this.#codeStep = Math.floor(this.sandbox.now() / STEP_MS);
    return this.watch(this.sandbox.currentCode());
  }

  /** Six digits that the device shows neither now nor in the steps beside; others each time, since each is sent once. */
  wrongCode(): string {
    this.#wrongCodes += 1;
    const wrong = Number(this.sandbox.currentCode()) + 500_000 + this.#wrongCodes;
    return this.watch(String(wrong % 1_000_000).padStart(6, "0"));
  }

  /** Counts a code as secret from now on. */
  watch(code: string): string {
    this.#codes.add(code);
    return code;
  }

  /** Counts a text as secret from now on. */
  addCanary(text: string): string {
    this.#canaries.add(text);
    return text;
  }

  /** A config file of its own: the sandbox's, and these sections. @returns for `env` */
  configWith(sections: string): { readonly AWS_CONFIG_FILE: string } {
    return this.configFile(readFileSync(demand(this.#env.AWS_CONFIG_FILE), "utf8") + sections);
  }

  configFile(text: string): { readonly AWS_CONFIG_FILE: string } {
    return { AWS_CONFIG_FILE: this.#write("config", text) };
  }

  credentialsFile(text: string): { readonly AWS_SHARED_CREDENTIALS_FILE: string } {
    return { AWS_SHARED_CREDENTIALS_FILE: this.#write("credentials", text) };
  }

  makeHost(argv: readonly string[], options: RunOptions = {}): FakeHost {
    const { env, isPayload: _payload, meanwhile: _meanwhile, ...host } = options;
    return makeFakeHost({
      homeDirectory: path.join(this.folder, "home"),
      now: () => this.sandbox.now(),
      // Nobody waits, and the world's time still passes.
      sleep: async (milliseconds, signal) => {
        signal?.throwIfAborted();
        this.sandbox.moveClock(milliseconds);
        await nextTurn();
        signal?.throwIfAborted();
      },
      ...host,
      argv,
      env: { ...this.env, ...env },
    });
  }

  /** @param argv the words after the program's name, or one line of words without blanks in them */
  async run(argv: string | readonly string[], options: RunOptions = {}): Promise<Run> {
    const host = this.makeHost(typeof argv === "string" ? argv.split(" ") : argv, options);
    const before = this.sandbox.calls.length;
    options.meanwhile?.(host);
    const exitCode = await main(host);
    const calls = this.sandbox.calls.slice(before);
    const run: Run = {
      exitCode,
      stdout: host.out,
      stderr: host.err,
      said: host.err.replace(/^(?:SANDBOX|endpoint) .*\n/gm, ""),
      screen: host.screen,
      questions: host.questions,
      operations: calls.map(({ operation = "?", parameters }) =>
        parameters.DryRun === "true" ? `${operation} (dry run)` : operation,
      ),
      calls,
      host,
    };
    this.#checkRun(run, options.isPayload === true);
    return run;
  }

  /** Signs in to a target, so that the next runs are served by the cache. */
  async login(target = "dev", options: RunOptions = {}): Promise<void> {
    const { exitCode, stderr } = await this.run([target, "login", "--token-code", this.code()], options);
    if (exitCode !== 0) throw new Error(`login ended with ${exitCode}: ${stderr}`);
  }

  /** @returns the secrets that stand in the text */
  secretsIn(text: string): string[] {
    const found = this.secrets().filter((secret) => text.includes(secret));
    const digits = [...text.matchAll(/(?<![\w-])\d{6}(?![\w-])/g)].map(([code]) => code);
    return [...found, ...digits.filter((code) => this.#codes.has(code)).map((code) => `the code ${code}`)];
  }

  secrets(): string[] {
    const { accounts, sessions, sealKey } = this.sandbox.world;
    const all = [...this.#canaries, sealKey];
    for (const { users, mfaDevices } of accounts.values()) {
      for (const { accessKeys } of users.values()) all.push(...accessKeys.map((key) => key.secretAccessKey));
      for (const { secret } of mfaDevices.values()) all.push(secret);
    }
    for (const { secretAccessKey, sessionToken } of sessions.values()) all.push(secretAccessKey, sessionToken);
    return all;
  }

  async close(): Promise<void> {
    await this.sandbox.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #checkRun({ stdout, stderr, screen, host }: Run, isPayload: boolean): void {
    const places = {
      "standard error": stderr,
      "the terminal": screen,
      ...(isPayload ? {} : { "standard output": stdout }),
      "a file's name": readdirSync(this.folder, { recursive: true, encoding: "utf8" }).join("\n"),
    };
    for (const [place, text] of Object.entries(places)) {
      const [secret] = this.secretsIn(text);
      if (secret !== undefined) throw new Error(`${secret} stands in ${place}:\n${text}`);
    }
    const streams = [
      ["standard output", stdout, host.stdout.isTerminal],
      ["standard error", stderr, host.stderr.isTerminal],
      ["the terminal", screen, true],
    ] as const;
    for (const [place, text, isTerminal] of streams) {
      const raw = HARMFUL.exec(isTerminal ? text.replace(OUR_SEQUENCES, "") : text)?.[0];
      if (raw !== undefined) throw new Error(`${JSON.stringify(raw)} reaches ${place}:\n${JSON.stringify(text)}`);
    }
    const untidy = /^assume-mfa: (?:error|hint): .*\.$|^\s*at .*:\d+:\d+/m.exec(stderr)?.[0];
    if (untidy !== undefined) throw new Error(`a full stop or a stack on standard error: ${untidy}`);
    if (host.openTerminals > 0 && !host.interrupts.signal.aborted) throw new Error("a terminal was left open");
    if (host.interrupts.isHeld) throw new Error("interrupts are still held");
  }

  #write(name: string, text: string): string {
    this.#files += 1;
    const folder = path.join(this.folder, "files", `${this.#files}`);
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, name);
    writeFileSync(file, text);
    return file;
  }
}

/** A world of its own; gone when the file's tests are done. */
export async function openCliWorld(): Promise<CliWorld> {
  const world = new CliWorld(
    await startSandbox({ now: Date.now }),
    mkdtempSync(path.join(tmpdir(), "assume-mfa-test-")),
  );
  afterAll(() => world.close());
  return world;
}

/** Those of the operations that change something. */
export function changesOf({ operations }: Pick<Run, "operations">): string[] {
  return operations.filter((operation) => !READS.test(operation) && !operation.endsWith("(dry run)"));
}

export function demand<T>(value: T | undefined | null): T {
  if (value === undefined || value === null) throw new Error("a value that the test relies on is missing");
  return value;
}
