import { isThrottled } from "../aws/aws-failure.ts";
import { AssumeMfaError, InterruptedError } from "../errors.ts";
import type { ActionScope, ActionSteps, DestructiveAction, Look, Report, ResourceView, RunFailure } from "./action.ts";
import { awsFailureOf, isDenial } from "./action-errors.ts";
import { chunksOf } from "./at-most.ts";
import { listOf, notFoundError } from "./not-found.ts";
import { prepareOne } from "./prepare.ts";
import { failureOfRun, reportOf } from "./run-outcome.ts";
import { markAsked, markError, markSpared, type Tracked, track } from "./tracked.ts";
import { type Progress, readStates, type WaitEnd, waitUntilReached } from "./wait.ts";

export interface DestructiveOptions {
  readonly dryRun: boolean;
  /** False: return as soon as AWS has taken it (`--no-wait`). */
  readonly wait: boolean;
  readonly timeoutSeconds: number;
}

/** How the run talks to people; each is the caller's. */
export interface DestructivePorts {
  /** What is about to be lost. Called once, before anything is asked; protected ones are among them. */
  show(look: Look): void | Promise<void>;
  /** Returns when the person agreed. @throws DECLINED or CONFIRMATION_MISSING */
  confirm(look: Look): Promise<void>;
  progress(progress: Progress): void;
  /** A line for people, on standard error. */
  note(text: string): void;
  /**
   * Before the first call that changes something, with interrupts held: a trace of what was meant, should the run not
   * come to its report.
   */
  begin?(look: Look): Promise<void>;
  /**
   * The outcome, once there is one: called at most once, with interrupts still held, so that Ctrl-C can't cut it off.
   * Here a history of what was done is kept, too.
   */
  report(report: Report, failure: RunFailure | undefined): void | Promise<void>;
}

export interface DestructiveRun {
  readonly report: Report;
  /** Thrown by the caller when it has printed the report; undefined when all went well. */
  readonly failure: RunFailure | undefined;
}

/** What was shown must not be older than this when it is done (ACCEPTANCE.md D1). */
const MAX_LOOK_AGE_MS = 60_000;

/**
 * A session with less than this left, beside the time that the action usually takes, is not started with: it could end
 * between doing and knowing (ACCEPTANCE.md D8).
 */
const MIN_SESSION_MS = 60_000;

/** After a lost reply EC2 and DynamoDB are looked at for this long: what they show lags behind what they do. */
const AMBIGUOUS_SETTLE_MS = 10_000;
const PARTIAL_SETTLE_MS = 3_000;
const SETTLE_STEP_MS = 400;

/**
 * Look, show, confirm, do, wait, report (CLI.md, "Destructive actions"). What can't be undone is done once: a mutating
 * call is never sent again unless AWS's refusal proves that nothing happened, and what became of a call whose answer is
 * lost is found out by reading.
 *
 * @param ids checked by `action.checkIds`
 * @returns the report, and how the run is to end
 * @throws before anything was done: NOT_FOUND, PROTECTED, what `confirm` throws, SESSION_EXPIRED, NETWORK and the like
 */
export async function runDestructive(
  action: DestructiveAction,
  ids: readonly string[],
  scope: ActionScope,
  options: DestructiveOptions,
  ports: DestructivePorts,
): Promise<DestructiveRun> {
  checkSessionLife(action, scope, options);
  const steps = await action.open(scope, ports.note);
  try {
    let look = await lookAtAll(action, steps, ids, scope);
    await ports.show(look);
    stopIfImpossible(action, look);
    stopIfProtected(action, look);
    if (options.dryRun) return await tryOut(action, steps, look, ports);
    if (look.resources.some(isToDo)) {
      await ports.confirm(look);
      if (scope.clock.now() - look.at > MAX_LOOK_AGE_MS) look = await lookOnceMore(action, steps, look, scope);
      checkSessionLife(action, scope, options);
    }
    return await doAndWait(action, steps, look, scope, options, ports);
  } finally {
    steps.close();
  }
}

/** What a batch means for those after it. */
export type BatchVerdict = "go on" | "stop" | "nothing was sent";

