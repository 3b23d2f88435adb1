/*
 * Edge file: node:http, server side.
 * - Binds 127.0.0.1 and nothing else; there is no option for the address.
 * - Every request is read whole within limits of size and time before anything looks at it; what breaks them is
 *   answered at once in AWS's shape, and its connection closed.
 * - Nothing that a request does ends the server.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { WireOutcome, WireRequest, WireResponse } from "./wire.ts";

const LOOPBACK = "127.0.0.1";
const MAX_HEADER_BYTES = 16 * 1_024;
/** More than the largest real call: DescribeInstances with 1,000 ids has about 40 KB, a DynamoDB item up to 400 KB. */
const MAX_BODY_BYTES = 1_024 * 1_024;
const HEADERS_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** How long what is too large may go on arriving, unread. */
const DRAIN_MS = 1_000;
/** Long enough for a connection that was opened while somebody looks for a code. */
const KEEP_ALIVE_MS = 120_000;
const MAX_CONNECTIONS = 1_024;

/** Answers one request that was read whole; what it throws is answered as a defect of the sandbox. */
export type WireHandler = (request: WireRequest) => Promise<WireOutcome>;

/** An open port. */
export interface HttpFront {
  readonly port: number;
  /** Ends open connections too. */
  close(): Promise<void>;
}

/**
 * @param port 0: any free one
 * @param now what the Date header says, milliseconds since 1970
 * @throws when the port is taken
 */
export async function openHttpFront(port: number, handle: WireHandler, now: () => number): Promise<HttpFront> {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: 500,
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("request", (request, response) => void serve(request, response, handle, now));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => refuseBrokenRequest(error, socket));
  // Upgrade has no place here, and without a listener node ignores it. Nor has CONNECT, which node would close unanswered.
  server.on("connect", (_request, socket: Socket) => {
    socket.on("error", () => socket.destroy());
    endWithFault(socket, 405, "Method Not Allowed", "MethodNotAllowed");
  });
  await listen(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  handle: WireHandler,
  now: () => number,
): Promise<void> {
  response.setHeader("Date", new Date(now()).toUTCString());
  request.on("error", () => request.destroy());
  response.on("error", () => request.destroy());
  const body = await readBody(request);
  if (body === "aborted") return;
  if (body === "too large") {
    const {
      status,
      headers,
      body: text,
    } = frontFault(request, 413, "RequestEntityTooLarge", "Request size exceeds the limit");
    response.shouldKeepAlive = false;
    response.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(text) });
    response.write(text);
    // The answer is whole, and ended only when the client has sent all, or had the time for it: with the end node closes
    // the connection, and one who still sends would see the reset and not the answer.
    request.on("end", () => response.end());
    request.resume();
    setTimeout(() => request.destroy(), DRAIN_MS).unref();
    return;
  }
  let outcome: WireOutcome;
  try {
    outcome = await handle(toWireRequest(request, body));
  } catch {
    // A defect of the sandbox: this call fails, the server lives.
    outcome = { kind: "answer", response: frontFault(request, 500, "InternalFailure", "The sandbox failed") };
  }
  if (outcome.kind === "answer") send(response, outcome.response);
  if (outcome.kind === "cut") sendCut(request.socket, outcome.response, outcome.afterBytes);
}

function readBody(request: IncomingMessage): Promise<Buffer | "too large" | "aborted"> {
  return new Promise((resolve) => {
    if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) {
      resolve("too large");
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        request.removeAllListeners("data");
        resolve("too large");
      } else chunks.push(chunk);
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("close", () => resolve("aborted"));
  });
}

function toWireRequest(request: IncomingMessage, body: Buffer): WireRequest {
  const headers = new Map<string, string>();
  const { rawHeaders } = request;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? "").toLowerCase();
    const value = (rawHeaders[index + 1] ?? "").trim();
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  const target = request.url ?? "/";
  const question = target.indexOf("?");
  return {
    method: request.method ?? "",
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? "" : target.slice(question + 1),
    headers,
    body,
  };
}

function send(response: ServerResponse, wire: WireResponse): void {
  const body = Buffer.from(wire.body, "utf8");
  response.writeHead(wire.status, { ...wire.headers, "Content-Length": body.length });
  response.end(body);
}

/** The first bytes of an answer that says it is longer, and then the end of the connection. */
function sendCut(socket: Socket, { status, headers, body }: WireResponse, afterBytes: number): void {
  const all = { ...headers, "Content-Length": String(Buffer.byteLength(body)) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const bytes = Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n${body}`);
  if (afterBytes === 0) socket.destroy();
  else socket.write(bytes.subarray(0, afterBytes), () => socket.destroy());
}

/** An answer for what was not looked at, in the format that its head speaks of. */
function frontFault({ headers }: IncomingMessage, status: number, code: string, message: string): WireResponse {
  const isJson = headers["x-amz-target"] !== undefined || (headers["content-type"] ?? "").includes("json");
  if (!isJson) return queryFault(status, code, message);
  return {
    status,
    headers: { "Content-Type": "application/x-amz-json-1.0" },
    body: JSON.stringify({ __type: `com.amazon.coral.service#${code}`, message }),
  };
}

/** An answer for what was too broken to tell which service it is for. */
export function queryFault(status: number, code: string, message: string): WireResponse {
  return {
    status,
    headers: { "Content-Type": "text/xml" },
    body:
      '<ErrorResponse xmlns="http://webservices.amazon.com/AWSFault/2005-15-09">' +
      `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
  };
}

/** What node's parser or its time limits refused: answered by hand, since there is no response object. */
function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, phrase, code] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? [431, "Request Header Fields Too Large", "RequestHeaderSectionTooLarge"]
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? [408, "Request Timeout", "RequestTimeout"]
        : [400, "Bad Request", "MalformedHttpRequest"];
  endWithFault(socket, status as number, phrase as string, code as string);
}

function endWithFault(socket: Socket, status: number, phrase: string, code: string): void {
  const { body } = queryFault(status, code, phrase);
  socket.end(
    `HTTP/1.1 ${status} ${phrase}\r\nContent-Type: text/xml\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  );
}
