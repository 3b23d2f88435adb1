import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { redact } from "../credentials/redaction.ts";
import type { Host } from "../host/host.ts";
import type { HeldLock, LockHolder, Locks } from "../host/lock.ts";
import type { PrivateFiles } from "../host/private-files.ts";
import { formatLine, GENESIS, isWhole, LINE_LIMIT_BYTES, type Link, parseLine } from "./chain.ts";
import type { History, HistoryEntry, HistoryList, HistoryQuery, KeptEntry } from "./history.ts";
import { appendToFile, openHistory, type Tail } from "./history-file.ts";
import { type ChainReport, ChainWalk, missingMark, tornMark } from "./verify-chain.ts";

const LOCK = "history";
/** Writing a line takes milliseconds: whoever holds the lock for so long is stopped, or was on another machine. */
const STUCK_HOLDER_MS = 10_000;
/** One that has it for longer by its own word need not be waited for at all. */
const OLD_HOLDER_MS = 60_000;
const LONGEST_WAIT_MS = 120_000;
/** Between two looks: at random, so that many who wait don't all look at once. */
const SHORTEST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 30;

/** What comes within this of a write is likely to be one of many. */
const SAME_MOMENT_MS = 100;

export interface FileHistoryPorts {
  readonly files: PrivateFiles;
  /** Of the folder that the history lies in: whoever writes to one history must meet at one lock. */
  readonly locks: Locks;
  readonly host: Pick<Host, "now" | "sleep">;
  /** A line on standard error, once a run. */
  warn(text: string): void;
}

/**
 * `history.jsonl`, and beside it `history.head`: number and hash of the line that was written last, so that lines that are
 * gone from the end show, too.
 * @param folder the program's state folder; undefined where there is none
 */
export function makeFileHistory(folder: string | undefined, ports: FileHistoryPorts): History {
  const { files, locks, host, warn } = ports;
  let isWarned = false;
  /** The lines that this process is writing. */
  let underWay: Promise<void> | undefined;
  /** Those that are written after them, all at once. */
  let queued: HistoryEntry[] = [];
  let next: Promise<void> | undefined;
  let writtenAt = Number.NEGATIVE_INFINITY;

  async function write(entries: readonly HistoryEntry[], place: Place): Promise<void> {
    files.ensureFolder(place.folder);
    const lock = await acquire(locks, host);
    try {
      let written: Link | undefined;
      appendToFile(place.file, (tail) => {
        const { text, last } = compose(entries, tail, readHead(files, place), host.now());
        written = last;
        return text;
      });
      // Should it stay behind, the chain itself says more than it.
      if (written !== undefined) keepHead(files, place, written);
    } finally {
      lock?.release();
    }
  }

  async function writeOrWarn(entries: readonly HistoryEntry[]): Promise<void> {
    try {
      if (folder === undefined) throw new Error("there is no home folder to keep it in");
      await write(entries, placeIn(folder));
    } catch (error) {
      if (!isWarned) warn(`not written to the history: ${error instanceof Error ? error.message : String(error)}`);
      isWarned = true;
    }
  }

  function writeQueued(): Promise<void> {
    const entries = queued;
    queued = [];
    // One after the other: a process would wait for itself.
    const done = writeOrWarn(entries).then(() => {
      writtenAt = host.now();
      underWay = undefined;
    });
    underWay = done;
    return done;
  }

  async function writeNext(): Promise<void> {
    await underWay;
    await nextTurn();
    next = undefined;
    await writeQueued();
  }

  async function read<T>(
    nothing: T,
    work: (opened: NonNullable<ReturnType<typeof openHistory>>, head: Link | undefined) => T,
  ) {
    if (folder === undefined) return nothing;
    const place = placeIn(folder);
    const seen = openHistory(place.file);
    if (seen === undefined) {
      const head = readHead(files, place);
      return head === undefined ? nothing : work(EMPTY, head);
    }
    seen.close();
    // Between two lines, so that one that is being written is not taken for a torn one.
    const lock = await acquire(locks, host).catch(() => undefined);
    let opened: ReturnType<typeof openHistory>;
    let head: Link | undefined;
    try {
      opened = openHistory(place.file);
      head = readHead(files, place);
    } finally {
      lock?.release();
    }
    if (opened === undefined) return nothing;
    try {
      return work(opened, head);
    } finally {
      opened.close();
    }
  }

  return {
    append(entry) {
      queued.push(entry);
      // At once where it can be, for a run that is about to end. A run over many targets has many answers at a time: what
      // comes while a line is written, or in the same moment as the one before, shares a write and its fsync.
      if (next === undefined && underWay === undefined && host.now() - writtenAt >= SAME_MOMENT_MS)
        return writeQueued();
      next ??= writeNext();
      return next;
    },
    list: (query) =>
      read<HistoryList>({ entries: [], damaged: 0, isAll: true }, (opened) => listEntries(opened, query)),
    verify: () =>
      read<ChainReport>(new ChainWalk(undefined).end(Buffer.alloc(0)), (opened, head) => {
        const walk = new ChainWalk(head);
        const { isWhole: wasRead, rest } = opened.readForward((line) => walk.take(line));
        if (!wasRead) walk.takeTooLong(LINE_LIMIT_BYTES);
        return walk.end(rest);
      }),
  };
}

interface Place {
  readonly folder: string;
  readonly file: string;
  readonly headFile: string;
}

function placeIn(folder: string): Place {
  return { folder, file: path.join(folder, "history.jsonl"), headFile: path.join(folder, "history.head") };
}

