import { classifyFailure } from "../aws/aws-failure.ts";
import type { Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import type { AwsCliEntry } from "./aws-cli-cache.ts";
import { isOfRole } from "./call-assume-role.ts";
import type { RoleSession, RoleSessionPorts } from "./role-session.ts";
import { lastsLonger } from "./route-facts.ts";
import { canonicalText, inputsDigest, sessionInputs } from "./session-inputs.ts";
import { shortReason } from "./short-reason.ts";
import { placeOf, stsSettings } from "./signer.ts";
import { takeTurn } from "./turn.ts";

// `assume_mfa_share_aws_cli`: one session for both, whoever made it. A session is shared where it is the one that the AWS
// CLI would make itself (target/aws-cli-request.ts), and one that was found is used only after AWS has said whose it is.

type Ports = Pick<RoleSessionPorts, "awsCliCache" | "loadStsClient" | "locks" | "host" | "note">;

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
  ports: Pick<Ports, "awsCliCache" | "note"> & { readonly host: Pick<Ports["host"], "now"> },
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
  const { assumedRoleArn } = entry;
  if (assumedRoleArn === undefined || isOfTarget(assumedRoleArn, target)) return entry;
  noteForeign(assumedRoleArn, target, note);
  return undefined;
}

function isWorthAsking(entry: AwsCliEntry, minTtlMs: number, now: number): boolean {
  return entry.expiration - now <= LONGEST_LIFE_MS && lastsLonger(timesOf(entry, 0, now), now, minTtlMs);
}

async function confirm(
  entry: AwsCliEntry,
  target: Target,
  minTtlMs: number,
  { loadStsClient, host, note }: Ports,
): Promise<RoleSession | undefined> {
  const client = await loadStsClient(stsSettings(placeOf(target), entry.credentials));
  try {
    const arn = await client.getCallerIdentity();
    if (arn === undefined) return undefined;
    if (!isOfTarget(arn, target)) {
      noteForeign(arn, target, note);
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

/** Of its role, and where the target names its session, of that name: trust policies can demand it. */
function isOfTarget(assumedRoleArn: string, target: Target): boolean {
  const { role, roleSessionName } = target;
  const name = assumedRoleArn.slice(assumedRoleArn.lastIndexOf("/") + 1);
  return (
    isOfRole({ assumedRoleArn, accountId: role.value.accountId }, target) &&
    (roleSessionName === undefined || roleSessionName.value === name)
  );
}

function noteForeign(arn: string, target: Target, note: (text: string) => void): void {
  note(`the AWS CLI's session for ${shownName(target.name)} is not used: it is ${arn.slice(0, 200)}`);
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
  { awsCliCache, note }: Pick<Ports, "awsCliCache" | "note">,
): void {
  const { awsCliRequest, shareAwsCli } = target;
  if (!shareAwsCli.value) return;
  const obstacle = awsCliObstacle(target, { awsCliCache });
  if (obstacle !== undefined || !("arguments" in awsCliRequest)) {
    if (!session.isFromCache) note(`${shownName(target.name)} is not shared with the AWS CLI: ${obstacle}`);
    return;
  }
  try {
    if (session.isFromCache && isThere(session, awsCliCache.read(awsCliRequest.arguments))) return;
    awsCliCache.write(awsCliRequest.arguments, session);
  } catch (error) {
    note(`${shownName(target.name)} is not shared with the AWS CLI: ${shortReason(error)}`);
  }
}

function isThere({ credentials }: RoleSession, entry: AwsCliEntry | undefined): boolean {
  // It is kept there in whole seconds.
  return entry !== undefined && entry.expiration >= (credentials.expiration ?? 0) - 1_000;
}
