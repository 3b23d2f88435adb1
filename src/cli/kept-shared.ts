import { lastsLonger, liveShared } from "../session/route-facts.ts";
import type { KeptSharedSession } from "../session/shared-sessions.ts";
import { signInOf } from "../session/signer.ts";
import { firstHop } from "../target/first-hop.ts";
import type { Target } from "../target/target.ts";
import { keptLeftMs, type SessionJson } from "./kept-sessions.ts";
import { resolveMinTtlMs } from "./options.ts";
import type { Services } from "./services.ts";

/** All shared sessions that have not ended. @param now milliseconds since 1970 */
export function liveSharedSessions({ shared }: Services, now: number): readonly KeptSharedSession[] {
  return shared.list().filter((head) => keptLeftMs(head, now) > 0);
}

/** The one that a run of the target takes in place of a code; undefined where there is none. */
export function sharedOfTarget(target: Target, { host, shared }: Services): KeptSharedSession | undefined {
  const signIn = signInOf(firstHop(target));
  return signIn === undefined || target.sessionMode.value === "direct"
    ? undefined
    : liveShared(signIn, host.now(), shared);
}

/** Whether a run takes it. @param now milliseconds since 1970 */
export function isSharedServed(head: KeptSharedSession, now: number, { host }: Services): boolean {
  return lastsLonger(head, now, resolveMinTtlMs({}, host.env));
}

/** `arn:aws:iam::111122223333:mfa/alice` → `alice`; a hardware token's serial as it is */
export function deviceName({ mfaSerial }: Pick<KeptSharedSession, "mfaSerial">): string {
  return mfaSerial.slice(mfaSerial.lastIndexOf("/") + 1);
}

/** @param now milliseconds since 1970 */
export function toSharedJson(head: KeptSharedSession, now: number): SessionJson {
  return {
    kind: "shared",
    target: null,
    account: /^arn:[\w-]+:iam::(\d{12}):/.exec(head.mfaSerial)?.[1] ?? null,
    role: null,
    assumedRole: null,
    mfaSerial: head.mfaSerial,
    current: true,
    expiration: new Date(head.expiration).toISOString(),
    secondsLeft: Math.max(0, Math.floor(keptLeftMs(head, now) / 1000)),
  };
}
