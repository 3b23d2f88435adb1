import type { Command } from "commander";
import { AssumeMfaError } from "../../errors.ts";
import { formatJson } from "../../outputs/json.ts";
import type { Style } from "../../outputs/style.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import type { KeptSharedSession } from "../../session/shared-sessions.ts";
import type { AwsConfig } from "../../target/aws-config.ts";
import { expandAll } from "../../target/expand-targets.ts";
import { resolveRole } from "../../target/resolve-target.ts";
import { shownName } from "../../text/shown-name.ts";
import type { SetExitCode } from "../catalogue.ts";
import {
  isKeptLive,
  isKeptServed,
  keptLeftMs,
  type NamedSession,
  nameSessions,
  readableConfig,
  resolvePlainTarget,
  type SessionJson,
  sessionNameOf,
  sessionsOfTarget,
  toSessionJson,
  toSessionTextRow,
} from "../kept-sessions.ts";
import { deviceName, isSharedServed, liveSharedSessions, sharedOfTarget, toSharedJson } from "../kept-shared.ts";
import { addCommonOptions, type CommonOptions, resolveScreenOptions } from "../options.ts";
import { formatMoment, formatSpan } from "../phrases.ts";
import { enterSandbox, showSandbox } from "../sandbox-mark.ts";
import { makeScreen } from "../screen.ts";
import type { Services } from "../services.ts";

interface StatusOptions extends CommonOptions {
  readonly check?: boolean;
}

interface StatusEntry {
  readonly json: SessionJson;
  /** Undefined for a named target without a live session. */
  readonly session: NamedSession | KeptSharedSession | undefined;
}

export function registerStatus(
  program: Command,
  services: Services,
  setExitCode: SetExitCode,
  targetName?: string,
): void {
  addCommonOptions(
    program
      .command("status")
      .description("which sessions are cached, and for how long; asks and calls nothing")
      .argument("[targets...]", "only these")
      .option("--check", "exit 1 when none of them is live"),
  ).action(async (words: readonly string[], options: StatusOptions) => {
    await runStatus(services, targetName === undefined ? words : [targetName, ...words], options, setExitCode);
  });
}

async function runStatus(
  outside: Services,
  words: readonly string[],
  options: StatusOptions,
  setExitCode: SetExitCode,
): Promise<void> {
  const services = await enterSandbox(outside);
  const { host } = services;
  const screen = makeScreen(host, resolveScreenOptions(options, host.env));
  const now = host.now();
  const names = words.length === 0 ? [] : expandAll(words, services.loadConfig());
  const live = () => services.cache.list().filter((kept) => isKeptLive(kept, now));
  const entries = names.length === 0 ? allEntries(live(), services, now) : entriesOf(names, live, services, now);
  showSandbox(services, screen);

  if (screen.output === "json") screen.result(formatJson(entries.map(({ json }) => json)));
  else if (screen.output === "text")
    screen.result(formatTabSeparated(entries.map(({ json }) => toSessionTextRow(json))));
  else {
    const isTerminal = host.stdout.isTerminal;
    screen.table(
      [
        { title: "target" },
        { title: "account", shrink: false },
        { title: "role" },
        { title: "session", optional: true },
        { title: "until", shrink: false },
        { title: "left", shrink: false, paint: (text, cell) => paintLeft(screen.style, text, cell) },
      ],
      entries.map((entry) => toTableRow(entry, now, isTerminal, services)),
    );
  }
  if (entries.some(({ session }) => session !== undefined && isServed(session, now, services))) return;
  screen.note(noneLive(names));
  if (options.check === true) setExitCode(1);
}

function allEntries(live: ReturnType<Services["cache"]["list"]>, services: Services, now: number): StatusEntry[] {
  const named = nameSessions(live, readableConfig(services), services).map((session) => ({
    json: toSessionJson(session, now),
    session,
  }));
  return [...toSharedEntries(liveSharedSessions(services, now), now), ...named];
}

/** They stand first: they open all the others. */
function toSharedEntries(heads: readonly KeptSharedSession[], now: number): StatusEntry[] {
  return heads.map((head) => ({ json: toSharedJson(head, now), session: head }));
}

