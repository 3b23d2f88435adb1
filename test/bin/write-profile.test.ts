import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { runProgram } from "./built-program.ts";
import { startWorld } from "./test-world.ts";

it("many processes that write profiles at once lose nothing of each other's, and leave no temporary file", async ({
  onTestFinished,
}) => {
  const world = await startWorld();
  onTestFinished(() => world.close());
  await world.login("dev");
  const file = world.env.AWS_SHARED_CREDENTIALS_FILE ?? "";
  const before = readFileSync(file, "utf8");
  const names = Array.from({ length: 10 }, (_, index) => `work-${index}`);
  const runs = await Promise.all(
    names.map((name) => runProgram(["dev", "export", "--write-profile", name], { env: world.env, timeoutMs: 60_000 })),
  );
  expect(runs.map(({ status }) => status)).toEqual(names.map(() => 0));
  const text = readFileSync(file, "utf8");
  expect(text.startsWith(before.trimEnd())).toBe(true);
  expect([...text.matchAll(/^\[(work-\d)\]$/gm)].map(([, name]) => name).sort()).toEqual(names);
  expect(readdirSync(dirname(file)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});
