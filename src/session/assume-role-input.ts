import type { Target } from "../target/target.ts";
import type { AssumeRoleInput } from "./sts-client.ts";

/**
 * AssumeRole's inputs for a target. Whatever is added here shapes the session: it belongs into `session-inputs.ts` too.
 * @param code undefined: no code is sent, and no device
 */
export function assumeRoleInput(
  target: Target,
  roleSessionName: string,
  code: { readonly tokenCode: string; readonly mfaSerial: string } | undefined,
): AssumeRoleInput {
  const tags = target.sessionTags.map(({ value }) => value);
  const transitiveKeys = tags.filter(({ isTransitive }) => isTransitive).map(({ key }) => key);
  return {
    RoleArn: target.role.value.arn,
    RoleSessionName: roleSessionName,
    ...(code === undefined ? {} : { SerialNumber: code.mfaSerial, TokenCode: code.tokenCode }),
    ...(target.externalId === undefined ? {} : { ExternalId: target.externalId.value }),
    ...(target.durationSeconds === undefined ? {} : { DurationSeconds: target.durationSeconds.value }),
    ...(target.sourceIdentity === undefined ? {} : { SourceIdentity: target.sourceIdentity.value }),
    ...(tags.length === 0 ? {} : { Tags: tags.map(({ key, value }) => ({ Key: key, Value: value })) }),
    ...(transitiveKeys.length === 0 ? {} : { TransitiveTagKeys: transitiveKeys }),
    ...(target.sessionPolicy === undefined ? {} : { Policy: target.sessionPolicy.value.text }),
    ...(target.policyArns.length === 0 ? {} : { PolicyArns: target.policyArns.map(({ value }) => ({ arn: value })) }),
  };
}
