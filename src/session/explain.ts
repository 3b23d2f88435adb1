import { AssumeMfaError } from "../errors.ts";
import { ASSUME_ROLE_MAX_SECONDS } from "../target/duration.ts";
import { formatOrigin } from "../target/format-origin.ts";
import { isNarrowed } from "../target/narrow-target.ts";
import type { SignIn, Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import { awsCliObstacle, findAwsCliSession } from "./aws-cli-session.ts";
import { isOfRole } from "./call-assume-role.ts";
import { knownDevice } from "./find-device.ts";
import type { RoleSessionOptions, RoleSessionPorts } from "./role-session.ts";
import { CHAINED_ROLE_MAX_SECONDS, chooseRoute, DEFAULT_ROLE_SECONDS, formatSeconds, type Route } from "./route.ts";
import {
  HOP_TTL_MS,
  lastsLonger,
  learntOf,
  liveShared,
  refuseLearntDuration,
  renewalMarginMs,
  routeFacts,
} from "./route-facts.ts";
import type { KeptSession } from "./session-cache.ts";
import { canonicalText, SESSION_SCHEMA, type SessionInputs, sessionInputs } from "./session-inputs.ts";
import { knownSessionName, sessionNameOf } from "./session-name.ts";
import type { KeptSharedSession } from "./shared-sessions.ts";
import { placeName, placeOf, signInOf } from "./signer.ts";
import { type CodeSource, codeSourceOf, codeSourceRequest, faultOf } from "./token-code-source.ts";

/** What a run finds where it looks for a cached session. */
export type CacheOutlook =
  | { readonly outcome: "hit"; readonly kept: KeptSession }
  /**
   * `reason`: for people. `kept`: the session that does not serve, if it is one. `differences`: the inputs in which the
   * nearest one of this role differs, by their names in `SessionInputs`.
   */
  | {
      readonly outcome: "miss";
      readonly reason: string;
      readonly kept: KeptSession | undefined;
      readonly differences: readonly string[];
    }
  /** What the AWS CLI made: used once AWS has said whose it is. `expiration`: milliseconds since 1970. */
  | { readonly outcome: "aws cli"; readonly reason: string; readonly expiration: number }
  /** Neither read nor written. */
  | { readonly outcome: "off"; readonly reason: string };

/** A value that is decided on the way, and how. */
export interface Outlook {
  /** Undefined: it is not known before AWS is asked. */
  readonly value: string | undefined;
  /** For people. */
  readonly from: string;
}

/** Whether a token code would be presented, and whose. */
export type CodeOutlook =
  | { readonly isNeeded: false; readonly reason: string }
  | {
      readonly isNeeded: true;
      readonly source: CodeSource;
      /** Who would be asked, where somebody would. */
      readonly asked: "terminal" | "pinentry" | "nobody" | undefined;
      /** Why it gives none, where that can be told. */
      readonly fault: AssumeMfaError | undefined;
    };

/** What a run would do for a role session, and why: told without asking, calling, running or writing anything. */
export interface RoleSessionExplanation {
  readonly target: Target;
  readonly cache: CacheOutlook;
  /** Why the session is not shared with the AWS CLI, though it is to be. */
  readonly awsCliObstacle: string | undefined;
  /** The shared session that a run looks at: live, of the same keys and device. */
  readonly shared: KeptSharedSession | undefined;
  /** Undefined when none is allowed: `failures` says why. On a cache hit it is what comes once that has ended. */
  readonly route: Route | undefined;
  /** What the role session lasts, and how long it could last on this route. */
  readonly duration: { readonly seconds: number; readonly reason: string };
  readonly durationCap: {
    readonly seconds: number;
    readonly reason: string;
    /** What AWS refused, where that is all that is known. */
    readonly refusedSeconds?: number;
  };
  /** Undefined where no code is presented. */
  readonly device: Outlook | undefined;
  readonly sessionName: Outlook;
  readonly code: CodeOutlook;
  /** Of a chain: the role whose session signs. */
  readonly hop: RoleSessionExplanation | undefined;
  /** What would stop the run before a session is called for, in the order in which it comes to it. Empty on a cache hit. */
  readonly failures: readonly AssumeMfaError[];
}

export type ExplainPorts = Pick<
  RoleSessionPorts,
  "host" | "cache" | "awsCliCache" | "callers" | "shared" | "roleFacts" | "devices" | "storedSecrets" | "spentCodes"
>;

/**
 * What `obtainRoleSession` would do with the same arguments, by the functions that it decides with itself. Reads small
 * files of ours; opens no keychain, asks nobody, calls nothing.
 * @param options a code that is on standard input is not read: its `from` alone counts
 */
export function explainRoleSession(
  target: Target,
  options: RoleSessionOptions,
  ports: ExplainPorts,
): RoleSessionExplanation {
  const { source } = target;
  const cache = explainCache(target, options, ports);
  const hop =
    source.kind === "role"
      ? explainRoleSession(source.target, { ...options, refresh: false, minTtlMs: HOP_TTL_MS }, ports)
      : undefined;
  const signerKind = routeFacts(target, undefined, options, ports).signer.kind;
  const signIn = signerKind === "user" ? signInOf(target) : undefined;
  const live = signIn === undefined ? undefined : liveShared(signIn, ports.host.now(), ports.shared);
  const shared = options.noCache && live?.keptIn !== "memory" ? undefined : live;
  const failures: AssumeMfaError[] = [];
  const route = collect(failures, () => chooseRoute(routeFacts(target, shared, options, ports)));
  if (signIn !== undefined && route !== undefined) {
    collect(failures, () => refuseLearntDuration(target, signIn, route, options, ports));
  }
  const code = explainCode(target, cache, route, shared, signIn, hop, options, ports);
  // Whoever signs comes first in a run as well.
  if (hop !== undefined) failures.push(...hop.failures);
  else if (code.isNeeded && code.fault !== undefined && failures.length === 0) failures.push(code.fault);
  return {
    target,
    cache,
    awsCliObstacle: target.shareAwsCli.value ? awsCliObstacle(target, ports) : undefined,
    shared,
    route,
    duration: {
      seconds: target.durationSeconds?.value ?? DEFAULT_ROLE_SECONDS,
      reason: target.durationSeconds === undefined ? "AWS's default" : formatOrigin(target.durationSeconds.origin),
    },
    durationCap:
      signerKind === "role session"
        ? hour("a role that a role's session assumes lasts 1 h at most")
        : explainCap(target, route, options, ports),
    device: signIn === undefined || route?.kind === "plain" ? undefined : explainDevice(signIn, options, ports),
    sessionName: explainSessionName(target, route?.kind === "shared" ? shared : undefined, hop, ports),
    code,
    hop,
    failures: isServed(cache) ? [] : failures,
  };
}

/** @returns undefined when it threw what a user can mend, which is added to the list */
function collect<T>(failures: AssumeMfaError[], decide: () => T): T | undefined {
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof AssumeMfaError)) throw error;
    failures.push(error);
    return undefined;
  }
}

