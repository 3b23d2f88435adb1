import { AssumeMfaError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import type { HeldLock, LockHolder, Locks } from "../host/lock.ts";
import type { RoleSession } from "./role-session.ts";
import { inputsDigest } from "./session-inputs.ts";

/** How often a waiting process looks; a holder that died is noticed within it (ACCEPTANCE.md C3). */
const LOOK_EVERY_MS = 100;
/** Whoever waits longer than this is told for whom. */
const PATIENCE_MS = 1_000;
/** A person who was asked may be away (ACCEPTANCE.md T18). */
const GIVE_UP_AFTER_MS = 120_000;

/** Whose turn it is to present a code of a device: ours, or nobody's any more since somebody else's session serves. */
export type DeviceTurn =
  | { readonly kind: "ours"; release(): void }
  | { readonly kind: "served"; readonly session: RoleSession };

/**
 * One process at a time asks for and presents a code of a device, so that N processes ask one question: the others wait,
 * and take the session that it made (CLI.md, "Parallel processes").
 * @param device what is locked: the serial, and where it is presented
 * @param look a session that serves by now, if there is one
 * @throws AssumeMfaError DEVICE_BUSY after two minutes, saying who holds it
 */
export async function takeDeviceTurn(
  device: readonly string[],
  locks: Locks,
  host: Pick<Host, "now" | "sleep" | "interrupts">,
  note: (text: string) => void,
  look: () => RoleSession | undefined,
): Promise<DeviceTurn> {
  const name = inputsDigest(JSON.stringify(device));
  const began = host.now();
  let isTold = false;
  for (;;) {
    const answer = tryAcquire(locks, name);
    const session = look();
    if (isHeldLock(answer)) {
      if (session === undefined) return { kind: "ours", release: () => answer.release() };
      answer.release();
    }
    if (session !== undefined) return { kind: "served", session };
    if (isHeldLock(answer)) continue;
    const waitedMs = host.now() - began;
    const holder = `process ${answer.pid}, which presents a code of the same device`;
    if (waitedMs > GIVE_UP_AFTER_MS) {
      throw new AssumeMfaError("DEVICE_BUSY", `gave up waiting for ${holder}, after ${GIVE_UP_AFTER_MS / 1000} s`, {
        hint: "answer its question or end it, then try again",
        details: { pid: answer.pid, since: new Date(answer.since).toISOString() },
      });
    }
    if (waitedMs > PATIENCE_MS && !isTold) {
      note(`waiting for ${holder}`);
      isTold = true;
    }
    await host.sleep(LOOK_EVERY_MS, host.interrupts.signal);
  }
}

function isHeldLock(answer: HeldLock | LockHolder): answer is HeldLock {
  return "release" in answer;
}

/** Where nothing can be written there is nobody to wait for either: each for itself. */
function tryAcquire(locks: Locks, name: string): ReturnType<Locks["tryAcquire"]> {
  try {
    return locks.tryAcquire(name);
  } catch {
    return { release: () => undefined };
  }
}
