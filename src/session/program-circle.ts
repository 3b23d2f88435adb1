import { AssumeMfaError } from "../errors.ts";
import type { Environment } from "../host/host.ts";
import { formatOrigin } from "../target/format-origin.ts";
import type { Origin } from "../target/target.ts";

/** As many as profiles in a chain of roles. */
const MAX_DEPTH = 10;

/**
 * The profiles whose `credential_process` or `mfa_process` runs already, the outermost first, as JSON: set for the program,
 * read by a run of ours inside it. One for both, since a circle can go through both.
 */
export const MARK_VARIABLE = "ASSUME_MFA_CREDENTIAL_PROCESS";

const HINTS = {
  credential_process: "let it give the keys themselves, not run assume-mfa for a profile that comes back to it",
  mfa_process: "let it print the code itself, not run assume-mfa for a profile that comes back to it",
} as const;

/**
 * Whether a profile's program may be run: to be asked before anything is waited for that the run around this one may hold.
 * @param key where it stands in the profile
 * @param name the profile's or target's
 * @returns the profiles whose programs run then, the outermost first: the program's mark
 * @throws AssumeMfaError SOURCE_PROFILE_LOOP, CONFIG_MALFORMED
 */
export function runningWithProgram(
  key: keyof typeof HINTS,
  name: string,
  origin: Origin,
  env: Environment,
): readonly string[] {
  const running = [...runningPrograms(env), name];
  const first = running.indexOf(name);
  if (first === running.length - 1 && running.length <= MAX_DEPTH) return running;
  const loop = first === running.length - 1 ? running : running.slice(first);
  throw new AssumeMfaError(
    "SOURCE_PROFILE_LOOP",
    `${formatOrigin(origin)}: ${key} goes round in a circle: ${loop.join(" → ")}`,
    { hint: HINTS[key] },
  );
}

/** @throws AssumeMfaError CONFIG_MALFORMED when somebody else set the variable */
function runningPrograms(env: Environment): readonly string[] {
  const mark = env[MARK_VARIABLE];
  if (mark === undefined || mark === "") return [];
  try {
    const names: unknown = JSON.parse(mark);
    if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names;
  } catch {
    // said below
  }
  throw new AssumeMfaError("CONFIG_MALFORMED", `${MARK_VARIABLE} is not what assume-mfa sets it to`, {
    hint: `unset ${MARK_VARIABLE}`,
  });
}