/** The mutating part. Interrupts are held from the first call until the report is out. */
async function doAndWait(
  action: DestructiveAction,
  steps: ActionSteps,
  look: Look,
  scope: ActionScope,
  options: DestructiveOptions,
  ports: DestructivePorts,
): Promise<DestructiveRun> {
  const { interrupts } = scope;
  const tracked = look.resources.map(track);
  const requestIds: string[] = [];
  const startedAt = scope.clock.now();
  const giveUpAt = startedAt + options.timeoutSeconds * 1000;
  // Who does not wait for AWS to do it does not wait for AWS to take it either.
  const retryUntil = options.wait ? giveUpAt : startedAt;
  let called: readonly Tracked[] = [];
  const release = interrupts.hold(() => lastWords(action, called));
  const sayInterrupted = () => {
    ports.note("interrupted: nothing more is sent; AWS goes on with what it has taken");
  };
  if (!interrupts.signal.aborted) interrupts.signal.addEventListener("abort", sayInterrupted);
  try {
    const batches = batchesOf(
      action,
      steps,
      tracked.filter(({ view }) => isToDo(view)),
    );
    if (batches.length > 0 && !interrupts.signal.aborted) await ports.begin?.(look);
    for (const [index, batch] of batches.entries()) {
      if (interrupts.signal.aborted) break;
      called = [...called, ...batch];
      const verdict =
        (await prepareOne(steps, batch, tracked, scope, requestIds, { giveUpAt, retryUntil }, ports)) ??
        (await doBatch(steps, batch, scope, requestIds, retryUntil, ports));
      // Nothing at all was done: a plain error, with nothing to report.
      const isNothingMade = batch.every(({ backup }) => backup === undefined);
      if (verdict === "nothing was sent" && index === 0 && isNothingMade) throw batch[0]?.error;
      if (verdict !== "go on") break;
    }
    const waitEnd: WaitEnd = options.wait
      ? await waitUntilReached(steps, tracked, scope, options.timeoutSeconds, ports.progress)
      : { kind: "over" };
    const report = reportOf(action, tracked, requestIds, waitEnd, interrupts.signal.aborted);
    const failure = report.interrupted
      ? (interrupts.signal.reason as RunFailure)
      : failureOfRun(action, tracked, report, waitEnd);
    await ports.report(report, failure);
    return { report, failure };
  } finally {
    interrupts.signal.removeEventListener("abort", sayInterrupted);
    release();
  }
}

/** What is to be known where the process ends before it can tell what became of each. */
function lastWords({ wording }: DestructiveAction, called: readonly Tracked[]): string | undefined {
  if (called.length === 0) return undefined;
  const what = called.length === 1 ? `${wording.noun} ${called[0]?.view.id}` : `${called.length} ${wording.nouns}`;
  return `ended at once: the order to ${wording.verb} ${what} may have been carried out; look, or see assume-mfa history`;
}

async function doBatch(
  steps: ActionSteps,
  batch: readonly Tracked[],
  scope: ActionScope,
  requestIds: string[],
  retryUntil: number,
  ports: DestructivePorts,
): Promise<BatchVerdict> {
  try {
    const { states, spared, requestId } = await steps.act(
      batch.map(({ view }) => view),
      retryUntil,
    );
    if (requestId !== undefined) requestIds.push(requestId);
    for (const one of batch) {
      const left = spared?.get(one.view.id);
      if (left === undefined) markAsked(one, states.get(one.view.id));
      else markSpared(one, left.error, left.state);
    }
    return "go on";
  } catch (error) {
    if (error instanceof InterruptedError) return "stop";
    const failure = awsFailureOf(error);
    // NETWORK is also what a look right before the call ends in; a lost reply to the call itself is REPLY_LOST.
    if (failure?.kind === "unsent" || (error instanceof AssumeMfaError && error.code === "NETWORK")) {
      for (const one of batch) markError(one, error, "not sent");
      return "nothing was sent";
    }
    if (failure?.requestId !== undefined) requestIds.push(failure.requestId);
    // Anything but AWS's own refusal may have come after the call was carried out, an error that nobody foresaw too.
    // EC2 throttles with a 503, and has done nothing then.
    const refused = failure?.kind === "refused" || (failure !== undefined && isThrottled(failure));
    const mayBePartial = !refused || (batch.length > 1 && error instanceof AssumeMfaError && steps.mayBePartial(error));
    for (const one of batch) {
      markError(one, error, refused ? "refused" : "answer lost");
      // What was seen before the call says nothing of now.
      one.state = undefined;
    }
    const settleMs = refused ? (mayBePartial ? PARTIAL_SETTLE_MS : 0) : AMBIGUOUS_SETTLE_MS;
    const isUntold = steps.leavesNoTrace === true && !refused;
    const watchedMs = await settle(steps, batch, scope, isUntold ? 0 : settleMs);
    const wasRead = watchedMs !== undefined;
    const isUnknown = isUntold || (refused ? mayBePartial && !wasRead : (watchedMs ?? 0) < settleMs);
    for (const one of batch) {
      one.watchedMs = watchedMs;
      if (isUnknown) one.unreadable = true;
      else if (!refused && one.phase === "untouched") markError(one, seenUndone(error), "answer lost");
    }
    const moved = batch.filter(({ phase }) => phase !== "untouched").length;
    if (!refused && moved === batch.length) {
      ports.note("the answer to the call was lost; looking again shows that it was carried out");
    }
    const code = error instanceof AssumeMfaError ? error.code : undefined;
    return code === "SESSION_EXPIRED" || (!refused && !wasRead) ? "stop" : "go on";
  }
}

