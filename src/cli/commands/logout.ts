import type { Command } from "commander";
import type { RoleArn } from "../../aws/arn.ts";
import { AssumeMfaError } from "../../errors.ts";
import { type Choice, openPickTerminal } from "../../host/terminal.ts";
import { formatJson } from "../../outputs/json.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import { alignedLines } from "../../outputs/table.ts";
import type { Cleared } from "../../session/clear-folder.ts";
import { canonicalText } from "../../session/session-inputs.ts";
import type { KeptSharedSession } from "../../session/shared-sessions.ts";
import { expandAll } from "../../target/expand-targets.ts";
import { resolveRole } from "../../target/resolve-target.ts";
import { shownName } from "../../text/shown-name.ts";
import { visibleText } from "../../text/visible-text.ts";
import { forgetAwsCliSessions } from "../aws-cli-sessions.ts";
import type { SetExitCode } from "../catalogue.ts";
import {
  keptLeftMs,
  type NamedSession,
  nameSessions,
  readableConfig,
  resolvePlainTarget,
  sessionNameOf,
  sessionsOfTarget,
  toSessionJson,
  toSessionTextRow,
} from "../kept-sessions.ts";
import { deviceName, sharedOfTarget, toSharedJson } from "../kept-shared.ts";
import { addCommonOptions, type CommonOptions, mayAsk, resolveScreenOptions } from "../options.ts";
import { formatCount, formatSpan } from "../phrases.ts";
import { enterSandbox, showSandbox } from "../sandbox-mark.ts";
import { makeScreen, type Screen } from "../screen.ts";
import type { Services } from "../services.ts";

interface LogoutOptions extends CommonOptions {
  readonly all?: boolean;
}

/** What was forgotten. */
interface Forgotten {
  readonly shared: readonly KeptSharedSession[];
  readonly sessions: readonly NamedSession[];
  readonly callers: number;
  readonly exported: number;
  /** What was learnt of roles and devices. */
  readonly learnt: number;
  /** Sessions that lay where the AWS CLI looks. */
  readonly awsCli: number;
  /** Files in the cache that were no session: damaged, or left behind by a killed process. */
  readonly others: number;
  /** Paths of what can't be removed. */
  readonly left: readonly string[];
}

const EVERYTHING = "everything";
type Picked = readonly NamedSession[] | KeptSharedSession | typeof EVERYTHING;

export function registerLogout(
  program: Command,
  services: Services,
  _setExitCode: SetExitCode,
  targetName?: string,
): void {
  addCommonOptions(
    program
      .command("logout")
      .description("forget cached sessions: every one of the targets' roles, whatever it was made with")
      .argument("[targets...]", "whose; none on a terminal: asks which")
      .option("--all", "everything that is kept: sessions, whose keys are whose, what was exported"),
  ).action(async (words: readonly string[], options: LogoutOptions) => {
    await runLogout(services, targetName === undefined ? words : [targetName, ...words], options);
  });
}

async function runLogout(outside: Services, words: readonly string[], options: LogoutOptions): Promise<void> {
  if (options.all === true && words.length > 0) {
    throw new AssumeMfaError("USAGE", "--all and a target exclude each other", {
      hint: "assume-mfa logout --all, or name the targets alone",
    });
  }
  const services = await enterSandbox(outside);
  const { host } = services;
  const screen = makeScreen(host, resolveScreenOptions(options, host.env));
  showSandbox(services, screen);
  const names = words.length === 0 ? [] : expandAll(words, services.loadConfig());
  const forgotten = await forget(services, names, options);
  print(screen, forgotten, host.now());
  const stillOpen = openTargets(services, names);
  if (stillOpen.length > 0) {
    const what =
      names.length === 1 ? "it" : stillOpen.length === names.length ? "them" : stillOpen.map(shownName).join(", ");
    screen.note(`a shared session still opens ${what} without a code: assume-mfa logout --all ends that too`);
  }
  if (forgotten.left.length > 0) {
    throw new AssumeMfaError("NOT_FORGOTTEN", `can't be removed, and still there: ${forgotten.left.join(", ")}`, {
      hint: "remove it yourself; the folder may be read-only, or hold something that this program did not make",
      details: { left: forgotten.left },
    });
  }
}

