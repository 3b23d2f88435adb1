import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { loadProvidedCredentials } from "../../src/session/provided-credentials.ts";
import type { StsPlace } from "../../src/session/signer.ts";
import { hasOpenssl, makeCertificates } from "../support/certificates.ts";
import { DEV, DEV_ROLE, demand, openCliWorld, PROD, type Run, type RunOptions } from "../support/cli-world.ts";

// The services of an instance and of a container (CLI.md, "Targets"): each target is signed by its own, and what one of them
// does wrong costs neither memory nor time, nor shows a secret.

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A service on loopback, and what it was asked. */
class Service {
  readonly asked: string[] = [];
  readonly url: string;
  readonly #server: http.Server;
  answer: Answer = (_, response) => response.writeHead(500).end();

  private constructor(server: http.Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      if (request.url?.startsWith("/_assume-mfa/")) return response.writeHead(404).end();
      this.asked.push(`${request.method} ${request.url}`);
      response.on("error", () => undefined);
      return this.answer(request, response);
    });
  }

  static async open(): Promise<Service> {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const service = new Service(server);
    services.push(service);
    return service;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** STS is not called for them. */
const PLACE = {} as StsPlace;
const services: Service[] = [];
const world = await openCliWorld();
const keys: Keys[] = [];
const sectionsAt = (one: string, two: string) => `
[profile i1]
role_arn = ${DEV_ROLE}
credential_source = Ec2InstanceMetadata
ec2_metadata_service_endpoint = ${one}
[profile i2]
role_arn = arn:aws:iam::${PROD}:role/PrivilegedActionsRole
credential_source = Ec2InstanceMetadata
ec2_metadata_service_endpoint = ${two}
`;

beforeAll(async () => {
  for (const name of ["one", "two"]) {
    world.newCache();
    const argv = `parent-admin export --format json --role-session-name ${name} --token-code ${world.code()}`;
    const { stdout } = await world.run(argv, { isPayload: true });
    const exported = JSON.parse(stdout) as Readonly<Record<string, string>>;
    keys.push({
      accessKeyId: demand(exported.AWS_ACCESS_KEY_ID),
      secretAccessKey: demand(exported.AWS_SECRET_ACCESS_KEY),
      sessionToken: demand(exported.AWS_SESSION_TOKEN),
    });
  }
  for (const account of [DEV, PROD]) {
    world.role(account).trustPolicy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: "111122223333" }, Action: "sts:AssumeRole" }],
    });
  }
  world.newCache();
});

afterEach(() => {
  for (const service of services.splice(0)) service.close();
  world.newCache();
});

function run(argv: string, sections: string, options: RunOptions = {}): Promise<Run> {
  const near = { AWS_EC2_METADATA_DISABLED: undefined, ASSUME_MFA_SANDBOX: undefined };
  return world.run(argv, { ...options, env: { ...world.configWith(sections), ...near, ...options.env } });
}

function documentOf({ accessKeyId, secretAccessKey, sessionToken }: Keys, more: object = {}): string {
  const expiration = new Date(Date.now() + 3_600_000).toISOString();
  const document = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken };
  return JSON.stringify({ Code: "Success", ...document, Expiration: expiration, ...more });
}

/** IMDSv2. */
function imds(own: Keys, delayMs = 0): Answer {
  return async ({ method, url, headers }, response) => {
    await sleep(delayMs);
    if (method === "PUT") return response.end("imds-token");
    if (headers["x-aws-ec2-metadata-token"] !== "imds-token") return response.writeHead(401).end();
    return response.end(url?.endsWith("/") ? "Role" : documentOf(own));
  };
}

/** Writes without an end, and counts what was taken. */
function endless(): { readonly answer: Answer; readonly sent: () => number; readonly open: () => number } {
  const chunk = Buffer.alloc(64 * 1024, "x");
  let bytes = 0;
  let open = 0;
  const answer: Answer = (_, response) => {
    open += 1;
    const write = () => {
      while (!response.destroyed) {
        bytes += chunk.length;
        if (!response.write(chunk)) return response.once("drain", write);
      }
      return undefined;
    };
    response.on("close", () => {
      open -= 1;
    });
    write();
  };
  return { answer, sent: () => bytes, open: () => open };
}

/** What the sockets' buffers of the system take on the way. */
const ON_THE_WAY_BYTES = 16 * 1024 * 1024;
const signersOf = ({ calls }: Run) =>
  Object.fromEntries(
    calls
      .filter(({ operation }) => operation === "AssumeRole")
      .map(({ parameters, accessKeyId }) => [String(parameters.RoleArn).split(":")[4], accessKeyId]),
  );

