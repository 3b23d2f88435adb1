import fs from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { main } from "../../src/main.ts";
import { fetchSandboxCalls } from "../../src/sandbox/sandbox-client.ts";
import { openCliWorld } from "../support/cli-world.ts";
import { type FakeHost, makeFakeHost } from "../support/fake-host.ts";

// What `sandbox start` and `sandbox run` can be told: faults on purpose, a world that is kept; and the world's clock.

const world = await openCliWorld();
const temporary = path.join(world.folder, "tmp");
fs.mkdirSync(temporary);
process.env.TMPDIR = temporary;
beforeEach(() => world.newCache());

let folders = 0;
const newFolder = () => path.join(world.folder, `kept-${++folders}`);

/** A host outside of any sandbox, or inside one. */
function hostOf(argv: readonly string[], env: Record<string, string> = {}): FakeHost {
  return makeFakeHost({ argv, env: { PATH: process.env.PATH, ...env }, now: Date.now, homeDirectory: world.folder });
}

async function runIn(env: Record<string, string>, line: string, ...more: string[]) {
  const host = hostOf([...line.split(" "), ...more], env);
  const exitCode = await main(host);
  return { exitCode, stdout: host.out, stderr: host.err };
}

/** Starts one in this process, works in it as another shell would, and stops it with Ctrl-C. */
async function withSandbox<T>(
  words: readonly string[],
  work: (env: Record<string, string>, host: FakeHost) => Promise<T>,
): Promise<T> {
  const host = hostOf(["sandbox", "start", ...words]);
  const ended = main(host);
  while (!host.err.includes("Ctrl-C stops it")) {
    await Promise.race([
      new Promise((resolve) => setTimeout(resolve, 5)),
      ended.then((exitCode) => Promise.reject(new Error(`ended with ${exitCode}: ${host.err}`))),
    ]);
  }
  const env = Object.fromEntries(
    [...host.out.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]),
  );
  try {
    return await work(env, host);
  } finally {
    host.interrupts.raise("SIGINT");
    expect(await ended).toBe(130);
  }
}

const login = async (env: Record<string, string>, target = "dev") => {
  const code = (await runIn(env, "sandbox code --fresh")).stdout.trim();
  return runIn(env, `${target} login`, "-t", code);
};

