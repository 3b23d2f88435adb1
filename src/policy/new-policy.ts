import { ARN_PARTS, splitArn } from "./arn-pattern.ts";
import type { PolicyDocument } from "./policy-document.ts";
import { PolicySyntaxError } from "./policy-syntax-error.ts";

/**
 * What IAM refuses in a trust policy that is stored today, though an older role may still have it: NotPrincipal, and
 * the unique id of a user or role that is gone. For CreateRole and UpdateAssumeRolePolicy.
 *
 * @throws PolicySyntaxError
 */
export function checkNewTrustPolicy(document: PolicyDocument): void {
  for (const { effect, principal } of document.statements) {
    if (principal?.negated) {
      throw new PolicySyntaxError("a trust policy has no NotPrincipal", {
        awsMessage:
          effect === "Allow"
            ? "Allow with NotPrincipal is not allowed."
            : "AssumeRole policy must not contain NotPrincipal field.",
      });
    }
    for (const { type, value } of principal?.entries ?? []) {
      if (type !== "AWS" || !value.startsWith("A")) continue;
      throw new PolicySyntaxError(`"${value}" is the id of a user or role that is gone`, {
        awsMessage: `Invalid principal in policy: "AWS":"${value}"`,
      });
    }
  }
}

/**
 * For CreatePolicy and CreatePolicyVersion, which take the current version of the language only; inline policies may
 * be older.
 *
 * @throws PolicySyntaxError
 */
export function checkNewManagedPolicy(document: PolicyDocument): void {
  if (document.version === "2012-10-17") return;
  throw new PolicySyntaxError('a managed policy says "Version": "2012-10-17"', {
    awsMessage: "Policy document must be version 2012-10-17 or greater.",
  });
}

/**
 * For the `Policy` of AssumeRole, which does not complete an incomplete ARN as identity policies do (IAM User Guide,
 * reference-arns).
 *
 * @throws PolicySyntaxError
 */
export function checkNewSessionPolicy(document: PolicyDocument): void {
  for (const { resource } of document.statements) {
    for (const pattern of resource?.patterns ?? []) {
      if (pattern === "*" || splitArn(pattern).length === ARN_PARTS) continue;
      throw new PolicySyntaxError(`a session policy's resource is a whole ARN, not "${pattern}"`, {
        awsMessage: "The policy failed legacy parsing",
      });
    }
  }
}
