import { detachFailure } from "../aws/aws-failure.ts";
import type { ClientSettings } from "../aws/client-settings.ts";
import { AssumeMfaError } from "../errors.ts";
import { placeOf, toActionError } from "./action-errors.ts";

/**
 * A read, its second and third try included, is over within this: a server that says nothing must not hold a command
 * for three response limits in a row (ACCEPTANCE.md M6).
 */
const READ_LIMIT_MS = 20_000;

/** AWS lets a signature be five minutes off. */
const CLOCK_CHANGE_MS = 240_000;

function isSentByAwsTime(error: unknown): boolean {
  return (error as { readonly $metadata?: { clockSkewCorrected?: boolean } }).$metadata?.clockSkewCorrected === true;
}

/** Sends one read. @throws AssumeMfaError as {@link toActionError} makes it */
export type Reading = <T>(
  iamAction: string,
  send: (options: { readonly abortSignal: AbortSignal }) => Promise<T>,
) => Promise<T>;

/** @param settings those of the client that `send` will use */
export function makeReading(settings: ClientSettings, now: () => number): Reading {
  return async (iamAction, send) => {
    const abortSignal = AbortSignal.timeout(READ_LIMIT_MS);
    const call = { iamAction, settings, mutates: false, now };
    const supposedMs = settings.clock?.offsetMs() ?? 0;
    try {
      try {
        return await send({ abortSignal });
      } catch (error) {
        // The clock was set since the session was got: the SDK goes by AWS's time from then on, and sends nothing again
        // where that is this machine's own.
        const learntMs = settings.clock?.offsetMs() ?? 0;
        if (abortSignal.aborted || Math.abs(learntMs - supposedMs) < CLOCK_CHANGE_MS || isSentByAwsTime(error))
          throw error;
        return await send({ abortSignal });
      }
    } catch (error) {
      if (!abortSignal.aborted) throw toActionError(error, call);
      throw new AssumeMfaError("NETWORK", `no answer to ${iamAction} from ${placeOf(call)} within the time limit`, {
        hint: "check the network and the endpoint",
        // The failure behind it stays readable: a time limit leaves open what was done.
        cause: Object.assign(new Error("no answer within the time limit", { cause: detachFailure(error) }), {
          name: "TimeoutError",
        }),
      });
    }
  };
}
