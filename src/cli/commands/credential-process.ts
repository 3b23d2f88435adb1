import type { Command } from "commander";
import { AssumeMfaError } from "../../errors.ts";
import { formatExport } from "../../outputs/export.ts";
import { addSessionOptions, type SessionOptions } from "../options.ts";
import { runOnTarget } from "../run-on-target.ts";
import type { Services } from "../services.ts";

interface CredentialProcessOptions extends SessionOptions {
  readonly show?: boolean;
}

/** As botocore does before it refreshes in earnest: SDKs keep what they were given until shortly before its end (M2). */
const MIN_TTL_MS = 900_000;

/** `credential_process = assume-mfa dev credential-process`: the document that every AWS SDK understands. */
export function registerCredentialProcess(program: Command, services: Services, targetName: string): void {
  addSessionOptions(
    program
      .command("credential-process")
      .description("the JSON of credential_process, for the AWS CLI and every SDK (--min-ttl: 15m by default)")
      .option("--show", "print it even to a terminal"),
  ).action(async (options: CredentialProcessOptions) => {
    const { host } = services;
    if (host.stdout.isTerminal && options.show !== true && options.explain !== true) {
      throw new AssumeMfaError("TERMINAL_OUTPUT", "credentials are not printed to a terminal", {
        hint: [
          "write credential_process = assume-mfa <target> credential-process into a profile of its own, and use that profile",
          "to see them all the same: --show",
        ],
      });
    }
    // The one document is the credentials, whatever ASSUME_MFA_OUTPUT says.
    const plain = options.explain === true ? options : { ...options, output: "table" };
    const demand = { needsRegion: false, isForEval: true, isForProgram: true, minTtlMs: MIN_TTL_MS };
    await runOnTarget(services, targetName, plain, demand, async ({ target, openSession }) => {
      const { credentials } = await openSession();
      const region = target.region?.value;
      const text = formatExport("process", { credentials, region: undefined });
      // Some callers put what they are given into the environment of others. What can't be kept nobody could be told.
      services.exported.write(credentials, { targetName, region });
      return { result: undefined, print: () => services.payload.write(text) };
    });
  });
}
