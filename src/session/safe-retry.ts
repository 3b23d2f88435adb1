import { type AwsFailure, classifyFailure, isThrottled } from "../aws/aws-failure.ts";

const MOST_ATTEMPTS = 3;
/** What is begun after this is too late to be of use (ACCEPTANCE.md M5: twenty seconds in all, a connection takes five). */
const LAST_BEGIN_MS = 14_000;
const FIRST_DELAY_MS = 200;
const FIRST_THROTTLED_DELAY_MS = 1_000;

/** Failures of the moment, before anything was sent. Not those of names and certificates, which last. */
const MOMENTARY_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "ETIMEDOUT",
]);

/**
 * Sends a call to STS again, three times in all and twenty seconds at most, where that can do no harm: nothing of it left
 * this machine, or it carries no code and AWS said that it is called too often. Waits with full jitter, so that many
 * processes do not come back at once. A code is never sent twice (AWS.md, 1).
 * @throws what the last try threw
 */
export async function retrySafely<T>(
  call: () => Promise<T>,
  { carriesCode }: { readonly carriesCode: boolean },
): Promise<T> {
  const startedAt = performance.now();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const delayMs = delayAfter(classifyFailure(error), attempt, carriesCode);
      const isLate = delayMs === undefined || performance.now() - startedAt + delayMs > LAST_BEGIN_MS;
      if (attempt >= MOST_ATTEMPTS || isLate) throw error;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
}

/** @returns undefined where it must not be sent again */
function delayAfter(failure: AwsFailure | undefined, attempt: number, carriesCode: boolean): number | undefined {
  const jittered = (firstMs: number) => Math.random() * firstMs * 2 ** (attempt - 1);
  if (failure?.kind === "unsent" && MOMENTARY_CODES.has(failure.code)) return jittered(FIRST_DELAY_MS);
  if (failure?.kind === "refused" && !carriesCode && isThrottled(failure)) {
    return jittered(FIRST_THROTTLED_DELAY_MS);
  }
  return undefined;
}
