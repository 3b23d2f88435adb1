// What the kernel says of a process. Edge file: node:fs. Rules: Linux's /proc alone; where there is none, or the process is
// gone, there is no answer, and whoever asks does without.
import fs from "node:fs";

export interface ProcessState {
  /** `R`, `S`, `T` (stopped), `Z` …, as proc(5) has them. */
  readonly state: string;
  readonly processGroup: number;
  /** The process group that has the terminal; -1 where the process has none. */
  readonly foregroundGroup: number;
}

/** @returns undefined where that can't be told */
export function readProcessState(pid: number | "self"): ProcessState | undefined {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The program's name stands in brackets, and can hold blanks and brackets itself.
  const [state, , processGroup, , , foregroundGroup] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (state === undefined || foregroundGroup === undefined) return undefined;
  return { state, processGroup: Number(processGroup), foregroundGroup: Number(foregroundGroup) };
}
