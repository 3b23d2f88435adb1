// TLS to AWS through a proxy's CONNECT. Edge file: node:http, node:https. Rules: the proxy sees the host's name and its own
// user name and password, never a request; the certificate is AWS's own, verified inside the tunnel; a socket is handed
// to a request only once TLS stands, so that whatever fails before is known to have sent nothing; all of it within one
// limit of time. Loaded only where a proxy is set.
//
// The usual packages were looked at. `https-proxy-agent` 9.1 prints the proxy's URL, password included, to whoever sets
// DEBUG, hands a proxy's refusal over as if AWS had answered, and reads its answer without a limit; `hpagent` 1.2 does
// not tell its failures apart, and takes no IPv6 proxy.
import { request as httpRequest, type IncomingMessage } from "node:http";
import { Agent, type AgentOptions, request as httpsRequest, type RequestOptions } from "node:https";
import { isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { isUnsentCode, networkMessage, TUNNEL_FAILED } from "./aws-failure.ts";
import type { HttpProxy } from "./http-proxy.ts";

type Deliver = (error: Error | null, stream: Duplex) => void;

/** An https agent whose connections go through a proxy where the proxy serves the host. */
export class TunnelAgent extends Agent {
  readonly #proxy: HttpProxy;
  readonly #connectTimeoutMs: number;
  /** How to end each connection that is being made. */
  readonly #pending = new Set<() => void>();

  /**
   * @param options as for `https.Agent`; its `secureContext` counts for a proxy that is spoken to by TLS too
   * @param connectTimeoutMs proxy, CONNECT and TLS must be done within this
   */
  constructor(options: AgentOptions, proxy: HttpProxy, connectTimeoutMs: number) {
    super(options);
    this.#proxy = proxy;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  override createConnection(options: RequestOptions, deliver?: Deliver): Duplex | null | undefined {
    const host = options.host ?? "";
    if (deliver === undefined || !this.#proxy.serves(host, Number(options.port))) {
      return super.createConnection(options, deliver);
    }
    this.#connect(options, deliver);
    return undefined;
  }

  override destroy(): void {
    for (const end of this.#pending) end();
    super.destroy();
  }

  #connect(options: RequestOptions, deliver: Deliver): void {
    const place = this.#proxy.place;
    let socket: Duplex | undefined;
    let isDone = false;
    const done = (error: Error | undefined, stream?: TLSSocket) => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      this.#pending.delete(end);
      if (stream !== undefined) {
        stream.off("error", onTlsError).off("close", onTlsClose);
        deliver(null, stream);
        return;
      }
      connect.destroy();
      socket?.destroy();
      deliver(error ?? new Error(TUNNEL_FAILED), undefined as unknown as Duplex);
    };
    const fail = (message: string, cause?: unknown) =>
      done(Object.assign(new Error(message, { cause }), { code: TUNNEL_FAILED }));
    const end = () => fail("the connection was given up");
    const timer = setTimeout(
      () => fail(`no connection through the proxy ${place} within ${this.#connectTimeoutMs / 1000} s`),
      this.#connectTimeoutMs,
    );
    this.#pending.add(end);

    const onTlsError = (error: NodeJS.ErrnoException) => {
      const code = error.code ?? "";
      if (isUnsentCode(code)) done(error);
      else fail(`no TLS through the proxy ${place}: ${networkMessage(code)}`, error);
    };
    const onTlsClose = () => fail(`no TLS through the proxy ${place}: the connection was cut`);
    const startTls = (tunnel: Duplex) => {
      socket = tunnel;
      const secured = super.createConnection({ ...options, socket: tunnel } as RequestOptions) as TLSSocket;
      secured.once("secureConnect", () => done(undefined, secured));
      secured.on("error", onTlsError).on("close", onTlsClose);
    };

    const connect = this.#request(options);
    connect.once("connect", (answer: IncomingMessage, tunnel: Duplex, head: Buffer) => {
      socket = tunnel;
      const status = answer.statusCode ?? 0;
      tunnel.on("error", () => undefined); // told by TLS, or of no interest any more
      if (isDone) tunnel.destroy();
      else if (status === 407) fail(this.#refusal());
      else if (status < 200 || status > 299) fail(`the proxy ${place} answered ${status} in place of a connection`);
      // In TLS the client speaks first: whatever came along with the answer is nobody's.
      else if (head.length > 0) fail(`the proxy ${place} sent more than an answer`);
      else startTls(tunnel);
    });
    connect.on("error", (error: NodeJS.ErrnoException) => {
      fail(`the proxy ${place} can't be used: ${networkMessage(error.code ?? "no HTTP")}`, error);
    });
    connect.end();
  }

  #request({ host: given, port }: RequestOptions) {
    const host = given ?? "";
    const { protocol, hostname, authorization } = this.#proxy;
    const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
    const request = protocol === "https:" ? httpsRequest : httpRequest;
    return request({
      method: "CONNECT",
      host: hostname,
      port: this.#proxy.port,
      path: authority,
      agent: false,
      setHost: false,
      rejectUnauthorized: true,
      ...(this.options.secureContext === undefined ? {} : { secureContext: this.options.secureContext }),
      headers: {
        host: authority,
        connection: "keep-alive",
        ...(authorization === undefined ? {} : { "proxy-authorization": authorization }),
      },
    });
  }

  #refusal(): string {
    const { authorization, place } = this.#proxy;
    return authorization === undefined
      ? `the proxy ${place} demands a user name and password (407)`
      : `the proxy ${place} did not accept its user name and password (407)`;
  }
}
