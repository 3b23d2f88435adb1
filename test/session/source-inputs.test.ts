import { describe, expect, it } from "vitest";
import { canonicalText, sessionInputs } from "../../src/session/session-inputs.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import type { ExportedSession } from "../../src/target/resolve-source.ts";
import { resolveTarget, type TargetOptions } from "../../src/target/resolve-target.ts";

// ACCEPTANCE.md C10, T4: whose credentials sign is part of what a session is kept under: every field of a role on the way,
// and of whoever gives them.

const ROLE = "arn:aws:iam::222222222222:role/PrivilegedActionsRole";
const KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n";

function keyOf(
  config: string,
  options: TargetOptions = {},
  credentials = `[parent]\n${KEYS}`,
  env = {},
  exported?: ExportedSession,
): string {
  const files = makeAwsConfig(
    parseAwsConfig(`[profile dev]\nrole_arn = ${ROLE}\nsource_profile = src\n${config}`, "/config", "config"),
    parseAwsConfig(credentials, "/credentials", "credentials"),
  );
  return canonicalText(sessionInputs(resolveTarget("dev", options, files, env, exported)));
}

/** Each differs from the first in one thing. */
function expectAllDifferent(texts: readonly string[]): void {
  const keys = new Set(texts);
  expect(texts.length).toBeGreaterThan(1);
  expect(keys.size).toBe(texts.length);
}

describe("the key of a session behind a role", () => {
  const hop = (lines = "", source = "parent", role = "arn:aws:iam::111122223333:role/Jump") =>
    `[profile src]\nrole_arn = ${role}\nsource_profile = ${source}\n${lines}`;

  it("is another for every setting of that role", () => {
    const otherKeys = `[parent]\n${KEYS.replace("FODNN7", "FODNN8")}`;
    expectAllDifferent([
      keyOf(hop()),
      keyOf(hop("", "parent", "arn:aws:iam::111122223333:role/Other")),
      keyOf(hop("mfa_serial = arn:aws:iam::111122223333:mfa/alice\n")),
      keyOf(hop(), { serialNumber: "arn:aws:iam::111122223333:mfa/bob" }),
      keyOf(hop("assume_mfa_required = false\n")),
      keyOf(hop("external_id = a-1\n")),
      keyOf(hop("duration_seconds = 900\n")),
      keyOf(hop("role_session_name = me\n")),
      keyOf(hop("source_identity = alice\n")),
      keyOf(hop("session_tags = a=b\n")),
      keyOf(hop("session_tags = a=b\ntransitive_session_tags = a\n")),
      keyOf(hop("endpoint_url = http://localhost:1\n")),
      keyOf(hop(), {}, otherKeys),
      keyOf(
        `${hop("", "more")}[profile more]\nrole_arn = arn:aws:iam::111122223333:role/More\nsource_profile = parent\n`,
      ),
      keyOf(hop(), { sourceProfile: "parent" }),
    ]);
  });

  it("is the same whatever the profiles are called, and wherever they work", () => {
    const one = keyOf(hop());
    expect(keyOf(`${hop()}region = eu-west-1\nassume_mfa_confirm = always\nassume_mfa_cache = none\n`)).toBe(one);
    const renamed = keyOf(hop().replace("[profile src]", "[profile other]"), { sourceProfile: "other" });
    expect(renamed).toBe(one);
  });

  it("stays short however long the way is", () => {
    const names = Array.from({ length: 9 }, (_, index) => `h${index}`);
    const way = names
      .map((name, index) => `[profile ${name}]\nrole_arn = ${ROLE}\nsource_profile = ${names[index + 1] ?? "parent"}\n`)
      .join("");
    expect(keyOf(way, { sourceProfile: "h0" }).length).toBeLessThan(1_000);
  });
});

