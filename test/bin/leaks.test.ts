import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Environment, findProgram, PROGRAM, PROJECT_FOLDER, run, titled } from "./built-program.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// What the program touches, and what can be seen of it from outside (ACCEPTANCE.md T11, T13, V5; DESIGN.md, "no file is
// read behind our back").

let world: TestWorld;
let env: Environment;

beforeAll(async () => {
  world = await startWorld();
  // Everything that a library might pick up by itself, in the home and in the working folder. None of it is meant.
  for (const folder of [world.home, world.folder]) {
    mkdirSync(join(folder, ".aws", "sso", "cache"), { recursive: true });
    writeFileSync(join(folder, ".aws", "config"), "[profile dev]\nregion = trap\n");
    writeFileSync(join(folder, ".aws", "credentials"), "not even a section\n");
    for (const name of [".env", ".npmrc", ".node_repl_history", "assume-mfa.json", "config", "package.json"]) {
      writeFileSync(join(folder, name), "AWS_REGION=trap\n");
    }
    const module = join(folder, "node_modules", "@aws-sdk", "client-sts");
    mkdirSync(module, { recursive: true });
    writeFileSync(join(module, "index.js"), `require("node:fs").writeFileSync("${join(folder, "SPRUNG")}", "")\n`);
  }
  env = { ...world.env, AWS_SDK_LOAD_CONFIG: "1" };
});

afterAll(() => world.close());

const instance = (nth: number) => world.runningInstances()[nth] ?? "";

const strace = findProgram("strace");

