import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { chooseRoute, formatSeconds, type Route, type RouteFacts } from "../../src/session/route.ts";
import type { Origin, SessionMode, Sourced } from "../../src/target/target.ts";

const AT: Origin = { kind: "file", path: "/home/alice/.aws/config", line: 7, profile: "dev" };
const DEFAULT: Origin = { kind: "default", reason: "the default" };

function factsOf(more: Partial<RouteFacts> = {}): RouteFacts {
  return {
    targetName: "dev",
    signer: { kind: "user", label: 'profile "parent"' },
    mfaRequired: { value: true, origin: DEFAULT },
    mode: { value: "auto", origin: DEFAULT },
    durationSeconds: undefined,
    hasShared: false,
    isOneOfSeveral: false,
    refusesShared: false,
    ...more,
  };
}

function seconds(value: number, origin: Origin = AT): Sourced<number> {
  return { value, origin };
}

function mode(value: SessionMode, origin: Origin = AT): Sourced<SessionMode> {
  return { value, origin };
}

type Expected = readonly [kind: Route["kind"], opensShared: boolean, isToBeSaid: boolean, reason: RegExp];

const LIVE = { hasShared: true };
const SEVERAL = { isOneOfSeveral: true };
const LONG = { durationSeconds: seconds(43_200) };

describe("the route", () => {
  it.each<[string, Partial<RouteFacts>, Expected]>([
    // Nothing that could serve in a code's place.
    ["auto, alone", {}, ["direct", false, false, /no shared session is live.*assume-mfa login/]],
    ["auto, an hour", { durationSeconds: seconds(3600) }, ["direct", false, false, /no shared session/]],
    ["auto, 12 h, alone", LONG, ["direct", false, false, /config:7 asks for 12 h/]],
    // A shared session is live.
    ["auto, live", LIVE, ["shared", false, false, /a shared session is live/]],
    ["auto, live, an hour", { ...LIVE, durationSeconds: seconds(3600) }, ["shared", false, false, /is live/]],
    ["auto, live, a second more", { ...LIVE, durationSeconds: seconds(3601) }, ["direct", false, true, /3601 s/]],
    ["auto, live, 12 h", { ...LIVE, ...LONG }, ["direct", false, true, /lasts 1 h at most/]],
    ["auto, live, refused before", { ...LIVE, refusesShared: true }, ["direct", false, true, /refused .* before/]],
    // Several targets.
    ["auto, several", SEVERAL, ["shared", true, false, /one code serves several/]],
    ["auto, several, live", { ...SEVERAL, ...LIVE }, ["shared", false, false, /is live/]],
    ["auto, several, 12 h", { ...SEVERAL, ...LONG }, ["direct", false, true, /lasts 1 h at most/]],
    ["auto, several, refused before", { ...SEVERAL, refusesShared: true }, ["direct", false, false, /refused/]],
    // The user's word.
    [
      "direct, live",
      { ...LIVE, mode: mode("direct") },
      ["direct", false, false, /assume_mfa_session = direct.*config:7/],
    ],
    [
      "--direct, live, several",
      { ...LIVE, ...SEVERAL, mode: mode("direct", { kind: "option", option: "--direct" }) },
      ["direct", false, false, /^--direct$/],
    ],
    ["direct, 12 h", { ...LONG, mode: mode("direct") }, ["direct", false, false, /direct/]],
    ["shared", { mode: mode("shared") }, ["shared", true, false, /assume_mfa_session = shared/]],
    ["shared, live", { ...LIVE, mode: mode("shared") }, ["shared", false, false, /is live/]],
    [
      "shared, refused before",
      { ...LIVE, refusesShared: true, mode: mode("shared") },
      ["shared", false, false, /live/],
    ],
    // No code can be presented, or none is needed.
    [
      "a session signs",
      { ...LIVE, ...SEVERAL, signer: { kind: "session", label: "the environment" } },
      ["plain", false, false, /the environment is a session/],
    ],
    [
      "a session signs, 12 h: AWS tells",
      { ...LONG, signer: { kind: "session", label: "the environment" } },
      ["plain", false, false, /is a session/],
    ],
    [
      "a role's session signs",
      { mode: mode("shared"), signer: { kind: "role session", label: "the role of jump" } },
      ["plain", false, false, /the role of jump signs/],
    ],
    [
      "no code needed",
      { ...LIVE, ...LONG, mfaRequired: { value: false, origin: AT } },
      ["plain", false, false, /assume_mfa_required is false/],
    ],
  ])("%s", (_, facts, [kind, opensShared, isToBeSaid, reason]) => {
    const route = chooseRoute(factsOf(facts));
    expect([route.kind, route.opensShared, route.isToBeSaid]).toEqual([kind, opensShared, isToBeSaid]);
    expect(route.reason).toMatch(reason);
    expect(route.durationSeconds).toBe(facts.durationSeconds?.value ?? 3600);
    expect(route.durationReason).toMatch(facts.durationSeconds === undefined ? /default/ : /config:7/);
  });

  it.each<[string, Partial<RouteFacts>, RegExp, RegExp]>([
    ["shared, 12 h", { mode: mode("shared"), ...LONG }, /to be shared .*config:7/, /lower .*config:7.* --direct/],
    ["shared, live, 3601 s", { ...LIVE, mode: mode("shared"), durationSeconds: seconds(3601) }, /3601 s/, /--direct/],
    [
      "a role's session signs, 12 h",
      { signer: { kind: "role session", label: "the role of jump" }, ...LONG },
      /the role of jump signs.*1 h at most/,
      /--source-profile/,
    ],
  ])("%s is refused, never shortened", (_, facts, message, hint) => {
    let thrown: unknown;
    try {
      chooseRoute(factsOf(facts));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(AssumeMfaError);
    const error = thrown as AssumeMfaError;
    expect([error.code, error.exitCode]).toEqual(["SESSION_SETTING_REFUSED", 3]);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
    expect(error.details).toMatchObject({ maximumSeconds: 3600 });
  });

  it("never takes a shared session for more than an hour, whatever the rest", () => {
    const booleans = [false, true];
    let routes = 0;
    for (const hasShared of booleans)
      for (const isOneOfSeveral of booleans)
        for (const refusesShared of booleans)
          for (const value of ["auto", "direct", "shared"] as const)
            for (const kind of ["user", "session", "role session"] as const)
              for (const wanted of [undefined, 900, 3600, 3601, 43_200]) {
                const durationSeconds = wanted === undefined ? undefined : seconds(wanted);
                const signer = { kind, label: "x" };
                const facts = { hasShared, isOneOfSeveral, refusesShared, mode: mode(value), signer, durationSeconds };
                try {
                  const route = chooseRoute(factsOf(facts));
                  routes += 1;
                  if ((wanted ?? 0) > 3600) expect(route.kind).not.toBe("shared");
                  if (route.kind !== "shared") expect(route.opensShared).toBe(false);
                  expect(route.durationSeconds).toBe(wanted ?? 3600);
                } catch (error) {
                  if (!(error instanceof AssumeMfaError)) throw error;
                  expect(wanted).toBeGreaterThan(3600);
                }
              }
    expect(routes).toBeGreaterThan(250);
  });
});

describe("a duration for people", () => {
  it.each([
    [3600, "1 h"],
    [5400, "1 h 30 min"],
    [900, "15 min"],
    [901, "901 s"],
    [43_200, "12 h"],
  ])("%d s is %s", (value, shown) => {
    expect(formatSeconds(value)).toBe(shown);
  });
});
