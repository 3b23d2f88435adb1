import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import type { Environment } from "../../src/host/host.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { firstSource, rolesOnTheWay } from "../../src/target/chain.ts";
import { formatOrigin } from "../../src/target/format-origin.ts";
import { resolveSignIn } from "../../src/target/resolve-sign-in.ts";
import { resolveTarget, type TargetOptions } from "../../src/target/resolve-target.ts";
import type { Source, Target } from "../../src/target/target.ts";
import { hasBotocore } from "./read-with-botocore.ts";

// Chains of roles, and who gives a source its credentials (CLI.md, "Whose keys sign"; ACCEPTANCE.md T15). The rungs for
// plain keys stand in resolve-target.test.ts.

const DEVICE = "arn:aws:iam::111122223333:mfa/alice";
const OTHER_DEVICE = "arn:aws:iam::111122223333:mfa/other";
const KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n";
const ENV_KEYS = { AWS_ACCESS_KEY_ID: "AKIAI44QH8DHBEXAMPLE", AWS_SECRET_ACCESS_KEY: "x" };
const role = (name: string) => `arn:aws:iam::222222222222:role/${name}`;
const hop = (name: string, source: string, lines = "") =>
  `[profile ${name}]\nrole_arn = ${role(name.replace(/\W/g, ""))}\nsource_profile = ${source}\n${lines}`;

interface Case {
  readonly config: string;
  readonly credentials?: string;
  readonly name?: string;
  readonly env?: Environment;
  readonly options?: TargetOptions;
  readonly isExported?: boolean;
}

function resolve({ config, credentials, name = "dev", env = {}, options = {}, isExported }: Case): Target {
  const files = makeAwsConfig(
    parseAwsConfig(config, "/config", "config"),
    parseAwsConfig(credentials ?? `[parent]\n${KEYS}`, "/credentials", "credentials"),
  );
  const exported = isExported === true ? { targetName: "dev", region: undefined } : undefined;
  return resolveTarget(name, options, files, env, exported);
}

function said(given: Case): readonly [code: string, exitCode: number, message: string] {
  try {
    resolve(given);
  } catch (error) {
    if (!(error instanceof AssumeMfaError)) throw error;
    return [error.code, error.exitCode, error.message];
  }
  throw new Error("it was resolved");
}

/** From the keys on: what signs, then each role. */
function way(target: Target): readonly string[] {
  return [firstSource(target.source).label, ...rolesOnTheWay(target).map(({ name }) => name)];
}

const providerOf = (source: Source) => (source.kind === "provided" ? source.provider : undefined);

