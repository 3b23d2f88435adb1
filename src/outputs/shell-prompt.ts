import type { Environment } from "../host/host.ts";
import { quoteForSh } from "./export-sh.ts";

const LONGEST_NAME_CHARACTERS = 40;
const MOST_LEVELS_SHOWN = 3;
const BETWEEN_LEVELS = " > ";

/** A shell whose prompt says where one is. */
export interface MarkedShell {
  readonly args: readonly string[];
  /** To be written into the folder, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** To be set for it. */
  readonly variables: Environment;
}

/**
 * The names of the targets that a shell is in, the outermost first: `dev > prod`. No shell reads anything in it as more than
 * a character of a prompt, quoted or not: letters, digits and `+=,.@:/_-`, all else becomes `_`.
 * @param outer what the shell around it has in `SHELL_VARIABLE`; it can be anything
 */
export function formatShellLevels(outer: string | undefined, name: string): string {
  const levels = [...(outer ? outer.split(BETWEEN_LEVELS) : []), name].map(plainName);
  const shown = levels.slice(-MOST_LEVELS_SHOWN);
  return [...(shown.length < levels.length ? ["..."] : []), ...shown].join(BETWEEN_LEVELS);
}

function plainName(name: string): string {
  const characters = [...name].map((one) =>
    /^(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{N}+=,.@:/_-]$/u.test(one) ? one : "_",
  );
  return characters.length > LONGEST_NAME_CHARACTERS
    ? `${characters.slice(0, LONGEST_NAME_CHARACTERS - 3).join("")}...`
    : characters.join("");
}

type MakeShell = (mark: Mark, folder: string, env: Environment) => MarkedShell;

interface Mark {
  readonly text: string;
  /** Of the shell around it: an exported prompt brings it along. */
  readonly outer: string | undefined;
}

const SHELLS: readonly (readonly [name: RegExp, make: MakeShell])[] = [
  [/^r?bash$/, markBash],
  [/^zsh$/, markZsh],
  [/^fish$/, markFish],
  [/^(?:sh|dash|ash|ksh|ksh93|mksh|oksh|lksh|yash)$/, markSh],
  [/^cmd$/, markCmd],
];

/**
 * How to start a shell so that it reads what it always reads, and then puts the mark before its prompt. Nothing of the
 * user's is changed on disk.
 * @param shell its path
 * @param levels as {@link formatShellLevels} gives them
 * @param folder where its files will be; made if there are any
 * @returns undefined for a shell whose prompt nobody knows how to mark
 */
export function markShell(
  shell: string,
  levels: string,
  folder: string,
  env: Environment,
  outer?: string,
): MarkedShell | undefined {
  const name = shell
    .slice(Math.max(shell.lastIndexOf("/"), shell.lastIndexOf("\\")) + 1)
    .replace(/(?:-[\d.]+|\.exe)$/i, "");
  const make = SHELLS.find(([pattern]) => pattern.test(name.toLowerCase()))?.[1];
  return make?.({ text: markOf(levels), outer: outer === undefined ? undefined : markOf(outer) }, folder, env);
}

function markOf(levels: string): string {
  return `[${levels}] `;
}

const HEAD = "# Written by assume-mfa for one shell, and removed with it.\n";

/** For what sets the prompt anew each time, the mark is put there last, each time. */
function markBash(mark: Mark, folder: string): MarkedShell {
  const rc = `${HEAD}if [ -r ~/.bashrc ]; then . ~/.bashrc; fi
${posixStrip(mark)}__assume_mfa_prompt() {
  case \${PS1-} in ${quoteForSh(mark.text)}*) ;; *) PS1=${quoteForSh(mark.text)}\${PS1-} ;; esac
}
__assume_mfa_command='! declare -F __assume_mfa_prompt >/dev/null || __assume_mfa_prompt'
if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
  PROMPT_COMMAND+=("$__assume_mfa_command")
else
  PROMPT_COMMAND=\${PROMPT_COMMAND:+$PROMPT_COMMAND
}$__assume_mfa_command
fi
unset __assume_mfa_command
__assume_mfa_prompt
`;
  return { args: ["--rcfile", `${folder}/bashrc`], files: { bashrc: rc }, variables: {} };
}

