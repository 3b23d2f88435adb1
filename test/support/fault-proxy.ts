/**
 * A real HTTP server on loopback, between an AWS client and what it calls, that breaks chosen calls the way networks
 * do. Everything else passes through byte for byte, the signed Host header included.
 */
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export type Fault =
  /** The call never reaches the service: the connection is cut when the request has been read. */
  | { readonly kind: "lose-request" }
  /** The service does it; of the raw reply (status line, headers, body) only a part arrives. */
  | { readonly kind: "cut-reply"; readonly at: CutPoint }
  /** The service does it; the reply arrives whole, with a body that ends early. */
  | { readonly kind: "truncate-body" }
  /** The reply is this status, whether the service did it or not. */
  | { readonly kind: "answer"; readonly status: number; readonly body: string; readonly forward: boolean }
  /** The service does it, and no byte ever comes back. */
  | { readonly kind: "silence" };

/** Where a reply is cut: before the first byte, within the status line, … up to just before the last byte. */
export const CUT_POINTS = [
  "first byte",
  "status line",
  "first header",
  "headers",
  "header end",
  "body start",
  "body",
  "last byte",
] as const;
export type CutPoint = (typeof CUT_POINTS)[number];

export interface ProxiedCall {
  /** `TerminateInstances`, `DeleteTable`. */
  readonly operation: string;
  readonly forwarded: boolean;
}

export interface FaultProxy {
  readonly url: string;
  /** All calls in the order of their arrival. */
  readonly calls: readonly ProxiedCall[];
  /** Breaks the next `times` calls of an operation. */
  break(operation: string, fault: Fault, times?: number): void;
  /** Runs when a call of this operation has arrived, before it is passed on. */
  whenAsked(operation: string, listener: () => void): void;
  close(): Promise<void>;
}

/**
 * @param upstream the service's URL
 * @param withoutDate its answers do not tell its clock
 */
export async function startFaultProxy(upstream: string, { withoutDate = false } = {}): Promise<FaultProxy> {
  const target = new URL(upstream);
  const calls: ProxiedCall[] = [];
  const faults = new Map<string, { fault: Fault; left: number }>();
  const listeners = new Map<string, () => void>();
  const sockets = new Set<Socket>();
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const body = await readAll(incoming);
      const operation = operationOf(incoming, body);
      outgoing.sendDate = false;
      const planned = faults.get(operation);
      const fault = planned !== undefined && planned.left-- > 0 ? planned.fault : undefined;
      const forwarded = fault?.kind !== "lose-request" && !(fault?.kind === "answer" && !fault.forward);
      calls.push({ operation, forwarded });
      listeners.get(operation)?.();
      const { socket } = incoming;
      if (fault?.kind === "lose-request") {
        socket.destroy();
        return;
      }
      if (fault?.kind === "answer") {
        if (fault.forward) await forward(target, incoming, body);
        outgoing.writeHead(fault.status, { "content-type": "text/xml" });
        outgoing.end(fault.body);
        return;
      }
      const reply = await forward(target, incoming, body);
      switch (fault?.kind) {
        case undefined:
          outgoing.writeHead(reply.status, withoutDate ? withoutHeader("date", reply.headers) : reply.headers);
          outgoing.end(reply.body);
          return;
        case "silence":
          return;
        case "truncate-body": {
          const short = reply.body.subarray(0, Math.floor(reply.body.length / 2));
          outgoing.writeHead(reply.status, { "content-length": short.length });
          outgoing.end(short);
          return;
        }
        case "cut-reply": {
          const { head, raw } = rawReply(reply);
          const bytes = raw.subarray(0, cutAt(fault.at, head, raw.length));
          if (bytes.length === 0) socket.destroy();
          else socket.write(bytes, () => socket.destroy());
        }
      }
    })().catch(() => incoming.socket.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    break: (operation, fault, times = 1) => {
      faults.set(operation, { fault, left: times });
    },
    whenAsked: (operation, listener) => {
      listeners.set(operation, listener);
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface Reply {
  readonly status: number;
  readonly headers: string[];
  readonly body: Buffer;
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function operationOf(incoming: IncomingMessage, body: Buffer): string {
  const target = incoming.headers["x-amz-target"];
  if (typeof target === "string") return target.slice(target.indexOf(".") + 1);
  const form = new URLSearchParams(body.toString("utf8"));
  const action = form.get("Action") ?? "unknown";
  return form.get("DryRun") === "true" ? `${action} (dry run)` : action;
}

function forward(target: URL, incoming: IncomingMessage, body: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const onward = request(
      {
        host: target.hostname,
        port: target.port,
        method: incoming.method,
        path: incoming.url,
        headers: incoming.rawHeaders,
        agent: false,
      },
      (reply) => {
        readAll(reply).then(
          (replyBody) =>
            resolve({ status: reply.statusCode ?? 500, headers: withoutFraming(reply.rawHeaders), body: replyBody }),
          reject,
        );
      },
    );
    onward.on("error", reject);
    onward.end(body);
  });
}

/** The proxy frames the reply itself. It is the service's clock that dates it, which can be another than this machine's. */
function withoutFraming(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (/^(?:content-length|transfer-encoding|connection|keep-alive)$/i.test(name)) continue;
    kept.push(name, rawHeaders[index + 1] as string);
  }
  return kept;
}

function withoutHeader(name: string, headers: readonly string[]): string[] {
  const at = headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name);
  return at < 0 ? [...headers] : headers.toSpliced(at, 2);
}

function rawReply({ status, headers, body }: Reply): { readonly head: string; readonly raw: Buffer } {
  const lines = [`HTTP/1.1 ${status} Whatever`];
  for (let index = 0; index + 1 < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  lines.push(`content-length: ${body.length}`);
  const head = `${lines.join("\r\n")}\r\n\r\n`;
  return { head, raw: Buffer.concat([Buffer.from(head, "latin1"), body]) };
}

function cutAt(point: CutPoint, head: string, length: number): number {
  const statusLine = head.indexOf("\r\n");
  switch (point) {
    case "first byte":
      return 0;
    case "status line":
      return 9;
    case "first header":
      return statusLine + 2;
    case "headers":
      return Math.floor((statusLine + head.length) / 2);
    case "header end":
      return head.length - 2;
    case "body start":
      return head.length;
    case "body":
      return Math.floor((head.length + length) / 2);
    case "last byte":
      return length - 1;
  }
}
