import type { AccessRequest } from "../../src/policy/evaluate.ts";
import { type PolicyDocument, parsePolicyDocument } from "../../src/policy/policy-document.ts";

export const PARENT = "111122223333";
export const CHILD = "222222222222";

export const USER: AccessRequest["principal"] = { arn: `arn:aws:iam::${PARENT}:user/ana`, accountId: PARENT };
export const ROLE_SESSION: AccessRequest["principal"] = {
  arn: `arn:aws:iam::${PARENT}:role/ops/deployer`,
  sessionArn: `arn:aws:sts::${PARENT}:assumed-role/deployer/ana`,
  accountId: PARENT,
};
export const CHILD_ROLE = `arn:aws:iam::${CHILD}:role/PrivilegedActionsRole`;
export const PARENT_ROLE = `arn:aws:iam::${PARENT}:role/PrivilegedActionsRole`;

export type Context = Readonly<Record<string, string | readonly string[]>>;

/** As the evaluator takes it: keys in lower case, values in lists. */
export function contextOf(context: Context): ReadonlyMap<string, readonly string[]> {
  return new Map(Object.entries(context).map(([key, value]) => [key.toLowerCase(), [value].flat()]));
}

export function identityPolicy(...statements: readonly object[]): PolicyDocument {
  return parsePolicyDocument(JSON.stringify({ Version: "2012-10-17", Statement: statements }), "identity");
}

export function trustPolicy(...statements: readonly object[]): PolicyDocument {
  return parsePolicyDocument(JSON.stringify({ Version: "2012-10-17", Statement: statements }), "trust");
}

export function terminateRequest(context: Context = {}): AccessRequest {
  return {
    action: "ec2:TerminateInstances",
    resource: `arn:aws:ec2:us-east-1:${CHILD}:instance/i-0123456789abcdef0`,
    principal: USER,
    context: contextOf(context),
  };
}

export function assumeRoleRequest(
  context: Context = {},
  principal: AccessRequest["principal"] = USER,
  roleArn: string = CHILD_ROLE,
): AccessRequest {
  return { action: "sts:AssumeRole", resource: roleArn, principal, context: contextOf(context) };
}
