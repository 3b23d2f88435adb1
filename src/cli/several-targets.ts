import { makeSlots } from "../actions/at-most.ts";
import { ConnectionPool } from "../aws/connection-pool.ts";
import { AssumeMfaError, InterruptedError } from "../errors.ts";
import { formatTargetResults, type TargetResult } from "../outputs/json.ts";
import { type CodeNeed, codeNeedOf } from "../session/code-need.ts";
import { makeMemorySharedSessions } from "../session/memory-shared-sessions.ts";
import { type GivenTokenCode, readGivenTokenCode } from "../session/token-code.ts";
import { codeSourceRequest, isCodeAtHand } from "../session/token-code-source.ts";
import { resolveTarget } from "../target/resolve-target.ts";
import type { Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import { makeGathering } from "./gathering.ts";
import { oneQuestionAtATime } from "./one-question.ts";
import { resolveTargetOptions } from "./options.ts";
import { PrintedFailure } from "./printed-failure.ts";
import { showEndpoints } from "./sandbox-mark.ts";
import { narrowToPlan, planScoped } from "./scoped-plan.ts";
import type { Screen } from "./screen.ts";
import { partialFailure, printListings, printTargetErrors, tooFewCodes } from "./target-results.ts";
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

/** Requests to AWS are many a target; more targets at once would wait for each other's connections. */
const TARGETS_AT_ONCE = 10;

/** A target of the run, and what became of it. */
interface Member {
  readonly name: string;
  readonly target: Target | undefined;
  run?: TargetRun;
  outcome?: TargetOutcome;
  error?: Error;
}

/**
 * The same work on several targets: every question first and one after the other, then up to ten targets at once. One
 * code serves all that a session can serve. A failure of one stops no other.
 * @param names at least two
 * @throws AssumeMfaError TARGET_UNKNOWN when one is none, ACCOUNT_UNEXPECTED when one is another's; TOKEN_CODE_MISSING when it would take more codes than there are
 *   and nobody can be asked, before anything is called; PARTIAL_FAILURE in the end
 */
export async function runOnSeveral(
  outer: RunContext,
  names: readonly string[],
  demand: TargetDemand,
  work: (run: TargetRun) => Promise<TargetOutcome>,
): Promise<void> {
  const { screen, options } = outer;
  const services = {
    ...outer.services,
    host: oneQuestionAtATime(outer.services.host),
    shared: makeMemorySharedSessions(outer.services.shared),
  };
  const context: RunContext = {
    ...outer,
    services,
    sessionOptions: { ...outer.sessionOptions, isOneOfSeveral: true, keepsShared: true },
  };
  const members = resolveMembers(names, context);
  const whole = members.flatMap((member) => (member.target === undefined ? [] : [{ member, target: member.target }]));
  for (const { member, target } of whole) {
    await attempt(member, async () => checkTarget(target, demand, context));
    // It is said of the whole run: what is done in the others would not be what was meant.
    if (member.error instanceof AssumeMfaError && member.error.code === "ACCOUNT_UNEXPECTED") throw member.error;
    if (member.error === undefined) demand.check?.(makeRun(target, undefined, context));
  }
  const given = await readGivenTokenCode(services.host, options.tokenCode);
  const ready = whole
    .filter(({ member }) => member.error === undefined)
    .map(({ member, target }) => ({ member, target: narrowToPlan(target, planScoped(target, demand.needs)) }));
  await showEndpoints(
    services,
    ready.map(({ target }) => target),
    screen,
  );
  await signIn(ready, given, context);
  await workTogether(
    ready.filter(({ member }) => member.error === undefined),
    context,
    work,
    (verdict) => report(members, screen, verdict),
  );
}

/** @param report called when all have ended, with what ended the whole run, if anything did */
async function workTogether(
  ready: readonly Ready[],
  context: RunContext,
  work: (run: TargetRun) => Promise<TargetOutcome>,
  report: (verdict: Error | undefined) => void,
): Promise<void> {
  const slots = makeSlots(TARGETS_AT_ONCE);
  const pool = new ConnectionPool();
  const { services } = context;
  // Codes were sent before, each on a connection of its own.
  const pooled: RunContext = {
    ...context,
    services: { ...services, pool, loadStsClient: (settings) => services.loadStsClient({ ...settings, pool }) },
  };
  const gathering = makeGathering(ready.length, slots, services.host.interrupts);
  let broken: { readonly error: unknown } | undefined;
  const workOn = async ({ member, target }: Ready, index: number) => {
    try {
      if (broken !== undefined) return;
      await attempt(member, async () => {
        const run = member.run ?? makeRun(target, undefined, contextOf(target, pooled));
        member.outcome = await work({ ...run, together: gathering.guest(index) });
      });
    } catch (error) {
      // Not what goes wrong with a target: no further one is begun, and those under way come to their end.
      broken ??= { error };
    } finally {
      gathering.ended(index);
    }
  };
  try {
    await Promise.all(ready.map((one, index) => slots.run(() => workOn(one, index))));
    gathering.close();
    if (broken !== undefined) throw (broken as { readonly error: unknown }).error;
    report(gathering.verdict);
  } finally {
    pool.close();
    gathering.releaseInterrupts();
  }
}

/** @throws AssumeMfaError TARGET_UNKNOWN: a name that is none is a slip of the hand; what is broken is that target's own */
function resolveMembers(names: readonly string[], { services, options }: RunContext): readonly Member[] {
  const { host, exported } = services;
  const config = services.loadConfig();
  const targetOptions = resolveTargetOptions(options, host);
  return names.map((name) => {
    try {
      return { name, target: resolveTarget(name, targetOptions, config, host.env, exported.read(host.env)) };
    } catch (error) {
      if (!(error instanceof AssumeMfaError) || error.code === "TARGET_UNKNOWN" || error.code === "USAGE") throw error;
      return { name, target: undefined, error };
    }
  });
}

interface Ready {
  readonly member: Member;
  readonly target: Target;
}

/**
 * Those that take a code, one after the other: two questions at once would be none. The first of those that share a
 * session opens it for all.
 */
async function signIn(ready: readonly Ready[], given: GivenTokenCode | undefined, context: RunContext): Promise<void> {
  const { services, screen, sessionOptions } = context;
  const needs: { readonly one: Ready; readonly need: CodeNeed }[] = [];
  for (const one of ready) {
    await attempt(one.member, async () => {
      needs.push({ one, need: codeNeedOf(one.target, sessionOptions, services) });
    });
  }
  const asking = withCodeOfTheirOwn(needs);
  refuseTooFewCodes(
    asking.map(({ one }) => one.target),
    given !== undefined,
    context,
  );
  if (given !== undefined && asking.length === 0) {
    screen.note(`the token code from ${given.from} was not needed and not sent`);
  }
  let left = given;
  for (const { one, need } of asking) {
    await attempt(one.member, async () => {
      const run = makeRun(one.target, left, contextOf(one.target, context));
      // It is sent once, whatever became of it.
      left = undefined;
      await run.openSession();
      one.member.run = run;
    });
    if (one.member.error === undefined || need.kind !== "shared") continue;
    // No session was opened: who declined or mistyped once is not asked again for each of the others.
    if (codeNeedOf(one.target, sessionOptions, services).kind !== "shared") continue;
    for (const other of needs) {
      if (other.need.kind === "shared" && other.need.signInKey === need.signInKey) {
        other.one.member.error = one.member.error;
      }
    }
  }
}

/** Those that a code is presented for: of those that share a session, or come through the same role, the first. */
export function withCodeOfTheirOwn<T extends { readonly need: CodeNeed }>(needs: readonly T[]): readonly T[] {
  const seen = new Set<string>();
  return needs.filter(({ need }) => {
    if (need.kind === "none") return false;
    const key = need.kind === "shared" ? need.signInKey : need.sessionKey;
    if (key === undefined) return true;
    const isFirst = !seen.has(key);
    seen.add(key);
    return isFirst;
  });
}

/**
 * @param targets those that a code is presented for
 * @throws AssumeMfaError TOKEN_CODE_MISSING where more codes are needed than there are, and nobody can be asked
 */
export function refuseTooFewCodes(
  targets: readonly Target[],
  isOneGiven: boolean,
  { services, sessionOptions }: Pick<RunContext, "services" | "sessionOptions">,
): void {
  const alone = targets.filter(
    (target) =>
      !isCodeAtHand(
        codeSourceRequest({ ...target, partition: target.role.value.partition }),
        { ...sessionOptions, givenCode: undefined },
        services,
      ),
  );
  if (alone.length <= (isOneGiven ? 1 : 0)) return;
  const isOneEnough = !isOneGiven && targets.length === 1;
  throw tooFewCodes(targets, isOneGiven ? "only one is given" : "nobody can be asked", isOneEnough);
}

/** Its lines on standard error say whose they are. */
function contextOf(target: Target, context: RunContext): RunContext {
  const { screen } = context;
  const note: Screen["note"] = (text) => screen.note(`${shownName(target.name)}: ${text}`);
  return { ...context, screen: { ...screen, note } };
}

/** What goes wrong with one target is kept; a signal ends them all. */
async function attempt(member: Member, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof AssumeMfaError)) throw error;
    member.error = error;
  }
}

