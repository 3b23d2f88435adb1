// W3C's profile of ISO 8601 (https://www.w3.org/TR/NOTE-datetime), or seconds since 1970. IAM stores times without a
// zone, with hours only in the zone, with a small t, or with an hour of one digit too (recorded answers of
// CreatePolicy): read here as UTC and as what they seem to say.
const W3C_DATE =
  /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[Tt](\d{1,2}):(\d\d)(?::(\d\d)(\.\d{1,9})?)?(?:Z|([+-]\d\d)(?::?(\d\d))?)?)?)?)?$/;
const EPOCH_SECONDS = /^(?:\d{1,3}|\d{5,12})$/;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * A date as the Date operators read it. Four digits are a year; any other number is seconds since 1970.
 * @returns whole milliseconds since 1970, to which AWS compares; undefined when it is no date
 */
export function parsePolicyDate(text: string): number | undefined {
  if (EPOCH_SECONDS.test(text)) return Number(text) * 1000;
  const match = W3C_DATE.exec(text);
  if (match === null) return undefined;
  const [, year, month = "01", day = "01", hour = "0", minute = "0", second = "0", fraction = "0"] = match;
  const [zoneHours = "+0", zoneMinutes = "0"] = match.slice(8);
  const midnight = new Date(`${year}-${month}-${day}T00:00:00Z`);
  // Date carries over: 30 February becomes 1 March.
  if (midnight.getUTCDate() !== Number(day)) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const timeMs =
    Number(hour) * HOUR_MS + Number(minute) * MINUTE_MS + Math.floor((Number(second) + Number(fraction)) * 1000);
  const zoneMs = Number(zoneHours) * HOUR_MS + Number(`${zoneHours[0]}${zoneMinutes}`) * MINUTE_MS;
  return midnight.getTime() + timeMs - zoneMs;
}
