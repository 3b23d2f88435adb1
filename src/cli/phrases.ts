/**
 * A moment for people, by the local clock, and what is left: `14:05 (59 min left)`, with the date where it is another day.
 * Both in milliseconds since 1970.
 */
export function formatExpiry(expiration: number, now: number): string {
  return `${formatMoment(expiration, now)} (${formatSpan(expiration - now)} left)`;
}

/** The moment alone: `14:05`, `2026-11-24 14:05`. */
export function formatMoment(moment: number, now: number): string {
  const at = new Date(moment);
  const time = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const day = at.toDateString() === new Date(now).toDateString() ? "" : `${at.toLocaleDateString("sv-SE")} `;
  return `${day}${time}`;
}

/** A span for people, in its two largest units at most: `3 d`, `2 h 5 min`, `59 min`, `12 s`. */
export function formatSpan(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d`;
}

export function formatCount(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : nouns}`;
}

/** Bytes for people: `512 B`, `1.5 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
