// A process of captured-command.test.ts: runs a command for what it prints and tells the outcome in a file.
import { writeFileSync } from "node:fs";
import { InterruptedError } from "../../src/errors.ts";
import { captureCommand } from "../../src/host/captured-command.ts";
import { makeNodeHost } from "../../src/host/node-host.ts";

const [outcomeFile = "", timeMs = "", ...command] = process.argv.slice(2);
const { env, interrupts } = makeNodeHost();
try {
  const outcome = await captureCommand(command, env, { maxBytes: 4096, timeMs: Number(timeMs) }, interrupts);
  writeFileSync(outcomeFile, JSON.stringify(outcome));
} catch (error) {
  if (!(error instanceof InterruptedError)) throw error;
  writeFileSync(outcomeFile, JSON.stringify({ kind: error.signal }));
  process.exitCode = error.exitCode;
}
