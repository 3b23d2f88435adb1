import { createServer as createHttpServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** What the proxy does with a CONNECT. */
export type ProxyManner =
  | "tunnel"
  /** Never answers. */
  | "silent"
  /** Ends the connection in place of an answer. */
  | "hang up"
  /** Answers 200 and ends the connection at the first bytes of TLS. */
  | "cut in TLS"
  /** Answers 200 and lets no byte through. */
  | "silent in TLS"
  /** Sends bytes of its own along with the 200. */
  | "say more"
  | "no HTTP"
  | "endless header"
  /** Such as 407, 502: answers with this status. */
  | number;

export interface ConnectProxy {
  readonly port: number;
  /** What was asked for, and with which headers. */
  readonly connects: readonly { readonly authority: string; readonly headers: IncomingHttpHeaders }[];
  /** How often a client spoke again after it was answered, in all tunnels. */
  readonly roundTrips: number;
  /** Requests that were no CONNECT. */
  readonly others: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Of the CONNECTs from now on. */
  behave(manner: ProxyManner): void;
  /** Cuts every tunnel as soon as the next bytes come through it from the server. */
  cutOnReply(): void;
  close(): void;
}

export interface ConnectProxyOptions {
  /** Where every tunnel leads, whatever was asked for: a port of 127.0.0.1. */
  readonly upstreamPort: number;
  /** `Basic …`: others get 407. */
  readonly authorization?: string;
  /** It is spoken to by TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Its own clock is years ahead. */
const DATE = "Date: Wed, 24 Nov 2049 12:00:00 GMT\r\n";

/** A real CONNECT proxy on loopback. */
export async function startConnectProxy(options: ConnectProxyOptions): Promise<ConnectProxy> {
  const { upstreamPort, authorization, tls } = options;
  const connects: { authority: string; headers: IncomingHttpHeaders }[] = [];
  const sockets = new Set<Duplex>();
  let manner: ProxyManner = "tunnel";
  let isCutting = false;
  let others = 0;
  let roundTrips = 0;
  const onRequest = (_: IncomingMessage, response: { writeHead(status: number): { end(): void } }) => {
    others += 1;
    response.writeHead(400).end();
  };
  const server = tls ? createHttpsServer(tls, onRequest) : createHttpServer(onRequest);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
  });
  server.on("connect", (request: IncomingMessage, client: Duplex) => {
    connects.push({ authority: request.url ?? "", headers: request.headers });
    client.on("error", () => undefined);
    client.resume(); // else it is not seen when the client leaves
    client.on("end", () => client.destroy());
    const isRefused = authorization !== undefined && request.headers["proxy-authorization"] !== authorization;
    const how = isRefused ? 407 : manner;
    if (typeof how === "number") {
      client.end(`HTTP/1.1 ${how} Whatever\r\n${DATE}Content-Length: 0\r\n\r\n`);
      return;
    }
    switch (how) {
      case "silent":
        return;
      case "hang up":
        client.end();
        return;
      case "no HTTP":
        client.end("220 mail.example ESMTP\r\n");
        return;
      case "endless header": {
        client.write("HTTP/1.1 200 OK\r\nX-Long: ");
        const timer = setInterval(() => client.write("a".repeat(64 * 1024)), 1);
        client.on("close", () => clearInterval(timer));
        return;
      }
      case "say more":
        client.write("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        return;
      case "silent in TLS":
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        return;
      case "cut in TLS":
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        client.once("data", () => client.destroy());
        return;
      case "tunnel":
    }
    client.pause();
    let isAnswered = true;
    const upstream = connect(upstreamPort, "127.0.0.1", () => {
      client.write(`HTTP/1.1 200 Connection established\r\n${DATE}\r\n`);
    });
    sockets.add(upstream);
    upstream.on("error", () => client.destroy());
    upstream.on("close", () => {
      sockets.delete(upstream);
      client.destroy();
    });
    client.on("close", () => upstream.destroy());
    client.on("data", (chunk: Buffer) => {
      if (isAnswered) roundTrips += 1;
      isAnswered = false;
      upstream.write(chunk);
    });
    client.resume();
    upstream.on("data", (chunk: Buffer) => {
      isAnswered = true;
      if (isCutting) client.destroy();
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connects,
    get roundTrips() {
      return roundTrips;
    },
    get others() {
      return others;
    },
    get open() {
      return sockets.size;
    },
    behave(next) {
      manner = next;
    },
    cutOnReply() {
      isCutting = true;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