const FAULTS: readonly (readonly [fault: string, line: string, exitCode: number, says: RegExp])[] = [
  ["drop-reply:AssumeRole", "login", 1, /AssumeRole got no usable answer.*\n.*may be used up/],
  ["cut-reply=100:AssumeRole", "login", 1, /AssumeRole got no usable answer.*\n.*may be used up/],
  ["late-5xx:AssumeRole", "login", 1, /the service answered 5\d\d.*\n.*may be used up/],
  ["5xx:AssumeRole", "login", 1, /the service answered 5\d\d.*\n.*may be used up/],
  ["throttle:AssumeRole", "login", 1, /AWS is being called too often: Rate exceeded/],
  ["slow=50ms:AssumeRole", "login", 0, /^SANDBOX/],
  ["clock-skew=+20m", "login", 0, /this computer's clock is 20 min behind AWS's: requests were signed by AWS's/],
  ["clock-skew=-20m", "login", 0, /this computer's clock is 20 min ahead of AWS's: requests were signed by AWS's/],
  ["drop-reply:TerminateInstances:1", "terminate", 0, /looking again shows that it was carried out/],
];

describe("--fault", () => {
  it.each(FAULTS)("%s: %s ends with %i and says so", async (fault, line, exitCode, says) => {
    await withSandbox(["--fault", fault], async (env) => {
      if (line === "login") {
        expect(await login(env)).toMatchObject({ exitCode, stderr: expect.stringMatching(says) });
        return;
      }
      await login(env);
      const listed = await runIn(env, "dev instances -o json");
      const id = JSON.parse(listed.stdout)[0].result[0].id;
      expect(await runIn(env, `dev terminate ${id} --yes`)).toMatchObject({
        exitCode,
        stderr: expect.stringMatching(says),
      });
    });
  });

  it("silent: no answer comes, and nothing was done", async () => {
    await withSandbox(["--fault", "silent:AssumeRole"], async (env) => {
      const code = (await runIn(env, "sandbox code")).stdout.trim();
      const host = hostOf(["dev", "login", "-t", code], env);
      const ended = main(host);
      await expect
        .poll(async () => (await fetchSandboxCalls(env.AWS_ENDPOINT_URL ?? "")).map(({ fault }) => fault))
        .toContain("silent");
      host.interrupts.raise("SIGINT");
      expect(await ended).toBe(130);
      expect((await runIn(env, "sandbox code --fresh")).stdout.trim()).toBe(code);
    });
  });

  it("is repeatable, and each happens as often as it says", async () => {
    const faults = ["--fault", "throttle:AssumeRole:1", "--fault", "5xx:GetCallerIdentity:1"];
    await withSandbox(faults, async (env) => {
      expect(await login(env)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("GetCallerIdentity") });
      expect(await login(env)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("too often") });
      // The code left this machine, and nobody says that it was not used.
      expect(await login(env)).toMatchObject({ exitCode: 7 });
      await runIn(env, "sandbox clock +30s");
      expect(await login(env)).toMatchObject({ exitCode: 0 });
    });
  });

  it("serves sandbox run, too", async () => {
    const host = hostOf(["sandbox", "run", "--fault", "clock-skew=+20m", "--", "sh", "-c", "exit 3"]);
    expect(await main(host)).toBe(3);
  });

  it.each(["", "nonsense", "drop-reply", "drop-reply:", "clock-skew=x", "5xx:A:0", "slow:AssumeRole", "\u001b[2J:X"])(
    "%j is none: exit 2 with the grammar, 125 for run, and nothing is run",
    async (fault) => {
      const start = hostOf(["sandbox", "start", "--fault", fault]);
      expect(await main(start)).toBe(2);
      expect(start.out).toBe("");
      expect(start.err).toMatch(/^assume-mfa: error: no such fault: .*\nassume-mfa: hint: faults are drop-reply:/);
      const ran = path.join(world.folder, "ran");
      const run = hostOf(["sandbox", "run", "--fault", fault, "--", "touch", ran]);
      expect(await main(run)).toBe(125);
      expect(run.err).toBe(start.err);
      expect(fs.existsSync(ran)).toBe(false);
      expect(fs.readdirSync(temporary)).toEqual([]);
    },
  );
});