describe("two instances' roles in one run", () => {
  it("sign each for its own target, however long one of them takes", async () => {
    const [one, two] = [await Service.open(), await Service.open()];
    const [first, second] = keys as [Keys, Keys];
    one.answer = imds(first, 150);
    two.answer = imds(second);
    const made = await run("i1,i2 login", sectionsAt(one.url, two.url));
    expect([made.exitCode, made.said]).toEqual([0, expect.stringContaining("the instance's role signs")]);
    expect(signersOf(made)).toEqual({ [DEV]: first.accessKeyId, [PROD]: second.accessKeyId });
    expect([one.asked.length, two.asked.length]).toEqual([3, 3]);
  });

  it("are each asked at their own address, also when both are asked in the same moment", async () => {
    const both = [await Service.open(), await Service.open()];
    const seen = new Set<string | undefined>();
    const loaded = both.map((service, index) => {
      const good = imds(keys[index] as Keys, 50 * index);
      service.answer = (request, response) => {
        seen.add(process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT);
        good(request, response);
      };
      const source = {
        kind: "provided",
        label: "the instance's role",
        profileName: undefined,
        origin: { kind: "default", reason: "a test" },
        provider: { kind: "instance metadata", endpoint: service.url },
      } as const;
      const request = { source, place: PLACE, shape: undefined, note: () => undefined };
      return loadProvidedCredentials(request, {
        host: { env: {}, homeDirectory: undefined, now: () => Date.now() },
        isExported: false,
        captureCommand: () => Promise.reject(new Error("nothing is to be run")),
      });
    });
    const ids = (await Promise.all(loaded)).map(({ accessKeyId }) => accessKeyId);
    expect(ids).toEqual(keys.map(({ accessKeyId }) => accessKeyId));
    expect(both.map(({ asked }) => asked.length)).toEqual([3, 3]);
    seen.add(process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT);
    expect([...seen], "the process's own environment, which all of it shares").toEqual([undefined]);
  });

  it("are not asked at an address of the process's own environment", async () => {
    const [own, other] = [await Service.open(), await Service.open()];
    own.answer = imds(keys[0] as Keys);
    process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = other.url;
    try {
      const made = await run("i1 login", sectionsAt(own.url, own.url));
      expect([made.exitCode, own.asked.length, other.asked]).toEqual([0, 3, []]);
    } finally {
      delete process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
    }
  });
});

describe("an instance's service", () => {
  it("that answers without an end is cut off, once again too", async () => {
    const service = await Service.open();
    const body = endless();
    service.answer = body.answer;
    const refused = await run("i1 login", sectionsAt(service.url, service.url));
    expect([refused.exitCode, refused.operations]).toEqual([3, []]);
    expect(refused.said).toContain(`from ${service.url} (IMDSv2): the answer is longer than 64 KiB`);
    await sleep(50);
    expect([service.asked.length, body.open()]).toEqual([2, 0]);
    expect(body.sent()).toBeLessThan(2 * ON_THE_WAY_BYTES);
  });

  it("that never ends its answer is left in time, and its connection closed", async () => {
    const service = await Service.open();
    let closed = 0;
    service.answer = (_, response) => {
      response.write("imds-");
      const timer = setInterval(() => response.write("x"), 50);
      response.on("close", () => {
        closed += 1;
        clearInterval(timer);
      });
    };
    const startedAt = performance.now();
    const refused = await run("i1 login", sectionsAt(service.url, service.url));
    expect(refused.exitCode).toBe(3);
    expect(refused.said).toContain("(IMDSv2): no whole answer within 2 s");
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    await sleep(50);
    expect([service.asked.length, closed]).toEqual([2, 2]);
  });

  it("that fails for a moment is asked once again", async () => {
    const service = await Service.open();
    const good = imds(keys[0] as Keys);
    service.answer = (request, response) =>
      service.asked.length === 2 ? response.writeHead(503).end() : good(request, response);
    const made = await run("i1 login", sectionsAt(service.url, service.url));
    expect([made.exitCode, service.asked.length]).toEqual([0, 4]);
  });

  it.each<[string, string, string]>([
    ["a role that is a path", "../../user-data", "it names no role"],
    ["two roles", "A\nB", "it names no role"],
    ["no role", "", "it names no role"],
    ["a role that is a page", "<html></html>", "it names no role"],
  ])("that names %s is asked no further", async (_, name, why) => {
    const service = await Service.open();
    service.answer = ({ method }, response) => response.end(method === "PUT" ? "imds-token" : name);
    const refused = await run("i1 login", sectionsAt(service.url, service.url));
    expect([refused.exitCode, refused.operations, service.asked.length]).toEqual([3, [], 2]);
    expect(refused.said).toContain(`(IMDSv2): ${why}`);
  });

  it.each<[string, string]>([
    ["holds a line break", "a\r\nx-other: 1"],
    ["is empty", ""],
  ])("whose token %s is asked no further", async (_, token) => {
    const service = await Service.open();
    service.answer = (_request, response) => response.end(token);
    const refused = await run("i1 login", sectionsAt(service.url, service.url));
    expect([refused.exitCode, service.asked]).toEqual([3, ["PUT /latest/api/token"]]);
    expect(refused.said).toContain("its token is none");
  });

  it("that says it failed is no source, and nothing of its answer is shown", async () => {
    const service = await Service.open();
    service.answer = ({ method, url }, response) => {
      const role = url?.endsWith("/") ? "Role" : documentOf(keys[0] as Keys, { Code: "Failed" });
      response.end(method === "PUT" ? "imds-token" : role);
    };
    const refused = await run("i1 login --debug", sectionsAt(service.url, service.url));
    expect([refused.exitCode, refused.operations]).toEqual([3, []]);
    expect(refused.stderr).not.toContain((keys[0] as Keys).secretAccessKey.slice(0, 10));
  });
});

