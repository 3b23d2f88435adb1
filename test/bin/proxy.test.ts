import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Certificates, hasOpenssl, makeCertificates } from "../support/certificates.ts";
import { type ConnectProxy, type ConnectProxyOptions, startConnectProxy } from "../support/connect-proxy.ts";
import { titled } from "./built-program.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// The built program calls AWS's own names through a proxy, which leads it to the sandbox with TLS in front: what a
// company's network looks like from inside.

const PASSWORD = "proxy/pass@word";
const HIDDEN = [PASSWORD, encodeURIComponent(PASSWORD), Buffer.from(`alice:${PASSWORD}`).toString("base64")];

describe.skipIf(!hasOpenssl)(titled("behind a proxy", ["openssl", hasOpenssl || undefined]), () => {
  let world: TestWorld;
  let certificates: Certificates;
  let server: Server;
  let upstreamPort: number;
  const seen: string[] = [];
  const proxies: ConnectProxy[] = [];

  beforeAll(async () => {
    world = await startWorld();
    certificates = makeCertificates("DNS:*.us-east-1.amazonaws.com");
    const upstream = new URL(world.sandbox.endpoint);
    server = createServer(certificates.server, (incoming, outgoing) => {
      seen.push(JSON.stringify(incoming.rawHeaders));
      const { method, url: path, rawHeaders: headers } = incoming;
      const onward = request({ host: upstream.hostname, port: upstream.port, method, path, headers }, (reply) => {
        outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
        reply.pipe(outgoing);
      });
      incoming.pipe(onward);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    upstreamPort = (server.address() as AddressInfo).port;
  });
  afterEach(() => {
    for (const proxy of proxies.splice(0)) proxy.close();
    seen.length = 0;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    certificates.remove();
    await world.close();
  });

  async function start(options: Partial<ConnectProxyOptions> = {}): Promise<ConnectProxy> {
    const proxy = await startConnectProxy({ upstreamPort, ...options });
    proxies.push(proxy);
    return proxy;
  }

  /** AWS's own addresses, through the proxy. */
  const outside = (proxy: ConnectProxy, more: Record<string, string> = {}) => ({
    ASSUME_MFA_SANDBOX: "",
    AWS_ENDPOINT_URL: "",
    HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
    AWS_CA_BUNDLE: certificates.caFile,
    ...more,
  });
  const login = (env: Record<string, string>) =>
    world.run(["dev", "login", "--refresh", "--token-code", world.freshCode()], env);

  it("the main job is done: sign in, terminate, and the table of instances", async () => {
    const pair = HIDDEN[2] ?? "";
    const proxy = await start({ authorization: `Basic ${pair}` });
    const env = outside(proxy, {
      HTTPS_PROXY: `http://alice:${encodeURIComponent(PASSWORD)}@127.0.0.1:${proxy.port}`,
    });
    const signedIn = await login(env);
    expect({ status: signedIn.status, stderr: signedIn.stderr }).toEqual({ status: 0, stderr: "" });
    const [id = ""] = world.runningInstances();
    const ended = await world.run(["dev", "terminate", id, "--yes", "--no-wait", "--debug"], env);
    expect(ended.status).toBe(0);
    expect(ended.stdout).toContain(id);
    expect(world.runningInstances()).not.toContain(id);
    const tables = await world.run(["dev", "tables", "-o", "json"], env);
    expect(tables.status).toBe(0);
    expect([...new Set(proxy.connects.map(({ authority }) => authority))].sort()).toEqual([
      "dynamodb.us-east-1.amazonaws.com:443",
      "ec2.us-east-1.amazonaws.com:443",
      "iam.amazonaws.com:443",
      "sts.us-east-1.amazonaws.com:443",
    ]);
    // The proxy's password is for the proxy alone, and shown to nobody.
    expect(seen.length).toBeGreaterThan(3);
    const shown = [...seen, signedIn.stdout, ended.stdout, ended.stderr, tables.stdout, tables.stderr].join("\n");
    for (const secret of HIDDEN) expect(shown).not.toContain(secret);
    for (const content of world.cached().values()) for (const secret of HIDDEN) expect(content).not.toContain(secret);
  });

  it("the authorities are the profile's ca_bundle where no variable is set", async () => {
    const proxy = await start();
    world.configure("dev", `ca_bundle = ${certificates.caFile}`);
    expect(await login(outside(proxy, { AWS_CA_BUNDLE: "" }))).toMatchObject({ status: 0, stderr: "" });
  });

  it("a certificate of nobody's is said to be that, with what to set: exit 1, nothing sent", async () => {
    const proxy = await start();
    const other = makeCertificates("DNS:other.example");
    try {
      const { status, stdout, stderr } = await login(outside(proxy, { AWS_CA_BUNDLE: other.caFile }));
      expect({ status, stdout, seen }).toEqual({ status: 1, stdout: "", seen: [] });
      expect(stderr).toMatch(
        /^assume-mfa: error: STS in us-east-1 can't be reached: .*\((?:UNABLE_TO|SELF_SIGNED)\w+\)$/m,
      );
      expect(stderr).toMatch(/^assume-mfa: hint: .*AWS_CA_BUNDLE/m);
    } finally {
      other.remove();
    }
  });

  it.each<[string, (proxy: ConnectProxy) => void, string]>([
    ["refuses the password", (proxy) => proxy.behave(407), "did not accept its user name and password (407)"],
    ["has no way there", (proxy) => proxy.behave(502), "answered 502 in place of a connection"],
    ["is gone", (proxy) => proxy.close(), "can't be used: the connection was refused"],
  ])("a proxy that %s is named, with who set it and without the password: exit 1", async (_how, fail, problem) => {
    const proxy = await start();
    fail(proxy);
    const url = `http://alice:${encodeURIComponent(PASSWORD)}@127.0.0.1:${proxy.port}`;
    const { status, stdout, stderr } = await login(outside(proxy, { HTTPS_PROXY: url }));
    expect({ status, stdout, seen }).toEqual({ status: 1, stdout: "", seen: [] });
    expect(stderr).toBe(
      `assume-mfa: error: STS in us-east-1 can't be reached: the proxy 127.0.0.1:${proxy.port} (HTTPS_PROXY) ${problem}\nassume-mfa: hint: check HTTPS_PROXY; what is to be called without it goes into NO_PROXY\n`,
    );
  });

  it("what NO_PROXY names is called without the proxy", async () => {
    const proxy = await start();
    // A name that leads nowhere (RFC 6761): it is looked up here, and not by the proxy.
    const args = [
      "dev",
      "login",
      "--refresh",
      "--token-code",
      world.freshCode(),
      "--endpoint-url",
      "https://sts.invalid",
    ];
    const { status, stderr } = await world.run(args, outside(proxy, { NO_PROXY: "example, .invalid" }));
    expect({ status, asked: proxy.connects }).toEqual({ status: 1, asked: [] });
    expect(stderr).toContain("its name could not be resolved");
  });

  it("a sandbox on this machine is called without the proxy", async () => {
    const proxy = await start();
    const { status } = await login({
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
      https_proxy: "http://127.0.0.1:1",
    });
    expect({ status, asked: proxy.connects }).toEqual({ status: 0, asked: [] });
  });

  it.each([
    ["missing", "can't be read: there is no such file"],
    ["empty", "holds no PEM certificate"],
  ])("a CA bundle that is %s: exit 3 before a code is asked for, naming file and variable", async (name, problem) => {
    const proxy = await start();
    const path = join(world.folder, name);
    if (name === "empty") writeFileSync(path, "");
    const { status, stdout, stderr } = await world.run(
      ["dev", "login", "--refresh"],
      outside(proxy, { AWS_CA_BUNDLE: path }),
    );
    expect({ status, stdout, asked: proxy.connects }).toEqual({ status: 3, stdout: "", asked: [] });
    expect(stderr).toContain(`assume-mfa: error: the CA bundle ${path} (AWS_CA_BUNDLE) ${problem}\n`);
  });

  it("a proxy's URL that is none is refused without being shown: exit 2", async () => {
    const proxy = await start();
    const { status, stderr } = await login(
      outside(proxy, { HTTPS_PROXY: `socks5://alice:${PASSWORD}@127.0.0.1:1080` }),
    );
    expect(status).toBe(2);
    expect(stderr).toMatch(/^assume-mfa: error: HTTPS_PROXY /m);
    for (const secret of HIDDEN) expect(stderr).not.toContain(secret);
  });
});
