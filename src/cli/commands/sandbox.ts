import { type Command, InvalidArgumentError, Option } from "commander";
import { AssumeMfaError, EXIT_BEFORE_CHILD } from "../../errors.ts";
import { visibleText } from "../../text/visible-text.ts";
import type { SetExitCode } from "../catalogue.ts";
import { insideEnvironment, NO_PROXY_HOSTS, NO_PROXY_NAMES, OWN_VARIABLES } from "../inside-environment.ts";
import type { RunningSandbox, SandboxStart } from "../sandbox-services.ts";
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

  addStartOptions(
    sandbox.command("start").description("run one in the foreground; says what to set in another shell"),
  ).action((options: StartOptions) => runStart(services, toSandboxStart(options)));

  addStartOptions(
    sandbox
      .command("run")
      .description("start one, run a command inside it, stop, return the command's status")
      .argument("<command...>", "the command and its arguments, as they are")
      .passThroughOptions(),
  ).action(async (command: readonly string[], options: StartOptions) => {
    const words = command[0] === "--" ? command.slice(1) : command;
    setExitCode(await runInside(services, words, toSandboxStart(options)));
  });

  sandbox
    .command("code")
    .description("inside a sandbox: the six digits that alice's device shows now")
    .option("--fresh", "wait (up to 31 s) until it is a code that was not used")
    .action(async ({ fresh }: { readonly fresh?: boolean }) => {
      services.payload.write(`${await services.sandbox.code(endpointInside(services), fresh === true)}\n`);
    });

  sandbox
    .command("clock")
    .description("inside a sandbox: the world's time; with +20m, moves it on first")
    .argument("[time]", "how far to move it on: +20m, +90s, +1h")
    .action(async (move: string | undefined) => {
      const now = await services.sandbox.clock(endpointInside(services), move);
      services.host.stdout.write(`${new Date(now).toISOString()}\n`);
    });
}

interface StartOptions {
  readonly port?: number;
  readonly fault: readonly string[];
  readonly stateDir?: string;
  readonly mfaCarries?: boolean;
}

function addStartOptions(command: Command): Command {
  const collect = (fault: string, before: readonly string[]) => [...before, fault];
  return command
    .option("--port <n>", "the port on 127.0.0.1 (default: any)", parsePort)
    .option("--state-dir <dir>", "keep the world in this folder between runs")
    .option("--mfa-carries", "a role assumed from an MFA session has MFA too (the sources differ; default: it has not)")
    .addOption(
      new Option("--fault <fault>", "go wrong on purpose, such as drop-reply:AssumeRole or clock-skew=+20m; repeatable")
        .argParser(collect)
        .default([], "none"),
    );
}

function toSandboxStart({ port = 0, fault, stateDir, mfaCarries = false }: StartOptions): SandboxStart {
  if (stateDir === "") throw new AssumeMfaError("USAGE", "--state-dir is empty", { hint: "name a folder" });
  return { port, faults: fault, stateFolder: stateDir, mfaCarries };
}

/** @throws AssumeMfaError SANDBOX_FAILED outside of a sandbox */
function endpointInside({ host }: Services): string {
  const endpoint = host.env.ASSUME_MFA_SANDBOX;
  if (endpoint) return endpoint;
  throw new AssumeMfaError("SANDBOX_FAILED", "this is not inside a sandbox: ASSUME_MFA_SANDBOX is not set", {
    hint: "assume-mfa sandbox run -- <command>, or the lines that assume-mfa sandbox start prints",
  });
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isInteger(port) && port <= 65535) return port;
  throw new InvalidArgumentError("a port is a number from 0 to 65535");
}

async function runStart(services: Services, options: SandboxStart): Promise<void> {
  const { host } = services;
  const { signal, hold } = host.interrupts;
  const release = hold();
  try {
    const running = await services.sandbox.start(options);
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
  "AWS_USE_DUALSTACK_ENDPOINT",
  ...OWN_VARIABLES,
];

/** For another shell: what of the caller's own would fight with the sandbox goes, then what it needs is set. */
function formatShellLines({ environment }: RunningSandbox): string {
  const exports = Object.entries(environment).map(
    ([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`,
  );
  // Not read by a shell as anything else: $ and " alone expand.
  const noProxy = NO_PROXY_NAMES.map((name) => `export ${name}="\${${name}:+$${name},}${NO_PROXY_HOSTS}"\n`);
  return `unset ${FIGHTING_VARIABLES.join(" ")}\n${exports.join("")}${noProxy.join("")}`;
}

async function runInside(services: Services, command: readonly string[], options: SandboxStart): Promise<number> {
  const { host } = services;
  let running: RunningSandbox;
  const runChild = await services.prepareChild();
  const release = host.interrupts.hold();
  try {
    try {
      running = await services.sandbox.start(options);
    } catch (error) {
      if (!(error instanceof AssumeMfaError)) throw error;
      host.stderr.write(`assume-mfa: error: ${visibleText(error.message)}\n`);
      for (const hint of error.hints) host.stderr.write(`assume-mfa: hint: ${visibleText(hint)}\n`);
      return EXIT_BEFORE_CHILD;
    }
    try {
      host.stderr.write(`assume-mfa: SANDBOX at ${running.endpoint} (not AWS)\n`);
      const { status, startFailure } = await runChild(command, insideEnvironment(host.env, running));
      if (startFailure !== undefined) {
        host.stderr.write(`assume-mfa: error: ${visibleText(command[0] ?? "")}: ${startFailure}\n`);
      }
      return status;
    } finally {
      await running.close();
    }
  } finally {
    release();
  }
}
