import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import path from "node:path";
import type { PrivateFiles } from "../host/private-files.ts";
import { inputsDigest } from "./session-inputs.ts";

/** The same code is not sent again for this long: STS takes none twice, and a device shows none for longer (CLI.md). */
export const SPENT_FOR_MS = 120_000;

/**
 * The token codes that were sent, per device, across processes. STS gives a spent code the answer of a wrong one
 * (AWS.md, 1), so what was spent has to be known here. Whoever asks and records holds the device's lock.
 */
export interface SpentCodes {
  /** @returns milliseconds until this code may be sent again; 0 when it was not sent lately. Never throws. */
  waitMs(device: string, code: string, now: number): number;
  /** To be called before a code is sent, since the answer can be lost. Never throws: what can't be kept is not known later. */
  record(device: string, code: string, now: number): void;
}

interface Ledger {
  readonly salt: string;
  readonly codes: readonly { readonly hash: string; readonly sentAt: number }[];
}

/** @param folder the program's cache folder; undefined where there is none: codes are remembered by this run alone */
export function makeSpentCodes(files: PrivateFiles, folder: string | undefined): SpentCodes {
  const codes = folder === undefined ? undefined : path.join(folder, "codes");
  const fileOf = (device: string) => path.join(codes as string, `${inputsDigest(device)}.json`);
  const own = new Map<string, Ledger>();

  const load = (device: string): Ledger => {
    const kept = codes === undefined ? undefined : parseLedger(files.read(fileOf(device)));
    return kept ?? own.get(device) ?? { salt: randomBytes(16).toString("hex"), codes: [] };
  };
  return {
    waitMs(device, code, now) {
      const ledger = load(device);
      const hash = hashOf(ledger, code);
      const ends = ledger.codes
        .filter((spent) => isSameHash(spent.hash, hash))
        // A time in the future is a clock that was set back: no longer than the limit from now.
        .map(({ sentAt }) => Math.min(sentAt, now) + SPENT_FOR_MS);
      return Math.max(0, ...ends.map((end) => end - now));
    },
    record(device, code, now) {
      const ledger = load(device);
      const recent = ledger.codes.filter(({ sentAt }) => now - sentAt < SPENT_FOR_MS);
      const updated: Ledger = { salt: ledger.salt, codes: [...recent, { hash: hashOf(ledger, code), sentAt: now }] };
      own.set(device, updated);
      if (folder === undefined || codes === undefined) return;
      try {
        files.ensureFolder(folder);
        files.ensureFolder(codes);
        files.write(fileOf(device), `${JSON.stringify(updated)}\n`);
      } catch {
        // This run still knows.
      }
    },
  };
}

/** Salted, so that equal codes of two devices can't be seen; a code is worth nothing once it was sent. */
function hashOf({ salt }: Ledger, code: string): string {
  return createHmac("sha256", salt).update(code).digest("hex");
}

function isSameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function parseLedger(text: string | undefined): Ledger | undefined {
  if (text === undefined) return undefined;
  try {
    const { salt, codes } = JSON.parse(text) ?? {};
    if (typeof salt !== "string" || !Array.isArray(codes)) return undefined;
    return {
      salt,
      codes: codes.filter(({ hash, sentAt } = {}) => typeof hash === "string" && Number.isFinite(sentAt)),
    };
  } catch {
    return undefined;
  }
}
