import type { ActionScope } from "../actions/action.ts";
import { loadCaBundle } from "../aws/ca-bundle.ts";
import { AssumeMfaError } from "../errors.ts";
import type { TableColumn } from "../outputs/table.ts";
import { obtainRoleSession, type RoleSession, type RoleSessionOptions } from "../session/role-session.ts";
import type { GivenTokenCode } from "../session/token-code.ts";
import { rolesOnTheWay } from "../target/chain.ts";
import type { Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import { makeScope } from "./action-scope.ts";
import type { SessionOptions } from "./options.ts";
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
  /** What an action works with. */
  openScope(): Promise<ActionScope>;
}

/** What a command on a target leaves behind. */
export interface TargetOutcome {
  /** The documented `-o json` result. */
  readonly result: unknown;
  /** The same for people; not called with `-o json`, nor where the run is over several targets. */
  readonly print?: ((screen: Screen) => void) | undefined;
  /** The same as lines that can stand among those of other targets. */
  readonly listing?: Listing | undefined;
  /** Thrown after the result is printed: the run ends with its exit code. */
  readonly failure?: Error | undefined;
}

export interface Listing {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly string[])[];
  /** For `-o text`; an undefined cell is one that there is nothing for. */
  readonly textRows: readonly (readonly (string | undefined)[])[];
}

export interface TargetDemand {
  /** EC2 and DynamoDB have no default region: a missing one is an error before a code is asked for. */
  readonly needsRegion: boolean;
  /** Whether the action can be on several targets at once (marked ∗ in CLI.md). Default: false. */
  readonly mayBeSeveral?: boolean;
  /** Whether a shared session that is opened on the way is kept for the day. Default: false. */
  readonly keepsShared?: boolean;
  /** Whether its standard output is run by a shell. Default: false. */
  readonly isForEval?: boolean;
}

/** What all targets of a run have in common. */
export interface RunContext {
  readonly services: Services;
  readonly screen: Screen;
  readonly options: SessionOptions;
  readonly expectedAccount: string | undefined;
  readonly sessionOptions: Omit<RoleSessionOptions, "givenCode">;
}

/** @param context its session options are the target's */
export function makeRun(target: Target, givenCode: GivenTokenCode | undefined, context: RunContext): TargetRun {
  const { services, screen, expectedAccount, sessionOptions } = context;
  let session: Promise<RoleSession> | undefined;
  const obtain = async () => {
    const obtained = await tellingWrongClock(services, screen.note, () =>
      obtainRoleSession(target, { ...sessionOptions, givenCode }, { ...services, note: screen.note }),
    );
    services.serverClock.suppose(obtained.clockOffsetMs);
    checkAccount(target, obtained.accountId, expectedAccount);
    return obtained;
  };
  const openSession = () => {
    session ??= obtain();
    return session;
  };
  return {
    services,
    target,
    screen,
    mayAsk: sessionOptions.mayAsk,
    isAccountExpected: expectedAccount !== undefined,
    openSession,
    async openScope() {
      const scope = makeScope(services, target, await openSession());
      if (sessionOptions.noCache) return scope;
      return {
        ...scope,
        otherAccounts: async () => (await import("./other-accounts.ts")).otherAccounts(scope, services),
      };
    },
  };
}

export function headOf({ name, role, region }: Target) {
  return { target: name, account: role.value.accountId, region: region?.value };
}

/**
 * What can be said of a target before anything is asked or called.
 * @throws AssumeMfaError REGION_MISSING, ACCOUNT_UNEXPECTED; CONFIG_UNREADABLE, CONFIG_MALFORMED for its CA bundle
 */
export function checkTarget(target: Target, { needsRegion }: TargetDemand, { expectedAccount }: RunContext): void {
  if (needsRegion) checkRegion(target);
  checkAccount(target, target.role.value.accountId, expectedAccount);
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
