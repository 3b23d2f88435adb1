import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BoundedHttpHandler } from "../../src/aws/bounded-http-handler.ts";
import { withVariables } from "../../src/session/sdk-settings.ts";
import { abortedBy } from "../../src/session/sso-handler.ts";
import { DEV_ROLE, openCliWorld, type Run } from "../support/cli-world.ts";

// What `aws sso login` and `aws login` left on the disk: what else lies there holds up nobody, and what renews a sign-in goes
// to the service that renews it, nowhere else.

const START = "https://example.awsapps.com/start";
const LOGIN = "arn:aws:iam::111122223333:user/alice";
const SECTIONS = `
[sso-session corp]
sso_start_url = ${START}
sso_region = us-east-1
[profile modern]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Administrator
[profile older]
sso_start_url = ${START}
sso_region = us-east-1
sso_account_id = 111122223333
sso_role_name = Administrator
[profile console]
login_session = ${LOGIN}
region = us-east-1
${["modern", "older", "console"].map((name) => `[profile by-${name}]\nrole_arn = ${DEV_ROLE}\nsource_profile = ${name}\nregion = us-east-1\n`).join("")}`;

const world = await openCliWorld();
const home = path.join(world.folder, "home-with-sign-ins");
const temporary = path.join(world.folder, "temporary");
const inCache = (algorithm: string, id: string, ...folder: string[]) =>
  path.join(home, ".aws", ...folder, "cache", `${createHash(algorithm).update(id).digest("hex")}.json`);
const FILES: Readonly<Record<string, string>> = {
  modern: inCache("sha1", "corp", "sso"),
  older: inCache("sha1", START, "sso"),
  console: inCache("sha256", LOGIN, "login"),
};

interface Place {
  readonly url: string;
  readonly asked: string[];
}
const servers: http.Server[] = [];
const [portal, renewal] = [await openPlace(), await openPlace()];

