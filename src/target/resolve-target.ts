import { parseRoleArn, type RoleArn } from "../aws/arn.ts";
import { isMfaSerial, mfaSerialKind } from "../aws/mfa-serial.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Environment } from "../host/host.ts";
import { resolveAwsCliRequest } from "./aws-cli-request.ts";
import type { AwsConfig, Profile } from "./aws-config.ts";
import { nearNames } from "./closest-names.ts";
import { ASSUME_ROLE_MAX_SECONDS, ASSUME_ROLE_MIN_SECONDS, parseDuration } from "./duration.ts";
import { refuseImpossibleChain } from "./refuse-impossible-chain.ts";
import { refuseUnknownSettings } from "./refuse-unknown-settings.ts";
import { REGION } from "./region.ts";
import { resolveConnection } from "./resolve-connection.ts";
import { resolveEndpoints } from "./resolve-endpoints.ts";
import { resolveMfaProcess } from "./resolve-mfa-process.ts";
import { type GivenPolicy, resolveSessionPolicies } from "./resolve-session-policy.ts";
import { resolveSessionTags } from "./resolve-session-tags.ts";
import {
  type ExportedSession,
  isPlainName,
  lookedIn,
  type ResolvedSource,
  resolveSource,
  type SourceQuery,
} from "./resolve-source.ts";
import {
  checked,
  checkedBoolean,
  environmentSetting,
  firstOf,
  optionSetting,
  profileSetting,
  quoted,
  refused,
  type Setting,
  sourced,
} from "./setting.ts";
import type { CacheKind, ConfirmMode, Origin, SessionMode, SessionScope, Sourced, Target } from "./target.ts";

/** What the command line says about a target, as it was typed; undefined where it says nothing. */
export interface TargetOptions {
  /** `--source-profile` */
  readonly sourceProfile?: string | undefined;
  /** `--serial-number` */
  readonly serialNumber?: string | undefined;
  /** `--role-session-name` */
  readonly roleSessionName?: string | undefined;
  /** `--duration`: `1h`, `45m`, `3600` */
  readonly duration?: string | undefined;
  /** `--external-id` */
  readonly externalId?: string | undefined;
  /** `--source-identity` */
  readonly sourceIdentity?: string | undefined;
  /** `--session-tag`, each `key=value` */
  readonly sessionTag?: readonly string[] | undefined;
  /** `--policy`, as `loadGivenPolicy` read it */
  readonly policy?: GivenPolicy | undefined;
  /** `--policy-arn` */
  readonly policyArn?: readonly string[] | undefined;
  /** `--region` */
  readonly region?: string | undefined;
  /** `--endpoint-url` */
  readonly endpointUrl?: string | undefined;
  /** `--shared` */
  readonly shared?: boolean | undefined;
  /** `--direct` */
  readonly direct?: boolean | undefined;
  /** `--scoped` */
  readonly scoped?: boolean | undefined;
}

// Lengths and patterns: STS API reference, AssumeRole (AWS.md, 2).
const EXTERNAL_ID = /^[\w+=,.@:/-]{2,1224}$/;
/** STS's model says 64; 256 were taken by AWS itself. */
const SOURCE_IDENTITY = /^[\w+=,.@-]{2,256}$/;
const ROLE_SESSION_NAME = /^[\w+=,.@-]{2,64}$/;
const CLOSEST_COUNT = 3;
/** Of the targets, where none is near. */
const LISTED_COUNT = 5;

/**
 * Everything about a role that can be known before anything is asked or called. Pure: files and environment come in as
 * values. An option wins over the environment, that over the profile, that over the source profile
 * (whose region counts for a bare role ARN only).
 *
 * @param name a profile that has a `role_arn`, or a role's ARN; an exact profile name wins
 * @param exported when the environment's keys are known to be a session of ours: they are no source, and the region that
 *   was exported with them counts for that target only
 * @returns frozen
 * @throws AssumeMfaError TARGET_UNKNOWN, CONFIG_MALFORMED (naming file and line), USAGE (naming option or variable),
 *   SOURCE_PROFILE_LOOP, SOURCE_CREDENTIALS_MISSING, MFA_SERIAL_UNUSABLE, ENDPOINT_UNEXPECTED
 */
export function resolveTarget(
  name: string,
  options: TargetOptions,
  config: AwsConfig,
  env: Environment,
  exported?: ExportedSession,
): Target {
  return resolveOnWay({ name, options, config, env, exported, visited: [] });
}

