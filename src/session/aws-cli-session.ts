import { classifyFailure } from "../aws/aws-failure.ts";
import type { Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import type { AwsCliEntry } from "./aws-cli-cache.ts";
import { isOfRole } from "./call-assume-role.ts";
import type { RoleSession, RoleSessionPorts } from "./role-session.ts";
import { lastsLonger } from "./route-facts.ts";
import { canonicalText, inputsDigest, sessionInputs, sourceText } from "./session-inputs.ts";
import { knownSessionName } from "./session-name.ts";
import { shortReason } from "./short-reason.ts";
import { placeName, placeOf, stsSettings } from "./signer.ts";
import { takeTurn } from "./turn.ts";

// `assume_mfa_share_aws_cli`: one session for both, whoever made it. A session is shared where it is the one that the AWS
// CLI would make itself (target/aws-cli-request.ts), and one that was found is used only after AWS has said whose it is.

type Ports = Pick<RoleSessionPorts, "awsCliCache" | "callers" | "loadStsClient" | "locks" | "host" | "note">;

/** AssumeRole gives twelve hours at most, and an hour more for clocks that differ: a longer life is damage. */
const LONGEST_LIFE_MS = 13 * 3_600_000;

/**
 * A session that the AWS CLI made, after GetCallerIdentity has said that it is one of this account and role: one call, for
 * any number of processes. What is wrong with it otherwise (ended, damaged, refused by AWS) is no error: another is made.
 * @param look what our own cache holds by now
 * @param keep puts it there
 * @returns undefined when there is none
 * @throws AssumeMfaError DEVICE_BUSY
 */
export async function takeAwsCliSession(
  target: Target,
  minTtlMs: number,
  ports: Ports,
  look: () => Promise<RoleSession | undefined>,
  keep: (session: RoleSession) => Promise<RoleSession>,
): Promise<RoleSession | undefined> {
  const { host, locks, note } = ports;
  if (findAwsCliSession(target, minTtlMs, ports) === undefined) return undefined;
  const subject = {
    lock: ["session", inputsDigest(canonicalText(sessionInputs(target)))],
    doing: "asks AWS about the AWS CLI's session",
  };
  const turn = await takeTurn(subject, locks, host, note, look);
  if (turn.kind === "served") return turn.served;
  try {
    // While it waited, the AWS CLI may have made another.
    const entry = findAwsCliSession(target, minTtlMs, { ...ports, note: () => undefined });
    const session = entry && (await confirm(entry, target, minTtlMs, ports));
    if (session === undefined) return undefined;
    note(`${shownName(target.name)}: the AWS CLI's session is used`);
    return await keep(session);
  } finally {
    turn.release();
  }
}

/** What looks like a session of the target's role, with enough of its life left; AWS is not asked yet. */
export function findAwsCliSession(
  target: Target,
  minTtlMs: number,
  ports: Pick<Ports, "awsCliCache" | "callers" | "note"> & { readonly host: Pick<Ports["host"], "now"> },
): AwsCliEntry | undefined {
  const { awsCliRequest, shareAwsCli } = target;
  if (!shareAwsCli.value || !("arguments" in awsCliRequest)) return undefined;
  const { awsCliCache, host, note } = ports;
  let entry: AwsCliEntry | undefined;
  try {
    entry = awsCliCache.read(awsCliRequest.arguments);
  } catch (error) {
    note(`the AWS CLI's session is not used: ${shortReason(error)}`);
    return undefined;
  }
  if (entry === undefined || !isWorthAsking(entry, minTtlMs, host.now())) return undefined;
  const fault = faultOf(entry, entry.assumedRoleArn, target, ports);
  if (fault === undefined) return entry;
  noteForeign(fault, target, note);
  return undefined;
}

function isWorthAsking(entry: AwsCliEntry, minTtlMs: number, now: number): boolean {
  return entry.expiration - now <= LONGEST_LIFE_MS && lastsLonger(timesOf(entry, 0, now), now, minTtlMs);
}

async function confirm(
  entry: AwsCliEntry,
  target: Target,
  minTtlMs: number,
  ports: Ports,
): Promise<RoleSession | undefined> {
  const { loadStsClient, host, note } = ports;
  const client = await loadStsClient(stsSettings(placeOf(target), entry.credentials));
  try {
    const arn = await client.getCallerIdentity();
    if (arn === undefined) return undefined;
    const fault = faultOf(entry, arn, target, ports);
    if (fault !== undefined) {
      noteForeign(fault, target, note);
      return undefined;
    }
    const times = timesOf(entry, client.clockOffsetMs() ?? 0, host.now());
    if (!lastsLonger(times, host.now(), minTtlMs)) return undefined;
    const { obtainedAt, clockOffsetMs } = times;
    const { accountId } = target.role.value;
    const { credentials } = entry;
    return { credentials, assumedRoleArn: arn, accountId, obtainedAt, clockOffsetMs, isFromCache: true };
  } catch (error) {
    // Ended early, of another place, or AWS is out of reach: whatever comes next says so where it matters.
    if (classifyFailure(error) === undefined) throw error;
    return undefined;
  } finally {
    client.close();
  }
}

/** When it was made is not written there: the file's own time, where that can be. */
function timesOf({ expiration, writtenAt }: AwsCliEntry, clockOffsetMs: number, now: number) {
  const obtainedAt = Math.max(Math.min(writtenAt, now), expiration - clockOffsetMs - LONGEST_LIFE_MS);
  return { expiration, obtainedAt, clockOffsetMs };
}

/** botocore's name for the session of a profile without `role_session_name` (`AssumeRoleCredentialFetcher`). */
const BOTOCORE_SESSION = /^botocore-session-\d+$/;

/**
 * The AWS CLI's arguments hold neither the keys that made a session nor the place: another profile's session of the same
 * role can lie there. One of ours says with what it was made; another's must bear the name that the AWS CLI gives, or the
 * user's own.
 * @param arn what it is said to be, if anything
 * @returns what is wrong with it, completing `it is …`
 */
function faultOf(
  entry: AwsCliEntry,
  arn: string | undefined,
  target: Target,
  { callers }: Pick<Ports, "callers">,
): string | undefined {
  if (entry.isOwn && entry.sourceDigest !== sourceDigest(target)) return "one of other keys";
  if (arn === undefined) return undefined;
  const { role, roleSessionName, source } = target;
  if (!isOfRole({ assumedRoleArn: arn, accountId: role.value.accountId }, target)) return arn.slice(0, 200);
  const name = arn.slice(arn.lastIndexOf("/") + 1);
  // Trust policies can demand a name.
  if (roleSessionName !== undefined) return roleSessionName.value === name ? undefined : arn.slice(0, 200);
  if (entry.isOwn || BOTOCORE_SESSION.test(name)) return undefined;
  const users = source.kind === "keys" ? knownSessionName(source, placeOf(target), callers) : undefined;
  return users === name ? undefined : arn.slice(0, 200);
}

/** Whose session it is: by a digest, since it goes into another program's file. */
function sourceDigest(target: Target): string {
  return inputsDigest(JSON.stringify([sourceText(target.source), placeName(placeOf(target))]));
}

function noteForeign(what: string, target: Target, note: (text: string) => void): void {
  note(`the AWS CLI's session for ${shownName(target.name)} is not used: it is ${what}`);
}

/** Completes `not shared with the AWS CLI: …`; undefined where nothing is in the way. */
export function awsCliObstacle(
  { awsCliRequest }: Target,
  { awsCliCache }: Pick<Ports, "awsCliCache">,
): string | undefined {
  return awsCliCache.obstacle ?? ("obstacle" in awsCliRequest ? awsCliRequest.obstacle : undefined);
}

/**
 * Writes a session where the AWS CLI looks. That it can't be is said, and no more: the session itself is there.
 * @param session one from our own cache is written only where the AWS CLI has none that lasts as long
 */
export function shareWithAwsCli(
  target: Target,
  session: RoleSession,
  ports: Pick<Ports, "awsCliCache" | "callers" | "note">,
): void {
  const { awsCliCache, note } = ports;
  const { awsCliRequest, shareAwsCli } = target;
  if (!shareAwsCli.value) return;
  const obstacle = awsCliObstacle(target, { awsCliCache });
  if (obstacle !== undefined || !("arguments" in awsCliRequest)) {
    if (!session.isFromCache) note(`${shownName(target.name)} is not shared with the AWS CLI: ${obstacle}`);
    return;
  }
  try {
    const there = session.isFromCache ? awsCliCache.read(awsCliRequest.arguments) : undefined;
    const isGood = there !== undefined && faultOf(there, there.assumedRoleArn, target, ports) === undefined;
    if (isGood && lastsAsLong(there, session)) return;
    awsCliCache.write(awsCliRequest.arguments, session, sourceDigest(target));
  } catch (error) {
    note(`${shownName(target.name)} is not shared with the AWS CLI: ${shortReason(error)}`);
  }
}

function lastsAsLong(entry: AwsCliEntry, { credentials }: RoleSession): boolean {
  // It is kept there in whole seconds.
  return entry.expiration >= (credentials.expiration ?? 0) - 1_000;
}
