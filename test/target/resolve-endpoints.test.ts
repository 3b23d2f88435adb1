import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import type { Environment } from "../../src/host/host.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { resolveEndpoints } from "../../src/target/resolve-endpoints.ts";

const OWN = "endpoint_url = https://sts.example\n";
const FIPS = "use_fips_endpoint = true\n";

function resolve(section: string, env: Environment = {}, option?: string) {
  const config = makeAwsConfig(
    parseAwsConfig(`[profile dev]\n${section}`, "/aws/config", "config"),
    parseAwsConfig("", "/aws/credentials", "credentials"),
    false,
  );
  try {
    return resolveEndpoints(option, config.profile("dev"), config, env);
  } catch (error) {
    if (error instanceof AssumeMfaError) return [error.exitCode, error.code, error.message];
    throw error;
  }
}

describe("an address of one's own", () => {
  it.each<[string, Parameters<typeof resolve>, string]>([
    [
      "FIPS in the profile",
      [OWN + FIPS],
      "/aws/config:2: endpoint_url does not go together with use_fips_endpoint = true (/aws/config:3)",
    ],
    [
      "FIPS in the environment",
      [OWN, { AWS_USE_FIPS_ENDPOINT: "true" }],
      "/aws/config:2: endpoint_url does not go together with use_fips_endpoint = true (AWS_USE_FIPS_ENDPOINT)",
    ],
    [
      "dual stack",
      ["use_dualstack_endpoint = true\n", { AWS_ENDPOINT_URL_EC2: "https://ec2.example" }],
      "AWS_ENDPOINT_URL_EC2 does not go together with use_dualstack_endpoint = true (/aws/config:2)",
    ],
    [
      "the option's",
      [FIPS, {}, "https://sts.example"],
      "--endpoint-url does not go together with use_fips_endpoint = true (/aws/config:2)",
    ],
  ])("has no other variant, which is said at once: %s", (_what, given, message) => {
    expect(resolve(...given)).toEqual([3, "ENDPOINT_UNEXPECTED", message]);
  });

  it.each<[string, Parameters<typeof resolve>]>([
    ["no variant is asked for", [`${OWN}use_fips_endpoint = false\n`]],
    ["the environment takes it back", [OWN + FIPS, { AWS_USE_FIPS_ENDPOINT: "false" }]],
  ])("is taken where %s", (_what, given) => {
    expect(resolve(...given)).toMatchObject({ sts: { value: "https://sts.example" } });
  });

  it("does not bar a variant where it is to be left aside", () => {
    expect(resolve(OWN + FIPS, { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" })).toEqual({});
  });
});
