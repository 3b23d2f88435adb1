// W3C's profile of ISO 8601 (https://www.w3.org/TR/NOTE-datetime), or seconds since 1970.
const W3C_DATE = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?)?$/;
const EPOCH_SECONDS = /^(?:\d{1,3}|\d{5,13})$/;

/**
 * A date as the Date operators read it. Four digits are a year; any other number is seconds since 1970.
 * @returns milliseconds since 1970; undefined when it is no date
 */
export function parsePolicyDate(text: string): number | undefined {
  if (EPOCH_SECONDS.test(text)) return Number(text) * 1000;
  const match = W3C_DATE.exec(text);
  if (match === null) return undefined;
  const [, year, month = "01", day = "01", hour = "00", minute = "00", second = "00", fraction = "", zone = "Z"] =
    match;
  // Date reads 30 February as 1 March.
  const midnight = new Date(`${year}-${month}-${day}T00:00:00Z`);
  if (midnight.getUTCDate() !== Number(day)) return undefined;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction.slice(0, 4)}${zone}`);
  return Number.isNaN(time) ? undefined : time;
}

export function isPolicyDate(text: string): boolean {
  return parsePolicyDate(text) !== undefined;
}
