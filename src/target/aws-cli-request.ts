import { endpointPlace } from "../aws/endpoint-place.ts";
import type { Environment } from "../host/host.ts";
import type { Profile } from "./aws-config.ts";
import { formatOrigin } from "./format-origin.ts";
import { environmentSetting, profileSetting } from "./setting.ts";
import type { AwsCliRequest, Target } from "./target.ts";

/** What of a target tells whether its session is the one that the AWS CLI would make. */
type Compared = Pick<
  Target,
  | "role"
  | "externalId"
  | "roleSessionName"
  | "durationSeconds"
  | "mfaSerial"
  | "sourceIdentity"
  | "sessionTags"
  | "sessionPolicy"
  | "policyArns"
  | "endpoints"
>;

/**
 * AssumeRole's arguments as the AWS CLI makes them of the profile's text, if this target's session is that very session:
 * botocore's cache goes by them alone, so that a session with tags, or of another user's keys, would be taken for a plain
 * one there. (botocore 1.43, `AssumeRoleProvider._get_role_config` and `_load_creds_via_assume_role`.)
 * The device only opens the session and is no part of it: one that the profile does not name itself (the source profile
 * does, or IAM) is none of the AWS CLI's arguments either, and no obstacle.
 *
 * @param profile the target's own; undefined for a bare role ARN
 * @param sourceProfile `--source-profile`
 */
export function resolveAwsCliRequest(
  target: Compared,
  profile: Profile | undefined,
  sourceProfile: string | undefined,
  env: Environment,
): AwsCliRequest {
  if (profile === undefined) return { obstacle: "the AWS CLI knows roles by their profiles alone" };
  // As botocore reads it: without regard to a comment behind the value, which is part of it there.
  const textOf = (key: string) => profile.get(key)?.text;
  const obstacle = findObstacle(target, profile, sourceProfile, env);
  if (obstacle !== undefined) return { obstacle };
  const [externalId, serial, sessionName] = [textOf("external_id"), textOf("mfa_serial"), textOf("role_session_name")];
  return Object.freeze({
    arguments: Object.freeze({
      RoleArn: target.role.value.arn,
      ...(target.durationSeconds === undefined ? {} : { DurationSeconds: target.durationSeconds.value }),
      ...(externalId === undefined ? {} : { ExternalId: externalId }),
      ...(sessionName === undefined ? {} : { RoleSessionName: sessionName }),
      ...(serial === undefined ? {} : { SerialNumber: serial }),
    }),
  });
}

function findObstacle(
  target: Compared,
  profile: Profile,
  sourceProfile: string | undefined,
  env: Environment,
): string | undefined {
  const named = profileSetting(profile, "source_profile");
  if (profile.get("web_identity_token_file") !== undefined) {
    return "the AWS CLI takes the profile for one of a web identity";
  }
  if (named === undefined && profile.get("credential_source") === undefined) {
    return "the AWS CLI wants source_profile or credential_source in the profile";
  }
  const asked = sourceProfile ?? environmentSetting(env, "ASSUME_MFA_SOURCE_PROFILE")?.value;
  if (asked !== undefined && asked !== named?.value) return "other keys sign than the profile names";
  const settings = [
    ["role_arn", target.role.value.arn],
    ["external_id", target.externalId?.value],
    ["role_session_name", target.roleSessionName?.value],
    ["duration_seconds", target.durationSeconds?.value],
  ] as const;
  for (const [key, value] of settings) {
    if (!isSame(profile.get(key)?.text, value)) return `${key} is another for the AWS CLI`;
  }
  const { mfaSerial } = target;
  const serial = profile.get("mfa_serial")?.text;
  const isOtherSerial = serial === undefined ? mfaSerial?.origin.kind !== "file" : serial !== mfaSerial?.value;
  if (mfaSerial !== undefined && isOtherSerial) return "mfa_serial is another for the AWS CLI";
  if (target.sourceIdentity !== undefined) return "the AWS CLI sends no source identity";
  if (target.sessionTags.length > 0) return "the AWS CLI sends no session tags";
  if (target.sessionPolicy !== undefined || target.policyArns.length > 0) return "the AWS CLI sends no session policy";
  return findEndpointObstacle(target);
}

/**
 * The AWS CLI's key holds no endpoint: keys of another STS would be taken for AWS's wherever the AWS CLI runs. What stands
 * in the profile holds for both programs, always; an option is this run's, and a variable this shell's.
 */
function findEndpointObstacle({ endpoints: { sts }, role }: Compared): string | undefined {
  if (sts === undefined || sts.origin.kind === "file") return undefined;
  if (endpointPlace(sts.value, "sts") === role.value.partition) return undefined;
  return `the AWS CLI knows nothing of ${formatOrigin(sts.origin)} elsewhere; endpoint_url in the profile holds for both`;
}

function isSame(text: string | undefined, value: string | number | undefined): boolean {
  if (typeof value === "number") return text !== undefined && /^\d+$/.test(text) && Number(text) === value;
  return text === value;
}
