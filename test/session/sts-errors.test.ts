import { beforeEach, describe, expect, it } from "vitest";
import type { AwsFailure } from "../../src/aws/aws-failure.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import type { AssumeMfaError, ErrorCode } from "../../src/errors.ts";
import { type AssumeRoleContext, translateAssumeRoleFailure } from "../../src/session/sts-errors.ts";
import type { Origin, SourceKeys, Target } from "../../src/target/target.ts";
import { makeTestScope } from "../support/action-scope.ts";
import { DEV, openCliWorld, PROD, SERIAL } from "../support/cli-world.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const scope = makeTestScope({
  accountId: DEV,
  credentials: new Credentials({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x" }),
  endpoint: undefined,
  clock: { now: Date.now, sleep: () => Promise.resolve(), advance: () => undefined },
});

function contextOf(more: Partial<Target> = {}, hasTokenCode = true): AssumeRoleContext {
  const origin = { kind: "file", path: "/home/alice/.aws/config", line: 7, profile: "dev" } as const;
  const target: Target = {
    ...scope.target,
    role: { ...scope.target.role, origin },
    mfaSerial: { value: SERIAL, origin },
    durationSeconds: { value: 43_200, origin: { kind: "option", option: "--duration" } },
    region: { value: "eu-west-1", origin },
    ...more,
  };
  return {
    target,
    signer: target.source as SourceKeys,
    roleSessionName: "alice",
    mfaSerial: hasTokenCode ? target.mfaSerial?.value : undefined,
  };
}

function refusal(code: string, message: string, status = 403): AwsFailure {
  return { kind: "refused", code, message, status, requestId: "6a7b" };
}

function translate(failure: AwsFailure, context = contextOf()): AssumeMfaError {
  return translateAssumeRoleFailure(failure, context, new Error("the original"));
}

const DENIED = `User: arn:aws:iam::111122223333:user/alice is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::${DEV}:role/PrivilegedActionsRole`;
const INVALID_TOKEN = "The security token included in the request is invalid.";

