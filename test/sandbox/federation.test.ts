import { AssumeRoleCommand, GetSessionTokenCommand } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { makeSecretAccessKey } from "../../src/sandbox/identifiers.ts";
import { DEV_ROLE, demand, type Keys, openHarness, SERIAL } from "./sandbox-harness.ts";

const harness = await openHarness();
const { sandbox } = harness;
const DESTINATION = "https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1";

const federate = (fields: Record<string, string>, method = "GET") => {
  const form = new URLSearchParams(fields).toString();
  return method === "GET"
    ? fetch(`${sandbox.endpoint}/federation?${form}`, { redirect: "manual" })
    : fetch(`${sandbox.endpoint}/federation`, { method, body: form, redirect: "manual" });
};

const sessionOf = ({ accessKeyId, secretAccessKey, sessionToken }: Keys) =>
  JSON.stringify({ sessionId: accessKeyId, sessionKey: secretAccessKey, sessionToken });

async function getToken(keys: Keys, more: Record<string, string> = {}, method = "GET"): Promise<string> {
  const response = await federate({ Action: "getSigninToken", Session: sessionOf(keys), ...more }, method);
  expect(response.status).toBe(200);
  return ((await response.json()) as { SigninToken: string }).SigninToken;
}

describe("the federation endpoint", () => {
  it("trades a role session for a token, and the token for the console", async () => {
    const keys = await harness.assume(DEV_ROLE);
    for (const method of ["GET", "POST"]) {
      const SigninToken = await getToken(keys, { SessionDuration: "3600" }, method);
      const response = await federate({ Action: "login", Issuer: "x", Destination: DESTINATION, SigninToken });
      expect([response.status, response.headers.get("location")]).toEqual([302, DESTINATION]);
    }
  });

  it("keeps the session and the token out of the log", async () => {
    const keys = await harness.assume(DEV_ROLE);
    const SigninToken = await getToken(keys);
    await federate({ Action: "login", Destination: DESTINATION, SigninToken });
    const log = JSON.stringify(sandbox.calls);
    for (const secret of [keys.secretAccessKey, keys.sessionToken, SigninToken]) expect(log).not.toContain(secret);
    expect(sandbox.calls.at(-1)).toMatchObject({ service: "signin", operation: "login", status: 302 });
  });

  it("takes no duration for a role that was assumed from temporary credentials", async () => {
    const { Credentials } = await harness
      .sts()
      .send(new GetSessionTokenCommand({ SerialNumber: SERIAL, TokenCode: harness.nextCode() }));
    const shared = {
      accessKeyId: demand(Credentials?.AccessKeyId),
      secretAccessKey: demand(Credentials?.SecretAccessKey),
      sessionToken: demand(Credentials?.SessionToken),
    };
    expect((await federate({ Action: "getSigninToken", Session: sessionOf(shared) })).status).toBe(400);
    const chained = await harness
      .sts(shared)
      .send(new AssumeRoleCommand({ RoleArn: DEV_ROLE, RoleSessionName: "alice" }))
      .then(({ Credentials: role }) => ({
        accessKeyId: demand(role?.AccessKeyId),
        secretAccessKey: demand(role?.SecretAccessKey),
        sessionToken: demand(role?.SessionToken),
      }));
    const withDuration = { Action: "getSigninToken", Session: sessionOf(chained), SessionDuration: "3600" };
    expect((await federate(withDuration)).status).toBe(400);
    await getToken(chained);
  });

  it("takes a token for fifteen minutes", async () => {
    const SigninToken = await getToken(await harness.assume(DEV_ROLE));
    const login = async () => (await federate({ Action: "login", Destination: DESTINATION, SigninToken })).status;
    sandbox.moveClock(14 * 60_000);
    expect(await login()).toBe(302);
    sandbox.moveClock(60_000);
    expect(await login()).toBe(400);
  });

  it("refuses what is not a live session's", async () => {
    const keys = await harness.assume(DEV_ROLE, { DurationSeconds: 900 });
    const wrong = [
      "",
      "{",
      "null",
      "[]",
      sessionOf({ ...keys, secretAccessKey: makeSecretAccessKey() }),
      sessionOf({ ...keys, sessionToken: "x" }),
      sessionOf(harness.keys("alice")),
    ];
    for (const Session of wrong) expect((await federate({ Action: "getSigninToken", Session })).status).toBe(400);
    for (const SessionDuration of ["899", "43201", "x"]) {
      expect((await federate({ Action: "getSigninToken", Session: sessionOf(keys), SessionDuration })).status).toBe(
        400,
      );
    }
    expect((await federate({ Action: "nothing" })).status).toBe(400);
    const SigninToken = await getToken(keys);
    sandbox.moveClock(900_000);
    expect((await federate({ Action: "getSigninToken", Session: sessionOf(keys) })).status).toBe(400);
    expect((await federate({ Action: "login", Destination: DESTINATION, SigninToken })).status).toBe(400);
  });

  it.each([
    "http://console.aws.amazon.com/",
    "https://evil.example/",
    "https://aws.amazon.com.evil.example/",
    "https://user@evil.example/?aws.amazon.com",
    "javascript:alert(1)",
    "",
  ])("does not lead to %j", async (Destination) => {
    const SigninToken = await getToken(await harness.assume(DEV_ROLE));
    const response = await federate({ Action: "login", Destination, SigninToken });
    expect([response.status, response.headers.get("location")]).toEqual([400, null]);
  });
});