/** Whether the run is served by what is there already. */
function isServed({ outcome }: CacheOutlook): boolean {
  return outcome === "hit" || outcome === "aws cli";
}

function explainCache(target: Target, options: RoleSessionOptions, ports: ExplainPorts): CacheOutlook {
  if (options.noCache) return { outcome: "off", reason: "--no-cache" };
  if (isNarrowed(target)) return { outcome: "off", reason: "a session for one action is kept nowhere" };
  if (target.cache.value === "none") {
    return { outcome: "off", reason: `assume_mfa_cache = none (${formatOrigin(target.cache.origin)})` };
  }
  const cached = explainOwnCache(target, options, ports);
  if (cached.outcome === "hit" || options.refresh) return cached;
  const entry = findAwsCliSession(target, options.minTtlMs, { ...ports, note: () => undefined });
  if (entry === undefined) return cached;
  const reason = "the AWS CLI has a session, used once sts:GetCallerIdentity has said whose it is";
  return { outcome: "aws cli", reason, expiration: entry.expiration };
}

function explainOwnCache(target: Target, options: RoleSessionOptions, ports: ExplainPorts): CacheOutlook {
  const miss = (reason: string, kept?: KeptSession, differences: readonly string[] = []): CacheOutlook => ({
    outcome: "miss",
    reason,
    kept,
    differences,
  });
  const now = ports.host.now();
  const inputs = sessionInputs(target);
  const ofRole = ports.cache.list().filter(({ role }) => role.arn === target.role.value.arn);
  const own = ofRole.find((kept) => canonicalText(kept.inputs) === canonicalText(inputs));
  if (own !== undefined) {
    const leftMs = own.expiration - now - own.clockOffsetMs;
    if (!isOfRole({ assumedRoleArn: own.assumedRoleArn, accountId: own.role.accountId }, target)) {
      return miss("what is cached is a session of another role");
    }
    if (leftMs <= 0) return miss("the cached session has ended", own);
    if (!lastsLonger(own, now, options.minTtlMs)) {
      return miss(
        `the cached session ends in ${formatLeft(leftMs)}, and is renewed ${formatLeft(renewalMarginMs(own, options.minTtlMs))} before its end (--min-ttl, a third of its life at most)`,
        own,
      );
    }
    return options.refresh
      ? miss("--refresh assumes again, though a session is cached", own)
      : { outcome: "hit", kept: own };
  }
  const live = ofRole.filter((kept) => kept.expiration - now - kept.clockOffsetMs > 0);
  const nearest = live
    .map((kept) => ({ kept, differences: differencesOf(kept.inputs, inputs) }))
    .sort((one, other) => one.differences.length - other.differences.length)[0];
  if (nearest === undefined) return miss("no session of this role is cached");
  return nearest.kept.inputs.schema === SESSION_SCHEMA
    ? miss("a session of this role is cached, made with other settings", nearest.kept, nearest.differences)
    : miss("a session of this role is cached, made by another version", nearest.kept);
}

