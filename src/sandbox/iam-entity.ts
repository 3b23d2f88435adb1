import { type Access, decideAccess, formatDenialReason } from "./access.ts";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { checkFields, type FieldRule, TAG_CHARACTER } from "./field-rules.ts";
import { openPageMarker, sealPageMarker } from "./page-marker.ts";
import { callerArn } from "./principal.ts";
import { formatSecondsTime, type QueryParameters, structuresOf, type XmlValue } from "./query-protocol.ts";
import type { Group, Role, User } from "./world.ts";

/** What IAM's operations have in common: names, permission, pages, and the shapes of users, groups and roles. */
export const NAME_PATTERN = "[\\w+=,.@-]+";
const PATH_PATTERN = "(\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)";

/** @param name the field's name in the request; messages write it with a small first letter */
export function nameRule(parameters: QueryParameters, name: string, maxLength = 128, required = true): FieldRule {
  return {
    field: name.charAt(0).toLowerCase() + name.slice(1),
    value: parameters.get(name),
    required,
    minLength: 1,
    maxLength,
    pattern: NAME_PATTERN,
  };
}

/** `Path`: a slash, or text between slashes. */
export function pathRule(parameters: QueryParameters): FieldRule {
  return { field: "path", value: parameters.get("Path"), minLength: 1, maxLength: 512, pattern: PATH_PATTERN };
}

/** @throws AwsFault ValidationError when a required field is missing or not as the model says */
export function readName(parameters: QueryParameters, name: string, maxLength = 128): string {
  checkFields([nameRule(parameters, name, maxLength)]);
  return parameters.get(name) ?? "";
}

/**
 * Permission for an IAM operation on one of the caller's account's entities.
 * @param shownResource as IAM's messages call it (`user alice`); the ARN where that is not given
 * @throws AwsFault AccessDenied
 */
export function authorizeIam(call: Call, access: Access, shownResource = access.resource): void {
  const decision = decideAccess(call, access);
  if (decision.verdict === "allowed") return;
  const caller = callerArn(call.principal);
  const resource = shownResource === "*" ? "" : ` on resource: ${shownResource}`;
  const reason = formatDenialReason(decision, access.action);
  const message = `User: ${caller} is not authorized to perform: ${access.action}${resource}${reason}`;
  throw new AwsFault("AccessDenied", message, 403);
}

/** In the caller's account. @param pathAndName without the path's first slash */
export function iamArn(call: Call, kind: "user" | "group" | "role" | "mfa" | "policy", pathAndName: string): string {
  return `arn:aws:iam::${call.principal.account.id}:${kind}/${pathAndName}`;
}

/**
 * The user that the call names, or the caller's own where it names none.
 * @throws AwsFault ValidationError for a role's session that names none; AccessDenied; NoSuchEntity
 */
export function selectUser(call: Call, parameters: QueryParameters, action: string): User {
  const { principal } = call;
  checkFields([nameRule(parameters, "UserName", 128, false)]);
  const name = parameters.get("UserName") ?? (principal.kind === "user" ? principal.user.name : undefined);
  if (name === undefined) {
    throw new AwsFault("ValidationError", "Must specify userName when calling with non-User credentials");
  }
  const user = principal.account.users.get(name);
  authorizeIam(
    call,
    { action: `iam:${action}`, resource: user?.arn ?? iamArn(call, "user", name), context: tagKeys(user?.tags) },
    `user ${name}`,
  );
  if (user === undefined) throw noSuchEntity(`The user with name ${name} cannot be found.`);
  return user;
}

/** @throws AwsFault AccessDenied; NoSuchEntity */
export function selectGroup(call: Call, parameters: QueryParameters, action: string): Group {
  const name = readName(parameters, "GroupName");
  const group = call.principal.account.groups.get(name);
  const resource = group?.arn ?? iamArn(call, "group", name);
  authorizeIam(call, { action: `iam:${action}`, resource }, `group ${name}`);
  if (group === undefined) throw noSuchEntity(`The group with name ${name} cannot be found.`);
  return group;
}

/** @throws AwsFault AccessDenied; NoSuchEntity */
export function selectRole(call: Call, parameters: QueryParameters, action: string): Role {
  const name = readName(parameters, "RoleName", 64);
  const role = call.principal.account.roles.get(name);
  const resource = role?.arn ?? iamArn(call, "role", name);
  authorizeIam(call, { action: `iam:${action}`, resource, context: tagKeys(role?.tags) }, `role ${name}`);
  if (role === undefined) throw noSuchEntity(`The role with name ${name} cannot be found.`);
  return role;
}

function tagKeys(tags: ReadonlyMap<string, string> | undefined): Record<string, string> {
  const entries = [...(tags ?? [])].flatMap(([key, value]) => [
    [`aws:ResourceTag/${key}`, value],
    [`iam:ResourceTag/${key}`, value],
  ]);
  return Object.fromEntries(entries);
}

/** 404 NoSuchEntity */
export function noSuchEntity(message: string): AwsFault {
  return new AwsFault("NoSuchEntity", message, 404);
}

