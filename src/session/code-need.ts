import type { Target } from "../target/target.ts";
import type { RoleSessionOptions, RoleSessionPorts } from "./role-session.ts";
import { chooseRoute } from "./route.ts";
import { HOP_TTL_MS, lastsLonger, liveShared, routeFacts } from "./route-facts.ts";
import { canonicalText, sessionInputs } from "./session-inputs.ts";
import { placeName, signInOf } from "./signer.ts";

/**
 * What code a target's role session will take, as far as it can be told before anything is asked or called: `none`, one
 * of its `own`, or a share in a session that others of the run use too.
 */
export type CodeNeed =
  | { readonly kind: "none" }
  | {
      readonly kind: "own";
      /** The role session that the code opens, where it is kept: several targets can come through it. */
      readonly sessionKey: string | undefined;
    }
  | {
      readonly kind: "shared";
      /** The same for all that one code serves. */
      readonly signInKey: string;
    };

const NONE: CodeNeed = { kind: "none" };

/** @throws AssumeMfaError as `chooseRoute` does */
export function codeNeedOf(
  target: Target,
  options: Pick<RoleSessionOptions, "refresh" | "noCache" | "minTtlMs" | "isOneOfSeveral">,
  ports: Pick<RoleSessionPorts, "host" | "cache" | "shared" | "roleFacts">,
): CodeNeed {
  if (!options.refresh && isServedByCache(target, options, ports)) return NONE;
  const { source } = target;
  if (source.kind === "role") {
    chooseRoute(routeFacts(target, undefined, options, ports));
    return codeNeedOf(source.target, { ...options, refresh: false, minTtlMs: HOP_TTL_MS }, ports);
  }
  const signIn = signInOf(target);
  if (signIn === undefined) return NONE;
  const live = options.noCache ? undefined : liveShared(signIn, ports.host.now(), ports.shared);
  const route = chooseRoute(routeFacts(target, live, options, ports));
  if (route.kind === "plain" || (route.kind === "shared" && !route.opensShared)) return NONE;
  if (route.kind === "direct") {
    const isKept = !options.noCache && target.cache.value !== "none";
    return { kind: "own", sessionKey: isKept ? canonicalText(sessionInputs(target)) : undefined };
  }
  const { source: keys, mfaSerial } = signIn;
  const key = [keys.credentials.accessKeyId, placeName(signIn), mfaSerial?.value ?? null];
  return { kind: "shared", signInKey: JSON.stringify(key) };
}

function isServedByCache(
  target: Target,
  { noCache, minTtlMs }: Pick<RoleSessionOptions, "noCache" | "minTtlMs">,
  { host, cache }: Pick<RoleSessionPorts, "host" | "cache">,
): boolean {
  if (noCache || target.cache.value === "none") return false;
  const inputs = canonicalText(sessionInputs(target));
  const kept = cache.list().find((each) => canonicalText(each.inputs) === inputs);
  return kept !== undefined && lastsLonger(kept, host.now(), minTtlMs);
}