/**
 * Whose keys sign for no target in particular: as for a role's ARN, whose first rungs are the option and the environment.
 * @throws AssumeMfaError as {@link resolveSource} does
 */
export function resolveAmbientSource(
  options: TargetOptions,
  config: AwsConfig,
  env: Environment,
  exported: ExportedSession | undefined,
): ResolvedSource {
  const query = sourceQuery({ name: "", options, config, env, exported, visited: [] }, undefined);
  return resolveSource({ ...query, hasTarget: false });
}

/** A target, or a role on the way to it. */
interface TargetQuery {
  readonly name: string;
  readonly options: TargetOptions;
  readonly config: AwsConfig;
  readonly env: Environment;
  readonly exported: ExportedSession | undefined;
  /** The profiles from the target's own to the one before this. */
  readonly visited: readonly string[];
}

function sourceQuery(query: TargetQuery, profile: Profile | undefined): SourceQuery {
  const { options, config, env, exported } = query;
  const { sourceProfile, endpointUrl } = options;
  const visited = profile === undefined ? query.visited : [...query.visited, profile.name];
  const resolveHop = (name: string, before: readonly string[]) => resolveOnWay(hopQuery(query, name, before));
  return { profile, sourceProfile, endpointUrl, config, env, exported, visited, resolveHop };
}

/**
 * A role on the way is what its own profile makes of it, so that it is one session for all that come through it. Of this
 * run's words only those count that are for all calls, or for whoever presents the code: that is the role that is nearest
 * to the keys.
 */
function hopQuery(query: TargetQuery, name: string, visited: readonly string[]): TargetQuery {
  const { serialNumber, endpointUrl, shared, direct } = query.options;
  const {
    ASSUME_MFA_SOURCE_PROFILE: _source,
    ASSUME_MFA_ROLE_SESSION_NAME: _sessionName,
    ASSUME_MFA_DURATION: _duration,
    ...env
  } = query.env;
  return { ...query, name, options: { serialNumber, endpointUrl, shared, direct }, env, visited };
}

function resolveOnWay(query: TargetQuery): Target {
  const { name, options, config, env } = query;
  const profile = config.profile(name);
  const role = resolveRole(name, config);
  if (profile !== undefined) refuseUnknownSettings(profile);
  const resolved = resolveSource(sourceQuery(query, profile));
  if (resolved.profile !== undefined && resolved.profile.name !== profile?.name) {
    refuseUnknownSettings(resolved.profile);
  }
  // A role that signs presents no code: its device, and what shows its codes, are for its own session alone.
  const isChain = resolved.source.kind === "role";
  const devices = isChain ? undefined : resolved.profile;
  // A bare role ARN has no profile of its own; the one that signs is then the profile in force, as for the AWS CLI.
  const settings = profile ?? resolved.profile;
  const mfaRequired = checkedBoolean(profileSetting(settings, "assume_mfa_required")) ?? byDefault(true);
  const serial = serialSetting(query, profile, devices, isChain);
  const target: Omit<Target, "awsCliRequest"> = {
    name,
    profileName: profile?.name,
    role,
    source: resolved.source,
    sourceNamedBy: resolved.namedBy,
    mfaSerial: checkSerial(serial, mfaRequired.value),
    mfaRequired,
    mfaProcess: resolveMfaProcess(profile, devices),
    externalId: checked(
      firstOf(optionSetting("--external-id", options.externalId), profileSetting(profile, "external_id")),
      (value) => EXTERNAL_ID.test(value),
      "2 to 1224 letters, digits or any of _ + = , . @ : / -",
    ),
    roleSessionName: checked(
      firstOf(
        optionSetting("--role-session-name", options.roleSessionName),
        environmentSetting(env, "ASSUME_MFA_ROLE_SESSION_NAME"),
        profileSetting(profile, "role_session_name"),
      ),
      (value) => ROLE_SESSION_NAME.test(value),
      "2 to 64 letters, digits or any of _ + = , . @ -",
    ),
    durationSeconds: resolveDuration(options, profile, env),
    sourceIdentity: checked(
      firstOf(optionSetting("--source-identity", options.sourceIdentity), profileSetting(profile, "source_identity")),
      (value) => SOURCE_IDENTITY.test(value),
      "2 to 256 letters, digits or any of _ + = , . @ -",
    ),
    sessionTags: resolveSessionTags(options.sessionTag, profile),
    ...resolveSessionPolicies(options.policy, options.policyArn, role.value),
    region: resolveRegion(query, profile, resolved.profile),
    endpoints: resolveEndpoints(options.endpointUrl, settings, config, env),
    useFipsEndpoint: resolveSwitch(settings, env, "use_fips_endpoint"),
    useDualstackEndpoint: resolveSwitch(settings, env, "use_dualstack_endpoint"),
    connection: resolveConnection(settings, env),
    confirm: resolveGuard(CONFIRM, role.value, profile, settings, config),
    scope:
      options.scoped === true
        ? sourced("action", Object.freeze({ kind: "option", option: "--scoped" }))
        : resolveGuard(SCOPE, role.value, profile, settings, config),
    cache: ownSetting<CacheKind>(settings, "assume_mfa_cache") ?? byDefault("file"),
    sessionMode: resolveSessionMode(options, settings),
    sharedDurationSeconds: resolveSharedDuration(profile, resolved.profile),
    shareAwsCli: checkedBoolean(profileSetting(settings, "assume_mfa_share_aws_cli")) ?? byDefault(false),
  };
  refuseImpossibleChain(target);
  const awsCliRequest = resolveAwsCliRequest(target, profile, options.sourceProfile, env);
  return Object.freeze({ ...target, awsCliRequest });
}

