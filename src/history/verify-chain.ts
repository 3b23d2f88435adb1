import { type BadLine, GENESIS, isWhole, type Link, parseLine, sha256 } from "./chain.ts";

/** `edited`: its own bytes. `missing`: entries that should stand before it. `torn`: it has no end. */
export type ChainProblem = "edited" | "missing" | "out of order" | "torn" | "no entry" | "too long";

export interface ChainFinding {
  /** Counted from 1; the one after the last where the end is missing. */
  readonly line: number;
  readonly problem: ChainProblem;
  /** Completes `line 7: `. */
  readonly message: string;
}

export interface ChainReport {
  /** Whole entries. */
  readonly entries: number;
  /** What is wrong, in the order of the lines; empty: the chain is whole. */
  readonly findings: readonly ChainFinding[];
  /** Findings beyond those that are listed. */
  readonly furtherFindings: number;
  /** Lines that a crash tore, which the line after tells of: known, and nothing that hides something. */
  readonly tornLines: readonly number[];
  /** Whether it is known what was last written, so that a missing end shows. */
  readonly isEndKnown: boolean;
}

const REASONS: Readonly<Record<BadLine["problem"], string>> = {
  edited: "its bytes are not those that its hash was made of",
  "no entry": "it has not the form of one",
};

/** More of them say nothing more. */
const MOST_FINDINGS = 100;

/** The line after a torn one says what was torn, so that its fragment can stay where it is. */
export type TornMark = {
  readonly event: "torn line";
  readonly bytes: number;
  readonly sha256: string;
};

/** The line after a place where entries are known to have been: what was last written, and is not there any more. */
export type MissingMark = {
  readonly event: "lines missing";
  readonly lastEntry: number;
  readonly lastHash: string;
};

/** @param fragment without the newline that it never had */
export function tornMark(fragment: Buffer): TornMark {
  return { event: "torn line", bytes: fragment.length, sha256: sha256(fragment) };
}

export function missingMark({ n, hash }: Link): MissingMark {
  return { event: "lines missing", lastEntry: n, lastHash: hash };
}

interface Gap {
  readonly finding: ChainFinding;
  readonly absent: Set<number>;
}

/** A gap of more entries than this is not looked into for which of them stand elsewhere. */
const LARGEST_GAP = 1_000;

/** Walks the lines from the first to the last. */
export class ChainWalk {
  readonly #head: Link | undefined;
  readonly #findings: ChainFinding[] = [];
  readonly #gaps: Gap[] = [];
  readonly #tornLines: number[] = [];
  #furtherFindings = 0;
  #line = 0;
  #entries = 0;
  /** The entry of the highest number so far. */
  #last: Link = { n: 0, hash: GENESIS };
  /** How many lines since the last whole one are none. */
  #bad = 0;
  /** The last of them, which the next line may tell of. */
  #pending: { readonly line: number; readonly bytes: Buffer; readonly bad: BadLine } | undefined;

  /** @param head what was last written, as far as it is known */
  constructor(head: Link | undefined) {
    this.#head = head;
  }

  /** @param bytes a line without its newline */
  take(bytes: Buffer): void {
    this.#line += 1;
    const parsed = parseLine(bytes);
    if (!isWhole(parsed)) {
      this.#reportPending();
      this.#bad += 1;
      this.#pending = { line: this.#line, bytes, bad: parsed };
      return;
    }
    this.#entries += 1;
    const { entry, n, prev } = parsed;
    this.#settlePending(entry);
    const bad = this.#bad;
    this.#bad = 0;
    const last = this.#last;
    this.#compareHead(parsed);
    if (n <= last.n) {
      this.#find("out of order", `entry ${n} stands after entry ${last.n}`);
      this.#fillGap(n);
      return;
    }
    this.#last = parsed;
    if (entry.event === "lines missing") {
      this.#find("missing", `${goneBefore(last.n, entry.lastEntry)} when this was written`);
      return;
    }
    if (n > last.n + 1 + bad) this.#findGap(last.n + 1, n - 1);
    else if (bad === 0 && prev !== last.hash) {
      this.#find("edited", "it does not follow from the line before: one of them was replaced");
    }
  }