/** @param verdict what ended the whole run: its exit code then, whatever else went wrong with a target */
function report(members: readonly Member[], screen: Screen, verdict: Error | undefined): void {
  const failureOf = ({ error, outcome }: Member) => error ?? outcome?.failure;
  if (screen.output === "json") screen.result(formatTargetResults(members.flatMap(toJson)));
  else {
    const listings = members.flatMap(({ name, outcome }) =>
      outcome?.listing === undefined ? [] : [{ name, listing: outcome.listing }],
    );
    printListings(listings, screen);
  }
  const failed = members.filter((member) => failureOf(member) !== undefined);
  const interrupted = failed.map(failureOf).find((error) => error instanceof InterruptedError);
  const failure =
    interrupted ??
    verdict ??
    (failed.length === 0
      ? undefined
      : partialFailure(
          failed.map(({ name }) => name),
          members.length,
        ));
  if (failure === undefined) return;
  if (screen.output === "json") throw new PrintedFailure(failure);
  printTargetErrors(
    failed.map((member) => ({ name: member.name, error: failureOf(member) })).filter(({ error }) => error !== verdict),
    screen,
  );
  throw failure;
}

function toJson({ name, target, outcome, error }: Member): readonly TargetResult[] {
  if (outcome !== undefined && target !== undefined && error === undefined) return entriesOf(target, outcome);
  const head = target === undefined ? { target: name, account: undefined, region: undefined } : headOf(target);
  return [error instanceof AssumeMfaError ? { ...head, error } : { ...head, result: outcome?.result }];
}
