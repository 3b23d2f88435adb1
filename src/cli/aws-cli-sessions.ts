import { parseRoleArn, type RoleArn } from "../aws/arn.ts";
import { isOfRole } from "../session/call-assume-role.ts";
import type { Cleared } from "../session/clear-folder.ts";
import type { AwsConfig } from "../target/aws-config.ts";
import type { Services } from "./services.ts";

/**
 * Forgets what lies in the AWS CLI's cache: what this program wrote there; and of a role whose sessions are shared, what the
 * AWS CLI made too, since the next run would take it, and nobody be asked for a code.
 * @param roles whose; undefined: all
 * @param config undefined where the files can't be read: what this program wrote goes all the same
 */
export function forgetAwsCliSessions(
  roles: readonly RoleArn[] | undefined,
  config: AwsConfig | undefined,
  { awsCliCache }: Pick<Services, "awsCliCache">,
): Cleared {
  const shared = sharedRoles(config);
  return awsCliCache.remove(({ assumedRoleArn, isOwn }) => {
    if (isOwn && roles === undefined) return true;
    return isOfAny(assumedRoleArn, roles ?? shared) && (isOwn || isOfAny(assumedRoleArn, shared));
  });
}

/** Those of the profiles that share their sessions. */
function sharedRoles(config: AwsConfig | undefined): readonly RoleArn[] {
  return (config?.roleProfileNames() ?? []).flatMap((name) => {
    const profile = config?.profile(name);
    const isShared = profile?.get("assume_mfa_share_aws_cli")?.value.toLowerCase() === "true";
    return (isShared && parseRoleArn(profile?.get("role_arn")?.value ?? "")) || [];
  });
}

function isOfAny(assumedRoleArn: string | undefined, roles: readonly RoleArn[]): boolean {
  if (assumedRoleArn === undefined) return false;
  return roles.some((role) => isOfRole({ assumedRoleArn, accountId: role.accountId }, { role: { value: role } }));
}
