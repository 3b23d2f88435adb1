import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { afterEach, describe, expect, it } from "vitest";
import { openHttpFront } from "../../src/sandbox/http-front.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import type { WireOutcome } from "../../src/sandbox/wire.ts";
import { openHarness } from "./sandbox-harness.ts";

const harness = await openHarness();
const { sandbox } = harness;
const port = Number(new URL(sandbox.endpoint).port);

interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
  readonly elapsedMs: number;
}

/** Sends bytes as they are, and reads until the answer is whole or the connection ends. */
function raw(text: string | Buffer, endAfter = false): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const socket = connect(port, "127.0.0.1");
    let received = "";
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      const [head = "", ...rest] = received.split("\r\n\r\n");
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
      resolve({ status, head, body: rest.join("\r\n\r\n"), elapsedMs: performance.now() - startMs });
    };
    const timer = setTimeout(() => reject(new Error("no answer")), 3_000);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      const [head = "", body] = received.split("\r\n\r\n", 2);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
      if (body !== undefined && body.length >= length) finish();
    });
    socket.on("close", finish);
    socket.write(text);
    if (endAfter) socket.end();
  });
}

function post(body: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = {
    Host: `127.0.0.1:${port}`,
    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    "Content-Length": String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST / HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

const STS_FORM = "Action=GetCallerIdentity&Version=2011-06-15";
const json = { "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.ListTables" };
const authorization = (service: string) =>
  `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=${"0".repeat(64)}`;

afterEach(async () => {
  // Whatever was sent, the server lives.
  await harness.sts().send(new GetCallerIdentityCommand({}));
});

describe("a request that is not right is told so in AWS's shape, at once", () => {
  it.each<[string, string, number, RegExp]>([
    [
      "unsigned STS",
      post(STS_FORM),
      403,
      /<Code>MissingAuthenticationToken<\/Code><Message>Request is missing Authentication Token</,
    ],
    [
      "unsigned EC2",
      post("Action=DescribeInstances&Version=2016-11-15"),
      400,
      /<Response><Errors><Error><Code>MissingParameter<.*<RequestID>/,
    ],
    ["unsigned DynamoDB", post("{}", json), 400, /"__type":"[^"]*#MissingAuthenticationTokenException"/],
    [
      "nothing at all",
      post(""),
      400,
      /<ErrorResponse xmlns="http:\/\/webservices\.amazon\.com\/AWSFault\/2005-15-09"><Error><Type>Sender<\/Type><Code>MissingAction</,
    ],
    [
      "an operation that STS has not",
      post("Action=Nothing&Version=2011-06-15"),
      400,
      /AWSFault\/2005-15-09.*<Code>InvalidAction<\/Code><Message>Could not find operation Nothing for version 2011-06-15</,
    ],
    [
      "an operation by the name of a prototype's",
      post("Action=__proto__&Version=2016-11-15"),
      400,
      /<Code>InvalidAction</,
    ],
    [
      "an operation that DynamoDB has not",
      post("{}", { ...json, "X-Amz-Target": "DynamoDB_20120810.constructor" }),
      400,
      /#UnknownOperationException"/,
    ],
    ["JSON that is none", post('{"TableName":', json), 400, /#SerializationException"/],
    ["JSON that is no object", post("[1]", json), 400, /#SerializationException"/],
    ["JSON of a hundred thousand brackets", post("[".repeat(100_000), json), 400, /#SerializationException"/],
    ["a form sent as XML", post(STS_FORM, { "Content-Type": "text/xml" }), 400, /<Code>InvalidContentType</],
    [
      "JSON of another content type",
      post("{}", { ...json, "Content-Type": "text/plain" }),
      400,
      /#UnknownOperationException"/,
    ],
    ["broken percent signs", post("Action=%zz&Version=2011-06-15"), 400, /<Code>MalformedQueryString</],
    ["ten thousand fields", post(`Version=2011-06-15${"&a=b".repeat(10_000)}`), 400, /<Code>MalformedQueryString</],
    ["another algorithm", post(STS_FORM, { Authorization: "Basic YTpi" }), 400, /<Code>IncompleteSignature</],
    [
      "a signature in pieces",
      post(STS_FORM, { Authorization: "AWS4-HMAC-SHA256 Credential=a" }),
      400,
      /<Code>IncompleteSignature</,
    ],
    [
      "a scope of another service",
      post(STS_FORM, { "X-Amz-Date": "20260101T000000Z", Authorization: authorization("s3") }),
      403,
      /<Code>SignatureDoesNotMatch<\/Code><Message>Credential should be scoped to correct service: &apos;sts&apos;\. </,
    ],
    [
      "a service that is not here",
      post("x", { "X-Amz-Date": "20260101T000000Z", Authorization: authorization("lambda") }),
      400,
      /<Code>MissingAction</,
    ],
    ["a body over the limit", post("x".repeat(1_100_000)), 413, /<Code>RequestEntityTooLarge</],
    [
      "another path",
      `GET /etc/passwd HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
      404,
      /<Code>UnknownOperationException</,
    ],
    ["another method", `DELETE / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`, 404, /<Code>UnknownOperationException</],
    [
      "a header of 64 KiB",
      `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX: ${"x".repeat(65_536)}\r\n\r\n`,
      431,
      /<Code>RequestHeaderSectionTooLarge</,
    ],
    ["no HTTP at all", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\r\n\r\n", 400, /<Code>MalformedHttpRequest</],
    [
      "a length that is none",
      `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: ten\r\n\r\n`,
      400,
      /<Code>MalformedHttpRequest</,
    ],
    [
      "two lengths",
      `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
      400,
      /<Code>MalformedHttpRequest</,
    ],
    [
      "a length and chunks (smuggling)",
      `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      /<Code>MalformedHttpRequest</,
    ],
  ])("%s", async (_name, request, status, pattern) => {
    const answer = await raw(request);
    expect(answer.body).toMatch(pattern);
    expect(answer.status).toBe(status);
    expect(answer.elapsedMs).toBeLessThan(500);
  });

  it("a body that ends too soon", async () => {
    const answer = await raw(post(STS_FORM, { "Content-Length": "1000" }), true);
    expect(answer).toMatchObject({ status: 400 });
    expect(answer.body).toMatch(/<Code>MalformedHttpRequest</);
  });

  it.each<[string, string]>([
    ["x-amz-target", "X-Amz-Target: DynamoDB_20120810.PutItem\r\n"],
    ["its content type", "Content-Type: application/x-amz-json-1.0\r\n"],
  ])("a body of DynamoDB's that is too large, known by %s, in JSON", async (_name, header) => {
    const { status, body } = await raw(
      `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${header}Content-Length: 99999999\r\n\r\n`,
    );
    expect(status).toBe(413);
    expect(JSON.parse(body)).toEqual({
      __type: "com.amazon.coral.service#RequestEntityTooLarge",
      message: "Request size exceeds the limit",
    });
  });

  it("a body that is far too large, to a client that reads only when it has sent it all", async () => {
    const socket = connect(port, "127.0.0.1");
    const sent = (text: string) =>
      new Promise<void>((resolve, reject) => {
        socket.once("error", reject);
        socket.write(text, (error) => (error ? reject(error) : resolve()));
      });
    const body = "x".repeat(20_000_000);
    await sent(post(body, json));
    const ended = new Promise((resolve) => socket.once("close", resolve));
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    await ended;
    expect(received).toMatch(/^HTTP\/1\.1 413 .*RequestEntityTooLarge/s);
  });

  it("a chunked body that never ends is cut at the limit", async () => {
    const chunk = `100000\r\n${"x".repeat(0x10_0000)}\r\n`;
    const head = `POST / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const answer = await raw(head + chunk + chunk);
    expect(answer.status).toBe(413);
  });

  it("in a few milliseconds, as the median of many", async () => {
    const times: number[] = [];
    for (let round = 0; round < 31; round += 1) times.push((await raw(post(STS_FORM))).elapsedMs);
    expect(times.sort((left, right) => left - right)[15]).toBeLessThan(50);
  });
});

describe("the port", () => {
  it("is open on 127.0.0.1 and on no other address", async () => {
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ address, scopeid }) => address !== "127.0.0.1" && !scopeid)
      .map(({ address }) => address);
    const isOpen = (host: string) =>
      new Promise<boolean>((resolve) => {
        const socket = connect({ port, host, timeout: 500 });
        const end = (open: boolean) => {
          socket.destroy();
          resolve(open);
        };
        socket.on("connect", () => end(true));
        socket.on("timeout", () => end(false));
        socket.on("error", () => end(false));
      });
    expect(await isOpen("127.0.0.1")).toBe(true);
    for (const host of [...others, "::1", "127.0.0.2"]) expect([host, await isOpen(host)]).toEqual([host, false]);
  });

  it("that is taken is refused", async () => {
    await expect(startSandbox({ now: Date.now, port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  it("is closed with its open connections at once", async () => {
    const other = await startSandbox({ now: Date.now });
    const socket = connect(Number(new URL(other.endpoint).port), "127.0.0.1");
    await new Promise((resolve) => socket.on("connect", resolve));
    socket.write("POST / HTTP/1.1\r\n");
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.on("error", () => {});
    const startMs = performance.now();
    await other.close();
    await closed;
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });
});

describe("a defect of the sandbox", () => {
  it("fails its own call, and no other", async () => {
    let count = 0;
    const handle = async (): Promise<WireOutcome> => {
      count += 1;
      if (count === 1) throw new Error("made by the test");
      return { kind: "answer", response: { status: 200, headers: {}, body: "fine" } };
    };
    const front = await openHttpFront(0, handle, Date.now);
    const answers = [await fetch(`http://127.0.0.1:${front.port}`), await fetch(`http://127.0.0.1:${front.port}`)];
    expect(answers.map(({ status }) => status)).toEqual([500, 200]);
    expect(await answers[0]?.text()).toMatch(/<Code>InternalFailure</);
    await front.close();
  });
});

describe("a connection", () => {
  it("that sends its headers drop by drop is ended", async () => {
    const startMs = performance.now();
    const ended = await new Promise<string>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      let received = "";
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        received += chunk.toString("latin1");
      });
      socket.write("POST / HTTP/1.1\r\n");
      const drops = setInterval(() => socket.write("X-Drop: 1\r\n"), 200);
      socket.on("close", () => {
        clearInterval(drops);
        resolve(received);
      });
    });
    expect(ended).toMatch(/^HTTP\/1\.1 408 .*<Code>RequestTimeout</s);
    expect(performance.now() - startMs).toBeLessThan(6_000);
  });

  it.each(["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "NOSUCH"])(
    "that uses %s is refused in AWS's shape",
    async (method) => {
      const { status, body } = await raw(`${method} / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(body).toMatch(/^<ErrorResponse .*<Code>\w+</);
    },
  );

  it("that asks to be something else gets no such thing", async () => {
    const head = `Host: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    expect((await raw(`GET / HTTP/1.1\r\n${head}`)).status).toBe(400);
    const tunnel = await raw(`CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n`);
    expect(tunnel.status).toBe(405);
    expect(tunnel.body).toMatch(/^<ErrorResponse .*<Code>MethodNotAllowed</);
    expect((await raw(`GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n`)).status).toBe(404);
    expect((await raw("GET / HTTP/1.0\r\n\r\n")).status).toBe(400);
  });

  it("one of hundreds at once is answered", async () => {
    const answers = await Promise.all(Array.from({ length: 300 }, () => raw(post(STS_FORM))));
    expect(answers.every(({ status }) => status === 403)).toBe(true);
  });
});
