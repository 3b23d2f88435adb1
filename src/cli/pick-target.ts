import { openPickTerminal } from "../host/terminal.ts";
import { alignedLines } from "../outputs/table.ts";
import { visibleText } from "../text/visible-text.ts";
import type { Services } from "./services.ts";

/** No arguments on a terminal: picks one of the profiles with a role. @returns undefined when there is none */
export async function pickTargetName(services: Services): Promise<string | undefined> {
  const config = services.loadConfig();
  const names = config.roleProfileNames();
  if (names.length === 0) return undefined;
  const labels = alignedLines(names.map((name) => [name, config.profile(name)?.get("role_arn")?.value ?? ""]));
  const terminal = openPickTerminal(services.host);
  try {
    return await terminal?.pick(
      "Which target?",
      labels.map((label, index) => ({ value: names[index] ?? "", label, short: visibleText(names[index] ?? "") })),
    );
  } finally {
    terminal?.close();
  }
}