function differencesOf(one: SessionInputs, other: SessionInputs): readonly string[] {
  return Object.keys({ ...one, ...other }).filter((name) => (one[name] ?? null) !== (other[name] ?? null));
}

/** `4 min`, `12 s`: rounded down, so that what is too short never looks long enough. */
function formatLeft(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  return formatSeconds(seconds < 60 ? seconds : seconds - (seconds % 60)) || "0 s";
}

function hour(reason: string): RoleSessionExplanation["durationCap"] {
  return { seconds: CHAINED_ROLE_MAX_SECONDS, reason };
}

function explainCap(
  target: Target,
  route: Route | undefined,
  options: RoleSessionOptions,
  ports: ExplainPorts,
): RoleSessionExplanation["durationCap"] {
  const isShared = route === undefined ? target.sessionMode.value === "shared" : route.kind === "shared";
  if (isShared) return hour("a role of a shared session lasts 1 h at most");
  const refused = options.refresh ? undefined : learntOf(target, ports)?.refusedDurationSeconds;
  if (refused !== undefined) {
    const reason = `AWS refused ${formatSeconds(refused)} for this role before`;
    return { seconds: refused - 1, reason, refusedSeconds: refused };
  }
  return {
    seconds: ASSUME_ROLE_MAX_SECONDS,
    reason: "AWS's limit; the role's own may be lower, and AWS tells when asked",
  };
}

function explainDevice(signIn: SignIn, options: RoleSessionOptions, { devices }: ExplainPorts): Outlook {
  const value = knownDevice(signIn, options, devices)?.serial;
  if (signIn.mfaSerial !== undefined) return { value, from: formatOrigin(signIn.mfaSerial.origin) };
  return value === undefined
    ? { value, from: "found by iam:ListMFADevices when a code is needed" }
    : { value, from: "remembered: iam:ListMFADevices found it before" };
}

