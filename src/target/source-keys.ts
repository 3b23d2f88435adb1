import { Credentials } from "../credentials/credentials.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Environment } from "../host/host.ts";
import type { LocatedValue, Profile } from "./aws-config.ts";
import { environmentSetting, quoted, refused } from "./setting.ts";
import type { Origin, SourceKeys } from "./target.ts";

/** Whether either half of a pair of keys stands in the profile. */
export function hasKeys(profile: Profile): boolean {
  return profile.get("aws_access_key_id") !== undefined || profile.get("aws_secret_access_key") !== undefined;
}

/**
 * The keys that stand in a profile itself.
 * @returns undefined when neither half is there; frozen
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING for half a pair, CONFIG_MALFORMED for a pair over two files (the AWS
 *   CLI takes a pair from one file only) or for what can't be a key
 */
export function profileKeys(profile: Profile): SourceKeys | undefined {
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
  Object.freeze(credentials);
  return Object.freeze({ kind: "keys", label, profileName: profile.name, credentials, origin });
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
 * @returns undefined when neither half is there; frozen
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING for half a pair, USAGE for what can't be a key
 */
export function environmentKeys(env: Environment): SourceKeys | undefined {
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
  Object.freeze(credentials);
  return Object.freeze({ kind: "keys", label, profileName: undefined, credentials, origin: id.origin });
}

const KEY_PROBLEM = "holds blanks, control characters or letters that no key has";

/** They go into headers of a request: visible ASCII only, and no longer than a header may be. */
export function isKey(value: string): boolean {
  return value.length <= 16_384 && /^[\x21-\x7e]+$/.test(value);
}