/** Whether a run asks for no code since it is there. */
function isServed(session: NamedSession | KeptSharedSession, now: number, services: Services): boolean {
  return "kept" in session ? isKeptServed(session.kept, now, services) : isSharedServed(session, now, services);
}

/** Those that serve one of the targets; a broken target is served by none. */
function sharedOf(names: readonly string[], config: AwsConfig, services: Services): readonly KeptSharedSession[] {
  const heads = names.flatMap((name) => {
    try {
      const head = sharedOfTarget(resolvePlainTarget(name, config, services), services);
      return head === undefined ? [] : [head];
    } catch (error) {
      if (error instanceof AssumeMfaError) return [];
      throw error;
    }
  });
  return [...new Map(heads.map((head) => [head.accessKeyId, head])).values()];
}

/** @throws AssumeMfaError TARGET_UNKNOWN, CONFIG_MALFORMED, CONFIG_UNREADABLE */
function entriesOf(
  names: readonly string[],
  live: () => ReturnType<Services["cache"]["list"]>,
  services: Services,
  now: number,
): StatusEntry[] {
  const config = services.loadConfig();
  const targets = names.map((name) => ({ name, role: resolveRole(name, config).value }));
  const all = live();
  const ofTargets = targets.flatMap(({ name, role }): StatusEntry[] => {
    const sessions = sessionsOfTarget(name, role.arn, all, config, services);
    if (sessions.length > 0) return sessions.map((session) => ({ json: toSessionJson(session, now), session }));
    const json = {
      kind: "role" as const,
      target: name,
      account: role.accountId,
      role: role.arn,
      assumedRole: null,
      mfaSerial: null,
      current: false,
      expiration: null,
      secondsLeft: 0,
    };
    return [{ json, session: undefined }];
  });
  return [...toSharedEntries(sharedOf(names, config, services), now), ...ofTargets];
}

function toTableRow(
  { json, session }: StatusEntry,
  now: number,
  hasBar: boolean,
  services: Services,
): readonly string[] {
  const roleName = json.role?.slice(json.role.lastIndexOf("/") + 1) ?? "";
  const target = json.target ?? "";
  const account = json.account ?? "";
  if (session === undefined) return [target, account, roleName, "", "", "none"];
  if (!("kept" in session)) {
    const left = keptLeftMs(session, now);
    const share = hasBar ? `${formatBar(left / keptLeftMs(session, session.obtainedAt))} ` : "";
    const until = formatMoment(session.expiration, now + session.clockOffsetMs);
    const isEnding = !isServed(session, now, services);
    return [
      "(all)",
      account,
      "any, signed in",
      deviceName(session),
      until,
      `${share}${formatSpan(left)}${isEnding ? ", ends too soon" : ""}`,
    ];
  }
  const { kept, isCurrent } = session;
  const leftMs = keptLeftMs(kept, now);
  const bar = hasBar ? `${formatBar(leftMs / keptLeftMs(kept, kept.obtainedAt))} ` : "";
  return [
    target,
    account,
    roleName,
    sessionNameOf(kept),
    formatMoment(kept.expiration, now + kept.clockOffsetMs),
    // The next run of the target asks for a code all the same: who sees time left must not count on it.
    `${bar}${formatSpan(leftMs)}${isCurrent ? "" : isKeptServed(kept, now, services) ? ", other settings" : ", ends too soon"}`,
  ];
}

const BAR_COLUMNS = 10;

/** @param share of the session's life that is left; beyond 0 to 1 where a clock was set */
function formatBar(share: number): string {
  const full = Math.min(BAR_COLUMNS, Math.max(1, Math.ceil(share * BAR_COLUMNS) || 1));
  return "█".repeat(full) + "░".repeat(BAR_COLUMNS - full);
}

/** The last fifth is the time to sign in again. */
function paintLeft(style: Style, text: string, cell: string): string {
  if (cell === "none") return style.dim(text);
  return /^█{1,2}░/.test(cell) ? style.yellow(text) : style.green(text);
}

function noneLive([name, ...others]: readonly string[]): string {
  if (name === undefined) return "no live session is cached";
  return others.length === 0 ? `${shownName(name)} has no live session` : "none of them has a live session";
}
