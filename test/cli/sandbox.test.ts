import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { main } from "../../src/main.ts";
import { DEV_ROLE, openCliWorld, SERIAL } from "../support/cli-world.ts";
import { type FakeHost, makeFakeHost } from "../support/fake-host.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";

const world = await openCliWorld();
// Of this file alone: what sandboxes leave behind is looked for there.
const temporary = path.join(world.folder, "tmp");
fs.mkdirSync(temporary);
process.env.TMPDIR = temporary;
let servers: Server[] = [];
beforeEach(() => world.newCache());
afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
});

/** A host outside of any sandbox. */
function outside(argv: readonly string[], env: Record<string, string> = {}): FakeHost {
  return makeFakeHost({ argv, env: { PATH: process.env.PATH, ...env }, now: Date.now, homeDirectory: world.folder });
}

function homes(): string[] {
  return fs.readdirSync(temporary);
}

/** Something else on loopback. @returns its URL */
async function listen(answer: (url: string) => { status: number; body: string }): Promise<string> {
  const server = createServer((request, response) => {
    const { status, body } = answer(request.url ?? "");
    response.writeHead(status, { "content-type": "application/json" }).end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("the SANDBOX mark", () => {
  it.each(["login", "whoami", "instances", "tables", "table orders", "terminate i-0123456789abcdef0 --yes", "export"])(
    "stands on standard error of %s, first",
    async (line) => {
      const run = await world.run([...`dev ${line}`.split(" "), "-t", world.code()], { isPayload: true });
      expect(run.stderr).toMatch(new RegExp(`^SANDBOX ${world.sandbox.endpoint} \\(not AWS\\)\n`));
      expect(run.stdout).not.toContain("SANDBOX");
    },
  );

  it("stands there with --quiet too, and where nothing but the endpoint says that it is one", async () => {
    const run = await world.run(["dev", "login", "-q", "-t", world.code()], { env: { ASSUME_MFA_SANDBOX: undefined } });
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toBe(`SANDBOX ${world.sandbox.endpoint} (not AWS)\n`);
  });

  it("does not stand where something else answers on loopback", async () => {
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    const env = { AWS_ENDPOINT_URL: proxy.url, ASSUME_MFA_SANDBOX: undefined };
    const run = await world.run(["dev", "login", "-t", world.code()], { env });
    expect(run).toMatchObject({ exitCode: 0, said: "" });
    // Where it goes instead, and who says so.
    expect(run.stderr).toMatch(new RegExp(`^endpoint ${proxy.url} \\(AWS_ENDPOINT_URL(?:_EC2)?\\)\n`, "m"));
    expect(run.stderr).not.toContain("SANDBOX");
    await proxy.close();
  });

  it("does not stand where the sandbox is called by a name, which can lead elsewhere", async () => {
    const AWS_ENDPOINT_URL = world.sandbox.endpoint.replace("127.0.0.1", "localhost");
    const env = { AWS_ENDPOINT_URL, ASSUME_MFA_SANDBOX: undefined };
    const run = await world.run(["dev", "login", "-t", world.code()], { env });
    expect(run).toMatchObject({ exitCode: 0, stderr: `endpoint ${AWS_ENDPOINT_URL} (AWS_ENDPOINT_URL)\n` });
  });

  it("each endpoint is told once, with who set it: option, variable or line of the config file", async () => {
    const [one, other] = await Promise.all([
      startFaultProxy(world.sandbox.endpoint),
      startFaultProxy(world.sandbox.endpoint),
    ]);
    const config = world.configWith(
      `[profile work]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = us-east-1\nendpoint_url = ${one.url}\n`,
    );
    const env = {
      ...config,
      AWS_ENDPOINT_URL: undefined,
      AWS_ENDPOINT_URL_EC2: other.url,
      ASSUME_MFA_SANDBOX: undefined,
    };
    const run = await world.run(["work", "login", "-t", world.code()], { env });
    expect(run.exitCode).toBe(0);
    const line = fs.readFileSync(config.AWS_CONFIG_FILE, "utf8").split("\n").length - 1;
    expect(run.stderr).toBe(
      `endpoint ${one.url} (${config.AWS_CONFIG_FILE}:${line})\nendpoint ${other.url} (AWS_ENDPOINT_URL_EC2)\n`,
    );
    const byOption = await world.run(["work", "login", "--endpoint-url", other.url, "-t", world.code()], { env });
    expect(byOption).toMatchObject({ exitCode: 0, stderr: `endpoint ${other.url} (--endpoint-url)\n` });
    await Promise.all([one.close(), other.close()]);
  });

  it("nothing is told where all calls go to AWS's own addresses", async () => {
    const run = await world.run("dev login --no-input", {
      env: { AWS_ENDPOINT_URL: undefined, ASSUME_MFA_SANDBOX: undefined },
    });
    expect(run).toMatchObject({ exitCode: 2, operations: [] });
    expect(run.stderr).toMatch(/^assume-mfa: error: a token code is needed/);
  });

  it("does not stand where one service is called elsewhere", async () => {
    await world.login();
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    const env = { AWS_ENDPOINT_URL_EC2: proxy.url, ASSUME_MFA_SANDBOX: undefined };
    const run = await world.run("dev instances", { env });
    expect(run).toMatchObject({ exitCode: 0, said: "" });
    // Where it goes instead, and who says so.
    expect(run.stderr).toMatch(new RegExp(`^endpoint ${proxy.url} \\(AWS_ENDPOINT_URL(?:_EC2)?\\)\n`, "m"));
    expect(run.stderr).not.toContain("SANDBOX");
    await proxy.close();
  });
});

describe("ASSUME_MFA_SANDBOX is set and an endpoint is no sandbox", () => {
  const GONE = "http://127.0.0.1:9";

  it.each<[string, () => Promise<Record<string, string | undefined>>]>([
    ["the sandbox is gone", async () => ({ AWS_ENDPOINT_URL: GONE, ASSUME_MFA_SANDBOX: GONE })],
    ["no endpoint is set", async () => ({ AWS_ENDPOINT_URL: undefined })],
    ["an endpoint is AWS's", async () => ({ AWS_ENDPOINT_URL_EC2: "https://ec2.us-east-1.amazonaws.com" })],
    [
      "an endpoint is the sandbox by a name",
      async () => ({ AWS_ENDPOINT_URL: world.sandbox.endpoint.replace("127.0.0.1", "localhost") }),
    ],
    [
      "ASSUME_MFA_SANDBOX is the sandbox by a name",
      async () => ({ ASSUME_MFA_SANDBOX: world.sandbox.endpoint.replace("127.0.0.1", "localhost") }),
    ],
    ["one service's sandbox is gone", async () => ({ AWS_ENDPOINT_URL_DYNAMODB: GONE })],
    [
      "another program listens there",
      async () => ({ AWS_ENDPOINT_URL: await listen(() => ({ status: 404, body: "{}" })) }),
    ],
    [
      "it answers something else",
      async () => ({ AWS_ENDPOINT_URL_STS: await listen(() => ({ status: 200, body: '{"sandbox":"another"}' })) }),
    ],
    [
      "it answers no JSON",
      async () => ({ AWS_ENDPOINT_URL_STS: await listen(() => ({ status: 200, body: "<html>" })) }),
    ],
    [
      "it never stops answering",
      async () => ({ AWS_ENDPOINT_URL_STS: await listen(() => ({ status: 200, body: "x".repeat(100_000) })) }),
    ],
  ])("%s: exit 3, nothing asked, nothing called, no code sent", async (_why, make) => {
    const env = await make();
    for (const line of ["login", "terminate i-0123456789abcdef0"]) {
      const run = await world.run(
        [...`dev ${line} --yes`.split(" ").slice(0, line === "login" ? 2 : 4), "-t", world.code()],
        {
          env,
          replies: [],
        },
      );
      expect(run).toMatchObject({ exitCode: 3, stdout: "", operations: [], questions: [] });
      expect(run.stderr).toMatch(
        /^assume-mfa: error: ASSUME_MFA_SANDBOX is set, and (?:no sandbox answers at|\w+ is at) .*\n/,
      );
      expect(run.stderr).toMatch(/hint: .*unset ASSUME_MFA_SANDBOX/);
    }
  });

  it("a cached session does not get around it", async () => {
    await world.login();
    const run = await world.run("dev login", { env: { AWS_ENDPOINT_URL_EC2: GONE } });
    expect(run.exitCode).toBe(3);
  });
});

describe("sandbox code", () => {
  it("prints what alice's device shows, six digits and a newline", async () => {
    const run = await world.run("sandbox code", { isPayload: true });
    expect(run).toMatchObject({ exitCode: 0, stdout: `${world.sandbox.currentCode()}\n`, stderr: "" });
  });

  it("--fresh waits for one that was not used", async () => {
    const code = world.code();
    const waiting = world.run("sandbox code --fresh", { isPayload: true });
    expect(await waiting).toMatchObject({ exitCode: 0, stdout: `${code}\n` });
    await world.run(["dev", "login", "--refresh", "-t", code]);
    const next = world.run("sandbox code --fresh", { isPayload: true });
    setTimeout(() => world.sandbox.moveClock(30_000), 20);
    const { stdout } = await next;
    expect(stdout).toMatch(/^\d{6}\n$/);
    expect(stdout).not.toBe(`${code}\n`);
    expect((await world.run(["staging", "login", "-t", stdout.trim()])).exitCode).toBe(0);
  });

  it.each([
    ["outside of one", undefined, /this is not inside a sandbox/],
    ["where it is gone", "http://127.0.0.1:9", /no sandbox answers at http:\/\/127\.0\.0\.1:9/],
    ["at an address that is not loopback", "http://192.0.2.1:80", /is no sandbox: not http on 127\.0\.0\.1/],
    ["at an address that is none", "x\u001b[2J", /is no sandbox/],
  ])("%s is exit 1 with a hint or a reason", async (_where, endpoint, message) => {
    const run = await world.run("sandbox code", { env: { ASSUME_MFA_SANDBOX: endpoint } });
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.stderr).toMatch(message);
  });
});

describe("sandbox run", () => {
  it("runs the command inside, gives its status, and leaves nothing", async () => {
    const out = path.join(world.folder, "inside");
    const host = outside(["sandbox", "run", "--", "sh", "-c", `env >${out}; exit 7`], {
      AWS_PROFILE: "mine",
      AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
      AWS_REGION: "eu-west-1",
      ASSUME_MFA_TOKEN_CODE: "123456",
      XDG_CACHE_HOME: "/mine",
      KEPT: "yes",
    });
    expect(await main(host)).toBe(7);
    expect(host.out).toBe("");
    expect(host.err).toMatch(/^assume-mfa: SANDBOX at http:\/\/127\.0\.0\.1:\d+ \(not AWS\)\n$/);
    const inside = Object.fromEntries(
      fs
        .readFileSync(out, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    expect(
      Object.keys(inside)
        .filter((name) => /^(?:AWS|ASSUME_MFA|XDG)_/.test(name))
        .sort(),
    ).toEqual([
      "ASSUME_MFA_SANDBOX",
      "AWS_CONFIG_FILE",
      "AWS_EC2_METADATA_DISABLED",
      "AWS_ENDPOINT_URL",
      "AWS_SHARED_CREDENTIALS_FILE",
      "XDG_CACHE_HOME",
      "XDG_CONFIG_HOME",
      "XDG_DATA_HOME",
      "XDG_STATE_HOME",
    ]);
    expect(inside.KEPT).toBe("yes");
    expect(inside.XDG_CACHE_HOME).not.toBe("/mine");
    expect(inside.AWS_ENDPOINT_URL).toBe(inside.ASSUME_MFA_SANDBOX);
    // It is gone with the command: its port, its keys, its files.
    expect(fs.existsSync(inside.AWS_SHARED_CREDENTIALS_FILE ?? "")).toBe(false);
    await expect(fetch(`${inside.AWS_ENDPOINT_URL}`)).rejects.toThrow();
    expect(homes()).toEqual([]);
    expect(host.interrupts.isHeld).toBe(false);
  });

  it.each([
    [["true"], 0],
    [["--", "true"], 0],
    [["--", "sh", "-c", "exit 255"], 255],
    [["--", "sh", "-c", "kill -TERM $$"], 143],
    [["--", "no-such-command-anywhere"], 127],
    [["--", "/etc/passwd"], 126],
  ])("%j is %i", async (words, exitCode) => {
    const host = outside(["sandbox", "run", ...words]);
    expect(await main(host)).toBe(exitCode);
    expect(host.out).toBe("");
  });

  it("words after the command are the command's, options too", async () => {
    const out = path.join(world.folder, "words");
    const script = `printf '%s|' "$@" >${out}`;
    const host = outside(["sandbox", "run", "sh", "-c", script, "sh", "--port", "1", "--", "-x", ""]);
    expect(await main(host)).toBe(0);
    expect(fs.readFileSync(out, "utf8")).toBe("--port|1|--|-x||");
  });

  it("a port that is taken is 125: the command did not run", async () => {
    const { port } = new URL(await listen(() => ({ status: 404, body: "" })));
    const out = path.join(world.folder, "did-run");
    const host = outside(["sandbox", "run", "--port", port, "--", "touch", out]);
    expect(await main(host)).toBe(125);
    expect(host.err).toMatch(new RegExp(`^assume-mfa: error: port ${port} is taken\n`));
    expect(fs.existsSync(out)).toBe(false);
  });

  it("two at once are two worlds", async () => {
    const hosts = [1, 2].map((number) => {
      const out = path.join(world.folder, `endpoint-${number}`);
      return { host: outside(["sandbox", "run", "--", "sh", "-c", `echo $AWS_ENDPOINT_URL >${out}; sleep 0.1`]), out };
    });
    expect(await Promise.all(hosts.map(({ host }) => main(host)))).toEqual([0, 0]);
    const [one, two] = hosts.map(({ out }) => fs.readFileSync(out, "utf8"));
    expect(one).not.toBe(two);
  });
});

describe("sandbox start", () => {
  it("says what to set, serves another shell, and ends with the signal", async () => {
    const host = outside(["sandbox", "start"]);
    const ended = main(host);
    while (!/sandbox code\. Ctrl-C stops it\n/.test(host.err)) await new Promise((resolve) => setTimeout(resolve, 5));
    // Another shell, in which something else was set: it takes the lines as they are.
    const script = `AWS_PROFILE=mine AWS_REGION=eu-west-1; export AWS_PROFILE AWS_REGION; eval "$1"; env`;
    const env = execFileSync("sh", ["-c", script, "sh", host.out], {
      encoding: "utf8",
      env: { PATH: process.env.PATH ?? "" },
    });
    const inside = Object.fromEntries(
      env
        .trimEnd()
        .split("\n")
        .map((line) => line.split(/=(.*)/s)),
    );
    expect(inside).not.toHaveProperty("AWS_PROFILE");
    expect(inside).not.toHaveProperty("AWS_REGION");
    // Whatever variable of ours there is: one that is new must not reach into the sandbox.
    const names = new Set(
      fs
        .readdirSync("src", { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts"))
        .flatMap((name) => fs.readFileSync(path.join("src", name), "utf8").match(/\bASSUME_MFA_[A-Z_]+\b/g) ?? []),
    );
    expect(names.size).toBeGreaterThan(10);
    const unset = /^unset (.*)$/m.exec(host.out)?.[1]?.split(" ");
    for (const name of names) if (name !== "ASSUME_MFA_SANDBOX") expect(unset).toContain(name);
    expect(host.err).toContain(`SANDBOX at ${inside.AWS_ENDPOINT_URL}`);
    expect(homes()).toHaveLength(1);
    const code = outside(["sandbox", "code"], inside);
    expect(await main(code)).toBe(0);
    const login = outside(["dev", "login", "-t", code.out.trim()], inside);
    expect(await main(login)).toBe(0);
    expect(login.err).toContain("SANDBOX");

    host.interrupts.raise("SIGINT");
    expect(await ended).toBe(130);
    expect(homes()).toEqual([]);
    await expect(fetch(`${inside.AWS_ENDPOINT_URL}`)).rejects.toThrow();
  });

  it("--port is the port; a taken one is exit 1", async () => {
    const { port } = new URL(await listen(() => ({ status: 404, body: "" })));
    const host = outside(["sandbox", "start", "--port", port]);
    expect(await main(host)).toBe(1);
    expect(host.out).toBe("");
    expect(host.err).toMatch(
      new RegExp(`^assume-mfa: error: port ${port} is taken\nassume-mfa: hint: choose another with --port`),
    );
  });
});

describe("sandbox demo", () => {
  it("tells the founding case, every step goes as told, and nothing of the user's is read or written", async () => {
    const home = fs.mkdtempSync(path.join(world.folder, "user-"));
    fs.mkdirSync(path.join(home, ".aws"));
    fs.writeFileSync(path.join(home, ".aws", "config"), "[profile dev\nbroken on purpose");
    const host = makeFakeHost({
      argv: ["sandbox", "demo"],
      env: { PATH: process.env.PATH, AWS_PROFILE: "mine", AWS_REGION: "eu-west-1" },
      now: Date.now,
      homeDirectory: home,
    });
    const started = Date.now();
    expect(await main(host)).toBe(0);
    expect(Date.now() - started).toBeLessThan(10_000);
    expect(host.out.match(/✓/g)?.length).toBeGreaterThanOrEqual(6);
    expect(host.out).not.toContain("✗");
    for (const told of [
      /Without a code[\s\S]*AccessDenied: User: .* is not authorized to perform: sts:AssumeRole/,
      /a wrong code is refused/,
      /signed in/,
      /staging login[\s\S]*already sent, [\s\S]*✓ a code works once: the same one is not sent again/,
      /past assume-mfa\n\s+AccessDenied: MultiFactorAuthentication failed with invalid MFA one time pass code\.\n\s+✓ refused/,
      /terminated +done/,
      /gone +done/,
    ]) {
      expect(host.out).toMatch(told);
    }
    expect(host.err).toBe("");
    expect(homes()).toEqual([]);
    expect(fs.readdirSync(home, { recursive: true }).sort()).toEqual([".aws", ".aws/config"]);
  });
});
