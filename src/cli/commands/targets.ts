import type { Command } from "commander";
import { AssumeMfaError } from "../../errors.ts";
import { formatJson, toErrorJson } from "../../outputs/json.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import type { KeptSession } from "../../session/session-cache.ts";
import { canonicalText, sessionInputs } from "../../session/session-inputs.ts";
import type { AwsConfig } from "../../target/aws-config.ts";
import { resolveRole } from "../../target/resolve-target.ts";
import type { Target } from "../../target/target.ts";
import { shownName } from "../../text/shown-name.ts";
import { visibleText } from "../../text/visible-text.ts";
import { isKeptServed, keptLeftMs, resolvePlainTarget } from "../kept-sessions.ts";
import { sharedOfTarget } from "../kept-shared.ts";
import { addCommonOptions, type CommonOptions, resolveScreenOptions } from "../options.ts";
import { formatSpan } from "../phrases.ts";
import { enterSandbox, showSandbox } from "../sandbox-mark.ts";
import { makeScreen } from "../screen.ts";
import type { Services } from "../services.ts";

/** A profile with a role, as `-o json` shows it; what can't be told is null. */
interface TargetJson {
  readonly target: string;
  /** Twelve digits. */
  readonly account: string | null;
  /** Its ARN. */
  readonly role: string | null;
  readonly region: string | null;
  /** Null also where the device is looked for when it is needed, and where the role needs none. */
  readonly mfaSerial: string | null;
  /** Null for the environment's keys. */
  readonly sourceProfile: string | null;
  /** ISO 8601, of the live session that a run takes; null when there is none. */
  readonly expiration: string | null;
  readonly secondsLeft: number;
  /** A shared session opens it without a code. */
  readonly signedIn: boolean;
  /** Why it can't be used; null when it can. */
  readonly error: ReturnType<typeof toErrorJson> | null;
}

interface TargetEntry {
  readonly json: TargetJson;
  readonly roleName: string;
  readonly source: string;
  /** What is left, for people. */
  readonly left: string;
  readonly error: AssumeMfaError | undefined;
}

export function registerTargets(program: Command, services: Services): void {
  addCommonOptions(
    program.command("targets").description("the profiles with a role, and which have a live session; calls nothing"),
  ).action((options: CommonOptions) => runTargets(services, options));
}

async function runTargets(outside: Services, options: CommonOptions): Promise<void> {
  const services = await enterSandbox(outside);
  const { host } = services;
  const screen = makeScreen(host, resolveScreenOptions(options, host.env));
  const config = services.loadConfig();
  const now = host.now();
  const live = new Map(
    services.cache
      .list()
      .filter((kept) => isKeptServed(kept, now, services))
      .map((kept) => [canonicalText(kept.inputs), kept]),
  );
  const entries = config.roleProfileNames().map((name) => toEntry(name, config, live, services, now));
  showSandbox(services, screen);

  if (screen.output === "json") return screen.result(formatJson(entries.map(({ json }) => json)));
  if (screen.output === "text") return screen.result(formatTabSeparated(entries.map(toTextRow)));
  screen.table(
    [
      { title: "target" },
      { title: "account", shrink: false },
      { title: "role" },
      { title: "region", optional: true },
      { title: "source" },
      { title: "device", optional: true },
      {
        title: "session",
        shrink: false,
        paint: (text, cell) =>
          cell === BROKEN
            ? screen.style.red(text)
            : cell === "none"
              ? screen.style.dim(text)
              : screen.style.green(text),
      },
    ],
    entries.map(({ json, roleName, source, left }) => [
      json.target,
      json.account ?? "",
      roleName,
      json.region ?? "",
      source,
      json.mfaSerial ?? "",
      left,
    ]),
  );
  for (const { json, error } of entries) {
    if (error !== undefined) screen.line(visibleText(`assume-mfa: ${shownName(json.target)}: ${error.message}`));
  }
  if (entries.length === 0) {
    screen.note(
      `no profile has a role_arn: looked in ${config.configPath} and ${config.credentialsPath}; a role's ARN is a target too`,
    );
  }
}

const BROKEN = "broken";

function toEntry(
  name: string,
  config: AwsConfig,
  live: ReadonlyMap<string, KeptSession>,
  services: Services,
  now: number,
): TargetEntry {
  try {
    return toWholeEntry(resolvePlainTarget(name, config, services), live, services, now);
  } catch (error) {
    // A broken neighbour stops nobody else.
    if (!(error instanceof AssumeMfaError)) throw error;
    return toBrokenEntry(name, config, error);
  }
}

function toWholeEntry(
  target: Target,
  live: ReadonlyMap<string, KeptSession>,
  services: Services,
  now: number,
): TargetEntry {
  const shared = sharedOfTarget(target, services);
  const kept = target.cache.value === "none" ? undefined : live.get(canonicalText(sessionInputs(target)));
  const leftMs = kept === undefined ? 0 : keptLeftMs(kept, now);
  return {
    json: {
      target: target.name,
      account: target.role.value.accountId,
      role: target.role.value.arn,
      region: target.region?.value ?? null,
      mfaSerial: target.mfaSerial?.value ?? null,
      sourceProfile: target.source.profileName ?? null,
      expiration: kept === undefined ? null : new Date(kept.expiration).toISOString(),
      secondsLeft: Math.floor(leftMs / 1000),
      signedIn: shared !== undefined,
      error: null,
    },
    roleName: target.role.value.roleName,
    source: (target.source.kind === "keys" ? target.source.profileName : undefined) ?? target.source.label,
    left: kept !== undefined ? `${formatSpan(leftMs)} left` : shared !== undefined ? "signed in" : "none",
    error: undefined,
  };
}

function toBrokenEntry(name: string, config: AwsConfig, error: AssumeMfaError): TargetEntry {
  const role = roleOf(name, config);
  return {
    json: {
      target: name,
      account: role?.accountId ?? null,
      role: role?.arn ?? null,
      region: null,
      mfaSerial: null,
      sourceProfile: null,
      expiration: null,
      secondsLeft: 0,
      signedIn: false,
      error: toErrorJson(error),
    },
    roleName: role?.roleName ?? "",
    source: "",
    left: BROKEN,
    error,
  };
}

function roleOf(name: string, config: AwsConfig) {
  try {
    return resolveRole(name, config).value;
  } catch {
    return undefined;
  }
}

function toTextRow({ json, error }: TargetEntry): readonly (string | undefined)[] {
  return [
    json.target,
    json.account ?? undefined,
    json.role ?? undefined,
    json.region ?? undefined,
    json.mfaSerial ?? undefined,
    json.sourceProfile ?? undefined,
    json.expiration ?? undefined,
    `${json.secondsLeft}`,
    error?.message,
  ];
}
