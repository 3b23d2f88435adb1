/**
 * An error that a caller of the sandbox is told, in AWS's words; each service formats it as its protocol does.
 * Codes and messages are AWS.md's where that page speaks; elsewhere the AWS API reference's.
 */
export class AwsFault extends Error {
  override readonly name = "AwsFault";
  readonly code: string;
  /** The HTTP status. */
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** What can be wrong with who asks, before the operation is looked at; every service has its own words for each. */
export type AuthenticationProblem =
  | { readonly kind: "unsigned" }
  | { readonly kind: "incompleteSignature"; readonly message: string }
  /** Unknown or inactive key, a session key without or with another session's token, a role that is gone. */
  | { readonly kind: "invalidToken" }
  | { readonly kind: "expiredToken" }
  /** The Credential's date, region, service or terminator is not this service's; messages end in a space, as AWS's do. */
  | { readonly kind: "wrongScope"; readonly message: string }
  /** The signing time is too far from the world's. */
  | { readonly kind: "clockSkew"; readonly message: string }
  | { readonly kind: "wrongSignature" }
  /** A region that the caller's account has not opted into. */
  | { readonly kind: "regionDisabled"; readonly accountId: string };

/** The same text in every service that tells a wrong signature. */
export const WRONG_SIGNATURE_MESSAGE =
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key " +
  "and signing method. Consult the service documentation for details.";
/** Of an unknown key as of a token that is not its own; ends in a full stop, unlike the next one. */
export const INVALID_TOKEN_MESSAGE = "The security token included in the request is invalid.";
/** STS, IAM and DynamoDB; EC2 says RequestExpired. */
export const EXPIRED_TOKEN_MESSAGE = "The security token included in the request is expired";
export const UNSIGNED_MESSAGE = "Request is missing Authentication Token";
