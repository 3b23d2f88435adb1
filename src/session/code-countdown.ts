import type { Host } from "../host/host.ts";
import type { Terminal } from "../host/terminal.ts";

const CLEAR_LINE = "\r\x1b[2K";
/** Below this there is no room for a number and the cursor. */
const NARROWEST_COLUMNS = 6;

/** Whether a line can be painted over: not in a dialog, nor where it would wrap. */
export function canCountDown({ canPick, columns }: Terminal, { env }: Pick<Host, "env">): boolean {
  return canPick && env.TERM !== "dumb" && columns >= NARROWEST_COLUMNS;
}

/**
 * Waits until the device shows another code: one line on the terminal, painted over each second, gone at the end.
 * @param waitMs milliseconds
 * @throws InterruptedError at Ctrl-C: the shell's prompt stands on a line of its own then
 */
export async function countDownToCode(
  waitMs: number,
  terminal: Terminal,
  { now, sleep, interrupts }: Pick<Host, "now" | "sleep" | "interrupts">,
): Promise<void> {
  const endsAt = now() + waitMs;
  try {
    // By what was waited and by the clock, whichever is there first: the clock can be set, and the machine suspended.
    for (let leftMs = waitMs; leftMs > 0; ) {
      terminal.write(`${CLEAR_LINE}${countdownText(Math.ceil(leftMs / 1000), terminal.columns)}`);
      const pauseMs = leftMs % 1000 || 1000;
      await sleep(pauseMs, interrupts.signal);
      leftMs = Math.min(leftMs - pauseMs, endsAt - now());
    }
  } catch (error) {
    terminal.write("\n");
    throw error;
  }
  terminal.write(CLEAR_LINE);
}

/** As long as fits: a line that wraps can't be painted over. */
function countdownText(seconds: number, columns: number): string {
  const texts = [`the device shows the next code in ${seconds} s`, `next code in ${seconds} s`, `${seconds} s`];
  return texts.find((text) => text.length < columns) ?? "";
}
