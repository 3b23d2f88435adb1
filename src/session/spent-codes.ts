import type { Cleared } from "./clear-folder.ts";

/** The codes that were sent, by device and place: STS takes each once (AWS.md, 2). */
export interface SpentCodes {
  /** @returns milliseconds since the code was sent; undefined when it was not in the last two minutes */
  sentAgoMs(device: readonly string[], code: string, now: number): number | undefined;
  /** Before it is sent. Never throws. */
  record(device: readonly string[], code: string, now: number): void;
  /** It did not leave this machine. Never throws. */
  takeBack(device: readonly string[], code: string): void;
  /** Never throws. */
  clear(): Cleared;
}
