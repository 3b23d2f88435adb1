import { classifyFailure } from "../aws/aws-failure.ts";
import { AssumeMfaError } from "../errors.ts";
import type { SignIn } from "../target/target.ts";
import { credentialsOf, LONGEST_SHARED_LIFE_MS, refuseTooLong } from "./answered-credentials.ts";
import type { CodeRequest } from "./ask-token-code.ts";
import { openedSharedSession } from "./opened-session.ts";
import type { RoleSessionOptions, RoleSessionPorts } from "./role-session.ts";
import { askSessionName } from "./session-name.ts";
import type { SharedSession } from "./shared-sessions.ts";
import { placeName, type Signer, stsSettings } from "./signer.ts";
import { translateSharedSessionFailure } from "./sts-failure.ts";
import { presentTokenCode } from "./token-code-source.ts";

/**
 * GetSessionToken with a code: a session that opens every role behind the device. Called as holder of the device's turn.
 * @param request what is asked, where somebody is asked
 * @throws AssumeMfaError as `presentTokenCode` and `sts-errors.ts` throw
 */
export async function openSharedSession(
  signIn: SignIn,
  request: CodeRequest,
  options: Pick<RoleSessionOptions, "givenCode" | "mayAsk">,
  ports: RoleSessionPorts,
): Promise<SharedSession> {
  const signer: Signer = signIn.source;
  const { mfaSerial } = request;
  return presentTokenCode(request, options, ports, {
    connect: () => ports.loadStsClient(stsSettings(signIn, signer.credentials)),
    async introduce(client) {
      await askSessionName(signer, signIn, client, ports.callers);
    },
    async send(client, code) {
      let output: Awaited<ReturnType<typeof client.getSessionToken>>;
      try {
        output = await client.getSessionToken({
          SerialNumber: mfaSerial,
          TokenCode: code,
          DurationSeconds: signIn.sharedDurationSeconds.value,
        });
      } catch (error) {
        const failure = classifyFailure(error);
        if (failure === undefined) throw error;
        throw translateSharedSessionFailure(failure, { signIn, mfaSerial }, error);
      }
      const hint = "check --endpoint-url; the token code may be used up";
      const ending = credentialsOf(output);
      if (ending === undefined) {
        throw new AssumeMfaError("REPLY_LOST", "GetSessionToken's answer holds no complete credentials", { hint });
      }
      const { credentials, expiration } = ending;
      const session: SharedSession = {
        sourceAccessKeyId: signer.credentials.accessKeyId,
        place: placeName(signIn),
        mfaSerial,
        accessKeyId: credentials.accessKeyId,
        expiration,
        obtainedAt: ports.host.now(),
        clockOffsetMs: client.clockOffsetMs() ?? 0,
        credentials,
      };
      refuseTooLong(session, LONGEST_SHARED_LIFE_MS, "GetSessionToken", hint);
      await ports.recordSession?.(openedSharedSession(signIn, session, output.requestId));
      return session;
    },
  });
}
