import { checkNewTrustPolicy } from "../policy/new-policy.ts";
import { type PolicyDocument, parsePolicyDocument } from "../policy/policy-document.ts";
import { POLICY_SIZE_QUOTAS, policySizeCharacters } from "../policy/policy-size.ts";
import { PolicySyntaxError } from "../policy/policy-syntax-error.ts";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { checkFields } from "./field-rules.ts";
import {
  alreadyExists,
  authorizeIam,
  deleteConflict,
  encodeDocument,
  formatPage,
  formatTags,
  hasName,
  iamArn,
  limitExceeded,
  readPathPrefix,
  readTags,
  selectRole,
  withPath,
} from "./iam-entity.ts";
import { emptyHolder, readNewEntity } from "./iam-users.ts";
import { makeUniqueId } from "./identifiers.ts";
import { formatSecondsTime, listOf, type QueryParameters, type XmlValue } from "./query-protocol.ts";
import type { QueryOperation } from "./query-service.ts";
import { bindTrust, showTrust } from "./trusted-principals.ts";
import type { Role } from "./world.ts";

const DEFAULT_SESSION_SECONDS = 3_600;
const DOCUMENT_PATTERN = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+";

/** Roles and their trust policies. */
export const roleOperations: Readonly<Record<string, QueryOperation>> = {
  GetRole(call, parameters) {
    const role = selectRole(call, parameters, "GetRole");
    return { Role: { ...formatRole(call, role), Tags: formatTags(role.tags), RoleLastUsed: {} } };
  },

  ListRoles(call, parameters) {
    const pathPrefix = readPathPrefix(parameters);
    authorizeIam(call, { action: "iam:ListRoles", resource: iamArn(call, "role", pathPrefix.slice(1)) });
    const roles = withPath(call.principal.account.roles.values(), pathPrefix);
    return formatPage(
      call,
      parameters,
      "Roles",
      roles,
      ({ name }) => name,
      (role) => formatRole(call, role),
    );
  },

  CreateRole(call, parameters) {
    const { name, path, arn } = readNewEntity(call, parameters, "role", "RoleName", 64);
    const settings = readRoleSettings(parameters);
    authorizeIam(call, { action: "iam:CreateRole", resource: arn });
    const { roles } = call.principal.account;
    if (hasName(roles.values(), name)) throw alreadyExists(`Role with name ${name} already exists.`);
    const role: Role = {
      ...emptyHolder(call),
      name,
      path,
      arn,
      id: makeUniqueId("AROA"),
      tags: readTags(parameters),
      description: settings.description ?? "",
      maxSessionDurationSeconds: settings.maxSessionDurationSeconds ?? DEFAULT_SESSION_SECONDS,
      trustPolicy: readTrustPolicy(call, parameters, "AssumeRolePolicyDocument"),
    };
    roles.set(name, role);
    return { Role: formatRole(call, role) };
  },

  UpdateRole(call, parameters) {
    const settings = readRoleSettings(parameters);
    const role = selectRole(call, parameters, "UpdateRole");
    role.description = settings.description ?? role.description;
    role.maxSessionDurationSeconds = settings.maxSessionDurationSeconds ?? role.maxSessionDurationSeconds;
    return {};
  },

  UpdateAssumeRolePolicy(call, parameters) {
    const role = selectRole(call, parameters, "UpdateAssumeRolePolicy");
    role.trustPolicy = readTrustPolicy(call, parameters, "PolicyDocument");
    return undefined;
  },

  DeleteRole(call, parameters) {
    const role = selectRole(call, parameters, "DeleteRole");
    if (role.attachedPolicyArns.length > 0) {
      throw deleteConflict("Cannot delete entity, must detach all policies first.");
    }
    if (role.inlinePolicies.size > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
    call.principal.account.roles.delete(role.name);
    return undefined;
  },

  ListRoleTags(call, parameters) {
    const role = selectRole(call, parameters, "ListRoleTags");
    return { Tags: [...role.tags].map(([Key, Value]) => ({ Key, Value })), IsTruncated: false };
  },

  TagRole(call, parameters) {
    const role = selectRole(call, parameters, "TagRole");
    for (const [key, value] of readTags(parameters)) role.tags.set(key, value);
    return undefined;
  },

  UntagRole(call, parameters) {
    const role = selectRole(call, parameters, "UntagRole");
    for (const key of listOf(parameters, "TagKeys.member")) role.tags.delete(key);
    return undefined;
  },
};

function readRoleSettings(parameters: QueryParameters): {
  readonly description: string | undefined;
  readonly maxSessionDurationSeconds: number | undefined;
} {
  const description = parameters.get("Description");
  const seconds = parameters.get("MaxSessionDuration");
  checkFields([
    {
      field: "description",
      value: description,
      maxLength: 1_000,
      pattern: "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*",
    },
    { field: "maxSessionDuration", value: seconds, min: 3_600, max: 43_200 },
  ]);
  return { description, maxSessionDurationSeconds: seconds === undefined ? undefined : Number(seconds) };
}

/** A trust policy as IAM stores it, bound to whom it names (trusted-principals.ts). @throws AwsFault MalformedPolicyDocument, LimitExceeded */
function readTrustPolicy(call: Call, parameters: QueryParameters, name: string): string {
  const field = name.charAt(0).toLowerCase() + name.slice(1);
  const text = parameters.get(name);
  checkFields([{ field, value: text, required: true, minLength: 1, maxLength: 131_072, pattern: DOCUMENT_PATTERN }]);
  const document = text ?? "";
  const limit = POLICY_SIZE_QUOTAS.trust;
  if (policySizeCharacters(document) > limit) throw limitExceeded("ACLSizePerRole", limit);
  try {
    const parsed = parsePolicyDocument(document, "trust");
    checkNewTrustPolicy(parsed);
    checkPrincipalsExist(call, parsed);
  } catch (error) {
    if (!(error instanceof PolicySyntaxError)) throw error;
    throw new AwsFault("MalformedPolicyDocument", error.awsMessage);
  }
  return bindTrust(call.world, document);
}

/**
 * IAM stores no trust in a user or role that does not exist. Accounts outside of this world are taken for real: AWS
 * knows them, the sandbox can't (a choice).
 */
function checkPrincipalsExist(call: Call, { statements }: PolicyDocument): void {
  for (const { type, value } of statements.flatMap(({ principal }) => principal?.entries ?? [])) {
    const match = type === "AWS" ? /^arn:aws:iam::(\d{12}):(user|role)\/(.+)$/.exec(value) : null;
    const account = call.world.accounts.get(match?.[1] ?? "");
    if (match === null || account === undefined) continue;
    const entities = match[2] === "user" ? account.users : account.roles;
    if (![...entities.values()].some(({ arn }) => arn === value)) {
      throw new AwsFault("MalformedPolicyDocument", `Invalid principal in policy: "AWS":"${value}"`);
    }
  }
}

function formatRole(call: Call, role: Role): { readonly [element: string]: XmlValue } {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: role.arn,
    CreateDate: formatSecondsTime(role.createdAtMs),
    AssumeRolePolicyDocument: encodeDocument(showTrust(call.world, role.trustPolicy)),
    Description: role.description === "" ? undefined : role.description,
    MaxSessionDuration: role.maxSessionDurationSeconds,
  };
}
