import { accessSync, constants, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

/** The commands of the README that stand alone in a fenced block. */
function fencedCommands(readme: string): readonly string[] {
  return [...readme.matchAll(/^```sh\n(.+)\n```$/gm)].map(([, command = ""]) => command);
}

describe("the README's two commands", () => {
  const commands = fencedCommands(read("README.md"));
  const scripts = (JSON.parse(read("package.json")) as { readonly scripts: Readonly<Record<string, string>> }).scripts;

  it("stand there, alone in their blocks", () => {
    expect(commands).toContain("npm ci --ignore-scripts && npm run demo");
    expect(commands).toContain("npm ci --ignore-scripts && npm test");
  });

  it("name scripts that are there", () => {
    for (const command of commands) {
      const [, script] = /npm (?:run )?(\w+)$/.exec(command) ?? [];
      expect(Object.keys(scripts)).toContain(script);
    }
  });

  it("are what CI runs: the test command, word for word, as its last line", () => {
    const lines = read(".ci/run").trimEnd().split("\n");
    expect(lines.filter((line) => /^\s*npm\b/.test(line))).toEqual(["npm ci --ignore-scripts && npm test"]);
    expect(lines.at(-1)).toBe("npm ci --ignore-scripts && npm test");
    accessSync(fileURLToPath(new URL("../.ci/run", import.meta.url)), constants.X_OK);
  });
});
