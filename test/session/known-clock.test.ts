import { describe, expect, it } from "vitest";
import { DIRECT_CONNECTION } from "../../src/aws/client-settings.ts";
import { makeServerClock } from "../../src/aws/server-clock.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import { withKnownClock } from "../../src/session/known-clock.ts";
import type { KeptSession } from "../../src/session/session-cache.ts";
import type { KeptSharedSession } from "../../src/session/shared-sessions.ts";
import { makeStsClient } from "../../src/session/sts-client.ts";
import { DEV, DEV_ROLE, SERIAL } from "../support/cli-world.ts";

const NOW = Date.UTC(2026, 10, 24, 12);
const HOUR_MS = 3_600_000;
const WRONG_MS = 20 * 60_000;
const OTHER_MS = 40 * 60_000;

function ofRole(agoMs: number, clockOffsetMs: number, stsEndpoint: string | null = null): KeptSession {
  return {
    inputs: { stsEndpoint },
    role: { arn: DEV_ROLE, partition: "aws", accountId: DEV, roleName: "PrivilegedActionsRole" },
    assumedRoleArn: `arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice`,
    obtainedAt: NOW - agoMs,
    expiration: NOW + HOUR_MS,
    clockOffsetMs,
  };
}

function ofDay(agoMs: number, clockOffsetMs: number, place = "aws"): KeptSharedSession {
  return {
    ...{ sourceAccessKeyId: "AKIAIOSFODNN7EXAMPLE", place, mfaSerial: SERIAL, accessKeyId: "ASIAIOSFODNN7EXAMPLE" },
    ...{ expiration: NOW + HOUR_MS, obtainedAt: NOW - agoMs, clockOffsetMs, keptIn: "file" },
  };
}

interface Kept {
  readonly roles?: readonly KeptSession[];
  readonly days?: readonly KeptSharedSession[];
}

/** @returns by how much the first call at that endpoint is signed otherwise, milliseconds */
async function signedBy({ roles = [], days = [] }: Kept, endpoint?: string, noCache = false, heardMs?: number) {
  const serverClock = makeServerClock(() => NOW);
  if (heardMs !== undefined) serverClock.suppose(heardMs);
  let looks = 0;
  const look = <T>(list: readonly T[]) => ({
    list() {
      looks += 1;
      return list;
    },
  });
  const ports = withKnownClock(
    {
      host: { now: () => NOW },
      cache: look(roles),
      shared: look(days),
      serverClock,
      loadStsClient: async (settings: Parameters<typeof makeStsClient>[0]) => makeStsClient(settings),
    },
    { noCache },
  );
  expect(looks).toBe(0);
  const client = await ports.loadStsClient({
    region: "eu-central-1",
    endpoint,
    credentials: new Credentials({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "a-secret" }),
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    connection: DIRECT_CONNECTION,
    maxAttempts: 1,
  });
  client.close();
  if (noCache || heardMs !== undefined) expect(looks).toBe(0);
  return serverClock.offsetMs();
}

describe("what an earlier run learnt of the clock", () => {
  it.each<[string, Kept, string | undefined, number | undefined]>([
    ["a role's session", { roles: [ofRole(HOUR_MS, WRONG_MS)] }, undefined, WRONG_MS],
    ["a session of the day", { days: [ofDay(HOUR_MS, WRONG_MS)] }, undefined, WRONG_MS],
    [
      "the newest",
      { roles: [ofRole(3, OTHER_MS), ofRole(2, WRONG_MS)], days: [ofDay(9, OTHER_MS)] },
      undefined,
      WRONG_MS,
    ],
    ["AWS by another name", { roles: [ofRole(1, WRONG_MS)] }, "https://sts.us-east-1.amazonaws.com", WRONG_MS],
    ["this machine", { roles: [ofRole(1, WRONG_MS, "http://127.0.0.1:9/")] }, "http://localhost:9", WRONG_MS],
  ])("counts by %s", async (_, kept, endpoint, offsetMs) => {
    expect(await signedBy(kept, endpoint)).toBe(offsetMs);
  });

  it.each<[string, Kept, string | undefined]>([
    ["where nothing is kept", {}, undefined],
    ["of another endpoint", { roles: [ofRole(1, WRONG_MS, "https://sts.example")] }, undefined],
    ["of a day at another place", { days: [ofDay(1, WRONG_MS, "https://sts.example")] }, undefined],
    ["of AWS elsewhere", { roles: [ofRole(1, WRONG_MS)], days: [ofDay(1, WRONG_MS)] }, "https://sts.example"],
    ["of a day ago", { roles: [ofRole(24 * HOUR_MS, WRONG_MS)] }, undefined],
    ["of the future: the clock was set", { roles: [ofRole(-1, WRONG_MS)] }, undefined],
    ["that is none", { roles: [ofRole(2, WRONG_MS), ofRole(1, 900)] }, undefined],
  ])("does not count %s", async (_, kept, endpoint) => {
    expect(await signedBy(kept, endpoint)).toBeUndefined();
  });

  it("is not looked for with --no-cache, nor where this run knows better", async () => {
    const kept = { roles: [ofRole(1, WRONG_MS)] };
    expect(await signedBy(kept, undefined, true)).toBeUndefined();
    expect(await signedBy(kept, undefined, false, OTHER_MS)).toBe(OTHER_MS);
  });
});
