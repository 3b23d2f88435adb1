import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { main } from "../../src/main.ts";
import { DEV, DEV_ROLE, SERIAL } from "../support/cli-world.ts";
import { type FakeHost, makeFakeHost } from "../support/fake-host.ts";

// ACCEPTANCE.md M1 and M2, by the real program: what it makes of an answer's Expiration and Date, keeps, and takes or
// renews later, with a clock that is right or wrong. STS is a server of this file, which writes both as a cell wants
// them; the machine's clock stands still where the cell wants it.

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Half a second is what a Date header leaves open: here it is exactly as guessed. */
const START_MS = Date.UTC(2026, 10, 24, 12) + 500;

/** How an Expiration is written. */
const SPELLINGS = {
  "with Z": (at: number) => new Date(at).toISOString().replace(/\.\d+Z$/, "Z"),
  "at +05:30": (at: number) => new Date(at + 330 * MINUTE_MS).toISOString().replace(/\.\d+Z$/, "+05:30"),
  "with a fraction": (at: number) => new Date(at).toISOString(),
  "not at all": () => undefined,
} as const;
type Spelling = keyof typeof SPELLINGS;

let server: Server;
let folder: string;
let env: Record<string, string>;
/** AWS's time. */
let awsMs = START_MS;
let lifeMs = HOUR_MS;
let spelling: Spelling = "with Z";
/** What an answer holds in place of the parts of a session. */
let odd: Readonly<Record<string, string>> = {};
let operations: string[] = [];
let caches = 0;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "assume-mfa-test-"));
  server = createServer((request, response) => {
    let form = "";
    request.on("data", (chunk: Buffer) => {
      form += chunk;
    });
    request.on("end", () => {
      const operation = new URLSearchParams(form).get("Action");
      if (operation === null) {
        response.writeHead(404).end();
        return;
      }
      operations.push(operation);
      response.setHeader("Date", new Date(awsMs).toUTCString());
      response.writeHead(200, { "content-type": "text/xml" }).end(answerTo(operation));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const config = path.join(folder, "config");
  writeFileSync(
    config,
    `[profile parent]\nregion = us-east-1\n[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = us-east-1\n`,
  );
  const credentials = path.join(folder, "credentials");
  writeFileSync(
    credentials,
    "[parent]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = a-secret-of-this-test\n",
  );
  env = {
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: credentials,
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  awsMs = START_MS;
  lifeMs = HOUR_MS;
  spelling = "with Z";
  odd = {};
  newCache();
});

function answerTo(operation: string): string {
  if (operation === "GetCallerIdentity") {
    return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/alice</Arn><UserId>AIDA</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`;
  }
  const expiration = SPELLINGS[spelling](awsMs + lifeMs);
  const parts = {
    AccessKeyId: "ASIAIOSFODNN7EXAMPLE",
    SecretAccessKey: "a-secret-of-a-role",
    SessionToken: "a-token-of-a-role",
    ...(expiration === undefined ? {} : { Expiration: expiration }),
    ...odd,
  };
  const texts = Object.entries(parts).map(([name, text]) => `<${name}>${text}</${name}>`);
  const session = `<Credentials>${texts.join("")}</Credentials>`;
  const user = `<AssumedRoleUser><AssumedRoleId>AROA:alice</AssumedRoleId><Arn>arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice</Arn></AssumedRoleUser>`;
  const result = `<${operation}Result>${session}${operation === "AssumeRole" ? user : ""}</${operation}Result>`;
  return `<${operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</${operation}Response>`;
}

function newCache(): void {
  caches += 1;
  env = { ...env, XDG_CACHE_HOME: path.join(folder, `cache-${caches}`) };
}

let codes = 100_000;

interface Outcome {
  readonly exitCode: number;
  readonly operations: readonly string[];
  readonly host: FakeHost;
}

/** @param skewMs this machine's clock less AWS's */
async function run(words: string, skewMs: number, more: Record<string, string> = {}): Promise<Outcome> {
  operations = [];
  const host = makeFakeHost({
    argv: words.split(" "),
    env: { ...env, ...more },
    homeDirectory: folder,
    now: () => awsMs + skewMs,
  });
  const exitCode = await main(host);
  return { exitCode, operations: [...operations], host };
}

function login(skewMs: number, words = ""): Promise<Outcome> {
  codes += 1;
  return run(`dev login -t ${codes} -o json${words === "" ? "" : ` ${words}`}`, skewMs);
}

/** What `-o json` printed. */
function resultOf({ host }: Outcome): {
  readonly cached: boolean;
  readonly secondsLeft: number;
  readonly expiration: string;
} {
  return JSON.parse(host.out)[0].result;
}

const REMAINING: readonly (readonly [name: string, milliseconds: number])[] = [
  ["-1 s", -SECOND_MS],
  ["0 s", 0],
  ["1 s", SECOND_MS],
  ["4:59", 299 * SECOND_MS],
  ["5:00", 300 * SECOND_MS],
  ["5:01", 301 * SECOND_MS],
  ["14:59", 899 * SECOND_MS],
  ["15:01", 901 * SECOND_MS],
  ["1 h", HOUR_MS],
];
const SKEWS_MIN = [-60, -16, -5, 0, 5, 16, 60] as const;
/** What is left must be more than five minutes (CLI.md, `--min-ttl`). */
const SERVED: ReadonlySet<string> = new Set(["5:01", "14:59", "15:01", "1 h"]);

const CELLS = Object.keys(SPELLINGS).flatMap((written) =>
  SKEWS_MIN.flatMap((skewMin) =>
    REMAINING.map(([left, leftMs]) => ({ written: written as Spelling, skewMin, left, leftMs })),
  ),
);

describe("M1: a session whose end is written", () => {
  it("has 252 cells", () => {
    expect(CELLS).toHaveLength(252);
    expect(new Set(CELLS.map((cell) => JSON.stringify(cell))).size).toBe(252);
  });

  it.each(CELLS.filter(({ written }) => written !== "not at all"))(
    "$written, with a clock $skewMin min off and $left left",
    async ({ written, skewMin, left, leftMs }) => {
      const skewMs = skewMin * MINUTE_MS;
      spelling = written;
      const first = await login(skewMs);
      expect(first).toMatchObject({ exitCode: 0, operations: ["GetCallerIdentity", "AssumeRole"] });
      const ends = START_MS + HOUR_MS;
      // Whole seconds where no fraction is written.
      const writtenEnds = written === "with a fraction" ? ends : ends - 500;
      expect(resultOf(first)).toMatchObject({ cached: false, expiration: new Date(writtenEnds).toISOString() });
      expect(resultOf(first).secondsLeft).toBe(Math.floor((writtenEnds - START_MS) / SECOND_MS));

      awsMs = writtenEnds - leftMs;
      const isServed = SERVED.has(left);
      const listed = await run("dev status -o json", skewMs);
      expect(JSON.parse(listed.host.out)).toMatchObject([
        leftMs > 0 ? { current: isServed, secondsLeft: leftMs / SECOND_MS } : { current: false, expiration: null },
      ]);
      expect(listed.operations).toEqual([]);
      expect((await run("status --check", skewMs)).exitCode).toBe(isServed ? 0 : 1);
      const targets = JSON.parse((await run("targets -o json", skewMs)).host.out);
      expect(targets).toMatchObject([{ target: "dev", secondsLeft: isServed ? leftMs / SECOND_MS : 0 }]);

      const second = await login(skewMs);
      expect(second.exitCode).toBe(0);
      expect(second.operations).toEqual(isServed ? [] : ["AssumeRole"]);
      const { cached, secondsLeft } = resultOf(second);
      expect(cached).toBe(isServed);
      if (isServed) expect(secondsLeft).toBe(leftMs / SECOND_MS);
      else expect(secondsLeft).toBeGreaterThanOrEqual(3_599);
      expect(second.host.err).not.toMatch(/clock/);
    },
  );

  it.each(CELLS.filter(({ written }) => written === "not at all"))(
    "$written, with a clock $skewMin min off and $left left: no session, nothing kept, the next run calls again",
    async ({ skewMin, leftMs }) => {
      const skewMs = skewMin * MINUTE_MS;
      spelling = "not at all";
      const first = await login(skewMs);
      expect(first).toMatchObject({ exitCode: 1, operations: ["GetCallerIdentity", "AssumeRole"] });
      expect(JSON.parse(first.host.out)).toMatchObject([{ error: { code: "REPLY_LOST" } }]);
      expect(sessionFiles()).toEqual([]);
      awsMs = START_MS + HOUR_MS - leftMs;
      spelling = "with Z";
      const second = await login(skewMs);
      expect(second).toMatchObject({ exitCode: 0, operations: ["AssumeRole"] });
      expect(resultOf(second).cached).toBe(false);
    },
  );
});

function sessionFiles(): string[] {
  try {
    return readdirSync(path.join(env.XDG_CACHE_HOME ?? "", "assume-mfa", "sessions"));
  } catch {
    return [];
  }
}

describe("M2: what a run wants to be left", () => {
  /** What is served with so much left, of a session of this life. */
  async function isServed(life: number, leftMs: number, words: string, variables: Record<string, string> = {}) {
    lifeMs = life;
    expect((await login(0, words)).exitCode).toBe(0);
    awsMs += life - leftMs - 500;
    codes += 1;
    const second = await run(`dev login -t ${codes} -o json${words === "" ? "" : ` ${words}`}`, 0, variables);
    expect(second.exitCode).toBe(0);
    expect(second.operations).toEqual(resultOf(second).cached ? [] : ["AssumeRole"]);
    return resultOf(second).cached;
  }

  it.each<[string, number, string, Record<string, string>, number]>([
    ["5 min where nothing is said", HOUR_MS, "", {}, 5 * MINUTE_MS],
    ["--min-ttl", HOUR_MS, "--min-ttl 15m", {}, 15 * MINUTE_MS],
    ["ASSUME_MFA_MIN_TTL", HOUR_MS, "", { ASSUME_MFA_MIN_TTL: "10m" }, 10 * MINUTE_MS],
    ["--min-ttl over ASSUME_MFA_MIN_TTL", HOUR_MS, "--min-ttl 2m", { ASSUME_MFA_MIN_TTL: "10m" }, 2 * MINUTE_MS],
    ["never over a third of its life", HOUR_MS, "--min-ttl 45m", {}, 20 * MINUTE_MS],
    ["never over a third of the shortest", 900 * SECOND_MS, "", {}, 5 * MINUTE_MS],
    ["never over a third of the shortest, whatever is asked", 900 * SECOND_MS, "--min-ttl 12h", {}, 5 * MINUTE_MS],
    ["of the longest", 12 * HOUR_MS, "--min-ttl 3h", {}, 3 * HOUR_MS],
  ])("%s", async (_what, life, words, variables, windowMs) => {
    expect(await isServed(life, windowMs + SECOND_MS, words, variables)).toBe(true);
    newCache();
    awsMs = START_MS;
    expect(await isServed(life, windowMs - SECOND_MS, words, variables)).toBe(false);
  });

  it.each(SKEWS_MIN)(
    "a session of 900 s serves the next run, with a clock %i min off: no code after code",
    async (skewMin) => {
      const skewMs = skewMin * MINUTE_MS;
      lifeMs = 900 * SECOND_MS;
      for (const words of ["", "--min-ttl 15m", "--min-ttl 12h"]) {
        newCache();
        await login(skewMs, words);
        for (let nth = 0; nth < 3; nth += 1) {
          awsMs += 60 * SECOND_MS;
          expect((await login(skewMs, words)).operations).toEqual([]);
        }
      }
    },
  );
});

describe("a clock that was wrong and is set", () => {
  it("is measured anew with the next session", async () => {
    await login(60 * MINUTE_MS);
    awsMs += 10 * MINUTE_MS;
    const renewed = await login(0, "--refresh");
    expect(renewed.operations).toEqual(["AssumeRole"]);
    expect(resultOf(renewed).secondsLeft).toBe(3_599);
    awsMs += 54 * MINUTE_MS;
    expect(resultOf(await login(0))).toMatchObject({ cached: true });
    awsMs += 2 * MINUTE_MS;
    expect(resultOf(await login(0))).toMatchObject({ cached: false });
  });
});

describe("an answer that is no session of AWS's", () => {
  /** Of a role, and of the day. */
  const CALLS = { AssumeRole: "dev login", GetSessionToken: "login --source-profile parent" } as const;
  const LONGEST = { AssumeRole: 13 * HOUR_MS, GetSessionToken: 37 * HOUR_MS } as const;
  const OPERATIONS = ["AssumeRole", "GetSessionToken"] as const;
  const ODD = {
    "that ends in the year 9999": { Expiration: "9999-12-31T23:59:59Z" },
    "that ends ten years from now": { Expiration: "2036-11-24T12:00:00Z" },
    "whose secret has a blank": { SecretAccessKey: "a secret" },
    "whose secret has a line's end": { SecretAccessKey: "a-secret&#10;of-a-role" },
    "whose key id is no ASCII": { AccessKeyId: "ASIAÌOSFODNN7EXAMPLE" },
    "whose token has a control character": { SessionToken: "a-token&#27;[31mof-a-role" },
  } as const;

  it.each(OPERATIONS.flatMap((operation) => Object.keys(ODD).map((what) => [operation, what] as const)))(
    "%s: one %s is a lost reply, which is neither used nor kept",
    async (operation, what) => {
      odd = ODD[what as keyof typeof ODD];
      codes += 1;
      const { exitCode, operations: called, host } = await run(`${CALLS[operation]} -t ${codes} -o json`, 0);
      expect(exitCode).toBe(1);
      expect(called.filter((each) => each !== "GetCallerIdentity")).toEqual([operation]);
      const printed = JSON.parse(host.out);
      const [{ error }] = Array.isArray(printed) ? printed : [printed];
      expect(error.code).toBe("REPLY_LOST");
      expect(error.message).toMatch(new RegExp(`^${operation}'s answer (holds no complete credentials|is no session)`));
      expect(error.hint).toMatch(/the token code may be used up/);
      expect(host.out + host.err).not.toMatch(/a[- ]secret|a-token/);
      expect(keptFiles()).toEqual([]);
    },
  );

  it.each(OPERATIONS)("%s: one that is as long as clocks that differ can make it is kept", async (operation) => {
    for (const [life, status] of [
      [LONGEST[operation] - 2_000, 0],
      [LONGEST[operation] + 2_000, 1],
    ] as const) {
      newCache();
      lifeMs = life;
      codes += 1;
      expect((await run(`${CALLS[operation]} -t ${codes}`, 0)).exitCode).toBe(status);
      expect(keptFiles()).toHaveLength(status === 0 ? 1 : 0);
    }
  });

  function keptFiles(): string[] {
    return readdirSync(env.XDG_CACHE_HOME as string, { recursive: true, encoding: "utf8" }).filter((name) =>
      /(?:sessions|shared)\/.+/.test(name),
    );
  }
});
