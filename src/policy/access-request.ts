import type { RequestContext } from "./policy-variables.ts";

/** One call that somebody makes on one resource. */
export interface AccessRequest {
  /** `sts:AssumeRole`; knows no case. */
  readonly action: string;
  /** The ARN, or `*` for an action that has no resource. */
  readonly resource: string;
  readonly principal: {
    /** The user's ARN, or the role's ARN for a role session. */
    readonly arn: string;
    /** `arn:aws:sts::111122223333:assumed-role/name/session`, for a role session only. */
    readonly sessionArn?: string;
    readonly accountId: string;
  };
  readonly context: RequestContext;
}

export type Verdict = "allowed" | "explicitlyDenied" | "implicitlyDenied";
