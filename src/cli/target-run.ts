import type { ActionScope } from "../actions/action.ts";
import { defaultRegionOf } from "../aws/arn.ts";
import { loadCaBundle } from "../aws/ca-bundle.ts";
import { AssumeMfaError } from "../errors.ts";
import { formatTargetResults, type TargetResult } from "../outputs/json.ts";
import { obtainRoleSession, type RoleSession } from "../session/role-session.ts";
import { readGivenTokenCode } from "../session/token-code.ts";
import { resolveTarget } from "../target/resolve-target.ts";
import type { Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
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
  /** The same for people; not called with `-o json`. */
  readonly print?: ((screen: Screen) => void) | undefined;
  /** Thrown after the result is printed: the run ends with its exit code. */
  readonly failure?: Error | undefined;
}

/**
 * Resolves the target, then does the work and prints its outcome: in JSON the documented list, also when it fails.
 * @param needsRegion EC2 and DynamoDB have no default region: a missing one is an error before a code is asked for
 * @throws AssumeMfaError whatever went wrong; with `-o json` the document is printed by then
 */
export async function runOnTarget(
  outside: Services,
  targetName: string,
  options: SessionOptions,
  { needsRegion }: { readonly needsRegion: boolean },
  work: (run: TargetRun) => Promise<TargetOutcome>,
): Promise<void> {
  const services = await enterSandbox(outside);
  const { host } = services;
  const screen = makeScreen(host, resolveScreenOptions(options, host.env));
  const expectedAccount = resolveExpectedAccount(options, host.env);
  const minTtlMs = resolveMinTtlMs(options, host.env);
  const exported = services.exported.read(host.env);
  const target = resolveTarget(
    targetName,
    resolveTargetOptions(options, host),
    services.loadConfig(),
    host.env,
    exported,
  );
  const head = { target: targetName, account: target.role.value.accountId, region: target.region?.value };

  const entry = await settle(screen, head, async () => {
    if (needsRegion) checkRegion(target);
    checkAccount(target, target.role.value.accountId, expectedAccount);
    // Before a code is asked for: the clients read it again.
    if (target.connection.caBundle !== undefined) loadCaBundle(target.connection.caBundle);
    const givenCode = await readGivenTokenCode(host, options.tokenCode);
    await showEndpoints(services, target, screen);
    const openSession = async () => {
      const session = await tellingWrongClock(services, screen.note, () =>
        obtainRoleSession(
          target,
          {
            givenCode,
            refresh: options.refresh === true,
            noCache: !options.cache,
            mayAsk: mayAsk(options, host.env),
            minTtlMs,
            isOneOfSeveral: false,
            keepsShared: false,
          },
          { ...services, note: screen.note },
        ),
      );
      services.serverClock.suppose(session.clockOffsetMs);
      checkAccount(target, session.accountId, expectedAccount);
      return session;
    };
    return work({
      services,
      target,
      screen,
      mayAsk: mayAsk(options, host.env),
      isAccountExpected: expectedAccount !== undefined,
      openSession,
      openScope: async () => makeScope(services, target, await openSession()),
    });
  });
  if (screen.output === "json") screen.result(formatTargetResults([entry.json]));
  else entry.outcome?.print?.(screen);
  if (entry.failure !== undefined) throw screen.output === "json" ? new PrintedFailure(entry.failure) : entry.failure;
}

interface Settled {
  readonly json: TargetResult;
  readonly outcome?: TargetOutcome;
  readonly failure?: Error | undefined;
}

async function settle(
  screen: Screen,
  head: { readonly target: string; readonly account: string; readonly region: string | undefined },
  work: () => Promise<TargetOutcome>,
): Promise<Settled> {
  try {
    const outcome = await work();
    return { json: { ...head, result: outcome.result }, outcome, failure: outcome.failure };
  } catch (error) {
    if (!(error instanceof AssumeMfaError) || screen.output !== "json") throw error;
    return { json: { ...head, error }, failure: error };
  }
}

function makeScope(services: Services, target: Target, session: RoleSession): ActionScope {
  const { partition } = target.role.value;
  const region = target.region ?? {
    value: defaultRegionOf(partition),
    origin: { kind: "default", reason: `the default of ${partition}` } as const,
  };
  return {
    target,
    accountId: session.accountId,
    region,
    clientSettings: (service, maxAttempts) => ({
      region: region.value,
      endpoint: target.endpoints[service]?.value,
      credentials: session.credentials,
      useFipsEndpoint: target.useFipsEndpoint.value,
      useDualstackEndpoint: target.useDualstackEndpoint.value,
      connection: target.connection,
      maxAttempts,
      clock: services.serverClock,
    }),
    clock: services.host,
    interrupts: services.host.interrupts,
  };
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
