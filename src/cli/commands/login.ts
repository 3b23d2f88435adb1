import type { Command } from "commander";
import { loadCaBundle } from "../../aws/ca-bundle.ts";
import { AssumeMfaError } from "../../errors.ts";
import { formatJson, toErrorJson } from "../../outputs/json.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import { codeNeedOf } from "../../session/code-need.ts";
import { withKnownClock } from "../../session/known-clock.ts";
import { type ObtainedSharedSession, obtainSharedSession } from "../../session/obtain-shared-session.ts";
import type { RoleSessionOptions, RoleSessionPorts } from "../../session/role-session.ts";
import { placeName, signInOf } from "../../session/signer.ts";
import { readGivenTokenCode } from "../../session/token-code.ts";
import { codeSourceRequest, isCodeAtHand } from "../../session/token-code-source.ts";
import { expandAll } from "../../target/expand-targets.ts";
import { firstHop } from "../../target/first-hop.ts";
import { resolveSignIn } from "../../target/resolve-sign-in.ts";
import { resolveTarget } from "../../target/resolve-target.ts";
import type { SignIn, Target } from "../../target/target.ts";
import { shownName } from "../../text/shown-name.ts";
import type { SetExitCode } from "../catalogue.ts";
import { addCommonOptions, type CommonOptions, mayAsk, resolveMinTtlMs, resolveScreenOptions } from "../options.ts";
import { formatCount, formatExpiry } from "../phrases.ts";
import { PrintedFailure } from "../printed-failure.ts";
import { enterSandbox, showEndpoints } from "../sandbox-mark.ts";
import { makeScreen, type Screen } from "../screen.ts";
import type { Services } from "../services.ts";
import { printListings, printTargetErrors, tooFewCodes } from "../target-results.ts";
import { makeRun, type TargetOutcome } from "../target-run.ts";
import { tellingWrongClock } from "../wrong-clock.ts";
import { toLoginOutcome } from "./target-login.ts";

interface LoginOptions extends CommonOptions {
  readonly tokenCode?: string;
  readonly serialNumber?: string;
  readonly sourceProfile?: string;
  readonly region?: string;
  readonly endpointUrl?: string;
  readonly minTtl?: string;
  readonly refresh?: boolean;
}

/** `assume-mfa login [target…]`: signs in for the day. */
export function registerLogin(program: Command, services: Services, _setExitCode: SetExitCode): void {
  addCommonOptions(
    program
      .command("login")
      .description(
        "sign in for the day: one code, one session that every target behind the device is assumed with; with targets, their role sessions too",
      )
      .argument("[targets...]", "whose role sessions to get as well: dev, dev,staging, 'team-*'")
      .option("-t, --token-code <code>", "six digits; - reads a line of standard input (ASSUME_MFA_TOKEN_CODE)")
      .option("--serial-number <serial>", "the MFA device (ASSUME_MFA_SERIAL_NUMBER)")
      .option("--source-profile <name>", "whose keys sign in (ASSUME_MFA_SOURCE_PROFILE)")
      .option("--region <region>", "the region to call STS in (AWS_REGION, AWS_DEFAULT_REGION)")
      .option("--endpoint-url <url>", "call this in place of AWS (AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE>)")
      .option("--min-ttl <time>", "sign in again if the session ends sooner, default 5m (ASSUME_MFA_MIN_TTL)")
      .option("--refresh", "sign in again even if a session is live"),
  ).action(async (words: readonly string[], options: LoginOptions) => {
    await runLogin(services, words, options);
  });
}

/** One sign-in, and the targets whose role sessions follow. */
interface SignInPlan {
  readonly signIn: SignIn;
  readonly targets: readonly Target[];
}

async function runLogin(outside: Services, words: readonly string[], options: LoginOptions): Promise<void> {
  const services = await enterSandbox(outside);
  const { host } = services;
  const screen = makeScreen(host, resolveScreenOptions(options, host.env));
  const plan = planSignIn(services, words, options);
  const shared = {
    refresh: options.refresh === true,
    noCache: false,
    mayAsk: mayAsk(options, host.env),
    minTtlMs: resolveMinTtlMs(options, host.env),
  };
  if (plan.signIn.connection.caBundle !== undefined) loadCaBundle(plan.signIn.connection.caBundle);
  const ports: RoleSessionPorts = withKnownClock({ ...services, note: screen.note }, shared);
  refuseTooFewCodes(plan, shared, ports);
  const givenCode = await readGivenTokenCode(host, options.tokenCode);
  await showEndpoints(services, [plan.signIn, ...plan.targets], screen);
  const obtained = await tellingWrongClock(services, screen.note, () =>
    obtainSharedSession(plan.signIn, { ...shared, givenCode }, ports),
  );
  services.serverClock.suppose(obtained.head.clockOffsetMs);
  const entries = await openRoles(plan.targets, shared, services, screen, options);
  print(screen, plan.signIn, obtained, entries, services);
  const failed = entries.filter(({ error }) => error !== undefined);
  if (failed.length === 0) return;
  const failure = new AssumeMfaError(
    "PARTIAL_FAILURE",
    `signed in, but ${failed.length} of ${formatCount(entries.length, "target")} failed: ${failed.map(({ target }) => shownName(target.name)).join(", ")}`,
  );
  throw screen.output === "json" ? new PrintedFailure(failure) : failure;
}

/**
 * Named targets decide whose keys and which device it is, and they have to agree.
 * @throws AssumeMfaError as `resolveTarget` and `resolveSignIn` do; USAGE when one code can't serve all of them
 */
