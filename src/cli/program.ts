import type { Command, CommanderError } from "commander";
import { AssumeMfaError } from "../errors.ts";
import { openPickTerminal } from "../host/terminal.ts";
import { closestNames, editDistance, nearNames } from "../target/closest-names.ts";
import { visibleText } from "../text/visible-text.ts";
import { ACTIONS, COMMANDS } from "./catalogue.ts";
import { formatHelp } from "./help.ts";
import { type Invocation, parseInvocation } from "./invocation.ts";
import type { Services } from "./services.ts";

const COMMAND_NAMES: ReadonlySet<string> = new Set([...COMMANDS.map(({ name }) => name), "help"]);
/** Commands that can stand behind a target, as an action does. */
const TARGET_COMMANDS: readonly string[] = COMMANDS.filter(({ isOfTarget }) => isOfTarget).map(({ name }) => name);

/** The command line, as far as the grammar alone sorts it. */
export function readInvocation(argv: readonly string[]): Invocation {
  return parseInvocation(argv, COMMAND_NAMES);
}

/**
 * Runs what the command line says.
 * @returns the exit code; what fails is thrown
 */
export async function runProgram(services: Services): Promise<number> {
  const { host } = services;
  const invocation = readInvocation(host.argv);
  const { targetName, word, asks, misplaced } = invocation;
  if (asks === "version") {
    host.stdout.write(`${services.version}\n`);
    return 0;
  }
  if (misplaced !== undefined) {
    throw new AssumeMfaError("USAGE", `${misplaced} can't stand before the target or command`, {
      hint: "write assume-mfa <target> <action> [operands] [options]",
    });
  }
  if (asks === "help" || (targetName === undefined && (word === "help" || word === undefined))) {
    return showHelp(services, invocation);
  }
  if (targetName === undefined) return runCommand(services, invocation, word as string);
  if (targetName === "") throw new AssumeMfaError("USAGE", "the target's name is empty", { hint: "assume-mfa --help" });
  return runAction(services, invocation, targetName);
}

async function showHelp(services: Services, { asks, targetName, word, rest }: Invocation): Promise<number> {
  const { host } = services;
  if (asks === undefined && word === undefined && targetName === undefined) {
    // No arguments at all: whoever is at a terminal can pick.
    const terminal = host.env.CI === "true" || !host.stdout.isTerminal ? undefined : openPickTerminal(host);
    if (terminal !== undefined) {
      terminal.close();
      const { pickTargetName } = await import("./pick-target.ts");
      const picked = await pickTargetName(services);
      if (picked !== undefined) return runAction(services, readInvocation([picked]), picked);
    }
    host.stderr.write(formatHelp());
    return 2;
  }
  const topic = word === "help" ? rest[0] : word;
  const command = COMMANDS.find(({ name }) => name === topic);
  if (command !== undefined) return runCommand(services, { ...readInvocation([command.name, "--help"]) }, command.name);
  // `assume-mfa terminate --help`, `assume-mfa help terminate`: the action's options, whatever the target.
  const action = [topic, targetName].find((name) => ACTIONS.some((entry) => entry.name === name));
  if (action !== undefined && (topic === undefined || word === "help")) {
    return runAction(services, readInvocation(["--target", "<target>", action, "--help"]), "<target>");
  }
  if (targetName !== undefined && topic !== undefined) {
    return runAction(services, readInvocation(["--target", targetName, topic, "--help"]), targetName);
  }
  host.stdout.write(formatHelp());
  return 0;
}

async function runCommand(
  services: Services,
  invocation: Invocation,
  word: string,
  targetName?: string,
): Promise<number> {
  const entry = COMMANDS.find(({ name }) => name === word);
  if (entry === undefined)
    throw new AssumeMfaError("USAGE", `unknown command "${word}"`, { hint: "assume-mfa --help" });
  if (targetName === undefined) warnOfSameNamedTarget(services, word);
  let exitCode = 0;
  const program = await makeProgram(services, "assume-mfa");
  const register = await entry.load();
  const setExitCode = (code: number) => {
    exitCode = code;
  };
  register(program, services, setExitCode, targetName);
  await parse(program, [word, ...invocation.rest], invocation.moved);
  return exitCode;
}

/** A command's name wins over a profile's (CLI.md, "Targets"): nobody must take the one for the other in silence. */
function warnOfSameNamedTarget({ host, loadConfig }: Services, word: string): void {
  try {
    if (loadConfig().profile(word)?.get("role_arn") === undefined) return;
  } catch {
    return; // The command needs no config file, so a broken one is not its business.
  }
  host.stderr.write(`assume-mfa: ${word} is the command here; the profile of that name is --target ${word}\n`);
}

async function runAction(services: Services, invocation: Invocation, targetName: string): Promise<number> {
  const word = invocation.word ?? (await pickAction(services, invocation, targetName));
  if (TARGET_COMMANDS.includes(word)) return runCommand(services, invocation, word, targetName);
  const entry = ACTIONS.find(({ name }) => name === word);
  if (entry === undefined) {
    await checkTargetExists(services, targetName);
    const names = [...ACTIONS.map(({ name }) => name), ...TARGET_COMMANDS];
    throw new AssumeMfaError(
      "USAGE",
      word.startsWith("-") ? `${word} can't stand before the action` : `unknown action "${word}"`,
      {
        hint: word.startsWith("-")
          ? `write assume-mfa ${targetName} <action> [operands] [options]`
          : [...didYouMean(word, names), `the actions are ${names.join(", ")}; assume-mfa --help explains them`],
      },
    );
  }
  const program = await makeProgram(services, `assume-mfa ${visibleText(targetName)}`);
  const register = await entry.load();
  let exitCode = 0;
  register(program, services, targetName, (code) => {
    exitCode = code;
  });
  await parse(program, [word, ...invocation.rest], invocation.moved);
  return exitCode;
}

