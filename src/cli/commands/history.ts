import type { Command } from "commander";
import { AssumeMfaError } from "../../errors.ts";
import type { HistoryList, HistoryQuery } from "../../history/history.ts";
import type { ChainReport } from "../../history/verify-chain.ts";
import { formatJson } from "../../outputs/json.ts";
import type { Style } from "../../outputs/style.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import { parseDuration } from "../../target/duration.ts";
import type { SetExitCode } from "../catalogue.ts";
import { type HistoryRow, rowsOf } from "../history-rows.ts";
import { addCommonOptions, type CommonOptions, resolveScreenOptions } from "../options.ts";
import { formatCount, formatMoment } from "../phrases.ts";
import { PrintedFailure } from "../printed-failure.ts";
import { enterSandbox, showSandbox } from "../sandbox-mark.ts";
import { makeScreen, type Screen } from "../screen.ts";
import type { Services } from "../services.ts";

interface HistoryOptions extends CommonOptions {
  readonly verify?: boolean;
  readonly target?: string;
  readonly since?: string;
  readonly limit?: string;
}

const DEFAULT_LIMIT = 100;
const LARGEST_LIMIT = 100_000;

export function registerHistory(program: Command, services: Services, _setExitCode: SetExitCode): void {
  addCommonOptions(
    program
      .command("history")
      .description("the sessions and privileged actions from this machine, the newest last; asks and calls nothing")
      .option("--verify", "walk the chain of lines: exit 5 when it is not whole")
      .option("--target <name>", "only this target's")
      .option("--since <time>", "only what is not older: 7d, 12h, 45m")
      .option("--limit <n>", `at most the last n entries, default ${DEFAULT_LIMIT}`),
  ).action(async (options: HistoryOptions) => {
    await runHistory(services, options);
  });
}

async function runHistory(outside: Services, options: HistoryOptions): Promise<void> {
  const query = resolveQuery(options, outside.host.now());
  const services = await enterSandbox(outside);
  const screen = makeScreen(services.host, resolveScreenOptions(options, services.host.env));
  if (options.verify === true) {
    const report = await services.history.verify();
    showSandbox(services, screen);
    printReport(report, screen);
    return;
  }
  const list = await services.history.list(query);
  showSandbox(services, screen);
  printList(list, services, screen);
  if (list.entries.length === 0)
    screen.note(list.isAll ? "nothing is in the history" : "nothing of that is in the history");
  else if (!list.isAll && list.entries.length === query.limit) {
    screen.note(`the last ${formatCount(query.limit, "entry", "entries")}; --limit shows more`);
  }
  if (list.damaged > 0) {
    screen.note(`${formatCount(list.damaged, "line is", "lines are")} no whole entry: assume-mfa history --verify`);
  }
}

/** @throws AssumeMfaError USAGE */
function resolveQuery(options: HistoryOptions, now: number): HistoryQuery {
  const { verify, target, since, limit } = options;
  if (verify === true && [target, since, limit].some((option) => option !== undefined)) {
    throw new AssumeMfaError("USAGE", "--verify looks at all of the history", {
      hint: "leave out --target, --since and --limit",
    });
  }
  const count = limit === undefined ? DEFAULT_LIMIT : /^\d{1,9}$/.test(limit) ? Number(limit) : 0;
  if (count < 1 || count > LARGEST_LIMIT) {
    throw new AssumeMfaError("USAGE", `--limit is no number of entries: "${limit}"`, {
      hint: `from 1 to ${LARGEST_LIMIT}`,
    });
  }
  return { limit: count, target, since: since === undefined ? undefined : now - parseSpanMs(since) };
}

const DAY_MS = 86_400_000;

/** @returns milliseconds */
function parseSpanMs(text: string): number {
  const days = /^(\d{1,5})d$/.exec(text)?.[1];
  const seconds = parseDuration(text);
  if (days !== undefined) return Number(days) * DAY_MS;
  if (seconds !== undefined) return seconds * 1000;
  throw new AssumeMfaError("USAGE", `--since is no time: "${text}"`, { hint: "write it as 7d, 12h, 45m or 3600" });
}

function printList(list: HistoryList, { host }: Services, screen: Screen): void {
  if (screen.output === "json") {
    screen.result(formatJson(list.entries));
    return;
  }
  const rows = rowsOf(list.entries).filter(({ isOutdated }) => !isOutdated);
  if (screen.output === "text") {
    screen.result(
      formatTabSeparated(
        rows.map((row) => [
          row.at,
          row.target,
          row.account,
          row.region,
          row.what,
          row.outcome,
          row.resources,
          row.accessKeyIds,
          row.requestIds,
        ]),
      ),
    );
    return;
  }
  const now = host.now();
  screen.table(
    [
      { title: "time", shrink: false },
      { title: "target" },
      { title: "account", shrink: false },
      { title: "region", shrink: false, optional: true },
      { title: "what", minWidth: 10 },
      { title: "outcome", minWidth: 10, paint: (text, cell) => paintOutcome(screen.style, text, cell) },
      { title: "resources", minWidth: 10 },
      { title: "access key id", shrink: false, optional: true },
    ],
    rows.map((row) => toCells(row, now)),
  );
}

function toCells(row: HistoryRow, now: number): readonly string[] {
  const { at, target, account, region, what, outcome, resources, accessKeyIds } = row;
  const moment = at === undefined ? Number.NaN : Date.parse(at);
  const time = Number.isNaN(moment) ? (at ?? "") : formatMoment(moment, now);
  return [
    time,
    target ?? "(all)",
    account ?? "",
    region ?? "",
    what,
    outcome ?? "",
    resources ?? "",
    accessKeyIds ?? "",
  ];
}

function paintOutcome(style: Style, text: string, cell: string): string {
  if (/^\d+ (?:done|would be done)$/.test(cell)) return style.green(text);
  if (/fail|unknown|no outcome|damage/.test(cell)) return style.red(text);
  return /pending|not done|declined/.test(cell) ? style.yellow(text) : text;
}

/** @throws AssumeMfaError HISTORY_DAMAGED */
function printReport(report: ChainReport, screen: Screen): void {
  const { entries, findings, furtherFindings, tornLines, isEndKnown } = report;
  const isWhole = findings.length === 0;
  const whole = `whole: ${formatCount(entries, "entry", "entries")}`;
  if (screen.output === "json") {
    screen.result(formatJson({ whole: isWhole, entries, findings, furtherFindings, tornLines, endKnown: isEndKnown }));
  } else if (screen.output === "text") {
    screen.result(
      formatTabSeparated(
        isWhole
          ? [["whole", String(entries)]]
          : findings.map(({ line, problem, message }) => [String(line), problem, message]),
      ),
    );
  } else if (isWhole) screen.result(`${whole}\n`);
  else for (const { line, problem, message } of findings) screen.result(`line ${line}: ${problem}: ${message}\n`);

  for (const line of tornLines) {
    screen.note(`line ${line} was torn by a crash: what it would have said is lost, and the next line says so`);
  }
  if (entries > 0 && !isEndKnown) {
    screen.note("what was written last is not known (history.head): lines missing at the end would not show");
  }
  const [first] = findings;
  if (first === undefined) return;
  const more = findings.length - 1 + furtherFindings;
  const failure = new AssumeMfaError(
    "HISTORY_DAMAGED",
    `the history is not whole: line ${first.line}: ${first.problem}: ${first.message}${more === 0 ? "" : `, and ${more} more`}`,
    { hint: "move history.jsonl and history.head away together to begin a new one: CloudTrail has what AWS saw" },
  );
  throw screen.output === "json" ? new PrintedFailure(failure) : failure;
}