describe("--state-dir", () => {
  const modeOf = (file: string) => (fs.statSync(file).mode & 0o777).toString(8);

  it("keeps the world: what was terminated is gone in the next run, the keys stay, all of it is private", async () => {
    const folder = newFolder();
    const before = process.umask(0);
    try {
      const first = await withSandbox(["--state-dir", folder], async (env) => {
        await login(env);
        const listed = JSON.parse((await runIn(env, "dev instances -o json")).stdout)[0].result;
        const [{ id }] = listed;
        expect(await runIn(env, `dev terminate ${id} --yes`)).toMatchObject({ exitCode: 0 });
        expect(await runIn(env, "sandbox clock +2h")).toMatchObject({ exitCode: 0 });
        return {
          id,
          count: listed.length,
          credentials: fs.readFileSync(env.AWS_SHARED_CREDENTIALS_FILE ?? "", "utf8"),
        };
      });
      expect(fs.readdirSync(folder).sort()).toEqual(["home", "world.json"]);
      const second = await withSandbox(["--state-dir", folder], async (env) => {
        await login(env);
        const listed = JSON.parse((await runIn(env, "dev instances -o json")).stdout)[0].result;
        const clock = Date.parse((await runIn(env, "sandbox clock")).stdout.trim());
        expect(clock - Date.now()).toBeGreaterThan(7_190_000);
        return { listed, credentials: fs.readFileSync(env.AWS_SHARED_CREDENTIALS_FILE ?? "", "utf8") };
      });
      expect(second.credentials).toBe(first.credentials);
      expect(second.listed.find(({ id }: { id: string }) => id === first.id)?.state ?? "gone").toMatch(
        /terminated|gone/,
      );
      for (const name of ["", ...fs.readdirSync(folder, { recursive: true, encoding: "utf8" })]) {
        const file = path.join(folder, name);
        expect([name, modeOf(file)]).toEqual([name, fs.statSync(file).isDirectory() ? "700" : "600"]);
      }
    } finally {
      process.umask(before);
    }
    expect(fs.readdirSync(temporary)).toEqual([]);
  });

  it("a cached session of one run serves the next on the same port", async () => {
    const folder = newFolder();
    const port = await withSandbox(["--state-dir", folder], async (env) => {
      expect(await login(env)).toMatchObject({ exitCode: 0 });
      return new URL(env.AWS_ENDPOINT_URL ?? "").port;
    });
    await withSandbox(["--state-dir", folder, "--port", port], async (env) => {
      expect(await runIn(env, "dev whoami --no-input")).toMatchObject({ exitCode: 0 });
    });
  });

  it("serves sandbox run, too, from any folder that it is named from", async () => {
    const folder = newFolder();
    const outputs: string[] = [];
    for (const nth of [1, 2]) {
      const out = path.join(world.folder, `credentials-${nth}`);
      const named = nth === 1 ? folder : path.relative(process.cwd(), folder);
      const host = hostOf([
        "sandbox",
        "run",
        "--state-dir",
        named,
        "--",
        "sh",
        "-c",
        `cat "$AWS_SHARED_CREDENTIALS_FILE" >${out}`,
      ]);
      expect(await main(host)).toBe(0);
      outputs.push(fs.readFileSync(out, "utf8"));
    }
    expect(outputs[0]).toBe(outputs[1]);
    expect(outputs[0]).toContain("aws_secret_access_key");
  });

  it("without it nothing is kept: the keys are others in each run", async () => {
    const read = (env: Record<string, string>) =>
      Promise.resolve(fs.readFileSync(env.AWS_SHARED_CREDENTIALS_FILE ?? "", "utf8"));
    expect(await withSandbox([], read)).not.toBe(await withSandbox([], read));
    expect(fs.readdirSync(temporary)).toEqual([]);
  });

  it("a damaged world is a plain error that names the file: exit 1, 125 for run, and it is left as it is", async () => {
    const folder = newFolder();
    await withSandbox(["--state-dir", folder], async () => undefined);
    const file = path.join(folder, "world.json");
    fs.truncateSync(file, 1_000);
    const text = fs.readFileSync(file, "utf8");
    const start = hostOf(["sandbox", "start", "--state-dir", folder]);
    expect(await main(start)).toBe(1);
    expect(start).toMatchObject({
      out: "",
      err: `assume-mfa: error: the sandbox's state in ${file} is damaged\nassume-mfa: hint: remove the file to start with a new world\n`,
    });
    const run = hostOf(["sandbox", "run", "--state-dir", folder, "--", "true"]);
    expect(await main(run)).toBe(125);
    expect(run.err).toBe(start.err);
    expect(fs.readFileSync(file, "utf8")).toBe(text);
  });

  it.each<[string, () => string, number, RegExp]>([
    ["an empty name", () => "", 2, /error: --state-dir is empty/],
    ["a file", () => process.execPath, 1, /error: \S+ is no folder/],
    ["what can't be made", () => "/proc/nobody", 1, /error: /],
  ])("%s is an error", async (_what, name, exitCode, says) => {
    const host = hostOf(["sandbox", "start", "--state-dir", name()]);
    expect(await main(host)).toBe(exitCode);
    expect(host.out).toBe("");
    expect(host.err).toMatch(says);
    expect(host.err).toMatch(/^(?:assume-mfa: (?:error|hint): .*\n)+$/);
  });
});

