import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, describe, expect, it } from "vitest";
import { type AwsFailure, classifyFailure } from "../../src/aws/aws-failure.ts";
import {
  BoundedHttpHandler,
  CONNECT_TIMEOUT_MS,
  MAX_BODY_BYTES,
  RESPONSE_TIMEOUT_MS,
} from "../../src/aws/bounded-http-handler.ts";
import { makeClientConfig } from "../../src/aws/client-config.ts";
import { DIRECT_CONNECTION } from "../../src/aws/client-settings.ts";
import { makeServerClock } from "../../src/aws/server-clock.ts";
import { Credentials } from "../../src/credentials/credentials.ts";

const IDENTITY = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/alice</Arn><UserId>AIDA</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`;
const XML = { "content-type": "text/xml" };
const BLOCK = Buffer.alloc(64 * 1024, " ");

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Something that answers as it likes. @returns its URL, the requests so far, and whether the last connection is gone */
async function listen(answer: (response: ServerResponse) => void) {
  const seen = { url: "", requests: 0, isCut: false };
  const server = createServer((request, response) => {
    request.resume();
    seen.requests += 1;
    seen.isCut = false;
    response.on("close", () => {
      seen.isCut = !response.writableFinished;
    });
    answer(response);
  });
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  seen.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return seen;
}

const SHORT = { responseTimeoutMs: 300, maxBodyBytes: 1024 * 1024 };

function makeClient(endpoint: string, requestHandler = new BoundedHttpHandler(SHORT)): STSClient {
  const settings = {
    region: "us-east-1",
    endpoint,
    credentials: new Credentials({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "a-secret" }),
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    connection: DIRECT_CONNECTION,
    maxAttempts: 1,
  };
  const client = new STSClient({ ...makeClientConfig(settings), requestHandler });
  closers.push(() => client.destroy());
  return client;
}

async function failureOf(call: Promise<unknown>): Promise<AwsFailure> {
  const failure = classifyFailure(
    await call.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  if (failure === undefined) throw new Error("it is no failure of a call");
  return failure;
}

const ask = (client: STSClient) => client.send(new GetCallerIdentityCommand({}));

describe("the bounds", () => {
  it("are 5 s for a connection, 15 s for an answer, and 64 MiB, in every client", () => {
    expect([CONNECT_TIMEOUT_MS, RESPONSE_TIMEOUT_MS, MAX_BODY_BYTES]).toEqual([5_000, 15_000, 67_108_864]);
    const { requestHandler } = makeClientConfig({
      region: "us-east-1",
      endpoint: undefined,
      credentials: new Credentials({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "a-secret" }),
      useFipsEndpoint: false,
      useDualstackEndpoint: false,
      connection: DIRECT_CONNECTION,
      maxAttempts: 1,
    });
    expect(requestHandler).toBeInstanceOf(BoundedHttpHandler);
  });
});

describe("an answer", () => {
  it("is read whole, and the client goes on past the limit of each answer", async () => {
    const server = await listen((response) => response.writeHead(200, XML).end(IDENTITY));
    const client = makeClient(server.url);
    for (let nth = 1; nth <= 3; nth += 1) {
      expect((await ask(client)).Arn).toBe("arn:aws:iam::111122223333:user/alice");
    }
    expect(server.requests).toBe(3);
    await new Promise((resolve) => setTimeout(resolve, SHORT.responseTimeoutMs + 50));
    expect((await ask(client)).Account).toBe("111122223333");
  });

  it("in small pieces is read whole when it is in time", async () => {
    const server = await listen((response) => {
      response.writeHead(200, XML);
      const pieces = IDENTITY.match(/.{1,40}/gs) ?? [];
      const timer = setInterval(() => {
        const piece = pieces.shift();
        if (piece !== undefined) response.write(piece);
        else {
          clearInterval(timer);
          response.end();
        }
      }, 5);
    });
    expect((await ask(makeClient(server.url))).Account).toBe("111122223333");
  });

  it("of exactly the most that is taken is read, one byte more is not", async () => {
    for (const more of [0, 1]) {
      const server = await listen((response) => {
        response.writeHead(200, XML).end(IDENTITY.padEnd(SHORT.maxBodyBytes + more, " "));
      });
      const call = ask(makeClient(server.url));
      if (more === 0) expect((await call).Account).toBe("111122223333");
      else expect(await failureOf(call)).toMatchObject({ kind: "ambiguous" });
    }
  });
});

describe("AWS's clock", () => {
  const HOUR_MS = 3_600_000;
  /** The offset after one call, by a clock that stands still at noon. */
  async function heardFrom(status: number, headers: Record<string, string>, body = IDENTITY) {
    const noon = Date.UTC(2026, 10, 24, 12);
    const clock = makeServerClock(() => noon);
    const server = await listen((response) => {
      response.sendDate = false;
      response.writeHead(status, { ...XML, ...headers }).end(body);
    });
    const client = makeClient(server.url, new BoundedHttpHandler(SHORT, DIRECT_CONNECTION, clock));
    await ask(client).catch(() => undefined);
    expect(server.requests).toBe(1);
    return clock.offsetMs();
  }
  const LATER = new Date(Date.UTC(2026, 10, 24, 13)).toUTCString();

  it.each([200, 400, 403, 500, 503])("is heard from an answer with status %i", async (status) => {
    expect(await heardFrom(status, { date: LATER })).toBe(HOUR_MS + 500);
  });

  it("is heard from an answer that can't be read: its head was there", async () => {
    expect(await heardFrom(200, { date: LATER }, "<cut")).toBe(HOUR_MS + 500);
  });

  it.each([
    ["no date", {}],
    ["an empty date", { date: "" }],
    ["no real date", { date: "yesterday" }],
    ["the date of when a cache on the way got it", { date: LATER, age: "3600" }],
  ])("is not heard from an answer with %s", async (_what, headers: Record<string, string>) => {
    expect(await heardFrom(200, headers)).toBeUndefined();
  });

  it("is not heard where nothing answers", async () => {
    const clock = makeServerClock(Date.now);
    const server = await listen((response) => response.socket?.destroy());
    await failureOf(ask(makeClient(server.url, new BoundedHttpHandler(SHORT, DIRECT_CONNECTION, clock))));
    expect(clock.offsetMs()).toBeUndefined();
  });
});

describe("an answer that is", () => {
  it("begun and never ended is given up at the limit, however its bytes trickle in, and the connection is cut", async () => {
    const server = await listen((response) => {
      response.writeHead(200, XML);
      const timer = setInterval(() => response.write(" "), 10);
      response.on("close", () => clearInterval(timer));
    });
    const startedAt = performance.now();
    expect(await failureOf(ask(makeClient(server.url)))).toMatchObject({ kind: "ambiguous" });
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(SHORT.responseTimeoutMs * 0.9);
    expect(tookMs).toBeLessThan(SHORT.responseTimeoutMs + 1_000);
    await expect.poll(() => server.isCut).toBe(true);
  });

  it("headers alone is given up at the limit, with a status of success or of failure", async () => {
    for (const status of [200, 403, 500]) {
      const server = await listen((response) => response.writeHead(status, XML).flushHeaders());
      expect(await failureOf(ask(makeClient(server.url)))).toMatchObject({ kind: "ambiguous" });
    }
  });

  it.each([
    ["of a size that is told", { "content-length": `${10 ** 12}` }],
    ["without an end", {}],
    ["that is a failure", {}, 403],
  ])("a flood %s is cut, and little more than the limit was sent", async (_what, headers, status = 200) => {
    let sentBytes = 0;
    const server = await listen((response) => {
      response.writeHead(status, { ...XML, ...headers });
      const pour = () => {
        while (!response.destroyed) {
          sentBytes += BLOCK.length;
          if (!response.write(BLOCK)) break;
        }
      };
      response.on("drain", pour);
      pour();
    });
    const limit = SHORT.maxBodyBytes;
    const call = ask(
      makeClient(server.url, new BoundedHttpHandler({ responseTimeoutMs: 10_000, maxBodyBytes: limit })),
    );
    expect(await failureOf(call)).toMatchObject({ kind: "ambiguous" });
    await expect.poll(() => server.isCut).toBe(true);
    // What stands between: the sockets' buffers on both sides.
    expect(sentBytes).toBeGreaterThan(limit);
    expect(sentBytes).toBeLessThan(limit + 16 * 1024 * 1024);
  });

  it.each([
    ["at its start", 0],
    ["in its middle", 0.5],
    ["before its last byte", 1],
  ])("cut off %s is ambiguous: what was asked may have been done", async (_where, share) => {
    for (const headers of [{ "content-length": `${IDENTITY.length}` }, {}]) {
      const server = await listen((response) => {
        response.writeHead(200, { ...XML, ...headers });
        response.flushHeaders();
        const part = IDENTITY.slice(0, Math.min(Math.floor(IDENTITY.length * share), IDENTITY.length - 1));
        if (part !== "") response.write(part);
        setTimeout(() => response.socket?.destroy(), 10);
      });
      expect(await failureOf(ask(makeClient(server.url)))).toMatchObject({ kind: "ambiguous" });
    }
  });

  it("cut off is not asked for again where one attempt is all", async () => {
    const server = await listen((response) => {
      response.writeHead(200, { ...XML, "content-length": `${IDENTITY.length}` }).flushHeaders();
      setTimeout(() => response.socket?.destroy(), 5);
    });
    await failureOf(ask(makeClient(server.url)));
    expect(server.requests).toBe(1);
  });
});
