import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Credentials } from "../../src/credentials/credentials.ts";
import type { Environment } from "../../src/host/host.ts";
import { childEnvironment } from "../../src/outputs/child-environment.ts";

const credentials = new Credentials({
  accessKeyId: "ASIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  sessionToken: "IQoJb3JpZ2luX2VjEXAMPLE==",
  expiration: Date.UTC(2026, 10, 24, 16, 0, 0, 999),
});
const HANDED_OVER = {
  AWS_ACCESS_KEY_ID: "ASIAIOSFODNN7EXAMPLE",
  AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  AWS_SESSION_TOKEN: "IQoJb3JpZ2luX2VjEXAMPLE==",
  AWS_CREDENTIAL_EXPIRATION: "2026-11-24T16:00:00Z",
};

const childOf = (env: Environment, region?: string) =>
  childEnvironment(env, { credentials, region, accountId: "222222222222" });

/** CLI.md, "Output": what would fight with the credentials or leak beside them. */
const REMOVED = [
  ...["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"],
  ...["AWS_CREDENTIAL_EXPIRATION", "AWS_CREDENTIAL_SCOPE", "AWS_CREDENTIAL_FILE", "AWS_ACCESS_KEY", "AWS_SECRET_KEY"],
  ...["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE"],
  ...["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"],
  ...["AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_BEARER_TOKEN_BEDROCK"],
  ...["ASSUME_MFA_TOKEN_CODE", "ASSUME_MFA_TOTP_SECRET", "ASSUME_MFA_SERIAL_NUMBER", "ASSUME_MFA_SOURCE_PROFILE"],
  ...["ASSUME_MFA_ROLE_SESSION_NAME", "ASSUME_MFA_DURATION", "ASSUME_MFA_EXPECT_ACCOUNT", "ASSUME_MFA_MIN_TTL"],
  ...["ASSUME_MFA_OUTPUT", "ASSUME_MFA_WHATEVER_COMES", "AMFA_SHELL"],
];

const KEPT = [
  ...["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_EC2", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"],
  ...["AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"],
  ...["AWS_DEFAULT_OUTPUT", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_STS_REGIONAL_ENDPOINTS"],
  ...["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_SDK_LOAD_CONFIG", "AWS_PAGER"],
  ...["ASSUME_MFA_SANDBOX", "ASSUME_MFA_CREDENTIAL_PROCESS"],
  ...["HTTPS_PROXY", "NO_PROXY", "PATH", "HOME", "LANG", "NODE_OPTIONS", "__proto__", "MY_AWS_PROFILE", ""],
];

describe("the environment of a child", () => {
  it("has the credentials in place of everything that fights with them, and all else as it was", () => {
    const given = Object.fromEntries([...REMOVED, ...KEPT].map((name) => [name, `value of ${name}`]));
    expect(Object.keys(given)).toHaveLength(REMOVED.length + KEPT.length);
    const kept = Object.fromEntries(KEPT.map((name) => [name, `value of ${name}`]));
    expect(Object.entries(childOf(given)).sort()).toEqual(Object.entries({ ...kept, ...HANDED_OVER }).sort());
  });

  it("names the region twice where one is known", () => {
    const given = { AWS_REGION: "us-east-1", AWS_DEFAULT_REGION: "us-west-2" };
    const region = { AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "eu-west-1" };
    expect(childOf(given, "eu-west-1")).toEqual({ ...region, ...HANDED_OVER });
  });

  it("keeps no region that counts for another target", () => {
    expect(childOf({ AWS_REGION: "us-east-1", AWS_DEFAULT_REGION: "us-east-1" })).toEqual(HANDED_OVER);
  });

  it("keeps the account's id where it is the account's", () => {
    expect(childOf({ AWS_ACCOUNT_ID: "222222222222" })).toEqual({ AWS_ACCOUNT_ID: "222222222222", ...HANDED_OVER });
    expect(childOf({ AWS_ACCOUNT_ID: "333333333333" })).toEqual(HANDED_OVER);
  });

  it("takes a name for the same in any case, as Windows does", () => {
    expect(childOf({ Aws_Profile: "x", assume_mfa_totp_secret: "x", Path: "p" })).toEqual({
      Path: "p",
      ...HANDED_OVER,
    });
  });

  it("has no token where there is none, whoever left one", () => {
    const longTerm = new Credentials({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x" });
    const env = { AWS_SESSION_TOKEN: "stale", AWS_CREDENTIAL_EXPIRATION: "stale" };
    expect(childEnvironment(env, { credentials: longTerm, region: undefined, accountId: "222222222222" })).toEqual({
      AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
      AWS_SECRET_ACCESS_KEY: "x",
    });
  });

  it("refuses a value that AWS never gives, without showing it", () => {
    const hostile = new Credentials({ accessKeyId: "ASIAIOSFODNN7EXAMPLE", secretAccessKey: "x\0AWS_PROFILE=evil" });
    const make = () => childEnvironment({}, { credentials: hostile, region: undefined, accountId: "222222222222" });
    expect(make).toThrow(/^the secret access key is not in the form that AWS gives, and is not handed over$/);
  });

  it("keeps every other variable, whatever its value", () => {
    const name = fc.string({ minLength: 1 }).filter((text) => !/^(?:AWS|ASSUME_MFA|AMFA)_/i.test(text));
    fc.assert(
      fc.property(fc.dictionary(name, fc.string({ unit: "binary" }), { noNullPrototype: true }), (given) => {
        expect(childOf(given)).toEqual({ ...given, ...HANDED_OVER });
      }),
    );
  });
});
