import { makeInstanceAction, OVER } from "./instance-action.ts";

/** `start <ids…>`: ec2:StartInstances. */
export const start = makeInstanceAction({
  name: "start",
  wording: {
    verb: "start",
    done: "started",
    noun: "instance",
    nouns: "instances",
    protection: undefined,
    stateRule: "only a stopped instance can be started",
  },
  call: { operation: "StartInstances" },
  protectedBy: undefined,
  standings: { ...OVER, stopping: "impossible", pending: "under way", running: "reached" },
  usualSeconds: 60,
  // AWS Knowledge Center, "kms-iam-ec2-permission": EC2 takes the call, and the instance goes back to stopped.
  failureHint: "where its volumes are encrypted, the role needs kms:CreateGrant on their key",
});
