import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { awsCliKey } from "../../src/session/aws-cli-key.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { resolveTarget, type TargetOptions } from "../../src/target/resolve-target.ts";
import type { AwsCliRequest } from "../../src/target/target.ts";
import { hasBotocore } from "../target/read-with-botocore.ts";
import { keysOfArguments, keysOfProfiles } from "./ask-botocore.ts";

const ROLE = "arn:aws:iam::222222222222:role/PrivilegedActionsRole";
const SERIAL = "arn:aws:iam::111122223333:mfa/alice";
const PARENT = "[profile parent]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = key\n";
const PLAIN = `role_arn = ${ROLE}\nsource_profile = parent\n`;
const NEAR = `${PLAIN}mfa_serial = ${SERIAL}\n`;

const configOf = (lines: string, more = "") => `${PARENT}${more}[profile dev]\n${lines}`;

function requestOf(config: string, options: TargetOptions = {}, env = {}): AwsCliRequest {
  const files = makeAwsConfig(
    parseAwsConfig(config, "config", "config"),
    parseAwsConfig("", "credentials", "credentials"),
  );
  return resolveTarget("dev", options, files, env).awsCliRequest;
}

function keyOf(config: string): string {
  const request = requestOf(config);
  if ("obstacle" in request) throw new Error(request.obstacle);
  return awsCliKey(request.arguments);
}

/** What goes wrong in one language or the other: quotes, controls, DEL, beyond ASCII, beyond the BMP, half a pair. */
const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc
    .array(fc.constantFrom('"', "\\", "/", "\u0000", "\u001f", "\u007f", "\u0080", "é", "\u2028", "😀", "\ud800", "<"))
    .map((parts) => parts.join("")),
);

describe("the key of a session in the AWS CLI's cache", () => {
  it("is the one that botocore 1.43 was seen to make", () => {
    expect(awsCliKey({ RoleArn: ROLE, SerialNumber: SERIAL })).toBe("dcf6a30450b4d90cc147e364fdafbab2a0e25c53");
    expect(awsCliKey({ SerialNumber: SERIAL, RoleSessionName: 'é😀"\\', RoleArn: ROLE, DurationSeconds: 900 })).toBe(
      "f26ddc593056e13aa5b239b7d3ca2dff3f402c3f",
    );
  });

  it.skipIf(!hasBotocore)("is botocore's for any arguments (skipped where python3 has none)", () => {
    const all = fc.sample(
      fc.record(
        {
          RoleArn: fc.oneof(fc.constant(ROLE), hostile),
          SerialNumber: hostile,
          ExternalId: hostile,
          RoleSessionName: hostile.filter((name) => name !== ""),
          DurationSeconds: fc.integer({ min: 0, max: 43_200 }),
        },
        { requiredKeys: ["RoleArn"] },
      ),
      2_000,
    );
    expect(all.map(awsCliKey)).toEqual(keysOfArguments(all));
  });

  it.skipIf(!hasBotocore)("is botocore's for a profile (skipped where python3 has none)", () => {
    const configs = [
      configOf(PLAIN),
      configOf(NEAR),
      configOf(`${NEAR}external_id = a:b/c\n`),
      configOf(`${NEAR}role_session_name = alice@example.com\n`),
      configOf(`${NEAR}duration_seconds = 3600\n`),
      configOf(`${NEAR}duration_seconds = 03600\n`),
      configOf(`${NEAR}region = eu-west-1\nassume_mfa_share_aws_cli = true\n`),
      configOf(`${NEAR}external_id = abc\nrole_session_name = alice\nduration_seconds = 900\n`),
      // The device of the source profile is none of the AWS CLI's arguments.
      configOf(PLAIN, `mfa_serial = ${SERIAL}\n`),
      // A chain: the key of the last role alone.
      configOf(
        `role_arn = ${ROLE}\nsource_profile = jump\n`,
        `[profile jump]\nrole_arn = arn:aws:iam::333333333333:role/Jump\nsource_profile = parent\nmfa_serial = ${SERIAL}\n`,
      ),
      // Keys of its own beside the role.
      configOf(
        `${NEAR.replace("parent", "dev")}aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = key\n`,
      ),
      `[DEFAULT]\nexternal_id = from-above\n${configOf(NEAR)}`,
    ];
    expect(configs.map(keyOf)).toEqual(keysOfProfiles(configs));
    expect(new Set(configs.map(keyOf)).size).toBe(configs.length - 5);
  });
});

