import type { AuthenticationProblem, AwsFault } from "./aws-fault.ts";
import type { Principal } from "./principal.ts";
import type { WireRequest, WireResponse } from "./wire.ts";
import type { World } from "./world.ts";

/** As a signature's scope names them. */
export type ServiceName = "sts" | "iam" | "ec2" | "dynamodb";

/** A call whose caller is known: what an operation works from. */
export interface Call {
  readonly world: World;
  /** The world's time, milliseconds since 1970. */
  readonly nowMs: number;
  readonly requestId: string;
  /** From the signature's scope; us-east-1 for IAM. */
  readonly region: string;
  readonly principal: Principal;
  readonly userAgent: string | undefined;
  readonly settings: SandboxSettings;
}

/** Where AWS's own documents and field reports differ, or a test wants the other side. */
export interface SandboxSettings {
  /**
   * Whether a role assumed with a session of GetSessionToken that was made with a code has MFA in its own context.
   * AWS's guide says no, field reports say yes (AWS.md, "What follows for the CLI", 4). Default: false.
   */
  readonly mfaCarriesThroughAssumeRole: boolean;
  /**
   * Characters of session policies that AWS's packed form has room for, of which nothing is known but that it can be less
   * than the plain text's limit. Default: no less.
   */
  readonly packedPolicyCharacters?: number;
}

/** AWS's own documents, where they are contradicted. */
export const DEFAULT_SETTINGS: SandboxSettings = { mfaCarriesThroughAssumeRole: false };

/** One operation asked for, read from the request and not yet done. */
export interface Invocation {
  readonly operation: string;
  /** As they came, for the call log (which masks the secret ones). */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** @throws AwsFault */
  run(call: Call): WireResponse;
}

/** One AWS service on the sandbox's port: how it reads calls, and how it words what is wrong. */
export interface Service {
  readonly name: ServiceName;
  readonly operationNames: readonly string[];
  /** @throws AwsFault when the request can't be read or names no operation of this service */
  read(request: WireRequest): Invocation;
  /** What a caller is told who calls too often. */
  readonly throttled: AwsFault;
  /** What a caller is told when the service failed. */
  readonly failed: AwsFault;
  describeProblem(problem: AuthenticationProblem): AwsFault;
  formatFault(fault: AwsFault, requestId: string): WireResponse;
  /** A new request id in this service's shape. */
  makeRequestId(): string;
}
