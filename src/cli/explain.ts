import { AssumeMfaError } from "../errors.ts";
import { formatExplainedFields } from "../outputs/explained-fields.ts";
import { formatTargetResults } from "../outputs/json.ts";
import type { Style } from "../outputs/style.ts";
import { formatTabSeparated } from "../outputs/tab-separated.ts";
import { explainRoleSession, type RoleSessionExplanation } from "../session/explain.ts";
import { type GivenTokenCode, readGivenTokenCode } from "../session/token-code.ts";
import { resolveTarget } from "../target/resolve-target.ts";
import type { Target } from "../target/target.ts";
import { explainedLines, mergeEndpoints } from "./explained-lines.ts";
import { toExplanationJson } from "./explanation-json.ts";
import { resolveTargetOptions } from "./options.ts";
import { showEndpoints, showSandbox } from "./sandbox-mark.ts";
import type { OutputFormat } from "./screen.ts";
import type { Services } from "./services.ts";
import { checkTarget, headOf, type RunContext, type TargetDemand } from "./target-run.ts";

/** What would become of one target's session. */
interface ExplainedTarget {
  readonly target: Target;
  readonly explanation: RoleSessionExplanation;
  /** All that would stop the run before it calls for a session. */
  readonly failures: readonly AssumeMfaError[];
}

/**
 * `--explain`: what a run on these targets would do for their sessions and why, in place of doing it. It asks nobody,
 * calls nothing, runs nothing, reads no standard input and writes nothing; what would make the run fail is part of it.
 * @throws AssumeMfaError as `resolveTarget` does: a target that can't be told has nothing to explain
 */
export async function runExplain(context: RunContext, names: readonly string[], demand: TargetDemand): Promise<void> {
  const { services, screen, options } = context;
  const { host } = services;
  const config = services.loadConfig();
  const exported = services.exported.read(host.env);
  const targetOptions = resolveTargetOptions(options, host);
  const targets = names.map((name) => resolveTarget(name, targetOptions, config, host.env, exported));
  const explained: ExplainedTarget[] = [];
  for (const target of targets) explained.push(await explainTarget(target, targets.length > 1, demand, context));
  showSandbox(services, screen);
  // What stands on the standard output of an `export` is run by a shell: no word of a file may get there.
  const [sink, style] = demand.isForEval === true ? [host.stderr, screen.errorStyle] : [host.stdout, screen.style];
  sink.write(formatExplained(explained, screen.output, host.now(), style, sink.columns));
}

async function explainTarget(
  target: Target,
  isOneOfSeveral: boolean,
  demand: TargetDemand,
  context: RunContext,
): Promise<ExplainedTarget> {
  const { services, screen, options, sessionOptions } = context;
  const failures: AssumeMfaError[] = [];
  const collect = async <T>(decide: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await decide();
    } catch (error) {
      if (!(error instanceof AssumeMfaError)) throw error;
      failures.push(error);
      return undefined;
    }
  };
  await collect(() => checkTarget(target, demand, context));
  const givenCode = await collect(() => peekTokenCode(services, options.tokenCode));
  if (services.host.env.ASSUME_MFA_SANDBOX) {
    // Inside, every endpoint must be the sandbox's, which is asked: it is no AWS. Outside nobody is.
    await collect(() => showEndpoints(services, [target], { ...screen, line: () => undefined }));
  }
  const explanation = explainRoleSession(target, { ...sessionOptions, isOneOfSeveral, givenCode }, services);
  return { target, explanation, failures: [...failures, ...explanation.failures] };
}

/** A code on standard input is left there: that it would be read is all that counts. */
async function peekTokenCode({ host }: Services, option: string | undefined): Promise<GivenTokenCode | undefined> {
  return option === "-" ? { code: "", from: "standard input" } : readGivenTokenCode(host, option);
}

function formatExplained(
  explained: readonly ExplainedTarget[],
  output: OutputFormat,
  now: number,
  style: Style,
  widthColumns: number | undefined,
): string {
  if (output === "json") {
    return formatTargetResults(
      explained.map(({ target, explanation, failures }) => ({
        ...headOf(target),
        result: toExplanationJson(explanation, failures, now),
      })),
    );
  }
  const all = explained.map(({ target, explanation, failures }) => ({
    target,
    lines: explainedLines(explanation, failures, now),
  }));
  if (output === "text") {
    // Of several targets each line says whose it is.
    const rows = all.flatMap(({ target, lines }) =>
      lines.map(({ name, value, from }) => [...(all.length > 1 ? [target.name] : []), name, value, from]),
    );
    return formatTabSeparated(rows);
  }
  return all.map(({ lines }) => formatExplainedFields(mergeEndpoints(lines), widthColumns, style)).join("\n");
}