describe("sandbox clock", () => {
  it("tells the world's time, and moves it on", async () => {
    const before = await world.run("sandbox clock");
    expect(before).toMatchObject({ exitCode: 0, stderr: "" });
    expect(before.stdout).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n$/);
    expect(Math.abs(Date.parse(before.stdout.trim()) - world.sandbox.now())).toBeLessThan(5_000);
    for (const [move, byMs] of [
      ["+20m", 1_200_000],
      ["+90s", 90_000],
      ["+1h", 3_600_000],
      ["+500ms", 500],
      ["2d", 172_800_000],
    ] as const) {
      const startMs = world.sandbox.now();
      const moved = await world.run(["sandbox", "clock", move]);
      expect(moved).toMatchObject({ exitCode: 0, stderr: "" });
      expect(Date.parse(moved.stdout.trim()) - startMs - byMs).toBeGreaterThanOrEqual(0);
      expect(Date.parse(moved.stdout.trim()) - startMs - byMs).toBeLessThan(5_000);
    }
  });

  it("+0m moves nothing", async () => {
    const startMs = world.sandbox.now();
    expect(await world.run("sandbox clock +0m")).toMatchObject({ exitCode: 0 });
    expect(world.sandbox.now() - startMs).toBeLessThan(5_000);
  });

  it.each([
    "",
    "x",
    "20",
    "+20",
    "20 m",
    "+20min",
    "+1.5h",
    "-20m",
    "-1s",
    "+-1s",
    "1h30m",
    "+999999999d",
    "4000d",
    "\u001b[2J",
  ])("%j is no time: exit 2, and nothing is moved", async (move) => {
    const startMs = world.sandbox.now();
    const run = await world.run(["sandbox", "clock", "--", move]);
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toMatch(
      /^assume-mfa: error: ".*" is no time to move on by\nassume-mfa: hint: write it as \+20m/,
    );
    expect(world.sandbox.now() - startMs).toBeLessThan(5_000);
    if (move.startsWith("-")) expect(await world.run(["sandbox", "clock", move])).toMatchObject({ exitCode: 2 });
  });

  it.each([
    ["outside of a sandbox", undefined, /this is not inside a sandbox/],
    ["where it is gone", "http://127.0.0.1:9", /no sandbox answers at http:\/\/127\.0\.0\.1:9/],
    ["at a name", world.sandbox.endpoint.replace("127.0.0.1", "localhost"), /is no sandbox: not http on 127\.0\.0\.1/],
  ])("%s it is exit 1", async (_where, endpoint, says) => {
    for (const words of ["sandbox clock", "sandbox clock +1m", "sandbox code", "sandbox code --fresh"]) {
      const run = await world.run(words, { env: { ASSUME_MFA_SANDBOX: endpoint } });
      expect(run).toMatchObject({ exitCode: 1, stdout: "", operations: [] });
      expect(run.stderr).toMatch(says);
    }
  });

  it("is the clock of the programs inside: a session that ends soon by it asks for a new code", async () => {
    await withSandbox([], async (env) => {
      await login(env);
      const whoami = () => runIn(env, "dev whoami --no-input");
      expect(await whoami()).toMatchObject({ exitCode: 0 });
      await runIn(env, "sandbox clock +54m");
      expect(await whoami()).toMatchObject({ exitCode: 0 });
      // Within the five minutes that a session must last: 4 of 60 are left.
      await runIn(env, "sandbox clock +2m");
      expect(await whoami()).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("a token code is needed") });
      expect(await login(env)).toMatchObject({ exitCode: 0 });
      expect(await whoami()).toMatchObject({ exitCode: 0 });
      // A code of before is none any more, and a week later there is another.
      const stale = (await runIn(env, "sandbox code")).stdout.trim();
      await runIn(env, "sandbox clock +7d");
      expect(await runIn(env, "dev login", "-t", stale)).toMatchObject({ exitCode: 4 });
      expect(await login(env)).toMatchObject({ exitCode: 0 });
    });
  });
});
