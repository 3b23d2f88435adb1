import type { Command } from "commander";
import { AssumeMfaError } from "../../errors.ts";
import type { SetExitCode } from "../catalogue.ts";
import { openForChild, runWith } from "../child-session.ts";
import { addSessionOptions, type SessionOptions } from "../options.ts";
import type { Services } from "../services.ts";

/** `assume-mfa <target> exec`: what fails before the command runs ends with 125 (`main.ts`), since all below is the command's. */
export function registerExec(program: Command, services: Services, targetName: string, setExitCode: SetExitCode): void {
  addSessionOptions(
    program
      .command("exec")
      .description("run a program with the credentials in its environment, and end with its status")
      .argument("[command...]", "the program and its arguments, as they are; options of ours stand before it")
      .passThroughOptions(),
  ).action(async (command: readonly string[], options: SessionOptions) => {
    const runChild = await services.prepareChild();
    const [program = "", ...args] = command;
    if (command.length === 0 && options.explain !== true) {
      throw new AssumeMfaError("USAGE", "what is to be run?", {
        hint: "write assume-mfa <target> exec -- <command> [arguments]",
      });
    }
    const opened = await openForChild(services, targetName, options, program);
    if (opened !== undefined) setExitCode(await runWith(runChild, [program, ...args], opened.environment));
  });
}
