import { AssumeMfaError } from "../errors.ts";
import { ALICE_DEVICE_SERIAL, PARENT_ACCOUNT_ID } from "./founding-world.ts";
import { computeTotp, parseBase32, TOTP_STEP_MS, totpStepAt } from "./totp.ts";
import type { MfaDevice, World } from "./world.ts";

/** A code is 30 s old at most, and the second to spare is the timer's. */
const MAX_WAIT_MS = 31_000;
/** The world's clock may be moved while somebody waits, so it is looked at again this often. */
const LOOK_AGAIN_MS = 250;

/** What alice's device shows. */
export class DeviceDisplay {
  readonly #world: World;
  readonly #now: () => number;
  readonly #waiting = new Set<() => void>();

  constructor(world: World, now: () => number) {
    this.#world = world;
    this.#now = now;
  }

  /** @throws AssumeMfaError SANDBOX_FAILED when alice has no device any more */
  currentCode(): string {
    const { secret, driftSteps } = this.#device();
    return computeTotp(parseBase32(secret), totpStepAt(this.#now()) + driftSteps);
  }

  /** @throws AssumeMfaError SANDBOX_FAILED when no unused code came in 31 s, or the sandbox was closed */
  async freshCode(): Promise<string> {
    // Counted in waits, not by the clock: the world's clock is the tests' to stop.
    let waitedMs = 0;
    for (;;) {
      const { lastAcceptedStep, driftSteps } = this.#device();
      const nowMs = this.#now();
      if (lastAcceptedStep === undefined || totpStepAt(nowMs) + driftSteps > lastAcceptedStep)
        return this.currentCode();
      if (waitedMs >= MAX_WAIT_MS) {
        throw new AssumeMfaError("SANDBOX_FAILED", "the sandbox's device showed no unused code in 31 seconds", {
          hint: "run assume-mfa sandbox code --fresh again",
        });
      }
      const untilNextStepMs = TOTP_STEP_MS - (nowMs % TOTP_STEP_MS);
      const waitMs = Math.min(untilNextStepMs, LOOK_AGAIN_MS);
      await this.#wait(waitMs);
      waitedMs += waitMs;
    }
  }

  /** Ends what still waits. */
  close(): void {
    for (const stop of this.#waiting) stop();
  }

  #device(): MfaDevice {
    const devices = this.#world.accounts.get(PARENT_ACCOUNT_ID)?.mfaDevices;
    const device =
      devices?.get(ALICE_DEVICE_SERIAL) ?? [...(devices?.values() ?? [])].find(({ userName }) => userName === "alice");
    if (device === undefined)
      throw new AssumeMfaError("SANDBOX_FAILED", "alice has no device in this sandbox any more");
    return device;
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(stop);
        settle();
      };
      const stop = () => end(() => reject(new AssumeMfaError("SANDBOX_FAILED", "the sandbox was closed")));
      const timer = setTimeout(() => end(resolve), milliseconds);
      this.#waiting.add(stop);
    });
  }
}
