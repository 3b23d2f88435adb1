import { defaultRegionOf } from "../aws/arn.ts";
import { classifyFailure } from "../aws/aws-failure.ts";
import { DIRECT_CONNECTION } from "../aws/client-settings.ts";
import { isColourWanted, makeStyle } from "../outputs/style.ts";
import { resolveTarget } from "../target/resolve-target.ts";
import { visibleText } from "../text/visible-text.ts";
import { insideEnvironment } from "./inside-environment.ts";
import type { RunningSandbox } from "./sandbox-services.ts";
import type { Services } from "./services.ts";

/**
 * The founding case, told and done by this very program against a sandbox: nothing is staged but the story.
 * @returns 0; 1 when a step did not go as told, which would be a defect
 */
export async function runDemo(services: Services): Promise<number> {
  const { host } = services;
  const release = host.interrupts.hold();
  try {
    const running = await services.sandbox.start({ port: 0, faults: [], stateFolder: undefined, mfaCarries: false });
    try {
      return await tell(services, running);
    } finally {
      await running.close();
    }
  } finally {
    release();
  }
}

async function tell(services: Services, running: RunningSandbox): Promise<number> {
  const { host, sandbox } = services;
  const isColoured = isColourWanted({
    ...host.stdout,
    isTerminal: host.stdout.isTerminal,
    env: host.env,
    noColorOption: false,
  });
  const { bold, dim, green, red } = makeStyle(isColoured);
  const env = { ...insideEnvironment(host.env, running), ...(isColoured ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" }) };
  // The sandbox's codes are part of the story, so this is not the output that hides them.
  const say = (text = "") => services.payload.write(`${text}\n`);
  let isAsTold = true;

  const title = (text: string) => say(`\n${bold(text)}`);
  const check = (isRight: boolean, right: string, wrong: string) => {
    isAsTold &&= isRight;
    say(isRight ? `  ${green("✓")} ${right}` : `  ${red("✗")} ${wrong}`);
  };
  const run = async (argv: readonly string[]) => {
    const done = await sandbox.runNested(argv, env);
    say(`  ${dim("$")} assume-mfa ${argv.join(" ")}`);
    for (const line of done.transcript.trimEnd().split("\n")) {
      if (!/SANDBOX http/.test(line)) say(`    ${line}`);
    }
    return done;
  };
  const runQuietly = async (argv: readonly string[]) => {
    const { stdout } = await sandbox.runNested([...argv, "-o", "json"], env);
    return (JSON.parse(stdout) as readonly { result: readonly Record<string, string>[] }[])[0]?.result ?? [];
  };

  say(
    `${bold("assume-mfa sandbox demo")}: a local AWS at ${running.endpoint}. It is not AWS, and nothing of yours is touched.`,
  );

  title("1. The trust");
  say("  alice is an IAM user of the parent account 111122223333. The account dev (222222222222) has a role,");
  say("  PrivilegedActionsRole, which may terminate instances and delete tables. It lets alice in only with MFA:");
  say(dim(`    "Condition": { "Bool": { "aws:MultiFactorAuthPresent": true } }`));

  title("2. Without a code, the role stays shut");
  say(`  ${dim("sts:AssumeRole with alice's access key alone")}`);
  const refusal = await assumeRole(services, env, "dev");
  if (refusal !== undefined) say(`    ${visibleText(refusal)}`);
  check(refusal !== undefined, "refused", "the role was opened without a code");
  const code = running.currentCode();
  const wrong = await run(["dev", "login", "--token-code", wrongCodeFor(code)]);
  check(wrong.exitCode === 4, "a wrong code is refused", `a wrong code ended with ${wrong.exitCode}`);

  title("3. With the code that her device shows now");
  const login = await run(["dev", "login", "--token-code", code]);
  check(login.exitCode === 0, "signed in, for an hour, by one AssumeRole", `login ended with ${login.exitCode}`);
  const replay = await run(["staging", "login", "--token-code", code]);
  check(replay.exitCode === 7, "a code works once: the same one is not sent again", `it ended with ${replay.exitCode}`);
  say(`  ${dim("sts:AssumeRole with that code, past assume-mfa")}`);
  const used = await assumeRole(services, env, "staging", code);
  if (used !== undefined) say(`    ${visibleText(used)}`);
  check(
    used !== undefined,
    "refused: nor does AWS take it, in the same words as a wrong one",
    "a used code was accepted",
  );

  title("4. The privileged work, with no further code");
  await run(["dev", "instances"]);
  const instance = (await runQuietly(["dev", "instances"])).find(({ state }) => state === "running")?.id;
  const terminated = await run(["dev", "terminate", `${instance}`, "--yes"]);
  check(terminated.exitCode === 0, "terminated", `terminate ended with ${terminated.exitCode}`);
  const table = (await runQuietly(["dev", "tables"]))[0]?.name;
  const deleted = await run(["dev", "delete-table", `${table}`, "--yes"]);
  check(deleted.exitCode === 0, "deleted", `delete-table ended with ${deleted.exitCode}`);

  title("Now you");
  say("  assume-mfa sandbox run -- bash    a shell inside such a world; then try:");
  say("    assume-mfa dev terminate        pick an instance; the code that it asks for: assume-mfa sandbox code");
  say('    eval "$(assume-mfa dev export)"');
  return isAsTold ? 0 : 1;
}

/**
 * A call as any program can make it.
 * @param code undefined: none goes with it
 * @returns AWS's words of refusal; undefined when the role was assumed
 */
async function assumeRole(
  services: Services,
  env: Services["host"]["env"],
  name: string,
  code?: string,
): Promise<string | undefined> {
  const target = resolveTarget(name, {}, services.loadConfigIn(env), env);
  if (target.source.kind !== "keys") throw new TypeError("the sandbox's roles are signed for by keys");
  const client = await services.loadStsClient({
    region: target.region?.value ?? defaultRegionOf(target.role.value.partition),
    endpoint: target.endpoints.sts?.value,
    credentials: target.source.credentials,
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    connection: DIRECT_CONNECTION,
    maxAttempts: 1,
  });
  try {
    await client.assumeRole({
      RoleArn: target.role.value.arn,
      RoleSessionName: "alice",
      ...(code === undefined ? {} : { SerialNumber: target.mfaSerial?.value ?? "", TokenCode: code }),
    });
    return undefined;
  } catch (error) {
    const failure = classifyFailure(error);
    if (failure?.kind !== "refused") throw error;
    return `${failure.code}: ${failure.message}`;
  } finally {
    client.close();
  }
}

function wrongCodeFor(code: string): string {
  return String((Number(code) + 500_000) % 1_000_000).padStart(6, "0");
}
