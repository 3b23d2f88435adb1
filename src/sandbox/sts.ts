import { FAILURE_MESSAGE_PURPOSE, requireQueryAccess } from "./access.ts";
import { assumeRole } from "./assume-role.ts";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { checkFields } from "./field-rules.ts";
import { getSessionToken } from "./get-session-token.ts";
import { callerArn, callerUserId } from "./principal.ts";
import type { QueryParameters } from "./query-protocol.ts";
import { makeQueryService, refuseSession } from "./query-service.ts";
import { openSealedText } from "./sealed-text.ts";
import { findAccessKey } from "./world.ts";

/** A session of GetSessionToken may call these, and of GetSessionToken itself is told why not (AWS.md, MFA rules). */
const USER_SESSION_OPERATIONS: ReadonlySet<string> = new Set(["AssumeRole", "GetCallerIdentity", "GetSessionToken"]);

/** AWS Security Token Service, query protocol, version 2011-06-15. */
export const stsService = makeQueryService({
  name: "sts",
  version: "2011-06-15",
  namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
  failureCode: "InternalFailure",
  admit({ principal }, operation) {
    const isUserSession = principal.kind === "user" && principal.session !== undefined;
    if (isUserSession && !USER_SESSION_OPERATIONS.has(operation)) refuseSession();
  },
  operations: {
    AssumeRole: assumeRole,
    GetSessionToken: getSessionToken,
    // Needs no permission, and no policy can forbid it (STS API reference).
    GetCallerIdentity: ({ principal }) => ({
      Arn: callerArn(principal),
      UserId: callerUserId(principal),
      Account: principal.account.id,
    }),
    DecodeAuthorizationMessage: decodeAuthorizationMessage,
    GetAccessKeyInfo: getAccessKeyInfo,
  },
});

/** sts:DecodeAuthorizationMessage: opens what EC2 put into an UnauthorizedOperation. */
function decodeAuthorizationMessage(call: Call, parameters: QueryParameters) {
  const encoded = parameters.get("EncodedMessage");
  checkFields([{ field: "encodedMessage", value: encoded, required: true, minLength: 1, maxLength: 10_240 }]);
  requireQueryAccess(call, { action: "sts:DecodeAuthorizationMessage", resource: "*" });
  const message = openSealedText(call.world, FAILURE_MESSAGE_PURPOSE, encoded ?? "");
  if (message === undefined) {
    throw new AwsFault("InvalidAuthorizationMessageException", "The specified message is not valid");
  }
  return { DecodedMessage: message };
}

/** sts:GetAccessKeyInfo: whose account a key is of, whatever the account. */
function getAccessKeyInfo(call: Call, parameters: QueryParameters) {
  const accessKeyId = parameters.get("AccessKeyId");
  checkFields([
    { field: "accessKeyId", value: accessKeyId, required: true, minLength: 16, maxLength: 128, pattern: "[\\w]*" },
  ]);
  requireQueryAccess(call, { action: "sts:GetAccessKeyInfo", resource: "*" });
  const { world } = call;
  const id = accessKeyId ?? "";
  const accountId = findAccessKey(world, id)?.account.id ?? world.sessions.get(id)?.accountId;
  if (accountId === undefined) throw new AwsFault("ValidationError", `Access key ${id} does not exist`);
  return { Account: accountId };
}