const EMPTY: NonNullable<ReturnType<typeof openHistory>> = {
  readForward: () => ({ isWhole: true, rest: Buffer.alloc(0) }),
  readBackward: () => true,
  close: () => undefined,
};

/**
 * @returns undefined when the one who holds it does not go on: a line that may stand out of order is better than none
 * @throws Error when nothing can be written there
 */
async function acquire(locks: Locks, host: Pick<Host, "now" | "sleep">): Promise<HeldLock | undefined> {
  let holder: LockHolder | undefined;
  let waitedMs = 0;
  let holdsForMs = 0;
  for (;;) {
    const answer = locks.tryAcquire(LOCK);
    if ("release" in answer) return answer;
    if (answer.pid !== holder?.pid || answer.since !== holder.since) holdsForMs = 0;
    holder = answer;
    if (host.now() - answer.since > OLD_HOLDER_MS) return undefined;
    if (holdsForMs >= STUCK_HOLDER_MS || waitedMs >= LONGEST_WAIT_MS) return undefined;
    const pauseMs = SHORTEST_PAUSE_MS + Math.random() * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS);
    await host.sleep(pauseMs);
    waitedMs += pauseMs;
    holdsForMs += pauseMs;
  }
}

/** The entries' lines, and before them what has to be told of the end that they are appended to. */
function compose(
  entries: readonly HistoryEntry[],
  { last, badLines, rest }: Tail,
  head: Link | undefined,
  now: number,
): { readonly text: string; readonly last: Link } {
  let link: Link = last ?? { n: 0, hash: GENESIS };
  let ownBad = badLines;
  let isGone = last !== undefined && isAnother(last.n, last.hash, head);
  let text = "";
  const marks: object[] = [];
  if (rest.length > 0) {
    text = "\n";
    const ended = parseLine(rest);
    // Only its newline is missing.
    if (isWhole(ended)) {
      link = ended;
      ownBad = 0;
      isGone = isAnother(ended.n, ended.hash, head);
    } else marks.push(tornMark(rest));
  }
  if (head !== undefined && (isGone || head.n > link.n + ownBad)) marks.push(missingMark(head));
  let n = link.n + ownBad;
  const at = new Date(now).toISOString();
  for (const fields of [...marks, ...entries.map(redacted)]) {
    n = "lastEntry" in fields ? Math.max(n, Number(fields.lastEntry)) + 1 : n + 1;
    const formatted = formatFitting({ at, ...fields }, n, link.hash);
    text += formatted.line;
    link = formatted;
  }
  return { text, last: link };
}

/** The same number, and not what was written last. */
function isAnother(n: number, hash: string, head: Link | undefined): boolean {
  return head !== undefined && head.n === n && head.hash !== hash;
}

/** AWS's messages can show what was sent, and an endpoint can echo it anywhere (ACCEPTANCE.md T10). */
function redacted(entry: HistoryEntry): object {
  return JSON.parse(JSON.stringify(entry, (_, value) => (typeof value === "string" ? redact(value) : value)));
}

/** An action on very many resources names as many as fit, and how many it leaves out. */
function formatFitting(
  fields: Readonly<Record<string, unknown>>,
  n: number,
  prev: string,
): ReturnType<typeof formatLine> {
  const whole = formatLine(fields, n, prev);
  const { resources } = fields;
  if (Buffer.byteLength(whole.line) <= LINE_LIMIT_BYTES) return whole;
  if (!Array.isArray(resources)) throw new Error("an entry is longer than a line can be");
  for (let kept = Math.floor(resources.length / 2); ; kept = Math.floor(kept / 2)) {
    const fewer = { ...fields, resources: resources.slice(0, kept), resourcesLeftOut: resources.length - kept };
    const shorter = formatLine(fewer, n, prev);
    if (Buffer.byteLength(shorter.line) <= LINE_LIMIT_BYTES) return shorter;
    if (kept === 0) throw new Error("an entry is longer than a line can be");
  }
}

function readHead(files: PrivateFiles, { headFile }: Place): Link | undefined {
  try {
    const { n, hash } = JSON.parse(files.read(headFile) ?? "null") ?? {};
    return Number.isSafeInteger(n) && n > 0 && typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash)
      ? { n, hash }
      : undefined;
  } catch {
    return undefined;
  }
}

function keepHead(files: PrivateFiles, { headFile }: Place, { n, hash }: Link): void {
  try {
    files.write(headFile, `${JSON.stringify({ n, hash })}\n`);
  } catch {
    // A full disk: the next line's head is as good.
  }
}

function listEntries(
  opened: NonNullable<ReturnType<typeof openHistory>>,
  { limit, target, since }: HistoryQuery,
): HistoryList {
  const entries: KeptEntry[] = [];
  let damaged = 0;
  const isAll = opened.readBackward((bytes) => {
    const line = bytes === undefined ? undefined : parseLine(bytes);
    if (line === undefined || !isWhole(line)) {
      damaged += 1;
      return true;
    }
    const { entry } = line;
    if (isAskedFor(entry, target, since)) entries.push(entry);
    return entries.length < limit;
  });
  return { entries: entries.reverse(), damaged, isAll };
}

/** What tells no time or no target is not left out by mistake: the first counts as old, the second as another's. */
function isAskedFor(entry: KeptEntry, target: string | undefined, since: number | undefined): boolean {
  if (target !== undefined && entry.target !== target) return false;
  if (since === undefined) return true;
  const at = typeof entry.at === "string" ? Date.parse(entry.at) : Number.NaN;
  return at >= since;
}
