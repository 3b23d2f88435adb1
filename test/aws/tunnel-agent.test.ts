import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { classifyFailure } from "../../src/aws/aws-failure.ts";
import { CONNECT_TIMEOUT_MS } from "../../src/aws/bounded-http-handler.ts";
import { makeClientConfig } from "../../src/aws/client-config.ts";
import type { CaBundle } from "../../src/aws/client-settings.ts";
import { HttpProxy, type HttpProxyParts } from "../../src/aws/http-proxy.ts";
import { makeServerClock, type ServerClock } from "../../src/aws/server-clock.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import { type Certificates, hasOpenssl, makeCertificates } from "../support/certificates.ts";
import {
  type ConnectProxy,
  type ConnectProxyOptions,
  type ProxyManner,
  startConnectProxy,
} from "../support/connect-proxy.ts";

// Real SDK clients, a real proxy and real TLS, all on loopback. What the clients call is AWS's own name: the proxy leads
// every tunnel to the server of this file, whose certificate an authority of this file vouches for.

const STS = "sts.us-east-1.amazonaws.com";
const IDENTITY = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/alice</Arn><UserId>AIDA</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`;
const PASSWORD = "s3cret/pass@word";

const describeWithTls = hasOpenssl ? describe : describe.skip;
const title = hasOpenssl ? "through a proxy" : "through a proxy (LEFT OUT: no openssl here)";

describeWithTls(title, () => {
  let certificates: Certificates;
  let server: Server;
  let upstreamPort: number;
  let requests: Readonly<Record<string, unknown>>[] = [];
  let connections = 0;
  let delayMs = 0;
  const closers: (() => void)[] = [];

  beforeAll(async () => {
    certificates = makeCertificates(`DNS:${STS}`, "IP:127.0.0.1", "DNS:localhost");
    server = createServer(certificates.server, (request, response) => {
      requests.push({ ...request.headers });
      request.resume().on("end", () => {
        setTimeout(() => response.writeHead(200, { "content-type": "text/xml" }).end(IDENTITY), delayMs);
      });
    });
    server.on("secureConnection", () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    upstreamPort = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
    certificates.remove();
  });
  afterEach(() => {
    for (const close of closers.splice(0)) close();
    requests = [];
    connections = 0;
    delayMs = 0;
  });

  async function start(options: Partial<ConnectProxyOptions> = {}): Promise<ConnectProxy> {
    const proxy = await startConnectProxy({ upstreamPort, ...options });
    closers.push(() => proxy.close());
    return proxy;
  }

  interface ClientOptions extends Partial<HttpProxyParts> {
    readonly endpoint?: string;
    readonly caBundle?: CaBundle | undefined;
    readonly clock?: ServerClock;
  }

  function clientThrough(proxyPort: number, options: ClientOptions = {}): STSClient {
    const { endpoint, clock, ...parts } = options;
    const caBundle = "caBundle" in options ? options.caBundle : { path: certificates.caFile, setBy: "AWS_CA_BUNDLE" };
    const client = new STSClient(
      makeClientConfig({
        region: "us-east-1",
        endpoint,
        credentials: new Credentials({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "a-secret" }),
        useFipsEndpoint: false,
        useDualstackEndpoint: false,
        connection: {
          proxy: new HttpProxy({
            protocol: "http:",
            hostname: "127.0.0.1",
            port: proxyPort,
            user: undefined,
            setBy: "HTTPS_PROXY",
            noProxy: undefined,
            ...parts,
          }),
          caBundle,
        },
        maxAttempts: 1,
        clock,
      }),
    );
    closers.push(() => client.destroy());
    return client;
  }

  const call = (client: STSClient) => client.send(new GetCallerIdentityCommand({}));
  const failureOf = async (client: STSClient) => {
    try {
      await call(client);
    } catch (error) {
      return classifyFailure(error);
    }
    throw new Error("it was answered");
  };

  it("AWS is called by its own name, over TLS that the proxy does not see into", async () => {
    const proxy = await start();
    const { Account } = await call(clientThrough(proxy.port));
    expect(Account).toBe("111122223333");
    expect(proxy.connects.map(({ authority }) => authority)).toEqual([`${STS}:443`]);
    expect(proxy.others).toBe(0);
    expect(requests).toEqual([expect.objectContaining({ host: STS })]);
  });

  it("AWS's clock is told by AWS alone: what the proxy says of the time is not listened to", async () => {
    const proxy = await start();
    const clock = makeServerClock(Date.now);
    for (const refusal of [407, 502]) {
      proxy.behave(refusal);
      await failureOf(clientThrough(proxy.port, { clock }));
      expect(clock.offsetMs()).toBeUndefined();
    }
    proxy.behave("tunnel");
    await call(clientThrough(proxy.port, { clock }));
    expect(Math.abs(clock.offsetMs() ?? Number.NaN)).toBeLessThan(1_500);
  });

  it("the user name and the password are for the proxy alone, sent at once", async () => {
    const pair = Buffer.from(`alice:${PASSWORD}`).toString("base64");
    const proxy = await start({ authorization: `Basic ${pair}` });
    await call(clientThrough(proxy.port, { user: { name: "alice", password: PASSWORD } }));
    expect(proxy.connects).toEqual([
      { authority: `${STS}:443`, headers: expect.objectContaining({ "proxy-authorization": `Basic ${pair}` }) },
    ]);
    expect(requests).toHaveLength(1);
    expect(JSON.stringify(requests)).not.toContain(pair);
    expect(Object.keys(requests[0] ?? {})).not.toContain("proxy-authorization");
  });

  it("one tunnel serves call after call: on a warm one the next takes one round trip", async () => {
    const proxy = await start();
    const client = clientThrough(proxy.port);
    await call(client);
    const before = proxy.roundTrips;
    // CONNECT and its answer are not counted; TLS takes at least one, and so does the call.
    expect(before).toBeGreaterThan(1);
    await call(client);
    expect(proxy.roundTrips - before).toBe(1);
    expect(proxy.connects).toHaveLength(1);
    expect(connections).toBe(1);
  });

  it("many calls at once have a tunnel each, and all are answered", async () => {
    const proxy = await start();
    delayMs = 50;
    const client = clientThrough(proxy.port);
    await Promise.all(Array.from({ length: 20 }, () => call(client)));
    expect(requests).toHaveLength(20);
    expect(proxy.connects).toHaveLength(20);
  });

  it("the proxy itself may be spoken to by TLS, and its certificate is verified", async () => {
    const proxy = await start({ tls: certificates.server });
    await call(clientThrough(proxy.port, { protocol: "https:", hostname: "localhost" }));
    expect(requests).toHaveLength(1);
    const untrusted = clientThrough(proxy.port, { protocol: "https:", hostname: "localhost", caBundle: undefined });
    expect(await failureOf(untrusted)).toMatchObject({
      kind: "unsent",
      message: expect.stringMatching(
        /^the proxy localhost:\d+ \(HTTPS_PROXY\) can't be used: .*UNABLE_TO_VERIFY_LEAF_SIGNATURE/,
      ),
    });
    expect(proxy.connects).toHaveLength(1);
  });

  it("a certificate of no known authority is refused inside the tunnel, before a request", async () => {
    const proxy = await start();
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    try {
      expect(await failureOf(clientThrough(proxy.port, { caBundle: undefined }))).toMatchObject({
        kind: "unsent",
        code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      });
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    }
    expect(requests).toEqual([]);
  });

  it("a certificate for another name is refused inside the tunnel", async () => {
    const proxy = await start();
    expect(await failureOf(clientThrough(proxy.port, { endpoint: "https://sts.example" }))).toMatchObject({
      kind: "unsent",
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
    expect(proxy.connects.map(({ authority }) => authority)).toEqual(["sts.example:443"]);
    expect(requests).toEqual([]);
  });

  it("this machine and what NO_PROXY names are called without it", async () => {
    const proxy = await start();
    await call(clientThrough(proxy.port, { endpoint: `https://127.0.0.1:${upstreamPort}` }));
    await call(clientThrough(proxy.port, { endpoint: `https://localhost:${upstreamPort}` }));
    expect(requests).toHaveLength(2);
    // Nothing leads there: loopback's second name is only reached, if at all, without the proxy.
    const excepted = clientThrough(proxy.port, { endpoint: "https://sts.invalid", noProxy: "other, .invalid" });
    expect(await failureOf(excepted)).toMatchObject({ kind: "unsent" });
    expect(proxy.connects).toEqual([]);
  });

  it.each<[ProxyManner, string]>([
    [407, "the proxy PLACE demands a user name and password (407)"],
    [403, "the proxy PLACE answered 403 in place of a connection"],
    [502, "the proxy PLACE answered 502 in place of a connection"],
    ["hang up", "the proxy PLACE can't be used: the connection was cut"],
    ["no HTTP", "the proxy PLACE can't be used: the connection failed (HPE_INVALID_CONSTANT)"],
    ["endless header", "the proxy PLACE can't be used: the connection failed (HPE_HEADER_OVERFLOW)"],
    ["say more", "the proxy PLACE sent more than an answer"],
    ["cut in TLS", "no TLS through the proxy PLACE: the connection was cut"],
  ])(
    "%s in place of a connection: nothing was sent, and the message says what the proxy did",
    async (manner, message) => {
      const proxy = await start();
      proxy.behave(manner);
      const failure = await failureOf(clientThrough(proxy.port));
      expect(failure).toEqual({
        kind: "unsent",
        code: "ERR_PROXY_TUNNEL",
        message: message.replace("PLACE", `127.0.0.1:${proxy.port} (HTTPS_PROXY)`),
      });
      expect(proxy.connects).toHaveLength(1);
      expect(requests).toEqual([]);
    },
  );

  it("a password that the proxy does not take is said to be that, and is in no part of the error", async () => {
    const proxy = await start({ authorization: "Basic other" });
    const error = await call(clientThrough(proxy.port, { user: { name: "alice", password: PASSWORD } })).catch(
      (thrown: unknown) => thrown,
    );
    expect(classifyFailure(error)).toMatchObject({
      kind: "unsent",
      message: `the proxy 127.0.0.1:${proxy.port} (HTTPS_PROXY) did not accept its user name and password (407)`,
    });
    const { inspect } = await import("node:util");
    const shown = inspect(error, { depth: 20, showHidden: true });
    for (const secret of [PASSWORD, Buffer.from(`alice:${PASSWORD}`).toString("base64")]) {
      expect(shown).not.toContain(secret);
    }
  });

  it("no proxy where it should be: nothing was sent", async () => {
    const proxy = await start();
    const { port } = proxy;
    proxy.close();
    expect(await failureOf(clientThrough(port))).toEqual({
      kind: "unsent",
      code: "ERR_PROXY_TUNNEL",
      message: `the proxy 127.0.0.1:${port} (HTTPS_PROXY) can't be used: the connection was refused`,
    });
  });

  it("a proxy that is silent is given up after five seconds, with nothing sent and nothing left open", async () => {
    const giveUp = async (manner: ProxyManner) => {
      const proxy = await start();
      proxy.behave(manner);
      const startedAt = performance.now();
      const failure = await failureOf(clientThrough(proxy.port));
      const elapsedMs = performance.now() - startedAt;
      expect(failure).toMatchObject({ kind: "unsent" });
      expect(elapsedMs).toBeGreaterThan(CONNECT_TIMEOUT_MS - 50);
      expect(elapsedMs).toBeLessThan(CONNECT_TIMEOUT_MS + 1_500);
      await expect.poll(() => proxy.open).toBe(0);
    };
    await Promise.all([giveUp("silent"), giveUp("silent in TLS")]);
    expect(requests).toEqual([]);
  });

  it("a client that is closed leaves no connection to the proxy behind", async () => {
    const proxy = await start();
    proxy.behave("silent");
    const client = clientThrough(proxy.port);
    const failing = failureOf(client);
    await expect.poll(() => proxy.connects.length).toBe(1);
    const closedAt = performance.now();
    client.destroy();
    expect(await failing).toMatchObject({ kind: "unsent" });
    expect(performance.now() - closedAt).toBeLessThan(CONNECT_TIMEOUT_MS / 2);
    await expect.poll(() => proxy.open).toBe(0);
  });

  it("a tunnel that is cut under a request leaves open what was done, and it is not sent again", async () => {
    const proxy = await start();
    const client = clientThrough(proxy.port);
    await call(client);
    proxy.cutOnReply();
    const error = await client
      .send(
        new AssumeRoleCommand({
          RoleArn: "arn:aws:iam::222222222222:role/PrivilegedActionsRole",
          RoleSessionName: "alice",
          SerialNumber: "arn:aws:iam::111122223333:mfa/alice",
          TokenCode: "123456",
        }),
      )
      .catch((thrown: unknown) => thrown);
    expect(classifyFailure(error)).toMatchObject({ kind: "ambiguous", code: "ECONNRESET" });
    expect(requests).toHaveLength(2);
    expect(proxy.connects).toHaveLength(1);
  });
});
