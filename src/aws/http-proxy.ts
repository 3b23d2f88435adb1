import { rememberPassword } from "../credentials/redaction.ts";
import { isLoopbackHost } from "./loopback.ts";

/** What an {@link HttpProxy} is made from. */
export interface HttpProxyParts {
  /** How the proxy itself is spoken to. */
  readonly protocol: "http:" | "https:";
  /** A name or an IP address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Undefined: the proxy is told nobody's name. */
  readonly user: { readonly name: string; readonly password: string } | undefined;
  /** The variable that set it. */
  readonly setBy: string;
  /** `NO_PROXY` as it was written; undefined where it is not set. */
  readonly noProxy: string | undefined;
}

/** A proxy that https requests are tunnelled through (CONNECT). Its password can't be printed by accident. */
export class HttpProxy {
  readonly protocol: "http:" | "https:";
  readonly hostname: string;
  readonly port: number;
  readonly noProxy: string | undefined;
  readonly setBy: string;
  readonly #authorization: string | undefined;

  constructor({ protocol, hostname, port, user, setBy, noProxy }: HttpProxyParts) {
    this.protocol = protocol;
    this.hostname = hostname;
    this.port = port;
    this.setBy = setBy;
    this.noProxy = noProxy;
    Object.freeze(this);
    if (user === undefined) return;
    const pair = Buffer.from(`${user.name}:${user.password}`, "utf8").toString("base64");
    this.#authorization = `Basic ${pair}`;
    for (const secret of [user.password, encodeURIComponent(user.password), pair]) rememberPassword(secret);
  }

  /** For the proxy alone, as `Proxy-Authorization`; undefined without a user. */
  get authorization(): string | undefined {
    return this.#authorization;
  }

  /** Host and port; never the user or the password. */
  get address(): string {
    const host = this.hostname.includes(":") ? `[${this.hostname}]` : this.hostname;
    return `${host}:${this.port}`;
  }

  /** For messages: the address, and who set it. */
  get place(): string {
    return `${this.address} (${this.setBy})`;
  }

  /**
   * Whether a request goes through it. This machine is never asked for through a proxy: it would be the proxy's own.
   * @param hostname as in a URL, IPv6 with or without brackets
   * @param port undefined, or 443: the URL names none
   */
  serves(hostname: string, port: number | undefined): boolean {
    const host = hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
    return !isLoopbackHost(host) && !isBypassed(this.noProxy, host, port === 443 ? undefined : port);
  }
}

/**
 * `NO_PROXY` as botocore, hence the AWS CLI, reads it (urllib's `proxy_bypass_environment` on the URL's host and port): a
 * list with commas of names and of the ends of names after a dot, each with or without a port, a leading dot ignored;
 * `*` alone is every host. Addresses are compared as text: no ranges, no look-ups.
 * @param noProxy undefined: nothing is excepted
 * @param hostname IPv6 in brackets
 * @param port undefined where the URL names none
 */
export function isBypassed(noProxy: string | undefined, hostname: string, port: number | undefined): boolean {
  if (noProxy === undefined) return false;
  if (noProxy === "*") return true;
  const host = hostname.toLowerCase();
  const spellings = port === undefined ? [host] : [host, `${host}:${port}`];
  return noProxy.split(",").some((entry) => {
    const name = entry.trim().replace(/^\.+/, "").toLowerCase();
    if (entry.trim() === "") return false;
    return spellings.some((spelling) => spelling === name || spelling.endsWith(`.${name}`));
  });
}