/** What can be told of a target, whatever is wrong with the rest of it. */
export type KnownTarget = Pick<Target, "name"> & Partial<Target>;

/** What can be told of a target that `resolveTarget` refuses, each value by itself. @param options as there */
export function resolveKnown(
  name: string,
  options: TargetOptions,
  config: AwsConfig,
  env: Environment,
  exported?: ExportedSession,
): KnownTarget {
  const query: TargetQuery = { name, options, config, env, exported, visited: [] };
  const profile = config.profile(name);
  const role = ifKnown(() => resolveRole(name, config));
  const resolved = ifKnown(() => resolveSource(sourceQuery(query, profile)));
  const isChain = resolved?.source.kind === "role";
  const serial = serialSetting(query, profile, isChain ? undefined : resolved?.profile, isChain);
  const known = {
    role,
    source: resolved?.source,
    sourceNamedBy: resolved?.namedBy,
    mfaSerial: ifKnown(() => checkSerial(serial, true)),
    region: ifKnown(() => resolveRegion(query, profile, resolved?.profile)),
    durationSeconds: ifKnown(() => resolveDuration(options, profile, env)),
  };
  const told = Object.entries(known).filter(([, value]) => value !== undefined);
  return { name, ...Object.fromEntries(told) };
}

function ifKnown<T>(resolve: () => T): T | undefined {
  try {
    return resolve();
  } catch (error) {
    if (error instanceof AssumeMfaError) return undefined;
    throw error;
  }
}

/** @param isChain a role signs, which presents no code: what this run says of the device is for another */
function serialSetting(
  { options, env }: TargetQuery,
  profile: Profile | undefined,
  devices: Profile | undefined,
  isChain: boolean,
): Setting | undefined {
  return firstOf(
    isChain ? undefined : optionSetting("--serial-number", options.serialNumber),
    isChain ? undefined : environmentSetting(env, "ASSUME_MFA_SERIAL_NUMBER"),
    profileSetting(profile, "mfa_serial"),
    profileSetting(devices, "mfa_serial"),
  );
}

function resolveRegion(
  { name, options, env, exported }: TargetQuery,
  profile: Profile | undefined,
  source: Profile | undefined,
): Sourced<string> | undefined {
  return checked(
    firstOf(
      optionSetting("--region", options.region),
      ownRegion(environmentSetting(env, "AWS_REGION"), name, exported),
      ownRegion(environmentSetting(env, "AWS_DEFAULT_REGION"), name, exported),
      profileSetting(profile, "region"),
      // A profile does not inherit its source's region, as in the AWS CLI: the wrong region is worse than none.
      profile === undefined ? profileSetting(source, "region") : undefined,
    ),
    (value) => REGION.test(value),
    "the name of a region, such as us-east-1",
  );
}

/**
 * The role alone, which can be told even where the target's other settings are broken.
 * @throws AssumeMfaError TARGET_UNKNOWN, CONFIG_MALFORMED
 */
export function resolveRole(name: string, config: AwsConfig): Sourced<RoleArn> {
  const profile = config.profile(name);
  return profile === undefined ? roleFromName(name, config) : roleFromProfile(profile, config);
}

