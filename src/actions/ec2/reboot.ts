import { makeInstanceAction, OVER } from "./instance-action.ts";

/**
 * `reboot <ids…>`: ec2:RebootInstances. AWS queues the request and shows nothing of it in the state (API reference):
 * its reply is the end.
 */
export const reboot = makeInstanceAction({
  name: "reboot",
  wording: {
    verb: "reboot",
    done: "rebooted",
    noun: "instance",
    nouns: "instances",
    protection: undefined,
    stateRule: "only a running instance can be rebooted",
  },
  call: { operation: "RebootInstances" },
  protectedBy: undefined,
  standings: { ...OVER, pending: "impossible", stopping: "impossible", stopped: "impossible" },
  doneByReply: "asked to reboot",
  usualSeconds: 0,
});
