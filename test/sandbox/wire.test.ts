import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { makeAccessKeyId, makeSecretAccessKey } from "../../src/sandbox/identifiers.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { fetchSandboxCalls } from "../../src/sandbox/sandbox-client.ts";
import { DEV_ROLE, demand, openHarness, PARENT, SERIAL } from "./sandbox-harness.ts";
import { presignQuery, readAnswer, type SignedForm, sendForm } from "./signed-query.ts";

const harness = await openHarness();
const { sandbox } = harness;
const alice = harness.keys("alice");
const stranger = { accessKeyId: makeAccessKeyId("AKIA"), secretAccessKey: makeSecretAccessKey() };
const forged = { accessKeyId: alice.accessKeyId, secretAccessKey: makeSecretAccessKey() };

const WHO_AM_I = "Action=GetCallerIdentity&Version=2011-06-15";
const ASSUME = `Action=AssumeRole&Version=2011-06-15&RoleArn=${encodeURIComponent(DEV_ROLE)}&RoleSessionName=alice`;
const send = (form: Partial<SignedForm>) =>
  sendForm(sandbox.endpoint, { service: "sts", credentials: alice, body: WHO_AM_I, ...form });

describe("the checks of STS come in AWS's order", () => {
  it("says both of a wrong region and a wrong service, before it looks at the key", async () => {
    const answer = await send({ region: "mars-north-1", service: "s3", credentials: stranger });
    expect([answer.status, answer.code, answer.message]).toEqual([
      403,
      "SignatureDoesNotMatch",
      "Credential should be scoped to a valid region. Credential should be scoped to correct service: 'sts'. ",
    ]);
  });

  it("looks at the key before the signature, and at the signature before the fields", async () => {
    const malformed = `${ASSUME}&DurationSeconds=1`;
    expect((await send({ credentials: stranger, body: malformed })).code).toBe("InvalidClientTokenId");
    expect((await send({ credentials: forged, body: malformed })).code).toBe("SignatureDoesNotMatch");
    expect((await send({ body: malformed })).code).toBe("ValidationError");
  });

  it("looks at an ended session before its signature", async () => {
    const session = await harness.assume(DEV_ROLE, { DurationSeconds: 900 });
    sandbox.moveClock(900_000);
    const { code } = await send({ credentials: { ...session, secretAccessKey: makeSecretAccessKey() } });
    expect(code).toBe("ExpiredToken");
  });

  it("looks at fields before the code, at the code before permission, at permission before the role's maximum", async () => {
    const wrongCode = `&SerialNumber=${encodeURIComponent(SERIAL)}&TokenCode=000000`;
    expect((await send({ body: `${ASSUME}${wrongCode}&DurationSeconds=1` })).code).toBe("ValidationError");
    const denied = ASSUME.replace("PrivilegedActionsRole", "NoSuchRole");
    expect((await send({ body: denied + wrongCode })).message).toMatch(/invalid MFA one time pass code/);
    const prod = ASSUME.replace("222222222222", "444444444444");
    expect((await send({ body: `${prod}&DurationSeconds=7200` })).message).toMatch(/not authorized to perform/);
  });
});

describe("IAM", () => {
  it("is one for all regions, and takes a signature for any real one", async () => {
    const body = "Action=GetUser&Version=2010-05-08";
    for (const region of ["us-east-1", "eu-west-1", "ap-east-1"]) {
      expect([region, (await send({ service: "iam", body, region })).status]).toEqual([region, 200]);
      // Its own region is what policies see, and the log.
      expect(sandbox.calls.at(-1)?.region).toBe("us-east-1");
    }
    expect(await send({ service: "iam", body, region: "nowhere-1" })).toMatchObject({
      status: 403,
      message: "Credential should be scoped to a valid region. ",
    });
  });
});

