import { AssumeMfaError } from "../errors.ts";
import { formatTargetResults, type TargetResult } from "../outputs/json.ts";
import { readGivenTokenCode } from "../session/token-code.ts";
import { expandTargets } from "../target/expand-targets.ts";
import { resolveTarget } from "../target/resolve-target.ts";
import type { Target } from "../target/target.ts";
import {
  mayAsk,
  resolveExpectedAccount,
  resolveMinTtlMs,
  resolveScreenOptions,
  resolveTargetOptions,
  type SessionOptions,
} from "./options.ts";
import { PrintedFailure } from "./printed-failure.ts";
import { enterSandbox, showEndpoints } from "./sandbox-mark.ts";
import { makeScreen, type Screen } from "./screen.ts";
import type { Services } from "./services.ts";
import {
  checkTarget,
  entriesOf,
  headOf,
  makeRun,
  type RunContext,
  type TargetDemand,
  type TargetOutcome,
  type TargetRun,
} from "./target-run.ts";

/**
 * Resolves the target, then does the work and prints its outcome: in JSON the documented list, also when it fails.
 * @param targetWord a target's name, or where the action allows it several (`dev,staging`, `team-*`)
 * @throws AssumeMfaError whatever went wrong; with `-o json` the document is printed by then
 */
export async function runOnTarget(
  outside: Services,
  targetWord: string,
  options: SessionOptions,
  demand: TargetDemand,
  work: (run: TargetRun) => Promise<TargetOutcome>,
): Promise<void> {
  const services = await enterSandbox(outside);
  const { host } = services;
  const isSilent = demand.isForProgram === true && !host.stderr.isTerminal;
  const screen = makeScreen(host, { ...resolveScreenOptions(options, host.env), isSilent });
  const context: RunContext = {
    services,
    screen,
    options,
    demand,
    expectedAccount: resolveExpectedAccount(options, host.env),
    sessionOptions: {
      refresh: options.refresh === true,
      noCache: !options.cache,
      mayAsk: mayAsk(options, host.env),
      minTtlMs: Math.max(resolveMinTtlMs(options, host.env, demand.minTtlMs), demand.minTtlFloorMs ?? 0),
      isOneOfSeveral: false,
      keepsShared: demand.keepsShared === true,
    },
  };
  const config = services.loadConfig();
  const [targetName = targetWord, ...others] = expandTargets(targetWord, config);
  if (options.explain === true) {
    const { runExplain } = await import("./explain.ts");
    return runExplain(context, [targetName, ...others], demand);
  }
  if (others.length > 0) {
    if (!demand.mayBeSeveral) {
      throw new AssumeMfaError(
        "USAGE",
        demand.severalRefusal?.message ??
          `${others.length + 1} targets at once are too many for this action: it takes one`,
        {
          hint: demand.severalRefusal?.hint ?? "name one target; login, whoami, instances and tables take several",
        },
      );
    }
    const { runOnSeveral } = await import("./several-targets.ts");
    return runOnSeveral(context, [targetName, ...others], demand, work);
  }
  const exported = services.exported.read(host.env);
  const target = resolveTarget(targetName, resolveTargetOptions(options, host), config, host.env, exported);
  const entry = await settle(screen, target, async () => {
    checkTarget(target, demand, context);
    demand.check?.(makeRun(target, undefined, context));
    const givenCode = await readGivenTokenCode(host, options.tokenCode);
    await showEndpoints(services, [target], screen);
    return work(makeRun(target, givenCode, context));
  });
  if (screen.output === "json") screen.result(formatTargetResults(entry.json));
  else entry.outcome?.print?.(screen);
  if (entry.failure !== undefined) throw screen.output === "json" ? new PrintedFailure(entry.failure) : entry.failure;
}

interface Settled {
  readonly json: readonly TargetResult[];
  readonly outcome?: TargetOutcome;
  readonly failure?: Error | undefined;
}

async function settle(screen: Screen, target: Target, work: () => Promise<TargetOutcome>): Promise<Settled> {
  try {
    const outcome = await work();
    return { json: entriesOf(target, outcome), outcome, failure: outcome.failure };
  } catch (error) {
    if (!(error instanceof AssumeMfaError) || screen.output !== "json") throw error;
    return { json: [{ ...headOf(target), error }], failure: error };
  }
}