function roleFromProfile(profile: Profile, config: AwsConfig): Sourced<RoleArn> {
  const setting = profileSetting(profile, "role_arn");
  if (setting === undefined) {
    const at = `${profile.path}:${profile.line}`;
    throw new AssumeMfaError("TARGET_UNKNOWN", `profile ${quoted(profile.name)} (${at}) has no role_arn`, {
      hint: `add role_arn to it, or name another target${didYouMean(profile.name, config)}`,
      details: { closest: closestTargets(profile.name, config), path: profile.path, line: profile.line },
    });
  }
  const role = parseRoleArn(setting.value);
  if (role === undefined) {
    throw refused(setting, setting.value === "" ? "is empty" : "is no role's ARN", { hint: ROLE_ARN_HINT });
  }
  return sourced(Object.freeze(role), setting.origin);
}

const ROLE_ARN_HINT = "a role's ARN looks like arn:aws:iam::222222222222:role/PrivilegedActionsRole";

/** @param name what is no profile's name */
function roleFromName(name: string, config: AwsConfig): Sourced<RoleArn> {
  const role = parseRoleArn(name);
  if (role !== undefined) {
    const origin = Object.freeze({ kind: "option", option: "the target" } as const);
    return sourced(Object.freeze(role), origin);
  }
  const details = { closest: closestTargets(name, config), paths: [config.configPath, config.credentialsPath] };
  if (/^arn:/i.test(name)) {
    throw new AssumeMfaError("TARGET_UNKNOWN", `${quoted(name)} is no role's ARN`, {
      hint: `${ROLE_ARN_HINT}; ${lookedIn(config)}`,
      details,
    });
  }
  const ignored = config.ignoredSection(name);
  const hint =
    ignored === undefined
      ? `${lookedIn(config)}${didYouMean(name, config)}`
      : `${ignored.path}:${ignored.line} is not read as a profile: write ${profileHeader(name)}; ${lookedIn(config)}`;
  throw new AssumeMfaError(
    "TARGET_UNKNOWN",
    `there is no target ${quoted(name)}: no profile of that name, and no role's ARN`,
    { hint, details },
  );
}

