// Whether somebody sits before us. Edge file: node:fs. Rule: the terminal itself is asked, not the streams, and nothing is
// read from it.
import fs from "node:fs";

/** Whether this process belongs to a terminal, whatever its streams are. */
export function hasTerminal(): boolean {
  if (process.platform === "win32") return true;
  try {
    fs.closeSync(fs.openSync("/dev/tty", fs.constants.O_RDONLY | fs.constants.O_NOCTTY | fs.constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}
