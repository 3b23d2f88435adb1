import { AssumeMfaError, EXIT_CHILD_NOT_FOUND } from "../errors.ts";
import type { Environment } from "../host/host.ts";
import { childEnvironment } from "../outputs/child-environment.ts";
import type { RoleSession } from "../session/role-session.ts";
import type { Target } from "../target/target.ts";
import { visibleText } from "../text/visible-text.ts";
import type { SessionOptions } from "./options.ts";
import { runOnTarget } from "./run-on-target.ts";
import type { Screen } from "./screen.ts";
import type { RunChild, Services } from "./services.ts";

/** A session at hand for a program that is to run with it. */
export interface ChildSession {
  readonly target: Target;
  readonly screen: Screen;
  readonly session: RoleSession;
  /** Of the program: with the credentials, without what fights with them. */
  readonly environment: Environment;
  /** Milliseconds since 1970, by AWS's clock. */
  readonly now: number;
}

/**
 * Opens a session for a child.
 * @param command its first word: looked for before a code is asked for
 * @returns undefined where the run was only to be explained
 * @throws AssumeMfaError USAGE for `-o`, COMMAND_NOT_FOUND, and whatever keeps a session from being opened
 */
export async function openForChild(
  services: Services,
  targetName: string,
  options: SessionOptions,
  command: string,
): Promise<ChildSession | undefined> {
  const isExplained = options.explain === true;
  if (options.output !== undefined && !isExplained) {
    throw new AssumeMfaError("USAGE", "there is no output of ours here for --output to shape", {
      hint: "what is printed is the command's own; its options stand behind it",
    });
  }
  const { host } = services;
  const isThere = isExplained || (await services.isCommandThere(command, host.env));
  const demand = {
    needsRegion: false,
    check() {
      if (!isThere) throw startFailed(command, EXIT_CHILD_NOT_FOUND, "command not found");
    },
  };
  // A result of ours there is none, so that ASSUME_MFA_OUTPUT is about what is explained alone.
  const plain = isExplained ? options : { ...options, output: "table" };
  let opened: ChildSession | undefined;
  await runOnTarget(services, targetName, plain, demand, async ({ services: inside, target, screen, openSession }) => {
    const session = await openSession();
    const { credentials, accountId } = session;
    const region = target.region?.value;
    const environment = childEnvironment(host.env, { credentials, region, accountId });
    if (!inside.exported.write(credentials, { targetName, region })) {
      screen.note(
        "nothing can be kept here: with these credentials in its environment, assume-mfa needs --region and --source-profile for other targets",
      );
    }
    opened = { target, screen, session, environment, now: inside.host.now() + session.clockOffsetMs };
    return { result: undefined };
  });
  return opened;
}

/**
 * @returns the child's status
 * @throws AssumeMfaError COMMAND_NOT_FOUND, COMMAND_NOT_RUNNABLE
 */
export async function runWith(
  runChild: RunChild,
  command: readonly string[],
  environment: Environment,
): Promise<number> {
  const { status, startFailure } = await runChild(command, environment);
  if (startFailure !== undefined) throw startFailed(command[0] ?? "", status, startFailure);
  return status;
}

function startFailed(command: string, status: number, why: string): AssumeMfaError {
  const isMissing = status === EXIT_CHILD_NOT_FOUND;
  return new AssumeMfaError(
    isMissing ? "COMMAND_NOT_FOUND" : "COMMAND_NOT_RUNNABLE",
    `${command === "" ? '""' : visibleText(command)}: ${why}`,
    isMissing
      ? { hint: "it must be a program on the PATH, or the path of one; for what only a shell knows: sh -c '…'" }
      : {},
  );
}