  /** @param length bytes that were looked at */
  takeTooLong(length: number): void {
    this.#line += 1;
    this.#find("too long", `it is longer than ${length} bytes, which no entry is; what follows was not read`);
  }

  /** @param rest what stands behind the last newline */
  end(rest: Buffer): ChainReport {
    this.#reportPending();
    if (rest.length > 0) {
      this.#line += 1;
      this.#find("torn", "the last line has no end: writing it was cut short, or its end was cut off");
      const parsed = parseLine(rest);
      if (isWhole(parsed) && parsed.n > this.#last.n) this.#last = parsed;
    }
    const head = this.#head;
    // One that can't be read any more can be the one.
    if (
      head !== undefined &&
      head.n > this.#last.n + this.#bad &&
      !this.#findings.some(({ problem }) => problem === "too long")
    ) {
      this.#line += 1;
      this.#find(
        "missing",
        `${numbers(this.#last.n + 1, head.n)} at the end, though ${this.#last.n + 1 === head.n ? "it was" : "they were"} written`,
      );
    }
    const filled = new Set(this.#gaps.flatMap(({ finding, absent }) => (absent.size === 0 ? [finding] : [])));
    return {
      entries: this.#entries,
      findings: this.#findings.filter((finding) => !filled.has(finding)),
      furtherFindings: this.#furtherFindings,
      tornLines: this.#tornLines,
      isEndKnown: head !== undefined,
    };
  }

  /** @param entry the one that follows */
  #settlePending(entry: Readonly<Record<string, unknown>>): void {
    if (entry.event !== "torn line") {
      this.#reportPending();
      return;
    }
    const pending = this.#pending;
    if (pending !== undefined && entry.bytes === pending.bytes.length && entry.sha256 === sha256(pending.bytes)) {
      this.#tornLines.push(pending.line);
      this.#pending = undefined;
      this.#bad -= 1;
      return;
    }
    this.#reportPending();
    this.#find("missing", "it tells of a torn line before it, which is not there or not as it was");
  }

  #reportPending(): void {
    if (this.#pending === undefined) return;
    const { line, bad } = this.#pending;
    this.#pending = undefined;
    this.#find(bad.problem, REASONS[bad.problem], line);
  }

  #compareHead({ n, hash }: Link): void {
    if (this.#head?.n === n && this.#head.hash !== hash) {
      this.#find("edited", `it is not the entry ${n} that was written last`);
    }
  }

  #findGap(from: number, to: number): void {
    const finding = this.#find("missing", `${numbers(from, to)} before it`);
    if (finding === undefined || to - from >= LARGEST_GAP) return;
    this.#gaps.push({ finding, absent: new Set(Array.from({ length: to - from + 1 }, (_, index) => from + index)) });
  }

  /** What stands elsewhere is out of order, not missing. */
  #fillGap(n: number): void {
    for (const { absent } of this.#gaps) absent.delete(n);
  }

  #find(problem: ChainProblem, message: string, line = this.#line): ChainFinding | undefined {
    if (this.#findings.length >= MOST_FINDINGS) {
      this.#furtherFindings += 1;
      return undefined;
    }
    const finding = { line, problem, message };
    this.#findings.push(finding);
    return finding;
  }
}

function numbers(from: number, to: number): string {
  return from === to ? `entry ${from} is missing` : `entries ${from} to ${to} are missing`;
}

/** @param last of those that are there. @param lastKnown of those that were written, as the mark says */
function goneBefore(last: number, lastKnown: unknown): string {
  if (typeof lastKnown !== "number" || lastKnown <= last) return "what had been written last was not there";
  return lastKnown === last + 1 ? `entry ${lastKnown} was gone` : `entries ${last + 1} to ${lastKnown} were gone`;
}
