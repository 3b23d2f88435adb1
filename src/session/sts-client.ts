// STS, the edge. Rules: this file is the only one of the room that imports the SDK, and is itself imported only when a
// call is due (it is the heavy part); every client is made by aws/client-config.ts; nothing with a code is sent
// twice, but for what never left this machine, and what AWS refused for when it was signed: a refusal that comes before
// all else, so that the code is as good as before.
import {
  AssumeRoleCommand,
  type Credentials,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  STSClient,
} from "@aws-sdk/client-sts";
import { classifyFailure, detachFailure, isClockRefusal } from "../aws/aws-failure.ts";
import { makeClientConfig } from "../aws/client-config.ts";
import type { ClientSettings } from "../aws/client-settings.ts";
import { retrySafely } from "./safe-retry.ts";

/** The inputs of AssumeRole, named as the API names them. */
export interface AssumeRoleInput {
  readonly RoleArn: string;
  readonly RoleSessionName: string;
  readonly SerialNumber?: string;
  readonly TokenCode?: string;
  readonly ExternalId?: string;
  readonly DurationSeconds?: number;
  readonly SourceIdentity?: string;
  readonly Tags?: { readonly Key: string; readonly Value: string }[];
  readonly TransitiveTagKeys?: string[];
  readonly Policy?: string;
  readonly PolicyArns?: { readonly arn: string }[];
}

/** The inputs of GetSessionToken, named as the API names them. */
export interface GetSessionTokenInput {
  readonly SerialNumber: string;
  readonly TokenCode: string;
  readonly DurationSeconds: number;
}

/** The credentials in an answer. Any part can be missing: what answers may not be AWS. */
export interface AnsweredCredentials {
  readonly accessKeyId: string | undefined;
  readonly secretAccessKey: string | undefined;
  readonly sessionToken: string | undefined;
  readonly expiration: Date | undefined;
  /** Of the call that gave them. */
  readonly requestId: string | undefined;
}

/** The parts of AssumeRole's answer that are used. */
export interface AssumeRoleOutput extends AnsweredCredentials {
  readonly assumedRoleArn: string | undefined;
}

export interface StsClient {
  /** @throws what the SDK throws, detached from its response: `aws/aws-failure.ts` tells what it means */
  assumeRole(input: AssumeRoleInput): Promise<AssumeRoleOutput>;
  /** @throws as `assumeRole` */
  getSessionToken(input: GetSessionTokenInput): Promise<AnsweredCredentials>;
  /** @returns the caller's ARN */
  getCallerIdentity(): Promise<string | undefined>;
  /** @returns AWS's clock less this machine's, milliseconds, by the last answer; undefined before there was one */
  clockOffsetMs(): number | undefined;
  close(): void;
}

/** One client and its warm connection, for one set of source credentials. */
export function makeStsClient(settings: ClientSettings): StsClient {
  const client = new STSClient(makeClientConfig(settings));
  const { clock } = settings;
  const send = <T>(call: () => Promise<T>, carriesCode: boolean) =>
    sendByAwsTime(
      () => retrySafely(call, { carriesCode }),
      !settings.credentials.isLongTerm,
      () => clock?.blame(),
      () => clock?.offsetMs() ?? 0,
    );
  return {
    async assumeRole(input) {
      const output = await send(() => client.send(new AssumeRoleCommand(input)), input.TokenCode !== undefined);
      return { ...answeredCredentials(output), assumedRoleArn: output.AssumedRoleUser?.Arn };
    },
    async getSessionToken(input) {
      return answeredCredentials(await send(() => client.send(new GetSessionTokenCommand(input)), true));
    },
    async getCallerIdentity() {
      return (await send(() => client.send(new GetCallerIdentityCommand({})), false)).Arn;
    },
    clockOffsetMs: () => clock?.offsetMs(),
    close() {
      client.destroy();
    },
  };
}

interface Answer {
  readonly Credentials?: Credentials | undefined;
  readonly $metadata: { readonly requestId?: string | undefined };
}

function answeredCredentials({ Credentials: credentials, $metadata }: Answer): AnsweredCredentials {
  return {
    accessKeyId: credentials?.AccessKeyId,
    secretAccessKey: credentials?.SecretAccessKey,
    sessionToken: credentials?.SessionToken,
    expiration: credentials?.Expiration,
    requestId: $metadata.requestId,
  };
}

/**
 * Sends it once more where AWS refused it for this machine's clock and told its own, which the SDK signs by from then
 * on. Its word that it does is no proof of the refusal: with a clock that is wrong it stands in every one.
 */
async function sendByAwsTime<T>(
  call: () => Promise<T>,
  isSessionSigning: boolean,
  onWrongClock: () => void,
  offsetMs: () => number,
): Promise<T> {
  const isRefused = (error: unknown) => {
    const failure = classifyFailure(error);
    return failure !== undefined && isClockRefusal(failure, isSessionSigning);
  };
  const signedBy = offsetMs();
  try {
    return await call();
  } catch (error) {
    if (!isRefused(error)) throw detachFailure(error);
    onWrongClock();
    // Where this machine's clock is right by now, and only what was known of it is not, the SDK corrects without a word.
    const isCorrected = isOffsetCorrected(error) || Math.abs(offsetMs() - signedBy) >= CORRECTED_MS;
    if (!isCorrected) throw detachFailure(error);
    try {
      return await call();
    } catch (again) {
      // The first tells how wrong the clock is; by when the second was signed, nothing does.
      throw detachFailure(isRefused(again) ? error : again);
    }
  }
}

/** What is signed by a time that is less wrong is not refused for it. */
const CORRECTED_MS = 240_000;

function isOffsetCorrected(error: unknown): boolean {
  return (error as { readonly $metadata?: { clockSkewCorrected?: boolean } }).$metadata?.clockSkewCorrected === true;
}