/** Its startup files are found by ZDOTDIR: ours hand it back before they read the user's own, which may move it. */
function markZsh(mark: Mark, folder: string, env: Environment): MarkedShell {
  const ours = quoteForSh(folder);
  const zshenv = `${HEAD}if (( \${+AMFA_ZDOTDIR} )); then export ZDOTDIR="$AMFA_ZDOTDIR"; else unset ZDOTDIR; fi
unset AMFA_ZDOTDIR
if [[ -r "\${ZDOTDIR-$HOME}/.zshenv" ]]; then builtin source "\${ZDOTDIR-$HOME}/.zshenv"; fi
if [[ -o interactive && -o rcs ]]; then
  typeset -ga __assume_mfa_zdotdir
  __assume_mfa_zdotdir=(\${+ZDOTDIR} "\${ZDOTDIR-}")
  ZDOTDIR=${ours}
fi
`;
  const zshrc = `${HEAD}if (( __assume_mfa_zdotdir[1] )); then ZDOTDIR="$__assume_mfa_zdotdir[2]"; else unset ZDOTDIR; fi
unset __assume_mfa_zdotdir
# The system's own startup file may have put the history beside ours.
if [[ "\${HISTFILE-}" == ${ours}/* ]]; then HISTFILE="\${ZDOTDIR-$HOME}/.zsh_history"; fi
if [[ -r "\${ZDOTDIR-$HOME}/.zshrc" ]]; then builtin source "\${ZDOTDIR-$HOME}/.zshrc"; fi
${posixStrip(mark)}__assume_mfa_prompt() {
  [[ "\${PS1-}" == ${quoteForSh(mark.text)}* ]] || PS1=${quoteForSh(mark.text)}"\${PS1-}"
}
typeset -ga precmd_functions
precmd_functions+=(__assume_mfa_prompt)
`;
  return {
    args: [],
    files: { ".zshenv": zshenv, ".zshrc": zshrc },
    variables: { ZDOTDIR: folder, AMFA_ZDOTDIR: env.ZDOTDIR },
  };
}

function markFish(mark: Mark): MarkedShell {
  const script = [
    "if functions -q fish_prompt; functions -c fish_prompt __assume_mfa_fish_prompt",
    "else; function __assume_mfa_fish_prompt; echo '> '; end; end",
    "function __assume_mfa_status; return $argv[1]; end",
    "function fish_prompt; set -l last $status",
    `printf '%s' '${mark.text}'; __assume_mfa_status $last; __assume_mfa_fish_prompt; end`,
  ];
  return { args: ["-C", script.join("\n")], files: {}, variables: {} };
}

/** POSIX: an interactive shell reads the file that ENV names, the value expanded. */
function markSh(mark: Mark, folder: string, env: Environment): MarkedShell {
  const rc = `${HEAD}if [ -n "\${AMFA_ENV+set}" ]; then
  ENV=$AMFA_ENV
  export ENV
  unset AMFA_ENV
  case $ENV in
    *[\\"\\\`\\\\]* | *'$('*) ;;
    *)
      eval "__assume_mfa_file=\\"$ENV\\""
      if [ -r "$__assume_mfa_file" ]; then . "$__assume_mfa_file"; fi
      unset __assume_mfa_file
      ;;
  esac
else
  unset ENV
fi
${posixStrip(mark)}PS1=${quoteForSh(mark.text)}"\${PS1-\\$ }"
`;
  return { args: [], files: { shrc: rc }, variables: { ENV: `${folder}/shrc`, AMFA_ENV: env.ENV } };
}

function markCmd(mark: Mark, _folder: string, env: Environment): MarkedShell {
  const prompt = env.PROMPT ?? "$P$G";
  const rest = mark.outer !== undefined && prompt.startsWith(mark.outer) ? prompt.slice(mark.outer.length) : prompt;
  // A > would be a redirection only where the command line is read, which a variable's value is not.
  return { args: [], files: {}, variables: { PROMPT: `${mark.text}${rest}` } };
}

function posixStrip({ outer }: Mark): string {
  return outer === undefined ? "" : `if [ -n "\${PS1-}" ]; then PS1=\${PS1#${quoteForSh(outer)}}; fi\n`;
}
