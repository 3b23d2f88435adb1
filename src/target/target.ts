import type { RoleArn } from "../aws/arn.ts";
import type { ConnectionSettings } from "../aws/client-settings.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { SessionPolicy } from "../policy/session-policy.ts";

/** Who decided a value: shown beside it wherever it matters, and by `--explain`. */
export type Origin =
  | { readonly kind: "option"; readonly option: string }
  | { readonly kind: "environment"; readonly variable: string }
  | { readonly kind: "file"; readonly path: string; readonly line: number; readonly profile: string }
  | { readonly kind: "default"; readonly reason: string };

export interface Sourced<T> {
  readonly value: T;
  readonly origin: Origin;
}

/** The AWS services this program calls, as the `services` section of the AWS config file names them. */
export type ServiceId = "sts" | "ec2" | "dynamodb" | "iam";

/** What a destructive action asks before it does (CLI.md, `assume_mfa_confirm`). */
export type ConfirmMode = "prompt" | "always" | "person" | "never";

/** Whose keys sign the AssumeRole. */
export interface SourceCredentials {
  /** For people: `profile "parent"`, `the environment`. */
  readonly label: string;
  /** The source profile's name; undefined for the environment's keys. */
  readonly profileName: string | undefined;
  readonly credentials: Credentials;
  readonly origin: Origin;
}

/** A tag that goes with a session; policies see it as `aws:PrincipalTag/<key>`. */
export interface SessionTag {
  readonly key: string;
  readonly value: string;
  /** It goes on to the sessions that this one opens. */
  readonly isTransitive: boolean;
}

/** A role in a child account, through whom, with which device: everything that is known before anything is asked or called. */
export interface Target {
  /** As the user named it: the profile's name or the role's ARN. */
  readonly name: string;
  /** Undefined for a bare role ARN. */
  readonly profileName: string | undefined;
  readonly role: Sourced<RoleArn>;
  readonly source: SourceCredentials;
  /** From the option, the environment, the target's profile or else the source profile. */
  readonly mfaSerial: Sourced<string> | undefined;
  /** False: this role needs no code, none is asked for (`assume_mfa_required`). */
  readonly mfaRequired: boolean;
  /** The program that prints a token code, and its arguments; from the target's profile or else the source profile. */
  readonly mfaProcess: Sourced<readonly string[]> | undefined;
  readonly externalId: Sourced<string> | undefined;
  readonly roleSessionName: Sourced<string> | undefined;
  readonly durationSeconds: Sourced<number> | undefined;
  /** Who is behind the session, as CloudTrail keeps it down a chain of roles. */
  readonly sourceIdentity: Sourced<string> | undefined;
  /** No two keys differ in their case alone. Empty when there are none. */
  readonly sessionTags: readonly Sourced<SessionTag>[];
  /** What narrows the session beside the role's own policies: a document, and managed policies by their ARNs. */
  readonly sessionPolicy: Sourced<SessionPolicy> | undefined;
  readonly policyArns: readonly Sourced<string>[];
  readonly region: Sourced<string> | undefined;
  /** Where a service is to be called, if not at AWS's own address. */
  readonly endpoints: Readonly<Partial<Record<ServiceId, Sourced<string>>>>;
  readonly useFipsEndpoint: boolean;
  readonly useDualstackEndpoint: boolean;
  /** Through which proxy, trusting whom. */
  readonly connection: ConnectionSettings;
  readonly confirm: Sourced<ConfirmMode>;
  /** Where role sessions lie. */
  readonly cache: "file" | "none";
}
