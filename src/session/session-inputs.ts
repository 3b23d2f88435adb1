import { createHash } from "node:crypto";
import type { ServiceId, Target } from "../target/target.ts";

/** Raised whenever an entry of another version must not be used. */
export const SESSION_SCHEMA = 1;

/**
 * Everything that shapes a role session. Two runs whose inputs differ in any of them never share one
 * (ACCEPTANCE.md T4, C10); the source keys stand in it by their access key id alone.
 */
export type SessionInputs = Readonly<Record<string, string | number | boolean | null>>;

/**
 * @param stsRegion the region whose STS is asked: a session of one partition or region is not another's
 */
export function sessionInputs(target: Target, stsRegion: string): SessionInputs {
  const endpointOf = (service: ServiceId) => target.endpoints[service]?.value ?? null;
  return {
    schema: SESSION_SCHEMA,
    sourceAccessKeyId: target.source.credentials.accessKeyId,
    roleArn: target.role.value.arn,
    mfaSerial: target.mfaSerial?.value ?? null,
    mfaRequired: target.mfaRequired,
    externalId: target.externalId?.value ?? null,
    durationSeconds: target.durationSeconds?.value ?? null,
    roleSessionName: target.roleSessionName?.value ?? null,
    stsRegion,
    stsEndpoint: endpointOf("sts"),
    useFipsEndpoint: target.useFipsEndpoint,
    useDualstackEndpoint: target.useDualstackEndpoint,
  };
}

/** One text for equal inputs, whatever the order they were put together in. */
export function canonicalText(inputs: SessionInputs): string {
  return JSON.stringify(
    Object.keys(inputs)
      .sort()
      .map((name) => [name, inputs[name]]),
  );
}

/** The entry's file name: nothing of the inputs can be read from it, and no character can be hostile. */
export function inputsDigest(canonical: string): string {
  return createHash("sha256").update(canonical).digest("hex");
}
