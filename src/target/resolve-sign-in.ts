import { partitionOfRegion } from "../aws/arn.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Environment } from "../host/host.ts";
import type { AwsConfig, Profile } from "./aws-config.ts";
import { rolesOnTheWay } from "./chain.ts";
import { refuseUnknownSettings } from "./refuse-unknown-settings.ts";
import { REGION } from "./region.ts";
import { resolveConnection } from "./resolve-connection.ts";
import { resolveEndpoints } from "./resolve-endpoints.ts";
import { resolveMfaProcess } from "./resolve-mfa-process.ts";
import type { ExportedSession } from "./resolve-source.ts";
import {
  checkSerial,
  ownRegion,
  resolveAmbientSource,
  resolveSharedDuration,
  resolveSwitch,
  resolveTarget,
  type TargetOptions,
} from "./resolve-target.ts";
import { checked, environmentSetting, firstOf, optionSetting, profileSetting } from "./setting.ts";
import type { SignIn, Source, SourceKeys, Target } from "./target.ts";

/** What the command line says about a sign-in, as it was typed. */
export type SignInOptions = Pick<TargetOptions, "sourceProfile" | "serialNumber" | "region" | "endpointUrl">;

/**
 * With whose keys and which device to sign in for the day, for no target in particular. Whose keys: the option, the
 * environment's `ASSUME_MFA_SOURCE_PROFILE` and `AWS_PROFILE` (a target's there: its source), the one source that all
 * targets share, then as for a role ARN. Which device: the option, the environment, the source profile's, the one that
 * all of its targets share; undefined: it is to be found.
 *
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING when no IAM user's own keys sign; as `resolveTarget` does
 */
export function resolveSignIn(
  options: SignInOptions,
  config: AwsConfig,
  env: Environment,
  exported: ExportedSession | undefined,
): SignIn {
  const all = resolvableTargets(options, config, env, exported);
  const isNamed = ["ASSUME_MFA_SOURCE_PROFILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"].some((name) => env[name]);
  const sourceProfile = options.sourceProfile ?? (isNamed ? undefined : onlySourceProfile(all));
  const resolved = resolveAmbientSource({ ...options, sourceProfile }, config, env, exported);
  const source = userKeys(resolved.source);
  const profile = source.profileName === undefined ? undefined : config.profile(source.profileName);
  return signInOf(source, profile, all, options, config, env, exported);
}

function signInOf(
  source: SourceKeys,
  profile: Profile | undefined,
  targets: readonly Target[],
  options: SignInOptions,
  config: AwsConfig,
  env: Environment,
  exported: ExportedSession | undefined,
): SignIn {
  if (profile !== undefined) refuseUnknownSettings(profile);
  // Of a chain its first role counts, for which the code is.
  const own = targets
    .filter((target) => firstKeys(target.source)?.credentials.accessKeyId === source.credentials.accessKeyId)
    .map((target) => rolesOnTheWay(target)[0] ?? target);
  const serial = firstOf(
    optionSetting("--serial-number", options.serialNumber),
    environmentSetting(env, "ASSUME_MFA_SERIAL_NUMBER"),
    profileSetting(profile, "mfa_serial"),
  );
  const region = checked(
    firstOf(
      optionSetting("--region", options.region),
      ownRegion(environmentSetting(env, "AWS_REGION"), "", exported),
      ownRegion(environmentSetting(env, "AWS_DEFAULT_REGION"), "", exported),
      profileSetting(profile, "region"),
    ),
    (value) => REGION.test(value),
    "the name of a region, such as us-east-1",
  );
  const duration = profileSetting(profile, "assume_mfa_session_duration");
  return Object.freeze({
    forWhom: source.label,
    source,
    partition: sharedBy(own, ({ role }) => role.value.partition) ?? partitionOfRegion(region?.value),
    mfaSerial:
      checkSerial(serial, true) ??
      sharedBy(
        own,
        ({ mfaSerial }) => mfaSerial,
        ({ value }) => value,
      ),
    mfaProcess:
      resolveMfaProcess(profile, undefined) ??
      sharedBy(
        own,
        ({ mfaProcess }) => mfaProcess,
        ({ value }) => value,
      ),
    region,
    endpoints: resolveEndpoints(options.endpointUrl, profile, config, env),
    useFipsEndpoint: resolveSwitch(profile, env, "use_fips_endpoint"),
    useDualstackEndpoint: resolveSwitch(profile, env, "use_dualstack_endpoint"),
    connection: resolveConnection(profile, env),
    sharedDurationSeconds:
      (duration === undefined
        ? sharedBy(
            own,
            ({ sharedDurationSeconds }) => sharedDurationSeconds,
            ({ value }) => value,
          )
        : undefined) ?? resolveSharedDuration(profile),
  });
}

/** A broken target says nothing here, and stops nobody from signing in. */
function resolvableTargets(
  options: SignInOptions,
  config: AwsConfig,
  env: Environment,
  exported: ExportedSession | undefined,
): readonly Target[] {
  // Whose keys is the question here: what would answer it for a target is left out.
  const { ASSUME_MFA_SOURCE_PROFILE: _, ...rest } = env;
  return config.roleProfileNames().flatMap((name) => {
    try {
      return [resolveTarget(name, { endpointUrl: options.endpointUrl }, config, rest, exported)];
    } catch (error) {
      if (error instanceof AssumeMfaError) return [];
      throw error;
    }
  });
}

/** @returns what all of them have, if they agree; those that have none don't count */
function sharedBy<T>(
  targets: readonly Target[],
  pick: (target: Target) => T | undefined,
  toCompare?: (value: T) => unknown,
) {
  const values = targets.map(pick).filter((value) => value !== undefined);
  const texts = new Set(values.map((value) => JSON.stringify(toCompare === undefined ? value : toCompare(value))));
  return texts.size === 1 ? values[0] : undefined;
}

function onlySourceProfile(targets: readonly Target[]): string | undefined {
  const names = new Set(targets.map(({ source }) => firstKeys(source)?.profileName));
  names.delete(undefined);
  return names.size === 1 ? [...names][0] : undefined;
}

/** The keys at the beginning of a chain; undefined where no keys of anybody's own stand there. */
export function firstKeys(source: Source): SourceKeys | undefined {
  switch (source.kind) {
    case "keys":
      return source;
    case "role":
      return firstKeys(source.target.source);
    case "provided":
      return undefined;
  }
}

/** @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING */
function userKeys(source: Source): SourceKeys {
  const keys = firstKeys(source);
  if (keys?.credentials.isLongTerm) return keys;
  throw new AssumeMfaError(
    "SOURCE_CREDENTIALS_MISSING",
    `${(keys ?? source).label} can't sign in with a code: only an IAM user's own keys can`,
    { hint: "name the profile that has them: assume-mfa login --source-profile <name>" },
  );
}
