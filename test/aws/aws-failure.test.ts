import { createServer, type Server, type Socket } from "node:net";
import { inspect } from "node:util";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, describe, expect, it } from "vitest";
import {
  type AwsFailure,
  classifyFailure,
  detachFailure,
  isAccessDenied,
  isClockRefusal,
  isExpiredSession,
  refusedSkewMs,
} from "../../src/aws/aws-failure.ts";
import { makeClientConfig } from "../../src/aws/client-config.ts";
import { DIRECT_CONNECTION } from "../../src/aws/client-settings.ts";
import { Credentials } from "../../src/credentials/credentials.ts";

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const TOKEN = "a-session-token-of-this-test";
const SECRET = "a-secret-key-of-this-test";
let servers: Server[] = [];
afterEach(() => {
  for (const server of servers) server.close();
  servers = [];
});

/** A server that does one raw thing with every request. */
async function listen(handle: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => handle(socket));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

function answer(status: number, body: string, type = "text/xml") {
  return (socket: Socket) =>
    socket.end(
      `HTTP/1.1 ${status} Whatever\r\ncontent-type: ${type}\r\nx-amzn-requestid: 6a7b\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
}

const errorBody = (code: string, message: string) =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>6a7b</RequestId></ErrorResponse>`;

/** What a real client throws. */
async function thrownBy(endpoint: string, maxAttempts = 1): Promise<unknown> {
  const client = new STSClient(
    makeClientConfig({
      region: "us-east-1",
      endpoint,
      credentials: new Credentials({
        accessKeyId: "ASIAIOSFODNN7EXAMPLE",
        secretAccessKey: SECRET,
        sessionToken: TOKEN,
        expiration: 2e12,
      }),
      useFipsEndpoint: false,
      useDualstackEndpoint: false,
      connection: DIRECT_CONNECTION,
      maxAttempts,
    }),
  );
  try {
    await client.send(
      new AssumeRoleCommand({
        RoleArn: "arn:aws:iam::222222222222:role/PrivilegedActionsRole",
        RoleSessionName: "alice",
        SerialNumber: "arn:aws:iam::111122223333:mfa/alice",
        TokenCode: "123456",
      }),
    );
  } catch (error) {
    return error;
  } finally {
    client.destroy();
  }
  throw new Error("nothing was thrown");
}

const KEYS = `<Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>${SECRET}</SecretAccessKey>`;

/** What a real client meets, and what it must be taken for. */
const MET: Readonly<Record<string, readonly [(() => Promise<string>) | string, Partial<AwsFailure>]>> = {
  "a closed port": [
    "http://127.0.0.1:9",
    { kind: "unsent", code: "ECONNREFUSED", message: "the connection was refused" },
  ],
  "a name that is not there": ["https://sts.invalid", { kind: "unsent", message: "its name could not be resolved" }],
  "a connection that is cut": [
    () => listen((socket) => socket.resetAndDestroy()),
    { kind: "ambiguous", code: "ECONNRESET", message: "the connection was cut" },
  ],
  "an end without an answer": [() => listen((socket) => socket.end()), { kind: "ambiguous", code: "ECONNRESET" }],
  "half a head": [() => listen((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-")), { kind: "ambiguous" }],
  "what is no HTTP": [() => listen((socket) => socket.end("220 mail ready\r\n")), { kind: "ambiguous" }],
  "half a body": [
    () => listen((socket) => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n${KEYS}`)),
    { kind: "ambiguous" },
  ],
  "a body that is no XML": [
    () => listen(answer(200, KEYS)),
    { kind: "ambiguous", message: "the answer could not be read" },
  ],
  "HTTP 500": [
    () => listen(answer(500, errorBody("InternalFailure", "x"))),
    { kind: "ambiguous", code: "InternalFailure", message: "the service answered 500 (InternalFailure)" },
  ],
  "HTTP 503 without a body": [() => listen(answer(503, "")), { kind: "ambiguous" }],
  "HTTP 403": [
    () => listen(answer(403, errorBody("AccessDenied", " no. "))),
    { kind: "refused", code: "AccessDenied", message: "no.", status: 403, requestId: "6a7b" },
  ],
  "HTTP 400 of another error": [
    () => listen(answer(400, errorBody("SomethingNew", "x"))),
    { kind: "refused", code: "SomethingNew", status: 400 },
  ],
};

describe.each(Object.keys(MET))("%s", (name) => {
  const [place, expected] = MET[name] as (typeof MET)[string];
  const meet = async () => thrownBy(typeof place === "string" ? place : await place());

  it("is told for what it is, also once it is detached", async () => {
    const error = await meet();
    expect(classifyFailure(error)).toMatchObject(expected);
    expect(classifyFailure(detachFailure(error))).toEqual(classifyFailure(error));
  });

  it("detached holds neither the request nor the answer, and keeps its name, message and stack", async () => {
    const error = (await meet()) as Error;
    const detached = detachFailure(error) as Error;
    const text = inspect(detached, { showHidden: true, depth: 12, maxStringLength: null, maxArrayLength: null });
    expect(text).not.toContain(TOKEN);
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain("123456");
    expect([detached.name, detached.message, detached.stack]).toEqual([error.name, error.message, error.stack]);
    expect(detached).toBeInstanceOf(Error);
  });
});

describe("the leak that detaching is for", () => {
  it("is there without it", async () => {
    // The SDK as it comes: whatever our own handler hangs on an answer, nobody must rely on it.
    const client = new STSClient({
      region: "us-east-1",
      endpoint: await listen(answer(403, errorBody("AccessDenied", "no"))),
      credentials: { accessKeyId: "ASIAIOSFODNN7EXAMPLE", secretAccessKey: SECRET, sessionToken: TOKEN },
      maxAttempts: 1,
    });
    const error: unknown = await client.send(new GetCallerIdentityCommand({})).catch((thrown: unknown) => thrown);
    client.destroy();
    expect(inspect(error, { showHidden: true, depth: 12, maxStringLength: null })).toContain(TOKEN);
    expect(inspect(detachFailure(error), { showHidden: true, depth: 12, maxStringLength: null })).not.toContain(TOKEN);
  });
});

describe("what is no failure of a call", () => {
  it.each([
    [undefined],
    [null],
    ["text"],
    [{ $metadata: { httpStatusCode: 403 }, $fault: "client" }],
    [new TypeError("x is not a function")],
    [new DOMException("aborted", "AbortError")],
  ])("%s is none, and is handed on as it is", (thrown) => {
    const expected = thrown instanceof DOMException ? classifyFailure(thrown) : undefined;
    expect(classifyFailure(thrown)).toBe(expected);
    if (expected === undefined) expect(detachFailure(thrown)).toBe(thrown);
  });
});

describe("one attempt", () => {
  it.each([
    ["HTTP 500", answer(500, errorBody("InternalFailure", "x"))],
    ["throttling", answer(400, errorBody("Throttling", "x"))],
    ["a cut connection", (socket: Socket) => void socket.resetAndDestroy()],
    ["an end without an answer", (socket: Socket) => void socket.end()],
  ])("is one: %s is not tried again", async (_what, handle) => {
    let requests = 0;
    const endpoint = await listen((socket) => {
      requests += 1;
      handle(socket);
    });
    await thrownBy(endpoint, 1);
    expect(requests).toBe(1);
  });
});

describe("the codes that mean the same", () => {
  const refused = (code: string): AwsFailure => ({
    kind: "refused",
    code,
    message: "",
    status: 400,
    requestId: undefined,
  });

  it("of an expired session and of a denial, in three services' words", () => {
    for (const code of ["ExpiredToken", "ExpiredTokenException", "RequestExpired"]) {
      expect(isExpiredSession(refused(code))).toBe(true);
      expect(isAccessDenied(refused(code))).toBe(false);
    }
    for (const code of ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"]) {
      expect(isAccessDenied(refused(code))).toBe(true);
      expect(isExpiredSession(refused(code))).toBe(false);
    }
    const lost: AwsFailure = { kind: "ambiguous", code: "AccessDenied", message: "" };
    expect(isAccessDenied(lost)).toBe(false);
    expect(isExpiredSession({ ...lost, code: "ExpiredToken" })).toBe(false);
  });
});

describe("a refusal for the clock", () => {
  const EXPIRED =
    "Signature expired: 20261124T100000Z is now earlier than 20261124T105500Z (20261124T110000Z - 5 min.)";
  const EARLY =
    "Signature not yet current: 20261124T120000Z is still later than 20261124T110500Z (20261124T110000Z + 5 min.)";
  const refused = (code: string, message: string): AwsFailure => ({
    kind: "refused",
    code,
    message,
    status: 403,
    requestId: undefined,
  });

  it.each<[string, string, boolean, boolean]>([
    ["SignatureDoesNotMatch", EXPIRED, true, true],
    ["SignatureDoesNotMatch", EARLY, true, true],
    ["InvalidSignatureException", EXPIRED, true, true],
    ["RequestTimeTooSkewed", "whatever", true, true],
    // Of a session it says as well that the session has ended.
    ["RequestExpired", "Request has expired.", true, false],
    ["SignatureDoesNotMatch", "The request signature we calculated does not match", false, false],
    ["SignatureDoesNotMatch", "Credential should be scoped to a valid region. ", false, false],
    ["AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", false, false],
    ["AccessDenied", EXPIRED, false, false],
    ["ExpiredToken", "The security token included in the request is expired", false, false],
    ["Throttling", "Rate exceeded", false, false],
  ])("is %s: %s with a user's keys: %s, with a session's: %s", (code, message, ofUser, ofSession) => {
    expect(isClockRefusal(refused(code, message), false)).toBe(ofUser);
    expect(isClockRefusal(refused(code, message), true)).toBe(ofSession);
  });

  it("is none where AWS's answer is lost: what it decided is not known", () => {
    for (const kind of ["ambiguous", "unsent"] as const) {
      expect(isClockRefusal({ kind, code: "RequestTimeTooSkewed", message: EXPIRED }, false)).toBe(false);
    }
  });

  it.each<[string, number | undefined]>([
    [EXPIRED, 3_600_000],
    [EARLY, -3_600_000],
    ["Request has expired.", undefined],
    ["Signature expired: 20261124T110000Z is now earlier than 20261124T105500Z (20261124T110000Z - 5 min.)", undefined],
    ["Signature expired: 20269924T110000Z is now earlier than 20261124T105500Z (20261124T110000Z - 5 min.)", undefined],
    ["Signature expired: yesterday is now earlier than today (20261124T110000Z - 5 min.)", undefined],
  ])("%s: by %s ms", (message, skewMs) => {
    expect(refusedSkewMs(refused("SignatureDoesNotMatch", message))).toBe(skewMs);
  });
});

describe("GetCallerIdentity", () => {
  it("with the same client settings is signed with the session's token", async () => {
    let request = "";
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (bytes) => {
        request += bytes.toString("latin1");
        if (request.includes("Action=GetCallerIdentity")) answer(403, errorBody("AccessDenied", "no"))(socket);
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = new STSClient(
      makeClientConfig({
        region: "eu-west-1",
        endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
        credentials: new Credentials({
          accessKeyId: "ASIAIOSFODNN7EXAMPLE",
          secretAccessKey: SECRET,
          sessionToken: TOKEN,
        }),
        useFipsEndpoint: false,
        useDualstackEndpoint: false,
        connection: DIRECT_CONNECTION,
        maxAttempts: 1,
      }),
    );
    await client.send(new GetCallerIdentityCommand({})).catch(() => undefined);
    client.destroy();
    expect(request).toMatch(
      /authorization: AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE\/\d{8}\/eu-west-1\/sts\/aws4_request/i,
    );
    expect(request.toLowerCase()).toContain(`x-amz-security-token: ${TOKEN}`);
  });
});