describe("the key of a session whose source gives credentials", () => {
  const sso = (lines: string) => `[profile src]\n${lines}`;
  const SSO = {
    sso_account_id: "111122223333",
    sso_role_name: "Admin",
    sso_start_url: "https://a.example/start",
    sso_region: "us-east-1",
  };
  const lines = (settings: Readonly<Record<string, string>>) =>
    sso(
      Object.entries(settings)
        .map(([key, value]) => `${key} = ${value}\n`)
        .join(""),
    );
  const session = (name: string) =>
    `${lines({ sso_account_id: SSO.sso_account_id, sso_role_name: SSO.sso_role_name, sso_session: name })}[sso-session ${name}]\nsso_start_url = ${SSO.sso_start_url}\nsso_region = us-east-1\n`;

  it("is another for every setting of whoever gives them", () => {
    const web = { role_arn: "arn:aws:iam::111122223333:role/Web", web_identity_token_file: "/token" };
    expectAllDifferent([
      keyOf(sso(KEYS)),
      keyOf(sso("credential_process = vault get\n")),
      keyOf(sso("credential_process = vault put\n")),
      keyOf(sso("credential_process = 'vault get'\n")),
      keyOf(sso("credential_process = vault get ''\n")),
      keyOf(lines(SSO)),
      keyOf(lines({ ...SSO, sso_account_id: "222222222222" })),
      keyOf(lines({ ...SSO, sso_role_name: "Other" })),
      keyOf(lines({ ...SSO, sso_start_url: "https://b.example/start" })),
      keyOf(lines({ ...SSO, sso_region: "eu-west-1" })),
      keyOf(lines(SSO), {}, undefined, { AWS_ENDPOINT_URL_SSO: "http://localhost:1" }),
      keyOf(lines(SSO), {}, undefined, { AWS_ENDPOINT_URL_SSO_OIDC: "http://localhost:1" }),
      keyOf(session("corp")),
      keyOf(session("other")),
      keyOf(lines(web)),
      keyOf(lines({ ...web, role_arn: "arn:aws:iam::111122223333:role/Wob" })),
      keyOf(lines({ ...web, web_identity_token_file: "/other" })),
      keyOf(lines({ ...web, role_session_name: "me" })),
      keyOf(lines({ login_session: "arn:aws:iam::111122223333:user/alice" })),
      keyOf(lines({ login_session: "arn:aws:iam::111122223333:user/bob" })),
      keyOf(lines({ login_session: "arn:aws:iam::111122223333:user/alice", region: "eu-west-1" })),
    ]);
    const own = (source: string, env: Readonly<Record<string, string>>) =>
      canonicalText(
        sessionInputs(
          resolveTarget(
            "dev",
            {},
            makeAwsConfig(
              parseAwsConfig(`[profile dev]\nrole_arn = ${ROLE}\ncredential_source = ${source}\n`, "/config", "config"),
              parseAwsConfig("", "/credentials", "credentials"),
            ),
            env,
          ),
        ),
      );
    expectAllDifferent([
      own("Ec2InstanceMetadata", {}),
      own("Ec2InstanceMetadata", { AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://localhost:1/a" }),
      own("EcsContainer", { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://localhost:1/a" }),
      own("EcsContainer", { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/a" }),
    ]);
  });

  it("is the same whoever sets the address that it is asked at", () => {
    const byOption = keyOf(lines(SSO), { endpointUrl: "http://localhost:1" });
    const byEnvironment = keyOf(lines(SSO), {}, undefined, {
      AWS_ENDPOINT_URL_SSO: "http://localhost:1",
      AWS_ENDPOINT_URL_STS: "http://localhost:1",
    });
    expect(byOption).toBe(byEnvironment);
  });

  it.each([
    ...["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"],
    ...["AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"],
  ])("is another for a program that is given another %s, by which it can choose whose they are", (name) => {
    const program = sso("credential_process = vault get\n");
    const withValue = (value: string) => keyOf(program, { sourceProfile: "src" }, undefined, { [name]: value });
    expectAllDifferent([keyOf(program, { sourceProfile: "src" }), withValue("us-east-1"), withValue("us-west-2")]);
    expect(withValue("us-west-2")).not.toContain("us-west-2");
    expect(withValue("")).toBe(keyOf(program, { sourceProfile: "src" }));
    const keys = (env: Record<string, string>) => keyOf(sso(KEYS), { sourceProfile: "src" }, undefined, env);
    expect(keys({ [name]: "us-west-2" }), "keys that no program gives").toBe(keys({}));
  });

  it("is the same for a program whatever it is given that chooses nothing, and beside a session of our own export", () => {
    const program = sso("credential_process = vault get\n");
    const one = keyOf(program);
    for (const name of ["AWS_PAGER", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "TERM"]) {
      expect(keyOf(program, {}, undefined, { [name]: "x" })).toBe(one);
    }
    expect(keyOf(program, {}, undefined, { AWS_REGION: "eu-west-1" })).toBe(one);
    const region = "eu-west-1";
    const env = { AWS_ACCESS_KEY_ID: "ASIAIOSFODNN7EXAMPLE", AWS_REGION: region, AWS_DEFAULT_REGION: region };
    expect(keyOf(program, {}, undefined, env, { targetName: "dev", region })).toBe(one);
    expect(keyOf(program, {}, undefined, env)).not.toBe(one);
  });

  it("shows nothing of a command, which can hold a password", () => {
    expect(keyOf(sso("credential_process = vault --password hunter2hunter2\n"))).not.toContain("hunter2");
  });
});
