import { defaultRegionOf } from "../aws/arn.ts";
import type { AssumeMfaError, ErrorCode } from "../errors.ts";
import type { ExplainedField } from "../outputs/explained-fields.ts";
import type { CacheOutlook, RoleSessionExplanation } from "../session/explain.ts";
import { formatSeconds } from "../session/route.ts";
import { formatOrigin } from "../target/format-origin.ts";
import { isNarrowed } from "../target/narrow-target.ts";
import type { KnownTarget } from "../target/resolve-target.ts";
import type { CacheKind, ServiceId, Source, Sourced, Target } from "../target/target.ts";
import { programName } from "../text/program-name.ts";
import { shownName } from "../text/shown-name.ts";
import { describeCodeSource, expirationOf } from "./explanation-json.ts";
import { formatCount, formatExpiry } from "./phrases.ts";
import type { ScopedPlan } from "./scoped-plan.ts";

/** A line of an explanation: for people by its label, for programs by its name, which is the key in the JSON. */
export interface ExplainedLine extends ExplainedField {
  readonly name: string;
}

const SERVICE_NAMES: readonly (readonly [id: ServiceId, name: string])[] = [
  ["sts", "STS"],
  ["ec2", "EC2"],
  ["dynamodb", "DynamoDB"],
  ["iam", "IAM"],
];

/** Settings in people's words, by their names in `SessionInputs`. */
const INPUT_WORDS: Readonly<Record<string, string>> = {
  source: "whose keys sign",
  mfaSerial: "device",
  mfaRequired: "whether MFA is required",
  externalId: "external id",
  durationSeconds: "duration",
  roleSessionName: "session name",
  stsEndpoint: "STS endpoint",
  sourceIdentity: "source identity",
  sessionTags: "session tags",
  sessionPolicy: "session policy",
  policyArns: "policy ARNs",
};

/**
 * The explanation of one target for people and for `-o text`: first what was set and where, then what comes of it.
 * @param failures what would stop the run, of the target and of its session
 * @param now milliseconds since 1970
 * @param plan of a scoped run
 * @param isOneOfSeveral targets, of which none stops the others
 */
export function explainedLines(
  explanation: RoleSessionExplanation,
  failures: readonly AssumeMfaError[],
  now: number,
  plan: ScopedPlan | undefined,
  isOneOfSeveral: boolean,
): readonly ExplainedLine[] {
  return [
    line("target", "target", shownName(explanation.target.name)),
    ...settingLines(explanation),
    ...(plan === undefined ? [] : [scopedLine(plan)]),
    ...outcomeLines(explanation, now),
    ...codeLines(explanation),
    ...hopLines(explanation.hop, now, "hop"),
    ...failures.map((failure) => failureLine(failure, isOneOfSeveral)),
  ];
}

/** The same of a target that a run could not begin with: what is known all the same, and why not. */
export function knownLines(
  known: KnownTarget,
  failure: AssumeMfaError,
  isOneOfSeveral: boolean,
): readonly ExplainedLine[] {
  const { name, role, source, sourceNamedBy, mfaSerial, region, durationSeconds } = known;
  const lines = [
    line("target", "target", shownName(name)),
    setting("role", "role", role, ({ arn }) => arn),
    setting("account", "account", role, ({ accountId }) => accountId),
    source && signerLine({ source, sourceNamedBy }),
    setting("mfaSerial", "MFA device", mfaSerial),
    setting("region", "region", region),
    setting("duration.seconds", "lasts", durationSeconds, formatSeconds),
    failureLine(failure, isOneOfSeveral),
  ];
  return lines.filter((each) => each !== undefined);
}

/** What ends a run over several targets before any of them is begun; whatever else fails is one target's own. */
const OF_ALL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "USAGE",
  "TOKEN_CODE_MALFORMED",
  "TOKEN_CODE_MISSING",
  "ENDPOINT_UNEXPECTED",
  "ACCOUNT_UNEXPECTED",
]);

/** PARTIAL_FAILURE */
const EXIT_PARTIAL = 5;

function failureLine({ code, message, exitCode, hint }: AssumeMfaError, isOneOfSeveral: boolean): ExplainedLine {
  const ends = isOneOfSeveral && !OF_ALL.has(code) ? EXIT_PARTIAL : exitCode;
  return line("wouldFail", "would fail", `${message} (exit ${ends})`, hint);
}

/** For people: the services that are called at one address stand in one line. */
export function mergeEndpoints(lines: readonly ExplainedLine[]): readonly ExplainedLine[] {
  const endpoints = lines.filter(({ name }) => name.startsWith("endpoints."));
  const [first] = endpoints;
  const isOne = endpoints.every(({ value, from }) => value === first?.value && from === first.from);
  if (first === undefined || !isOne) return lines;
  const merged = { ...first, label: "called at" };
  return lines.flatMap((each) => (each === first ? [merged] : endpoints.includes(each) ? [] : [each]));
}

