// A line that is typed unseen: a secret that lasts. Edge file: node:tty (types), process. Rules: raw mode, since Node has no
// other way to switch the echo off; every way out but SIGKILL gives the terminal back as it was (ACCEPTANCE.md P1), and
// after a suspension (Ctrl-Z, fg) the mode is set anew, whatever the shell made of it.
import type tty from "node:tty";
import { InterruptedError } from "../errors.ts";
import { HiddenLine } from "./hidden-line.ts";
import type { Interrupts } from "./host.ts";

/** A group that no shell looks after is not stopped by SIGTSTP: then the question simply goes on. */
const STOPPED_BY_THEN_MS = 100;

/**
 * @param write to the terminal
 * @returns the line without its end; undefined at end of input (Ctrl-D)
 * @throws InterruptedError
 */
export function askHiddenLine(
  question: string,
  stream: tty.ReadStream,
  write: (text: string) => void,
  { signal }: Interrupts,
): Promise<string | undefined> {
  const line = new HiddenLine();
  return new Promise((resolve, reject) => {
    let resumption: NodeJS.Timeout | undefined;
    const settle = (finish: () => void) => {
      clearTimeout(resumption);
      stream.off("data", onData).off("end", onEnd).off("error", onEnd);
      signal.removeEventListener("abort", onAbort);
      process.off("SIGCONT", onContinue);
      line.clear();
      giveBack();
      stream.pause();
      write("\n"); // Enter is not echoed either
      finish();
    };
    const giveBack = () => {
      try {
        stream.setRawMode(false);
      } catch {
        // The terminal hung up.
      }
    };
    const take = () => {
      try {
        // Off first: to libuv it may be on, while the shell switched it off when it took the job to the foreground.
        stream.setRawMode(false);
        stream.setRawMode(true);
      } catch {
        onEnd();
      }
    };
    const suspend = () => {
      giveBack();
      write("\n");
      resumption = setTimeout(onContinue, STOPPED_BY_THEN_MS);
      process.kill(0, "SIGTSTP"); // the whole job, as the terminal does it
    };
    const onContinue = () => {
      clearTimeout(resumption);
      take();
      write(question);
    };
    const onData = (bytes: Buffer) => {
      const event = line.push(bytes);
      bytes.fill(0);
      switch (event?.kind) {
        case "line":
          return settle(() => resolve(event.text));
        case "end":
          return settle(() => resolve(undefined));
        case "interrupt":
          return settle(() => reject(new InterruptedError(event.signal)));
        case "suspend":
          return suspend();
      }
    };
    const onEnd = () => settle(() => resolve(undefined));
    const onAbort = () => settle(() => reject(signal.reason));
    if (signal.aborted) return reject(signal.reason);
    process.on("SIGCONT", onContinue);
    signal.addEventListener("abort", onAbort);
    stream.on("data", onData).on("end", onEnd).on("error", onEnd);
    take();
    write(question);
    stream.resume();
  });
}
