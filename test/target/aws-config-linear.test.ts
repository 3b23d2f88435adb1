import { Session } from "node:inspector";
import { afterAll, describe, expect, it } from "vitest";

/**
 * V8's precise counters: how often each block of the room's own source ran, which is work done whatever the clock says.
 * On from before the source is loaded, since what was compiled without them is not counted. In a file of its own, since
 * reading them resets what a coverage run reads.
 */
const session = new Session();
session.connect();
session.post("Profiler.enable");
session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
const { makeAwsConfig, parseAwsConfig } = await import("../../src/target/aws-config.ts");
afterAll(() => session.disconnect());

function blocksRun(work: () => void): number {
  takeCounts();
  work();
  return takeCounts();
}

function takeCounts(): number {
  let total = 0;
  session.post("Profiler.takePreciseCoverage", (error, coverage) => {
    if (error !== null) throw error;
    for (const script of coverage.result) {
      if (!script.url.includes("/src/target/")) continue;
      for (const fn of script.functions) for (const range of fn.ranges) total += range.count;
    }
  });
  return total;
}

function configOf(count: number): string {
  const profile = (index: number) =>
    `[profile p${index}]\nrole_arn = arn:aws:iam::222222222222:role/R${index} # x\nsource_profile = parent\n\ns3 =\n  a = b\n`;
  return Array.from({ length: count }, (_, index) => profile(index)).join("");
}

function credentialsOf(count: number): string {
  return Array.from({ length: count }, (_, index) => `[p${index}]\nregion = us-east-1\n`).join("");
}

function read(count: number) {
  const config = parseAwsConfig(configOf(count), "config", "config");
  return makeAwsConfig(config, parseAwsConfig(credentialsOf(count), "credentials", "credentials"));
}

describe("a long config file", () => {
  it("takes ten times the work for ten times the profiles", () => {
    const work = (count: number) =>
      blocksRun(() => {
        expect(read(count).roleProfileNames()).toHaveLength(count);
      });
    const small = work(1000);
    const large = work(10_000);
    expect(small).toBeGreaterThan(10_000);
    expect(large / small).toBeGreaterThan(9);
    expect(large / small).toBeLessThan(11);
  });

  it.each([
    ["one value of a million blank lines", `[default]\na = b\n${"\n".repeat(1_000_000)}  c\n`],
    ["one value of 300,000 continuation lines", `[default]\na =\n${"  b = c\n".repeat(300_000)}`],
    ["a line of a million blanks", `[default]\na = b${" ".repeat(1_000_000)}c # d\n`],
    ["a header of a million quotes", `[profile ${'"'.repeat(1_000_000)}]\n`],
    [
      "a hundred thousand keys",
      `[default]\n${Array.from({ length: 100_000 }, (_, index) => `k${index}=v\n`).join("")}`,
    ],
  ])("reads %s", (_, text) => {
    expect(parseAwsConfig(text, "config", "config").profiles.size).toBe(1);
  });

  it("reads a hundred thousand profiles", () => {
    expect(read(100_000).profile("p99999")?.get("region")?.line).toBe(199_999 + 1);
  });
});