/** Of a chain: whose session signs, and how that would be got. */
function hopLines(hop: RoleSessionExplanation | undefined, now: number, prefix: string): readonly ExplainedLine[] {
  if (hop === undefined) return [];
  const lines = [
    setting("role", "role", hop.target.role, ({ arn }) => arn),
    signerLine(hop.target),
    ...deviceLines(hop),
    ...outcomeLines(hop, now),
  ];
  const name = shownName(hop.target.name);
  return [
    ...lines.flatMap((each) =>
      each === undefined ? [] : [{ ...each, name: `${prefix}.${each.name}`, label: `${name}: ${each.label}` }],
    ),
    ...hopLines(hop.hop, now, `${prefix}.hop`),
  ];
}

function settingLines(explanation: RoleSessionExplanation): readonly ExplainedLine[] {
  const { target } = explanation;
  const { connection, endpoints, role, sessionPolicy } = target;
  const { proxy, caBundle } = connection;
  const lines = [
    setting("role", "role", role, ({ arn }) => arn),
    setting("account", "account", role, ({ accountId }) => accountId),
    signerLine(target),
    ...deviceLines(explanation),
    regionLine(target),
    ...SERVICE_NAMES.map(
      ([id, name]) =>
        setting(`endpoints.${id}`, `${name} at`, endpoints[id]) ??
        line(`endpoints.${id}`, `${name} at`, "AWS's own address", "the default"),
    ),
    setting("useFipsEndpoint", "FIPS endpoints", target.useFipsEndpoint, yesOrNo),
    setting("useDualstackEndpoint", "dual-stack", target.useDualstackEndpoint, yesOrNo),
    proxy && line("proxy", "proxy", proxy.address, proxy.setBy),
    caBundle && line("caBundle", "CA bundle", caBundle.path, formatOrigin(caBundle.origin)),
    setting("externalId", "external id", target.externalId),
    setting("sourceIdentity", "source identity", target.sourceIdentity),
    ...target.sessionTags.map((tag) =>
      setting(
        "sessionTags",
        "session tag",
        tag,
        ({ key, value, isTransitive }) => `${key}=${value}${isTransitive ? " (transitive)" : ""}`,
      ),
    ),
    // That of --scoped is told with the sessions that it is for.
    isNarrowed(target)
      ? undefined
      : setting("sessionPolicy", "session policy", sessionPolicy, ({ text }) => `${text.length} characters of JSON`),
    ...target.policyArns.map((arn) => setting("policyArns", "policy", arn)),
    setting("confirm", "confirmation", target.confirm),
    setting("cache", "kept in", target.cache, (kind) =>
      kind === "none" ? "nothing" : kind === "file" ? "a file" : "the keychain",
    ),
    setting("session", "sessions", target.sessionMode),
    setting("scope", "may do", target.scope, () =>
      isNarrowed(target) ? "what the action needs" : "all that the role may",
    ),
    setting("sharedDurationSeconds", "shared session", target.sharedDurationSeconds, formatSeconds),
    setting("shareAwsCli", "for the AWS CLI", target.shareAwsCli, (isShared) =>
      explanation.awsCliObstacle === undefined ? yesOrNo(isShared) : `not shared: ${explanation.awsCliObstacle}`,
    ),
  ];
  return lines.filter((each) => each !== undefined);
}

function scopedLine({ batches, sessionCount }: ScopedPlan): ExplainedLine {
  const resources = batches.flatMap(({ ids }) => ids).length;
  const longest = Math.max(...batches.map(({ policy }) => policy.text.length));
  const policies =
    batches.length === 1
      ? `one policy of ${longest} characters`
      : `${batches.length} policies, of ${longest} characters at most`;
  const what = resources > 0 ? `for ${formatCount(resources, "resource")}` : "for reading";
  return line(
    "scopedSessions",
    "allowed by",
    policies,
    sessionCount > batches.length ? "for finding what it is about, which takes sessions of its own then" : what,
  );
}

function regionLine({ region, role }: Target): ExplainedLine | undefined {
  if (region !== undefined) return setting("region", "region", region);
  const { partition } = role.value;
  return line(
    "region",
    "region",
    "none",
    `STS is called in ${defaultRegionOf(partition)}, the default of ${partition}`,
  );
}

function signerLine({ source, sourceNamedBy }: Pick<Target, "source" | "sourceNamedBy">): ExplainedLine {
  const at = formatOrigin(source.origin);
  const by = sourceNamedBy === undefined ? at : formatOrigin(sourceNamedBy);
  return line("signer", "signed by", describeSigner(source), at === by ? at : `${at}, chosen by ${by}`);
}

