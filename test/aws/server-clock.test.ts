import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatSkew, isNotableSkew, makeServerClock } from "../../src/aws/server-clock.ts";

const NOON = Date.UTC(2026, 10, 24, 12);
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const httpDate = (milliseconds: number) => new Date(milliseconds).toUTCString();

/** What is heard of a server that is `offsetMs` ahead, when it dates its answer `afterMs` after the request left. */
function answer(offsetMs: number, { sentAt = NOON, afterMs = 0, roundTripMs = 0 } = {}) {
  return { date: httpDate(sentAt + afterMs + offsetMs), sentAt, receivedAt: sentAt + roundTripMs };
}

describe("AWS's clock", () => {
  it("is not known before anything was heard", () => {
    expect(makeServerClock(() => NOON).offsetMs()).toBeUndefined();
  });

  it.each<[string, number, Parameters<typeof answer>[1], number]>([
    ["by an answer that takes no time, half a second on: it says whole seconds", HOUR_MS, {}, HOUR_MS + 500],
    ["behind", -HOUR_MS, {}, -HOUR_MS + 500],
    ["between request and answer", HOUR_MS, { roundTripMs: 4_000, afterMs: 2_000 }, HOUR_MS + 500],
    ["by an answer that came late", HOUR_MS, { roundTripMs: 14_000, afterMs: 0 }, HOUR_MS - 7_000 + 500],
    ["as this machine's, where that fits too", 300, {}, 0],
    ["as this machine's, where that fits the time that it took", -3_000, { roundTripMs: 8_000, afterMs: 7_000 }, 0],
    ["of a machine that woke up in 1970", NOON, { sentAt: 5_000 }, NOON + 500],
  ])("is told %s", (_how, offsetMs, timing, expected) => {
    const clock = makeServerClock(() => NOON);
    clock.hear(answer(offsetMs, timing));
    expect(clock.offsetMs()).toBe(expected);
  });

  it("is told better by several answers than by each, whichever comes first", () => {
    for (const order of [0, 1]) {
      const clock = makeServerClock(() => NOON);
      const slow = answer(HOUR_MS, { roundTripMs: 14_000, afterMs: 13_000 });
      const quick = answer(HOUR_MS, { sentAt: NOON + 800, roundTripMs: 40, afterMs: 20 });
      for (const one of order === 0 ? [slow, quick] : [quick, slow]) clock.hear(one);
      // Dated at most 820 ms after the full second: at least an hour less 40 ms, at most an hour and 200 ms.
      expect(clock.offsetMs()).toBe(HOUR_MS + (-840 + 200) / 2);
    }
  });

  it("is told anew when a clock was set", () => {
    const clock = makeServerClock(() => NOON);
    clock.hear(answer(HOUR_MS));
    clock.hear(answer(0));
    expect(clock.offsetMs()).toBe(0);
    clock.hear(answer(-20 * MINUTE_MS));
    expect(clock.offsetMs()).toBe(-20 * MINUTE_MS + 500);
  });

  it.each([
    undefined,
    "",
    "soon",
    "2026-11-24T12:00:00Z",
    "Tue, 24 Nov 2026 12:00:00",
    "Tue, 24 Nov 2026 12:00:00 +0000",
    "Tue, 24 Nov 2026 12:00:00 GMT, Tue, 24 Nov 2026 12:00:00 GMT",
    "Tue, 24 Nov 2026 25:61:61 GMT",
    "Tue, 99 Nov 2026 12:00:00 GMT",
    "Tue, 24 Xyz 2026 12:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Tue, 31 Dec 2019 23:59:59 GMT",
    `${" ".repeat(100_000)}Tue, 24 Nov 2026 12:00:00 GMT`,
    "Tuesday, 24-Nov-26 12:00:00 GMT",
  ])("is not told by %j", (date) => {
    const clock = makeServerClock(() => NOON);
    clock.hear({ date, sentAt: NOON - HOUR_MS, receivedAt: NOON - HOUR_MS });
    expect(clock.offsetMs()).toBeUndefined();
    clock.hear(answer(HOUR_MS));
    clock.hear({ date, sentAt: NOON - HOUR_MS, receivedAt: NOON - HOUR_MS });
    expect(clock.offsetMs()).toBe(HOUR_MS + 500);
  });

  it("is not told by an answer that came before its request: this machine's was set meanwhile", () => {
    const clock = makeServerClock(() => NOON);
    clock.hear({ date: httpDate(NOON), sentAt: NOON, receivedAt: NOON - 1 });
    expect(clock.offsetMs()).toBeUndefined();
  });

  it("is what an earlier run measured, until an answer is heard", () => {
    const clock = makeServerClock(() => NOON);
    clock.suppose(HOUR_MS);
    expect(clock.offsetMs()).toBe(HOUR_MS);
    clock.hear(answer(0));
    expect(clock.offsetMs()).toBe(0);
    clock.suppose(HOUR_MS);
    expect(clock.offsetMs()).toBe(0);
  });

  it("is blamed once for each time that it was, and not before it is known", () => {
    const clock = makeServerClock(() => NOON);
    expect(clock.takeBlame()).toBeUndefined();
    clock.hear(answer(HOUR_MS));
    expect(clock.takeBlame()).toBeUndefined();
    clock.blame();
    clock.blame();
    expect(clock.takeBlame()).toBe(HOUR_MS + 500);
    expect(clock.takeBlame()).toBeUndefined();
  });

  it("of one client is told by the answers that it gets, whatever another's endpoint says meanwhile", () => {
    const clock = makeServerClock(() => NOON);
    const [one, other] = [clock.ofClient(), clock.ofClient()];
    expect(one.offsetMs()).toBeUndefined();
    one.hear(answer(0));
    other.hear(answer(5 * 365 * 24 * HOUR_MS));
    expect(one.offsetMs()).toBe(0);
    expect(one.awsNow()).toBe(NOON);
    expect(other.offsetMs()).toBe(5 * 365 * 24 * HOUR_MS + 500);
    one.hear(answer(0));
    expect(other.offsetMs()).toBe(5 * 365 * 24 * HOUR_MS + 500);
  });

  it("of one client is the other clients' until it gets an answer, and theirs make it more exact", () => {
    const clock = makeServerClock(() => NOON);
    const one = clock.ofClient();
    clock.suppose(20 * MINUTE_MS);
    expect(one.offsetMs()).toBe(20 * MINUTE_MS);
    clock.ofClient().hear(answer(HOUR_MS));
    expect(one.offsetMs()).toBe(HOUR_MS + 500);
    expect(clock.ofClient().offsetMs()).toBe(HOUR_MS + 500);
    one.hear(answer(HOUR_MS, { roundTripMs: 14_000, afterMs: 0 }));
    expect(one.offsetMs()).toBe(HOUR_MS + 500);
  });

  it("is blamed for all of them", () => {
    const clock = makeServerClock(() => NOON);
    const one = clock.ofClient();
    one.hear(answer(HOUR_MS));
    one.blame();
    expect(clock.takeBlame()).toBe(HOUR_MS + 500);
    expect(one.takeBlame()).toBeUndefined();
  });

  it("is never further off than an answer allows, whatever the offset and however long it took", () => {
    const times = fc.record({
      gapMs: fc.integer({ min: 0, max: 10_000 }),
      roundTripMs: fc.integer({ min: 0, max: 15_000 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: -400 * 24 * HOUR_MS, max: 400 * 24 * HOUR_MS }),
        fc.array(times, { minLength: 1, maxLength: 6 }),
        (offsetMs, answers) => {
          const clock = makeServerClock(() => NOON);
          let sentAt = NOON;
          let narrowest = Number.POSITIVE_INFINITY;
          for (const { gapMs, roundTripMs, share } of answers) {
            sentAt += gapMs;
            clock.hear(answer(offsetMs, { sentAt, roundTripMs, afterMs: Math.floor(roundTripMs * share) }));
            narrowest = Math.min(narrowest, roundTripMs + 1_000);
            // 0 is any place between the bounds, the middle half as far from both.
            expect(Math.abs((clock.offsetMs() ?? Number.NaN) - offsetMs)).toBeLessThanOrEqual(narrowest);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("how wrong a clock is, for people", () => {
  it.each([
    [1_000, "1 s behind AWS's"],
    [-40_400, "40 s ahead of AWS's"],
    [60_000, "1 min behind AWS's"],
    [90_000, "1 min 30 s behind AWS's"],
    [-299_000, "4 min 59 s ahead of AWS's"],
    [20 * MINUTE_MS - 480, "20 min behind AWS's"],
    [-20 * MINUTE_MS + 480, "20 min ahead of AWS's"],
    [HOUR_MS, "1 h behind AWS's"],
    [HOUR_MS - 400, "1 h behind AWS's"],
    [62 * MINUTE_MS, "1 h 2 min behind AWS's"],
    [-47 * HOUR_MS, "47 h ahead of AWS's"],
    [50 * HOUR_MS, "2 d 2 h behind AWS's"],
    [NOON, "20781 d 12 h behind AWS's"],
  ])("%i ms: %s", (offsetMs, words) => {
    expect(formatSkew(offsetMs)).toBe(words);
  });

  it("is worth telling from half a minute on", () => {
    expect([undefined, 0, 30_000, -30_000].map(isNotableSkew)).toEqual([false, false, false, false]);
    expect([30_001, -30_001].map(isNotableSkew)).toEqual([true, true]);
  });
});
