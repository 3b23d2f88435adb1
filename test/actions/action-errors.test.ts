import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ActionScope } from "../../src/actions/action.ts";
import { describeTable } from "../../src/actions/dynamodb/table.ts";
import { makeEc2 } from "../../src/actions/ec2/ec2-client.ts";
import { listInstances } from "../../src/actions/ec2/instances.ts";
import { whoami } from "../../src/actions/whoami.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import { AssumeMfaError } from "../../src/errors.ts";
import { makeTestScope } from "../support/action-scope.ts";
import { makeFakeClock } from "../support/fake-clock.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";

const secret = randomBytes(30).toString("base64");
const token = randomBytes(60).toString("base64");
const clock = makeFakeClock();
let proxy: FaultProxy;

beforeAll(async () => {
  // Every call is answered by the proxy itself: nothing listens behind it.
  proxy = await startFaultProxy("http://127.0.0.1:9");
});

afterAll(() => proxy.close());

function scopeOf(endpoint: string, expiresInMs = 3_600_000): ActionScope {
  const credentials = new Credentials({
    accessKeyId: "ASIAIOSFODNN7EXAMPLE",
    secretAccessKey: secret,
    sessionToken: token,
    expiration: clock.now() + expiresInMs,
  });
  return makeTestScope({ accountId: "222222222222", credentials, endpoint, clock });
}

async function errorOf(work: () => Promise<unknown>): Promise<AssumeMfaError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof AssumeMfaError) return error;
    throw error;
  }
  throw new Error("it went through");
}

async function readAll(scope: ActionScope): Promise<void> {
  for await (const _ of listInstances(scope));
}

