/**
 * A real HTTP server on loopback that passes every call on, as a far-away AWS would be reached: each round trip takes its
 * time, the one that opens a connection as well. It counts what is under way, and can hold a call back.
 */
import { createServer, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface SlowRelay {
  readonly url: string;
  /** The most calls that were under way at the same time since the last `reset`. */
  readonly mostAtOnce: number;
  /** Connections that were opened since then. */
  readonly connections: number;
  reset(): void;
  close(): Promise<void>;
}

export interface SlowRelayOptions {
  /** Milliseconds; of a call on a new connection twice that. */
  readonly roundTripMs?: number;
  /** Resolves when the call may be passed on. @param operation `DescribeInstances` @param nth from 1 */
  readonly hold?: (operation: string, nth: number) => Promise<void> | undefined;
}

/** @param upstream the service's URL */
export async function startSlowRelay(
  upstream: string,
  { roundTripMs = 0, hold }: SlowRelayOptions = {},
): Promise<SlowRelay> {
  const { hostname, port } = new URL(upstream);
  const counts = new Map<string, number>();
  const known = new WeakSet<Socket>();
  let atOnce = 0;
  let mostAtOnce = 0;
  let connections = 0;
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const operation =
        /(?:^|&)Action=(\w+)/.exec(body.toString("latin1"))?.[1] ??
        `${incoming.headers["x-amz-target"] ?? incoming.url}`.replace(/^.*\./, "");
      const nth = (counts.get(operation) ?? 0) + 1;
      counts.set(operation, nth);
      atOnce += 1;
      mostAtOnce = Math.max(mostAtOnce, atOnce);
      const delayMs = known.has(incoming.socket) ? roundTripMs : 2 * roundTripMs;
      known.add(incoming.socket);
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      await hold?.(operation, nth);
      const { method, url, headers } = incoming;
      const call = request({ hostname, port, method, path: url, headers }, (reply) => {
        outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(outgoing);
        reply.on("end", () => {
          atOnce -= 1;
        });
      });
      call.on("error", () => outgoing.destroy());
      call.end(body);
    })();
  });
  server.on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get mostAtOnce() {
      return mostAtOnce;
    },
    get connections() {
      return connections;
    },
    reset() {
      mostAtOnce = 0;
      connections = 0;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
