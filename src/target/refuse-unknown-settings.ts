import type { Profile } from "./aws-config.ts";
import { editDistance } from "./closest-names.ts";
import { parseDuration } from "./duration.ts";
import { checked, profileSetting, refused } from "./setting.ts";

interface OwnKey {
  /** What may stand there, lower case; undefined: checked elsewhere. */
  readonly values: readonly string[] | undefined;
}

/** CLI.md, "Targets". */
const OWN_KEYS: ReadonlyMap<string, OwnKey> = new Map([
  ["assume_mfa_session", { values: ["auto", "direct", "shared"] }],
  ["assume_mfa_session_duration", { values: undefined }],
  ["assume_mfa_required", { values: ["true", "false"] }],
  ["assume_mfa_confirm", { values: ["prompt", "always", "person", "never"] }],
  ["assume_mfa_scope", { values: ["role", "action"] }],
  ["assume_mfa_cache", { values: ["file", "none", "keychain"] }],
  ["assume_mfa_share_aws_cli", { values: ["true", "false"] }],
]);
const BOOLEAN_KEYS: ReadonlySet<string> = new Set(["assume_mfa_required", "assume_mfa_share_aws_cli"]);

/** aws-vault's names: mistyped, what a session carries would be missing from every record of it. */
const SESSION_KEYS = ["source_identity", "session_tags", "transitive_session_tags"];

/** 15m to 36h: STS API reference, GetSessionToken, DurationSeconds. */
const SHARED_MIN_SECONDS = 900;
const SHARED_MAX_SECONDS = 129_600;

/**
 * A setting of ours that is mistyped must never be passed over in silence: somebody
 * relies on it. So every key that begins like ours, or is two edits from one of ours, is known or refused.
 * @throws AssumeMfaError CONFIG_MALFORMED, naming the file, the line and the closest key
 */
export function refuseUnknownSettings(profile: Profile): void {
  for (const key of profile.keys()) {
    const own = OWN_KEYS.get(key);
    if (own !== undefined) checkOwnKey(profile, key, own);
    else if (!SESSION_KEYS.includes(key)) refuseMistyped(profile, key);
  }
}

function checkOwnKey(profile: Profile, key: string, own: OwnKey): void {
  const setting = profileSetting(profile, key);
  if (setting === undefined) return;
  if (own.values === undefined) {
    checked(setting, isSharedDuration, "a duration from 15m to 36h, such as 8h");
    return;
  }
  const value = BOOLEAN_KEYS.has(key) ? setting.value.toLowerCase() : setting.value;
  const isKnown = own.values.includes(value);
  checked(setting, () => isKnown, `one of ${own.values.join(", ")}`);
}

interface Closest {
  readonly name: string;
  readonly distance: number;
}

/** A thousand profiles have the same ten keys: each is compared once. */
const closestOf = new Map<string, Closest>();

function closestSetting(key: string, isOurs: boolean): Closest {
  let closest = closestOf.get(key);
  if (closest !== undefined) return closest;
  closest = { name: "", distance: Number.POSITIVE_INFINITY };
  for (const name of [...OWN_KEYS.keys(), ...SESSION_KEYS]) {
    const distance = editDistance(key, name, isOurs ? undefined : 3);
    if (distance < closest.distance) closest = { name, distance };
  }
  closestOf.set(key, closest);
  return closest;
}

function refuseMistyped(profile: Profile, key: string): void {
  const isOurs = /^assume[-_]?mfa/.test(key);
  const closest = closestSetting(key, isOurs);
  if (closest.distance > 2 && !isOurs) return;
  const setting = profileSetting(profile, key);
  if (setting === undefined) return;
  // The name is shown only where it is one: a line that lost its newline can carry a secret.
  const name = /^[\w-]{1,39}$/.test(key) ? key : "this key";
  throw refused({ ...setting, name }, "is no setting of assume-mfa", { hint: `did you mean ${closest.name}?` });
}

function isSharedDuration(value: string): boolean {
  const seconds = parseDuration(value);
  return seconds !== undefined && seconds >= SHARED_MIN_SECONDS && seconds <= SHARED_MAX_SECONDS;
}
