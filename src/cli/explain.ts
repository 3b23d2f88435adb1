import { AssumeMfaError } from "../errors.ts";
import { formatExplainedFields } from "../outputs/explained-fields.ts";
import { formatTargetResults } from "../outputs/json.ts";
import type { Style } from "../outputs/style.ts";
import { formatTabSeparated } from "../outputs/tab-separated.ts";
import { codeNeedOf } from "../session/code-need.ts";
import { explainRoleSession, type RoleSessionExplanation } from "../session/explain.ts";
import { type GivenTokenCode, readGivenTokenCode } from "../session/token-code.ts";
import { type KnownTarget, resolveKnown, resolveTarget } from "../target/resolve-target.ts";
import type { Target } from "../target/target.ts";
import { explainedLines, knownLines, mergeEndpoints } from "./explained-lines.ts";
import { toExplanationJson, toKnownJson } from "./explanation-json.ts";
import { resolveTargetOptions } from "./options.ts";
import { showEndpoints, showSandbox } from "./sandbox-mark.ts";
import { narrowToPlan, planScoped, type ScopedPlan } from "./scoped-plan.ts";
import { checkScopedCodes } from "./scoped-sessions.ts";
import type { OutputFormat } from "./screen.ts";
import type { Services } from "./services.ts";
import { refuseTooFewCodes, withCodeOfTheirOwn } from "./several-targets.ts";
import { checkTarget, headOf, type RunContext, type TargetDemand } from "./target-run.ts";

/** What would become of one target's session. */
interface ExplainedTarget {
  readonly target: Target;
  readonly explanation: RoleSessionExplanation;
  /** Of a scoped run, whose target is narrowed. */
  readonly plan: ScopedPlan | undefined;
  /** All that would stop the run before it calls for a session. */
  readonly failures: AssumeMfaError[];
}

/** A target that a run could not even begin with. */
interface BrokenTarget {
  readonly known: KnownTarget;
  readonly error: AssumeMfaError;
}

/**
 * `--explain`: what a run on these targets would do for their sessions and why, in place of doing it. It asks nobody,
 * calls nothing, runs nothing, reads no standard input and writes nothing; what would make the run fail is part of it.
 * @throws AssumeMfaError TARGET_UNKNOWN, USAGE as `resolveTarget` does: there is nothing to explain. Whatever else is wrong
 *   with a target is part of what is told
 */
export async function runExplain(outer: RunContext, names: readonly string[], demand: TargetDemand): Promise<void> {
  const isOneOfSeveral = names.length > 1;
  const context = { ...outer, sessionOptions: { ...outer.sessionOptions, isOneOfSeveral } };
  const { services, screen } = context;
  const all: (ExplainedTarget | BrokenTarget)[] = [];
  for (const found of resolveAll(names, context)) {
    all.push(isBroken(found) ? found : await explainTarget(found, demand, context));
  }
  if (isOneOfSeveral) addTooFewCodes(all.filter(isExplained), context);
  showSandbox(services, screen);
  // What stands on the standard output of an `export` is run by a shell: no word of a file may get there.
  const { host } = services;
  const [sink, style] = demand.isForEval === true ? [host.stderr, screen.errorStyle] : [host.stdout, screen.style];
  sink.write(formatExplained(all, screen.output, host.now(), style, sink.columns));
}

function isExplained(each: ExplainedTarget | BrokenTarget): each is ExplainedTarget {
  return "explanation" in each;
}

function isBroken(found: Target | BrokenTarget): found is BrokenTarget {
  return "known" in found;
}

/** @throws AssumeMfaError TARGET_UNKNOWN, USAGE: a slip of the hand, which stops all */
function resolveAll(names: readonly string[], { services, options }: RunContext): readonly (Target | BrokenTarget)[] {
  const { host } = services;
  const config = services.loadConfig();
  const exported = services.exported.read(host.env);
  const targetOptions = resolveTargetOptions(options, host);
  return names.map((name) => {
    try {
      return resolveTarget(name, targetOptions, config, host.env, exported);
    } catch (error) {
      if (!(error instanceof AssumeMfaError) || error.code === "TARGET_UNKNOWN" || error.code === "USAGE") throw error;
      return { known: resolveKnown(name, targetOptions, config, host.env, exported), error };
    }
  });
}

