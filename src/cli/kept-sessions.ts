import { AssumeMfaError } from "../errors.ts";
import { lastsLonger } from "../session/role-session.ts";
import type { KeptSession } from "../session/session-cache.ts";
import { canonicalText, SESSION_SCHEMA, type SessionInputs, sessionInputs } from "../session/session-inputs.ts";
import type { AwsConfig } from "../target/aws-config.ts";
import { resolveTarget } from "../target/resolve-target.ts";
import type { Target } from "../target/target.ts";
import { resolveMinTtlMs } from "./options.ts";
import type { Services } from "./services.ts";

/** A cached session under the name that a user knows it by. */
export interface NamedSession {
  /** The profile's name; where none leads to its role, the role's ARN. */
  readonly target: string;
  /** Whether a run of that target takes it now: the settings are the same, and it does not end too soon. */
  readonly isCurrent: boolean;
  readonly kept: KeptSession;
}

/** What `status` and `logout` show of a session with `-o json`; null, false and 0 behind the first three where there is none. */
export interface SessionJson {
  /** `shared`: one that opens every role behind its device, and has no role of its own. */
  readonly kind: "role" | "shared";
  readonly target: string | null;
  /** Twelve digits; null for a hardware token's shared session. */
  readonly account: string | null;
  /** Its ARN. */
  readonly role: string | null;
  readonly assumedRole: string | null;
  /** Of a shared session. */
  readonly mfaSerial: string | null;
  readonly current: boolean;
  /** ISO 8601 */
  readonly expiration: string | null;
  readonly secondsLeft: number;
}

/** @returns the target as a run without options has it. @throws AssumeMfaError as `resolveTarget` does */
export function resolvePlainTarget(name: string, config: AwsConfig, { host, exported }: Services): Target {
  return resolveTarget(name, {}, config, host.env, exported.read(host.env));
}

/** Whether it is a session that this version serves, and has not ended. @param now milliseconds since 1970 */
export function isKeptLive(kept: KeptSession, now: number): boolean {
  return kept.inputs.schema === SESSION_SCHEMA && keptLeftMs(kept, now) > 0;
}

/** What is left of it by AWS's clock, milliseconds; negative when it has ended. @param now milliseconds since 1970 */
export function keptLeftMs(
  { expiration, clockOffsetMs }: Pick<KeptSession, "expiration" | "clockOffsetMs">,
  now: number,
): number {
  return expiration - now - clockOffsetMs;
}

/** Whether a run takes it, and does not renew it since it ends too soon. @param now milliseconds since 1970 */
export function isKeptServed(kept: KeptSession, now: number, { host }: Services): boolean {
  return isKeptLive(kept, now) && lastsLonger(kept, now, resolveMinTtlMs({}, host.env));
}

/** @returns undefined where the files can't be read: the sessions are there all the same, and only want for names */
export function readableConfig(services: Services): AwsConfig | undefined {
  try {
    return services.loadConfig();
  } catch (error) {
    if (error instanceof AssumeMfaError) return undefined;
    throw error;
  }
}

/**
 * Gives the sessions their targets' names, in the order of these; of several profiles with one role, that which takes it.
 * @param config undefined where the files can't be read: the sessions are there all the same
 */
export function nameSessions(
  all: readonly KeptSession[],
  config: AwsConfig | undefined,
  services: Services,
): readonly NamedSession[] {
  const namesOf = new Map<string, string[]>();
  for (const name of config?.roleProfileNames() ?? []) {
    const role = config?.profile(name)?.get("role_arn")?.value ?? "";
    const names = namesOf.get(role);
    if (names === undefined) namesOf.set(role, [name]);
    else names.push(name);
  }
  const isServed = (kept: KeptSession) => isKeptServed(kept, services.host.now(), services);
  const named = all.map((kept): NamedSession => {
    const names = [...(namesOf.get(kept.role.arn) ?? []), kept.role.arn];
    const taker = names.find((name) => config !== undefined && isTakenBy(kept, name, config, services));
    return { target: taker ?? names[0] ?? kept.role.arn, isCurrent: taker !== undefined && isServed(kept), kept };
  });
  return sortSessions(named);
}

/** The sessions of one target's role, whatever else they were made with, under the name it was given. */
export function sessionsOfTarget(
  target: string,
  roleArn: string,
  all: readonly KeptSession[],
  config: AwsConfig,
  services: Services,
): readonly NamedSession[] {
  const named = all
    .filter(({ role }) => role.arn === roleArn)
    .map((kept) => ({
      target,
      isCurrent: isTakenBy(kept, target, config, services) && isKeptServed(kept, services.host.now(), services),
      kept,
    }));
  return sortSessions(named);
}

function sortSessions(named: readonly NamedSession[]): readonly NamedSession[] {
  return [...named].sort((a, b) =>
    a.target === b.target ? a.kept.expiration - b.kept.expiration : a.target < b.target ? -1 : 1,
  );
}

function isTakenBy({ inputs }: KeptSession, name: string, config: AwsConfig, services: Services): boolean {
  const own = plainInputs(name, config, services);
  return own !== undefined && canonicalText(own) === canonicalText(inputs);
}

/** @returns undefined for a target that is broken or keeps no session */
function plainInputs(name: string, config: AwsConfig, services: Services): SessionInputs | undefined {
  try {
    const target = resolvePlainTarget(name, config, services);
    return target.cache.value === "none" ? undefined : sessionInputs(target);
  } catch (error) {
    if (error instanceof AssumeMfaError) return undefined;
    throw error;
  }
}

/** @param now milliseconds since 1970 */
export function toSessionJson({ target, isCurrent, kept }: NamedSession, now: number): SessionJson {
  return {
    kind: "role",
    target,
    account: kept.role.accountId,
    role: kept.role.arn,
    assumedRole: kept.assumedRoleArn,
    mfaSerial: null,
    current: isCurrent,
    expiration: new Date(kept.expiration).toISOString(),
    secondsLeft: Math.max(0, Math.floor(keptLeftMs(kept, now) / 1000)),
  };
}

/** The same for `-o text`; an undefined cell is one that there is nothing for. */
export function toSessionTextRow(json: SessionJson): readonly (string | undefined)[] {
  const { target, account, role, assumedRole, expiration, secondsLeft } = json;
  return [...[target, account, role, assumedRole, expiration].map((cell) => cell ?? undefined), `${secondsLeft}`];
}

/** The last part of the session's ARN. */
export function sessionNameOf({ assumedRoleArn }: KeptSession): string {
  return assumedRoleArn.slice(assumedRoleArn.lastIndexOf("/") + 1);
}
