import { AssumeMfaError } from "../errors.ts";
import { formatOrigin } from "../target/format-origin.ts";
import type { SessionMode, Sourced } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";

/** AssumeRole gives an hour unless it is asked for another time (STS API reference, DurationSeconds). */
export const DEFAULT_ROLE_SECONDS = 3600;
/** A role assumed with a session lasts an hour at most; AWS counts GetSessionToken's session as one (AWS.md, 3). */
export const CHAINED_ROLE_MAX_SECONDS = 3600;

/** All that the route depends on. */
export interface RouteFacts {
  /** For messages. */
  readonly targetName: string;
  /** Who signs: only an IAM user can present a code (AWS.md, "MFA rules"). `label`: for messages. */
  readonly signer: {
    readonly kind: "user" | "session" | "role session";
    readonly label: string;
    /** What it gives is seen once it was run, and counts as a session until then. */
    readonly isProgram?: boolean;
  };
  /** `assume_mfa_required` */
  readonly mfaRequired: Sourced<boolean>;
  readonly mode: Sourced<SessionMode>;
  /** What is asked for; undefined: AWS's default, an hour. */
  readonly durationSeconds: Sourced<number> | undefined;
  /** A shared session of the same device is live. */
  readonly hasShared: boolean;
  /** The run is over several targets: one code serves them all. */
  readonly isOneOfSeveral: boolean;
  /** It is known that the role refuses a shared session, and took a code of its own. */
  readonly refusesShared: boolean;
}

/** How a role session is come by. */
export interface Route {
  /**
   * `plain`: AssumeRole without a code. `direct`: AssumeRole with one. `shared`: AssumeRole by the shared session.
   */
  readonly kind: "plain" | "direct" | "shared";
  /** Completes `direct: …`. */
  readonly reason: string;
  /** True: a live shared session would have served but for something that is to be said before a code is asked for. */
  readonly isToBeSaid: boolean;
  /** `shared`: none is live, so one is opened with a code. */
  readonly opensShared: boolean;
  /** What the session will last. */
  readonly durationSeconds: number;
  /** Who or what decided that, for people. */
  readonly durationReason: string;
}

/**
 * Which way to the role (CLI.md, "Which route"). Pure.
 * @throws AssumeMfaError SESSION_SETTING_REFUSED for a duration that AWS gives on no way that is allowed: a session is
 *   never shortened in silence
 */
export function chooseRoute(facts: RouteFacts): Route {
  const { signer, mode, durationSeconds, hasShared, isOneOfSeveral, refusesShared } = facts;
  const wanted = durationSeconds?.value ?? DEFAULT_ROLE_SECONDS;
  const length = {
    durationSeconds: wanted,
    durationReason: durationSeconds === undefined ? "AWS's default" : formatOrigin(durationSeconds.origin),
  };
  const plain = (reason: string): Route => ({
    kind: "plain",
    reason,
    isToBeSaid: false,
    opensShared: false,
    ...length,
  });
  const direct = (reason: string, isToBeSaid = false): Route => ({
    kind: "direct",
    reason,
    isToBeSaid,
    opensShared: false,
    ...length,
  });
  const shared = (reason: string): Route => ({
    kind: "shared",
    reason,
    isToBeSaid: false,
    opensShared: !hasShared,
    ...length,
  });

  if (signer.kind === "role session") {
    refuseLongerThanAnHour(facts, `${signer.label} signs, and a role that a role's session assumes`);
    return plain(`${signer.label} signs, and a session can't present a code`);
  }
  if (signer.kind === "session") {
    const who = signer.isProgram === true ? `what ${signer.label} gives counts as` : `${signer.label} is`;
    return plain(`${who} a session, which can't present a code`);
  }
  if (!facts.mfaRequired.value) return plain("assume_mfa_required is false");
  if (mode.value === "direct") return direct(decidedBy(mode, "direct"));
  if (mode.value === "shared") {
    refuseLongerThanAnHour(
      facts,
      `the session is to be shared (${formatOrigin(mode.origin)}), and a role that a shared session assumes`,
    );
    return shared(hasShared ? "a shared session is live" : decidedBy(mode, "shared"));
  }
  if (refusesShared) return direct("this role refused a shared session before, and took a code of its own", hasShared);
  if (wanted > CHAINED_ROLE_MAX_SECONDS) {
    return direct(
      `${length.durationReason} asks for ${formatSeconds(wanted)}, and a role of a shared session lasts 1 h at most`,
      hasShared || isOneOfSeveral,
    );
  }
  if (hasShared) return shared("a shared session is live");
  if (isOneOfSeveral) return shared("one code serves several sessions");
  return direct("no shared session is live (assume-mfa login opens one)");
}

function decidedBy(mode: Sourced<SessionMode>, word: string): string {
  return mode.origin.kind === "option"
    ? mode.origin.option
    : `assume_mfa_session = ${word} (${formatOrigin(mode.origin)})`;
}

/** @param why completes `… lasts 1 h at most` */
function refuseLongerThanAnHour({ durationSeconds, targetName, mode }: RouteFacts, why: string): void {
  if (durationSeconds === undefined || durationSeconds.value <= CHAINED_ROLE_MAX_SECONDS) return;
  throw new AssumeMfaError(
    "SESSION_SETTING_REFUSED",
    `${shownName(targetName)} can't have ${formatSeconds(durationSeconds.value)}: ${why} lasts 1 h at most`,
    {
      hint:
        mode.value === "shared"
          ? `lower ${formatOrigin(durationSeconds.origin)} to 1h, or go --direct with a code of its own`
          : `lower ${formatOrigin(durationSeconds.origin)} to 1h, or let a user's own keys sign (--source-profile)`,
      details: { durationSeconds: durationSeconds.value, maximumSeconds: CHAINED_ROLE_MAX_SECONDS },
    },
  );
}

/** `12 h`, `1 h 30 min`, `901 s` */
export function formatSeconds(seconds: number): string {
  if (seconds % 60 !== 0) return `${seconds} s`;
  const hours = Math.floor(seconds / 3600);
  const minutes = (seconds % 3600) / 60;
  return [hours > 0 ? `${hours} h` : "", minutes > 0 ? `${minutes} min` : ""].filter(Boolean).join(" ");
}
