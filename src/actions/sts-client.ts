/**
 * The only file of this room that calls STS, and only to ask who it is: assuming roles is the session's work.
 * GetCallerIdentity needs no permission, so a refusal is about the session itself.
 */
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { makeClientConfig } from "../aws/client-config.ts";
import { type ActionScope, READ_ATTEMPTS } from "./action.ts";
import { makeReading } from "./reading.ts";

/** The documented `-o json` result of `whoami`. */
export interface CallerIdentity {
  /** Twelve digits. */
  readonly account: string;
  /** `arn:aws:sts::222222222222:assumed-role/PrivilegedActionsRole/alice` */
  readonly arn: string;
  readonly userId: string;
}

/** @param signal ends it sooner than the time limit of a read. Default: nothing does */
export async function getCallerIdentity(scope: ActionScope, signal?: AbortSignal): Promise<CallerIdentity> {
  const settings = scope.clientSettings("sts", READ_ATTEMPTS);
  const client = new STSClient(makeClientConfig(settings));
  const reading = makeReading(settings, () => scope.clock.now());
  try {
    return await reading("sts:GetCallerIdentity", async ({ abortSignal: limit }) => {
      const abortSignal = signal === undefined ? limit : AbortSignal.any([limit, signal]);
      const { Account, Arn, UserId } = await client.send(new GetCallerIdentityCommand({}), { abortSignal });
      return { account: Account ?? "", arn: Arn ?? "", userId: UserId ?? "" };
    });
  } finally {
    client.destroy();
  }
}
