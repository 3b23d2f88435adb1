import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** A shell that `export` writes for. */
export interface Shell {
  readonly name: string;
  readonly language: "sh" | "fish";
  /** Undefined where it is not installed. */
  readonly path: string | undefined;
  /** Words that keep the user's own startup files out. */
  readonly args: readonly string[];
  /** A builtin that prints its one operand as a line, byte by byte. */
  readonly printLine: string;
  /** Run before the script. */
  readonly prologue: string;
}

function makeShell(name: string, program: string, language: Shell["language"], more: Partial<Shell> = {}): Shell {
  return { name, language, path: findProgram(program), args: [], printLine: "printf '%s\\n'", prologue: "", ...more };
}

export const SH_SHELLS: readonly Shell[] = [
  makeShell("bash", "bash", "sh", { args: ["--noprofile", "--norc"] }),
  makeShell("dash", "dash", "sh"),
  makeShell("zsh", "zsh", "sh", { args: ["-f"] }),
  makeShell("zsh with RC_QUOTES", "zsh", "sh", { args: ["-f"], prologue: "setopt rc_quotes;" }),
  makeShell("ksh", "ksh93", "sh"),
  makeShell("mksh", "mksh", "sh", { printLine: "print -r --" }),
];

export const FISH: Shell = makeShell("fish", "fish", "fish");

export const SHELLS: readonly Shell[] = [...SH_SHELLS, FISH];

/** For the title of a block of tests, so that a shell that is not here is seen to be left out. */
export function titleOf(shell: Shell): string {
  return shell.path === undefined ? `${shell.name} (NOT INSTALLED HERE: left out)` : shell.name;
}

function findProgram(program: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

export interface ShellOutcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What the script left behind in its working folder, which was empty: a hostile value was executed. */
  readonly created: readonly string[];
}

/**
 * Runs a script in a real shell, with an empty home and an empty working folder of its own.
 * @param script gets the path of a file that holds `text` as `$TEXT_FILE`
 * @param env added to PATH, HOME and the locale
 */
export function runShell(
  shell: Shell,
  { script, text, env = {} }: { script: string; text: string; env?: Readonly<Record<string, string>> },
): ShellOutcome {
  if (shell.path === undefined) throw new Error(`${shell.name} is not installed`);
  const root = mkdtempSync(join(tmpdir(), "assume-mfa-shell-"));
  try {
    const home = join(root, "home");
    const trap = join(root, "trap");
    mkdirSync(home);
    mkdirSync(trap);
    const scriptFile = join(root, "script");
    const textFile = join(root, "text");
    writeFileSync(scriptFile, `${shell.prologue}\n${script}\n`);
    writeFileSync(textFile, text);
    const { status, stdout, stderr, error } = spawnSync(shell.path, [...shell.args, scriptFile], {
      cwd: trap,
      env: { PATH: process.env.PATH, HOME: home, LC_ALL: "C.UTF-8", TEXT_FILE: textFile, ...env },
      encoding: "utf8",
      timeout: 15_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    if (error !== undefined) throw error;
    return { status, stdout, stderr, created: readdirSync(trap) };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Parses the output of `env -0`. */
export function parseEnvironment(output: string): ReadonlyMap<string, string> {
  return new Map(
    output
      .split("\0")
      .filter((entry) => entry !== "")
      .map((entry) => {
        const equals = entry.indexOf("=");
        return [entry.slice(0, equals), entry.slice(equals + 1)];
      }),
  );
}
