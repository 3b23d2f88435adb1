import { checkFields } from "./field-rules.ts";
import { alreadyExists, authorizeIam, noSuchEntity } from "./iam-entity.ts";
import { mfaOperations } from "./iam-mfa.ts";
import { policyOperations } from "./iam-policies.ts";
import { roleOperations } from "./iam-roles.ts";
import { userOperations } from "./iam-users.ts";
import { makeQueryService, type QueryOperation, refuseSession } from "./query-service.ts";

const ALIAS_RULE = { minLength: 3, maxLength: 63, pattern: "[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]" };

const aliasOperations: Readonly<Record<string, QueryOperation>> = {
  ListAccountAliases(call) {
    authorizeIam(call, { action: "iam:ListAccountAliases", resource: "*" });
    const { alias } = call.principal.account;
    return { AccountAliases: alias === undefined ? [] : [alias], IsTruncated: false };
  },

  CreateAccountAlias(call, parameters) {
    const alias = parameters.get("AccountAlias");
    checkFields([{ field: "accountAlias", value: alias, required: true, ...ALIAS_RULE }]);
    authorizeIam(call, { action: "iam:CreateAccountAlias", resource: "*" });
    if ([...call.world.accounts.values()].some((account) => account.alias === alias)) {
      throw alreadyExists(`The account alias ${alias} already exists.`);
    }
    call.principal.account.alias = alias;
    return undefined;
  },

  DeleteAccountAlias(call, parameters) {
    const alias = parameters.get("AccountAlias");
    checkFields([{ field: "accountAlias", value: alias, required: true, ...ALIAS_RULE }]);
    authorizeIam(call, { action: "iam:DeleteAccountAlias", resource: "*" });
    if (call.principal.account.alias !== alias) throw noSuchEntity(`The account alias ${alias} cannot be found.`);
    call.principal.account.alias = undefined;
    return undefined;
  },
};

/** AWS Identity and Access Management, query protocol, version 2010-05-08. */
export const iamService = makeQueryService({
  name: "iam",
  version: "2010-05-08",
  namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
  failureCode: "ServiceFailure",
  admit({ principal }) {
    // A session of GetSessionToken may call IAM only when a code was given for it (AWS.md, MFA rules).
    const { session } = principal;
    if (principal.kind === "user" && session !== undefined && session.mfaAtMs === undefined) refuseSession();
  },
  operations: { ...userOperations, ...roleOperations, ...policyOperations, ...mfaOperations, ...aliasOperations },
});
