import { request } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Certificates, hasOpenssl, makeCertificates } from "../support/certificates.ts";
import { titled } from "./built-program.ts";
import { PseudoTerminal } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// From Enter to the credentials one request goes out, on a connection that is there by then: no handshake of TCP or TLS,
// no GetCallerIdentity (ACCEPTANCE.md B3). What costs round trips is counted; the time itself is `npm run bench`'s.

/** Each way: a round trip of 80 ms. */
const ONE_WAY_MS = 40;

describe.skipIf(!hasOpenssl)(titled("with round trips of 80 ms over TLS", ["openssl", hasOpenssl]), () => {
  let world: TestWorld;
  let certificates: Certificates;
  let url: string;
  let servers: Server[] = [];
  const events: string[] = [];

  beforeAll(async () => {
    world = await startWorld();
    certificates = makeCertificates("IP:127.0.0.1");
    const upstream = new URL(world.sandbox.endpoint);
    const tls = createServer(certificates.server, (incoming, outgoing) => {
      const { method, url: path, rawHeaders: headers } = incoming;
      let body = "";
      incoming.on("data", (chunk: Buffer) => {
        body += chunk.toString("latin1");
      });
      incoming.on("end", () => events.push(/Action=(\w+)/.exec(body)?.[1] ?? "another request"));
      const onward = request({ host: upstream.hostname, port: upstream.port, method, path, headers }, (reply) => {
        outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
        reply.pipe(outgoing);
      });
      incoming.pipe(onward);
    });
    const far = createTcpServer((near) => {
      events.push("connection");
      const other = connect((tls.address() as AddressInfo).port, "127.0.0.1");
      late(near, other);
      late(other, near);
    });
    servers = [tls as unknown as Server, far];
    for (const server of servers) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `https://127.0.0.1:${(far.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await world.close();
    certificates.remove();
  });

  it.each([
    ["dev login", "AssumeRole"],
    ["login", "GetSessionToken"],
  ])("%s takes one round trip after Enter", { timeout: 40_000 }, async (line, operation) => {
    events.length = 0;
    const env = {
      ...world.env,
      ASSUME_MFA_SANDBOX: "",
      AWS_ENDPOINT_URL: url,
      NODE_EXTRA_CA_CERTS: certificates.caFile,
    };
    const terminal = new PseudoTerminal(`assume-mfa ${line}`, { env, cwd: world.folder });
    try {
      await terminal.waitFor(/MFA code for .*: $/);
      // As long as it takes to look at the device: four round trips, and the import before them.
      await until(() => events.includes("GetCallerIdentity"));
      await new Promise((resolve) => setTimeout(resolve, 4 * ONE_WAY_MS));
      const before = events.length;
      const enteredAt = performance.now();
      terminal.type(`${world.freshCode()}\r`);
      await terminal.waitFor(/expires/, 20_000);
      const elapsedMs = performance.now() - enteredAt;
      expect(events.slice(before)).toEqual([operation]);
      expect(await terminal.status()).toBe(0);
      if (process.env.SHOW_TIMES) process.stderr.write(`${line}: ${Math.round(elapsedMs)} ms from Enter\n`);
    } finally {
      terminal.close();
    }
  });
});

/** Whatever comes in goes out later, in order. */
function late(from: Socket, to: Socket): void {
  from.on("data", (chunk) => {
    setTimeout(() => to.write(chunk), ONE_WAY_MS);
  });
  from.on("end", () => setTimeout(() => to.end(), ONE_WAY_MS));
  from.on("error", () => to.destroy());
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 1_000) throw new Error("it never came to hold");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
