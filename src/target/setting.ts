import { AssumeMfaError, type ErrorCode } from "../errors.ts";
import type { Environment } from "../host/host.ts";
import type { LocatedValue, Profile } from "./aws-config.ts";
import { formatOrigin } from "./format-origin.ts";
import type { Origin, Sourced } from "./target.ts";

/** A value as somebody wrote it, not looked at yet. */
export interface Setting extends Sourced<string> {
  /** What it is called where it was written: `--region`, `AWS_REGION`, `region`. */
  readonly name: string;
}

/** @param value undefined: the option was not given. An empty one was given, and will be refused by its check */
export function optionSetting(option: string, value: string | undefined): Setting | undefined {
  if (value === undefined) return undefined;
  return { value, name: option, origin: Object.freeze({ kind: "option", option }) };
}

/** An empty variable counts as none, as for the AWS CLI: CI systems set those for what they don't have. */
export function environmentSetting(env: Environment, variable: string): Setting | undefined {
  const value = env[variable];
  if (value === undefined || value === "") return undefined;
  return { value, name: variable, origin: Object.freeze({ kind: "environment", variable }) };
}

export function profileSetting(profile: Profile | undefined, key: string): Setting | undefined {
  return profile && locatedSetting(profile, key, profile.get(key));
}

/** @param profile the one that the value counts for, whichever section it stands in */
export function locatedSetting(profile: Profile, key: string, located: LocatedValue | undefined): Setting | undefined {
  if (located === undefined) return undefined;
  const { value, path, line } = located;
  return { value, name: key, origin: Object.freeze({ kind: "file", path, line, profile: profile.name }) };
}

/** The first rung of a precedence ladder that is there. */
export function firstOf(...rungs: readonly (Setting | undefined)[]): Setting | undefined {
  return rungs.find((rung) => rung !== undefined);
}

/**
 * @param demand what the value must be, completing "must be …"
 * @returns undefined when there is no setting
 * @throws AssumeMfaError CONFIG_MALFORMED for a file's value, USAGE for an option's or a variable's
 */
export function checked(
  setting: Setting | undefined,
  isGood: (value: string) => boolean,
  demand: string,
): Sourced<string> | undefined {
  if (setting === undefined) return undefined;
  if (!isGood(setting.value)) throw refused(setting, setting.value === "" ? "is empty" : `must be ${demand}`);
  return sourced(setting.value, setting.origin);
}

/** A boolean as the AWS CLI writes it. Anything else is refused: "yes" read as false would be a trap. */
export function checkedBoolean(setting: Setting | undefined): Sourced<boolean> | undefined {
  const good = checked(setting, (value) => /^(?:true|false)$/i.test(value), "true or false");
  return good && sourced(good.value.toLowerCase() === "true", good.origin);
}

export function sourced<T>(value: T, origin: Origin): Sourced<T> {
  return Object.freeze({ value, origin });
}

/**
 * The error about a setting. The value itself is not in it: in a broken file it can be a secret key that slipped.
 * @param problem completes "<name> …"
 */
export function refused(
  setting: Setting,
  problem: string,
  options: { readonly code?: ErrorCode; readonly hint?: string } = {},
): AssumeMfaError {
  const { origin } = setting;
  const isFile = origin.kind === "file";
  return new AssumeMfaError(
    options.code ?? (isFile ? "CONFIG_MALFORMED" : "USAGE"),
    isFile ? `${formatOrigin(origin)}: ${setting.name} ${problem}` : `${setting.name} ${problem}`,
    {
      hint: options.hint ?? whereToMend(origin),
      details: isFile ? { path: origin.path, line: origin.line } : undefined,
    },
  );
}

function whereToMend(origin: Origin): string {
  switch (origin.kind) {
    case "option":
      return "assume-mfa <target> <action> --help says what it takes";
    case "environment":
      return `set ${origin.variable} right, or unset it`;
    default:
      return "mend that line, or take it out";
  }
}

/** A name for a message, in quotes; a long one (the file is broken, or somebody is hostile) is cut. */
export function quoted(name: string): string {
  return `"${name.length > 100 ? `${name.slice(0, 100)}…` : name}"`;
}
