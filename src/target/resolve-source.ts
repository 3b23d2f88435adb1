import { AssumeMfaError } from "../errors.ts";
import type { AwsConfig, Profile } from "./aws-config.ts";
import { firstSource } from "./chain.ts";
import { nearNames } from "./closest-names.ts";
import { formatOrigin } from "./format-origin.ts";
import {
  type ProviderQuery,
  resolveContainer,
  resolveCredentialProcess,
  resolveInstanceMetadata,
  resolveLogin,
  resolveSso,
  resolveWebIdentity,
} from "./resolve-provider.ts";
import { environmentSetting, optionSetting, profileSetting, quoted, refused, type Setting } from "./setting.ts";
import { environmentKeys, hasKeys, profileKeys } from "./source-keys.ts";
import type { Origin, Source, Target } from "./target.ts";

/** The environment's keys are a session that our own `export` put there. */
export interface ExportedSession {
  /** The target that it was exported for, as it was named then. */
  readonly targetName: string;
  /** What `export` set AWS_REGION and AWS_DEFAULT_REGION to. */
  readonly region: string | undefined;
}

export interface ResolvedSource {
  readonly source: Source;
  /** Whose settings are the source's; undefined for the environment's keys and what a `credential_source` names. */
  readonly profile: Profile | undefined;
  /** Who chose it; undefined for the target profile's own credentials, and the environment's that nobody named. */
  readonly namedBy: Origin | undefined;
}

export interface SourceQuery extends ProviderQuery {
  /** The target's profile; undefined for a bare role ARN. */
  readonly profile: Profile | undefined;
  /** False: somebody signs in, for no target in particular. Default: true. */
  readonly hasTarget?: boolean;
  /** `--source-profile` */
  readonly sourceProfile: string | undefined;
  readonly exported: ExportedSession | undefined;
  /** The profiles of the chain so far, from the target's own on: none of them is a source again. */
  readonly visited: readonly string[];
  /** A profile whose role is to sign, as a target of its own. */
  resolveHop(profileName: string, visited: readonly string[]): Target;
}

const MAX_DEPTH = 10;
/** Of the profiles, where none is near. */
const LISTED_COUNT = 5;
const KEYS_HINT =
  "name a profile that has aws_access_key_id and aws_secret_access_key: source_profile, or --source-profile";

/** What gives a profile credentials, and is no source for a role of the same profile. */
const OWN_PROVIDERS: readonly (readonly [key: string, what: string])[] = [
  ["credential_process", "a credential_process"],
  ["sso_session", "IAM Identity Center (SSO)"],
  ["sso_start_url", "IAM Identity Center (SSO)"],
  ["sso_account_id", "IAM Identity Center (SSO)"],
  ["sso_role_name", "IAM Identity Center (SSO)"],
  ["login_session", "a console sign-in (aws login)"],
];

/**
 * Whose keys sign the AssumeRole. First that is there:
 * 1. `--source-profile`, `ASSUME_MFA_SOURCE_PROFILE`;
 * 2. the target profile's `web_identity_token_file`, which opens its role itself;
 * 3. the target profile's `source_profile` or `credential_source`;
 * 4. the target profile's own keys;
 * 5. the profile that `AWS_PROFILE` names;
 * 6. the environment's keys, unless our own `export` put them there;
 * 7. the profile `default`, unless that would run a `credential_process`: nobody chose it (ACCEPTANCE.md T15).
 * A rung that is there and does not do is an error, never a reason to try the next: that would be another identity.
 * Nobody is asked for credentials here, and no program is run.
 *
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING, SOURCE_PROFILE_LOOP, CONFIG_MALFORMED, USAGE; whatever is wrong with a
 *   hop
 */
export function resolveSource(query: SourceQuery): ResolvedSource {
  const { profile, env } = query;
  const asked =
    optionSetting("--source-profile", query.sourceProfile) ?? environmentSetting(env, "ASSUME_MFA_SOURCE_PROFILE");
  if (asked !== undefined) return sourceFromProfile(asked, query);
  return (profile && ownSource(profile, query)) ?? ambientSource(query);
}

/** What the target's profile says itself. */
function ownSource(profile: Profile, query: SourceQuery): ResolvedSource | undefined {
  const webIdentity = resolveWebIdentity(profile);
  if (webIdentity !== undefined) return freeze(webIdentity, profile);
  const sourceProfile = profileSetting(profile, "source_profile");
  const credentialSource = profileSetting(profile, "credential_source");
  if (sourceProfile !== undefined && credentialSource !== undefined) {
    throw refused(
      sourceProfile,
      `and credential_source (${formatOrigin(credentialSource.origin)}) exclude each other`,
      {
        hint: "keep one of the two",
      },
    );
  }
  if (sourceProfile !== undefined) return sourceFromProfile(sourceProfile, query);
  if (credentialSource !== undefined) return sourceFromCredentialSource(credentialSource, profile, query);
  const keys = profileKeys(profile);
  if (keys !== undefined) return freeze(keys, profile);
  refuseOwnProvider(profile);
  return undefined;
}