describe("a chain", () => {
  const config = `${hop("dev", "jump")}${hop("jump", "parent", `mfa_serial = ${DEVICE}\nexternal_id = j-1\nduration_seconds = 1800\nregion = eu-west-1\nrole_session_name = jumper\nassume_mfa_cache = none\n`)}`;

  it("is the role of its source profile, with all that this profile says", () => {
    const target = resolve({ config });
    expect(way(target)).toEqual(['profile "parent"', "jump", "dev"]);
    expect([target.source.label, target.source.profileName, formatOrigin(target.source.origin)]).toEqual([
      "the role of jump",
      "jump",
      "/config:3",
    ]);
    if (target.source.kind !== "role") throw new Error("no chain");
    expect(target.source.target).toMatchObject({
      name: "jump",
      profileName: "jump",
      role: { value: { arn: role("jump") } },
      mfaSerial: { value: DEVICE },
      externalId: { value: "j-1" },
      durationSeconds: { value: 1800 },
      roleSessionName: { value: "jumper" },
      region: { value: "eu-west-1" },
      cache: { value: "none" },
    });
    expect(target).toMatchObject({
      mfaSerial: undefined,
      externalId: undefined,
      durationSeconds: undefined,
      roleSessionName: undefined,
      region: undefined,
      cache: { value: "file" },
    });
  });

  it("has in a role on the way what the role is as a target itself", () => {
    const { source } = resolve({ config });
    if (source.kind !== "role") throw new Error("no chain");
    expect(source.target).toEqual(resolve({ config, name: "jump" }));
  });

  it("is frozen through and through", () => {
    const walk = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      expect(Object.isFrozen(value)).toBe(true);
      for (const part of Object.values(value)) walk(part);
    };
    walk(resolve({ config: `${hop("last", "dev")}${config}`, name: "last" }));
  });

  it.each<[string, Partial<Case>, readonly string[]]>([
    [
      "of three",
      { config: `${hop("dev", "b")}${hop("b", "c")}${hop("c", "parent")}` },
      ['profile "parent"', "c", "b", "dev"],
    ],
    [
      "that --source-profile begins",
      { config: `${hop("dev", "parent")}${hop("b", "parent")}`, options: { sourceProfile: "b" } },
      ['profile "parent"', "b", "dev"],
    ],
    [
      "that ASSUME_MFA_SOURCE_PROFILE begins: for the target alone",
      {
        config: `${hop("dev", "parent")}${hop("b", "c")}${hop("c", "parent")}`,
        env: { ASSUME_MFA_SOURCE_PROFILE: "b" },
      },
      ['profile "parent"', "c", "b", "dev"],
    ],
    [
      "that AWS_PROFILE begins, for a role's ARN",
      { config: hop("b", "parent"), name: role("x"), env: { AWS_PROFILE: "b" } },
      ['profile "parent"', "b", role("x")],
    ],
    [
      "that the profile default begins",
      { config: `[default]\nrole_arn = ${role("d")}\nsource_profile = parent\n`, name: role("x") },
      ['profile "parent"', "default", role("x")],
    ],
    [
      "of a profile that is its own source, since it has keys",
      { config: hop("dev", "dev", KEYS) },
      ['profile "dev"', "dev"],
    ],
    [
      "to a profile with a role and keys: its keys",
      { config: `${hop("dev", "b")}${hop("b", "parent", KEYS)}` },
      ['profile "b"', "dev"],
    ],
    [
      "whose first role has the environment's keys",
      {
        config: `${hop("dev", "b")}[profile b]\nrole_arn = ${role("b")}\ncredential_source = Environment\n`,
        env: ENV_KEYS,
      },
      ["the environment", "b", "dev"],
    ],
    [
      "whose first role names no source: what is in force",
      { config: `${hop("dev", "b")}[profile b]\nrole_arn = ${role("b")}\n`, env: { ...ENV_KEYS, AWS_PROFILE: "dev" } },
      ["the environment", "b", "dev"],
    ],
    [
      "of hostile names",
      {
        config:
          `${hop("__proto__", "constructor")}${hop("constructor", '"to string"')}${hop('"to string"', "parent")}`.replace(
            'source_profile = "to string"',
            "source_profile = to string",
          ),
        name: "__proto__",
      },
      ['profile "parent"', "to string", "constructor", "__proto__"],
    ],
  ])("%s", (_, given, expected) => {
    expect(way(resolve({ config: "", ...given }))).toEqual(expected);
  });

  it.each<[string, Case, readonly unknown[]]>([
    ["no profile of the name", { config: hop("dev", "nobody") }, ["SOURCE_CREDENTIALS_MISSING", 3]],
    ["none on the way", { config: `${hop("dev", "b")}${hop("b", "nobody")}` }, ["SOURCE_CREDENTIALS_MISSING", 3]],
    [
      "a role on the way that is none",
      { config: `${hop("dev", "b")}[profile b]\nrole_arn = x\nsource_profile = parent\n` },
      ["CONFIG_MALFORMED", 3],
    ],
    [
      "a setting of ours that is mistyped on the way",
      { config: `${hop("dev", "b")}${hop("b", "parent", "assume_mfa_cashe = none\n")}` },
      ["CONFIG_MALFORMED", 3],
    ],
    [
      "a passkey on the way",
      {
        config: `${hop("dev", "b")}${hop("b", "parent", "mfa_serial = arn:aws:iam::111122223333:u2f/user/alice/x\n")}`,
      },
      ["MFA_SERIAL_UNUSABLE", 3],
    ],
    [
      "an exported session",
      {
        config: `${hop("dev", "b")}[profile b]\nrole_arn = ${role("b")}\ncredential_source = Environment\n`,
        env: { ...ENV_KEYS, AWS_SESSION_TOKEN: "x" },
        isExported: true,
      },
      ["SOURCE_CREDENTIALS_MISSING", 3],
    ],
    [
      "a loop through a profile that has keys, as in the AWS CLI",
      { config: `${hop("dev", "b", KEYS)}${hop("b", "dev")}` },
      ["SOURCE_PROFILE_LOOP", 3, "source_profile goes round in a circle: dev → b → dev"],
    ],
    [
      "a loop that --source-profile makes",
      { config: `${hop("dev", "parent")}${hop("b", "dev")}`, options: { sourceProfile: "b" } },
      ["SOURCE_PROFILE_LOOP", 3, "source_profile goes round in a circle: dev → b → dev"],
    ],
  ])("is refused with %s", (_, given, expected) => {
    expect(said(given).slice(0, expected.length)).toEqual(expected);
  });

  it("has the device of the run at the role nearest to the keys, whoever names it", () => {
    const three = `${hop("dev", "b")}${hop("b", "c", `mfa_serial = ${DEVICE}\n`)}${hop("c", "parent")}`;
    const credentials = `[parent]\n${KEYS}mfa_serial = ${OTHER_DEVICE}\nmfa_process = show-code\n`;
    const devices = (given: Partial<Case>) =>
      rolesOnTheWay(resolve({ config: three, credentials, ...given })).map(({ mfaSerial }) => mfaSerial?.value);
    expect(devices({})).toEqual([OTHER_DEVICE, DEVICE, undefined]);
    const asked = "arn:aws:iam::111122223333:mfa/asked";
    expect(devices({ options: { serialNumber: asked } })).toEqual([asked, DEVICE, undefined]);
    expect(devices({ env: { ASSUME_MFA_SERIAL_NUMBER: asked } })).toEqual([asked, DEVICE, undefined]);
    const processes = rolesOnTheWay(resolve({ config: three, credentials })).map(({ mfaProcess }) => mfaProcess?.value);
    expect(processes).toEqual([["show-code"], undefined, undefined]);
  });

  it("has what is the target's at the target alone, and endpoints and the route everywhere", () => {
    const roles = rolesOnTheWay(
      resolve({
        config,
        options: {
          duration: "20m",
          roleSessionName: "me-too",
          externalId: "x-1",
          sourceIdentity: "alice",
          sessionTag: ["a=b"],
          policyArn: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
          region: "us-west-2",
          endpointUrl: "http://localhost:4000",
          direct: true,
        },
      }),
    );
    expect(
      roles.map((one) => [
        one.durationSeconds?.value,
        one.roleSessionName?.value,
        one.externalId?.value,
        one.sourceIdentity?.value,
        one.sessionTags.length,
        one.policyArns.length,
        one.region?.value,
        one.endpoints.sts?.value,
        one.sessionMode.value,
      ]),
    ).toEqual([
      [1800, "jumper", "j-1", undefined, 0, 0, "eu-west-1", "http://localhost:4000", "direct"],
      [1200, "me-too", "x-1", "alice", 1, 1, "us-west-2", "http://localhost:4000", "direct"],
    ]);
    const env = { ASSUME_MFA_DURATION: "20m", ASSUME_MFA_ROLE_SESSION_NAME: "me-too" };
    const byEnvironment = rolesOnTheWay(resolve({ config, env }));
    expect(byEnvironment.map((one) => [one.durationSeconds?.value, one.roleSessionName?.value])).toEqual([
      [1800, "jumper"],
      [1200, "me-too"],
    ]);
  });
});