/** @param shared that signs in the place of the source's own keys */
function explainSessionName(
  target: Target,
  shared: KeptSharedSession | undefined,
  hop: RoleSessionExplanation | undefined,
  { callers }: ExplainPorts,
): Outlook {
  const { roleSessionName, source } = target;
  if (roleSessionName !== undefined)
    return { value: roleSessionName.value, from: formatOrigin(roleSessionName.origin) };
  if (hop !== undefined) {
    const value = hop.cache.outcome === "hit" ? sessionNameOf(hop.cache.kept.assumedRoleArn) : hop.sessionName.value;
    return { value, from: `as ${source.label} has it` };
  }
  const place = placeOf(target);
  const own = source.kind === "keys" ? knownSessionName(source, place, callers) : undefined;
  const value = own ?? (shared && sessionNameOf(callers.read(shared.accessKeyId, placeName(place))));
  return value === undefined
    ? { value, from: "the signer's name, which sts:GetCallerIdentity tells" }
    : { value, from: "the signer's name, remembered" };
}

/** A program may give a user's own keys, which is seen once it was run. */
function butForKeys({ source, mfaSerial }: Target): string {
  if (source.kind !== "provided" || source.provider.kind !== "process") return "";
  const then = mfaSerial === undefined ? "none goes with them: no mfa_serial is set" : "a code is needed after all";
  return `; should it give a user's own keys, ${then}`;
}

function explainCode(
  target: Target,
  cache: CacheOutlook,
  route: Route | undefined,
  shared: KeptSharedSession | undefined,
  signIn: SignIn | undefined,
  hop: RoleSessionExplanation | undefined,
  options: RoleSessionOptions,
  ports: ExplainPorts,
): CodeOutlook {
  if (cache.outcome === "hit") return { isNeeded: false, reason: "a live session is cached" };
  if (cache.outcome === "aws cli") return { isNeeded: false, reason: "the AWS CLI has a live session" };
  // A chain's code is that of its first hop.
  if (hop !== undefined) return ofHop(hop);
  if (route?.kind === "plain") return { isNeeded: false, reason: `${route.reason}${butForKeys(target)}` };
  if (signIn === undefined) return { isNeeded: false, reason: "no IAM user's keys sign" };
  if (route?.kind === "shared" && shared !== undefined) {
    return { isNeeded: false, reason: "a shared session is live" };
  }
  const request = {
    ...codeSourceRequest(signIn),
    mfaSerial: knownDevice(signIn, options, ports.devices)?.serial,
    forWhom: signIn.forWhom,
  };
  const source = codeSourceOf(request, options, ports);
  const somebody = whoIsThere(options, ports);
  return {
    isNeeded: true,
    source,
    asked: source.kind === "person" ? somebody : undefined,
    fault: faultOf(source, request, somebody !== "nobody", ports),
  };
}

/** A session that is live is the hop's, and not the one that is wanted. */
function ofHop({ target, cache, code }: RoleSessionExplanation): CodeOutlook {
  const name = shownName(target.name);
  if (cache.outcome === "hit") return { isNeeded: false, reason: `a live session of ${name}, which signs, is cached` };
  if (cache.outcome === "aws cli") {
    return { isNeeded: false, reason: `the AWS CLI has a live session of ${name}, which signs` };
  }
  return code;
}

/** Opens the terminal only to see that there is one. */
function whoIsThere({ mayAsk }: RoleSessionOptions, { host }: ExplainPorts): "terminal" | "pinentry" | "nobody" {
  const terminal = mayAsk ? host.openTerminal() : undefined;
  terminal?.close();
  if (terminal === undefined) return "nobody";
  return terminal.canPick ? "terminal" : "pinentry";
}
