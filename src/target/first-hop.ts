import type { Target } from "./target.ts";

/** The role at the beginning of a chain, the only one that a code can be presented to; the target itself where it is none. */
export function firstHop(target: Target): Target {
  return target.source.kind === "role" ? firstHop(target.source.target) : target;
}