async function openPlace(): Promise<Place> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    if (request.url?.startsWith("/_assume-mfa/")) return response.writeHead(404).end();
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      asked.push(`${request.method} ${request.headers.host} ${Buffer.concat(chunks).toString("utf8")}`);
      response.setHeader("content-type", "application/json");
      if (request.method === "POST") return response.end(JSON.stringify({ accessToken: "renewed", expiresIn: 3600 }));
      // No credentials: who was asked is all that matters.
      return response.end(JSON.stringify({ roleCredentials: {} }));
    });
    return undefined;
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const TMPDIR_BEFORE = process.env.TMPDIR;
beforeAll(() => {
  for (const file of Object.values(FILES)) mkdirSync(path.dirname(file), { recursive: true });
  mkdirSync(temporary);
  process.env.TMPDIR = temporary;
});
afterAll(() => {
  if (TMPDIR_BEFORE === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR_BEFORE;
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});
beforeEach(() => {
  world.newCache();
  for (const { asked } of [portal, renewal]) asked.length = 0;
  for (const file of Object.values(FILES)) rmSync(file, { recursive: true, force: true });
});

function run(argv: string, env: Readonly<Record<string, string>> = {}): Promise<Run> {
  const all = {
    ...world.configWith(SECTIONS),
    ASSUME_MFA_SANDBOX: undefined,
    AWS_ENDPOINT_URL_SSO: portal.url,
    ...env,
  };
  return world.run(argv, { env: all, homeDirectory: home });
}

describe("where a sign-in should be", () => {
  const kinds: readonly [string, (file: string) => void, string][] = [
    ["a pipe that nobody writes into", (file) => execFileSync("mkfifo", [file]), "it is a pipe"],
    ["a folder", (file) => mkdirSync(file), "it is a folder"],
    ["a link", (file) => symlinkSync("/etc/hostname", file), "it is a symbolic link"],
    ["more than a sign-in can be", (file) => writeFileSync(file, Buffer.alloc(1024 * 1024 + 1, " ")), "it is larger"],
  ];
  const cases = kinds.flatMap(([what, make, why]) =>
    Object.keys(FILES).map((name) => [what, name, make, why] as const),
  );

  it.each(cases)(
    "%s is an error at once (%s)",
    async (_, name, make, why) => {
      const file = FILES[name] as string;
      make(file);
      const startedAt = performance.now();
      const refused = await run(`by-${name} login`);
      expect([refused.exitCode, refused.operations, portal.asked]).toEqual([3, [], []]);
      expect(refused.said).toContain(`the sign-in in ${file} is not used: ${why}`);
      expect(refused.said).toMatch(/hint: remove it, then aws (?:sso )?login --/);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    },
    10_000,
  );

  it.skipIf(process.getuid?.() !== 0)("another user's file is not used", async () => {
    const file = FILES.modern as string;
    writeFileSync(file, JSON.stringify({ accessToken: "x", expiresAt: "2099-01-01T00:00:00Z" }));
    chownSync(file, 12_345, 12_345);
    const refused = await run("by-modern login");
    expect([refused.exitCode, portal.asked]).toEqual([3, []]);
    expect(refused.said).toContain("it belongs to another user");
  });
});

describe("a sign-in that is about to end", () => {
  const clientSecret = world.addCanary(randomBytes(40).toString("hex"));
  const refreshToken = world.addCanary(randomBytes(40).toString("hex"));
  const signIn = (inMs: number) =>
    writeFileSync(
      FILES.modern as string,
      JSON.stringify({
        startUrl: START,
        region: "us-east-1",
        accessToken: "old",
        expiresAt: new Date(Date.now() + inMs).toISOString(),
        clientId: "id",
        clientSecret,
        refreshToken,
      }),
    );
  const methods = ({ asked }: Place) => asked.map((line) => line.split(" ", 1)[0]);

  it("is used as it is where only the portal has an address of its own: its secrets go nowhere", async () => {
    signIn(120_000);
    await run("by-modern login");
    expect([methods(portal), methods(renewal)]).toEqual([["GET"], []]);
  });

  it("is not renewed at an address that --endpoint-url gives", async () => {
    signIn(-1_000);
    const refused = await run(`by-modern login --endpoint-url ${renewal.url}`);
    expect([refused.exitCode, portal.asked, renewal.asked]).toEqual([4, [], []]);
  });

  it("and has ended is to be made again then", async () => {
    signIn(-1_000);
    const refused = await run("by-modern login");
    expect([refused.exitCode, portal.asked, renewal.asked]).toEqual([4, [], []]);
    expect(refused.said).toContain("the sign-in has expired");
    expect(refused.said).toContain("hint: aws sso login --sso-session corp");
  });

  it.each(["", "/base"])("is renewed at sso_oidc's own address%s, the portal asked at its own", async (base) => {
    // The SDK tries once in half a minute for each name.
    const name = `corp${base.length}`;
    const file = inCache("sha1", name, "sso");
    signIn(-1_000);
    execFileSync("mv", [FILES.modern as string, file]);
    const sections = SECTIONS.replaceAll("sso-session corp", `sso-session ${name}`).replace("= corp", `= ${name}`);
    await run("by-modern login", { ...world.configWith(sections), AWS_ENDPOINT_URL_SSO_OIDC: renewal.url + base });
    expect([methods(portal), methods(renewal)]).toEqual([["GET"], ["POST"]]);
    expect(renewal.asked[0]).toContain(` ${new URL(renewal.url).host} `);
    expect(renewal.asked[0]).toContain(refreshToken);
    rmSync(file);
  });

  it("is not renewed out of a sandbox", async () => {
    signIn(-1_000);
    const refused = await run("by-modern login", {
      AWS_ENDPOINT_URL_SSO: world.sandbox.endpoint,
      AWS_ENDPOINT_URL_SSO_OIDC: renewal.url,
      ASSUME_MFA_SANDBOX: String(world.env.ASSUME_MFA_SANDBOX),
    });
    expect([refused.exitCode, renewal.asked]).toEqual([3, []]);
    expect(refused.said).toContain(`sso_oidc is at ${renewal.url} (AWS_ENDPOINT_URL_SSO_OIDC)`);
  });
});

describe("the folder of a configuration for the SDK", () => {
  it("that a killed run left goes with the next sign-in, others' stay", async () => {
    const folders = ["aaaaaa", "bbbbbb", "toolong"].map((end) => path.join(temporary, `assume-mfa-source-${end}`));
    const link = path.join(temporary, "assume-mfa-source-cccccc");
    const elsewhere = path.join(world.folder, "elsewhere");
    for (const folder of [...folders, elsewhere]) {
      mkdirSync(folder);
      writeFileSync(path.join(folder, "config"), "");
    }
    symlinkSync(elsewhere, link);
    const longAgo = Date.now() / 1000 - 3_700;
    for (const folder of [folders[0], folders[2], elsewhere]) utimesSync(folder as string, longAgo, longAgo);
    writeFileSync(FILES.modern as string, JSON.stringify({ accessToken: "x", expiresAt: "2099-01-01T00:00:00Z" }));
    await run("by-modern login");
    expect(portal.asked).toHaveLength(1);
    expect(readdirSync(temporary).sort()).toEqual(
      ["bbbbbb", "cccccc", "toolong"].map((end) => `assume-mfa-source-${end}`),
    );
    expect(existsSync(path.join(elsewhere, "config"))).toBe(true);
  });
});

describe("variables of the process", () => {
  const read = () => process.env.ASSUME_MFA_TEST_HOME;

  it("are one work's until it ends, however late; who wants the same works beside it", async () => {
    const events: string[] = [];
    const work = (name: string, value: string | undefined, ms: number) =>
      withVariables({ ASSUME_MFA_TEST_HOME: value }, async () => {
        events.push(`${name} begins with ${read()}`);
        await sleep(ms);
        events.push(`${name} ends with ${read()}`);
      });
    process.env.ASSUME_MFA_TEST_HOME = "before";
    try {
      await Promise.all([work("a", "x", 60), work("b", "y", 10), work("c", "x", 120), work("d", undefined, 10)]);
      expect(read()).toBe("before");
    } finally {
      delete process.env.ASSUME_MFA_TEST_HOME;
    }
    expect(events).toEqual([
      ...["a begins with x", "c begins with x", "a ends with x", "c ends with x"],
      ...["b begins with y", "b ends with y", "d begins with undefined", "d ends with undefined"],
    ]);
  });

  it("are as before after work that fails, and the next goes on", async () => {
    await expect(
      withVariables({ ASSUME_MFA_TEST_HOME: "x" }, () => Promise.reject(new Error("it failed"))),
    ).rejects.toThrow("it failed");
    expect(read()).toBeUndefined();
    expect(await withVariables({ ASSUME_MFA_TEST_HOME: "y" }, async () => read())).toBe("y");
  });
});

describe("a request of the SDK", () => {
  it("ends with its time limit, and its connection with it", async () => {
    let isClosed = false;
    const silent = http.createServer((_, response) => response.on("close", () => (isClosed = true)));
    servers.push(silent);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const controller = new AbortController();
    const handler = abortedBy(new BoundedHttpHandler(), controller.signal);
    const { port } = silent.address() as AddressInfo;
    const request = {
      protocol: "http:",
      hostname: "127.0.0.1",
      port,
      method: "GET",
      path: "/",
      headers: {},
      query: {},
    };
    const asked = handler.handle(request as never);
    setTimeout(() => controller.abort(), 50);
    await expect(asked).rejects.toThrow();
    await sleep(50);
    expect(isClosed).toBe(true);
  });
});
