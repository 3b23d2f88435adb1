/** STS API reference, AssumeRole, DurationSeconds; a role's own maximum and role chaining (1 h) lie lower. */
export const ASSUME_ROLE_MIN_SECONDS = 900;
export const ASSUME_ROLE_MAX_SECONDS = 43_200;

const DURATION = /^(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?$/;

/**
 * Reads what people type for a duration: `1h`, `45m`, `1h30m`, `90s`, `3600` (seconds).
 * @returns whole seconds, 0 included; undefined when the text is none (a sign, a fraction, blanks, units out of order).
 *   The range is the caller's to check
 */
export function parseDuration(text: string): number | undefined {
  if (text === "" || text.length > 32) return undefined;
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  const [, hours, minutes, seconds] = match;
  // `1h30` reads as 1 h 30 s to us and as an hour and a half to most people: refused.
  if (seconds !== undefined && (hours ?? minutes) !== undefined && !text.endsWith("s")) return undefined;
  return Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0);
}
