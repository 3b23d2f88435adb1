import { AssumeMfaError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import type { HeldLock, LockHolder, Locks } from "../host/lock.ts";
import { inputsDigest } from "./session-inputs.ts";

/** How often a waiting process looks; a holder that died is noticed within it (ACCEPTANCE.md C3). */
const LOOK_EVERY_MS = 200;
/** Whoever waits longer than this is told for whom. */
const PATIENCE_MS = 1_000;
/** A person who was asked may be away (ACCEPTANCE.md T18). */
const GIVE_UP_AFTER_MS = 120_000;

/** Whose turn it is: ours, or nobody's any more, since what somebody else made serves. */
export type Turn<Served> =
  | { readonly kind: "ours"; release(): void }
  | { readonly kind: "served"; readonly served: Served };

/** What only one process at a time does. */
export interface TurnSubject {
  /** What is locked, in parts. */
  readonly lock: readonly string[];
  /** What the one that has it does, completing `waiting for process 1234, which …`. */
  readonly doing: string;
}

/**
 * One process at a time asks for and presents a code of a device, or assumes a role by a shared session, so that N
 * processes ask one question and make one call: the others wait, and take what it made (CLI.md, "Parallel processes").
 * @param look what serves by now, if there is anything
 * @throws AssumeMfaError DEVICE_BUSY after two minutes, saying who holds it
 */
export async function takeTurn<Served>(
  { lock, doing }: TurnSubject,
  locks: Locks,
  host: Pick<Host, "now" | "sleep" | "interrupts">,
  note: (text: string) => void,
  look: () => Promise<Served | undefined>,
): Promise<Turn<Served>> {
  const name = inputsDigest(JSON.stringify(lock));
  const began = host.now();
  let isTold = false;
  for (;;) {
    const answer = tryAcquire(locks, name);
    let served: Served | undefined;
    try {
      served = await look();
    } catch (error) {
      if (isHeldLock(answer)) answer.release();
      throw error;
    }
    if (isHeldLock(answer)) {
      if (served === undefined) return { kind: "ours", release: () => answer.release() };
      answer.release();
    }
    if (served !== undefined) return { kind: "served", served };
    if (isHeldLock(answer)) continue;
    const waitedMs = host.now() - began;
    const holder = `process ${answer.pid}, which ${doing}`;
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
