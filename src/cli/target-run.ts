import type { ActionScope, DestructiveAction } from "../actions/action.ts";
import { loadCaBundle } from "../aws/ca-bundle.ts";
import { AssumeMfaError } from "../errors.ts";
import type { TargetResult } from "../outputs/json.ts";
import type { TableColumn } from "../outputs/table.ts";
import { withKnownClock } from "../session/known-clock.ts";
import { makeMemorySharedSessions } from "../session/memory-shared-sessions.ts";
import { obtainRoleSession, type RoleSession, type RoleSessionOptions } from "../session/role-session.ts";
import type { GivenTokenCode } from "../session/token-code.ts";
import { rolesOnTheWay } from "../target/chain.ts";
import type { Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import { makeScope } from "./action-scope.ts";
import type { SessionOptions } from "./options.ts";
import { type ActionNeeds, narrowToPlan, planScoped } from "./scoped-plan.ts";
import type { OpenedAction } from "./scoped-sessions.ts";
import type { Screen } from "./screen.ts";
import type { Services } from "./services.ts";
import { tellingWrongClock } from "./wrong-clock.ts";

/** One target, resolved and checked: nothing asked, nothing called yet. */
export interface TargetRun {
  readonly services: Services;
  readonly target: Target;
  readonly screen: Screen;
  readonly mayAsk: boolean;
  /** Whether `--expect-account` was given: a stronger word than `--yes` alone. */
  readonly isAccountExpected: boolean;
  /** The role session: cached, or assumed with a code that is asked for if it must be. */
  openSession(): Promise<RoleSession>;
  /** What an action works with: with `--scoped`, to find or to read what it is about. */
  openScope(): Promise<ActionScope>;
  /** What a destructive action on these works with: with `--scoped`, sessions for them alone. */
  openAction(action: DestructiveAction, ids: readonly string[]): Promise<OpenedAction>;
  /** What the targets of a run do with each other; undefined where it has one. */
  readonly together?: Together | undefined;
}

/** Where the targets of a run, which work at the same time, wait for each other. */
export interface Together {
  /**
   * Waits until every other target is here too, or has ended. Then `decide` is called once for all who wait, with what each
   * brought, in the order of the targets; whoever waits goes on when it returns.
   * @throws what `decide` throws, for everybody: the whole run ends with it
   */
  meet<T>(mine: T, decide: (all: readonly T[]) => void | Promise<void>): Promise<void>;
  /** Done before the next decision, or when all have ended, target by target: what is shown does not get mixed up. */
  later(show: () => void): void;
  /** From now on a signal ends the run only when it has reported. */
  holdInterrupts(): void;
}

/** What a command on a target leaves behind. */
export interface TargetOutcome {
  /** The documented `-o json` result. */
  readonly result: unknown;
  /** The same for people; not called with `-o json`, nor where the run is over several targets. */
  readonly print?: ((screen: Screen) => void) | undefined;
  /** In place of `result` for `-o json`, where the work was in several regions: an entry for each. */
  readonly regions?: readonly RegionOutcome[] | undefined;
  /** The same as lines that can stand among those of other targets. */
  readonly listing?: Listing | undefined;
  /** Thrown after the result is printed: the run ends with its exit code. */
  readonly failure?: Error | undefined;
}

export type RegionOutcome = { readonly region: string } & (
  | { readonly result: unknown }
  | { readonly error: AssumeMfaError }
);

export interface Listing {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly string[])[];
  /** For `-o text`; an undefined cell is one that there is nothing for. */
  readonly textRows: readonly (readonly (string | undefined)[])[];
  /** Whether a column that is empty in all rows is left out of the table. Default: false. */
  readonly dropsEmpty?: boolean;
}

export interface TargetDemand {
  /** EC2 and DynamoDB have no default region: a missing one is an error before a code is asked for. */
  readonly needsRegion: boolean;
  /** Whether the action can be on several targets at once (marked ∗ in CLI.md). Default: false. */
  readonly mayBeSeveral?: boolean;
  /** Why it can't, and what to do instead. Default: that it takes one, and which actions take several. */
  readonly severalRefusal?: { readonly message?: string; readonly hint: string };
  /**
   * What else can be said of a target before anything is asked or called; for several targets the whole run ends with it.
   * @throws AssumeMfaError
   */
  readonly check?: (run: TargetRun) => void;
  /** What a session for this alone is to allow (`--scoped`). Default: it is about the role's session itself. */
  readonly needs?: ActionNeeds;
  /** Whether a shared session that is opened on the way is kept for the day. Default: false. */
  readonly keepsShared?: boolean;
  /** Whether its standard output is run by a shell, or read by a program for credentials. Default: false. */
  readonly isForEval?: boolean;
  /** Whether whoever runs it keeps standard error for an error: then nothing else goes there. Default: false. */
  readonly isForProgram?: boolean;
  /** Milliseconds that a session must last where neither `--min-ttl` nor its variable says. Default: five minutes. */
  readonly minTtlMs?: number;
  /** Milliseconds that it must last whatever they say: what is done with it takes that. Default: 0 */
  readonly minTtlFloorMs?: number;
}