async function forget(services: Services, names: readonly string[], options: LogoutOptions): Promise<Forgotten> {
  if (options.all === true) return forgetEverything(services);
  if (names.length > 0) {
    const config = services.loadConfig();
    const targets = names.map((name) => ({ name, role: resolveRole(name, config).value }));
    const all = services.cache.list();
    // Two names of one role: it is forgotten once.
    const roles = new Map(targets.map(({ name, role }) => [role.arn, name]));
    return forgetSessions(
      services,
      [...roles].flatMap(([arn, name]) => sessionsOfTarget(name, arn, all, config, services)),
      targets.map(({ role }) => role),
    );
  }
  const picked = await pickSessions(services, options);
  if (picked === EVERYTHING) return forgetEverything(services);
  if ("mfaSerial" in picked) return forgetShared(services, picked);
  return forgetSessions(
    services,
    picked,
    picked.map(({ kept }) => kept.role),
  );
}

async function forgetShared({ shared }: Services, head: KeptSharedSession): Promise<Forgotten> {
  const isGone = await shared.remove(head);
  const left = isGone ? [] : [`the shared session of ${head.mfaSerial}`];
  return { ...NOTHING_FORGOTTEN, shared: isGone ? [head] : [], left };
}

const NOTHING_FORGOTTEN: Forgotten = {
  shared: [],
  sessions: [],
  callers: 0,
  exported: 0,
  learnt: 0,
  awsCli: 0,
  others: 0,
  left: [],
};

/** @param roles whose sessions in the AWS CLI's cache go too */
async function forgetSessions(
  services: Services,
  sessions: readonly NamedSession[],
  roles: readonly RoleArn[],
): Promise<Forgotten> {
  const { cache, host } = services;
  const left: NamedSession[] = [];
  for (const session of sessions) if (!(await cache.remove(session.kept.inputs))) left.push(session);
  const awsCli = forgetAwsCliSessions(roles, readableConfig(services), services);
  return {
    ...NOTHING_FORGOTTEN,
    sessions: sessions.filter((session) => !left.includes(session)),
    awsCli: awsCli.removed,
    left: [
      ...left.map(({ target, kept }) => `the session of ${target}, ${formatSpan(keptLeftMs(kept, host.now()))} left`),
      ...awsCli.left,
    ],
  };
}

/**
 * Not the locks: other processes may be waiting for them, and there is nothing secret in them. Nor the ledger of spent
 * codes, without which one could be sent again, nor a device's secret, which `mfa store --remove` forgets.
 */
async function forgetEverything(services: Services): Promise<Forgotten> {
  const { cache, callers, devices, exported, roleFacts, shared } = services;
  const config = readableConfig(services);
  const before = nameSessions(cache.list(), config, services);
  const sharedBefore = shared.list();
  const cleared = {
    shared: await shared.clear(),
    cache: await cache.clear(),
    callers: callers.clear(),
    devices: devices.clear(),
    roleFacts: roleFacts.clear(),
    exported: exported.clear(),
    awsCli: forgetAwsCliSessions(undefined, config, services),
  } satisfies Readonly<Record<string, Cleared>>;
  const stillShared = new Set(shared.list().map(({ accessKeyId }) => accessKeyId));
  const sharedGone = sharedBefore.filter(({ accessKeyId }) => !stillShared.has(accessKeyId));
  const still = new Set(cache.list().map(({ inputs }) => canonicalText(inputs)));
  const sessions = before.filter(({ kept }) => !still.has(canonicalText(kept.inputs)));
  return {
    shared: sharedGone,
    sessions,
    callers: cleared.callers.removed,
    exported: cleared.exported.removed,
    learnt: cleared.devices.removed + cleared.roleFacts.removed,
    awsCli: cleared.awsCli.removed,
    others: Math.max(0, cleared.cache.removed - sessions.length + cleared.shared.removed - sharedGone.length),
    left: Object.values(cleared).flatMap(({ left }) => left),
  };
}

/**
 * @returns none when there is nothing to forget
 * @throws AssumeMfaError USAGE when nobody may be asked
 */