/** What is in force where the target's profile says nothing, or there is none. */
function ambientSource(query: SourceQuery): ResolvedSource {
  const { env, config, visited } = query;
  const ambient = environmentSetting(env, "AWS_PROFILE") ?? environmentSetting(env, "AWS_DEFAULT_PROFILE");
  // AWS_PROFILE that names the target itself, or one on the way from it, says nothing about the source.
  if (ambient !== undefined && !visited.includes(ambient.value)) return sourceFromProfile(ambient, query);
  const keys = query.exported === undefined ? environmentKeys(env) : undefined;
  if (keys !== undefined) return freeze(keys, undefined);
  const fallback = visited.includes("default") ? undefined : config.profile("default");
  if (fallback === undefined) throw nothingToSignWith(query);
  const origin: Origin = { kind: "default", reason: "the profile default" };
  const resolved = sourceFromProfile({ value: "default", name: "the profile default", origin }, query);
  refuseUnchosenProcess(resolved.source);
  return resolved;
}

/** @param named the profile's name, and who named it */
function sourceFromProfile(named: Setting, query: SourceQuery): ResolvedSource {
  const profile = namedProfile(named, query.config);
  refuseLoop(profile, query);
  if (isRole(profile)) return freeze(sourceFromRole(profile, named, query), profile, named);
  const source = credentialsOf(profile, query);
  if (source !== undefined) return freeze(source, profile, named);
  throw new AssumeMfaError(
    "SOURCE_CREDENTIALS_MISSING",
    `profile ${quoted(profile.name)} (${profile.path}:${profile.line})${namedBy(named)} has no keys to sign with`,
    {
      hint: `add aws_access_key_id and aws_secret_access_key to it in ${query.config.credentialsPath}, or ${KEYS_HINT}`,
    },
  );
}

/**
 * What gives a source profile its credentials, in the AWS CLI's order (botocore's `ProfileProviderBuilder`): the
 * credentials file before `aws login` and `credential_process`, those before keys in the config file.
 */
function credentialsOf(profile: Profile, query: SourceQuery): Source | undefined {
  const first = resolveWebIdentity(profile) ?? resolveSso(profile, query);
  if (first !== undefined) return first;
  const keys = profileKeys(profile);
  const isInCredentialsFile = keys?.origin.kind === "file" && keys.origin.path === query.config.credentialsPath;
  if (isInCredentialsFile) return keys;
  return resolveLogin(profile) ?? resolveCredentialProcess(profile, query) ?? keys ?? resolveSso(profile, query, true);
}

/** As botocore: keys in the profile win over its role, and a web identity's role is assumed by its token. */
function isRole(profile: Profile): boolean {
  return (
    profile.get("role_arn") !== undefined && profile.get("web_identity_token_file") === undefined && !hasKeys(profile)
  );
}

/** A chain: the role of that profile signs. */
function sourceFromRole(profile: Profile, { origin }: Setting, query: SourceQuery): Source {
  if (query.visited.length >= MAX_DEPTH) {
    const at = `${profile.path}:${profile.line}`;
    throw new AssumeMfaError("CONFIG_MALFORMED", `${at}: source_profile is more than ${MAX_DEPTH} profiles deep`);
  }
  const target = query.resolveHop(profile.name, query.visited);
  return Object.freeze({
    kind: "role",
    label: `the role of ${/^[\w.-]{1,64}$/.test(profile.name) ? profile.name : quoted(profile.name)}`,
    profileName: profile.name,
    origin,
    target,
  });
}

/** As botocore: a profile may be its own source where it has keys, and otherwise comes up once. */
function refuseLoop(profile: Profile, { visited }: SourceQuery): void {
  if (!visited.includes(profile.name)) return;
  if (profile.name === visited.at(-1) && hasKeys(profile)) return;
  const loop = [...visited.slice(visited.indexOf(profile.name)), profile.name];
  throw new AssumeMfaError("SOURCE_PROFILE_LOOP", `source_profile goes round in a circle: ${loop.join(" → ")}`, {
    hint: `${KEYS_HINT} (the loop comes back to ${profile.path}:${profile.line})`,
    details: { loop },
  });
}

