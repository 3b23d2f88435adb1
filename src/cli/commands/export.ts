import type { Command } from "commander";
import { AssumeMfaError } from "../../errors.ts";
import type { Environment } from "../../host/host.ts";
import {
  EXPORT_FORMATS,
  type ExportFormat,
  formatExport,
  formatExportUnset,
  GITHUB_TAKINGS,
  resolveExportFormat,
} from "../../outputs/export.ts";
import { toVariableChanges, type VariableChange } from "../../outputs/export-variables.ts";
import { formatJson } from "../../outputs/json.ts";
import { addSessionOptions, resolveScreenOptions, type SessionOptions } from "../options.ts";
import { runOnTarget } from "../run-on-target.ts";
import { makeScreen } from "../screen.ts";
import type { Services } from "../services.ts";

interface ExportOptions extends SessionOptions {
  readonly format?: string;
  readonly unset?: boolean;
  readonly show?: boolean;
  readonly writeProfile?: string;
}

/** What an `export` prints when it fails is printed by `program.ts`, which also sees what can't be parsed. */
export function registerExport(program: Command, services: Services, targetName: string): void {
  addSessionOptions(
    program
      .command("export")
      .description("credentials as text, for eval")
      .option("--format <format>", `${EXPORT_FORMATS.join(", ")} (default: fish where $SHELL is fish, else sh)`)
      .option("--unset", "take away what export sets")
      .option("--show", "print them even to a terminal")
      .option("--write-profile <name>", "print none, write them to this profile of the credentials file"),
  ).action(async (options: ExportOptions) => {
    const { host } = services;
    if (options.writeProfile !== undefined) {
      await exportToProfile(services, targetName, options, options.writeProfile);
      return;
    }
    const format = resolveExportFormat(
      options.format ?? (options.output === "json" ? "json" : undefined),
      host.env.SHELL,
    );
    const isExplained = options.explain === true;
    if (host.stdout.isTerminal && options.show !== true && options.unset !== true && !isExplained) {
      throw new AssumeMfaError("TERMINAL_OUTPUT", "credentials are not printed to a terminal", {
        hint: [lineToType(format, targetName), "to see them all the same: --show"],
      });
    }
    const github = format === "github" && !isExplained ? await openGithubEnvironment(host.env) : undefined;
    if (options.unset === true && !isExplained) {
      github?.append(GITHUB_TAKINGS);
      host.stdout.write(formatExportUnset(format));
      return;
    }
    // The document is the credentials in their own format, not the list of targets.
    const plain = isExplained ? options : { ...options, output: "table" };
    const demand = { needsRegion: false, isForEval: true };
    await runOnTarget(services, targetName, plain, demand, async ({ target, screen, openSession }) => {
      const { credentials } = await openSession();
      const region = target.region?.value;
      const input = { credentials, region };
      const text = formatExport(format, input);
      if (!services.exported.write(credentials, { targetName, region })) {
        screen.note(
          "nothing can be kept here: in a shell with these credentials, name --region and --source-profile for other targets",
        );
      }
      if (github !== undefined && host.env.AWS_PROFILE) {
        screen.note(
          "AWS_PROFILE is set here, and some programs pass over the credentials then: take it out of the job",
        );
      }
      return {
        result: undefined,
        print() {
          services.payload.write(text);
          // When the masks are out.
          github?.append(toVariableChanges(input));
        },
      };
    });
  });
}

async function exportToProfile(
  services: Services,
  targetName: string,
  options: ExportOptions,
  profile: string,
): Promise<void> {
  if (options.format !== undefined || options.show === true) {
    throw new AssumeMfaError(
      "USAGE",
      "--write-profile prints no credentials: --format and --show have no meaning then",
      {
        hint: "leave them out",
      },
    );
  }
  const { openProfileFile, removeProfile, writeProfile } = await import("../write-profile.ts");
  if (options.unset === true && options.explain !== true) {
    const { host } = services;
    const screen = makeScreen(host, resolveScreenOptions(options, host.env));
    const file = openProfileFile(profile, services.loadConfig());
    const isRemoved = await removeProfile(file, services);
    if (screen.output === "json") screen.result(formatJson({ ...file, removed: isRemoved }));
    const shown = `[${profile}] of ${file.path}`;
    screen.note(isRemoved ? `the credentials are gone from ${shown}` : `there is no ${shown}`);
    return;
  }
  const open = () => openProfileFile(profile, services.loadConfig());
  const demand = { needsRegion: false, check: () => void open() };
  await runOnTarget(services, targetName, options, demand, (run) => writeProfile(open(), run));
}

interface GithubEnvironment {
  /** @throws AssumeMfaError OUTPUT_FAILED */
  append(changes: readonly VariableChange[]): void;
}

/** @throws AssumeMfaError USAGE outside of GitHub Actions, OUTPUT_FAILED where its file can't be written: before a code is asked for */
async function openGithubEnvironment(env: Environment): Promise<GithubEnvironment> {
  const file = env.GITHUB_ENV;
  if (!file) {
    throw new AssumeMfaError("USAGE", "GITHUB_ENV is not set: the format github is for a step of GitHub Actions", {
      hint: "elsewhere take another format, such as --format dotenv",
    });
  }
  const { appendToGithubEnvironment, checkGithubEnvironment } = await import(
    "../../outputs/github-environment-file.ts"
  );
  checkGithubEnvironment(file);
  return { append: (changes) => appendToGithubEnvironment(file, changes) };
}

/** The target's name goes to a shell by way of the user's clipboard: anything unusual is left for them to write. */
function lineToType(format: ExportFormat, targetName: string): string {
  const name = /^[\w.:/@+-]+$/.test(targetName) ? targetName : "<target>";
  const command = `assume-mfa ${name} export`;
  switch (format) {
    case "sh":
      return `type eval "$(${command})"`;
    case "fish":
      return `type ${command} --format fish | source`;
    case "powershell":
      return `type ${command} --format powershell | Out-String | Invoke-Expression`;
    case "cmd":
      return `type for /f "delims=" %i in ('${command} --format cmd') do @%i`;
    default:
      return `send it where it belongs: ${command} --format ${format} | …`;
  }
}