describe("a form", () => {
  it("may hold a field twice: the first one counts", async () => {
    const answer = await send({ body: `${ASSUME}&DurationSeconds=1&DurationSeconds=900` });
    expect(answer.message).toMatch(/Value '1' at 'durationSeconds'/);
  });

  it("may hold fields that nobody knows", async () => {
    expect((await send({ body: `${WHO_AM_I}&Unknown=1&__proto__=2` })).status).toBe(200);
  });

  it("with a duration that is no number is MalformedInput", async () => {
    expect(await send({ body: `${ASSUME}&DurationSeconds=1h` })).toMatchObject({ status: 400, code: "MalformedInput" });
  });

  it("names every field that is missing", async () => {
    const { message } = await send({ body: "Action=AssumeRole&Version=2011-06-15" });
    expect(message).toBe(
      "2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null",
    );
  });

  it("of a version that is not there names it", async () => {
    const { message, body } = await send({ body: "Action=GetCallerIdentity&Version=2001-01-01" });
    expect(message).toBe("Could not find operation GetCallerIdentity for version 2001-01-01");
    expect(body).toContain('xmlns="http://webservices.amazon.com/AWSFault/2005-15-09"');
  });

  it("is answered in STS's namespace, faults too", async () => {
    const namespace = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"';
    expect((await send({})).body).toContain(`<GetCallerIdentityResponse ${namespace}>`);
    expect((await send({ body: ASSUME })).body).toContain(`<ErrorResponse ${namespace}>`);
  });

  it("must be signed whole: an x-amz- header that is not is refused", async () => {
    const answer = await send({ unsignedHeaders: { "x-amz-meta": "1" } });
    expect(answer).toMatchObject({ status: 403, code: "SignatureDoesNotMatch" });
    expect((await send({ unsignedHeaders: { "x-other": "1" } })).status).toBe(200);
  });
});

describe("a presigned URL", () => {
  const presign = (expiresIn: number) =>
    presignQuery(sandbox.endpoint, "sts", alice, { Action: "GetCallerIdentity" }, expiresIn);

  it("is answered as the one who signed it", async () => {
    const answer = await readAnswer(await fetch(await presign(60)));
    expect(answer.text("Arn")).toBe(`arn:aws:iam::${PARENT}:user/alice`);
  });

  it("is refused after its time, and when anything in it was changed", async () => {
    const url = await presign(60);
    const changed = await readAnswer(await fetch(`${url}&a=b`));
    expect(changed.code).toBe("SignatureDoesNotMatch");
    const late = await openHarness({ now: () => Date.now() + 61_000 });
    const moved = await presignQuery(
      late.sandbox.endpoint,
      "sts",
      late.keys("alice"),
      { Action: "GetCallerIdentity" },
      60,
    );
    const answer = await readAnswer(await fetch(moved));
    expect([answer.code, answer.message]).toEqual([
      "SignatureDoesNotMatch",
      expect.stringMatching(/^Signature expired: /),
    ]);
  });
});

describe("the call log", () => {
  it("is read from outside, without a secret in it", async () => {
    const session = await harness.assume(DEV_ROLE);
    const calls = await fetchSandboxCalls(sandbox.endpoint);
    expect(calls.at(-1)).toMatchObject({ service: "sts", operation: "AssumeRole", status: 200, region: "us-east-1" });
    const text = JSON.stringify(calls);
    for (const secret of [alice.secretAccessKey, session.secretAccessKey, session.sessionToken]) {
      expect(text).not.toContain(secret);
    }
    const url = await presignQuery(sandbox.endpoint, "sts", session, { Action: "GetCallerIdentity" }, 60);
    await fetch(url);
    const log = JSON.stringify(sandbox.calls);
    expect(log).not.toContain(session.sessionToken);
    expect(log).not.toContain(demand(new URL(url).searchParams.get("X-Amz-Signature")));
  });

  it("remembers the last ten thousand, and of huge ones not the parameters", async () => {
    const other = await openHarness();
    const huge = await sendForm(other.sandbox.endpoint, {
      service: "sts",
      credentials: other.keys("alice"),
      body: `${WHO_AM_I}&Padding=${"x".repeat(200_000)}`,
    });
    expect(huge.status).toBe(200);
    const { operation, parameters } = demand(other.sandbox.calls.at(-1));
    expect([operation, parameters]).toEqual(["GetCallerIdentity", {}]);
  });
});

describe("speed", () => {
  // Other tests share the machine: what counts is how fast it goes when it is not held up.
  const quickTenth = (times: number[]) =>
    demand(times.sort((left, right) => left - right)[Math.floor(times.length / 10)]);

  it("starts in under 50 ms", async () => {
    const times: number[] = [];
    for (let round = 0; round < 11; round += 1) {
      const startMs = performance.now();
      const other = await startSandbox({ now: Date.now });
      times.push(performance.now() - startMs);
      await other.close();
    }
    expect(quickTenth(times)).toBeLessThan(50);
  });

  it("answers a signed call in under 5 ms, the client's part included", async () => {
    const sts = harness.sts();
    const times: number[] = [];
    for (let round = 0; round < 101; round += 1) {
      const startMs = performance.now();
      await sts.send(new GetCallerIdentityCommand({}));
      times.push(performance.now() - startMs);
    }
    expect(quickTenth(times)).toBeLessThan(5);
  });
});
