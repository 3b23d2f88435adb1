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
  // For volumes that are encrypted, whose keys nobody has looked at: EC2 is given the use of the key by whoever starts.
  alsoNeeds: ({ partition, region, accountId }) => [
    {
      actions: ["kms:CreateGrant"],
      resources: [`arn:${partition}:kms:${region}:${accountId}:key/*`],
      conditions: { Bool: { "kms:GrantIsForAWSResource": "true" } },
    },
  ],
  usualSeconds: 60,
  // AWS Knowledge Center, "kms-iam-ec2-permission": EC2 takes the call, and the instance goes back to stopped.
  failureHint: "where its volumes are encrypted, the role needs kms:CreateGrant on their key",
});
