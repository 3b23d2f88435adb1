import { classifyFailure } from "../aws/aws-failure.ts";
import { AssumeMfaError } from "../errors.ts";
import type { SourceProvided, Target } from "../target/target.ts";
import { LONGEST_ROLE_LIFE_MS, refuseTooLong } from "./answered-credentials.ts";
import { isOfRole } from "./call-assume-role.ts";
import { openedRoleSession } from "./opened-session.ts";
import type { RoleSession, RoleSessionPorts } from "./role-session.ts";
import { placeOf, stsSettings } from "./signer.ts";
import { notSts, translateCallerFailure, unreachable } from "./sts-failure.ts";

/**
 * The session of a role that a web identity token opens itself, with nobody's keys (AssumeRoleWithWebIdentity). The SDK's
 * function gives the credentials alone: whose they are is asked of STS.
 * @param source the target's own
 * @throws AssumeMfaError as `loadProvidedCredentials` does; NETWORK, REPLY_LOST, ACCOUNT_UNEXPECTED,
 *   SOURCE_CREDENTIALS_INVALID
 */
export async function openTokenSession(
  target: Target,
  source: SourceProvided,
  ports: Pick<RoleSessionPorts, "host" | "loadProvidedCredentials" | "loadStsClient" | "note" | "recordSession">,
): Promise<RoleSession> {
  const place = placeOf(target);
  const credentials = await ports.loadProvidedCredentials({ source, place, shape: target, note: ports.note });
  const signer = { label: source.label, credentials };
  const client = await ports.loadStsClient(stsSettings(place, credentials));
  try {
    const assumedRoleArn = await client.getCallerIdentity();
    const accountId = /^arn:[\w-]+:sts::(\d{12}):/.exec(assumedRoleArn ?? "")?.[1];
    if (assumedRoleArn === undefined || accountId === undefined) throw notSts(place);
    if (!isOfRole({ assumedRoleArn, accountId }, target)) {
      throw new AssumeMfaError(
        "ACCOUNT_UNEXPECTED",
        `the token opened another role's session: ${assumedRoleArn.slice(0, 200)}`,
        { hint: `asked for was ${target.role.value.arn}; nothing was done: check --endpoint-url (AWS_ENDPOINT_URL)` },
      );
    }
    const session: RoleSession = {
      credentials,
      assumedRoleArn,
      accountId,
      obtainedAt: ports.host.now(),
      clockOffsetMs: client.clockOffsetMs() ?? 0,
      isFromCache: false,
    };
    const { expiration } = credentials;
    if (expiration !== undefined) {
      const life = { ...session, expiration };
      refuseTooLong(life, LONGEST_ROLE_LIFE_MS, "AssumeRoleWithWebIdentity", "check --endpoint-url");
    }
    // The SDK's function keeps the request's id to itself.
    await ports.recordSession?.(openedRoleSession(target, session, undefined, undefined, undefined));
    return session;
  } catch (error) {
    const failure = classifyFailure(error);
    if (failure === undefined) throw error;
    if (failure.kind !== "refused") throw unreachable(failure, place, error);
    throw translateCallerFailure(failure, signer, error) ?? notSts(place);
  } finally {
    client.close();
  }
}
