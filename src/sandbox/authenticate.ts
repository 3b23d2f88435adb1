import { timingSafeEqual } from "node:crypto";
import type { AuthenticationProblem } from "./aws-fault.ts";
import type { ServiceName } from "./call.ts";
import type { Principal } from "./principal.ts";
import { isKnownRegion, isOptInRegion } from "./regions.ts";
import {
  formatAmzDate,
  IncompleteSignatureError,
  isSignatureRight,
  listUnsignedHeaders,
  readSignatureClaim,
  type SignatureClaim,
} from "./sigv4.ts";
import type { WireRequest } from "./wire.ts";
import { findAccessKey, type Session, type World } from "./world.ts";

/** How far the signing time may be from the server's (AWS's messages: "- 5 min."). */
const MAX_SKEW_MS = 5 * 60_000;

/** What a signature is checked against. */
export interface AuthenticationInput {
  readonly request: WireRequest;
  readonly service: ServiceName;
  readonly world: World;
  /** The world's time, by which sessions expire. */
  readonly nowMs: number;
  readonly serverClock: ServerClock;
}

/**
 * What the server takes for the time when it looks at a signature. The world's clock may have been moved on while
 * clients go by the wall clock, or by what the world's was when they last looked: anything between is in time.
 */
export interface ServerClock {
  /** The wall clock. */
  readonly earliestMs: number;
  /** The world's clock, which the Date header and messages show. */
  readonly latestMs: number;
}

/** Somebody who proved who they are. */
export interface Caller {
  readonly problem: undefined;
  readonly principal: Principal;
  /** From the signature's scope; us-east-1 for IAM. */
  readonly region: string;
}

/** Who signed, or what is wrong with the signature; which of both, `problem` tells. */
export type Authentication = Caller | { readonly problem: AuthenticationProblem };

/**
 * Who signed the request. The order is STS's own (AWS.md, "Order of checks on STS"): scope, then the key and its token,
 * expiry and owner, then date and signature.
 */
export function authenticate(input: AuthenticationInput): Authentication {
  const { request, service, world, nowMs } = input;
  let claim: SignatureClaim | undefined;
  try {
    claim = readSignatureClaim(request);
  } catch (error) {
    if (error instanceof IncompleteSignatureError) {
      return { problem: { kind: "incompleteSignature", message: error.message } };
    }
    throw error;
  }
  if (claim === undefined) return { problem: { kind: "unsigned" } };

  const scopeMessage = describeWrongScope(claim, service);
  if (scopeMessage !== undefined) return { problem: { kind: "wrongScope", message: scopeMessage } };

  const holder = findKeyHolder(world, claim, nowMs);
  if ("problem" in holder) return { problem: { kind: holder.problem } };

  const skewMessage = describeSkew(claim, input.serverClock);
  if (skewMessage !== undefined) return { problem: { kind: "clockSkew", message: skewMessage } };

  const unsignedHeaders = listUnsignedHeaders(request, claim);
  if (unsignedHeaders.length > 0) return { problem: { kind: "wrongSignature" } };
  if (!isSignatureRight(request, claim, holder.secretAccessKey)) return { problem: { kind: "wrongSignature" } };
  const { principal } = holder;
  // IAM is one for all regions and signs as us-east-1 (IAM API reference, endpoints). A choice: any real region is as
  // good, for with AWS_ENDPOINT_URL set the AWS CLI, boto3 and the SDKs sign by the client's own.
  if (service === "iam") return { problem: undefined, principal, region: "us-east-1" };
  if (isOptInRegion(claim.region)) return { problem: { kind: "regionDisabled", accountId: principal.account.id } };
  return { problem: undefined, principal, region: claim.region };
}

/** Messages are AWS's; several run together, each ends in a space (AWS.md, STS faults). */
function describeWrongScope(claim: SignatureClaim, service: ServiceName): string | undefined {
  let message = "";
  if (!isKnownRegion(claim.region)) message += "Credential should be scoped to a valid region. ";
  if (claim.service !== service) message += `Credential should be scoped to correct service: '${service}'. `;
  if (claim.terminator !== "aws4_request") {
    message += `Credential should be scoped with a valid terminator: 'aws4_request', not '${claim.terminator}'. `;
  }
  const signedDay = claim.amzDate.slice(0, 8);
  if (claim.scopeDate !== signedDay) {
    message +=
      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: " +
      `'${claim.scopeDate}' != '${signedDay}', from '${claim.amzDate}'. `;
  }
  return message === "" ? undefined : message;
}

type KeyHolder =
  | { readonly principal: Principal; readonly secretAccessKey: string }
  | { readonly problem: "invalidToken" | "expiredToken" };

function findKeyHolder(world: World, claim: SignatureClaim, nowMs: number): KeyHolder {
  const session = world.sessions.get(claim.accessKeyId);
  if (session !== undefined) return findSessionHolder(world, session, claim, nowMs);
  const found = findAccessKey(world, claim.accessKeyId);
  // A token sent along with long-term keys is not theirs.
  if (found === undefined || found.key.status !== "Active" || claim.sessionToken !== undefined) {
    return { problem: "invalidToken" };
  }
  const { account, user, key } = found;
  return {
    principal: { kind: "user", account, user, accessKeyId: key.accessKeyId, session: undefined },
    secretAccessKey: key.secretAccessKey,
  };
}

function findSessionHolder(world: World, session: Session, claim: SignatureClaim, nowMs: number): KeyHolder {
  if (claim.sessionToken === undefined || !isSameText(claim.sessionToken, session.sessionToken)) {
    return { problem: "invalidToken" };
  }
  if (nowMs >= session.expiresAtMs) return { problem: "expiredToken" };
  const account = world.accounts.get(session.accountId);
  const { owner, accessKeyId, secretAccessKey } = session;
  if (owner.kind === "user") {
    const user = account?.users.get(owner.userName);
    if (account === undefined || user === undefined || user.id !== owner.userId) return { problem: "invalidToken" };
    return { principal: { kind: "user", account, user, accessKeyId, session }, secretAccessKey };
  }
  const role = account?.roles.get(owner.roleName);
  if (account === undefined || role === undefined || role.id !== owner.roleId) return { problem: "invalidToken" };
  const { roleSessionName } = owner;
  return { principal: { kind: "role", account, role, roleSessionName, accessKeyId, session }, secretAccessKey };
}

function describeSkew(claim: SignatureClaim, { earliestMs, latestMs }: ServerClock): string | undefined {
  const { amzDate, signedAtMs } = claim;
  const lifeMs = claim.expiresSeconds === undefined ? MAX_SKEW_MS : claim.expiresSeconds * 1_000;
  if (signedAtMs >= earliestMs - lifeMs && signedAtMs <= latestMs + MAX_SKEW_MS) return undefined;
  const server = formatAmzDate(latestMs);
  if (signedAtMs > latestMs) {
    const latest = formatAmzDate(latestMs + MAX_SKEW_MS);
    return `Signature not yet current: ${amzDate} is still later than ${latest} (${server} + 5 min.)`;
  }
  if (claim.expiresSeconds !== undefined) {
    return `Signature expired: ${formatAmzDate(signedAtMs + lifeMs)} is now earlier than ${server}`;
  }
  const earliest = formatAmzDate(latestMs - MAX_SKEW_MS);
  return `Signature expired: ${amzDate} is now earlier than ${earliest} (${server} - 5 min.)`;
}

function isSameText(left: string, right: string): boolean {
  const leftBytes = Buffer.from(left);
  const rightBytes = Buffer.from(right);
  return leftBytes.length === rightBytes.length && timingSafeEqual(leftBytes, rightBytes);
}
