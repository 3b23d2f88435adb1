import type { Environment } from "../host/host.ts";

/** The words of the command line, sorted by the grammar alone (CLI.md): before any option of a command is understood. */
export interface Invocation {
  /** Words given by `--target`, `--profile` or as the first word that is no command. */
  readonly targetName: string | undefined;
  /** A command's name, or the action after a target; undefined where none was given. */
  readonly word: string | undefined;
  /** What follows it. */
  readonly rest: readonly string[];
  /** `--help` or `--version` before any word. */
  readonly asks: "help" | "version" | undefined;
  /** `--debug` and `--no-color` where they stand before the word; moved behind it. */
  readonly moved: readonly string[];
  /** An option that may not stand before the first word. */
  readonly misplaced: string | undefined;
  /** True when `--target` named it, so that no command can be meant. */
  readonly isTargetExplicit: boolean;
}

/**
 * @param commands the names that win over a target's
 */
export function parseInvocation(argv: readonly string[], commands: ReadonlySet<string>): Invocation {
  let targetName: string | undefined;
  let asks: Invocation["asks"];
  let misplaced: string | undefined;
  const moved: string[] = [];
  let index = 0;
  for (; index < argv.length; index += 1) {
    const word = argv[index] as string;
    if (!word.startsWith("-") || word === "-") break;
    const value = /^--(?:target|profile)(?:=(.*))?$/s.exec(word);
    if (value !== null) {
      targetName = value[1];
      if (targetName === undefined) {
        index += 1;
        targetName = argv[index] ?? "";
      }
    } else if (word === "--help" || word === "-h") {
      asks ??= "help";
    } else if (word === "--version" || word === "-V") {
      asks ??= "version";
    } else if (word === "--debug" || word === "--no-color") {
      moved.push(word);
    } else {
      misplaced ??= word;
      index = argv.length;
    }
  }
  const isTargetExplicit = targetName !== undefined;
  const words = argv.slice(index);
  if (!isTargetExplicit && words[0] !== undefined && !commands.has(words[0])) {
    targetName = words.shift();
  }
  // A target's own help: `assume-mfa dev --help`.
  if (targetName !== undefined && (words[0] === "--help" || words[0] === "-h")) {
    words.shift();
    asks ??= "help";
  }
  const [word, ...rest] = words;
  return { targetName, word, rest, asks, moved, misplaced, isTargetExplicit };
}

/** Whether the run was asked for JSON: known even where its options can't be parsed, so that its error is JSON too. */
export function isJsonAsked(argv: readonly string[], env: Environment): boolean {
  let output: string | undefined = env.ASSUME_MFA_OUTPUT;
  for (const [index, word] of argv.entries()) {
    if (word === "--") break;
    if (word === "-o" || word === "--output") output = argv[index + 1];
    else if (word.startsWith("--output=")) output = word.slice("--output=".length);
    else if (/^-o./.test(word)) output = word.slice(2);
  }
  return output === "json";
}

/** The value of `--format` of an `export` that may not be parseable otherwise. */
export function askedExportFormat(argv: readonly string[]): string | undefined {
  let format: string | undefined;
  for (const [index, word] of argv.entries()) {
    if (word === "--") break;
    if (word === "--format") format = argv[index + 1];
    else if (word.startsWith("--format=")) format = word.slice("--format=".length);
  }
  return format;
}