async function pickSessions(services: Services, options: LogoutOptions): Promise<Picked> {
  const { host } = services;
  const terminal = mayAsk(options, host.env) ? openPickTerminal(host) : undefined;
  if (terminal === undefined) {
    throw new AssumeMfaError("USAGE", "what is to be forgotten?", {
      hint: "name targets, assume-mfa logout dev, or give --all",
    });
  }
  try {
    const sessions = nameSessions(services.cache.list(), readableConfig(services), services);
    const shared = services.shared.list();
    if (sessions.length === 0 && shared.length === 0) return [];
    const targets = [...new Set(sessions.map(({ target }) => target))].map((target) =>
      sessions.filter((session) => session.target === target),
    );
    const labels = alignedLines(
      targets.map((ofTarget) => {
        const [first] = ofTarget as [NamedSession];
        return [first.target, first.kept.role.accountId, first.kept.role.roleName];
      }),
    );
    const choices: Choice<Picked>[] = targets.map((ofTarget, index) => ({
      value: ofTarget,
      label: labels[index] ?? "",
      short: shownName(ofTarget[0]?.target ?? ""),
    }));
    return await terminal.pick("Forget which sessions?", [
      ...shared.map((head) => ({
        value: head,
        label: `the shared session of ${head.mfaSerial}`,
        short: visibleText(deviceName(head)),
      })),
      ...choices,
      { value: EVERYTHING, label: "everything that is kept", short: EVERYTHING },
    ]);
  } finally {
    terminal.close();
  }
}

function print(screen: Screen, forgotten: Forgotten, now: number): void {
  const { shared, sessions, callers, exported, learnt, awsCli, others } = forgotten;
  const rows = sessions.map((session) => ({ ...session, json: toSessionJson(session, now) }));
  const jsons = [...shared.map((head) => toSharedJson(head, now)), ...rows.map(({ json }) => json)];
  if (screen.output === "json") {
    // What could not be removed is an error, and that is the document then.
    if (forgotten.left.length > 0) return;
    screen.result(formatJson({ forgotten: jsons, callers, exported, learnt, awsCli, others }));
  } else if (screen.output === "text") {
    screen.result(formatTabSeparated(jsons.map(toSessionTextRow)));
  } else {
    screen.table(
      [
        { title: "target" },
        { title: "account", shrink: false },
        { title: "role" },
        { title: "session" },
        { title: "had left", shrink: false },
      ],
      [
        ...shared.map((head) => [
          "(all)",
          toSharedJson(head, now).account ?? "",
          "any, signed in",
          deviceName(head),
          hadLeft(head, now),
        ]),
        ...rows.map(({ kept, target }) => [
          target,
          kept.role.accountId,
          kept.role.roleName,
          sessionNameOf(kept),
          hadLeft(kept, now),
        ]),
      ],
    );
  }
  const counts = [
    shared.length === 0 ? undefined : formatCount(shared.length, "shared session"),
    sessions.length === 0 ? undefined : formatCount(sessions.length, "session"),
    callers === 0 ? undefined : `${formatCount(callers, "record")} of whose keys are whose`,
    exported === 0 ? undefined : `${formatCount(exported, "record")} of an export`,
    learnt === 0 ? undefined : `${formatCount(learnt, "record")} of roles and devices`,
    awsCli === 0 ? undefined : `${formatCount(awsCli, "session")} in the AWS CLI's cache`,
    others === 0 ? undefined : `${formatCount(others, "file")} that held no session`,
  ].filter((count) => count !== undefined);
  screen.note(counts.length === 0 ? "there was nothing to forget" : `forgot ${counts.join(", ")}`);
  if (jsons.some(({ secondsLeft }) => secondsLeft > 0)) {
    screen.note("AWS does not know of it: copies of a session (export) work until it ends");
  }
}

function hadLeft(kept: Parameters<typeof keptLeftMs>[0], now: number): string {
  const leftMs = keptLeftMs(kept, now);
  return leftMs < 1000 ? "ended" : formatSpan(leftMs);
}

/** A target that is broken is opened by nothing. */
function openTargets(services: Services, names: readonly string[]): readonly string[] {
  const config = readableConfig(services);
  return names.filter((name) => {
    try {
      return config !== undefined && sharedOfTarget(resolvePlainTarget(name, config, services), services) !== undefined;
    } catch (error) {
      if (error instanceof AssumeMfaError) return false;
      throw error;
    }
  });
}
