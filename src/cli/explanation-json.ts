import type { AssumeMfaError } from "../errors.ts";
import { type ErrorJson, toErrorJson } from "../outputs/json.ts";
import type { CodeOutlook, RoleSessionExplanation } from "../session/explain.ts";
import type { KnownTarget } from "../target/resolve-target.ts";
import type { Origin, ServiceId, Sourced, Target } from "../target/target.ts";
import { programName } from "../text/program-name.ts";
import type { ScopedPlan } from "./scoped-plan.ts";

/** A value and who decided it. */
interface SettingJson<T = unknown> {
  readonly value: T;
  readonly origin: Origin;
}

/** Who signs, as `-o json` shows it: never more of a key than its id. */
interface SignerJson {
  /** `keys`, `role` or how they are given: `process`, `sso`, `web identity`, `instance metadata`, `container`. */
  readonly kind: string;
  readonly label: string;
  readonly profile: string | null;
  readonly accessKeyId: string | null;
  /** Whether it is an IAM user's own pair, which alone can present a code; null where it is not known beforehand. */
  readonly longTerm: boolean | null;
  /** Where the credentials stand, or what gives them. */
  readonly origin: Origin;
  /** Who chose them; null for the profile's own, and the environment's that nobody named. */
  readonly namedBy: Origin | null;
}

/**
 * What `--explain -o json` shows of a target: these keys, whatever was decided; null for what there is none of, and of a
 * target that a run could not begin with for what is not known.
 */
export interface ExplanationJson {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly signer: SignerJson | null;
  readonly cachedSession: {
    /** `hit`, `miss`, `off` (neither read nor written), `aws cli` (a session of the AWS CLI's would be used). */
    readonly outcome: string;
    readonly reason: string | null;
    /** The settings in which the nearest session of this role differs. */
    readonly differences: readonly string[];
    /** ISO 8601, of the session that serves, or that would but ends too soon. */
    readonly expiration: string | null;
  } | null;
  /** What each scoped session is for, and the size of its policy; null where it is the role's whole session. */
  readonly scopedSessions: readonly { readonly resources: number; readonly policyCharacters: number }[] | null;
  /** Why the session is not shared with the AWS CLI, though `shareAwsCli` is true. */
  readonly awsCliObstacle: string | null;
  readonly sharedSession: {
    readonly mfaSerial: string;
    readonly keptIn: string;
    readonly expiration: string;
    readonly secondsLeft: number;
  } | null;
  /** `plain`, `direct` or `shared`; null when none is allowed. On a hit: what comes once that has ended. */
  readonly route: { readonly kind: string; readonly reason: string; readonly opensShared: boolean } | null;
  readonly duration: {
    readonly seconds: number;
    readonly reason: string;
    readonly maximumSeconds: number;
    readonly maximumReason: string;
  } | null;
  readonly device: { readonly serial: string | null; readonly reason: string } | null;
  readonly sessionName: { readonly name: string | null; readonly reason: string } | null;
  readonly tokenCode: {
    readonly needed: boolean;
    /** Why none is; null when one is. */
    readonly reason: string | null;
    /** `given`, `mfa_process`, `stored secret`, `totp secret`, `terminal`, `pinentry`, `nobody`; null when none is needed. */
    readonly source: string | null;
    /** What gives it, for people; null when none is needed. */
    readonly from: string | null;
  } | null;
  /** Of a chain: the same of the role whose session signs; its `wouldFail` is in the outer one. */
  readonly hop: ExplanationJson | null;
  /** What would stop the run before it calls for a session. */
  readonly wouldFail: readonly ErrorJson[];
}

const SERVICE_IDS: readonly ServiceId[] = ["sts", "ec2", "dynamodb", "iam"];

/**
 * @param now milliseconds since 1970
 * @param plan of a scoped run
 */
export function toExplanationJson(
  explanation: RoleSessionExplanation,
  failures: readonly AssumeMfaError[],
  now: number,
  plan: ScopedPlan | undefined,
): ExplanationJson {
  const { target, cache, shared, route, duration, durationCap, device, sessionName, code, hop } = explanation;
  return {
    settings: toSettingsJson(target),
    signer: toSignerJson(target),
    cachedSession: {
      outcome: cache.outcome,
      reason: cache.outcome === "hit" ? null : cache.reason,
      differences: cache.outcome === "miss" ? cache.differences : [],
      expiration: formatTime(expirationOf(cache)),
    },
    scopedSessions:
      plan?.batches.map(({ ids, policy }) => ({ resources: ids.length, policyCharacters: policy.text.length })) ?? null,
    awsCliObstacle: explanation.awsCliObstacle ?? null,
    sharedSession:
      shared === undefined
        ? null
        : {
            mfaSerial: shared.mfaSerial,
            keptIn: shared.keptIn,
            expiration: new Date(shared.expiration).toISOString(),
            secondsLeft: Math.max(0, Math.floor((shared.expiration - shared.clockOffsetMs - now) / 1000)),
          },
    route: route === undefined ? null : { kind: route.kind, reason: route.reason, opensShared: route.opensShared },
    duration: {
      seconds: duration.seconds,
      reason: duration.reason,
      maximumSeconds: durationCap.seconds,
      maximumReason: durationCap.reason,
    },
    device: device === undefined ? null : { serial: device.value ?? null, reason: device.from },
    sessionName: { name: sessionName.value ?? null, reason: sessionName.from },
    tokenCode: code.isNeeded
      ? { needed: true, reason: null, source: code.asked ?? code.source.kind, from: describeCodeSource(code) }
      : { needed: false, reason: code.reason, source: null, from: null },
    hop: hop === undefined ? null : toExplanationJson(hop, [], now, undefined),
    wouldFail: failures.map(toErrorJson),
  };
}

