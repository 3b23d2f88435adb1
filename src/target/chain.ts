import type { Source, Target } from "./target.ts";

/** The roles that are assumed on the way to a target's session, from the keys on; the target's own is the last. */
export function rolesOnTheWay(target: Target): readonly Target[] {
  return target.source.kind === "role" ? [...rolesOnTheWay(target.source.target), target] : [target];
}

/** What stands at the beginning of a chain. */
export function firstSource(source: Source): Exclude<Source, { readonly kind: "role" }> {
  return source.kind === "role" ? firstSource(source.target.source) : source;
}
