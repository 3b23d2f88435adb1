import type { Account, Role, Session, User } from "./world.ts";

/** Who signed a call. */
export type Principal = UserPrincipal | RolePrincipal;

/** An IAM user, by long-term keys or by a session of GetSessionToken. */
export interface UserPrincipal {
  readonly kind: "user";
  readonly account: Account;
  readonly user: User;
  readonly accessKeyId: string;
  /** Of GetSessionToken; undefined for the user's long-term keys. */
  readonly session: Session | undefined;
}

/** A session of a role. */
export interface RolePrincipal {
  readonly kind: "role";
  readonly account: Account;
  readonly role: Role;
  readonly roleSessionName: string;
  readonly accessKeyId: string;
  readonly session: Session;
}

/** The user's ARN, or the assumed-role ARN of the session: what GetCallerIdentity and error messages show. */
export function callerArn(principal: Principal): string {
  if (principal.kind === "user") return principal.user.arn;
  return `arn:aws:sts::${principal.account.id}:assumed-role/${principal.role.name}/${principal.roleSessionName}`;
}

/** `AIDA…`, or `AROA…:session`: `aws:userid`. */
export function callerUserId(principal: Principal): string {
  return principal.kind === "user" ? principal.user.id : `${principal.role.id}:${principal.roleSessionName}`;
}

/** The user's ARN, or the ROLE's ARN for a session of it: `aws:PrincipalArn` (AWS.md, sessions). */
export function principalArn(principal: Principal): string {
  return principal.kind === "user" ? principal.user.arn : principal.role.arn;
}
