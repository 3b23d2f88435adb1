import { exitProcess, makeNodeHost } from "./host/node-host.ts";
import { main } from "./main.ts";

/** The built program's door, called by bin/assume-mfa.js. */
export async function start(): Promise<void> {
  exitProcess(await main(makeNodeHost()));
}
