import { createHmac, randomBytes } from "node:crypto";
import path from "node:path";
import type { PrivateFiles } from "../host/private-files.ts";
import { inputsDigest } from "./session-inputs.ts";

/** How long a code that was sent is refused, milliseconds: by then no device shows it any more (CLI.md, "Spent codes"). */
export const SPENT_FOR_MS = 120_000;

/** Whose code it is: the same serial can be another device elsewhere. */
export interface CodeDevice {
  readonly mfaSerial: string;
  /** The STS endpoint or the partition. */
  readonly place: string;
}

/**
 * The codes that were sent, whatever became of them: STS takes each once, and answers alike to a wrong and a used one
 * (AWS.md, 1, 2). What is recorded is read and written by the holder of the device's turn. Nothing forgets it before its
 * time, `logout --all` neither: a code that is forgotten can be sent twice.
 */
export interface SpentCodes {
  /**
   * @param now milliseconds since 1970
   * @returns milliseconds since the code was sent, 0 and more (0 where this machine's clock was set back since, by up to a
   *   quarter of an hour); undefined when it was not in the last two minutes
   */
  sentAgoMs(device: CodeDevice, code: string, now: number): number | undefined;
  /**
   * Before it is sent. Never throws.
   * @returns false where it can't be kept: only this process knows then
   */
  record(device: CodeDevice, code: string, now: number): boolean;
  /** It did not leave this machine. Never throws. */
  takeBack(device: CodeDevice, code: string, now: number): void;
}

interface SentCode {
  readonly hash: string;
  /** Milliseconds since 1970 by this machine's clock. */
  readonly sentAt: number;
}

interface Ledger {
  /** Hex. A device's own, so that the same code leaves no same trace elsewhere. */
  readonly salt: string;
  readonly sent: readonly SentCode[];
}

/**
 * One 0600 file a device. Its salt hides nothing from who may read it (a code has six digits): it holds what is worth
 * nothing any more, and no codes for who searches files for them.
 * @param folder the program's cache folder; undefined where there is none
 */
export function makeFileSpentCodes(files: PrivateFiles, folder: string | undefined): SpentCodes {
  const spentCodes = folder === undefined ? undefined : path.join(folder, "spent-codes");
  /** What this process sent: all there is where nothing can be written. */
  const own = new Map<string, Map<string, number>>();
  const nameOf = ({ mfaSerial, place }: CodeDevice) => inputsDigest(JSON.stringify([mfaSerial, place]));
  const read = (device: CodeDevice): Ledger | undefined => {
    const text = spentCodes === undefined ? undefined : files.read(path.join(spentCodes, nameOf(device)));
    return text === undefined ? undefined : parseLedger(text);
  };
  const change = (device: CodeDevice, code: string, now: number, sentAt: number | undefined): boolean => {
    if (folder === undefined || spentCodes === undefined) return false;
    try {
      files.ensureFolder(folder);
      files.ensureFolder(spentCodes);
      const { salt, sent } = read(device) ?? { salt: randomBytes(16).toString("hex"), sent: [] };
      const hash = hashOf(salt, code);
      const kept = sent.filter((each) => each.hash !== hash && isRecent(each.sentAt, now));
      const ledger: Ledger = { salt, sent: sentAt === undefined ? kept : [...kept, { hash, sentAt }] };
      files.write(path.join(spentCodes, nameOf(device)), `${JSON.stringify(ledger)}\n`);
      return true;
    } catch {
      return false;
    }
  };
  return {
    sentAgoMs(device, code, now) {
      const ledger = read(device);
      const hash = ledger === undefined ? undefined : hashOf(ledger.salt, code);
      const times = (ledger?.sent ?? []).filter((each) => each.hash === hash).map(({ sentAt }) => sentAt);
      const ownTime = own.get(nameOf(device))?.get(code);
      if (ownTime !== undefined) times.push(ownTime);
      const recent = times.filter((sentAt) => isRecent(sentAt, now));
      return recent.length === 0 ? undefined : Math.max(0, now - Math.max(...recent));
    },
    record(device, code, now) {
      const ofDevice = own.get(nameOf(device)) ?? new Map<string, number>();
      own.set(nameOf(device), ofDevice.set(code, now));
      return change(device, code, now, now);
    },
    takeBack(device, code, now) {
      own.get(nameOf(device))?.delete(code);
      change(device, code, now, undefined);
    },
  };
}

/**
 * How far in the future a code may have been sent, milliseconds: a clock that was set back makes the device's secret give
 * the same codes again, as far back as a secret's code is made at all (`token-code-source.ts`). One that was set back by
 * hours must not refuse for hours.
 */
const SET_BACK_MS = 15 * 60_000;

function isRecent(sentAt: number, now: number): boolean {
  return now - sentAt < SPENT_FOR_MS && sentAt - now < SET_BACK_MS;
}

function hashOf(salt: string, code: string): string {
  return createHmac("sha256", Buffer.from(salt, "hex")).update(code).digest("hex");
}

/** @returns undefined for what is no ledger of ours: nothing is known then, and a new one is begun */
function parseLedger(text: string): Ledger | undefined {
  try {
    const { salt, sent } = JSON.parse(text) ?? {};
    if (typeof salt !== "string" || !/^[0-9a-f]{32}$/.test(salt) || !Array.isArray(sent)) return undefined;
    return { salt, sent: sent.filter(isSentCode).map(({ hash, sentAt }) => ({ hash, sentAt })) };
  } catch {
    return undefined;
  }
}

function isSentCode(value: unknown): value is SentCode {
  const { hash, sentAt } = (value ?? {}) as Partial<Record<keyof SentCode, unknown>>;
  return (
    typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash) && typeof sentAt === "number" && Number.isFinite(sentAt)
  );
}
