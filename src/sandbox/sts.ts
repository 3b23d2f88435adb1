import { assumeRole } from "./assume-role.ts";
import { callerArn, callerUserId } from "./principal.ts";
import { makeQueryService } from "./query-service.ts";

/** AWS Security Token Service, query protocol, version 2011-06-15. */
export const stsService = makeQueryService({
  name: "sts",
  version: "2011-06-15",
  namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
  operations: {
    AssumeRole: assumeRole,
    // Needs no permission, and no policy can forbid it (STS API reference).
    GetCallerIdentity: ({ principal }) => ({
      Arn: callerArn(principal),
      UserId: callerUserId(principal),
      Account: principal.account.id,
    }),
  },
});
