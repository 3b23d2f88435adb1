import type { ActionScope, DestructiveAction } from "../actions/action.ts";
import { mapAtMost } from "../actions/at-most.ts";
import { makeBatchedAction, type ScopedBatch } from "../actions/batched-action.ts";
import type { PolicyBatch } from "../actions/policy-batches.ts";
import { AssumeMfaError } from "../errors.ts";
import { codeNeedOf } from "../session/code-need.ts";
import type { RoleSession, RoleSessionOptions, RoleSessionPorts } from "../session/role-session.ts";
import { codeSourceRequest, isCodeAtHand } from "../session/token-code-source.ts";
import { rolesOnTheWay } from "../target/chain.ts";
import { narrowTarget } from "../target/narrow-target.ts";
import type { Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import { makeScope } from "./action-scope.ts";
import { planBatches } from "./scoped-plan.ts";
import type { Services } from "./services.ts";
import type { ObtainSession } from "./target-run.ts";

/** Sessions that are opened side by side, once the first has shown that it can be done. */
const SESSIONS_AT_ONCE = 5;

/** An action, and what to work with: for one session or many, the driver of actions sees no difference. */
export interface OpenedAction {
  readonly action: DestructiveAction;
  /** Of one of the sessions: by it the driver tells whether there is time enough. */
  readonly scope: ActionScope;
  /** Of all of the sessions that it is done with. */
  readonly scopes: readonly ActionScope[];
}

/** How a run opens the sessions of its one target, each allowed no more than what it is for. */
export interface ScopedRun {
  /**
   * For what the target was narrowed to.
   * @param sessionCount how many the run opens at least, this one included
   */
  openSession(sessionCount: number): Promise<RoleSession>;
  /** @param hasOpened whether the run has opened a session before */
  openAction(action: DestructiveAction, ids: readonly string[], hasOpened: boolean): Promise<OpenedAction>;
}

/**
 * One code serves all sessions of a run: where it opens several, it opens a shared session first, which stays in memory.
 * @param target narrowed
 */
export function makeScopedRun(
  target: Target,
  sessionOptions: RoleSessionOptions,
  obtain: ObtainSession,
  { services, note }: { readonly services: Services; readonly note: (text: string) => void },
): ScopedRun {
  const said = new Set<string>();
  const noteOnce = (text: string) => {
    if (!said.has(text)) note(text);
    said.add(text);
  };
  const open = (narrowed: Target, isOneOfSeveral: boolean) =>
    obtain(
      narrowed,
      // In memory: the run's own store keeps it nowhere else.
      { ...sessionOptions, keepsShared: true, isOneOfSeveral: isOneOfSeveral || sessionOptions.isOneOfSeveral },
      noteOnce,
    );
  return {
    async openSession(sessionCount) {
      checkScopedCodes(target, sessionCount, sessionOptions, services);
      return open(target, sessionCount > 1);
    },
    async openAction(action, ids, hasOpened) {
      const batches = planBatches(target, ids, action.needs);
      const sessionCount = batches.length + (hasOpened ? 1 : 0);
      const codeCount = checkScopedCodes(target, sessionCount, sessionOptions, services);
      const options = { isOneOfSeveral: sessionCount > 1, sessionsAtOnce: codeCount > 1 ? 1 : SESSIONS_AT_ONCE };
      return openScopedAction(action, batches, target, options, {
        obtain: open,
        makeScope: (of, session) => makeScope(services, of, session),
        note: noteOnce,
      });
    },
  };
}

/** How the sessions of an action are opened. */
interface OpenOptions {
  /** Others follow or went before: one code is to serve them all. */
  readonly isOneOfSeveral: boolean;
  /** One where each takes a code of its own: one question at a time. */
  readonly sessionsAtOnce: number;
}

interface OpenPorts {
  obtain(target: Target, isOneOfSeveral: boolean): Promise<RoleSession>;
  makeScope(target: Target, session: RoleSession): ActionScope;
  note(text: string): void;
}

/**
 * Opens the sessions that an action on these resources takes, each of which may do what the action needs on its part of
 * them and nothing else. All are opened before anything is looked at, so that what AWS refuses is told, or mended by
 * smaller batches, before anything is done.
 * @throws AssumeMfaError as `obtainRoleSession` and `planPolicyBatches` do
 */
async function openScopedAction(
  action: DestructiveAction,
  [first, ...others]: readonly PolicyBatch[],
  target: Target,
  options: OpenOptions,
  ports: OpenPorts,
): Promise<OpenedAction> {
  if (first === undefined) throw new RangeError("no resource");
  let { isOneOfSeveral } = options;
  /** What AWS has room for, once it has refused more. */
  let mostIds: number | undefined;

  async function open({ ids: some, policy }: PolicyBatch): Promise<readonly ScopedBatch[]> {
    const narrowed = narrowTarget(target, policy);
    try {
      const session = await ports.obtain(narrowed, isOneOfSeveral);
      return [{ ids: some, scope: ports.makeScope(narrowed, session) }];
    } catch (error) {
      if (!isPackedTooLarge(error) || some.length < 2) throw error;
      return openSmaller(some, error);
    }
  }

  /** Bounded: a batch of one is not split. */
  async function openSmaller(some: readonly string[], refusal: AssumeMfaError): Promise<readonly ScopedBatch[]> {
    if (mostIds === undefined)
      ports.note("the session policy is too large for AWS once packed: smaller batches are tried");
    mostIds = Math.min(mostIds ?? some.length, Math.ceil(some.length / 2));
    isOneOfSeveral = true;
    const opened: ScopedBatch[] = [];
    try {
      for (const part of planBatches(target, some, action.needs, mostIds)) opened.push(...(await open(part)));
    } catch (error) {
      // Without a code for them: why there is to be a second session at all is what the user can change.
      throw error instanceof AssumeMfaError && error.code === "TOKEN_CODE_MISSING" ? refusal : error;
    }
    return opened;
  }

  const opened = [...(await open(first))];
  if (others.length > 0) {
    const rest = others.flatMap((batch) => batch.ids);
    const left = planBatches(target, rest, action.needs, mostIds);
    opened.push(...(await mapAtMost(options.sessionsAtOnce, left, open)).flat());
  }
  if (opened.length > 1) {
    const { nouns } = action.wording;
    ports.note(`${opened.length} sessions, each for its own ${nouns} alone: one policy has no room for all of them`);
  }
  return {
    action: makeBatchedAction(action, opened),
    scope: soonestToEnd(action, opened),
    scopes: opened.map(({ scope }) => scope),
  };
}

function isPackedTooLarge(error: unknown): error is AssumeMfaError {
  return error instanceof AssumeMfaError && String(error.details?.awsCode).startsWith("PackedPolicyTooLarge");
}

function soonestToEnd({ service }: DestructiveAction, opened: readonly ScopedBatch[]): ActionScope {
  const endOf = ({ scope }: ScopedBatch) =>
    scope.clientSettings(service, 1).credentials.expiration ?? Number.POSITIVE_INFINITY;
  return opened.reduce((one, other) => (endOf(other) < endOf(one) ? other : one)).scope;
}

/**
 * A session that is kept nowhere takes a code each time where the route is direct. A run that would need two with nobody
 * to ask fails before the first call (CLI.md, "Where a token code comes from").
 * @param target narrowed
 * @param sessionCount how many the run opens at least
 * @returns how many codes it takes
 * @throws AssumeMfaError TOKEN_CODE_MISSING
 */
export function checkScopedCodes(
  target: Target,
  sessionCount: number,
  options: RoleSessionOptions,
  ports: Pick<RoleSessionPorts, "host" | "cache" | "shared" | "roleFacts" | "storedSecrets" | "spentCodes">,
): number {
  const isOneOfSeveral = options.isOneOfSeveral || sessionCount > 1;
  const need = codeNeedOf(target, { ...options, isOneOfSeveral }, ports);
  if (need.kind === "none") return 0;
  const [first = target, ...later] = rolesOnTheWay(target);
  // A role on the way is no action's: its session is kept as ever, and serves all that come through it.
  const isHopKept = !options.noCache && [first, ...later].slice(0, -1).some(({ cache }) => cache.value !== "none");
  if (need.kind === "shared" || isHopKept || sessionCount < 2) return 1;
  const request = codeSourceRequest({ ...first, partition: first.role.value.partition });
  if (isCodeAtHand(request, { ...options, givenCode: undefined }, ports)) return sessionCount;
  const why = options.givenCode === undefined ? "nobody can be asked" : "only one is given";
  throw new AssumeMfaError(
    "TOKEN_CODE_MISSING",
    `${sessionCount} token codes are needed (${shownName(target.name)}: one for each scoped session), and ${why}`,
    {
      hint: [
        "one code serves all sessions of a run that want an hour at most: see --duration and assume_mfa_session",
        "or sign in first, where somebody can be asked: assume-mfa login",
      ],
    },
  );
}
