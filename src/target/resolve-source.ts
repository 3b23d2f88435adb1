import { Credentials } from "../credentials/credentials.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Environment } from "../host/host.ts";
import type { AwsConfig, LocatedValue, Profile } from "./aws-config.ts";
import { closestNames } from "./closest-names.ts";
import { formatOrigin } from "./format-origin.ts";
import { environmentSetting, optionSetting, profileSetting, quoted, refused, type Setting } from "./setting.ts";
import type { Origin, Source, SourceKeys } from "./target.ts";

/** The environment's keys are a session that our own `export` put there. */
export interface ExportedSession {
  /** The target that it was exported for, as it was named then. */
  readonly targetName: string;
  /** What `export` set AWS_REGION and AWS_DEFAULT_REGION to. */
  readonly region: string | undefined;
}

export interface ResolvedSource {
  readonly source: Source;
  /** Undefined for the environment's keys. */
  readonly profile: Profile | undefined;
}

export interface SourceQuery {
  /** The target's profile; undefined for a bare role ARN. */
  readonly profile: Profile | undefined;
  /** `--source-profile` */
  readonly sourceProfile: string | undefined;
  readonly config: AwsConfig;
  readonly env: Environment;
  readonly exported: ExportedSession | undefined;
}

const MAX_DEPTH = 10;
const KEYS_HINT =
  "name a profile that has aws_access_key_id and aws_secret_access_key: source_profile, or --source-profile";

/** What makes credentials for a profile that has no keys, in the words of the error that refuses it. */
const UNBUILT_SOURCES: readonly (readonly [key: string, what: string])[] = [
  ["credential_process", "a credential_process"],
  ["sso_session", "IAM Identity Center (SSO)"],
  ["sso_start_url", "IAM Identity Center (SSO)"],
  ["sso_account_id", "IAM Identity Center (SSO)"],
  ["web_identity_token_file", "a web identity token"],
  ["login_session", "a console sign-in (aws login)"],
];

/**
 * Whose keys sign the AssumeRole. First that is there:
 * 1. `--source-profile`, `ASSUME_MFA_SOURCE_PROFILE`;
 * 2. the target profile's `source_profile` or `credential_source`;
 * 3. the target profile's own keys;
 * 4. the profile that `AWS_PROFILE` names;
 * 5. the environment's keys, unless our own `export` put them there;
 * 6. the profile `default`.
 * A rung that is there and does not do is an error, never a reason to try the next: that would be another identity.
 *
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING, SOURCE_PROFILE_LOOP, CONFIG_MALFORMED, USAGE
 */
export function resolveSource(query: SourceQuery): ResolvedSource {
  const { profile, config, env } = query;
  const asked =
    optionSetting("--source-profile", query.sourceProfile) ?? environmentSetting(env, "ASSUME_MFA_SOURCE_PROFILE");
  if (asked !== undefined) return sourceFromProfile(asked, query);

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
  if (credentialSource !== undefined) return sourceFromCredentialSource(credentialSource, query);

  if (profile !== undefined) {
    const own = profileKeys(profile);
    if (own !== undefined) return own;
    refuseUnbuiltSource(profile);
  }
  const ambient = environmentSetting(env, "AWS_PROFILE") ?? environmentSetting(env, "AWS_DEFAULT_PROFILE");
  // AWS_PROFILE that names the target itself says nothing about its source.
  if (ambient !== undefined && ambient.value !== profile?.name) return sourceFromProfile(ambient, query);
  const keys = query.exported === undefined ? environmentKeys(env) : undefined;
  if (keys !== undefined) return keys;
  const fallback = profile?.name === "default" ? undefined : config.profile("default");
  if (fallback !== undefined) {
    const origin: Origin = { kind: "default", reason: "the profile default" };
    return sourceFromProfile({ value: "default", name: "the profile default", origin }, query);
  }
  throw nothingToSignWith(query);
}

/** @param named the profile's name, and who named it */
function sourceFromProfile(named: Setting, query: SourceQuery): ResolvedSource {
  const profile = namedProfile(named, query.config);
  const keys = profileKeys(profile);
  if (keys !== undefined) return keys;
  if (hasRole(profile)) throw refusedChain(profile, named, query);
  refuseUnbuiltSource(profile);
  throw new AssumeMfaError(
    "SOURCE_CREDENTIALS_MISSING",
    `profile ${quoted(profile.name)} (${profile.path}:${profile.line})${namedBy(named)} has no keys to sign with`,
    {
      hint: `add aws_access_key_id and aws_secret_access_key to it in ${query.config.credentialsPath}, or ${KEYS_HINT}`,
    },
  );
}