/** The same of a target that a run could not begin with. */
export function toKnownJson(known: KnownTarget, failures: readonly AssumeMfaError[]): ExplanationJson {
  const { source, sourceNamedBy } = known;
  return {
    settings: toSettingsJson(known),
    signer: source === undefined ? null : toSignerJson({ source, sourceNamedBy }),
    cachedSession: null,
    scopedSessions: null,
    awsCliObstacle: null,
    sharedSession: null,
    route: null,
    duration: null,
    device: null,
    sessionName: null,
    tokenCode: null,
    hop: null,
    wouldFail: failures.map(toErrorJson),
  };
}

/** Milliseconds since 1970, of the session that is there. */
export function expirationOf(cache: RoleSessionExplanation["cache"]): number | undefined {
  switch (cache.outcome) {
    case "hit":
      return cache.kept.expiration;
    case "aws cli":
      return cache.expiration;
    case "miss":
      return cache.differences.length === 0 ? cache.kept?.expiration : undefined;
    case "off":
      return undefined;
  }
}

function formatTime(milliseconds: number | undefined): string | null {
  return milliseconds === undefined ? null : new Date(milliseconds).toISOString();
}

/** What gives the code that is needed, for people. Of a program its name alone: a word after it could be a secret. */
export function describeCodeSource({ source, asked }: Extract<CodeOutlook, { isNeeded: true }>): string {
  switch (source.kind) {
    case "given":
      return `given: ${source.given.from}`;
    case "mfa_process":
      return `what mfa_process prints (${programName(source.mfaProcess.value) ?? "a program"})`;
    case "stored secret":
      return "made from the device's secret in the keychain (assume-mfa mfa store)";
    case "totp secret":
      return "made from ASSUME_MFA_TOTP_SECRET";
    case "person":
      if (asked === "terminal") return "asked for at the terminal";
      return asked === "pinentry" ? "asked for by pinentry" : "nobody can be asked";
  }
}

function toSettingsJson(target: KnownTarget): ExplanationJson["settings"] {
  const { role, connection, endpoints } = target;
  const policy = target.sessionPolicy;
  return {
    role: toJson(role, ({ arn }) => arn),
    mfaSerial: toJson(target.mfaSerial),
    mfaRequired: toJson(target.mfaRequired),
    mfaProcess: toJson(target.mfaProcess, (words) => programName(words) ?? null),
    region: toJson(target.region),
    endpoints: Object.fromEntries(SERVICE_IDS.map((service) => [service, toJson(endpoints?.[service])])),
    useFipsEndpoint: toJson(target.useFipsEndpoint),
    useDualstackEndpoint: toJson(target.useDualstackEndpoint),
    proxy:
      connection?.proxy === undefined
        ? null
        : { value: connection.proxy.address, origin: { kind: "environment", variable: connection.proxy.setBy } },
    caBundle: toJson(connection?.caBundle && { value: connection.caBundle.path, origin: connection.caBundle.origin }),
    externalId: toJson(target.externalId),
    roleSessionName: toJson(target.roleSessionName),
    durationSeconds: toJson(target.durationSeconds),
    sourceIdentity: toJson(target.sourceIdentity),
    sessionTags: (target.sessionTags ?? []).map((tag) =>
      toJson(tag, ({ key, value, isTransitive }) => ({ key, value, transitive: isTransitive })),
    ),
    sessionPolicy: toJson(policy, ({ text }) => text),
    policyArns: (target.policyArns ?? []).map((arn) => toJson(arn)),
    confirm: toJson(target.confirm),
    cache: toJson(target.cache),
    session: toJson(target.sessionMode),
    scope: toJson(target.scope),
    sharedDurationSeconds: toJson(target.sharedDurationSeconds),
    shareAwsCli: toJson(target.shareAwsCli),
  };
}

function toJson<T>(
  sourced: Sourced<T> | undefined,
  pick: (value: T) => unknown = (value) => value,
): SettingJson | null {
  return sourced === undefined ? null : { value: pick(sourced.value), origin: sourced.origin };
}

function toSignerJson({ source, sourceNamedBy }: Pick<Target, "source" | "sourceNamedBy">): SignerJson {
  const { label, origin, profileName } = source;
  const base = { label, profile: profileName ?? null, origin, namedBy: sourceNamedBy ?? null };
  switch (source.kind) {
    case "keys": {
      const { accessKeyId, isLongTerm } = source.credentials;
      return { kind: "keys", ...base, accessKeyId, longTerm: isLongTerm };
    }
    case "role":
      return { kind: "role", ...base, accessKeyId: null, longTerm: false };
    case "provided": {
      const { kind } = source.provider;
      return { kind, ...base, accessKeyId: null, longTerm: kind === "process" ? null : false };
    }
  }
}
