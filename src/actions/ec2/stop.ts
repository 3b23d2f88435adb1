import { AssumeMfaError } from "../../errors.ts";
import { type InstanceAction, makeInstanceAction, OVER } from "./instance-action.ts";

export interface StopOptions {
  /** Also where the operating system does not shut down: its caches are lost then. */
  readonly force?: boolean;
  /** What is in memory is kept on the root volume. */
  readonly hibernate?: boolean;
}

/**
 * `stop <ids…> [--force] [--hibernate]`: ec2:StopInstances.
 * @throws USAGE when both are given: what is forced is not written to disk first
 */
export function makeStop({ force = false, hibernate = false }: StopOptions): InstanceAction {
  if (force && hibernate) {
    throw new AssumeMfaError("USAGE", "--force and --hibernate can't be given together", {
      hint: "--hibernate keeps what is in memory, --force gives it up",
    });
  }
  return makeInstanceAction({
    name: "stop",
    wording: {
      verb: force ? "force-stop" : hibernate ? "hibernate" : "stop",
      done: "stopped",
      noun: "instance",
      nouns: "instances",
      protection: "stop protection",
      stateRule: "only a running instance can be stopped",
    },
    call: { operation: "StopInstances", force, hibernate },
    protectedBy: "disableApiStop",
    standings: { ...OVER, pending: "impossible", stopping: "under way", stopped: "reached" },
    // The way out for an instance that is stuck in it (EC2 user guide, "Troubleshoot instance stop issues").
    askedAgainIn: force ? ["stopping"] : [],
    // Hibernation writes the memory to disk first.
    usualSeconds: 180,
  });
}
