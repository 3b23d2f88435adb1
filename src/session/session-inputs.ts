import { createHash } from "node:crypto";
import type { Source, Sourced, Target } from "../target/target.ts";

/** Raised whenever an entry of another version must not be used. */
export const SESSION_SCHEMA = 2;

/**
 * Everything that shapes a role session. Two runs whose inputs differ in any of them never share one
 * (ACCEPTANCE.md T4, C10); the source keys stand in it by their access key id alone.
 */
export type SessionInputs = Readonly<Record<string, string | number | boolean | null>>;

/** The region is none of them: a role session holds in every region of its partition, which its role's ARN names. */
export function sessionInputs(target: Target): SessionInputs {
  return {
    schema: SESSION_SCHEMA,
    source: sourceText(target.source),
    roleArn: target.role.value.arn,
    mfaSerial: target.mfaSerial?.value ?? null,
    mfaRequired: target.mfaRequired.value,
    externalId: target.externalId?.value ?? null,
    durationSeconds: target.durationSeconds?.value ?? null,
    roleSessionName: target.roleSessionName?.value ?? null,
    stsEndpoint: target.endpoints.sts?.value ?? null,
    sourceIdentity: target.sourceIdentity?.value ?? null,
    sessionTags: inAnyOrder(target.sessionTags.map(({ value }) => [value.key, value.value, value.isTransitive])),
    sessionPolicy: target.sessionPolicy?.value.canonical ?? null,
    policyArns: inAnyOrder(target.policyArns.map(({ value }) => value)),
  };
}

/**
 * Who signs: keys by their access key id, a provider by how it is asked, a role by all that shapes its session. The latter
 * two by a digest: a command can hold a password, and of ten roles each would quote the one before.
 */
export function sourceText(source: Source): string {
  switch (source.kind) {
    case "keys":
      return source.credentials.accessKeyId;
    case "provided": {
      const { kind, ...settings } = source.provider;
      return `${kind} ${inputsDigest(canonicalSettings(settings))}`;
    }
    case "role":
      return `role ${inputsDigest(canonicalText(sessionInputs(source.target)))}`;
  }
}

/** Who set a value is no part of it. */
function canonicalSettings(
  settings: Readonly<Record<string, string | readonly string[] | Sourced<string> | undefined>>,
): string {
  const plainOf = (setting: (typeof settings)[string]) =>
    typeof setting === "object" && "value" in setting ? setting.value : (setting ?? null);
  return JSON.stringify(
    Object.keys(settings)
      .sort()
      .map((name) => [name, plainOf(settings[name])]),
  );
}

/** One text for all orders of a list in which order means nothing; null for an empty one. */
function inAnyOrder(list: readonly unknown[]): string | null {
  return list.length === 0 ? null : JSON.stringify(list.map((each) => JSON.stringify(each)).sort());
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