/**
 * Reads what became of a batch whose call failed, until all of it has moved or the time is over.
 * @returns milliseconds until the last reading; undefined when it could never be read
 */
async function settle(
  steps: ActionSteps,
  batch: readonly Tracked[],
  scope: ActionScope,
  settleMs: number,
): Promise<number | undefined> {
  const { clock, interrupts } = scope;
  const startedAt = clock.now();
  let watchedMs: number | undefined;
  for (;;) {
    try {
      await readStates(steps, batch);
      watchedMs = clock.now() - startedAt;
    } catch (error) {
      // Why the call itself failed is the news; that this could not be read either is told as `unknown`.
      if (isDenial(error)) return watchedMs;
    }
    const isAllMoved = watchedMs !== undefined && batch.every(({ phase }) => phase !== "untouched");
    if (isAllMoved || clock.now() - startedAt >= settleMs || interrupts.signal.aborted) return watchedMs;
    try {
      await clock.sleep(SETTLE_STEP_MS, interrupts.signal);
    } catch {
      return watchedMs;
    }
  }
}

/** That it was watched for a while, and nothing came of it, is said with it: "it may have been" would contradict that. */
function seenUndone(error: unknown): unknown {
  if (!(error instanceof AssumeMfaError) || error.code !== "REPLY_LOST") return error;
  return new AssumeMfaError(error.code, error.message, {
    hint: "look once more before doing it again",
    cause: error.cause,
    details: error.details,
  });
}

async function tryOut(
  action: DestructiveAction,
  steps: ActionSteps,
  look: Look,
  ports: DestructivePorts,
): Promise<DestructiveRun> {
  const tracked = look.resources.map(track);
  const toDo = tracked.filter(({ view }) => isToDo(view));
  if (steps.dryRun === undefined && toDo.length > 0) {
    ports.note(`this service has no dry run of its own: whether the role may ${action.wording.verb} was not tried`);
  }
  for (const batch of batchesOf(action, steps, toDo)) {
    const refusal = await steps.dryRun?.(batch.map(({ view }) => view));
    for (const one of batch) {
      if (refusal === undefined) one.wouldBeDone = true;
      else markError(one, refusal, "not sent");
    }
  }
  const report: Report = { ...reportOf(action, tracked, [], { kind: "over" }), dryRun: true };
  const refused = toDo.filter(({ error }) => error !== undefined);
  const first = refused[0]?.error;
  const failure =
    first === undefined
      ? undefined
      : new AssumeMfaError("DRY_RUN_REFUSED", `it would not go through: ${first.message}`, {
          hint: first.hints,
          cause: first,
          details: first.details,
        });
  await ports.report(report, failure);
  return { report, failure };
}

async function lookAtAll(
  action: DestructiveAction,
  steps: ActionSteps,
  ids: readonly string[],
  scope: ActionScope,
): Promise<Look> {
  const at = scope.clock.now();
  const { resources, missing } = await steps.look(ids);
  if (missing.length > 0) {
    throw notFoundError(
      missing,
      resources.map(({ id }) => id),
      action.wording,
      scope,
      { consequence: "; nothing was done", whereabouts: (await steps.findElsewhere?.(missing)) ?? [] },
    );
  }
  return { resources, at };
}

