import type { World } from "./world.ts";

function policy(effect: "Allow" | "Deny", actions: readonly string[]): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: effect, Action: actions, Resource: "*" }],
  });
}

/**
 * The policies of AWS itself that people attach or pass by habit. Cut to the four services that the sandbox has.
 * By name, without `arn:aws:iam::aws:policy/`.
 */
const AWS_MANAGED_POLICIES: ReadonlyMap<string, string> = new Map([
  ["AdministratorAccess", policy("Allow", ["*"])],
  ["PowerUserAccess", policy("Allow", ["ec2:*", "dynamodb:*", "sts:*"])],
  [
    "ReadOnlyAccess",
    policy("Allow", [
      "ec2:Describe*",
      "ec2:Get*",
      "dynamodb:Describe*",
      "dynamodb:List*",
      "dynamodb:Get*",
      "dynamodb:BatchGet*",
      "dynamodb:Query",
      "dynamodb:Scan",
      "iam:Get*",
      "iam:List*",
    ]),
  ],
  ["AmazonEC2FullAccess", policy("Allow", ["ec2:*"])],
  ["AmazonEC2ReadOnlyAccess", policy("Allow", ["ec2:Describe*", "ec2:GetSecurityGroupsForVpc"])],
  ["AmazonDynamoDBFullAccess", policy("Allow", ["dynamodb:*"])],
  [
    "AmazonDynamoDBReadOnlyAccess",
    policy("Allow", [
      "dynamodb:BatchGetItem",
      "dynamodb:Describe*",
      "dynamodb:List*",
      "dynamodb:GetItem",
      "dynamodb:Query",
      "dynamodb:Scan",
    ]),
  ],
  ["IAMFullAccess", policy("Allow", ["iam:*"])],
  ["IAMReadOnlyAccess", policy("Allow", ["iam:Get*", "iam:List*"])],
]);

const AWS_PREFIX = "arn:aws:iam::aws:policy/";

/**
 * @param accountId whose customer managed policies are looked at beside AWS's own
 * @returns undefined when there is no such policy
 */
export function findManagedPolicy(
  world: World,
  accountId: string,
  arn: string,
): { readonly document: string } | undefined {
  if (arn.startsWith(AWS_PREFIX)) {
    const document = AWS_MANAGED_POLICIES.get(arn.slice(AWS_PREFIX.length));
    return document === undefined ? undefined : { document };
  }
  return world.accounts.get(accountId)?.managedPolicies.get(arn);
}