async function explainTarget(whole: Target, demand: TargetDemand, context: RunContext): Promise<ExplainedTarget> {
  const { services, screen, options, sessionOptions } = context;
  const failures: AssumeMfaError[] = [];
  const isGood = await collect(failures, () => {
    checkTarget(whole, demand, context);
    return true;
  });
  const plan = isGood === true ? planScoped(whole, demand.needs) : undefined;
  const target = narrowToPlan(whole, plan);
  const givenCode = await collect(failures, () => peekTokenCode(services, options.tokenCode));
  if (services.host.env.ASSUME_MFA_SANDBOX) {
    // Inside, every endpoint must be the sandbox's, which is asked: it is no AWS. Outside nobody is.
    await collect(failures, () => showEndpoints(services, [target], { ...screen, line: () => undefined }));
  }
  const isOneOfSeveral = sessionOptions.isOneOfSeveral || (plan?.sessionCount ?? 0) > 1;
  const sessionFacts = { ...sessionOptions, isOneOfSeveral, givenCode };
  const explanation = explainRoleSession(target, sessionFacts, services);
  failures.push(...explanation.failures);
  if (plan !== undefined && explanation.failures.length === 0) {
    await collect(failures, () => checkScopedCodes(target, plan.sessionCount, sessionFacts, services));
  }
  return { target, explanation, plan, failures };
}

async function collect<T>(failures: AssumeMfaError[], decide: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await decide();
  } catch (error) {
    if (!(error instanceof AssumeMfaError)) throw error;
    failures.push(error);
    return undefined;
  }
}

/** Where one code is given and two are needed, none of them is told by itself. */
function addTooFewCodes(all: readonly ExplainedTarget[], context: RunContext): void {
  const { services, options, sessionOptions } = context;
  const ready = all.filter(({ failures }) => failures.length === 0);
  const needs = ready.map((one) => ({ one, need: codeNeedOf(one.target, sessionOptions, services) }));
  const asking = withCodeOfTheirOwn(needs).map(({ one }) => one);
  const isOneGiven = options.tokenCode !== undefined || Boolean(services.host.env.ASSUME_MFA_TOKEN_CODE);
  try {
    refuseTooFewCodes(
      asking.map(({ target }) => target),
      isOneGiven,
      context,
    );
  } catch (error) {
    if (!(error instanceof AssumeMfaError)) throw error;
    for (const { failures } of asking) failures.push(error);
  }
}

/** A code on standard input is left there: that it would be read is all that counts. */
async function peekTokenCode({ host }: Services, option: string | undefined): Promise<GivenTokenCode | undefined> {
  return option === "-" ? { code: "", from: "standard input" } : readGivenTokenCode(host, option);
}

function formatExplained(
  all: readonly (ExplainedTarget | BrokenTarget)[],
  output: OutputFormat,
  now: number,
  style: Style,
  widthColumns: number | undefined,
): string {
  if (output === "json") {
    return formatTargetResults(
      all.map((each) => {
        if (!isExplained(each)) {
          const { name, role, region } = each.known;
          const head = { target: name, account: role?.value.accountId, region: region?.value };
          return { ...head, result: toKnownJson(each.known, [each.error]) };
        }
        const { target, explanation, plan, failures } = each;
        return { ...headOf(target), result: toExplanationJson(explanation, failures, now, plan) };
      }),
    );
  }
  const isOneOfSeveral = all.length > 1;
  const explained = all.map((each) =>
    isExplained(each)
      ? {
          name: each.target.name,
          lines: explainedLines(each.explanation, each.failures, now, each.plan, isOneOfSeveral),
        }
      : { name: each.known.name, lines: knownLines(each.known, each.error, isOneOfSeveral) },
  );
  if (output === "text") {
    // Of several targets each line says whose it is.
    const rows = explained.flatMap(({ name: target, lines }) =>
      lines.map(({ name, value, from }) => [...(isOneOfSeveral ? [target] : []), name, value, from]),
    );
    return formatTabSeparated(rows);
  }
  return explained.map(({ lines }) => formatExplainedFields(mergeEndpoints(lines), widthColumns, style)).join("\n");
}