function namedProfile(named: Setting, config: AwsConfig): Profile {
  const profile = config.profile(named.value);
  if (profile !== undefined) return profile;
  const names = closestNames(named.value, config.profileNames().filter(isPlainName), 3);
  // A value of a file is shown only where it looks like a name: in a broken file it can be a secret.
  const isShown = named.origin.kind !== "file" || isPlainName(named.value);
  throw refused(named, `names ${isShown ? quoted(named.value) : "something"}, and there is no such profile`, {
    code: "SOURCE_CREDENTIALS_MISSING",
    hint: `${names.length > 0 ? `did you mean ${names.join(", ")}? ` : ""}${lookedIn(config)}`,
  });
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

/** As botocore: a web identity profile's `role_arn` is assumed by its token, not by another profile's keys. */
function hasRole(profile: Profile): boolean {
  return profile.get("role_arn") !== undefined && profile.get("web_identity_token_file") === undefined;
}

/**
 * The error for a source profile that is a role itself: a loop, a dead end, or else a chain, which is not built yet.
 * @param first a profile with a role and without keys
 * @param named who named it
 */
function refusedChain(first: Profile, named: Setting, query: SourceQuery): AssumeMfaError {
  const visited = query.profile === undefined ? [] : [query.profile.name];
  let profile = first;
  for (;;) {
    if (visited.includes(profile.name)) {
      const loop = [...visited.slice(visited.indexOf(profile.name)), profile.name];
      return new AssumeMfaError("SOURCE_PROFILE_LOOP", `source_profile goes round in a circle: ${loop.join(" → ")}`, {
        hint: `${KEYS_HINT} (the loop comes back to ${profile.path}:${profile.line})`,
        details: { loop },
      });
    }
    visited.push(profile.name);
    const next = profileSetting(profile, "source_profile");
    if (visited.length > MAX_DEPTH) {
      const at = `${profile.path}:${profile.line}`;
      return new AssumeMfaError("CONFIG_MALFORMED", `${at}: source_profile is more than ${MAX_DEPTH} profiles deep`);
    }
    if (next === undefined) break;
    profile = namedProfile(next, query.config);
    if (profileKeys(profile) !== undefined || !hasRole(profile)) break;
  }
  const role = first.get("role_arn");
  return new AssumeMfaError(
    "SOURCE_CREDENTIALS_MISSING",
    `profile ${quoted(first.name)}${namedBy(named)} is a role itself (${role?.path}:${role?.line}), and chains of roles are not supported by this version yet`,
    { hint: KEYS_HINT },
  );
}

function sourceFromCredentialSource(setting: Setting, query: SourceQuery): ResolvedSource {
  if (setting.value === "Environment") {
    if (query.exported !== undefined) {
      throw refused(setting, "= Environment, but the environment's keys are a session exported by assume-mfa", {
        code: "SOURCE_CREDENTIALS_MISSING",
        hint: "use a fresh shell with your own keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
      });
    }
    const keys = environmentKeys(query.env);
    if (keys !== undefined) return keys;
    throw refused(setting, "= Environment, but there are no keys in the environment", {
      code: "SOURCE_CREDENTIALS_MISSING",
      hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    });
  }
  if (setting.value === "Ec2InstanceMetadata" || setting.value === "EcsContainer") {
    throw refused(setting, `= ${setting.value} is not supported by this version yet`, {
      code: "SOURCE_CREDENTIALS_MISSING",
      hint: KEYS_HINT,
    });
  }
  throw refused(setting, "must be Environment, Ec2InstanceMetadata or EcsContainer");
}

function refuseUnbuiltSource(profile: Profile): void {
  for (const [key, what] of UNBUILT_SOURCES) {
    const setting = profileSetting(profile, key);
    if (setting === undefined) continue;
    const problem = `gives profile ${quoted(profile.name)} its credentials by ${what}, which is not supported as a source by this version yet`;
    throw refused(setting, problem, { code: "SOURCE_CREDENTIALS_MISSING", hint: KEYS_HINT });
  }
}

/**
 * The keys that stand in a profile itself.
 * @returns undefined when neither half is there
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING for half a pair, CONFIG_MALFORMED for a pair over two files (the AWS
 *   CLI takes a pair from one file only) or for what can't be a key
 */
function profileKeys(profile: Profile): ResolvedSource | undefined {
  const id = profile.get("aws_access_key_id");
  const secret = profile.get("aws_secret_access_key");
  if (id === undefined && secret === undefined) return undefined;
  const label = `profile ${quoted(profile.name)}`;
  if (id === undefined || id.value === "") throw halfPair(label, "aws_access_key_id", secret ?? id);
  if (secret === undefined || secret.value === "") throw halfPair(label, "aws_secret_access_key", id);
  if (id.path !== secret.path) {
    const at = `aws_access_key_id in ${id.path}:${id.line}, aws_secret_access_key in ${secret.path}:${secret.line}`;
    throw new AssumeMfaError("CONFIG_MALFORMED", `${label} has its pair of keys in two files: ${at}`, {
      hint: "put both into the credentials file",
    });
  }
  const token = profile.get("aws_session_token") ?? profile.get("aws_security_token");
  // The pair of one file has nothing to do with a token that was left in the other.
  const ownToken = token?.path === id.path && token.value !== "" ? token : undefined;
  const origin: Origin = Object.freeze({ kind: "file", path: id.path, line: id.line, profile: profile.name });
  const credentials = new Credentials({
    accessKeyId: keyOf(profile, "aws_access_key_id", id),
    secretAccessKey: keyOf(profile, "aws_secret_access_key", secret),
    sessionToken: ownToken && keyOf(profile, ownTokenKey(profile), ownToken),
  });
  return freezeSource({ kind: "keys", label, profileName: profile.name, credentials, origin }, profile);
}

function ownTokenKey(profile: Profile): string {
  return profile.get("aws_session_token") === undefined ? "aws_security_token" : "aws_session_token";
}

function keyOf(profile: Profile, key: string, located: LocatedValue): string {
  if (isKey(located.value)) return located.value;
  const origin: Origin = { kind: "file", path: located.path, line: located.line, profile: profile.name };
  throw refused({ value: "", name: key, origin }, KEY_PROBLEM);
}

function halfPair(label: string, missing: string, other: LocatedValue | undefined): AssumeMfaError {
  const at = other === undefined ? "" : ` (the other half: ${other.path}:${other.line})`;
  return new AssumeMfaError("SOURCE_CREDENTIALS_MISSING", `${label} has no ${missing}${at}`, {
    hint: `add ${missing}, or remove the other half`,
  });
}

/**
 * @returns undefined when neither half is there
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING for half a pair, USAGE for what can't be a key
 */
function environmentKeys(env: Environment): ResolvedSource | undefined {
  const id = environmentSetting(env, "AWS_ACCESS_KEY_ID");
  const secret = environmentSetting(env, "AWS_SECRET_ACCESS_KEY");
  if (id === undefined && secret === undefined) return undefined;
  const label = "the environment";
  if (id === undefined) throw halfPair(label, "AWS_ACCESS_KEY_ID", undefined);
  if (secret === undefined) throw halfPair(label, "AWS_SECRET_ACCESS_KEY", undefined);
  const token = environmentSetting(env, "AWS_SESSION_TOKEN") ?? environmentSetting(env, "AWS_SECURITY_TOKEN");
  for (const setting of [id, secret, token]) {
    if (setting !== undefined && !isKey(setting.value)) throw refused(setting, KEY_PROBLEM);
  }
  const expiration = Date.parse(environmentSetting(env, "AWS_CREDENTIAL_EXPIRATION")?.value ?? "");
  const credentials = new Credentials({
    accessKeyId: id.value,
    secretAccessKey: secret.value,
    sessionToken: token?.value,
    // Long-term keys have none: a variable that an earlier session left behind says nothing about them.
    expiration: token === undefined || Number.isNaN(expiration) ? undefined : expiration,
  });
  return freezeSource({ kind: "keys", label, profileName: undefined, credentials, origin: id.origin }, undefined);
}

const KEY_PROBLEM = "holds blanks, control characters or letters that no key has";

/** They go into headers of a request: visible ASCII only, and no longer than a header may be. */
function isKey(value: string): boolean {
  return value.length <= 16_384 && /^[\x21-\x7e]+$/.test(value);
}

function freezeSource(source: SourceKeys, profile: Profile | undefined): ResolvedSource {
  Object.freeze(source.credentials);
  return Object.freeze({ source: Object.freeze(source), profile });
}

function nothingToSignWith({ profile, exported, config }: SourceQuery): AssumeMfaError {
  const who = profile === undefined ? "a role ARN" : `profile ${quoted(profile.name)}`;
  const skipped = exported === undefined ? "" : " (the environment's are a session exported by assume-mfa)";
  const hint =
    profile === undefined
      ? "set AWS_PROFILE, or give --source-profile"
      : `add source_profile to ${profile.path}:${profile.line}, or give --source-profile`;
  return new AssumeMfaError("SOURCE_CREDENTIALS_MISSING", `there are no keys to sign with for ${who}${skipped}`, {
    hint: `${hint}; ${lookedIn(config)}`,
  });
}