describe("a sign-in for the day", () => {
  it("takes the device of a chain's first role, not one that its last can't use", () => {
    const config = `${hop("dev", "jump", `mfa_serial = ${OTHER_DEVICE}\n`)}${hop("jump", "parent", `mfa_serial = ${DEVICE}\nassume_mfa_session_duration = 4h\n`)}`;
    const files = makeAwsConfig(
      parseAwsConfig(config, "/config", "config"),
      parseAwsConfig(`[parent]\n${KEYS}`, "/credentials", "credentials"),
    );
    for (const env of [{}, { AWS_PROFILE: "dev" }]) {
      const signIn = resolveSignIn({}, files, env, undefined);
      expect([signIn.forWhom, signIn.mfaSerial?.value, signIn.sharedDurationSeconds.value]).toEqual([
        'profile "parent"',
        DEVICE,
        14_400,
      ]);
    }
  });
});

const SSO = "sso_account_id = 111122223333\nsso_role_name = Admin\n";
const SESSION = "[sso-session corp]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n";
const SSO_PROVIDER = {
  kind: "sso",
  sessionName: "corp",
  startUrl: "https://example.awsapps.com/start",
  region: "us-east-1",
  accountId: "111122223333",
  roleName: "Admin",
  endpoint: undefined,
  oidcEndpoint: undefined,
};

