import { makeInstanceAction } from "./instance-action.ts";

/** `terminate <ids…>`: ec2:TerminateInstances, up to a thousand ids in one call. */
export const terminate = makeInstanceAction({
  name: "terminate",
  wording: {
    verb: "terminate",
    done: "terminated",
    noun: "instance",
    nouns: "instances",
    protection: "termination protection",
  },
  call: { operation: "TerminateInstances" },
  protectedBy: "disableApiTermination",
  standings: { "shutting-down": "under way", terminated: "reached", gone: "reached" },
  usualSeconds: 60,
});
