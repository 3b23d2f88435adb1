import type { ResourceView } from "./action.ts";

/** A resource that the role may not look at: it is known by its id alone. */
export function unseenView(id: string): ResourceView {
  return {
    id,
    name: undefined,
    type: undefined,
    zone: undefined,
    state: undefined,
    phase: "untouched",
    createdAt: undefined,
    protection: "unknown",
    pin: undefined,
    facts: [],
  };
}
