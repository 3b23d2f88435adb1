/** AWS's clock, as the Date header of its answers tells it; this machine's may be wrong. */
export interface ServerClock {
  /** This machine's clock, milliseconds since 1970. */
  now(): number;
  /** AWS's clock less this machine's, milliseconds; undefined: nothing is known of it. */
  offsetMs(): number | undefined;
  /** AWS's, as far as it is known: what things have left or how old they are is told by it. */
  awsNow(): number;
  /**
   * For one client: the same clock, but told by the answers that this client gets, once there is one. All that is heard
   * counts for the others too, as is all that is blamed; nothing that another endpoint says is taken for this one's time.
   */
  ofClient(): ServerClock;
  /** What an answer said. What is no date, or none that AWS can have, is not listened to. */
  hear(answer: DatedAnswer): void;
  /** What an earlier run measured: counts until an answer is heard. */
  suppose(offsetMs: number): void;
  /** AWS refused a request for when it was signed. */
  blame(): void;
  /**
   * @returns the offset when a request was refused for it, once; undefined otherwise, and where the clock is right by now
   */
  takeBlame(): number | undefined;
}

/** An answer's Date header and, by this machine's clock, when its request left and when it was there. */
export interface DatedAnswer {
  readonly date: string | undefined;
  readonly sentAt: number;
  readonly receivedAt: number;
}

/**
 * Each answer bounds the offset from both sides: it was dated, to the second before, at some time between the request
 * and the answer. Where several agree, the bounds are those of all; where one does not, a clock was set, and it alone
 * counts. The middle is taken, or 0 where a right clock fits as well.
 * @param now this machine's clock, milliseconds since 1970
 */
export function makeServerClock(now: () => number): ServerClock {
  let bounds: Bounds | undefined;
  let supposed: number | undefined;
  let isBlamed = false;
  const offsetMs = () => (bounds === undefined ? supposed : middleOf(bounds));
  const clock: ServerClock = {
    now,
    offsetMs,
    awsNow: () => now() + (offsetMs() ?? 0),
    ofClient() {
      let own: Bounds | undefined;
      const ownOffsetMs = () => (own === undefined ? offsetMs() : middleOf(narrowed(bounds, own)));
      const ofClient: ServerClock = {
        ...clock,
        offsetMs: ownOffsetMs,
        awsNow: () => now() + (ownOffsetMs() ?? 0),
        ofClient: () => ofClient,
        hear(answer) {
          const heard = boundsOf(answer);
          if (heard !== undefined) own = narrowed(own, heard);
          clock.hear(answer);
        },
      };
      return ofClient;
    },
    hear(answer) {
      const heard = boundsOf(answer);
      if (heard !== undefined) bounds = narrowed(bounds, heard);
    },
    suppose(offset) {
      supposed = offset;
    },
    blame() {
      isBlamed = true;
    },
    takeBlame() {
      const blamed = isBlamed ? offsetMs() : undefined;
      isBlamed = false;
      return isNotableSkew(blamed) ? blamed : undefined;
    },
  };
  return clock;
}

/** Between these lies the offset, milliseconds. */
interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** RFC 9110, "Date/Time Formats": what a server has to send. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
/** A Date header says whole seconds. */
const GRAIN_MS = 1_000;
/** Whoever dates an answer before this program was there is not AWS. */
const EARLIEST_MS = Date.UTC(2020, 0, 1);

function boundsOf({ date, sentAt, receivedAt }: DatedAnswer): Bounds | undefined {
  // A clock that was set back in between tells nothing.
  if (date === undefined || !HTTP_DATE.test(date) || receivedAt < sentAt) return undefined;
  const dated = Date.parse(date);
  if (Number.isNaN(dated) || dated < EARLIEST_MS) return undefined;
  return { least: dated - receivedAt, most: dated + GRAIN_MS - sentAt };
}

function narrowed(before: Bounds | undefined, heard: Bounds): Bounds {
  if (before === undefined) return heard;
  const both = { least: Math.max(before.least, heard.least), most: Math.min(before.most, heard.most) };
  return both.least <= both.most ? both : heard;
}

function middleOf({ least, most }: Bounds): number {
  return least <= 0 && most >= 0 ? 0 : Math.round((least + most) / 2);
}

/** @returns of `20261124T100000Z`, as SigV4 writes it, milliseconds since 1970; NaN for anything else */
export function parseAmzDate(text = ""): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}

/** Less than this is no reason for anything that fails: a code is taken for longer, and a signature too. */
const NOTABLE_SKEW_MS = 30_000;

/** @returns whether a clock is so wrong that it can be why a code or a signature is refused; false when not known */
export function isNotableSkew(offsetMs: number | undefined): offsetMs is number {
  return offsetMs !== undefined && Math.abs(offsetMs) > NOTABLE_SKEW_MS;
}

/**
 * Completes `this computer's clock is …`: `1 h 2 min behind AWS's`, `40 s ahead of AWS's`.
 * @param offsetMs AWS's clock less this machine's
 */
export function formatSkew(offsetMs: number): string {
  return `${formatSize(Math.abs(offsetMs))} ${offsetMs > 0 ? "behind" : "ahead of"} AWS's`;
}

/** In two units at most, and in whole minutes from five on: it is known to the second at best. */
function formatSize(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 300) return joined(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return joined(Math.floor(minutes / 60), "h", minutes % 60, "min");
  return joined(Math.floor(minutes / 1_440), "d", Math.floor((minutes % 1_440) / 60), "h");
}

function joined(many: number, unit: string, few: number, smallUnit: string): string {
  return few === 0 ? `${many} ${unit}` : `${many} ${unit} ${few} ${smallUnit}`;
}
