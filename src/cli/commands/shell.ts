import type { Command } from "commander";
import { SHELL_VARIABLE } from "../../outputs/child-environment.ts";
import { formatShellLevels, markShell } from "../../outputs/shell-prompt.ts";
import { shownName } from "../../text/shown-name.ts";
import type { SetExitCode } from "../catalogue.ts";
import { type ChildSession, openForChild, runWith } from "../child-session.ts";
import { addSessionOptions, type SessionOptions } from "../options.ts";
import { formatSpan } from "../phrases.ts";
import type { RunChild, Services } from "../services.ts";

/** `assume-mfa <target> shell`: ends with the shell's status, or with 125 where it did not come to that. */
export function registerShell(
  program: Command,
  services: Services,
  targetName: string,
  setExitCode: SetExitCode,
): void {
  addSessionOptions(
    program
      .command("shell")
      .description("a shell ($SHELL) with the credentials in its environment, marked in its prompt"),
  ).action(async (options: SessionOptions) => {
    const runChild = await services.prepareChild();
    const { env, platform } = services.host;
    const shell = platform === "win32" ? env.ComSpec || "cmd.exe" : env.SHELL || "/bin/sh";
    const opened = await openForChild(services, targetName, options, shell);
    if (opened !== undefined) setExitCode(await runShell(services, runChild, shell, opened));
  });
}

async function runShell(services: Services, runChild: RunChild, shell: string, opened: ChildSession): Promise<number> {
  const { target, screen, session, environment, now } = opened;
  const { env } = services.host;
  const { accountId, roleName } = target.role.value;
  const name = target.profileName ?? `${accountId}/${roleName}`;
  const outer = env[SHELL_VARIABLE] || undefined;
  const levels = formatShellLevels(outer, name);
  const left =
    session.credentials.expiration === undefined ? "" : `, ${formatSpan(session.credentials.expiration - now)} left`;
  const inside = { ...environment, [SHELL_VARIABLE]: levels };

  let folder: Awaited<ReturnType<Services["makeTemporaryFolder"]>> | undefined;
  let marked: ReturnType<typeof markShell>;
  try {
    folder = await services.makeTemporaryFolder();
    marked = markShell(shell, levels, folder.path, inside, outer);
    for (const [file, text] of Object.entries(marked?.files ?? {})) folder.write(file, text);
  } catch {
    marked = undefined; // said below
  }
  try {
    screen.note(`${shownName(name)}: account ${accountId}, role ${shownName(roleName)}${left}; exit leaves it`);
    if (levels.includes(" > ")) screen.note(`inside another: ${levels}`);
    if (marked === undefined)
      screen.note(
        `the prompt is not marked: ${folder === undefined ? "no temporary folder can be written" : `it is not known how to in ${shownName(shell)}`}`,
      );
    return await runWith(runChild, [shell, ...(marked?.args ?? [])], { ...inside, ...marked?.variables });
  } finally {
    folder?.remove();
  }
}