/** How EC2 writes its errors (EC2 API reference, "Error codes"). */
function ec2Error(code: string, message: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>59dbff89-35bd-4eac-99ed-be587EXAMPLE</RequestID></Response>`;
}

const caller = "User: arn:aws:sts::222222222222:assumed-role/PrivilegedActionsRole/alice";
const instanceArn = "arn:aws:ec2:us-east-1:222222222222:instance/i-0123456789abcdef0";
const blob = randomBytes(300).toString("base64url");

describe("EC2's refusals", () => {
  it.each([
    {
      title: "names the missing permission and cuts the encoded blob",
      status: 403,
      body: ec2Error(
        "UnauthorizedOperation",
        `You are not authorized to perform this operation. ${caller} is not authorized to perform: ec2:TerminateInstances on resource: ${instanceArn} because no identity-based policy allows the ec2:TerminateInstances action. Encoded authorization failure message: ${blob}`,
      ),
      code: "ACCESS_DENIED",
      exitCode: 1,
      message: /^the role may not do ec2:TerminateInstances \(UnauthorizedOperation: .*allows the .* action\)$/,
      hint: "allow ec2:TerminateInstances in the role's permissions policy",
    },
    {
      title: "says that an explicit deny can't be outvoted",
      status: 403,
      body: ec2Error(
        "UnauthorizedOperation",
        `You are not authorized to perform this operation. ${caller} is not authorized to perform: ec2:TerminateInstances on resource: ${instanceArn} with an explicit deny in an identity-based policy. Encoded authorization failure message: ${blob}`,
      ),
      code: "ACCESS_DENIED",
      exitCode: 1,
      message: /with an explicit deny in an identity-based policy\)$/,
      hint: "a policy denies ec2:TerminateInstances explicitly: it has to go, an Allow does not help",
    },
    {
      title: "tells an expired session",
      status: 400,
      body: ec2Error("RequestExpired", "Request has expired."),
      expiresInMs: -1_000,
      code: "SESSION_EXPIRED",
      exitCode: 1,
      message: /^the role's session has expired \(RequestExpired: Request has expired\)$/,
      hint: "run it again with --refresh",
    },
    {
      title: "tells a wrong clock from an expired session by the session's own expiry",
      status: 400,
      body: ec2Error("RequestExpired", "Request has expired."),
      code: "SIGNATURE_REJECTED",
      exitCode: 4,
      message: /too old, though the session is not \(RequestExpired/,
      hint: "check this computer's clock",
    },
    {
      title: "tells a protected instance",
      status: 400,
      body: ec2Error(
        "OperationNotPermitted",
        "The instance 'i-0123456789abcdef0' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.",
      ),
      code: "PROTECTED",
      exitCode: 1,
      message: /^OperationNotPermitted: The instance 'i-0123456789abcdef0' may not be terminated/,
      hint: "leave out the one that AWS names: protection is never switched off by this program",
    },
    {
      title: "tells an instance that can't be stopped, ever",
      status: 400,
      body: ec2Error(
        "UnsupportedOperation",
        "The instance 'i-0123456789abcdef0' does not have an 'ebs' root device type and cannot be stopped.",
      ),
      code: "AWS_REFUSED",
      exitCode: 1,
      message: /\(UnsupportedOperation: The instance 'i-0123456789abcdef0' does not have an 'ebs' root device type/,
      hint: "an instance on an instance store can be neither stopped nor started, only rebooted or terminated: leave it out",
    },
    {
      title: "tells a Spot instance that can't be stopped",
      status: 400,
      body: ec2Error(
        "UnsupportedOperation",
        "You can't stop the Spot Instance 'i-0123456789abcdef0' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
      ),
      code: "AWS_REFUSED",
      exitCode: 1,
      message: /\(UnsupportedOperation: You can't stop the Spot Instance/,
      hint: "a one-time Spot instance can be neither stopped nor started, only rebooted or terminated: leave it out",
    },
    {
      title: "tells a state that does not allow it",
      status: 400,
      body: ec2Error(
        "IncorrectInstanceState",
        "The instance 'i-0123456789abcdef0' is not in a state from which it can be started.",
      ),
      code: "WRONG_STATE",
      exitCode: 1,
      message: /^its state does not allow ec2:TerminateInstances \(IncorrectInstanceState: The instance/,
      hint: "see what state it is in: assume-mfa <target> instances",
    },
    {
      title: "tells an instance that can't hibernate",
      status: 400,
      body: ec2Error("UnsupportedHibernationConfiguration", "Hibernation is not enabled for the instance."),
      code: "AWS_REFUSED",
      exitCode: 1,
      message: /\(UnsupportedHibernationConfiguration: Hibernation is not enabled for the instance\)$/,
      hint: "only what was launched with hibernation on can hibernate: without --hibernate it is stopped",
    },
    {
      title: "tells an unknown id",
      status: 400,
      body: ec2Error("InvalidInstanceID.NotFound", "The instance ID 'i-0123456789abcdef0' does not exist"),
      code: "NOT_FOUND",
      exitCode: 1,
      message: /InvalidInstanceID.NotFound: The instance ID 'i-0123456789abcdef0' does not exist/,
      hint: "check the name, the region and the target",
    },
    {
      title: "tells throttling, which EC2 answers as a 503",
      status: 503,
      body: ec2Error("RequestLimitExceeded", "Request limit exceeded."),
      code: "THROTTLED",
      exitCode: 1,
      message: /\(RequestLimitExceeded\)$/,
      hint: "wait a little, then run it again",
    },
    {
      title: "tells a session that is not accepted",
      status: 401,
      body: ec2Error("AuthFailure", "AWS was not able to validate the provided access credentials"),
      code: "SESSION_EXPIRED",
      exitCode: 1,
      message: /does not accept the role's session \(AuthFailure/,
      hint: "run it again with --refresh",
    },
    {
      title: "keeps a code that it does not know, on one line",
      status: 400,
      body: ec2Error("Odd.Code", "line one\nline two\u001b[31m"),
      code: "AWS_REFUSED",
      exitCode: 1,
      message: /refused ec2:TerminateInstances \(Odd\.Code: line one line two/,
      hint: "AWS's own words say why; --debug shows the request id for AWS's support",
    },
    {
      title: "leaves open what became of a mutating call that ends in a 500",
      status: 500,
      body: ec2Error("InternalError", "An internal error has occurred"),
      code: "REPLY_LOST",
      exitCode: 1,
      message:
        /^no answer to ec2:TerminateInstances from EC2 at http:\/\/127\.0\.0\.1:\d+: the service answered 500 \(InternalError\)$/,
      hint: "it may have been carried out: look before doing it again",
    },
    {
      title: "leaves open what became of a mutating call whose answer is no XML",
      status: 200,
      body: "<html>captive portal",
      code: "REPLY_LOST",
      exitCode: 1,
      message: /^no answer to ec2:TerminateInstances/,
      hint: "it may have been carried out: look before doing it again",
    },
  ])("$title", async ({ status, body, expiresInMs, code, exitCode, message, hint }) => {
    const asked = proxy.calls.length;
    proxy.break("TerminateInstances", { kind: "answer", status, body, forward: false }, 9);
    const scope = scopeOf(proxy.url, expiresInMs);
    const ec2 = makeEc2(scope);
    const error = await errorOf(() =>
      ec2.changeInstances({ operation: "TerminateInstances" }, ["i-0123456789abcdef0"]),
    );
    ec2.close();
    expect({ code: error.code, exitCode: error.exitCode, hint: error.hint }).toEqual({ code, exitCode, hint });
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/\n|Encoded authorization/);
    expect(error.message).not.toContain(blob);
    expect(error.message + error.hint + JSON.stringify(error.details)).not.toContain(secret);
    expect(error.message + error.hint + JSON.stringify(error.details)).not.toContain(token);
    expect(proxy.calls.length - asked).toBe(1);
  });

  it("reads again what only reads, up to three times, then says that no usable answer came", async () => {
    const asked = proxy.calls.length;
    proxy.break("DescribeInstances", { kind: "answer", status: 500, body: "", forward: false }, 9);
    const error = await errorOf(() => readAll(scopeOf(proxy.url)));
    expect(error.code).toBe("NETWORK");
    expect(error.message).toMatch(/^no usable answer to ec2:DescribeInstances from EC2 at /);
    expect(proxy.calls.length - asked).toBe(3);
  });
});

describe("DynamoDB's and STS's refusals", () => {
  const json = (type: string, message: string) =>
    JSON.stringify({ __type: `com.amazon.coral.service#${type}`, message });

  it.each([
    {
      type: "AccessDeniedException",
      said: `${caller} is not authorized to perform: dynamodb:DescribeTable on resource: arn:aws:dynamodb:us-east-1:222222222222:table/orders because no session policy allows the dynamodb:DescribeTable action`,
      code: "ACCESS_DENIED",
      hint: "allow dynamodb:DescribeTable in the session policy that was given",
    },
    {
      type: "ExpiredTokenException",
      said: "The security token included in the request is expired",
      code: "SESSION_EXPIRED",
      hint: "run it again with --refresh",
    },
    {
      type: "UnrecognizedClientException",
      said: "The security token included in the request is invalid.",
      code: "SESSION_EXPIRED",
      hint: "run it again with --refresh",
    },
    {
      type: "ValidationException",
      said: "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
      code: "PROTECTED",
      hint: "leave out the one that AWS names: protection is never switched off by this program",
    },
    {
      type: "ResourceNotFoundException",
      said: "Requested resource not found: Table: orders not found",
      code: "NOT_FOUND",
      hint: "check the id, the region and the target",
    },
  ])("$type is $code", async ({ type, said, code, hint }) => {
    proxy.break("DescribeTable", { kind: "answer", status: 400, body: json(type, said), forward: false }, 9);
    const error = await errorOf(() => describeTable(scopeOf(proxy.url), "orders"));
    expect({ code: error.code, hint: error.hint }).toEqual({ code, hint });
  });

  it("tells an expired session from STS", async () => {
    const body = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ErrorResponse>`;
    proxy.break("GetCallerIdentity", { kind: "answer", status: 403, body, forward: false }, 9);
    const error = await errorOf(() => whoami(scopeOf(proxy.url)));
    expect(error).toMatchObject({ code: "SESSION_EXPIRED", details: { awsCode: "ExpiredToken" } });
  });
});

describe("an endpoint that is not there", () => {
  it("is named without the password that its URL carries, and nothing was sent", async () => {
    const password = randomBytes(12).toString("hex");
    const error = await errorOf(() => readAll(scopeOf(`http://someone:${password}@127.0.0.1:9/`)));
    expect(error.code).toBe("NETWORK");
    expect(error.message).toBe("EC2 at http://127.0.0.1:9 could not be reached: the connection was refused");
    expect(error.hint).toBe("check the endpoint URL, and that something listens there");
    expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain(password);
  });
});
