import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DIRECT_CONNECTION } from "../../src/aws/client-settings.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import { makeStsClient, type StsClient } from "../../src/session/sts-client.ts";

// What may be sent again, and what never is (ACCEPTANCE.md M5), by the real SDK against a server on loopback.

let server: Server;
let answers: [status: number, body: string][];
let requests: string[];
let client: StsClient;

const IDENTITY = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::111122223333:user/alice</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`;
const error = (code: string) =>
  `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code>
<Message>Rate exceeded</Message></Error><RequestId>6a7b</RequestId></ErrorResponse>`;
const THROTTLED: [number, string] = [400, error("Throttling")];

beforeEach(async () => {
  answers = [];
  requests = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      requests.push(/Action=(\w+)/.exec(body)?.[1] ?? "");
      const [status, text] = answers.shift() ?? [200, IDENTITY];
      response.writeHead(status, { "content-type": "text/xml" }).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = clientOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(async () => {
  client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function clientOf(endpoint: string): StsClient {
  return makeStsClient({
    region: "us-east-1",
    endpoint,
    credentials: new Credentials({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "a-secret" }),
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    connection: DIRECT_CONNECTION,
    maxAttempts: 1,
  });
}

const ROLE = { RoleArn: "arn:aws:iam::222222222222:role/R", RoleSessionName: "alice" };
const CODE = { SerialNumber: "arn:aws:iam::111122223333:mfa/alice", TokenCode: "123456" };

describe("a call that is throttled", () => {
  it("is sent again where it carries no code", async () => {
    answers = [THROTTLED, THROTTLED];
    expect(await client.getCallerIdentity()).toBe("arn:aws:iam::111122223333:user/alice");
    expect(requests).toHaveLength(3);
  });

  it("is sent three times and no more", async () => {
    answers = [THROTTLED, THROTTLED, THROTTLED, THROTTLED];
    await expect(client.assumeRole(ROLE)).rejects.toThrow("Rate exceeded");
    expect(requests).toEqual(["AssumeRole", "AssumeRole", "AssumeRole"]);
  });

  it.each([
    ["AssumeRole", () => client.assumeRole({ ...ROLE, ...CODE })],
    ["GetSessionToken", () => client.getSessionToken({ ...CODE, DurationSeconds: 900 })],
  ])("is sent once where it carries a code: %s", async (operation, call) => {
    answers = [THROTTLED];
    await expect(call()).rejects.toThrow("Rate exceeded");
    expect(requests).toEqual([operation]);
  });
});

describe("a call that failed otherwise", () => {
  it.each<[string, [number, string]]>([
    ["refused", [403, error("AccessDenied")]],
    ["answered by a 500", [500, error("InternalFailure")]],
    ["answered by what is no XML", [502, "bad gateway"]],
  ])("is sent once: %s", async (_, answer) => {
    answers = [answer];
    await expect(client.assumeRole(ROLE)).rejects.toThrow();
    expect(requests).toEqual(["AssumeRole"]);
  });
});

describe("a connection that is refused", () => {
  it("is tried again, also for a call with a code: nothing of it left", async () => {
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const begun = client.assumeRole({ ...ROLE, ...CODE });
    const settled = begun.then(
      () => "answered",
      (failure: { code?: string }) => failure.code,
    );
    // Somebody starts it while the first tries are refused: the call goes out once.
    await new Promise((resolve) => setTimeout(resolve, 1));
    answers = [THROTTLED];
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    await settled;
    expect(requests.length).toBeLessThanOrEqual(1);
  });

  it("ends within a few seconds where it stays refused", async () => {
    const other = clientOf("http://127.0.0.1:1");
    const startedAt = performance.now();
    await expect(other.getCallerIdentity()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    other.close();
  });
});