describe("who gives a source its credentials", () => {
  const behind = (lines: string) => `${hop("dev", "src")}[profile src]\n${lines}`;
  it.each<[string, Partial<Case>, object, string]>([
    [
      "a program",
      { config: behind("credential_process = vault get 'a b'\n") },
      { kind: "process", command: ["vault", "get", "a b"], environment: [] },
      'credential_process of profile "src"',
    ],
    [
      "IAM Identity Center",
      { config: `${behind(`sso_session = corp\n${SSO}`)}${SESSION}` },
      SSO_PROVIDER,
      'IAM Identity Center (profile "src")',
    ],
    [
      "IAM Identity Center, in the older form",
      { config: behind(`${SSO}sso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n`) },
      { ...SSO_PROVIDER, sessionName: undefined },
      'IAM Identity Center (profile "src")',
    ],
    [
      "IAM Identity Center at another address",
      {
        config: `${behind(`sso_session = corp\n${SSO}`)}${SESSION}`,
        env: { AWS_ENDPOINT_URL_SSO: "http://localhost:1" },
      },
      {
        ...SSO_PROVIDER,
        endpoint: { value: "http://localhost:1", origin: { kind: "environment", variable: "AWS_ENDPOINT_URL_SSO" } },
      },
      'IAM Identity Center (profile "src")',
    ],
    [
      "IAM Identity Center at the run's address",
      { config: `${behind(`sso_session = corp\n${SSO}`)}${SESSION}`, options: { endpointUrl: "http://localhost:2" } },
      {
        ...SSO_PROVIDER,
        endpoint: { value: "http://localhost:2", origin: { kind: "option", option: "--endpoint-url" } },
      },
      'IAM Identity Center (profile "src")',
    ],
    [
      "a console sign-in",
      { config: behind("login_session = arn:aws:iam::111122223333:user/alice\nregion = eu-west-1\n") },
      { kind: "login", session: "arn:aws:iam::111122223333:user/alice", region: "eu-west-1" },
      'the console sign-in of profile "src"',
    ],
    [
      "a web identity",
      { config: behind(`role_arn = ${role("w")}\nweb_identity_token_file = /run/token\nrole_session_name = me\n`) },
      { kind: "web identity", roleArn: role("w"), tokenFile: "/run/token", roleSessionName: "me" },
      'the web identity of profile "src"',
    ],
    [
      "the target's own web identity, before its source_profile",
      { config: hop("dev", "parent", "web_identity_token_file = /run/token\n") },
      { kind: "web identity", roleArn: role("dev"), tokenFile: "/run/token", roleSessionName: undefined },
      'the web identity of profile "dev"',
    ],
    [
      "an instance",
      { config: `[profile dev]\nrole_arn = ${role("x")}\ncredential_source = Ec2InstanceMetadata\n` },
      { kind: "instance metadata", endpoint: "http://169.254.169.254" },
      "the instance's role",
    ],
    [
      "an instance by IPv6",
      {
        config: `[profile dev]\nrole_arn = ${role("x")}\ncredential_source = Ec2InstanceMetadata\nec2_metadata_service_endpoint_mode = IPv6\n`,
      },
      { kind: "instance metadata", endpoint: "http://[fd00:ec2::254]" },
      "the instance's role",
    ],
    [
      "an instance elsewhere: the environment before the profile",
      {
        config: `[profile dev]\nrole_arn = ${role("x")}\ncredential_source = Ec2InstanceMetadata\nec2_metadata_service_endpoint = http://localhost:2\n`,
        env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://localhost:1/", AWS_EC2_METADATA_DISABLED: "false" },
      },
      { kind: "instance metadata", endpoint: "http://localhost:1" },
      "the instance's role",
    ],
    [
      "a container of ECS",
      {
        config: `[profile dev]\nrole_arn = ${role("x")}\ncredential_source = EcsContainer\n`,
        env: {
          AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/x?y=1",
          AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://localhost/",
        },
      },
      { kind: "container", uri: "http://169.254.170.2/v2/x?y=1" },
      "the container's role",
    ],
    ...[
      "http://169.254.170.23/v1/x",
      "http://[fd00:ec2::23]/v1/x",
      "https://elsewhere.example/x",
      "http://[::1]:90/x",
    ].map((uri): [string, Partial<Case>, object, string] => [
      `a container at ${uri}`,
      {
        config: `[profile dev]\nrole_arn = ${role("x")}\ncredential_source = EcsContainer\n`,
        env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri },
      },
      { kind: "container", uri },
      "the container's role",
    ]),
    [
      "the first role's program",
      { config: `${hop("dev", "b")}${hop("b", "src")}[profile src]\ncredential_process = vault\n` },
      { kind: "process", command: ["vault"], environment: [] },
      'credential_process of profile "src"',
    ],
  ])("is %s", (_, given, provider, label) => {
    const first = firstSource(resolve({ config: "", ...given }).source);
    expect(providerOf(first)).toEqual(provider);
    expect(first.label).toBe(label);
    expect(Object.isFrozen(providerOf(first))).toBe(true);
  });

  it.each<[string, string, string | undefined, string]>([
    [
      "web identity before SSO",
      `role_arn = ${role("w")}\nweb_identity_token_file = /t\n${SSO}sso_session = corp\n`,
      undefined,
      "web identity",
    ],
    ["SSO before keys", `${SSO}sso_session = corp\n`, KEYS, "sso"],
    ["keys of the credentials file before a program", "credential_process = vault\n", KEYS, "keys"],
    ["keys of the credentials file before a console sign-in", "login_session = arn:aws:iam::1:user/a\n", KEYS, "keys"],
    [
      "a console sign-in before a program",
      "login_session = arn:aws:iam::1:user/a\ncredential_process = vault\n",
      undefined,
      "login",
    ],
    ["a program before keys of the config file", `credential_process = vault\n${KEYS}`, undefined, "process"],
    ["keys of the config file", KEYS, undefined, "keys"],
    ["keys, where only a part of SSO is there", `${KEYS}sso_session = corp\n`, undefined, "keys"],
    ["keys before a role", `role_arn = ${role("w")}\nsource_profile = parent\n${KEYS}`, undefined, "keys"],
  ])("is in the AWS CLI's order: %s", (_, lines, keys, kind) => {
    const { source } = resolve({
      config: `${behind(lines)}${SESSION}`,
      credentials: `[parent]\n${KEYS}${keys === undefined ? "" : `[src]\n${keys}`}`,
    });
    expect(providerOf(source)?.kind ?? source.kind).toBe(kind);
  });

  it.each<[string, Case, string]>([
    [
      "an sso-session that is not there",
      { config: behind(`sso_session = corp\n${SSO}`) },
      "/config:5: sso_session names no [sso-session …] section of /config",
    ],
    [
      "SSO without an account",
      { config: `${behind("sso_session = corp\nsso_role_name = Admin\n")}${SESSION}` },
      "/config:6: sso_role_name needs sso_account_id too",
    ],
    [
      "SSO without a role",
      { config: `${behind("sso_account_id = 111122223333\nsso_session = corp\n")}${SESSION}` },
      "/config:5: sso_account_id needs sso_role_name too",
    ],
    ["SSO without a place", { config: behind(SSO) }, "/config:5: sso_account_id needs sso_start_url too"],
    [
      "half of SSO and nothing else",
      { config: `${behind("sso_session = corp\n")}${SESSION}` },
      "/config:5: sso_session needs sso_account_id too",
    ],
    [
      "two words for one thing",
      { config: `${behind(`sso_session = corp\n${SSO}sso_region = eu-west-1\n`)}${SESSION}` },
      "/config:8: sso_region is not what the sso-session says (/config:11)",
    ],
    [
      "a region that is a host",
      { config: `${behind(`sso_session = corp\n${SSO}`)}${SESSION.replace("us-east-1", "evil.example/#")}` },
      "/config:10: sso_region must be the name of a region, such as us-east-1",
    ],
    [
      "an account that is none",
      { config: `${behind(`sso_session = corp\n${SSO.replace("111122223333", "1")}`)}${SESSION}` },
      "/config:6: sso_account_id must be an account id of twelve digits",
    ],
    [
      "a start page without TLS",
      { config: `${behind(`sso_session = corp\n${SSO}`)}${SESSION.replace("https", "http")}` },
      "/config:9: sso_start_url must be an https URL, such as https://example.awsapps.com/start",
    ],
    [
      "a session's name that no section can have",
      { config: behind(`sso_session = a] b\n${SSO}`) },
      "/config:5: sso_session names no [sso-session …] section of /config",
    ],
    [
      "a token without a role",
      { config: behind("web_identity_token_file = /t\n") },
      "/config:5: web_identity_token_file needs a role_arn beside it, which the token is to open",
    ],
    [
      "a token's role that is none",
      { config: behind("role_arn = x\nweb_identity_token_file = /t\n") },
      "/config:5: role_arn is no role's ARN",
    ],
    [
      "an empty token file",
      { config: behind(`role_arn = ${role("w")}\nweb_identity_token_file =\n`) },
      "/config:6: web_identity_token_file is empty",
    ],
    [
      "a sign-in that is none",
      { config: behind("login_session = alice\n") },
      "/config:5: login_session is no ARN of who signed in",
    ],
    [
      "a metadata mode that is none",
      {
        config: `[profile dev]\nrole_arn = ${role("x")}\ncredential_source = Ec2InstanceMetadata\nec2_metadata_service_endpoint_mode = v5\n`,
      },
      "/config:4: ec2_metadata_service_endpoint_mode must be IPv4 or IPv6",
    ],
    [
      "metadata by https",
      {
        config: `[profile dev]\nrole_arn = ${role("x")}\ncredential_source = Ec2InstanceMetadata\nec2_metadata_service_endpoint = https://x/\n`,
      },
      "/config:4: ec2_metadata_service_endpoint must be a plain http URL, such as http://169.254.169.254",
    ],
    [
      "a credential_process in the target's own profile",
      { config: `[profile dev]\nrole_arn = ${role("x")}\ncredential_process = vault\n`, env: ENV_KEYS },
      '/config:3: credential_process gives profile "dev" credentials by a credential_process, and its role_arn needs a source',
    ],
    [
      "SSO in the target's own profile",
      { config: `[profile dev]\nrole_arn = ${role("x")}\nsso_session = corp\n${SSO}${SESSION}`, env: ENV_KEYS },
      '/config:3: sso_session gives profile "dev" credentials by IAM Identity Center (SSO), and its role_arn needs a source',
    ],
    [
      "SSO in a profile that is its own source, as in the AWS CLI",
      { config: `${hop("dev", "dev", SSO)}` },
      "source_profile goes round in a circle: dev → dev",
    ],
    [
      "a program that only the profile default names",
      { config: `[default]\ncredential_process = vault\n[profile dev]\nrole_arn = ${role("x")}\n` },
      "the profile default would run a credential_process (/config:2), and nobody chose it",
    ],
  ])("is an error where there is %s", (_, given, message) => {
    expect(said({ credentials: `[parent]\n${KEYS}`, ...given }).slice(1)).toEqual([3, message]);
  });

  it("may be the profile default where it was chosen", () => {
    const config = `[default]\ncredential_process = vault\n[profile dev]\nrole_arn = ${role("x")}\n`;
    for (const given of [{ env: { AWS_PROFILE: "default" } }, { options: { sourceProfile: "default" } }]) {
      expect(providerOf(resolve({ config, ...given }).source)?.kind).toBe("process");
    }
    const sso = `[default]\nsso_session = corp\n${SSO}${SESSION}[profile dev]\nrole_arn = ${role("x")}\n`;
    expect(providerOf(resolve({ config: sso }).source)?.kind, "which runs no program").toBe("sso");
  });
});

