import type { BoundedHttpHandler } from "../aws/bounded-http-handler.ts";

type Handle = BoundedHttpHandler["handle"];
type Request = Parameters<Handle>[0];

/** Where the two services of a sign-in are, in place of AWS's own addresses. */
export interface SsoEndpoints {
  readonly sso: string | undefined;
  readonly oidc: string | undefined;
}

/** A handler whose requests end with the signal, whatever the SDK would still do with them. */
export function abortedBy<H extends BoundedHttpHandler>(handler: H, signal: AbortSignal): H {
  return withHandle(handler, (request, options) => handler.handle(request, { ...options, abortSignal: signal }));
}

/**
 * The SDK gives one configuration to the clients of both services, IAM Identity Center's portal and the one that renews
 * a sign-in. The portal is asked by GET; all else holds a refresh token and the client's secret: it goes to that service's
 * own address, and nowhere when only the portal's is another than AWS's.
 */
export function toTheirServices<H extends BoundedHttpHandler>(handler: H, { sso, oidc }: SsoEndpoints): H {
  if (sso === oidc) return handler;
  return withHandle(handler, async (request, options) => {
    if (request.method === "GET") return handler.handle(request, options);
    if (oidc === undefined) throw new Error("the sign-in is not renewed: AWS_ENDPOINT_URL_SSO_OIDC is not set");
    return handler.handle(redirected(request, new URL(oidc), sso), options);
  });
}

/** Nobody signs these requests. */
function redirected(request: Request, to: URL, from: string | undefined): Request {
  const base = from === undefined ? "" : new URL(from).pathname.replace(/\/$/, "");
  const moved = Object.assign(Object.create(Object.getPrototypeOf(request)), request) as Request;
  moved.protocol = to.protocol;
  moved.hostname = to.hostname;
  if (to.port === "") delete moved.port;
  else moved.port = Number(to.port);
  moved.path = to.pathname.replace(/\/$/, "") + request.path.slice(base.length);
  moved.headers = { ...request.headers, host: to.host };
  return moved;
}

function withHandle<H extends BoundedHttpHandler>(handler: H, handle: Handle): H {
  return new Proxy(handler, {
    get(target, name) {
      if (name === "handle") return handle;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
