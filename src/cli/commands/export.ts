import type { Command } from "commander";
import { AssumeMfaError } from "../../errors.ts";
import { EXPORT_FORMATS, formatExport, formatExportUnset, resolveExportFormat } from "../../outputs/export.ts";
import { addSessionOptions, type SessionOptions } from "../options.ts";
import { runOnTarget } from "../run-on-target.ts";
import type { Services } from "../services.ts";

interface ExportOptions extends SessionOptions {
  readonly format?: string;
  readonly unset?: boolean;
  readonly show?: boolean;
}

/** What an `export` prints when it fails is printed by `program.ts`, which also sees what can't be parsed. */
export function registerExport(program: Command, services: Services, targetName: string): void {
  addSessionOptions(
    program
      .command("export")
      .description("credentials as text, for eval")
      .option("--format <format>", `${EXPORT_FORMATS.join(", ")} (default: fish where $SHELL is fish, else sh)`)
      .option("--unset", "take away what export sets")
      .option("--show", "print them even to a terminal"),
  ).action(async (options: ExportOptions) => {
    const { host } = services;
    const format = resolveExportFormat(
      options.format ?? (options.output === "json" ? "json" : undefined),
      host.env.SHELL,
    );
    const isExplained = options.explain === true;
    if (host.stdout.isTerminal && options.show !== true && options.unset !== true && !isExplained) {
      throw new AssumeMfaError("TERMINAL_OUTPUT", "credentials are not printed to a terminal", {
        hint: [`type ${evalLine(format, targetName)}`, "to see them all the same: --show"],
      });
    }
    if (options.unset === true && !isExplained) {
      host.stdout.write(formatExportUnset(format));
      return;
    }
    // The document is the credentials in their own format, not the list of targets.
    const plain = isExplained ? options : { ...options, output: "table" };
    const demand = { needsRegion: false, isForEval: true };
    await runOnTarget(services, targetName, plain, demand, async ({ target, screen, openSession }) => {
      const { credentials } = await openSession();
      const region = target.region?.value;
      const text = formatExport(format, { credentials, region });
      if (!services.exported.write(credentials, { targetName, region })) {
        screen.note(
          "nothing can be kept here: in a shell with these credentials, name --region and --source-profile for other targets",
        );
      }
      return { result: undefined, print: () => services.payload.write(text) };
    });
  });
}

/** The target's name goes to a shell by way of the user's clipboard: anything unusual is left for them to write. */
function evalLine(format: string, targetName: string): string {
  const name = /^[\w.:/@+-]+$/.test(targetName) ? targetName : "<target>";
  return format === "fish" ? `assume-mfa ${name} export --format fish | source` : `eval "$(assume-mfa ${name} export)"`;
}