function profileHeader(name: string): string {
  return /[\s"'\\]/.test(name) ? `[profile "${name.replace(/["\\]/g, "\\$&")}"]` : `[profile ${name}]`;
}

function closestTargets(name: string, config: AwsConfig): readonly string[] {
  return nearNames(name, config.roleProfileNames().filter(isPlainName), CLOSEST_COUNT);
}

function didYouMean(name: string, config: AwsConfig): string {
  const near = closestTargets(name, config);
  if (near.length > 0) return `; closest: ${near.join(", ")}`;
  const names = config.roleProfileNames().filter(isPlainName);
  if (names.length === 0) return "; no profile there has a role_arn";
  const more = names.length > LISTED_COUNT ? ", … (assume-mfa targets)" : "";
  return `; targets: ${names.slice(0, LISTED_COUNT).join(", ")}${more}`;
}

/**
 * STS takes a virtual device's ARN or a hardware token's serial. A passkey, security key or user ARN can't present a
 * code, so it is refused before anybody is asked for one (AWS.md, 3).
 */
export function checkSerial(setting: Setting | undefined, mfaRequired: boolean): Sourced<string> | undefined {
  const serial = checked(setting, isMfaSerial, "9 to 256 letters, digits or any of _ + = / : , . @ -");
  if (setting === undefined || serial === undefined || !mfaRequired) return serial;
  const kind = mfaSerialKind(serial.value);
  if (kind !== "user" && kind !== "security key") return serial;
  const what =
    kind === "user" ? "is a user's ARN, not a device's" : "is a passkey or security key, which has no code to send";
  throw refused(setting, what, {
    code: "MFA_SERIAL_UNUSABLE",
    hint: "STS takes a virtual device's ARN, such as arn:aws:iam::111122223333:mfa/alice, or a hardware token's serial, such as GAHT12345678",
  });
}

/** `duration_seconds` is the AWS CLI's, a number of seconds; ours reads `1h` too. */
function resolveDuration(options: TargetOptions, profile: Profile | undefined, env: Environment) {
  const setting = firstOf(
    optionSetting("--duration", options.duration),
    environmentSetting(env, "ASSUME_MFA_DURATION"),
    profileSetting(profile, "duration_seconds"),
  );
  if (setting === undefined) return undefined;
  const { value, origin } = setting;
  const seconds = origin.kind === "file" && !/^\d+$/.test(value) ? undefined : parseDuration(value);
  if (seconds === undefined || seconds < ASSUME_ROLE_MIN_SECONDS || seconds > ASSUME_ROLE_MAX_SECONDS) {
    const demand = `must be ${ASSUME_ROLE_MIN_SECONDS} to ${ASSUME_ROLE_MAX_SECONDS} seconds`;
    throw refused(setting, origin.kind === "file" ? demand : `${demand}, such as 1h, 45m or 3600`);
  }
  return sourced(seconds, origin);
}

/** A region that our own `export` set for one target says nothing about another. */
export function ownRegion(setting: Setting | undefined, name: string, exported: ExportedSession | undefined) {
  if (exported === undefined || exported.targetName === name) return setting;
  return setting?.value === exported.region ? undefined : setting;
}

export function resolveSwitch(profile: Profile | undefined, env: Environment, key: string): Sourced<boolean> {
  const setting = firstOf(environmentSetting(env, `AWS_${key.toUpperCase()}`), profileSetting(profile, key));
  return checkedBoolean(setting) ?? byDefault(false);
}

export function byDefault<T>(value: T): Sourced<T> {
  return sourced(value, BY_DEFAULT);
}

const BY_DEFAULT: Origin = Object.freeze({ kind: "default", reason: "the default" });

/** One of ours, whose values were checked with all other settings of ours. */
function ownSetting<T extends string>(profile: Profile | undefined, key: string): Sourced<T> | undefined {
  const setting = profileSetting(profile, key);
  return setting && sourced(setting.value as T, setting.origin);
}

/** @throws AssumeMfaError USAGE when both options are given */
function resolveSessionMode({ shared, direct }: TargetOptions, settings: Profile | undefined): Sourced<SessionMode> {
  if (shared && direct) {
    throw new AssumeMfaError("USAGE", "--shared and --direct exclude each other", { hint: "keep one of the two" });
  }
  if (shared) return sourced("shared", Object.freeze({ kind: "option", option: "--shared" }));
  if (direct) return sourced("direct", Object.freeze({ kind: "option", option: "--direct" }));
  return ownSetting<SessionMode>(settings, "assume_mfa_session") ?? byDefault("auto");
}

const SHARED_DEFAULT_SECONDS = 8 * 3600;

/** @param profiles the first that says it decides */
export function resolveSharedDuration(...profiles: readonly (Profile | undefined)[]): Sourced<number> {
  const setting = firstOf(...profiles.map((profile) => profileSetting(profile, "assume_mfa_session_duration")));
  if (setting === undefined) return byDefault(SHARED_DEFAULT_SECONDS);
  return sourced(parseDuration(setting.value) ?? SHARED_DEFAULT_SECONDS, setting.origin);
}

/** A setting that guards a role: its values from the loosest to the strictest. */
interface Guard<T extends string> {
  readonly key: string;
  readonly values: readonly T[];
  readonly byDefault: Sourced<T>;
}

const CONFIRM: Guard<ConfirmMode> = {
  key: "assume_mfa_confirm",
  values: ["never", "prompt", "always", "person"],
  byDefault: byDefault("prompt"),
};
const SCOPE: Guard<SessionScope> = {
  key: "assume_mfa_scope",
  values: ["role", "action"],
  byDefault: byDefault("role"),
};

/**
 * A role named by its ARN is as well guarded as any profile that leads to it: else the ARN would be the way round.
 * @param profile the target's own; undefined for a bare role ARN
 * @param settings the profile in force: its own word counts too
 */
function resolveGuard<T extends string>(
  guard: Guard<T>,
  role: RoleArn,
  profile: Profile | undefined,
  settings: Profile | undefined,
  config: AwsConfig,
): Sourced<T> {
  let strictest = ownSetting<T>(settings, guard.key) ?? guard.byDefault;
  if (profile !== undefined) return strictest;
  // IAM compares role names without regard to case.
  const arn = role.arn.toLowerCase();
  for (const name of config.roleProfileNames()) {
    const other = config.profile(name);
    if (other?.get("role_arn")?.value.toLowerCase() !== arn) continue;
    // A mistyped setting of theirs could be the one that guards it.
    refuseUnknownSettings(other);
    const setting = ownSetting<T>(other, guard.key);
    if (setting === undefined) continue;
    if (guard.values.indexOf(setting.value) > guard.values.indexOf(strictest.value)) strictest = setting;
  }
  return strictest;
}
