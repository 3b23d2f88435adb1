import type { RoleArn } from "../aws/arn.ts";
import type { CaBundle, ConnectionSettings } from "../aws/client-settings.ts";
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

/** Where role sessions lie. */
export type CacheKind = "file" | "keychain" | "none";

/** How the code becomes a session (CLI.md, `assume_mfa_session`). */
export type SessionMode = "auto" | "direct" | "shared";

/** What an action's session may do: all that the role may, or what the action needs alone (CLI.md, `assume_mfa_scope`). */
export type SessionScope = "role" | "action";

/** Whose keys sign the AssumeRole. */
export type Source = SourceKeys | SourceProvided | SourceRole;

interface SourceOrigin {
  /** For people: `profile "parent"`, `the environment`. */
  readonly label: string;
  /** The source profile's name; undefined for what no profile names: the environment's keys, an instance's role. */
  readonly profileName: string | undefined;
  readonly origin: Origin;
}

/** Keys that stand in a file or in the environment. */
export interface SourceKeys extends SourceOrigin {
  readonly kind: "keys";
  readonly credentials: Credentials;
}

/** Credentials that somebody else gives when they are asked for: nobody is asked before they are needed. */
export interface SourceProvided extends SourceOrigin {
  readonly kind: "provided";
  readonly provider: SourceProvider;
}

/** Another role, whose session signs: a chain. */
export interface SourceRole extends SourceOrigin {
  readonly kind: "role";
  readonly target: Target;
}

/** Who gives a source's credentials, and with what. All of it is known without a call; no secret is in it. */
export type SourceProvider =
  | {
      readonly kind: "process";
      /** The program and its arguments: `credential_process`, split as the AWS CLI splits it. */
      readonly command: readonly string[];
      /** `NAME=value`: what it can choose an identity by, and a session with it. */
      readonly environment: readonly string[];
    }
  | {
      /** IAM Identity Center. */
      readonly kind: "sso";
      /** Of an `sso-session` section; undefined for the older form, whose address stands in the profile. */
      readonly sessionName: string | undefined;
      readonly startUrl: string;
      readonly region: string;
      readonly accountId: string;
      readonly roleName: string;
      /** In place of AWS's own address. */
      readonly endpoint: Sourced<string> | undefined;
      /** Of the service that renews the sign-in, which gets the refresh token (`sso_oidc`). */
      readonly oidcEndpoint: Sourced<string> | undefined;
    }
  | {
      /** A console sign-in (`aws login`). */
      readonly kind: "login";
      /** `login_session`: the ARN of who signed in. */
      readonly session: string;
      readonly region: string | undefined;
    }
  | {
      readonly kind: "web identity";
      readonly roleArn: string;
      readonly tokenFile: string;
      readonly roleSessionName: string | undefined;
    }
  | {
      readonly kind: "instance metadata";
      /** The service's address, without a slash at its end. */
      readonly endpoint: string;
    }
  | {
      /** What gives a container its role. */
      readonly kind: "container";
      readonly uri: string;
    };

/** How AWS is reached, and who said so: a proxy names its variable itself. */
export interface SourcedConnection extends ConnectionSettings {
  readonly caBundle: (CaBundle & { readonly origin: Origin }) | undefined;
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
  readonly source: Source;
  /** Who chose the source; undefined for the profile's own credentials, and the environment's that nobody named. */
  readonly sourceNamedBy: Origin | undefined;
  /** From the option, the environment, the target's profile or else the source profile. */
  readonly mfaSerial: Sourced<string> | undefined;
  /** False: this role needs no code, none is asked for (`assume_mfa_required`). */
  readonly mfaRequired: Sourced<boolean>;
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
  readonly useFipsEndpoint: Sourced<boolean>;
  readonly useDualstackEndpoint: Sourced<boolean>;
  /** Through which proxy, trusting whom. */
  readonly connection: SourcedConnection;
  readonly confirm: Sourced<ConfirmMode>;
  /** `action` makes no session narrower by itself: `narrowTarget` does, where an action is to be done. */
  readonly scope: Sourced<SessionScope>;
  readonly cache: Sourced<CacheKind>;
  readonly sessionMode: Sourced<SessionMode>;
  /** Life of the shared session that this target would open. */
  readonly sharedDurationSeconds: Sourced<number>;
  /** Role sessions are also written where the AWS CLI looks, and taken from there. */
  readonly shareAwsCli: Sourced<boolean>;
  readonly awsCliRequest: AwsCliRequest;
}

/** AssumeRole's arguments by their names, strings and numbers as the AWS CLI sends them. */
export type AwsCliArguments = Readonly<Record<string, string | number>>;

/** What the AWS CLI would ask for to have this target's session, or why its own would be another. */
export type AwsCliRequest =
  | { readonly arguments: AwsCliArguments }
  /** Completes `not shared with the AWS CLI: …` */
  | { readonly obstacle: string };

/**
 * With whose keys and which device somebody signs in: all that presenting a code takes, whichever role it is for.
 * A target whose source is an IAM user's keys is one.
 */
export interface SignIn
  extends Pick<
    Target,
    | "mfaSerial"
    | "mfaProcess"
    | "region"
    | "endpoints"
    | "useFipsEndpoint"
    | "useDualstackEndpoint"
    | "connection"
    | "sharedDurationSeconds"
  > {
  /** Completes `a token code is needed for …` */
  readonly forWhom: string;
  readonly source: SourceKeys;
  /** `aws`, `aws-cn`, `aws-us-gov` */
  readonly partition: string;
}