describe("any file", () => {
  const KEY_NAMES = [
    "role_arn",
    "source_profile",
    "credential_source",
    "credential_process",
    "web_identity_token_file",
    "sso_session",
    "sso_account_id",
    "sso_role_name",
    "sso_start_url",
    "sso_region",
    "login_session",
    "aws_access_key_id",
    "aws_secret_access_key",
    "mfa_serial",
    "source_identity",
    "session_tags",
    "ec2_metadata_service_endpoint",
    "ec2_metadata_service_endpoint_mode",
    "endpoint_url",
    "region",
  ];
  /** As long as a secret key: what slipped into the wrong line is never shown. */
  const SLIPPED = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  const value = fc.oneof(
    fc.constantFrom(role("x"), "p0", "p1", "p2", "__proto__", "Environment", "Ec2InstanceMetadata", "EcsContainer"),
    fc.constantFrom(
      "x",
      "",
      "us-east-1",
      "111122223333",
      "https://a.example/start",
      "http://localhost:1",
      "corp",
      "a=b",
    ),
    fc.constantFrom(
      SLIPPED,
      `vault '${SLIPPED}`,
      `./${SLIPPED}`,
      `http://${SLIPPED}@x`,
      `\u202e${SLIPPED}`,
      `${SLIPPED} x`,
    ),
    fc.string({ maxLength: 8, unit: "binary" }).map((text) => text.replace(/[\r\n]/g, "")),
  );
  const section = fc.dictionary(fc.constantFrom(...KEY_NAMES), value, { maxKeys: 8, noNullPrototype: true });

  it("resolves or is refused in our words, which show nothing that slipped", () => {
    let resolved = 0;
    fc.assert(
      fc.property(fc.array(section, { minLength: 3, maxLength: 3 }), section, (profiles, session) => {
        const write = (header: string, settings: Readonly<Record<string, string>>) =>
          `[${header}]\n${Object.entries(settings)
            .map(([key, text]) => `${key} = ${text}\n`)
            .join("")}`;
        const config = [
          ...profiles.map((settings, index) => write(`profile p${index}`, { role_arn: role("x"), ...settings })),
          write("profile __proto__", profiles[0] ?? {}),
          write("sso-session corp", session),
        ].join("");
        const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: session.endpoint_url, ...ENV_KEYS };
        try {
          const target = resolve({ config, name: "p0", env });
          resolved += 1;
          expect(rolesOnTheWay(target).length).toBeLessThan(11);
        } catch (error) {
          if (!(error instanceof AssumeMfaError)) throw error;
          expect(`${error.message} ${error.hint}`).not.toContain(SLIPPED);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(resolved).toBeGreaterThan(50);
  });
});

/** Which role each profile assumes in turn, as botocore goes; `error` where it refuses. */
const BOTOCORE = `
import json, sys
from botocore.credentials import AssumeRoleProvider, ProfileProviderBuilder
import botocore.session, os
answers = []
for path in json.load(sys.stdin):
    os.environ["AWS_CONFIG_FILE"] = path
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null"
    session = botocore.session.Session(profile="p0")
    roles = []
    class Recording(AssumeRoleProvider):
        def _get_role_config(self, name):
            found = super()._get_role_config(name)
            roles.append(name)
            return found
    try:
        provider = Recording(load_config=lambda: session.full_config, client_creator=None, cache={}, profile_name="p0",
                             profile_provider_builder=ProfileProviderBuilder(session))
        provider.load()
        answers.append(roles[::-1])
    except Exception as error:
        answers.append("error")
json.dump(answers, sys.stdout)
`;

describe.skipIf(!hasBotocore)("a chain as botocore goes it", () => {
  it("assumes the same roles in the same order, and refuses the same", () => {
    const count = 5;
    const profile = fc.record({
      hasRole: fc.integer({ max: 3, min: 0 }).map((one) => one > 0),
      hasKeys: fc.integer({ max: 3, min: 0 }).map((one) => one === 0),
      // "next" makes chains likely; one number names nobody.
      source: fc.oneof(
        { weight: 6, arbitrary: fc.constant("next" as const) },
        { weight: 5, arbitrary: fc.nat(count) },
        { weight: 1, arbitrary: fc.constant(undefined) },
      ),
    });
    const configs = fc.sample(fc.array(profile, { minLength: count, maxLength: count }), { numRuns: 120, seed: 4 });
    const texts = configs.map((profiles) =>
      profiles
        .map(({ hasRole, hasKeys, source }, index) =>
          [
            `[profile p${index}]`,
            // The target is a role whatever the others are.
            ...(hasRole || index === 0 ? [`role_arn = ${role(`p${index}`)}`] : []),
            ...(source === undefined ? [] : [`source_profile = p${source === "next" ? index + 1 : source}`]),
            ...(hasKeys ? [KEYS.trim()] : []),
          ].join("\n"),
        )
        .join("\n"),
    );
    const folder = mkdtempSync(path.join(tmpdir(), "assume-mfa-test-"));
    try {
      const files = texts.map((text, index) => {
        const file = path.join(folder, `${index}`);
        writeFileSync(file, text);
        return file;
      });
      const python = spawnSync("python3", ["-c", BOTOCORE], {
        input: JSON.stringify(files),
        encoding: "utf8",
        timeout: 60_000,
      });
      expect(python.stderr).toBe("");
      const theirs = JSON.parse(python.stdout) as readonly (readonly string[] | "error")[];
      const ours = texts.map((config) => {
        try {
          return rolesOnTheWay(resolve({ config, credentials: "", name: "p0" })).map(({ name }) => name);
        } catch (error) {
          if (error instanceof AssumeMfaError) return "error";
          throw error;
        }
      });
      const differing = texts
        .map((text, index) => ({ text, ours: ours[index], theirs: theirs[index] }))
        // A role without a source is refused there; here its profile's own keys sign, or what is in force.
        .filter((one) => !(one.theirs === "error" && /role_arn = \S+\n(?!source_profile)/.test(`${one.text}\n`)))
        .filter((one) => JSON.stringify(one.ours) !== JSON.stringify(one.theirs));
      expect(differing).toEqual([]);
      expect(theirs.filter((one) => one !== "error").length).toBeGreaterThan(20);
      expect(theirs.filter((one) => one !== "error" && one.length > 1).length).toBeGreaterThan(10);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
