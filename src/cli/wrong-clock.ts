import { formatSkew } from "../aws/server-clock.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Services } from "./services.ts";

/** What to do about it, as a hint. */
const SET_IT = "set it (timedatectl set-ntp true, or the system's date settings)";

/**
 * Does it, and then says, once a run, when AWS refused a request for this computer's clock and took it by its own. Not
 * before: somebody may be typing a code meanwhile.
 * @param note a line on standard error
 */
export async function tellingWrongClock<T>(
  { serverClock }: Pick<Services, "serverClock">,
  note: (text: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const tell = () => {
    const offsetMs = serverClock.takeBlame();
    if (offsetMs === undefined) return;
    note(`this computer's clock is ${formatSkew(offsetMs)}: requests were signed by AWS's; ${SET_IT}`);
  };
  try {
    const done = await work();
    tell();
    return done;
  } catch (error) {
    // That one says it itself.
    if (!(error instanceof AssumeMfaError && error.code === "SIGNATURE_REJECTED")) tell();
    throw error;
  }
}