/** Never more of a key than its id, and of a program its name alone: a word after it could be a secret. */
function describeSigner(source: Source): string {
  switch (source.kind) {
    case "keys":
      return `${source.label}, key ${source.credentials.accessKeyId}${source.credentials.isLongTerm ? "" : " (a session)"}`;
    case "role":
      return source.label;
    case "provided": {
      const program = source.provider.kind === "process" ? programName(source.provider.command) : undefined;
      return program === undefined ? source.label : `${source.label} (${program})`;
    }
  }
}

function deviceLines({ target, device }: RoleSessionExplanation): readonly (ExplainedLine | undefined)[] {
  const { mfaRequired, mfaSerial, mfaProcess } = target;
  return [
    device === undefined
      ? setting("mfaSerial", "MFA device", mfaSerial, (serial) => `${serial} (not presented)`)
      : line("mfaSerial", "MFA device", device.value ?? "not known yet", device.from),
    setting("mfaRequired", "MFA required", mfaRequired, yesOrNo),
    setting("mfaProcess", "mfa_process", mfaProcess, (words) => programName(words) ?? "a program"),
  ];
}

function outcomeLines(
  { target, cache, shared, route, duration, durationCap, sessionName }: RoleSessionExplanation,
  now: number,
): readonly ExplainedLine[] {
  const isServed = cache.outcome === "hit" || cache.outcome === "aws cli";
  const way = route === undefined ? "none" : `${route.kind}: ${route.reason}`;
  const lines = [
    line("sessionName", "session name", sessionName.value ?? "not known yet", sessionName.from),
    line("duration.seconds", "lasts", formatSeconds(duration.seconds), duration.reason),
    capLine(durationCap),
    line("cachedSession", "cache", ...describeCache(cache, target.cache.value, now)),
    target.source.kind !== "keys" || !target.source.credentials.isLongTerm
      ? undefined
      : shared === undefined
        ? line("sharedSession", "signed in", "no", "no shared session is live: assume-mfa login opens one")
        : line(
            "sharedSession",
            "signed in",
            `until ${formatExpiry(shared.expiration, now + shared.clockOffsetMs)}`,
            `a shared session of ${shared.mfaSerial}, kept in ${shared.keptIn === "file" ? "a file" : `the ${shared.keptIn}`}`,
          ),
    line("route", "route", isServed ? `none is needed; then ${way}` : way),
  ];
  return lines.filter((each) => each !== undefined);
}

function capLine({ seconds, reason, refusedSeconds }: RoleSessionExplanation["durationCap"]): ExplainedLine {
  return refusedSeconds === undefined
    ? line("duration.maximumSeconds", "at most", formatSeconds(seconds), reason)
    : line(
        "duration.maximumSeconds",
        "less than",
        formatSeconds(refusedSeconds),
        "AWS refused that for this role before",
      );
}

function describeCache(
  cache: CacheOutlook,
  kind: CacheKind,
  now: number,
): readonly [value: string, from: string | undefined] {
  const expiration = expirationOf(cache);
  const offsetMs = ("kept" in cache && cache.kept?.clockOffsetMs) || 0;
  const until = expiration === undefined ? undefined : `until ${formatExpiry(expiration, now + offsetMs)}`;
  switch (cache.outcome) {
    case "hit":
      return [`hit, ${until}`, kind === "keychain" ? "if the keychain still holds it: it was not opened" : undefined];
    case "aws cli":
      return [`the AWS CLI's, ${until}`, cache.reason];
    case "off":
      return ["neither read nor written", cache.reason];
    case "miss": {
      const words = cache.differences.map((name) => INPUT_WORDS[name] ?? name);
      return ["miss", words.length === 0 ? cache.reason : `${cache.reason}: ${words.join(", ")}`];
    }
  }
}

function codeLines({ code }: RoleSessionExplanation): readonly ExplainedLine[] {
  if (!code.isNeeded) return [line("tokenCode", "token code", "none is needed", code.reason)];
  const { source } = code;
  const from = source.kind === "mfa_process" ? formatOrigin(source.mfaProcess.origin) : undefined;
  return [line("tokenCode", "token code", describeCodeSource(code), from)];
}

function line(name: string, label: string, value: string, from?: string): ExplainedLine {
  return { name, label, value, from };
}

function setting<T>(
  name: string,
  label: string,
  sourced: Sourced<T> | undefined,
  format: (value: T) => string = String,
): ExplainedLine | undefined {
  return sourced && line(name, label, format(sourced.value), formatOrigin(sourced.origin));
}

function yesOrNo(value: boolean): string {
  return value ? "yes" : "no";
}