describe("a session that the AWS CLI would not make itself", () => {
  it.each<[string, string, TargetOptions, Record<string, string>, string]>([
    ["an option: --duration", NEAR, { duration: "1h" }, {}, "duration_seconds is another"],
    ["an option: --external-id", NEAR, { externalId: "abc" }, {}, "external_id is another"],
    ["an option: --role-session-name", NEAR, { roleSessionName: "bob" }, {}, "role_session_name is another"],
    ["the environment", NEAR, {}, { ASSUME_MFA_ROLE_SESSION_NAME: "bob" }, "role_session_name is another"],
    ["another duration by the environment", NEAR, {}, { ASSUME_MFA_DURATION: "2h" }, "duration_seconds is another"],
    ["another device", NEAR, { serialNumber: "GAHT12345678" }, {}, "mfa_serial is another"],
    ["a device of its own", PLAIN, { serialNumber: SERIAL }, {}, "mfa_serial is another"],
    ["another source", NEAR, { sourceProfile: "bob" }, {}, "other keys sign"],
    ["another source by the environment", NEAR, {}, { ASSUME_MFA_SOURCE_PROFILE: "bob" }, "other keys sign"],
    ["a source identity", NEAR, { sourceIdentity: "alice" }, {}, "no source identity"],
    ["a source identity of the profile", `${NEAR}source_identity = alice\n`, {}, {}, "no source identity"],
    ["session tags", NEAR, { sessionTag: ["team=red"] }, {}, "no session tags"],
    ["session tags of the profile", `${NEAR}session_tags = team=red\n`, {}, {}, "no session tags"],
    ["managed policies", NEAR, { policyArn: ["arn:aws:iam::aws:policy/ReadOnlyAccess"] }, {}, "no session policy"],
    [
      "another STS",
      NEAR,
      { endpointUrl: "http://127.0.0.1:4566" },
      {},
      "the AWS CLI knows nothing of --endpoint-url elsewhere; endpoint_url in the profile holds for both",
    ],
    ["another STS by the environment", NEAR, {}, { AWS_ENDPOINT_URL: "https://sts.example.com" }, "AWS_ENDPOINT_URL "],
    [
      "another STS by its own variable",
      NEAR,
      {},
      { AWS_ENDPOINT_URL_STS: "https://sts.amazonaws.com.example.com" },
      "AWS_ENDPOINT_URL_STS elsewhere",
    ],
    [
      "the sandbox, by a variable over the profile's word",
      `${NEAR}endpoint_url = http://127.0.0.1:4566\n`,
      {},
      { AWS_ENDPOINT_URL: "http://127.0.0.1:4566" },
      "AWS_ENDPOINT_URL elsewhere",
    ],
    ["AWS's STS in China", NEAR, {}, { AWS_ENDPOINT_URL: "https://sts.cn-north-1.amazonaws.com.cn" }, "elsewhere"],
    ["a bucket of AWS's", NEAR, {}, { AWS_ENDPOINT_URL: "https://sts.s3.amazonaws.com" }, "elsewhere"],
    [
      "no source in the profile",
      NEAR.replace("source_profile = parent\n", ""),
      {},
      { AWS_PROFILE: "parent" },
      "wants source_profile",
    ],
    [
      "a number that Python reads as none",
      `${NEAR}duration_seconds = 3600 # 1h\n`,
      {},
      {},
      "duration_seconds is another",
    ],
    [
      "a comment that botocore takes for the value",
      `${NEAR}external_id = abc # our id\n`,
      {},
      {},
      "external_id is another",
    ],
  ])("has no key: %s", (_, lines, options, env, obstacle) => {
    const bob = PARENT.replace("parent", "bob");
    expect(requestOf(configOf(lines, bob), options, env)).toEqual({ obstacle: expect.stringContaining(obstacle) });
  });

  it.each<[string, string, Record<string, string>]>([
    ["the profile's endpoint_url", `${NEAR}endpoint_url = http://127.0.0.1:4566\n`, {}],
    [
      "the profile's services",
      `${NEAR}services = near\n[services near]\nsts =\n  endpoint_url = https://sts.example.com\n`,
      {},
    ],
    ["a region's own address", NEAR, { AWS_ENDPOINT_URL: "https://sts.eu-west-1.amazonaws.com" }],
    [
      "an interface endpoint",
      NEAR,
      { AWS_ENDPOINT_URL_STS: "https://vpce-0a1b-2c3d.sts.us-east-1.vpce.amazonaws.com" },
    ],
    ["another service's endpoint", NEAR, { AWS_ENDPOINT_URL_EC2: "https://ec2.example.com" }],
    [
      "a variable that is to be left aside",
      NEAR,
      { AWS_ENDPOINT_URL: "https://sts.example.com", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" },
    ],
  ])("is none with %s", (_, lines, env) => {
    expect(requestOf(configOf(lines), {}, env)).toHaveProperty("arguments");
  });

  it("has none for a role by its ARN", () => {
    const files = makeAwsConfig(parseAwsConfig(PARENT, "config", "config"), parseAwsConfig("", "", "credentials"));
    const { awsCliRequest } = resolveTarget(ROLE, { sourceProfile: "parent" }, files, {});
    expect(awsCliRequest).toEqual({ obstacle: "the AWS CLI knows roles by their profiles alone" });
  });

  it.each<[string, TargetOptions]>([
    ["how it is come by", { direct: true }],
    ["what the profile says anyway", { sourceProfile: "parent", serialNumber: SERIAL }],
    ["the region", { region: "eu-west-1" }],
  ])("is not told by %s", (_, options) => {
    expect(requestOf(configOf(NEAR), options)).toEqual(requestOf(configOf(NEAR)));
  });
});
