import { classifyFailure } from "../aws/aws-failure.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Target } from "../target/target.ts";
import { credentialsOf, LONGEST_ROLE_LIFE_MS, refuseTooLong } from "./answered-credentials.ts";
import { assumeRoleInput } from "./assume-role-input.ts";
import { openedRoleSession } from "./opened-session.ts";
import type { RoleSession, RoleSessionPorts } from "./role-session.ts";
import type { Signer } from "./signer.ts";
import type { StsClient } from "./sts-client.ts";
import { translateAssumeRoleFailure } from "./sts-errors.ts";

/**
 * AssumeRole, once.
 * @param code six digits; undefined: none is sent
 * @throws AssumeMfaError as `sts-errors.ts` makes them; REPLY_LOST, ACCOUNT_UNEXPECTED for an answer that is not to be used
 */
export async function callAssumeRole(
  target: Target,
  signer: Signer,
  client: StsClient,
  roleSessionName: string,
  code: { readonly tokenCode: string; readonly mfaSerial: string } | undefined,
  ports: Pick<RoleSessionPorts, "host" | "recordSession">,
): Promise<RoleSession> {
  let output: Awaited<ReturnType<StsClient["assumeRole"]>>;
  try {
    output = await client.assumeRole(assumeRoleInput(target, roleSessionName, code));
  } catch (error) {
    const failure = classifyFailure(error);
    if (failure === undefined) throw error;
    const context = { target, signer, roleSessionName, mfaSerial: code?.mfaSerial };
    throw translateAssumeRoleFailure(failure, context, error);
  }
  const hint = code === undefined ? "check --endpoint-url" : "check --endpoint-url; the token code may be used up";
  // Before anything else, so that no text of ours can show them.
  const ending = credentialsOf(output);
  const { assumedRoleArn } = output;
  const accountId = /^arn:[\w-]+:sts::(\d{12}):/.exec(assumedRoleArn ?? "")?.[1];
  if (ending === undefined || !assumedRoleArn || !accountId) {
    throw new AssumeMfaError("REPLY_LOST", "AssumeRole's answer holds no complete credentials", { hint });
  }
  const { credentials, expiration } = ending;
  if (!isOfRole({ assumedRoleArn, accountId }, target)) {
    throw new AssumeMfaError(
      "ACCOUNT_UNEXPECTED",
      `AssumeRole's answer is another role's session: ${assumedRoleArn.slice(0, 200)}`,
      {
        hint: `asked for was ${target.role.value.arn}; nothing was done: check --endpoint-url (AWS_ENDPOINT_URL)`,
      },
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
  refuseTooLong({ ...session, expiration }, LONGEST_ROLE_LIFE_MS, "AssumeRole", hint);
  await ports.recordSession?.(openedRoleSession(target, session, signer, code?.mfaSerial, output.requestId));
  return session;
}

/**
 * Whether it is a session of this target's role in this target's account: what is shown is what is worked in, whoever
 * answered or wrote the entry.
 */
export function isOfRole(
  session: Pick<RoleSession, "assumedRoleArn" | "accountId">,
  target: { readonly role: Pick<Target["role"], "value"> },
): boolean {
  const { partition, accountId, roleName } = target.role.value;
  const parts = /^arn:([\w-]+):sts::(\d{12}):assumed-role\/([\w+=,.@-]{1,64})\/[\w+=,.@-]{2,64}$/.exec(
    session.assumedRoleArn,
  );
  return (
    parts?.[1] === partition &&
    parts[2] === accountId &&
    session.accountId === accountId &&
    // IAM compares role names without regard to case.
    parts[3]?.toLowerCase() === roleName.toLowerCase()
  );
}