describe.skipIf(strace === undefined)(titled("as the kernel sees it", ["strace", strace]), () => {
  /** @returns each path that was named to the kernel, and each address that was called */
  async function trace(args: readonly string[]) {
    const log = join(world.folder, `trace-${Math.random()}`);
    const { status, stderr } = await run(
      [strace ?? "", "-f", "-qq", "-s", "4096", "-e", "trace=%file,connect,bind", "-o", log, process.execPath, ...args],
      { env, cwd: world.folder },
    );
    const text = readFileSync(log, "utf8");
    const addresses = text.split("\n").filter((line) => /\b(?:connect|bind)\(/.test(line));
    // The first string of a call is a path, but for rename and link, which name two.
    const calls = text.split("\n").filter((line) => !/\b(?:connect|bind|execve)\(/.test(line));
    const paths = calls.flatMap((line) =>
      [...line.replace(/ = .*$/, "").matchAll(/"([^"]*)"/g)].map(([, path]) => path),
    );
    return { status, stderr, addresses, paths: new Set(paths.filter((path): path is string => !!path)) };
  }

  it("opens the two AWS files and its cache, and calls the endpoint: nothing else of the user's", async () => {
    const bare = await trace(["-e", "0"]);
    const ofNode = (path: string) =>
      bare.paths.has(path) ||
      // The C library, the time zone, and Node's own look at its process.
      /^\/(?:(?:proc|sys|dev|lib|lib64|usr|etc\/(?:ld\.so\.|ssl\/|localtime))(?:\/|$)|etc\/ld|etc\/localtime|etc$)/.test(
        path,
      );
    const program = realpathSync(PROJECT_FOLDER);
    const ofTheProgram = (path: string) =>
      new RegExp(`^${literally(program)}/(?:(?:bin|dist)(?:/|$)|package\\.json$)`).test(path) ||
      `${program}/`.startsWith(`${path}/`);
    const cache = join(env.XDG_CACHE_HOME ?? "", "assume-mfa");
    const state = join(env.XDG_STATE_HOME ?? "", "assume-mfa");
    const named = [env.AWS_CONFIG_FILE, env.AWS_SHARED_CREDENTIALS_FILE];

    // Cold with a code, then on a hit, then with each of the service clients.
    for (const args of [
      ["dev", "login", "--token-code", world.freshCode()],
      ["dev", "export"],
      ["dev", "terminate", instance(0), "--yes", "--no-wait"],
      ["dev", "delete-table", "orders", "--yes", "--no-wait"],
    ]) {
      const { status, stderr, paths, addresses } = await trace([PROGRAM, ...args]);
      expect({ args, status, stderr: status === 0 ? "" : stderr }).toEqual({ args, status: 0, stderr: "" });
      for (const file of named) expect(paths).toContain(file);
      const others = [...paths].filter(
        // The first is where the lock asks in whose sight a process id means what it means.
        (path) =>
          !/^pid:\[\d+\]$/.test(path) &&
          !ofNode(path) &&
          !ofTheProgram(path) &&
          !named.includes(path) &&
          !path.startsWith(cache) &&
          // The history; whether there is a home at all.
          !path.startsWith(state) &&
          path !== world.home,
      );
      expect({ args, others }).toEqual({ args, others: [] });
      const port = new URL(world.sandbox.endpoint).port;
      const elsewhere = addresses.filter((line) => !line.includes(`htons(${port}), sin_addr=inet_addr("127.0.0.1")`));
      expect({ args, elsewhere }).toEqual({ args, elsewhere: [] });
    }
    expect(readdirSync(world.folder)).not.toContain("SPRUNG");
  });
});

describe("secrets", () => {
  function secretsOf(folder: string): readonly string[] {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .flatMap((entry) => {
        const text = readFileSync(join(entry.parentPath, entry.name), "utf8");
        return [...text.matchAll(/(?:aws_secret_access_key = |"(?:secretAccessKey|sessionToken)":")([^"\n]+)/g)];
      })
      .map(([, secret = ""]) => secret);
  }

  it("stand in no process's arguments, from the prompt to the end of a child", async () => {
    const seen = new Set<string>();
    const sampler = setInterval(() => {
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        try {
          seen.add(readFileSync(join("/proc", pid, "cmdline"), "utf8"));
        } catch {
          // it ended
        }
      }
    }, 5);
    try {
      const { status, stderr } = await run(
        [
          "bash",
          "-ec",
          `{ sleep 0.1; echo "$CODE"; } | assume-mfa dev login --refresh --token-code -
           eval "$(assume-mfa dev export)"
           assume-mfa dev instances
           assume-mfa sandbox run -- sh -c 'cp "$AWS_SHARED_CREDENTIALS_FILE" inner
             assume-mfa dev login --token-code "$(assume-mfa sandbox code)"; cp -r "$XDG_CACHE_HOME" inner-cache'`,
        ],
        { env: { ...env, CODE: world.freshCode() }, cwd: world.folder },
      );
      expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
    } finally {
      clearInterval(sampler);
    }
    const secrets = [...secretsOf(dirname(world.home)), ...secretsOf(world.folder)];
    expect(new Set(secrets).size).toBeGreaterThanOrEqual(6); // two worlds: a user's secret, a session's, its token
    expect([...seen].filter((words) => words.includes("assume-mfa")).length).toBeGreaterThanOrEqual(5);
    const showing = [...seen].filter((words) => secrets.some((secret) => words.includes(secret)));
    expect(showing).toEqual([]);
  });

  it.each(["NODE_DEBUG", "DEBUG", "--debug"])("are not shown with %s, whatever fails", async (way) => {
    const loud: Environment = way === "--debug" ? {} : { [way]: way === "NODE_DEBUG" ? "http,net,tls,stream" : "*" };
    const more = way === "--debug" ? ["--debug"] : [];
    await world.run(["dev", "login", "--token-code", world.freshCode(), ...more], { ...env, ...loud });
    const secrets = secretsOf(dirname(world.home));
    const outcomes = await Promise.all(
      [
        ["dev", "whoami"],
        ["dev", "instances", "i-0123456789abcdef0"],
        ["dev", "login", "--refresh", "--token-code", world.wrongCode()],
        ["dev", "instances", "--endpoint-url", "http://127.0.0.1:1"],
      ].map((args) => world.run([...args, ...more], { ...env, ...loud, ASSUME_MFA_SANDBOX: "" })),
    );
    expect(outcomes.map(({ status }) => status === 0)).toEqual([true, false, false, false]);
    for (const { stdout, stderr } of outcomes) {
      expect(secrets.filter((secret) => `${stdout}${stderr}`.includes(secret))).toEqual([]);
      expect(stderr).not.toMatch(/AWS4-HMAC|x-amz-security-token/i);
    }
  });
});

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