/** What all targets of a run have in common. */
export interface RunContext {
  readonly services: Services;
  readonly screen: Screen;
  readonly options: SessionOptions;
  readonly demand: TargetDemand;
  readonly expectedAccount: string | undefined;
  readonly sessionOptions: Omit<RoleSessionOptions, "givenCode">;
}

/** Opens a session with the code that is at hand, which is sent once. @throws AssumeMfaError */
export type ObtainSession = (
  target: Target,
  options: Omit<RoleSessionOptions, "givenCode">,
  note: (text: string) => void,
) => Promise<RoleSession>;

/**
 * @param context its session options are the target's
 * @throws AssumeMfaError as {@link checkTarget} does of what is narrow
 */
export function makeRun(whole: Target, givenCode: GivenTokenCode | undefined, context: RunContext): TargetRun {
  const { screen, expectedAccount, sessionOptions } = context;
  const plan = planScoped(whole, context.demand.needs);
  const target = narrowToPlan(whole, plan);
  const services =
    plan === undefined || sessionOptions.isOneOfSeveral
      ? context.services
      : { ...context.services, shared: makeMemorySharedSessions(context.services.shared) };
  let code = givenCode;
  let session: Promise<RoleSession> | undefined;
  const obtain: ObtainSession = async (of, options, note) => {
    const given = code;
    // It is sent once, whatever becomes of it.
    code = undefined;
    const obtained = await tellingWrongClock(services, note, () =>
      obtainRoleSession(of, { ...options, givenCode: given }, withKnownClock({ ...services, note }, options)),
    );
    services.serverClock.suppose(obtained.clockOffsetMs);
    checkAccount(target, obtained.accountId, expectedAccount);
    return obtained;
  };
  const scoped = async () => {
    const { makeScopedRun } = await import("./scoped-sessions.ts");
    return makeScopedRun(target, { ...sessionOptions, givenCode: code }, obtain, { services, note: screen.note });
  };
  const openSession = () => {
    session ??=
      plan === undefined
        ? obtain(target, sessionOptions, screen.note)
        : scoped().then(({ openSession: open }) => open(plan.sessionCount));
    return session;
  };
  const openScope = async () => {
    const scope = makeScope(services, target, await openSession());
    if (sessionOptions.noCache || plan !== undefined) return scope;
    return {
      ...scope,
      otherAccounts: async () => (await import("./other-accounts.ts")).otherAccounts(scope, services),
    };
  };
  return {
    services,
    target,
    screen,
    mayAsk: sessionOptions.mayAsk,
    isAccountExpected: expectedAccount !== undefined,
    openSession,
    openScope,
    async openAction(action, ids) {
      if (plan !== undefined) return (await scoped()).openAction(action, ids, session !== undefined);
      const scope = await openScope();
      return { action, scope, scopes: [scope] };
    },
  };
}

/** The target's entries in the documented list: one, or one for each region. */
export function entriesOf(target: Target, outcome: TargetOutcome): readonly TargetResult[] {
  const head = headOf(target);
  return outcome.regions?.map((one) => ({ ...head, ...one })) ?? [{ ...head, result: outcome.result }];
}

export function headOf({ name, role, region }: Target) {
  return { target: name, account: role.value.accountId, region: region?.value };
}

/**
 * What can be said of a target before anything is asked or called.
 * @throws AssumeMfaError ACCOUNT_UNEXPECTED, before all else; REGION_MISSING; CONFIG_UNREADABLE, CONFIG_MALFORMED for its
 *   CA bundle; as `planScoped` and `narrowTarget` do
 */
export function checkTarget(
  target: Target,
  { needsRegion, needs }: TargetDemand,
  { expectedAccount }: RunContext,
): void {
  checkAccount(target, target.role.value.accountId, expectedAccount);
  if (needsRegion) checkRegion(target);
  narrowToPlan(target, planScoped(target, needs));
  // Before a code is asked for: the clients read it again.
  for (const { connection } of rolesOnTheWay(target)) {
    if (connection.caBundle !== undefined) loadCaBundle(connection.caBundle);
  }
}

function checkRegion(target: Target): void {
  if (target.region !== undefined) return;
  throw new AssumeMfaError("REGION_MISSING", `no region is set for ${shownName(target.name)}`, {
    hint: `use --region, set AWS_REGION, or add region = … to the profile${target.profileName === undefined ? "" : ` "${target.profileName}"`}`,
  });
}

function checkAccount(target: Target, account: string, expected: string | undefined): void {
  if (expected === undefined || account === expected) return;
  throw new AssumeMfaError(
    "ACCOUNT_UNEXPECTED",
    `${shownName(target.name)} is account ${account}, and ${expected} was expected`,
    {
      hint: "nothing was done: check the target, or --expect-account (ASSUME_MFA_EXPECT_ACCOUNT)",
    },
  );
}