describe("an answer of STS", () => {
  // The words of AWS.md, 1.
  it.each<[string, string, ErrorCode, number, RegExp, RegExp]>([
    [
      "AccessDenied",
      "MultiFactorAuthentication failed with invalid MFA one time pass code.",
      "TOKEN_CODE_REJECTED",
      4,
      /^the token code was not accepted: /,
      /a code works once.*wait for the next one/,
    ],
    [
      "AccessDenied",
      "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
      "TOKEN_CODE_REJECTED",
      4,
      /pass code$/,
      /check that the device is arn:aws:iam::111122223333:mfa\/alice/,
    ],
    [
      "AccessDenied",
      "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
      "MFA_SERIAL_REJECTED",
      4,
      /^the MFA device was not accepted: /,
      /\/home\/alice\/\.aws\/config:7.*must be a device of the user whose keys sign \(profile "parent"\)/,
    ],
    [
      "AccessDenied",
      "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
      "MFA_SERIAL_REJECTED",
      4,
      /must provide both/,
      /mfa\/<name>/,
    ],
    [
      "ValidationError",
      "2 validation errors detected: Value '12' at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\d]*; Value '12' at 'tokenCode' failed to satisfy constraint: Member must have length less than or equal to 6",
      "SESSION_SETTING_REFUSED",
      3,
      /^AssumeRole refused a setting: /,
      /session name alice, device arn:aws:iam::111122223333:mfa\/alice, duration 43200 s/,
    ],
    [
      "AccessDenied",
      DENIED,
      "ASSUME_ROLE_DENIED",
      4,
      /^the role may not be assumed: User: /,
      /check them in this order/,
    ],
    [
      "AccessDenied",
      `${DENIED} because no identity-based policy allows the sts:AssumeRole action`,
      "ASSUME_ROLE_DENIED",
      4,
      /because no identity-based policy/,
      /the caller: do the policies of profile "parent" allow/,
    ],
    [
      "ValidationError",
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
      "SESSION_SETTING_REFUSED",
      3,
      /^the role allows no session of 43200 s: /,
      /lower --duration, or raise the role's maximum session duration[\s\S]*may be used up/,
    ],
    [
      "ValidationError",
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
      "SESSION_SETTING_REFUSED",
      3,
      /one hour at most/,
      /lower --duration to 1h/,
    ],
    ["MalformedInput", "x", "SESSION_SETTING_REFUSED", 3, /refused a setting/, /duration 43200 s/],
    ["InvalidParameterValue", "x", "SESSION_SETTING_REFUSED", 3, /refused a setting/, /./],
    ["MalformedPolicyDocument", "x", "SESSION_SETTING_REFUSED", 3, /does not take the session policy: x$/, /used up/],
    ["MalformedPolicyDocumentException", "x", "SESSION_SETTING_REFUSED", 3, /does not take/, /used up/],
    ["PackedPolicyTooLarge", "x", "SESSION_SETTING_REFUSED", 3, /is too large: x$/, /packs.*[\s\S]*used up/],
    ["PackedPolicyTooLargeException", "x", "SESSION_SETTING_REFUSED", 3, /is too large/, /packs/],
    [
      "ValidationError",
      "The source identity is already set for this assume role session",
      "SESSION_SETTING_REFUSED",
      3,
      /^a session keeps the source identity it was made with: /,
      /leave out/,
    ],
    [
      "RegionDisabledException",
      "x",
      "REGION_MISSING",
      3,
      /^STS is not active in eu-west-1 for account 222222222222$/,
      /activate the region.*--region/,
    ],
    [
      "InvalidClientTokenId",
      INVALID_TOKEN,
      "SOURCE_CREDENTIALS_INVALID",
      4,
      /^AWS does not know the access key AKIAIOSFODNN7EXAMPLE of profile "parent": /,
      /deleted, inactive or of another partition/,
    ],
    ["UnrecognizedClientException", INVALID_TOKEN, "SOURCE_CREDENTIALS_INVALID", 4, /does not know/, /check the key/],
    ["AuthFailure", "x", "SOURCE_CREDENTIALS_INVALID", 4, /does not know/, /check the key/],
    [
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'POST\n/'",
      "SOURCE_CREDENTIALS_INVALID",
      4,
      /^the secret key of profile "parent" \(AKIAIOSFODNN7EXAMPLE\) does not fit its access key: .* for details$/,
      /both halves/,
    ],
    [
      "SignatureDoesNotMatch",
      "Signature expired: 20261124T100000Z is now earlier than 20261124T104500Z (20261124T110000Z - 15 min.)",
      "SIGNATURE_REJECTED",
      4,
      /^this computer's clock is 1 h behind AWS's: Signature expired: /,
      /set the clock/,
    ],
    [
      "SignatureDoesNotMatch",
      "Signature not yet current: 20261124T120000Z is still later than 20261124T110500Z (20261124T110000Z + 5 min.)",
      "SIGNATURE_REJECTED",
      4,
      /^this computer's clock is 1 h ahead of AWS's: Signature not yet current: /,
      /set the clock/,
    ],
    ["RequestTimeTooSkewed", "x too skewed", "SIGNATURE_REJECTED", 4, /clock differs/, /set the clock/],
    [
      "SignatureDoesNotMatch",
      "Credential should be scoped to a valid region. ",
      "SIGNATURE_REJECTED",
      4,
      /^the region or endpoint does not fit: .*valid region$/,
      /--region and --endpoint-url/,
    ],
    [
      "ExpiredToken",
      "The security token included in the request is expired",
      "SOURCE_CREDENTIALS_INVALID",
      4,
      /^the session of profile "parent" has expired: /,
      /renew it/,
    ],
    ["Throttling", "Rate exceeded", "THROTTLED", 1, /too often: Rate exceeded$/, /wait a minute/],
    ["OptInRequired", "x", "SIGNATURE_REJECTED", 4, /was not accepted as signed/, /proxies/],
    ["IncompleteSignature", "x", "SIGNATURE_REJECTED", 4, /was not accepted as signed/, /proxies/],
    [
      "SomethingNew",
      "Never seen before.",
      "AWS_REFUSED",
      1,
      /^AssumeRole was refused: SomethingNew: Never seen before$/,
      /--debug/,
    ],
  ])("%s: %.60s → %s, exit %i, cause and hint", (awsCode, message, code, exitCode, text, hint) => {
    const error = translate(refusal(awsCode, message));
    expect(error).toMatchObject({ code, exitCode, details: { awsCode, requestId: "6a7b" } });
    expect(error.message).toMatch(text);
    expect(error.message).not.toMatch(/[.\s]$|\n/);
    expect(error.hints.join("\n")).toMatch(hint);
    for (const line of error.hints) expect(line).not.toMatch(/\.$|\n/);
    expect(error.cause).toMatchObject({ message: "the original" });
  });

  it("no code went along: nothing is said of a code that is used up", () => {
    const failures = [
      refusal("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."),
      { kind: "ambiguous", code: "ECONNRESET", message: "the connection was cut" } as const,
      refusal("Throttling", "Rate exceeded", 400),
    ];
    for (const failure of failures) {
      expect(translate(failure, contextOf({}, false)).hints.join()).not.toContain("used up");
      expect(translate(failure).hints.join()).toContain("used up");
    }
  });

  it("that never came: whether the code may be used up depends on whether it was sent", () => {
    const unsent = translate({ kind: "unsent", code: "ENOTFOUND", message: "its name could not be resolved" });
    expect(unsent).toMatchObject({ code: "NETWORK", exitCode: 1 });
    expect(unsent.message).toBe("STS in eu-west-1 can't be reached: its name could not be resolved");
    expect(unsent.hints.join()).toMatch(/network.*--region/);
    expect(unsent.hints.join()).not.toContain("used up");
    const lost = translate({ kind: "ambiguous", code: "ECONNRESET", message: "the connection was cut" });
    expect(lost).toMatchObject({ code: "REPLY_LOST", exitCode: 1 });
    expect(lost.message).toContain("the connection was cut");
  });
});