describe("a container's service", () => {
  const SECTIONS = `\n[profile boxed]\nrole_arn = ${DEV_ROLE}\ncredential_source = EcsContainer\n`;
  const at = (service: Service) => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${service.url}/creds` });

  it("that answers without an end is cut off", async () => {
    const service = await Service.open();
    const body = endless();
    service.answer = body.answer;
    const refused = await run("boxed login", SECTIONS, { env: at(service) });
    expect([refused.exitCode, refused.operations]).toEqual([3, []]);
    expect(refused.said).toContain(`from ${service.url}: the answer is longer than 64 KiB`);
    await sleep(50);
    expect([service.asked.length, body.open()]).toEqual([1, 0]);
    expect(body.sent()).toBeLessThan(ON_THE_WAY_BYTES);
  });

  it("that sends us elsewhere is not followed, and the token goes nowhere else", async () => {
    const [service, other] = [await Service.open(), await Service.open()];
    other.answer = (_, response) => response.end(documentOf(keys[0] as Keys));
    service.answer = (_, response) => response.writeHead(302, { location: `${other.url}/creds` }).end();
    const refused = await run("boxed login", SECTIONS, {
      env: { ...at(service), AWS_CONTAINER_AUTHORIZATION_TOKEN: "token-0123456789-0123456789" },
    });
    expect([refused.exitCode, refused.operations, other.asked]).toEqual([4, [], []]);
    expect(refused.said).toContain("the answer was 302");
  });

  it("is asked without the proxy that AWS is asked through", async () => {
    const [service, proxy] = [await Service.open(), await Service.open()];
    service.answer = (_, response) => response.end("{}");
    const env = { ...at(service), HTTP_PROXY: proxy.url, http_proxy: proxy.url, HTTPS_PROXY: proxy.url };
    const refused = await run("boxed login", SECTIONS, { env });
    expect([refused.exitCode, service.asked, proxy.asked]).toEqual([3, ["GET /creds"], []]);
    expect(refused.said).toContain("the answer has no AccessKeyId with SecretAccessKey, Token and Expiration");
  });

  it.skipIf(!hasOpenssl)(
    "whose certificate nobody vouches for is not asked, whatever the environment says",
    async () => {
      const certificates = makeCertificates("IP:127.0.0.1");
      const asked: unknown[] = [];
      const server = https.createServer(certificates.server, (request, response) => {
        asked.push(request.headers);
        response.end(documentOf(keys[0] as Keys));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
      try {
        const uri = `https://127.0.0.1:${(server.address() as AddressInfo).port}/creds`;
        const refused = await run("boxed login", SECTIONS, { env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri } });
        expect([refused.exitCode, refused.operations, asked]).toEqual([3, [], []]);
        expect(refused.said).toContain("the connection failed");
      } finally {
        delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
        server.closeAllConnections();
        server.close();
        certificates.remove();
      }
    },
  );

  it.each<[string, string]>([
    ["a list", "[]"],
    ["null", "null"],
    ["a text", '"x"'],
    ["a number for a key", '{"AccessKeyId":1,"SecretAccessKey":"x","Token":"y","Expiration":"2099-01-01T00:00:00Z"}'],
  ])("that gives %s is no source", async (_, text) => {
    const service = await Service.open();
    service.answer = (_request, response) => response.end(text);
    const refused = await run("boxed login", SECTIONS, { env: at(service) });
    expect([refused.exitCode, refused.operations]).toEqual([3, []]);
  });
});
