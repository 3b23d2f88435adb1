import type { Call } from "./call.ts";
import { checkFields } from "./field-rules.ts";
import {
  alreadyExists,
  authorizeIam,
  deleteConflict,
  formatGroup,
  formatPage,
  formatTags,
  formatUser,
  hasName,
  iamArn,
  limitExceeded,
  nameRule,
  noSuchEntity,
  pathRule,
  readPathPrefix,
  readTags,
  selectGroup,
  selectUser,
  withPath,
} from "./iam-entity.ts";
import { makeAccessKeyId, makeSecretAccessKey, makeUniqueId } from "./identifiers.ts";
import { formatSecondsTime, type QueryParameters } from "./query-protocol.ts";
import type { QueryOperation } from "./query-service.ts";
import { type AccessKey, findAccessKey, type Group, type User } from "./world.ts";

const MAX_ACCESS_KEYS = 2;

/** Users, their access keys, and groups. */
export const userOperations: Readonly<Record<string, QueryOperation>> = {
  GetUser(call, parameters) {
    const user = selectUser(call, parameters, "GetUser");
    return { User: { ...(formatUser(user) as object), Tags: formatTags(user.tags) } };
  },

  ListUsers(call, parameters) {
    const pathPrefix = readPathPrefix(parameters);
    authorizeIam(call, { action: "iam:ListUsers", resource: iamArn(call, "user", pathPrefix.slice(1)) });
    const users = withPath(call.principal.account.users.values(), pathPrefix);
    return formatPage(call, parameters, "Users", users, ({ name }) => name, formatUser);
  },

  CreateUser(call, parameters) {
    const { name, path, arn } = readNewEntity(call, parameters, "user", "UserName", 64);
    authorizeIam(call, { action: "iam:CreateUser", resource: arn });
    const { users } = call.principal.account;
    if (hasName(users.values(), name)) throw alreadyExists(`User with name ${name} already exists.`);
    const user: User = {
      ...emptyHolder(call),
      name,
      path,
      arn,
      id: makeUniqueId("AIDA"),
      accessKeys: [],
      groupNames: [],
      tags: readTags(parameters),
    };
    users.set(name, user);
    return { User: formatUser(user) };
  },

  DeleteUser(call, parameters) {
    const user = selectUser(call, parameters, "DeleteUser");
    const { account } = call.principal;
    if (user.accessKeys.length > 0) throw deleteConflict("Cannot delete entity, must delete access keys first.");
    if ([...account.mfaDevices.values()].some(({ userName }) => userName === user.name)) {
      throw deleteConflict("Cannot delete entity, must delete MFA device first.");
    }
    if (user.inlinePolicies.size > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
    if (user.attachedPolicyArns.length > 0) {
      throw deleteConflict("Cannot delete entity, must detach all policies first.");
    }
    if (user.groupNames.length > 0)
      throw deleteConflict("Cannot delete entity, must remove user from all groups first.");
    account.users.delete(user.name);
    return undefined;
  },

  ListAccessKeys(call, parameters) {
    const user = selectUser(call, parameters, "ListAccessKeys");
    const keyId = ({ accessKeyId }: AccessKey) => accessKeyId;
    return {
      UserName: user.name,
      ...formatPage(call, parameters, "AccessKeyMetadata", user.accessKeys, keyId, (key) => formatKey(user, key)),
    };
  },

  CreateAccessKey(call, parameters) {
    const user = selectUser(call, parameters, "CreateAccessKey");
    if (user.accessKeys.length >= MAX_ACCESS_KEYS) throw limitExceeded("AccessKeysPerUser", MAX_ACCESS_KEYS);
    const key: AccessKey = {
      accessKeyId: makeAccessKeyId("AKIA"),
      secretAccessKey: makeSecretAccessKey(),
      createdAtMs: call.nowMs,
      status: "Active",
      lastUsed: undefined,
    };
    user.accessKeys.push(key);
    return { AccessKey: { ...formatKey(user, key), SecretAccessKey: key.secretAccessKey } };
  },

  UpdateAccessKey(call, parameters) {
    const status = parameters.get("Status");
    checkFields([{ field: "status", value: status, required: true, pattern: "Active|Inactive" }]);
    const key = selectKey(call, parameters, "UpdateAccessKey").key;
    key.status = status === "Active" ? "Active" : "Inactive";
    return undefined;
  },

  DeleteAccessKey(call, parameters) {
    const { user, key } = selectKey(call, parameters, "DeleteAccessKey");
    user.accessKeys.splice(user.accessKeys.indexOf(key), 1);
    return undefined;
  },

  GetAccessKeyLastUsed(call, parameters) {
    const accessKeyId = readKeyId(parameters);
    const found = findAccessKey(call.world, accessKeyId);
    const isOwn = found?.account === call.principal.account;
    const resource = isOwn ? found.user.arn : iamArn(call, "user", "*");
    authorizeIam(call, { action: "iam:GetAccessKeyLastUsed", resource });
    if (!isOwn) throw noSuchKey(accessKeyId);
    const { lastUsed } = found.key;
    return {
      UserName: found.user.name,
      AccessKeyLastUsed: {
        LastUsedDate: lastUsed === undefined ? undefined : formatSecondsTime(lastUsed.atMs),
        ServiceName: lastUsed?.service ?? "N/A",
        Region: lastUsed?.region ?? "N/A",
      },
    };
  },

  ListGroups(call, parameters) {
    const pathPrefix = readPathPrefix(parameters);
    authorizeIam(call, { action: "iam:ListGroups", resource: iamArn(call, "group", pathPrefix.slice(1)) });
    const groups = withPath(call.principal.account.groups.values(), pathPrefix);
    return formatPage(call, parameters, "Groups", groups, ({ name }) => name, formatGroup);
  },

  ListGroupsForUser(call, parameters) {
    const user = selectUser(call, parameters, "ListGroupsForUser");
    const groups = user.groupNames.flatMap((name) => call.principal.account.groups.get(name) ?? []);
    return formatPage(call, parameters, "Groups", groups, ({ name }) => name, formatGroup);
  },

  GetGroup(call, parameters) {
    const group = selectGroup(call, parameters, "GetGroup");
    const members = [...call.principal.account.users.values()].filter((user) => user.groupNames.includes(group.name));
    return {
      Group: formatGroup(group),
      ...formatPage(call, parameters, "Users", members, ({ name }) => name, formatUser),
    };
  },

  CreateGroup(call, parameters) {
    const { name, path, arn } = readNewEntity(call, parameters, "group", "GroupName", 128);
    authorizeIam(call, { action: "iam:CreateGroup", resource: arn });
    const { groups } = call.principal.account;
    if (hasName(groups.values(), name)) throw alreadyExists(`Group with name ${name} already exists.`);
    const group: Group = { ...emptyHolder(call), name, path, arn, id: makeUniqueId("AGPA") };
    groups.set(name, group);
    return { Group: formatGroup(group) };
  },

  DeleteGroup(call, parameters) {
    const group = selectGroup(call, parameters, "DeleteGroup");
    const { account } = call.principal;
    if ([...account.users.values()].some(({ groupNames }) => groupNames.includes(group.name))) {
      throw deleteConflict("Cannot delete entity, must remove users from group first.");
    }
    if (group.inlinePolicies.size > 0) throw deleteConflict("Cannot delete entity, must delete policies first.");
    if (group.attachedPolicyArns.length > 0) {
      throw deleteConflict("Cannot delete entity, must detach all policies first.");
    }
    account.groups.delete(group.name);
    return undefined;
  },

  AddUserToGroup(call, parameters) {
    const { user, group } = selectMembership(call, parameters, "AddUserToGroup");
    if (!user.groupNames.includes(group.name)) user.groupNames.push(group.name);
    return undefined;
  },

  RemoveUserFromGroup(call, parameters) {
    const { user, group } = selectMembership(call, parameters, "RemoveUserFromGroup");
    const index = user.groupNames.indexOf(group.name);
    if (index < 0) throw noSuchEntity(`User ${user.name} not in group ${group.name}.`);
    user.groupNames.splice(index, 1);
    return undefined;
  },
};

/** What every new user, group and role begins with. */
export function emptyHolder(call: Call) {
  return { createdAtMs: Math.floor(call.nowMs / 1_000) * 1_000, inlinePolicies: new Map(), attachedPolicyArns: [] };
}

/** Name, path and ARN of what is to be made. @throws AwsFault ValidationError */
export function readNewEntity(
  call: Call,
  parameters: QueryParameters,
  kind: "user" | "group" | "role",
  nameField: string,
  maxLength: number,
): { readonly name: string; readonly path: string; readonly arn: string } {
  checkFields([nameRule(parameters, nameField, maxLength), pathRule(parameters)]);
  const name = parameters.get(nameField) ?? "";
  const path = parameters.get("Path") ?? "/";
  return { name, path, arn: iamArn(call, kind, path.slice(1) + name) };
}

/** Membership is a right on the group; the user has only to be there. */
function selectMembership(call: Call, parameters: QueryParameters, action: string): { user: User; group: Group } {
  checkFields([nameRule(parameters, "UserName")]);
  const group = selectGroup(call, parameters, action);
  const name = parameters.get("UserName") ?? "";
  const user = call.principal.account.users.get(name);
  if (user === undefined) throw noSuchEntity(`The user with name ${name} cannot be found.`);
  return { user, group };
}

function readKeyId(parameters: QueryParameters): string {
  const value = parameters.get("AccessKeyId");
  checkFields([{ field: "accessKeyId", value, required: true, minLength: 16, maxLength: 128, pattern: "[\\w]+" }]);
  return value ?? "";
}

function noSuchKey(accessKeyId: string) {
  return noSuchEntity(`The Access Key with id ${accessKeyId} cannot be found.`);
}

function selectKey(call: Call, parameters: QueryParameters, action: string): { user: User; key: AccessKey } {
  const accessKeyId = readKeyId(parameters);
  const user = selectUser(call, parameters, action);
  const key = user.accessKeys.find((each) => each.accessKeyId === accessKeyId);
  if (key === undefined) throw noSuchKey(accessKeyId);
  return { user, key };
}

function formatKey(user: User, key: AccessKey) {
  return {
    UserName: user.name,
    AccessKeyId: key.accessKeyId,
    Status: key.status,
    CreateDate: formatSecondsTime(key.createdAtMs),
  };
}