function namedProfile(named: Setting, config: AwsConfig): Profile {
  const profile = config.profile(named.value);
  if (profile !== undefined) return profile;
  const names = config.profileNames().filter(isPlainName);
  // A value of a file is shown only where it looks like a name: in a broken file it can be a secret.
  const isShown = named.origin.kind !== "file" || isPlainName(named.value);
  throw refused(named, `names ${isShown ? quoted(named.value) : "something"}, and there is no such profile`, {
    code: "SOURCE_CREDENTIALS_MISSING",
    hint: `${whichProfiles(named.value, names)}${lookedIn(config)}`,
  });
}

function whichProfiles(word: string, names: readonly string[]): string {
  const near = nearNames(word, names, 3);
  if (near.length > 0) return `did you mean ${near.join(", ")}? `;
  if (names.length === 0) return "";
  return `the profiles are ${names.slice(0, LISTED_COUNT).join(", ")}${names.length > LISTED_COUNT ? ", …" : ""}; `;
}

/** Told where the file that names it is not the target's own: people forget an AWS_PROFILE. */
function namedBy({ origin, name }: Setting): string {
  return origin.kind === "option" || origin.kind === "environment" ? `, which ${name} names,` : "";
}

/** `looked in … and …`, and what to do where there was nowhere to look. */
export function lookedIn(config: AwsConfig): string {
  const places = `looked in ${config.configPath} and ${config.credentialsPath}`;
  return config.isHomeMissing ? `${places}, but no home folder is known: set HOME, or AWS_CONFIG_FILE` : places;
}

/** Fit to be shown though it came out of a file: a secret key has 40 characters, a line that lost its end has a `=`. */
export function isPlainName(name: string): boolean {
  return name.length <= 32 && !/[=\s]/.test(name);
}

function sourceFromCredentialSource(setting: Setting, profile: Profile, query: SourceQuery): ResolvedSource {
  switch (setting.value) {
    case "Environment":
      return sourceFromEnvironment(setting, query);
    case "Ec2InstanceMetadata":
      return freeze(resolveInstanceMetadata(setting, profile, query.env), undefined, setting);
    case "EcsContainer":
      return freeze(resolveContainer(setting, query.env), undefined, setting);
    default:
      throw refused(setting, "must be Environment, Ec2InstanceMetadata or EcsContainer");
  }
}

function sourceFromEnvironment(setting: Setting, { exported, env }: SourceQuery): ResolvedSource {
  if (exported !== undefined) {
    throw refused(setting, "= Environment, but the environment's keys are a session exported by assume-mfa", {
      code: "SOURCE_CREDENTIALS_MISSING",
      hint: "use a fresh shell with your own keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    });
  }
  const keys = environmentKeys(env);
  if (keys !== undefined) return freeze(keys, undefined, setting);
  throw refused(setting, "= Environment, but there are no keys in the environment", {
    code: "SOURCE_CREDENTIALS_MISSING",
    hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
  });
}

/**
 * The AWS CLI takes a role's credentials from `source_profile` or `credential_source` alone. That the profile has others of
 * its own must not be passed over in silence: they would be another identity.
 */
function refuseOwnProvider(profile: Profile): void {
  for (const [key, what] of OWN_PROVIDERS) {
    const setting = profileSetting(profile, key);
    if (setting === undefined) continue;
    throw refused(
      setting,
      `gives profile ${quoted(profile.name)} credentials by ${what}, and its role_arn needs a source`,
      {
        code: "SOURCE_CREDENTIALS_MISSING",
        hint: "put it into a profile of its own, and name that one with source_profile",
      },
    );
  }
}

/** @param source what the profile `default` led to, which nobody named */
function refuseUnchosenProcess(source: Source): void {
  const first = firstSource(source);
  if (first.kind !== "provided" || first.provider.kind !== "process") return;
  throw new AssumeMfaError(
    "SOURCE_CREDENTIALS_MISSING",
    `the profile default would run a credential_process (${formatOrigin(first.origin)}), and nobody chose it`,
    { hint: "to have it run, choose it: --source-profile default, or AWS_PROFILE, or source_profile in the profile" },
  );
}

function freeze(source: Source, profile: Profile | undefined, named?: Setting): ResolvedSource {
  return Object.freeze({ source, profile, namedBy: named?.origin });
}

function nothingToSignWith({ profile, hasTarget, exported, config }: SourceQuery): AssumeMfaError {
  const who = profile === undefined ? "a role ARN" : `profile ${quoted(profile.name)}`;
  const what = hasTarget === false ? "sign in with" : `sign with for ${who}`;
  const skipped = exported === undefined ? "" : " (the environment's are a session exported by assume-mfa)";
  const hint =
    profile === undefined
      ? "set AWS_PROFILE, or give --source-profile"
      : `add source_profile to ${profile.path}:${profile.line}, or give --source-profile`;
  return new AssumeMfaError("SOURCE_CREDENTIALS_MISSING", `there are no keys to ${what}${skipped}`, {
    hint: `${hint}; ${lookedIn(config)}`,
  });
}
