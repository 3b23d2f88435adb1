import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { fetchSandboxCode, isSandbox } from "../../src/sandbox/sandbox-client.ts";
import { type SandboxEnvironment, writeSandboxHome } from "../../src/sandbox/sandbox-home.ts";
import { DEV_ROLE, openHarness } from "./sandbox-harness.ts";

const harness = await openHarness();
const { sandbox } = harness;
const port = Number(new URL(sandbox.endpoint).port);

function ask(
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<{ status: number; body: string; headers: object }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
    });
    request.on("error", reject);
    request.end();
  });
}

describe("the control paths", () => {
  it("say what answers, and the code", async () => {
    expect(JSON.parse((await ask("/_assume-mfa/sandbox")).body)).toMatchObject({ sandbox: "assume-mfa" });
    expect(JSON.parse((await ask("/_assume-mfa/code")).body)).toEqual({ code: sandbox.currentCode() });
    expect((await ask("/_assume-mfa/code", { Host: `localhost:${port}` })).status).toBe(200);
  });

  it.each<[string, Record<string, string>]>([
    ["a rebound host", { Host: "evil.example" }],
    ["a rebound host with the port", { Host: `evil.example:${port}` }],
    ["a host that begins right", { Host: `127.0.0.1:${port}.evil.example` }],
    ["the host without its port", { Host: "127.0.0.1" }],
    ["a page's request", { Origin: `http://127.0.0.1:${port}` }],
    ["a page's image", { "Sec-Fetch-Mode": "no-cors" }],
  ])("are closed to %s", async (_name, headers) => {
    for (const path of ["/_assume-mfa/code", "/_assume-mfa/sandbox"]) {
      const answer = await ask(path, headers);
      expect(answer.status).toBe(403);
      expect(answer.body).not.toMatch(/\d{6}/);
      expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
  });

  it("answer nothing but GET, and no other path", async () => {
    expect((await ask("/_assume-mfa/code", {}, "POST")).status).toBe(405);
    expect((await ask("/_assume-mfa/", {})).status).toBe(404);
  });
});

describe("isSandbox", () => {
  it("does not ask over anything but plain http on 127.0.0.1, whatever answers there", async () => {
    const addresses = ["localhost", "LOCALHOST", "[::1]", "0.0.0.0", "127.0.0.2", "[::ffff:127.0.0.1]"].map(
      (host) => `http://${host}:${port}`,
    );
    for (const address of [...addresses, `https://127.0.0.1:${port}`, `ftp://127.0.0.1:${port}`]) {
      expect([address, await isSandbox(address, 1_000)]).toEqual([address, false]);
    }
  });

  it("knows a sandbox", async () => {
    expect(await isSandbox(sandbox.endpoint, 1_000)).toBe(true);
  });

  it.each([
    "https://127.0.0.1",
    "http://example.com",
    "http://127.0.0.1.example.com",
    "http://user@127.0.0.1",
    "nonsense",
    "",
    "http://127.0.0.1:1",
    "file:///etc/passwd",
  ])("does not take %j for one", async (endpoint) => {
    expect(await isSandbox(endpoint, 300)).toBe(false);
  });

  it.each<[string, string | undefined]>([
    ["says something else", '{"sandbox":"other"}'],
    ["says null", "null"],
    ["says no JSON", "<html>"],
    ["says too much", `{"sandbox":"assume-mfa","x":"${"x".repeat(10_000)}"}`],
    ["says nothing", undefined],
  ])("does not take a server for one that %s", async (_name, body) => {
    const server = createServer((_request, response) => {
      if (body !== undefined) response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const startMs = performance.now();
    expect(await isSandbox(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 200)).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(1_000);
    server.closeAllConnections();
    server.close();
  });
});

describe("fetchSandboxCode", () => {
  it("gives what the device shows", async () => {
    expect(await fetchSandboxCode(sandbox.endpoint, { fresh: false })).toBe(sandbox.currentCode());
  });

  it("gives a fresh code at once, and waits for the next when this one is spent", async () => {
    const fresh = await openHarness();
    const first = await fetchSandboxCode(fresh.sandbox.endpoint, { fresh: true });
    await fresh.assume(DEV_ROLE);
    let second: string | undefined;
    const waiting = fetchSandboxCode(fresh.sandbox.endpoint, { fresh: true }).then((code) => {
      second = code;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(second).toBeUndefined();
    fresh.sandbox.moveClock(30_000);
    await waiting;
    expect(second).toBe(fresh.sandbox.currentCode());
    expect(second).not.toBe(first);
    await fresh.assume(DEV_ROLE);
  });

  it("ends with the sandbox", async () => {
    const other = await startSandbox({ now: Date.now });
    const device = [...(other.world.accounts.get("111122223333")?.mfaDevices.values() ?? [])][0];
    if (device !== undefined) device.lastAcceptedStep = Number.MAX_SAFE_INTEGER;
    const waiting = fetchSandboxCode(other.endpoint, { fresh: true });
    const direct = other.freshCode();
    const refused = expect(waiting).rejects.toMatchObject({ code: "SANDBOX_FAILED" });
    const ended = expect(direct).rejects.toMatchObject({ code: "SANDBOX_FAILED", message: "the sandbox was closed" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await other.close();
    await refused;
    await ended;
  });

  it.each(["http://127.0.0.1:1", "https://example.com"])("says that no sandbox is at %s", async (endpoint) => {
    await expect(fetchSandboxCode(endpoint, { fresh: false })).rejects.toMatchObject({ code: "SANDBOX_FAILED" });
  });
});

describe("writeSandboxHome", () => {
  const root = mkdtempSync(join(tmpdir(), "sandbox-home-"));
  afterAll(() => rmSync(root, { recursive: true }));

  it.each([0, 0o777, 0o277])("writes profiles and keys for nobody else's eyes, whatever the umask (%o)", (mask) => {
    const folder = join(root, `umask-${mask}`, "home");
    const umask = process.umask(mask);
    let environment: SandboxEnvironment;
    try {
      environment = writeSandboxHome(sandbox, folder);
    } finally {
      process.umask(umask);
    }
    for (const made of [dirname(folder), folder]) expect(statSync(made).mode & 0o777).toBe(0o700);
    const modes = readdirSync(folder).map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]);
    expect(Object.fromEntries(modes)).toEqual({
      ".assume-mfa-sandbox": "600",
      config: "600",
      credentials: "600",
      cache: "700",
      data: "700",
      state: "700",
      "xdg-config": "700",
    });
    expect(environment).toMatchObject({
      AWS_CONFIG_FILE: join(folder, "config"),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, "credentials"),
      AWS_ENDPOINT_URL: sandbox.endpoint,
      AWS_EC2_METADATA_DISABLED: "true",
      ASSUME_MFA_SANDBOX: sandbox.endpoint,
    });
    const config = readFileSync(environment.AWS_CONFIG_FILE, "utf8");
    const profiles = [...config.matchAll(/^\[profile (.+)\]$/gm)].map(([, name]) => name);
    expect(profiles).toEqual(["parent", "bob", "dev", "staging", "prod", "parent-admin", "dev-admin"]);
    const credentials = readFileSync(environment.AWS_SHARED_CREDENTIALS_FILE, "utf8");
    expect(credentials).toContain(harness.keys("alice").accessKeyId);
    expect(credentials).toContain(harness.keys("bob").accessKeyId);
    expect(config + credentials).not.toContain(
      harness.account("111122223333").mfaDevices.get("arn:aws:iam::111122223333:mfa/alice")?.secret,
    );
  });

  it("may be written again over an earlier run's", () => {
    const folder = join(root, "again");
    const { AWS_CONFIG_FILE } = writeSandboxHome(sandbox, folder);
    writeFileSync(AWS_CONFIG_FILE, "of the run before");
    writeSandboxHome(sandbox, folder);
    const { status } = spawnSync("grep", ["-q", "role_arn", join(folder, "config")]);
    expect(status).toBe(0);
  });

  it("gives keys to no folder that others can write in, and none that holds something else", () => {
    const open = join(root, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    const others = join(root, "others");
    mkdirSync(others);
    writeFileSync(join(others, "config"), "of somebody's\n");
    for (const folder of [open, others]) {
      const before = readdirSync(folder);
      expect(() => writeSandboxHome(sandbox, folder)).toThrow(expect.objectContaining({ code: "SANDBOX_FAILED" }));
      expect(readdirSync(folder)).toEqual(before);
    }
    // Nor below a home that is ours.
    const ours = join(root, "ours");
    writeSandboxHome(sandbox, ours);
    chmodSync(join(ours, "cache"), 0o777);
    expect(() => writeSandboxHome(sandbox, ours)).toThrow(/can be written by other users/);
  });
});
