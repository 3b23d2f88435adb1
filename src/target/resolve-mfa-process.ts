import type { Profile } from "./aws-config.ts";
import { firstOf, profileSetting, refused, sourced } from "./setting.ts";
import { splitWords } from "./split-words.ts";
import type { Sourced } from "./target.ts";

/** Outside of quotes: pipes, lists, redirections, subshells, globs. */
const BARE_SHELL_CHARACTERS = "|&;<>()*?[`";
/** Only where a word begins: a home folder, a comment. */
const WORD_START_SHELL_CHARACTERS = "~#";

const QUOTE_HINT =
  "no shell reads it: put single quotes round a word that is meant as it stands, or write sh -c '…' round the whole";

/**
 * The program that prints a token code, named as aws-vault names it (`mfa_process`), which hands it to a shell: here it is
 * split into words and run without one, and what only a shell would understand is refused rather than passed on as text.
 *
 * @param profile the target's; its word counts before the source profile's
 * @returns the program and its arguments; undefined when there is none
 * @throws AssumeMfaError CONFIG_MALFORMED, naming file and line and never what stands there
 */
export function resolveMfaProcess(
  profile: Profile | undefined,
  source: Profile | undefined,
): Sourced<readonly string[]> | undefined {
  const setting = firstOf(profileSetting(profile, "mfa_process"), profileSetting(source, "mfa_process"));
  if (setting === undefined) return undefined;
  const { value, origin } = setting;
  const shellWord = findShellSyntax(value);
  if (shellWord !== undefined) throw refused(setting, `has a ${shellWord}`, { hint: QUOTE_HINT });
  if (value.includes("\0")) throw refused(setting, "holds a NUL, which no command can");
  const words = splitWords(value);
  if (words === undefined) throw refused(setting, "has an open quote, or a backslash at its end");
  const [program] = words;
  if (program === undefined || program === "") throw refused(setting, "is empty");
  // `./code` would run what lies in the current folder, which is whoever's repository that is (ACCEPTANCE.md T13).
  if (/[/\\]/.test(program) && !/^(?:\/|[A-Za-z]:[/\\]|\\\\)/.test(program)) {
    throw refused(setting, "must begin with a program's name or its absolute path");
  }
  return sourced(Object.freeze(words), origin);
}

/**
 * What a shell would act on and we would not: split by the same rules as `splitWords`.
 * @returns what it is, for the message; undefined when a shell would read the same words
 */
function findShellSyntax(text: string): string | undefined {
  if (/^\s*[A-Za-z_]\w*=/.test(text)) return "variable set before the program (NAME=value)";
  let quote: "" | "'" | '"' = "";
  let isWordStart = true;
  for (let index = 0; index < text.length; index += 1) {
    const char = text.charAt(index);
    const isAtStart = isWordStart;
    isWordStart = quote === "" && /\s/.test(char);
    if (quote === "'") {
      if (char === "'") quote = "";
    } else if (char === "\\") {
      index += 1;
      // A shell takes this backslash away, `splitWords` (Python's) keeps it.
      if (quote === '"' && /[$`]/.test(text.charAt(index))) return `shell's \\${text.charAt(index)} in double quotes`;
    } else if (char === '"') {
      quote = quote === "" ? '"' : "";
    } else if (char === "'" && quote === "") {
      quote = "'";
    } else if (char === "$" && /[\w{(@*#?$!'"-]/.test(text.charAt(index + 1))) {
      return "$ that only a shell would replace";
    } else if (char === "`" || (quote === "" && BARE_SHELL_CHARACTERS.includes(char))) {
      return `shell's ${char} in it`;
    } else if (isAtStart && quote === "" && WORD_START_SHELL_CHARACTERS.includes(char)) {
      return `shell's ${char} at the start of a word`;
    }
  }
  return undefined;
}
