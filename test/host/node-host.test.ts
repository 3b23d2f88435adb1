import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// The real host takes a process of its own: it installs signal handlers and reads descriptor 0. The probe is a program
// of a few lines on it, bundled as the product is.

const PROBE = `
import { makeNodeHost, exitProcess } from "SRC/host/node-host.ts";
import { runChild } from "SRC/host/child-process.ts";

const host = makeNodeHost();
const [what, ...words] = host.argv;
const say = (value) => host.stdout.write(JSON.stringify(value === undefined ? null : value) + "\\n");
const ready = () => host.stderr.write("ready\\n");
switch (what) {
  case "home":
    say(host.homeDirectory);
    break;
  case "environment":
    say([host.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED, process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED]);
    break;
  case "terminal":
    say([host.stdout.isTerminal, host.stdout.columns, host.stderr.isTerminal, host.openTerminal() === undefined]);
    break;
  case "lines": {
    const first = await host.readStdinLine(64).catch((error) => error.name);
    // The next reader of the same descriptor gets all the rest.
    exitProcess(await runChild(["sh", "-c", "printf '%s\\\\n' '" + String(first) + "'; cat"], host.env, host.interrupts));
  }
  case "big":
    host.stdout.write("x".repeat(Number(words[0])) + "\\n");
    break;
  case "sleep": {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("the reason")), 20);
    const early = await host.sleep(60_000, controller.signal).catch((error) => error.message);
    const at = Date.now();
    await host.sleep(30);
    say([early, Date.now() - at >= 29, await host.sleep(1, controller.signal).catch((error) => error.message)]);
    break;
  }
  case "hold": {
    const release = host.interrupts.hold();
    release();
    release();
    const again = host.interrupts.hold(() => "last words");
    host.interrupts.hold(() => undefined);
    host.interrupts.hold(() => "last words");
    host.interrupts.signal.addEventListener("abort", () => {
      say([host.interrupts.isHeld, host.interrupts.signal.reason.signal, host.interrupts.signal.reason.exitCode]);
    });
    ready();
    await host.sleep(60_000);
    again();
  }
}
exitProcess(0);
`;

let folder: string;
let probe: string;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(tmpdir(), "assume-mfa-test-"));
  const entry = path.join(folder, "probe.mjs");
  fs.writeFileSync(entry, PROBE.replaceAll("SRC", path.resolve("src")));
  const bundle = await rolldown({ input: entry, platform: "node", external: ["@inquirer/prompts"] });
  probe = path.join(folder, "probe.bundled.mjs");
  await bundle.write({ file: probe, format: "esm", codeSplitting: false });
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function start(words: readonly string[], env: NodeJS.ProcessEnv = {}, stdin: "pipe" | "ignore" | number = "ignore") {
  // Without a controlling terminal, whatever the tests run in.
  const child: ChildProcess = spawn(process.execPath, [probe, ...words], {
    env: { PATH: process.env.PATH, ...env },
    stdio: [stdin, "pipe", "pipe"],
    detached: true,
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (bytes) => {
    stdout += bytes;
  });
  child.stderr?.on("data", (bytes) => {
    stderr += bytes;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code, signal) => resolve({ stdout, stderr, code, signal }));
  });
  return { child, ended, hasSaid: (text: string) => stderr.includes(text) };
}

const result = async (words: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  JSON.parse((await start(words, env).ended).stdout);

describe.concurrent("the real host", () => {
  it.each([
    [{ HOME: "/usr" }, "/usr"],
    [{ HOME: "/home/nobody-of-that-name" }, null],
    [{ HOME: "/etc/passwd" }, null],
    [{ HOME: "relative/home" }, null],
    [{ HOME: "" }, null],
  ])("with %j has the home folder %s", async (env, home) => {
    expect(await result(["home"], env)).toBe(home);
  });

  it("without HOME asks the system for the home folder", async () => {
    expect(await result(["home"])).toMatch(/^\//);
  });

  it("hands on an environment without what it set for the SDK", async () => {
    expect(await result(["environment"])).toEqual([null, "true"]);
  });

  it("without a terminal has none, and no columns", async () => {
    expect(await result(["terminal"])).toEqual([false, null, false, true]);
  });

  it("sleeps, and ends early with the signal's reason", async () => {
    expect(await result(["sleep"])).toEqual(["the reason", true, "the reason"]);
  });

  it("writes all of a large text before it ends, however slowly it is read", async () => {
    const { stdout, code } = await start(["big", "3000000"]).ended;
    expect([stdout.length, code]).toEqual([3_000_001, 0]);
  });
});

describe.concurrent("standard input", () => {
  const rest = "the rest\n\u0001binary";

  it("of a pipe: one line and not a byte more", async () => {
    const { child, ended } = start(["lines"], {}, "pipe");
    child.stdin?.end(`first\r\n${rest}`);
    expect((await ended).stdout).toBe(`first\n${rest}`);
  });

  it("of a pipe whose writer takes its time, byte by byte", async () => {
    const { child, ended } = start(["lines"], {}, "pipe");
    for (const byte of "first\n") {
      child.stdin?.write(byte);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.stdin?.end(rest);
    expect((await ended).stdout).toBe(`first\n${rest}`);
  });

  it("of a file: the next reader goes on behind the line", async () => {
    const file = path.join(folder, "input");
    fs.writeFileSync(file, `first\n${rest}`);
    const fd = fs.openSync(file, "r");
    const { ended } = start(["lines"], {}, fd);
    expect((await ended).stdout).toBe(`first\n${rest}`);
    fs.closeSync(fd);
  });

  it.each([
    ["", "undefined\n"],
    ["no end", "no end\n"],
    ["\nsecond", "\nsecond"],
  ])("that is %j", async (input, output) => {
    const { child, ended } = start(["lines"], {}, "pipe");
    child.stdin?.end(input);
    expect((await ended).stdout).toBe(output);
  });

  it("whose first line is too long is given up, and what follows is left", async () => {
    const { child, ended } = start(["lines"], {}, "pipe");
    child.stdin?.end("x".repeat(100));
    expect((await ended).stdout).toBe(`RangeError\n${"x".repeat(35)}`);
  });
});

describe.concurrent("a signal", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGQUIT", 131],
  ] as const)("%s that is held is told, and a second one ends the process with %i", async (signal, exitCode) => {
    const { child, ended, hasSaid } = start(["hold"]);
    while (!hasSaid("ready")) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill(signal);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.kill(signal);
    const { stdout, stderr, code } = await ended;
    expect(JSON.parse(stdout)).toEqual([true, signal, exitCode]);
    expect(stderr).toMatch(/^ready\s*last words\n$/);
    expect(code).toBe(exitCode);
  });
});
