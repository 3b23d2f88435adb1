import { createHash } from "node:crypto";

// A line of the history: one JSON object whose last field is the SHA-256 of all bytes of the line before that field, and
// among those bytes stand the line's number and the hash of the line before. This frame is for good: a later version may
// change any field but `v`, `n`, `prev` and `hash`, and its lines are checked and kept all the same.

/** What the first line follows. */
export const GENESIS = "0".repeat(64);

/** The version of the entries that are written. */
export const VERSION = 1;

/** The longest line, bytes, its newline included: more is not read, and not written. */
export const LINE_LIMIT_BYTES = 1024 * 1024;

/** `,"hash":"<64 digits>"}` */
const SUFFIX_BYTES = 75;
const SUFFIX = /^,"hash":"([0-9a-f]{64})"\}$/;

/** Where a line stands in the chain. */
export interface Link {
  readonly n: number;
  readonly hash: string;
}

export interface WholeLine extends Link {
  readonly prev: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

/** `no entry`: it has not the frame of one. */
export interface BadLine {
  readonly problem: "edited" | "no entry";
}

/**
 * @param fields anything but `v`, `n`, `prev` and `hash`
 * @returns the line with its newline, and its place in the chain
 */
export function formatLine(
  fields: Readonly<Record<string, unknown>>,
  n: number,
  prev: string,
): Link & { readonly line: string } {
  const body = JSON.stringify({ v: VERSION, n, prev, ...fields }).slice(0, -1);
  const hash = sha256(Buffer.from(body));
  return { line: `${body},"hash":"${hash}"}\n`, n, hash };
}

/** @param line without its newline */
export function parseLine(line: Buffer): WholeLine | BadLine {
  const at = line.length - SUFFIX_BYTES;
  const declaredHash = at < 1 ? undefined : SUFFIX.exec(line.subarray(at).toString("latin1"))?.[1];
  if (declaredHash === undefined) return { problem: "no entry" };
  const body = line.subarray(0, at);
  if (sha256(body) !== declaredHash) return { problem: "edited" };
  const entry = parseObject(line);
  const { n, prev } = entry ?? {};
  if (entry === undefined || !Number.isSafeInteger(n) || (n as number) < 1 || typeof prev !== "string") {
    return { problem: "no entry" };
  }
  return { n: n as number, prev, hash: declaredHash, entry };
}

export function isWhole(line: WholeLine | BadLine): line is WholeLine {
  return "entry" in line;
}

export function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function parseObject(line: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