describe("AccessDenied on AssumeRole", () => {
  it("lists its possible causes, each with where to look, and claims none", () => {
    const { hints } = translate(refusal("AccessDenied", DENIED));
    expect(hints).toEqual([
      "AWS gives the same answer to each of these; check them in this order",
      `the role: does arn:aws:iam::${DEV}:role/PrivilegedActionsRole exist, spelt like this (/home/alice/.aws/config:7)?`,
      'the caller: do the policies of profile "parent" allow sts:AssumeRole on it?',
      "its trust policy: does it let that account or user in, and does it ask for an external id (none was sent)?",
      "its conditions: a code was sent and accepted; does it ask for more, such as a source address or a session name?",
      "the session name that was sent is alice",
    ]);
  });

  it("asks about MFA where no code was sent, and about the external id that was", () => {
    const externalId = { value: "id-42", origin: { kind: "option", option: "--external-id" } } as const;
    const { hints } = translate(refusal("AccessDenied", DENIED), contextOf({ externalId }, false));
    expect(hints[3]).toBe(
      "its trust policy: does it let that account or user in, with the external id of --external-id?",
    );
    expect(hints[4]).toBe("its conditions: does it demand MFA? no code was sent");
  });

  it("of a shared session first asks how old its code may be, and not whether MFA was missing", () => {
    const context = contextOf({}, false);
    const signer = { ...context.signer, isShared: true };
    const { hints } = translate(refusal("AccessDenied", DENIED), { ...context, signer });
    expect(hints[0]).toBe(
      "the shared session may be too old for the role (aws:MultiFactorAuthAge): --direct, with a fresh code",
    );
    expect(hints.join()).not.toContain("does it demand MFA");
    expect(hints[5]).toMatch(/^its conditions: the shared session was opened with a code; does it ask for more/);
  });
});

