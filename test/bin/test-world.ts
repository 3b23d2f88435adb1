import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fault } from "../../src/sandbox/fault.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { writeSandboxHome } from "../../src/sandbox/sandbox-home.ts";
import { bareEnvironment, type Environment, linkPrograms, type RunOutcome, runProgram } from "./built-program.ts";

const STEP_MS = 30_000;

/** A sandbox in this process, and a machine for the built program to run on: a home, an environment, a PATH. */
export interface TestWorld {
  readonly sandbox: Sandbox;
  /** A folder of its own: empty, for whatever a test puts there. */
  readonly folder: string;
  /** The user's home: empty. */
  readonly home: string;
  /** `assume-mfa` is on its PATH. */
  readonly env: Environment;
  /** A code that was not used: the world's clock moves on, nobody waits. */
  freshCode(): string;
  /** A code that is refused; another each time, since each is sent once. */
  wrongCode(): string;
  run(args: readonly string[], more?: Environment): Promise<RunOutcome>;
  /** Signs in to the target, so that its session is cached. @throws Error when that fails */
  login(target: string): Promise<void>;
  /** Adds a line to a profile's section of the config file. */
  configure(profile: string, line: string): void;
  /** Adds sections to the config file. */
  addProfiles(text: string): void;
  /** What lies in the cache folder but for the locks: relative paths and contents. */
  cached(): ReadonlyMap<string, string>;
  /** The instances of the account dev that run. */
  runningInstances(): readonly string[];
  /** Calls of an operation so far, by its name. */
  countCalls(operation: string): number;
  close(): Promise<void>;
}

/** @param faults what goes wrong on purpose in the sandbox */
export async function startWorld({ faults = [] }: { readonly faults?: readonly Fault[] } = {}): Promise<TestWorld> {
  const sandbox = await startSandbox({ now: () => Date.now(), faults });
  const root = mkdtempSync(join(tmpdir(), "assume-mfa-test-"));
  const folderOf = (name: string) => {
    const path = join(root, name);
    mkdirSync(path);
    return path;
  };
  const home = folderOf("home");
  const inside = { ...writeSandboxHome(sandbox, join(root, "sandbox")) };
  const PATH = linkPrograms(join(root, "programs"));
  const env = { ...bareEnvironment(), PATH, HOME: home, TMPDIR: folderOf("tmp"), ...inside };
  let isCodeGiven = false;
  let wrongCodes = 0;

  const world: TestWorld = {
    sandbox,
    folder: folderOf("work"),
    home,
    env,
    freshCode() {
      if (isCodeGiven) sandbox.moveClock(STEP_MS);
      isCodeGiven = true;
      return sandbox.currentCode();
    },
    // No code of a step near this one: all of them are known.
    wrongCode() {
      wrongCodes += 1;
      return String((Number(sandbox.currentCode()) + 500_000 + wrongCodes) % 1_000_000).padStart(6, "0");
    },
    run: (args, more = {}) => runProgram(args, { env: { ...env, ...more } }),
    async login(target) {
      const { status, stderr } = await world.run([target, "login", "--token-code", world.freshCode()]);
      if (status !== 0) throw new Error(`login ended with ${status}: ${stderr}`);
    },
    configure(profile, line) {
      const text = readFileSync(inside.AWS_CONFIG_FILE, "utf8");
      writeFileSync(
        inside.AWS_CONFIG_FILE,
        text.replace(`[profile ${profile}]\n`, (head) => `${head}${line}\n`),
      );
    },
    addProfiles: (text) => appendFileSync(inside.AWS_CONFIG_FILE, `\n${text}`),
    cached: () =>
      new Map([...readTree(inside.XDG_CACHE_HOME)].filter(([name]) => !name.startsWith("assume-mfa/locks/"))),
    runningInstances: () =>
      [...(sandbox.world.accounts.get("222222222222")?.instances.values() ?? [])]
        .filter(({ state }) => state === "running")
        .map(({ id }) => id),
    countCalls: (operation) => sandbox.calls.filter((call) => call.operation === operation).length,
    async close() {
      await sandbox.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
  return world;
}

function readTree(folder: string, prefix = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      for (const [name, content] of readTree(path, `${prefix}${entry.name}/`)) found.set(name, content);
    } else {
      found.set(`${prefix}${entry.name}`, readFileSync(path, "latin1"));
    }
  }
  return found;
}
