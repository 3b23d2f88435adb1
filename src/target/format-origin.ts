import type { Origin } from "./target.ts";

/**
 * Where a value came from, for people: `--region`, `AWS_REGION`, `/home/alice/.aws/config:12`, or the default's reason.
 * Paths are as given, so they may hold anything: whoever prints it makes it visible.
 */
export function formatOrigin(origin: Origin): string {
  switch (origin.kind) {
    case "option":
      return origin.option;
    case "environment":
      return origin.variable;
    case "file":
      return `${origin.path}:${origin.line}`;
    case "default":
      return origin.reason;
  }
}
