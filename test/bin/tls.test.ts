import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findProgram, titled } from "./built-program.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// Certificates are verified, whatever a variable says that was set for another program; one's own authority is trusted
// by the variable that Node has for that (ACCEPTANCE.md M6).

const openssl = findProgram("openssl");

describe.skipIf(openssl === undefined)(
  titled("an endpoint with a certificate of nobody's", ["openssl", openssl]),
  () => {
    let world: TestWorld;
    let folder: string;
    let server: Server;
    let url: string;
    let requests = 0;

    beforeAll(async () => {
      world = await startWorld();
      folder = mkdtempSync(join(tmpdir(), "assume-mfa-test-"));
      const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
      const subject = ["-subj", "/CN=assume-mfa test", "-addext", "subjectAltName=IP:127.0.0.1"];
      const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")];
      execFileSync(openssl ?? "", ["req", "-x509", ...curve, ...subject, ...files], { stdio: "ignore" });
      const upstream = new URL(world.sandbox.endpoint);
      server = createServer(
        { key: readFileSync(join(folder, "key.pem")), cert: readFileSync(join(folder, "cert.pem")) },
        (incoming, outgoing) => {
          requests += 1;
          const { method, url: path, rawHeaders: headers } = incoming;
          const onward = request({ host: upstream.hostname, port: upstream.port, method, path, headers }, (reply) => {
            outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
            reply.pipe(outgoing);
          });
          incoming.pipe(onward);
        },
      );
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(async () => {
      server.closeAllConnections();
      server.close();
      await world.close();
      rmSync(folder, { recursive: true, force: true });
    });
    beforeEach(() => {
      requests = 0;
    });

    const login = (more: Record<string, string>) =>
      world.run(["dev", "login", "--refresh", "--endpoint-url", url, "--token-code", world.freshCode()], {
        ASSUME_MFA_SANDBOX: "",
        ...more,
      });

    it.each([
      ["as things are", {}],
      ["with NODE_TLS_REJECT_UNAUTHORIZED=0", { NODE_TLS_REJECT_UNAUTHORIZED: "0" }],
    ])("is sent nothing %s: exit 1", async (_how, more) => {
      const { status, stdout, stderr } = await login(more);
      expect({ status, stdout, requests }).toEqual({ status: 1, stdout: "", requests: 0 });
      expect(stderr).toMatch(
        /^assume-mfa: error: STS at https:\S+ can't be reached: the connection failed \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/m,
      );
    });

    it("is called where NODE_EXTRA_CA_CERTS names it", async () => {
      const { status, stdout, stderr } = await login({ NODE_EXTRA_CA_CERTS: join(folder, "cert.pem") });
      expect({ status, stderr }).toEqual({ status: 0, stderr: `endpoint ${url} (--endpoint-url)\n` });
      expect(stdout).toContain("222222222222");
      expect(requests).toBeGreaterThan(0);
    });

    it("is refused under another name, also where it is trusted", async () => {
      const other = url.replace("127.0.0.1", "localhost");
      const { status, stderr } = await world.run(
        ["dev", "login", "--refresh", "--endpoint-url", other, "--token-code", world.freshCode()],
        { ASSUME_MFA_SANDBOX: "", NODE_EXTRA_CA_CERTS: join(folder, "cert.pem"), NODE_TLS_REJECT_UNAUTHORIZED: "0" },
      );
      expect({ status, requests }).toEqual({ status: 1, requests: 0 });
      expect(stderr).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
    });
  },
);