function planSignIn(services: Services, words: readonly string[], options: LoginOptions): SignInPlan {
  const { host } = services;
  const config = services.loadConfig();
  const exported = services.exported.read(host.env);
  const names = expandAll(words, config);
  const targets = names.map((name) => resolveTarget(name, options, config, host.env, exported));
  if (targets.length === 0) return { signIn: resolveSignIn(options, config, host.env, exported), targets };
  const plans = targets.map((target) => ({ target, signIn: signInOfFirstHop(target) }));
  const [first] = plans as [(typeof plans)[number]];
  const other = plans.find(({ signIn }) => keyOf(signIn) !== keyOf(first.signIn));
  if (other !== undefined) {
    throw new AssumeMfaError(
      "USAGE",
      `${shownName(first.target.name)} and ${shownName(other.target.name)} need sessions of their own: they have other keys or another device`,
      { hint: "sign in for each of them: assume-mfa login <target>" },
    );
  }
  return { signIn: { ...first.signIn, forWhom: first.signIn.source.label }, targets };
}

function keyOf(signIn: SignIn): string {
  return JSON.stringify([signIn.source.credentials.accessKeyId, placeName(signIn), signIn.mfaSerial?.value ?? null]);
}

/** @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING where no IAM user's own keys stand at the beginning */
function signInOfFirstHop(target: Target): SignIn {
  const signIn = signInOf(firstHop(target));
  if (signIn?.source.credentials.isLongTerm) return signIn;
  throw new AssumeMfaError(
    "SOURCE_CREDENTIALS_MISSING",
    `${target.source.label} can't sign in with a code: only an IAM user's own keys can`,
    { hint: `${shownName(target.name)} takes no code: assume-mfa ${shownName(target.name)} login` },
  );
}

/**
 * A target that wants more than an hour takes a code of its own after the one that signs in.
 * @throws AssumeMfaError TOKEN_CODE_MISSING when nobody is there to give it
 */
function refuseTooFewCodes(
  { signIn, targets }: SignInPlan,
  shared: Pick<RoleSessionOptions, "mayAsk" | "minTtlMs">,
  ports: RoleSessionPorts,
): void {
  const options = { ...shared, refresh: false, noCache: false, isOneOfSeveral: true };
  const alone = targets.filter((target) => codeNeedOf(target, options, ports).kind === "own");
  if (alone.length === 0 || isCodeAtHand(codeSourceRequest(signIn), { ...shared, givenCode: undefined }, ports)) return;
  throw tooFewCodes(alone, "the one that signs in is no longer good for them");
}

interface RoleEntry {
  readonly target: Target;
  readonly outcome: TargetOutcome | undefined;
  readonly error: AssumeMfaError | undefined;
}

/** One after the other: one that wants more than an hour asks for a code of its own. */
async function openRoles(
  targets: readonly Target[],
  shared: Pick<RoleSessionOptions, "mayAsk" | "minTtlMs">,
  services: Services,
  screen: Screen,
  options: LoginOptions,
): Promise<readonly RoleEntry[]> {
  const entries: RoleEntry[] = [];
  for (const target of targets) {
    const note: Screen["note"] = (text) => screen.note(`${shownName(target.name)}: ${text}`);
    const run = makeRun(target, undefined, {
      services,
      screen: { ...screen, note },
      options: { ...options, cache: true },
      demand: { needsRegion: false },
      expectedAccount: undefined,
      sessionOptions: { ...shared, refresh: false, noCache: false, isOneOfSeveral: false, keepsShared: false },
    });
    try {
      entries.push({
        target,
        outcome: toLoginOutcome(target, await run.openSession(), services.host.now()),
        error: undefined,
      });
    } catch (error) {
      if (!(error instanceof AssumeMfaError)) throw error;
      entries.push({ target, outcome: undefined, error });
    }
  }
  return entries;
}

function print(
  screen: Screen,
  { source }: SignIn,
  { head, isFromCache }: ObtainedSharedSession,
  entries: readonly RoleEntry[],
  { host }: Services,
): void {
  const now = host.now() + head.clockOffsetMs;
  const expiration = new Date(head.expiration).toISOString();
  if (screen.output === "json") {
    screen.result(
      formatJson({
        sourceProfile: source.profileName ?? null,
        mfaSerial: head.mfaSerial,
        expiration,
        secondsLeft: Math.max(0, Math.floor((head.expiration - now) / 1000)),
        keptIn: head.keptIn,
        cached: isFromCache,
        targets: entries.map(({ target, outcome, error }) => ({
          target: target.name,
          account: target.role.value.accountId,
          region: target.region?.value ?? null,
          ...(error === undefined ? { result: outcome?.result } : { error: toErrorJson(error) }),
        })),
      }),
    );
    return;
  }
  if (screen.output === "text") {
    screen.result(formatTabSeparated([[source.profileName, head.mfaSerial, expiration, head.keptIn]]));
  } else {
    screen.fields([
      ["signed in as", source.label],
      ["device", head.mfaSerial],
      ["expires", `${formatExpiry(head.expiration, now)}${isFromCache ? " (signed in before)" : ""}`],
      ["kept in", head.keptIn === "keychain" ? "the keychain" : "a file that only you can read"],
    ]);
    const listings = entries.flatMap(({ target, outcome }) =>
      outcome?.listing === undefined ? [] : [{ name: target.name, listing: outcome.listing }],
    );
    if (listings.length > 0) screen.result("\n");
    printListings(listings, screen);
  }
  printTargetErrors(
    entries.map(({ target, error }) => ({ name: target.name, error })),
    screen,
  );
}
