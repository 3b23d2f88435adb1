import { type Command, InvalidArgumentError } from "commander";
import { AssumeMfaError, EXIT_BEFORE_CHILD } from "../../errors.ts";
import type { SetExitCode } from "../catalogue.ts";
import { insideEnvironment } from "../inside-environment.ts";
import type { RunningSandbox } from "../sandbox-services.ts";
import type { Services } from "../services.ts";

export function registerSandbox(program: Command, services: Services, setExitCode: SetExitCode): void {
  const sandbox = program
    .command("sandbox")
    .description(
      "an AWS of one's own on loopback: a parent, dev, staging and prod account, real signatures, codes and policies",
    )
    .enablePositionalOptions();

  sandbox
    .command("demo")
    .description("the main job told and done, in a sandbox of its own")
    .action(async () => {
      const { runDemo } = await import("../sandbox-demo.ts");
      setExitCode(await runDemo(services));
    });

  sandbox
    .command("start")
    .description("run one in the foreground; says what to set in another shell")
    .option("--port <n>", "the port on 127.0.0.1 (default: any)", parsePort, 0)
    .action(({ port }: { readonly port: number }) => runStart(services, port));

  sandbox
    .command("run")
    .description("start one, run a command inside it, stop, return the command's status")
    .argument("<command...>", "the command and its arguments, as they are")
    .passThroughOptions()
    .option("--port <n>", "the port on 127.0.0.1 (default: any)", parsePort, 0)
    .action(async (command: readonly string[], { port }: { readonly port: number }) => {
      const words = command[0] === "--" ? command.slice(1) : command;
      setExitCode(await runInside(services, words, port));
    });

  sandbox
    .command("code")
    .description("inside a sandbox: the six digits that alice's device shows now")
    .option("--fresh", "wait (up to 31 s) until it is a code that was not used")
    .action(async ({ fresh }: { readonly fresh?: boolean }) => {
      const endpoint = services.host.env.ASSUME_MFA_SANDBOX;
      if (!endpoint) {
        throw new AssumeMfaError("SANDBOX_FAILED", "this is not inside a sandbox: ASSUME_MFA_SANDBOX is not set", {
          hint: "assume-mfa sandbox run -- <command>, or the lines that assume-mfa sandbox start prints",
        });
      }
      services.payload.write(`${await services.sandbox.code(endpoint, fresh === true)}\n`);
    });
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isInteger(port) && port <= 65535) return port;
  throw new InvalidArgumentError("a port is a number from 0 to 65535");
}

async function runStart(services: Services, port: number): Promise<void> {
  const { host } = services;
  const { signal, hold } = host.interrupts;
  const release = hold();
  try {
    const running = await services.sandbox.start(port);
    try {
      host.stdout.write(formatShellLines(running));
      host.stderr.write(
        `assume-mfa: SANDBOX at ${running.endpoint}: type the lines above in another shell, then: assume-mfa dev instances\n` +
          "assume-mfa: the code that it asks for: assume-mfa sandbox code. Ctrl-C stops it\n",
      );
      if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    } finally {
      await running.close();
    }
  } finally {
    release();
  }
  throw signal.reason;
}

const FIGHTING_VARIABLES = [
  ...["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"],
  ...["AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME"],
  ...["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"],
  ...["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_ENDPOINT_URL_STS"],
  ...["AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_IAM", "AWS_USE_FIPS_ENDPOINT"],
  ...["AWS_USE_DUALSTACK_ENDPOINT", "ASSUME_MFA_TOKEN_CODE", "ASSUME_MFA_SERIAL_NUMBER", "ASSUME_MFA_SOURCE_PROFILE"],
  ...["ASSUME_MFA_ROLE_SESSION_NAME", "ASSUME_MFA_EXPECT_ACCOUNT", "ASSUME_MFA_DURATION", "ASSUME_MFA_OUTPUT"],
];

/** For another shell: what of the caller's own would fight with the sandbox goes, then what it needs is set. */
function formatShellLines({ environment }: RunningSandbox): string {
  const exports = Object.entries(environment).map(
    ([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`,
  );
  return `unset ${FIGHTING_VARIABLES.join(" ")}\n${exports.join("")}`;
}

async function runInside(services: Services, command: readonly string[], port: number): Promise<number> {
  const { host } = services;
  let running: RunningSandbox;
  const release = host.interrupts.hold();
  try {
    try {
      running = await services.sandbox.start(port);
    } catch (error) {
      if (!(error instanceof AssumeMfaError)) throw error;
      host.stderr.write(`assume-mfa: error: ${error.message}\n`);
      for (const hint of error.hints) host.stderr.write(`assume-mfa: hint: ${hint}\n`);
      return EXIT_BEFORE_CHILD;
    }
    try {
      host.stderr.write(`assume-mfa: SANDBOX at ${running.endpoint} (not AWS)\n`);
      const status = await services.sandbox.runChild(command, insideEnvironment(host.env, running));
      if (status === 127 || status === 126) {
        host.stderr.write(
          `assume-mfa: ${status === 127 ? "no such command" : "the command ended with 126, or can't be run"}\n`,
        );
      }
      return status;
    } finally {
      await running.close();
    }
  } finally {
    release();
  }
}