/** 409 EntityAlreadyExists */
export function alreadyExists(message: string): AwsFault {
  return new AwsFault("EntityAlreadyExists", message, 409);
}

/** 409 LimitExceeded. @param quota as AWS names it, `AccessKeysPerUser` */
export function limitExceeded(quota: string, limit: number): AwsFault {
  return new AwsFault("LimitExceeded", `Cannot exceed quota for ${quota}: ${limit}`, 409);
}

/** 409 DeleteConflict: something is still attached */
export function deleteConflict(message: string): AwsFault {
  return new AwsFault("DeleteConflict", message, 409);
}

/**
 * The `PathPrefix` of a listing.
 * @returns a slash, which every path begins with, when there is none
 * @throws AwsFault ValidationError
 */
export function readPathPrefix(parameters: QueryParameters): string {
  const value = parameters.get("PathPrefix");
  checkFields([{ field: "pathPrefix", value, minLength: 1, maxLength: 512, pattern: "\\u002F[\\u0021-\\u007F]*" }]);
  return value ?? "/";
}

/** Those whose path begins so. */
export function withPath<T extends { readonly path: string }>(entries: Iterable<T>, pathPrefix: string): T[] {
  return [...entries].filter(({ path }) => path.startsWith(pathPrefix));
}

/**
 * Whether a name is taken: IAM tells names apart without regard to case (IAM User Guide, "IAM identifiers").
 * @param entries of one kind, in one account
 */
export function hasName(entries: Iterable<{ readonly name: string }>, name: string): boolean {
  const lowerName = name.toLowerCase();
  return [...entries].some((entry) => entry.name.toLowerCase() === lowerName);
}

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;

/**
 * One page of a listing, with `IsTruncated` and `Marker`.
 * @param element the list's element in the answer
 * @param nameOf what tells an entry apart; the listing is in this order
 */
export function formatPage<T>(
  call: Call,
  parameters: QueryParameters,
  element: string,
  entries: Iterable<T>,
  nameOf: (entry: T) => string,
  format: (entry: T) => XmlValue,
): { readonly [element: string]: XmlValue } {
  const maxItems = parameters.get("MaxItems");
  checkFields([{ field: "maxItems", value: maxItems, min: 1, max: MAX_PAGE }]);
  const sorted = [...entries].sort((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1));
  const marker = parameters.get("Marker");
  const last = marker === undefined ? undefined : openPageMarker(call, element, marker);
  if (marker !== undefined && last === undefined) {
    throw new AwsFault("ValidationError", `Invalid Marker: ${marker}`);
  }
  const rest = last === undefined ? sorted : sorted.filter((entry) => nameOf(entry) > last);
  const page = rest.slice(0, Number(maxItems ?? DEFAULT_PAGE));
  const end = page.at(-1);
  const isTruncated = page.length < rest.length && end !== undefined;
  return {
    [element]: page.map(format),
    IsTruncated: isTruncated,
    Marker: isTruncated ? sealPageMarker(call, element, nameOf(end)) : undefined,
  };
}

/** `Tags.member.n` of a call. @throws AwsFault ValidationError, InvalidInput */
export function readTags(parameters: QueryParameters): Map<string, string> {
  const tags = new Map<string, string>();
  for (const fields of structuresOf(parameters, "Tags.member")) {
    const key = fields.get("Key");
    const value = fields.get("Value");
    checkFields([
      {
        field: "tags.member.key",
        value: key,
        required: true,
        minLength: 1,
        maxLength: 128,
        pattern: `${TAG_CHARACTER}+`,
      },
      { field: "tags.member.value", value, required: true, maxLength: 256, pattern: `${TAG_CHARACTER}*` },
    ]);
    if (/^aws:/i.test(key ?? "")) {
      throw new AwsFault("ValidationError", "aws: prefixed tag key names are not allowed for external use.");
    }
    if (tags.has(key ?? "")) throw new AwsFault("InvalidInput", "Duplicate tag keys found.");
    tags.set(key ?? "", value ?? "");
  }
  if (tags.size > 50) throw limitExceeded("TagsPerResource", 50);
  return tags;
}

/** @returns undefined when there are none: the element is left out then */
export function formatTags(tags: ReadonlyMap<string, string>): XmlValue {
  return tags.size === 0 ? undefined : [...tags].map(([Key, Value]) => ({ Key, Value }));
}

export function formatUser(user: User): XmlValue {
  return {
    Path: user.path,
    UserName: user.name,
    UserId: user.id,
    Arn: user.arn,
    CreateDate: formatSecondsTime(user.createdAtMs),
  };
}

export function formatGroup(group: Group): XmlValue {
  return {
    Path: group.path,
    GroupName: group.name,
    GroupId: group.id,
    Arn: group.arn,
    CreateDate: formatSecondsTime(group.createdAtMs),
  };
}

/** Policy documents stand percent-encoded in IAM's answers (RFC 3986). */
export function encodeDocument(document: string): string {
  return encodeURIComponent(document).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
