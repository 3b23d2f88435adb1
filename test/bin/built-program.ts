import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout. */
export const PROJECT_FOLDER = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** What `assume-mfa` is when the package is installed. */
export const PROGRAM = join(PROJECT_FOLDER, "bin", "assume-mfa.js");

const BUILT = join(PROJECT_FOLDER, "dist", "start.cjs");
const BUILT_FROM = ["src", "package.json", "package-lock.json", "rolldown.config.ts"];

/**
 * The tests of this folder meet the program as `npm run build` leaves it. They do not build it themselves: several files
 * run at once, and a build begins by removing the one before.
 * @throws Error when there is none, or when a source is newer
 */
function demandBuiltProgram(): void {
  let builtMs: number;
  try {
    builtMs = statSync(BUILT).mtimeMs;
  } catch {
    throw new Error("dist/ is missing: run `npm run build` first (`npm test` does)");
  }
  for (const name of BUILT_FROM) {
    const newest = newestFile(join(PROJECT_FOLDER, name));
    if (newest.mtimeMs > builtMs) {
      throw new Error(`dist/ is older than ${newest.path}: run \`npm run build\` first (\`npm test\` does)`);
    }
  }
}

function newestFile(path: string): { readonly path: string; readonly mtimeMs: number } {
  const status = statSync(path);
  if (!status.isDirectory()) return { path, mtimeMs: status.mtimeMs };
  return readdirSync(path)
    .map((name) => newestFile(join(path, name)))
    .reduce((newest, one) => (one.mtimeMs > newest.mtimeMs ? one : newest));
}

demandBuiltProgram();

export type Environment = Readonly<Record<string, string>>;

/** What a process needs to run at all: nothing of the caller's AWS, CI or test settings. */
export function bareEnvironment(): Environment {
  return { PATH: process.env.PATH ?? "", LC_ALL: "C.UTF-8", TERM: "xterm-256color" };
}

/**
 * Links `assume-mfa` into a folder, as npm does, and the node that runs the tests.
 * @returns the PATH on which they come first
 */
export function linkPrograms(folder: string): string {
  mkdirSync(folder);
  symlinkSync(PROGRAM, join(folder, "assume-mfa"));
  symlinkSync(process.execPath, join(folder, "node"));
  return `${folder}:${process.env.PATH ?? ""}`;
}

/** @returns its path; undefined where the machine does not have it */
export function findProgram(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(":")) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/** A title that says what is left out, and why; said on standard error too. */
export function titled(title: string, ...needs: readonly (readonly [name: string, found: unknown])[]): string {
  const missing = needs.filter(([, found]) => found === undefined || found === false).map(([name]) => name);
  if (missing.length === 0) return title;
  const note = `${title} (LEFT OUT: no ${missing.join(", no ")} here)`;
  process.stderr.write(`${note}\n`); // not every reporter names what is skipped
  return note;
}

export interface RunOptions {
  readonly env: Environment;
  readonly cwd?: string | undefined;
  /** Standard input's whole content; left out: the null device. */
  readonly input?: string | undefined;
  /** Past this it is killed, and the run fails. Default 15,000. */
  readonly timeoutMs?: number;
  /** Called when it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

export interface RunOutcome {
  /** As a shell reports it: 128 + n for signal n. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** Signals by number, as far as the tests use them. */
export const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGTERM: 15,
};

const running = new Set<ChildProcess>();
// A test that failed may leave one behind.
process.on("exit", () => running.forEach(endGroup));

/** Runs a command in a session of its own, which has no terminal: nobody's terminal is asked anything. */
export function run(command: readonly string[], options: RunOptions): Promise<RunOutcome> {
  const [file = "", ...args] = command;
  const { env, cwd, input, timeoutMs = 15_000, onStart } = options;
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env,
      cwd,
      detached: true,
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    running.add(child);
    const timer = setTimeout(() => {
      endGroup(child);
      reject(new Error(`${command.join(" ")} ran for more than ${timeoutMs} ms\n${stdout}\n${stderr}`));
    }, timeoutMs);
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code, signal) => {
      running.delete(child);
      clearTimeout(timer);
      const status = signal === null ? (code ?? -1) : 128 + (SIGNAL_NUMBERS[signal] ?? 0);
      resolve({ status, stdout, stderr, elapsedMs: performance.now() - startedAt });
    });
    child.stdin?.on("error", () => undefined); // it may end without reading
    child.stdin?.end(input);
    onStart?.(child);
  });
}

function endGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // it ended by itself
  }
}

/** Runs the program. */
export function runProgram(args: readonly string[], options: RunOptions): Promise<RunOutcome> {
  return run([process.execPath, PROGRAM, ...args], options);
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Looks until it is so. @throws Error when it is not so in time */
export async function until(what: string, isSo: () => boolean, timeoutMs = 5_000): Promise<void> {
  const endsAt = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > endsAt) throw new Error(`not so in ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
