import { Command } from "commander";
import { ACTIONS } from "../../src/cli/catalogue.ts";
import type { Services } from "../../src/cli/services.ts";
import { demand } from "./cli-world.ts";

export interface DestructiveEntry {
  readonly name: string;
  readonly operands: string;
}

/** Every action of the catalogue that can be told not to ask: a new one is among them by itself. */
export async function destructiveActions(): Promise<readonly DestructiveEntry[]> {
  const found: DestructiveEntry[] = [];
  for (const { name, operands, load } of ACTIONS) {
    const program = new Command().enablePositionalOptions();
    // Nothing of the services is used before a command runs.
    (await load())(program, {} as Services, "dev", () => undefined);
    const { options } = demand(program.commands.find((command) => command.name() === name));
    if (options.some(({ long }) => long === "--yes")) found.push({ name, operands });
  }
  return found;
}
