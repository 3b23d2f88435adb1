import { describe, expect, it } from "vitest";
import { makeProgress } from "../../src/host/progress.ts";
import { makeFakeHost } from "../support/fake-host.ts";

function run(isStderrTerminal: boolean, isQuiet: boolean, columns = 80) {
  const host = makeFakeHost({ argv: [], env: {}, now: Date.now, isStderrTerminal, columns });
  const progress = makeProgress(host, isQuiet);
  for (const text of ["one", "one", "two", "x".repeat(200)]) progress.update(text);
  progress.end();
  progress.end();
  return host;
}

describe("progress", () => {
  it("on a terminal is one line painted over, no wider than it, and gone at the end", () => {
    const { err } = run(true, false, 40);
    const painted = err.split("\r\u001b[2K").slice(1);
    expect(painted).toEqual(["one", "one", "two", "x".repeat(39), ""]);
    expect(err).not.toContain("\n");
  });

  it("elsewhere is a line for each change", () => {
    expect(run(false, false).err).toBe(`one\ntwo\n${"x".repeat(200)}\n`);
  });

  it("on a terminal that can't paint is a line for each change too", () => {
    for (const isQuiet of [false, true]) {
      const host = makeFakeHost({ argv: [], env: { TERM: "dumb" }, now: Date.now, isStderrTerminal: true });
      const progress = makeProgress(host, isQuiet);
      for (const text of ["one", "one", "two"]) progress.update(text);
      progress.end();
      expect(host.err).toBe(isQuiet ? "" : "one\ntwo\n");
    }
  });

  it("is nothing with --quiet", () => {
    expect(run(true, true).err + run(false, true).err).toBe("");
  });

  it("that never began ends without a trace", () => {
    const host = makeFakeHost({ argv: [], env: {}, now: Date.now, isStderrTerminal: true });
    makeProgress(host, false).end();
    expect(host.err).toBe("");
  });
});