/** @returns a hint where one of the names is near enough to have been meant; else none */
function didYouMean(word: string, names: readonly string[]): readonly string[] {
  const [closest] = closestNames(word, names, 1);
  if (closest === undefined || editDistance(word, closest) > Math.max(1, Math.floor(word.length / 3))) return [];
  return [`did you mean ${closest}?`];
}

/** A target alone: on a terminal an action can be picked. */
async function pickAction(services: Services, invocation: Invocation, targetName: string): Promise<string> {
  const { host } = services;
  const names = await checkTargetExists(services, targetName, invocation.isTargetExplicit ? [] : [...COMMAND_NAMES]);
  const actions = names.length > 1 ? ACTIONS.filter(({ mayBeSeveral }) => mayBeSeveral) : ACTIONS;
  const terminal = host.env.CI === "true" ? undefined : openPickTerminal(host);
  if (terminal === undefined) {
    throw new AssumeMfaError("USAGE", `what is to be done in ${targetName}?`, {
      hint: `the actions are ${actions.map(({ name }) => name).join(", ")}`,
    });
  }
  try {
    return await terminal.pick(
      `What is to be done in ${visibleText(targetName)}?`,
      actions
        .filter(({ operands }) => !operands.startsWith("<"))
        .map(({ name, summary }) => ({
          value: name,
          label: `${name.padEnd(14)}${summary}`,
          short: name,
        })),
    );
  } finally {
    terminal.close();
  }
}

/**
 * @returns the targets that the word names
 * @throws AssumeMfaError TARGET_UNKNOWN, naming near targets and, where one could be meant, near commands
 */
async function checkTargetExists(
  services: Services,
  targetName: string,
  commands: readonly string[] = [],
): Promise<readonly string[]> {
  const { resolveTarget } = await import("../target/resolve-target.ts");
  const { expandTargets } = await import("../target/expand-targets.ts");
  try {
    const config = services.loadConfig();
    const names = expandTargets(targetName, config);
    for (const name of names) resolveTarget(name, {}, config, services.host.env);
    return names;
  } catch (error) {
    if (!(error instanceof AssumeMfaError) || error.code !== "TARGET_UNKNOWN") throw error;
    const isAction = ACTIONS.some(({ name }) => name === targetName);
    const isOneWord = !/[,*?]/.test(targetName);
    if (!isAction && (commands.length === 0 || !isOneWord)) throw error;
    const near = nearNames(targetName, commands, 3);
    throw new AssumeMfaError(error.code, error.message, {
      hint: [
        ...error.hints,
        isAction
          ? `${targetName} is an action: write assume-mfa <target> ${targetName}`
          : `or a command: ${near.length > 0 ? near.join(", ") : "assume-mfa --help lists them"}`,
      ],
      cause: error.cause,
      details: error.details,
    });
  }
}

/** Commander as it is used here: it neither prints an error nor ends the process, and its output goes to the host. */
async function makeProgram({ host }: Services, name: string): Promise<Command> {
  const { Command } = await import("commander");
  return (
    new Command(name)
      // Without it the words of a command that is passed on would be sorted here already: `sandbox run sh -c …`.
      .enablePositionalOptions()
      .exitOverride()
      .configureOutput({
        writeOut: (text) => host.stdout.write(text),
        writeErr: () => undefined,
        getOutHelpWidth: () => host.stdout.columns ?? 100,
        getOutHasColors: () => false,
      })
      .helpCommand(false)
      .showSuggestionAfterError(true)
  );
}

/** Told by its code, so that the class is not loaded for it. */
function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && /^commander\./.test((error as CommanderError).code ?? "");
}

/** `run` of `sandbox run --prot 1`: whose options the mistake is about. */
function subcommandOf(program: Command, word: string | undefined, rest: readonly string[]): readonly string[] {
  const children = program.commands.find((command) => command.name() === word)?.commands ?? [];
  return rest.slice(0, 1).filter((name) => children.some((child) => child.name() === name));
}

async function parse(program: Command, words: readonly string[], moved: readonly string[]): Promise<void> {
  // Moved options stand right behind the command's name, before any `--`.
  const [word, ...rest] = words;
  try {
    await program.parseAsync([word as string, ...moved, ...rest], { from: "user" });
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    if (error.exitCode === 0) return;
    if (error.code === "commander.help") {
      const names = program.commands.flatMap((command) => command.commands.map((child) => child.name()));
      throw new AssumeMfaError("USAGE", `${word} needs a command of its own`, {
        hint: [`one of ${names.join(", ")}`, `${program.name()} ${word} --help explains them`],
      });
    }
    const [message = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
    // Commander's sentences, in our form: one, and no full stop.
    throw new AssumeMfaError("USAGE", message.replace(/\. (?=[a-z])/i, ": ").replace(/\.$/, ""), {
      hint: [
        ...(suggestion === undefined ? [] : [suggestion.replace(/^\(|\)$/g, "").toLowerCase()]),
        `${[program.name(), word, ...subcommandOf(program, word, rest)].join(" ")} --help lists the options`,
      ],
      cause: error,
    });
  }
}