/** The person took their time: nothing is done to what is no longer what they were shown. */
async function lookOnceMore(
  action: DestructiveAction,
  steps: ActionSteps,
  shown: Look,
  scope: ActionScope,
): Promise<Look> {
  const fresh = await lookAtAll(
    action,
    steps,
    shown.resources.map(({ id }) => id),
    scope,
  );
  stopIfImpossible(action, fresh);
  stopIfProtected(action, fresh);
  const changed = fresh.resources.filter((view, index) => {
    const before = shown.resources[index];
    return before === undefined || view.name !== before.name || view.type !== before.type || view.pin !== before.pin;
  });
  if (changed.length > 0) {
    throw new AssumeMfaError(
      "AWS_REFUSED",
      `${listOf(changed.map(({ id }) => id))} changed since it was shown; nothing was done`,
      { hint: "run it again to see what is there now" },
    );
  }
  return fresh;
}

function stopIfImpossible({ wording }: DestructiveAction, look: Look): void {
  const held = look.resources.filter(({ obstacle }) => obstacle !== undefined);
  if (held.length === 0) return;
  throw new AssumeMfaError(
    "WRONG_STATE",
    `can't be ${wording.done}: ${listOf(held.map((view) => `${nameOf(view)} ${view.obstacle}`))}; nothing was done`,
    {
      hint: `leave ${held.length === 1 ? "it" : "them"} out${wording.stateRule === undefined ? "" : `: ${wording.stateRule}`}`,
      details: { states: Object.fromEntries(held.map(({ id, state }) => [id, state])) },
    },
  );
}

function nameOf({ id, name }: ResourceView): string {
  return name === undefined ? id : `${id} (${name})`;
}

function stopIfProtected(action: DestructiveAction, look: Look): void {
  const { wording } = action;
  const held = look.resources.filter((view) => isToDo(view) && view.protection === "protected");
  if (held.length === 0) return;
  throw new AssumeMfaError(
    "PROTECTED",
    `${listOf(held.map(nameOf))} ${held.length === 1 ? "has" : "have"} ${wording.protection ?? "protection"}; nothing was done`,
    {
      hint: `leave ${held.length === 1 ? "it" : "them"} out: protection is never switched off by this program`,
      details: { protected: held.map(({ id }) => id) },
    },
  );
}

/**
 * How long a session must last, milliseconds: as long as the action usually takes, unless `--timeout` ends it sooner.
 * What is prepared is waited for also with `--no-wait`.
 */
export function sessionNeedMs(
  { usualSeconds, preparationSeconds = 0 }: DestructiveAction,
  { dryRun, wait, timeoutSeconds }: DestructiveOptions,
): number {
  const seconds = dryRun ? 0 : preparationSeconds + (wait ? usualSeconds : 0);
  return MIN_SESSION_MS + Math.min(timeoutSeconds, seconds) * 1000;
}

/** @throws AssumeMfaError SESSION_EXPIRED */
function checkSessionLife(action: DestructiveAction, scope: ActionScope, options: DestructiveOptions): void {
  const { credentials, clock } = scope.clientSettings(action.service, 1);
  const { expiration } = credentials;
  if (expiration === undefined) return;
  const leftMs = expiration - scope.clock.now() - (clock?.offsetMs() ?? 0);
  const neededMs = sessionNeedMs(action, options);
  if (leftMs >= neededMs) return;
  const left =
    leftMs > 0
      ? `ends in ${Math.floor(leftMs / 1000)} s, and this can take ${Math.ceil(neededMs / 1000)} s`
      : "has ended";
  throw new AssumeMfaError("SESSION_EXPIRED", `the role's session ${left}; nothing was done`, {
    hint: "run it again with --refresh",
  });
}

function batchesOf(
  { batchSize }: DestructiveAction,
  steps: ActionSteps,
  tracked: readonly Tracked[],
): readonly (readonly Tracked[])[] {
  if (steps.batchesOf === undefined) return chunksOf(batchSize, tracked);
  const byView = new Map(tracked.map((one) => [one.view, one]));
  return steps
    .batchesOf(tracked.map(({ view }) => view))
    .map((views) => views.flatMap((view) => byView.get(view) ?? []));
}

function isToDo(view: ResourceView): boolean {
  return view.phase === "untouched";
}
