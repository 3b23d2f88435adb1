import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openCliWorld, SERIAL } from "../support/cli-world.ts";

// A hotel's sign-in page, a web server, another program: no code is sent to what is not STS.

const world = await openCliWorld();
let server: Server;
let url: string;
let bodies: string[] = [];
let answer: { status: number; headers?: Record<string, string>; body: string };

beforeEach(async () => {
  world.newCache();
  bodies = [];
  server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      // Whether it is a sandbox is asked first, without a word of the user's.
      if (request.url !== "/_assume-mfa/sandbox") bodies.push(`${request.method} ${request.url} ${body}`);
      response.writeHead(answer.status, { "content-type": "text/html", ...answer.headers }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const PAGE =
  "<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Welcome<br>to the hotel</p></body></html>";
const XHTML = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>Welcome</p></body></html>';

const ANSWERS: readonly (readonly [string, typeof answer])[] = [
  ["a page", { status: 200, body: PAGE }],
  ["a page that is XML", { status: 200, body: XHTML }],
  ["plain words", { status: 200, body: "welcome to the hotel" }],
  ["nothing", { status: 200, body: "" }],
  ["JSON", { status: 200, body: '{"ok":true}' }],
  ["no content", { status: 204, body: "" }],
  ["a redirect to a page", { status: 302, headers: { location: "http://127.0.0.1:9/" }, body: "" }],
  ["a page, not found", { status: 404, body: PAGE }],
  ["a page that is XML, not found", { status: 404, body: XHTML }],
  ["a page, forbidden", { status: 403, body: PAGE }],
  ["words, forbidden", { status: 403, body: "Forbidden" }],
  ["nothing, forbidden", { status: 403, body: "" }],
  ["JSON, forbidden", { status: 403, body: '{"message":"Forbidden"}' }],
  ["a proxy that wants a password", { status: 407, body: PAGE }],
  ["a network that wants a sign-in", { status: 511, body: PAGE }],
  ["a method that is not allowed", { status: 405, body: PAGE }],
  ["a gateway without its server", { status: 502, body: PAGE }],
];

describe.each(ANSWERS)("where STS should be: %s", (_what, given) => {
  it.each(["given", "typed"])("no code is sent, and it is exit 1 (%s)", async (how) => {
    answer = given;
    const env = { AWS_ENDPOINT_URL: url, ASSUME_MFA_SANDBOX: undefined };
    const code = world.code();
    const run =
      how === "given"
        ? await world.run(["dev", "login", "-t", code], { env })
        : await world.run("dev login", { env, replies: [code] });
    expect({ exitCode: run.exitCode, stdout: run.stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(bodies.length).toBeGreaterThan(0);
    for (const body of bodies) {
      expect(body).not.toContain(code);
      expect(body).not.toContain(encodeURIComponent(SERIAL));
      expect(body).toMatch(/^POST \/ Action=GetCallerIdentity/);
    }
    expect(run.said).toMatch(/^assume-mfa: error: .*\nassume-mfa: hint: .*\n$/);
    expect(run.said).not.toMatch(/used up/);
  });
});

describe("where STS should be: something that speaks its protocol and does not know this call", () => {
  it("is asked for the role all the same: emulators are like that", async () => {
    answer = {
      status: 400,
      body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>Could not find operation GetCallerIdentity</Message></Error><RequestId>8a4f5bd1</RequestId></ErrorResponse>`,
    };
    const env = { AWS_ENDPOINT_URL: url, ASSUME_MFA_SANDBOX: undefined };
    const run = await world.run(["dev", "login", "-t", world.code()], { env });
    expect(run.exitCode).toBe(1);
    expect(bodies.map((body) => /Action=(\w+)/.exec(body)?.[1])).toEqual(["GetCallerIdentity", "AssumeRole"]);
  });
});