describe("what goes with the session", () => {
  const at = (line: number) => ({ kind: "file", path: "/home/alice/.aws/config", line, profile: "dev" }) as const;
  const option = (name: string) => ({ kind: "option", option: name }) as const;
  const tag = (key: string, origin: Origin) => ({ value: { key, value: "x", isTransitive: false }, origin });
  const everything = contextOf({
    sourceIdentity: { value: "alice.a", origin: at(8) },
    sessionTags: [tag("team", at(9)), tag("cost", at(9)), tag("why", option("--session-tag"))],
    sessionPolicy: { value: { text: "0123456789", canonical: "" }, origin: option("--policy") },
    policyArns: [{ value: "arn:aws:iam::aws:policy/ReadOnlyAccess", origin: option("--policy-arn") }],
  });

  it("is asked about where the role may not be assumed", () => {
    const { hints } = translate(refusal("AccessDenied", DENIED), everything);
    const actions = "sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity";
    expect(hints[2]).toBe(`the caller: do the policies of profile "parent" allow ${actions} on it?`);
    expect(hints[3]).toContain(`let that account or user in with ${actions}, and does it ask`);
    expect(hints).toHaveLength(6);
  });

  it.each([
    ["sts:TagSession", "session tags", "/home/alice/.aws/config:9, --session-tag"],
    ["sts:SetSourceIdentity", "a source identity", "/home/alice/.aws/config:8"],
  ])("whose %s is refused is said to be that, with who set it", (action, what, from) => {
    const error = translate(refusal("AccessDenied", DENIED.replace("sts:AssumeRole", action)), everything);
    expect(error).toMatchObject({ code: "ASSUME_ROLE_DENIED", exitCode: 4 });
    expect(error.hints).toEqual([
      `to send ${what} (${from}), ${action} must be allowed beside sts:AssumeRole, by both sides`,
      `the caller: do the policies of profile "parent" allow it on arn:aws:iam::${DEV}:role/PrivilegedActionsRole?`,
      "the role: does its trust policy allow it, and do its conditions allow these values?",
      `or leave ${what} out`,
      "the token code may be used up: take the next one",
    ]);
  });

  it("is listed with who set it where AWS finds it too large", () => {
    const { hints } = translate(refusal("PackedPolicyTooLarge", "Packed policy consumes 112%", 400), everything);
    expect(hints).toEqual([
      "AWS packs session policies and session tags into one, whose size has a limit of its own",
      "shorten or leave out: 3 session tags (/home/alice/.aws/config:9, --session-tag)",
      "shorten or leave out: a policy of 10 characters (--policy)",
      "shorten or leave out: arn:aws:iam::aws:policy/ReadOnlyAccess (--policy-arn)",
      "the token code may be used up: take the next one",
    ]);
  });

  it("is listed where AWS refuses some value", () => {
    const { hints } = translate(
      refusal("ValidationError", "Policy x does not exist or is not attachable.", 400),
      everything,
    );
    expect(hints.slice(1)).toHaveLength(4);
    expect(hints.at(-1)).toBe("sent with it: arn:aws:iam::aws:policy/ReadOnlyAccess (--policy-arn)");
  });

  it("names where to leave out a source identity that can't be changed", () => {
    const message = "The source identity is already set for this assume role session";
    expect(translate(refusal("ValidationError", message, 400), everything).hints[0]).toMatch(
      /^leave out \/home\/alice\/\.aws\/config:8, /,
    );
  });
});

describe("the sandbox's own refusals, through the program", () => {
  it.each<[string, readonly string[], number, RegExp]>([
    [
      "a device of nobody",
      ["--serial-number", "arn:aws:iam::111122223333:mfa/nobody"],
      4,
      /verify your MFA serial number/,
    ],
    ["a duration above the role's maximum", ["--duration", "2h"], 3, /MaxSessionDuration[\s\S]*lower --duration/],
    ["a caller without the permission", ["--source-profile", "bob", "--serial-number", SERIAL], 4, /MFA/],
  ])("%s", async (_what, words, exitCode, message) => {
    const run = await world.run(["prod", "login", "-t", world.code(), ...words]);
    expect(run).toMatchObject({ exitCode, stdout: "" });
    expect(run.stderr).toMatch(message);
    expect(run.operations.filter((name) => name === "AssumeRole")).toHaveLength(1);
  });

  it.each<[string, () => () => void]>([
    [
      "the trust policy is another's",
      () => {
        const role = world.role(PROD);
        const { trustPolicy } = role;
        role.trustPolicy = trustPolicy.replace("111122223333", "999999999999");
        return () => {
          role.trustPolicy = trustPolicy;
        };
      },
    ],
    [
      "the role is gone",
      () => {
        const role = world.role(PROD);
        world.account(PROD).roles.delete(role.name);
        return () => world.account(PROD).roles.set(role.name, role);
      },
    ],
    [
      "an external id is demanded",
      () => {
        const role = world.role(PROD);
        const { trustPolicy } = role;
        role.trustPolicy = trustPolicy.replace('"Bool"', '"StringEquals": { "sts:ExternalId": "id-42" }, "Bool"');
        return () => {
          role.trustPolicy = trustPolicy;
        };
      },
    ],
    [
      "the caller may not",
      () => {
        const { inlinePolicies } = world.user("alice");
        const text = inlinePolicies.get("AssumeRoles") ?? "";
        inlinePolicies.delete("AssumeRoles");
        return () => inlinePolicies.set("AssumeRoles", text);
      },
    ],
  ])("AccessDenied because %s: the same list of causes, exit 4", async (_why, breakIt) => {
    const mend = breakIt();
    try {
      const run = await world.run(["prod", "login", "-t", world.code()]);
      expect(run).toMatchObject({ exitCode: 4, stdout: "" });
      expect(run.stderr).toMatch(
        /error: the role may not be assumed: User: .* is not authorized to perform: sts:AssumeRole/,
      );
      expect(run.stderr.match(/^assume-mfa: hint: /gm)).toHaveLength(6);
    } finally {
      mend();
    }
  });
});
