import { classifyFailure } from "../aws/aws-failure.ts";
import { AssumeMfaError } from "../errors.ts";
import type { CallerStore } from "./caller-store.ts";
import { placeName, type Signer, type StsPlace } from "./signer.ts";
import type { StsClient } from "./sts-client.ts";
import { notSts, translateCallerFailure, unreachable } from "./sts-failure.ts";

const FALLBACK_SESSION_NAME = "assume-mfa";

/**
 * The session name that goes without saying: the last part of the signer's own ARN, so that a user's sessions carry the
 * user's name, which trust policies can demand (`sts:RoleSessionName = ${aws:username}`).
 * @returns undefined when it is not known whose the keys are
 */
export function knownSessionName(signer: Signer, place: StsPlace, callers: CallerStore): string | undefined {
  return sessionNameOf(callers.read(signer.credentials.accessKeyId, placeName(place)));
}

/**
 * Asks STS whose the keys are, and remembers the answer by access key id.
 * @param isForCode whether a token code is to be sent next: then an error says what became of it
 * @throws AssumeMfaError NETWORK, REPLY_LOST, SOURCE_CREDENTIALS_INVALID, SIGNATURE_REJECTED; not when the call is denied
 */
export async function askSessionName(
  signer: Signer,
  place: StsPlace,
  client: StsClient,
  callers: CallerStore,
  isForCode = true,
): Promise<string> {
  try {
    const arn = await client.getCallerIdentity();
    if (arn === undefined) throw notSts(place);
    callers.write(signer.credentials.accessKeyId, placeName(place), arn);
    return sessionNameOf(arn) ?? FALLBACK_SESSION_NAME;
  } catch (error) {
    const failure = classifyFailure(error);
    if (failure === undefined) throw error;
    if (failure.kind === "unsent") throw unreachable(failure, place, error);
    if (failure.kind === "ambiguous") {
      throw new AssumeMfaError("REPLY_LOST", `GetCallerIdentity got no usable answer: ${failure.message}`, {
        hint: `${isForCode ? "no code was sent" : "nothing was done"}; try again`,
        cause: error,
      });
    }
    const dead = translateCallerFailure(failure, signer, error);
    if (dead !== undefined) throw dead;
    return FALLBACK_SESSION_NAME;
  }
}

/** The last part of a user's or session's ARN, where AssumeRole takes it as a session name (AWS.md, 2). */
export function sessionNameOf(arn: string | undefined): string | undefined {
  const name = arn?.slice(arn.lastIndexOf("/") + 1);
  return name !== undefined && /^[\w+=,.@-]{2,64}$/.test(name) ? name : undefined;
}
