import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Credentials } from "../../src/credentials/credentials.ts";
import { AssumeMfaError } from "../../src/errors.ts";
import type { Environment } from "../../src/host/host.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { formatOrigin } from "../../src/target/format-origin.ts";
import type { ExportedSession } from "../../src/target/resolve-source.ts";
import { resolveTarget, type TargetOptions } from "../../src/target/resolve-target.ts";
import type { Origin, Target } from "../../src/target/target.ts";

const ROLE = "arn:aws:iam::222222222222:role/PrivilegedActionsRole";
const OTHER_ROLE = "arn:aws:iam::333333333333:role/Other";
const DEVICE = "arn:aws:iam::111122223333:mfa/alice";
const SECRET = randomBytes(30).toString("base64");
const TOKEN = randomBytes(60).toString("base64");
/** `npm run test:soak` may ask for more (ACCEPTANCE.md, C8). */
const RUNS = Number(process.env.FUZZ_RUNS ?? 2000);
const DEV = `[profile dev]\nrole_arn = ${ROLE}\nsource_profile = parent\n`;
const PARENT_KEYS = `[parent]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = ${SECRET}\n`;
const ENV_KEYS = { AWS_ACCESS_KEY_ID: "AKIAI44QH8DHBEXAMPLE", AWS_SECRET_ACCESS_KEY: SECRET };

interface Case {
  readonly name?: string;
  readonly config?: string;
  readonly credentials?: string;
  readonly env?: Environment;
  readonly options?: TargetOptions;
  readonly exported?: ExportedSession;
  readonly isHomeMissing?: boolean;
}

function resolve(given: Case = {}): Target {
  const config = makeAwsConfig(
    parseAwsConfig(given.config ?? DEV, "/aws/config", "config"),
    parseAwsConfig(given.credentials ?? PARENT_KEYS, "/aws/credentials", "credentials"),
    given.isHomeMissing,
  );
  return resolveTarget(given.name ?? "dev", given.options ?? {}, config, given.env ?? {}, given.exported);
}

function signingKeys({ source }: Target): Credentials {
  if (source.kind !== "keys") throw new Error(`the source is ${source.kind}`);
  return source.credentials;
}

function refusal(given: Case): AssumeMfaError {
  try {
    resolve(given);
  } catch (error) {
    if (!(error instanceof AssumeMfaError)) throw error;
    expect(error.message, "one line, lower case or a name first, no full stop").toMatch(/^[^\n]*[^.\n]$/);
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(SECRET);
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(TOKEN);
    return error;
  }
  throw new Error("it was resolved");
}

function said(given: Case): readonly [code: string, exitCode: number, message: string] {
  const { code, exitCode, message } = refusal(given);
  return [code, exitCode, message];
}

/** The value, and who decided it. */
function decided(value: { readonly value: unknown; readonly origin: Origin } | undefined) {
  return value && [value.value, formatOrigin(value.origin)];
}

describe("the target", () => {
  it("is a profile that has a role", () => {
    const target = resolve();
    expect(target.name).toBe("dev");
    expect(target.profileName).toBe("dev");
    expect(target.role.value).toEqual({
      arn: ROLE,
      partition: "aws",
      accountId: "222222222222",
      roleName: "PrivilegedActionsRole",
    });
    expect(target.role.origin).toEqual({ kind: "file", path: "/aws/config", line: 2, profile: "dev" });
    expect(target).toMatchObject({
      mfaSerial: undefined,
      mfaRequired: { value: true },
      externalId: undefined,
      roleSessionName: undefined,
      durationSeconds: undefined,
      region: undefined,
      endpoints: {},
      useFipsEndpoint: { value: false },
      useDualstackEndpoint: { value: false },
      cache: { value: "file" },
    });
    expect(target.confirm).toEqual({ value: "prompt", origin: { kind: "default", reason: "the default" } });
  });

  it("is a role's ARN", () => {
    const target = resolve({ name: OTHER_ROLE, env: { AWS_PROFILE: "parent" } });
    expect(target.profileName).toBeUndefined();
    expect(decided(target.role)?.[1]).toBe("the target");
    expect(target.role.value.accountId).toBe("333333333333");
  });

  it("is the profile where a profile is named like a role's ARN", () => {
    const config = `[profile ${OTHER_ROLE}]\nrole_arn = ${ROLE}\nsource_profile = parent\n`;
    expect(resolve({ name: OTHER_ROLE, config }).role.value.arn).toBe(ROLE);
  });

  it("may stand in the credentials file alone", () => {
    const credentials = `${PARENT_KEYS}[dev]\nrole_arn = ${ROLE}\nsource_profile = parent\n`;
    expect(decided(resolve({ config: "", credentials }).role)?.[1]).toBe("/aws/credentials:5");
  });

  it("is frozen through and through", () => {
    const target = resolve({
      config: `${DEV}mfa_serial = ${DEVICE}\nregion = us-east-1\nendpoint_url = http://localhost:1\nduration_seconds = 900\n`,
    });
    const walk = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      expect(Object.isFrozen(value)).toBe(true);
      for (const part of Object.values(value)) walk(part);
    };
    walk(target);
  });

  it("shows no secret when it is inspected or turned into JSON", () => {
    const target = resolve({ credentials: `${PARENT_KEYS}aws_session_token = ${TOKEN}\n` });
    const shown = inspect(target, { showHidden: true, depth: 9 }) + JSON.stringify(target);
    expect(shown).toContain("AKIAIOSFODNN7EXAMPLE");
    expect(shown).not.toContain(SECRET);
    expect(shown).not.toContain(TOKEN);
    expect(signingKeys(target).secretAccessKey).toBe(SECRET);
  });

  it("is unknown: the error names the word, the closest names and both files", () => {
    const config = ["staging", "prod", "dev", "deva"].map((name) => DEV.replace("dev", name)).join("");
    const error = refusal({ name: "dve", config });
    expect(error.code).toBe("TARGET_UNKNOWN");
    expect(error.exitCode).toBe(3);
    expect(error.message).toBe('there is no target "dve": no profile of that name, and no role\'s ARN');
    expect(error.hint).toBe("looked in /aws/config and /aws/credentials; closest: dev");
    expect(error.details).toEqual({
      closest: ["dev"],
      paths: ["/aws/config", "/aws/credentials"],
    });
  });

  it("is unknown, and the targets are listed where none is near", () => {
    const config = ["staging", "prod", "a", "b", "c", "d", "e"].map((name) => DEV.replace("dev", name)).join("");
    expect(refusal({ name: "billing", config }).hint).toMatch(
      /; targets: staging, prod, a, b, c, … \(assume-mfa targets\)$/,
    );
    expect(refusal({ name: "stag", config }).hint).toMatch(/; closest: staging$/);
  });

  it.each(["__proto__", "constructor", "", "\0", "\u001b[31m", "a".repeat(100_000), "dev ", "DEV", "profile dev"])(
    "is unknown when it is %j",
    (name) => {
      expect(refusal({ name }).code).toBe("TARGET_UNKNOWN");
      expect(refusal({ name }).message.length).toBeLessThan(200);
    },
  );

  it("is unknown, and the hint says so, where no profile has a role or no home folder is known", () => {
    expect(refusal({ name: "x", config: "" }).hint).toContain("no profile there has a role_arn");
    expect(refusal({ name: "x", isHomeMissing: true }).hint).toContain("no home folder is known: set HOME");
  });

  it.each([
    ["[dev]", "[profile dev]", "dev"],
    ["[profile my dev]", '[profile "my dev"]', "my dev"],
  ])("is unknown, and the hint says how %s must be written", (header, written, name) => {
    expect(refusal({ name, config: `${header}\nrole_arn = ${ROLE}\n` }).hint).toMatch(
      `/aws/config:1 is not read as a profile: write ${written}; looked in`,
    );
  });

  it.each([
    "arn:aws:iam::222222222222:user/alice",
    "arn:aws:iam::2:role/x",
    "arn:aws:sts::222222222222:assumed-role/x/y",
  ])("is unknown when it is another ARN: %s", (name) => {
    expect(refusal({ name }).message).toBe(`"${name}" is no role's ARN`);
    expect(refusal({ name }).hint).toContain("arn:aws:iam::222222222222:role/");
  });

  it("is no profile without a role", () => {
    const error = refusal({ name: "parent", config: `${DEV}[profile parent]\nregion = us-east-1\n` });
    expect([error.code, error.message]).toEqual(["TARGET_UNKNOWN", 'profile "parent" (/aws/config:4) has no role_arn']);
    expect(error.hint).toBe("add role_arn to it, or name another target; targets: dev");
  });

  it.each(["", "x", "arn:aws:iam::222222222222:user/alice", `${ROLE} ${ROLE}`, `${ROLE}\u202e`])(
    "has a role_arn that is one, unlike %j",
    (arn) => {
      const config = `[profile dev]\nrole_arn = ${arn}\nsource_profile = parent\n`;
      const problem = arn === "" ? "is empty" : "is no role's ARN";
      expect(said({ config })).toEqual(["CONFIG_MALFORMED", 3, `/aws/config:2: role_arn ${problem}`]);
    },
  );
});

describe("precedence", () => {
  const FULL = `${DEV}mfa_serial = TARGET-SERIAL\nexternal_id = target-id\nrole_session_name = target-name
duration_seconds = 1001\nregion = eu-west-1\n[profile parent]\nmfa_serial = SOURCE-SERIAL\nregion = eu-west-2
external_id = source-id\nrole_session_name = source-name\nduration_seconds = 1002\n`;
  const NONE = `${DEV}[profile parent]\nexternal_id = source-id\nrole_session_name = source-name\nduration_seconds = 1002\n`;
  const SOURCE = `${DEV}[profile parent]\nmfa_serial = SOURCE-SERIAL\nregion = eu-west-2\n`;

  it.each<[keyof Target, string, Case, unknown]>([
    [
      "mfaSerial",
      "the option",
      { options: { serialNumber: "OPTION-SERIAL" }, env: { ASSUME_MFA_SERIAL_NUMBER: "ENV-SERIAL" } },
      ["OPTION-SERIAL", "--serial-number"],
    ],
    [
      "mfaSerial",
      "the environment",
      { env: { ASSUME_MFA_SERIAL_NUMBER: "ENV-SERIAL" } },
      ["ENV-SERIAL", "ASSUME_MFA_SERIAL_NUMBER"],
    ],
    ["mfaSerial", "no empty variable", { env: { ASSUME_MFA_SERIAL_NUMBER: "" } }, ["TARGET-SERIAL", "/aws/config:4"]],
    ["mfaSerial", "the target's profile", {}, ["TARGET-SERIAL", "/aws/config:4"]],
    ["mfaSerial", "the source profile", { config: SOURCE }, ["SOURCE-SERIAL", "/aws/config:5"]],
    ["mfaSerial", "nobody", { config: NONE }, undefined],
    ["externalId", "the option", { options: { externalId: "option-id" } }, ["option-id", "--external-id"]],
    ["externalId", "the target's profile", {}, ["target-id", "/aws/config:5"]],
    ["externalId", "nobody else", { config: NONE }, undefined],
    [
      "roleSessionName",
      "the option",
      { options: { roleSessionName: "option-name" }, env: { ASSUME_MFA_ROLE_SESSION_NAME: "env-name" } },
      ["option-name", "--role-session-name"],
    ],
    [
      "roleSessionName",
      "the environment",
      { env: { ASSUME_MFA_ROLE_SESSION_NAME: "env-name" } },
      ["env-name", "ASSUME_MFA_ROLE_SESSION_NAME"],
    ],
    ["roleSessionName", "the target's profile", {}, ["target-name", "/aws/config:6"]],
    ["roleSessionName", "nobody else", { config: NONE, env: { AWS_ROLE_SESSION_NAME: "web" } }, undefined],
    [
      "durationSeconds",
      "the option",
      { options: { duration: "1h" }, env: { ASSUME_MFA_DURATION: "45m" } },
      [3600, "--duration"],
    ],
    ["durationSeconds", "the environment", { env: { ASSUME_MFA_DURATION: "45m" } }, [2700, "ASSUME_MFA_DURATION"]],
    ["durationSeconds", "the target's profile", {}, [1001, "/aws/config:7"]],
    ["durationSeconds", "nobody else", { config: NONE }, undefined],
    [
      "region",
      "the option",
      { options: { region: "us-east-1" }, env: { AWS_REGION: "us-east-2", AWS_DEFAULT_REGION: "us-west-1" } },
      ["us-east-1", "--region"],
    ],
    [
      "region",
      "AWS_REGION",
      { env: { AWS_REGION: "us-east-2", AWS_DEFAULT_REGION: "us-west-1" } },
      ["us-east-2", "AWS_REGION"],
    ],
    [
      "region",
      "AWS_DEFAULT_REGION",
      { env: { AWS_REGION: "", AWS_DEFAULT_REGION: "us-west-1" } },
      ["us-west-1", "AWS_DEFAULT_REGION"],
    ],
    ["region", "the target's profile", {}, ["eu-west-1", "/aws/config:8"]],
    ["region", "nobody, where only the source profile has one", { config: SOURCE }, undefined],
    ["region", "nobody", { config: NONE }, undefined],
  ])("of %s: %s decides", (field, _, given, expected) => {
    expect(decided(resolve({ config: FULL, ...given })[field] as Parameters<typeof decided>[0])).toEqual(expected);
  });

  it("does not take a region that our own export set for another target", () => {
    const config = `${DEV}region = eu-west-1\n`;
    const env = { ...ENV_KEYS, AWS_REGION: "ap-south-1", AWS_DEFAULT_REGION: "ap-south-1" };
    const region = (exported: ExportedSession | undefined, more: Environment = {}) =>
      decided(resolve({ config, env: { ...env, ...more }, ...(exported && { exported }) }).region);
    expect(region({ targetName: "prod", region: "ap-south-1" })).toEqual(["eu-west-1", "/aws/config:4"]);
    expect(region({ targetName: "dev", region: "ap-south-1" })).toEqual(["ap-south-1", "AWS_REGION"]);
    expect(region(undefined)).toEqual(["ap-south-1", "AWS_REGION"]);
    // What the user set afterwards is the user's.
    expect(region({ targetName: "prod", region: "ap-south-1" }, { AWS_REGION: "sa-east-1" })).toEqual([
      "sa-east-1",
      "AWS_REGION",
    ]);
    expect(region({ targetName: "prod", region: undefined })).toEqual(["ap-south-1", "AWS_REGION"]);
  });

  it("reads the settings of the profile that signs for a bare role ARN, but no role's own", () => {
    const config = `[profile parent]\nmfa_serial = ${DEVICE}\nregion = eu-west-2\nassume_mfa_confirm = person
assume_mfa_cache = none\nendpoint_url = http://localhost:4566\nca_bundle = /ca.pem\nexternal_id = not-this\n`;
    const target = resolve({ name: ROLE, config, env: { AWS_PROFILE: "parent" } });
    expect(decided(target.confirm)).toEqual(["person", "/aws/config:4"]);
    expect(target).toMatchObject({ cache: { value: "none" }, externalId: undefined });
    expect(target.connection.caBundle).toMatchObject({ path: "/ca.pem", setBy: "/aws/config:7" });
    expect(decided(target.endpoints.sts)).toEqual(["http://localhost:4566", "/aws/config:6"]);
    expect(decided(target.region)).toEqual(["eu-west-2", "/aws/config:3"]);
  });

  it.each<[string, readonly (readonly [role: string, confirm: string | undefined])[], string, string]>([
    ["prompt where no profile says more", [[ROLE, undefined]], "prompt", "the default"],
    ["a profile's own word", [[ROLE, "always"]], "always", "/aws/config:7"],
    [
      "the strictest of several",
      [
        [ROLE, "always"],
        [ROLE, "person"],
        [ROLE, "prompt"],
      ],
      "person",
      "/aws/config:11",
    ],
    ["never less than without one", [[ROLE, "never"]], "prompt", "the default"],
    ["not another role's", [[OTHER_ROLE, "person"]], "prompt", "the default"],
    [
      "also of a role that is spelt in other letters",
      [[ROLE.replace("Priv", "priv"), "always"]],
      "always",
      "/aws/config:7",
    ],
  ])("of a bare role ARN is confirmed by %s", (_what, profiles, mode, origin) => {
    const sections = profiles.map(
      ([role, confirm], nth) =>
        `[profile p${nth}]\nrole_arn = ${role}\nsource_profile = parent\n${confirm === undefined ? "\n" : `assume_mfa_confirm = ${confirm}\n`}`,
    );
    const config = `[profile parent]\nmfa_serial = ${DEVICE}\nregion = us-east-1\n${sections.join("")}`;
    const { confirm } = resolve({ name: ROLE, config, env: { AWS_PROFILE: "parent" } });
    expect([confirm.value, formatOrigin(confirm.origin)]).toEqual([mode, origin]);
  });

  it("of a bare role ARN is confirmed by the word of the profile in force where that is the strictest", () => {
    const config = `[profile parent]\nassume_mfa_confirm = person\n[profile p]\nrole_arn = ${ROLE}\nsource_profile = parent\nassume_mfa_confirm = always\n`;
    const { confirm } = resolve({ name: ROLE, config, env: { AWS_PROFILE: "parent" } });
    expect([confirm.value, formatOrigin(confirm.origin)]).toEqual(["person", "/aws/config:2"]);
  });

  it("of a bare role ARN is not resolved where a profile that leads to it has a word that is none", () => {
    const config = `[profile parent]\nregion = us-east-1\n[profile p]\nrole_arn = ${ROLE}\nassume_mfa_confirm = allways\n`;
    expect(said({ name: ROLE, config, env: { AWS_PROFILE: "parent" } })[2]).toMatch(
      /^\/aws\/config:5: assume_mfa_confirm/,
    );
  });

  it("does not read the source profile's settings for a target that has a profile", () => {
    const config = `${DEV}[profile parent]\nassume_mfa_confirm = never\nassume_mfa_required = false
assume_mfa_cache = none\nendpoint_url = http://localhost:4566\nuse_fips_endpoint = true\n`;
    const target = resolve({ config });
    expect(target).toMatchObject({
      endpoints: {},
      useFipsEndpoint: { value: false },
      mfaRequired: { value: true },
      cache: { value: "file" },
    });
    expect(target.confirm.value).toBe("prompt");
  });
});

describe("whose keys sign", () => {
  const keysOf = (name: string, id: string) =>
    `[${name}]\naws_access_key_id = ${id}\naws_secret_access_key = ${SECRET}\n`;
  const ALL = [
    keysOf("option", "AKIAOPTIONEXAMPLE000"),
    keysOf("env", "AKIAENVEXAMPLE000000"),
    keysOf("parent", "AKIAPARENTEXAMPLE000"),
    keysOf("dev", "AKIADEVEXAMPLE000000"),
    keysOf("ambient", "AKIAAMBIENTEXAMPLE00"),
    keysOf("default", "AKIADEFAULTEXAMPLE00"),
  ].join("");
  const EVERY_ENV = { ...ENV_KEYS, AWS_PROFILE: "ambient", ASSUME_MFA_SOURCE_PROFILE: "env" };
  const NO_SOURCE = `[profile dev]\nrole_arn = ${ROLE}\n`;
  const without = (name: string, text: string = ALL) => text.replace(new RegExp(`\\[${name}\\]\n.*\n.*\n`), "");

  it.each<[string, Case, string, string]>([
    [
      "--source-profile",
      { options: { sourceProfile: "option" }, env: EVERY_ENV },
      'profile "option"',
      "AKIAOPTIONEXAMPLE000",
    ],
    ["ASSUME_MFA_SOURCE_PROFILE", { env: EVERY_ENV }, 'profile "env"', "AKIAENVEXAMPLE000000"],
    [
      "source_profile",
      { env: { ...EVERY_ENV, ASSUME_MFA_SOURCE_PROFILE: "" } },
      'profile "parent"',
      "AKIAPARENTEXAMPLE000",
    ],
    [
      "credential_source",
      { config: `${NO_SOURCE}credential_source = Environment\n`, env: { ...ENV_KEYS, AWS_PROFILE: "ambient" } },
      "the environment",
      "AKIAI44QH8DHBEXAMPLE",
    ],
    [
      "the profile's own keys",
      { config: NO_SOURCE, env: { ...ENV_KEYS, AWS_PROFILE: "ambient" } },
      'profile "dev"',
      "AKIADEVEXAMPLE000000",
    ],
    [
      "AWS_PROFILE",
      {
        config: NO_SOURCE,
        credentials: without("dev"),
        env: { ...ENV_KEYS, AWS_PROFILE: "ambient", AWS_DEFAULT_PROFILE: "option" },
      },
      'profile "ambient"',
      "AKIAAMBIENTEXAMPLE00",
    ],
    [
      "AWS_DEFAULT_PROFILE",
      { config: NO_SOURCE, credentials: without("dev"), env: { ...ENV_KEYS, AWS_DEFAULT_PROFILE: "option" } },
      'profile "option"',
      "AKIAOPTIONEXAMPLE000",
    ],
    [
      "the environment, when AWS_PROFILE names the target itself",
      { config: NO_SOURCE, credentials: without("dev"), env: { ...ENV_KEYS, AWS_PROFILE: "dev" } },
      "the environment",
      "AKIAI44QH8DHBEXAMPLE",
    ],
    [
      "the environment's keys",
      { config: NO_SOURCE, credentials: without("dev"), env: ENV_KEYS },
      "the environment",
      "AKIAI44QH8DHBEXAMPLE",
    ],
    [
      "default, not a session of our own in the environment",
      {
        config: NO_SOURCE,
        credentials: without("dev"),
        env: ENV_KEYS,
        exported: { targetName: "prod", region: undefined },
      },
      'profile "default"',
      "AKIADEFAULTEXAMPLE00",
    ],
    ["default", { config: NO_SOURCE, credentials: without("dev") }, 'profile "default"', "AKIADEFAULTEXAMPLE00"],
    [
      "AWS_PROFILE for a role ARN",
      { name: ROLE, env: { ...ENV_KEYS, AWS_PROFILE: "ambient" } },
      'profile "ambient"',
      "AKIAAMBIENTEXAMPLE00",
    ],
    ["the environment for a role ARN", { name: ROLE, env: ENV_KEYS }, "the environment", "AKIAI44QH8DHBEXAMPLE"],
    ["default for a role ARN", { name: ROLE }, 'profile "default"', "AKIADEFAULTEXAMPLE00"],
    [
      "the profile itself, as its own source",
      { config: `${NO_SOURCE}source_profile = dev\n` },
      'profile "dev"',
      "AKIADEVEXAMPLE000000",
    ],
    [
      "a source profile that has keys and a role too: its keys",
      { config: `${DEV}[profile parent]\nrole_arn = ${OTHER_ROLE}\nsource_profile = dev\n` },
      'profile "parent"',
      "AKIAPARENTEXAMPLE000",
    ],
  ])("%s", (_, given, label, accessKeyId) => {
    const target = resolve({ credentials: ALL, ...given });
    const credentials = signingKeys(target);
    expect([target.source.label, credentials.accessKeyId]).toEqual([label, accessKeyId]);
    expect(target.source.profileName).toBe(/"(.*)"/.exec(label)?.[1]);
    expect(credentials.secretAccessKey).toBe(SECRET);
    expect(credentials.isLongTerm).toBe(true);
  });

  it("is told with its file and line, or its variable", () => {
    expect(resolve().source.origin).toEqual({ kind: "file", path: "/aws/credentials", line: 2, profile: "parent" });
    expect(resolve({ name: ROLE, env: ENV_KEYS }).source.origin).toEqual({
      kind: "environment",
      variable: "AWS_ACCESS_KEY_ID",
    });
  });

  it("takes session tokens along, and when they end", () => {
    const file = signingKeys(resolve({ credentials: `${PARENT_KEYS}aws_session_token = ${TOKEN}\n` }));
    expect([file.sessionToken, file.isLongTerm, file.expiration]).toEqual([TOKEN, false, undefined]);
    const legacy = resolve({ credentials: `${PARENT_KEYS}aws_security_token = ${TOKEN}\naws_session_token =\n` });
    expect(signingKeys(legacy).sessionToken).toBeUndefined();
    const env = { ...ENV_KEYS, AWS_SESSION_TOKEN: TOKEN, AWS_SECURITY_TOKEN: "older" };
    const ending = { ...env, AWS_CREDENTIAL_EXPIRATION: "2026-11-24T12:00:00Z" };
    expect(signingKeys(resolve({ name: ROLE, env })).sessionToken).toBe(TOKEN);
    expect(signingKeys(resolve({ name: ROLE, env })).expiration).toBeUndefined();
    expect(signingKeys(resolve({ name: ROLE, env: ending })).expiration).toBe(Date.UTC(2026, 10, 24, 12));
    expect(
      signingKeys(resolve({ name: ROLE, env: { ...ENV_KEYS, AWS_CREDENTIAL_EXPIRATION: "2026-11-24T12:00:00Z" } }))
        .expiration,
    ).toBeUndefined();
    expect(
      signingKeys(resolve({ name: ROLE, env: { ...env, AWS_CREDENTIAL_EXPIRATION: "soon" } })).expiration,
    ).toBeUndefined();
    expect(signingKeys(resolve({ name: ROLE, env: { ...ENV_KEYS, AWS_SECURITY_TOKEN: "older" } })).sessionToken).toBe(
      "older",
    );
  });

  it("leaves a token alone that stands in the other file", () => {
    const config = `${DEV}[profile parent]\naws_session_token = ${TOKEN}\n`;
    expect(signingKeys(resolve({ config })).sessionToken).toBeUndefined();
  });

  it.each<[string, Case, string]>([
    [
      "SOURCE_CREDENTIALS_MISSING",
      { credentials: PARENT_KEYS.replace(/aws_secret.*\n/, "") },
      'profile "parent" has no aws_secret_access_key (the other half: /aws/credentials:2)',
    ],
    [
      "SOURCE_CREDENTIALS_MISSING",
      { credentials: PARENT_KEYS.replace(/aws_access.*\n/, "") },
      'profile "parent" has no aws_access_key_id (the other half: /aws/credentials:2)',
    ],
    [
      "SOURCE_CREDENTIALS_MISSING",
      { credentials: PARENT_KEYS.replace(/(aws_secret.* =).*\n/, "$1\n") },
      'profile "parent" has no aws_secret_access_key (the other half: /aws/credentials:2)',
    ],
    [
      "SOURCE_CREDENTIALS_MISSING",
      { name: ROLE, env: { AWS_ACCESS_KEY_ID: "AKIAI44QH8DHBEXAMPLE" } },
      "the environment has no AWS_SECRET_ACCESS_KEY",
    ],
    [
      "SOURCE_CREDENTIALS_MISSING",
      { name: ROLE, env: { AWS_SECRET_ACCESS_KEY: SECRET } },
      "the environment has no AWS_ACCESS_KEY_ID",
    ],
    [
      "CONFIG_MALFORMED",
      {
        config: `${DEV}[profile parent]\naws_secret_access_key = ${SECRET}\n`,
        credentials: "[parent]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n",
      },
      'profile "parent" has its pair of keys in two files: aws_access_key_id in /aws/credentials:2, aws_secret_access_key in /aws/config:5',
    ],
  ])("refuses half a pair of keys: %s", (code, given, message) => {
    expect(said(given)).toEqual([code, 3, message]);
  });

  it.each([
    ["aws_access_key_id", "AKIA IOSFODNN7EXAMPLE"],
    ["aws_access_key_id", "AKIA\u0007IOSFODNN7EXAMPLE"],
    ["aws_secret_access_key", "a b"],
    ["aws_secret_access_key", "a\0b"],
    ["aws_secret_access_key", "\u202ea"],
    ["aws_secret_access_key", "a\n  b"],
    ["aws_session_token", "a\u001b[31m"],
    ["aws_session_token", "x".repeat(20_000)],
  ])("refuses an %s that can't be one, without showing it", (key, value) => {
    const values = {
      aws_access_key_id: "AKIAIOSFODNN7EXAMPLE",
      aws_secret_access_key: SECRET,
      aws_session_token: TOKEN,
      [key]: value,
    };
    const lines = Object.entries(values).map(([name, text]) => `${name} = ${text}`);
    const line = 2 + Object.keys(values).indexOf(key);
    expect(said({ credentials: `[parent]\n${lines.join("\n")}\n` })).toEqual([
      "CONFIG_MALFORMED",
      3,
      `/aws/credentials:${line}: ${key} holds blanks, control characters or letters that no key has`,
    ]);
    const variable = key.toUpperCase();
    const env = { ...ENV_KEYS, AWS_SESSION_TOKEN: TOKEN, [variable]: value };
    expect(said({ name: ROLE, env })).toEqual([
      "USAGE",
      2,
      `${variable} holds blanks, control characters or letters that no key has`,
    ]);
  });

  it.each<[string, Case, string, string]>([
    [
      "a source profile that is none",
      { config: DEV.replace("parent", "parnet") },
      '/aws/config:3: source_profile names "parnet", and there is no such profile',
      "did you mean parent? looked in /aws/config and /aws/credentials",
    ],
    [
      "an option that names none",
      { options: { sourceProfile: "nobody" } },
      '--source-profile names "nobody", and there is no such profile',
      "the profiles are dev, parent; looked in",
    ],
    [
      "an AWS_PROFILE that names none",
      { name: ROLE, env: { AWS_PROFILE: "x" } },
      'AWS_PROFILE names "x", and there is no such profile',
      "the profiles are dev, parent; looked in",
    ],
    [
      "an empty source_profile",
      { config: DEV.replace("parent", "") },
      '/aws/config:3: source_profile names "", and there is no such profile',
      "the profiles are dev, parent; looked in",
    ],
    [
      "a source profile whose line swallowed the next, without showing it",
      { config: `[profile dev]\nrole_arn = ${ROLE}\nsource_profile = parentaws_secret_access_key=${SECRET}\n` },
      "/aws/config:3: source_profile names something, and there is no such profile",
      "the profiles are dev, parent; looked in",
    ],
    [
      "a source profile without keys",
      { config: `${DEV}[profile parent]\nregion = us-east-1\n`, credentials: "" },
      'profile "parent" (/aws/config:4) has no keys to sign with',
      "add aws_access_key_id and aws_secret_access_key to it in /aws/credentials",
    ],
    [
      "no source at all",
      { config: `[profile dev]\nrole_arn = ${ROLE}\n` },
      'there are no keys to sign with for profile "dev"',
      "add source_profile to /aws/config:1",
    ],
    [
      "no source for a role ARN",
      { name: ROLE },
      "there are no keys to sign with for a role ARN",
      "set AWS_PROFILE, or give --source-profile",
    ],
    [
      "a session of our own alone",
      { name: ROLE, env: ENV_KEYS, exported: { targetName: "dev", region: undefined } },
      "there are no keys to sign with for a role ARN (the environment's are a session exported by assume-mfa)",
      "set AWS_PROFILE",
    ],
    [
      "a default that is the target",
      { name: "default", config: `[default]\nrole_arn = ${ROLE}\n` },
      'there are no keys to sign with for profile "default"',
      "add source_profile",
    ],
    [
      "Environment without keys",
      { config: `[profile dev]\nrole_arn = ${ROLE}\ncredential_source = Environment\n` },
      "/aws/config:3: credential_source = Environment, but there are no keys in the environment",
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ],
    [
      "Environment with a session of our own",
      {
        config: `[profile dev]\nrole_arn = ${ROLE}\ncredential_source = Environment\n`,
        env: ENV_KEYS,
        exported: { targetName: "dev", region: undefined },
      },
      "/aws/config:3: credential_source = Environment, but the environment's keys are a session exported by assume-mfa",
      "use a fresh shell",
    ],
    [
      "an option's profile without keys",
      { config: `${DEV}[profile empty]\n`, options: { sourceProfile: "empty" } },
      'profile "empty" (/aws/config:4), which --source-profile names, has no keys to sign with',
      "add aws_access_key_id and aws_secret_access_key to it in /aws/credentials",
    ],
  ])("refuses %s", (_, given, message, hint) => {
    const error = refusal(given);
    expect([error.code, error.exitCode, error.message]).toEqual(["SOURCE_CREDENTIALS_MISSING", 3, message]);
    expect(error.hint).toContain(hint);
  });

  it("refuses two sources at once, and a credential_source that is none", () => {
    expect(said({ config: `${DEV}credential_source = Environment\n`, env: ENV_KEYS })).toEqual([
      "CONFIG_MALFORMED",
      3,
      "/aws/config:3: source_profile and credential_source (/aws/config:4) exclude each other",
    ]);
    expect(said({ config: `[profile dev]\nrole_arn = ${ROLE}\ncredential_source = environment\n` })).toEqual([
      "CONFIG_MALFORMED",
      3,
      "/aws/config:3: credential_source must be Environment, Ec2InstanceMetadata or EcsContainer",
    ]);
  });

  const chain = (...names: string[]) =>
    names
      .slice(0, -1)
      .map((name, index) => `[profile ${name}]\nrole_arn = ${ROLE}\nsource_profile = ${names[index + 1]}\n`)
      .join("");

  it.each([
    ["a profile that is its own source without keys", "dev", chain("dev", "dev"), "dev → dev"],
    ["two", "dev", chain("dev", "b", "dev"), "dev → b → dev"],
    ["three", "dev", chain("dev", "b", "c", "dev"), "dev → b → c → dev"],
    ["two behind the target", "dev", chain("dev", "b", "c", "b"), "b → c → b"],
    ["a role ARN's", ROLE, chain("default", "b", "default"), "default → b → default"],
    [
      "hostile names",
      "__proto__",
      chain("__proto__", "constructor", "__proto__"),
      "__proto__ → constructor → __proto__",
    ],
  ])("finds a loop and prints it: %s", (_, name, config, loop) => {
    expect(said({ name, config, credentials: "" })).toEqual([
      "SOURCE_PROFILE_LOOP",
      3,
      `source_profile goes round in a circle: ${loop}`,
    ]);
  });

  it("goes ten profiles deep and no deeper", () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `p${index}`);
    const shallow = [...names.slice(0, 10), "parent"];
    expect(resolve({ name: "p0", config: chain(...shallow) }).source.label).toBe("the role of p1");
    expect(said({ name: "p0", config: chain(...names) })).toEqual([
      "CONFIG_MALFORMED",
      3,
      "/aws/config:31: source_profile is more than 10 profiles deep",
    ]);
  });
});

describe("a value that AWS would refuse", () => {
  const longest = (length: number) => "a".repeat(length);
  it.each<[string, string, keyof TargetOptions, string | undefined, readonly string[], readonly string[]]>([
    [
      "mfa_serial",
      "--serial-number",
      "serialNumber",
      "ASSUME_MFA_SERIAL_NUMBER",
      [
        DEVICE,
        "GAHT12345678",
        longest(9),
        longest(256),
        "arn:aws-cn:iam::111122223333:mfa/a+b=c,d.e@f-g",
        "arn:aws:iam::111122223333:mfa/mfa/user/x",
      ],
      ["", longest(8), longest(257), "GAHT 12345678", "GAHT12345678\u0007", "GAHT12345678é", "GAHT12345678;"],
    ],
    [
      "external_id",
      "--external-id",
      "externalId",
      undefined,
      ["ab", longest(1224), "a_+=,.@:/-Z9"],
      ["", "a", longest(1225), "a b", "a\nb", "a;b", "é1"],
    ],
    [
      "role_session_name",
      "--role-session-name",
      "roleSessionName",
      "ASSUME_MFA_ROLE_SESSION_NAME",
      ["ab", longest(64), "alice@example.com"],
      ["", "a", longest(65), "a/b", "a:b", "a b", "a\u202eb"],
    ],
    [
      "duration_seconds",
      "--duration",
      "duration",
      "ASSUME_MFA_DURATION",
      ["900", "3600", "43200"],
      ["", "899", "43201", "-900", "1.5e3", "3600x", "0x1000", "999999999999"],
    ],
    [
      "region",
      "--region",
      "region",
      "AWS_REGION",
      [
        "us-east-1",
        "us-gov-west-1",
        "cn-northwest-1",
        "us-isob-east-1",
        "eusc-de-east-1",
        "ap-southeast-7",
        "eu-isoe-west-1",
      ],
      [
        "",
        "us-east",
        "US-EAST-1",
        "us-east-1.evil.example",
        "evil.example/#",
        "us-east-1/",
        "us-east-1@evil",
        "us_east_1",
        "$(id)",
        "us-east-1\n",
        "-1",
        longest(300),
      ],
    ],
  ])("%s", (key, option, field, variable, good, bad) => {
    const read = (value: string) => ({ config: `${DEV}${key} = ${value}\n` });
    const target = (given: Case) => {
      const names = {
        serialNumber: "mfaSerial",
        duration: "durationSeconds",
        sourceProfile: "source",
        endpointUrl: "endpoints",
      } as const;
      const name = field in names ? names[field as keyof typeof names] : field;
      return String((resolve(given)[name as keyof Target] as { value: unknown }).value);
    };
    for (const value of good) {
      expect(target(read(value))).toBe(value);
      expect(target({ options: { [field]: value } })).toBe(value);
      if (variable !== undefined) expect(target({ env: { [variable]: value } })).toBe(value);
    }
    for (const value of bad) {
      if (!value.includes("\n")) expect(said(read(value)).slice(0, 2), value).toEqual(["CONFIG_MALFORMED", 3]);
      if (!value.includes("\n")) expect(refusal(read(value)).message).toMatch(new RegExp(`^/aws/config:4: ${key} `));
      expect(said({ options: { [field]: value } }).slice(0, 2), value).toEqual(["USAGE", 2]);
      expect(refusal({ options: { [field]: value } }).message).toMatch(new RegExp(`^${option} (?:is empty|must be )`));
      if (variable === undefined || value === "") continue;
      expect(refusal({ env: { [variable]: value } }).message).toMatch(new RegExp(`^${variable} must be `));
    }
  });

  it("may be a duration with a unit as an option, not in the AWS CLI's own key", () => {
    expect(resolve({ options: { duration: "1h30m" } }).durationSeconds?.value).toBe(5400);
    expect(said({ config: `${DEV}duration_seconds = 1h\n` })).toEqual([
      "CONFIG_MALFORMED",
      3,
      "/aws/config:4: duration_seconds must be 900 to 43200 seconds",
    ]);
    expect(refusal({ options: { duration: "10m" } }).message).toBe(
      "--duration must be 900 to 43200 seconds, such as 1h, 45m or 3600",
    );
  });

  it.each([
    [
      "arn:aws:iam::111122223333:u2f/user/alice/yubikey-ABCDEF",
      "is a passkey or security key, which has no code to send",
    ],
    ["arn:aws:iam::111122223333:U2F/user/alice/x", "is a passkey or security key, which has no code to send"],
    ["arn:aws-us-gov:iam::111122223333:passkey/alice", "is a passkey or security key, which has no code to send"],
    ["arn:aws:iam::111122223333:user/alice", "is a user's ARN, not a device's"],
  ])("is a serial without a code: %s", (serial, problem) => {
    const error = refusal({ config: `${DEV}mfa_serial = ${serial}\n` });
    expect([error.code, error.exitCode, error.message]).toEqual([
      "MFA_SERIAL_UNUSABLE",
      3,
      `/aws/config:4: mfa_serial ${problem}`,
    ]);
    expect(error.hint).toContain("arn:aws:iam::111122223333:mfa/alice");
    expect(error.hint).toContain("GAHT12345678");
    expect(said({ options: { serialNumber: serial } })).toEqual([
      "MFA_SERIAL_UNUSABLE",
      3,
      `--serial-number ${problem}`,
    ]);
    expect(resolve({ config: `${DEV}mfa_serial = ${serial}\nassume_mfa_required = false\n` }).mfaRequired.value).toBe(
      false,
    );
  });
});

describe("the endpoint", () => {
  const URLS = {
    AWS_ENDPOINT_URL_STS: "https://sts-env.example.com",
    AWS_ENDPOINT_URL: "https://env.example.com",
  };
  const CONFIG = `${DEV}endpoint_url = https://profile.example.com\nservices = local
[services local]\nsts =\n  endpoint_url = https://services.example.com # here\nec2 =\n  other = x\n`;
  const of = (given: Case) => {
    const { endpoints } = resolve({ config: CONFIG, ...given });
    return Object.fromEntries(Object.entries(endpoints).map(([service, url]) => [service, decided(url)]));
  };
  const all = (value: readonly unknown[]) => ({ sts: value, ec2: value, dynamodb: value, iam: value });

  it("is the option's, whatever else is set, even where configured ones are ignored", () => {
    const options = { endpointUrl: "https://option.example.com" };
    expect(of({ options, env: URLS })).toEqual(all(["https://option.example.com", "--endpoint-url"]));
    expect(of({ options, env: { ...URLS, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" } })).toEqual(
      all(["https://option.example.com", "--endpoint-url"]),
    );
  });

  it("is the service's variable, then the variable for all", () => {
    expect(of({ env: URLS })).toEqual({
      ...all(["https://env.example.com", "AWS_ENDPOINT_URL"]),
      sts: ["https://sts-env.example.com", "AWS_ENDPOINT_URL_STS"],
    });
    for (const service of ["sts", "ec2", "dynamodb", "iam"]) {
      const variable = `AWS_ENDPOINT_URL_${service.toUpperCase()}`;
      const env = { [variable]: "http://127.0.0.1:4566" };
      expect(of({ config: DEV, env })).toEqual({ [service]: ["http://127.0.0.1:4566", variable] });
    }
  });

  it("is the services section's, then the profile's", () => {
    expect(of({})).toEqual({
      ...all(["https://profile.example.com", "/aws/config:4"]),
      sts: ["https://services.example.com", "/aws/config:8"],
    });
  });

  it.each<[string, Case]>([
    ["the environment", { env: { ...URLS, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" } }],
    ["the environment in capitals", { env: { ...URLS, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "TRUE" } }],
    [
      "the profile",
      { config: CONFIG.replace("services =", "ignore_configured_endpoint_urls = true\nservices ="), env: URLS },
    ],
  ])("is AWS's own where %s says to ignore configured ones", (_, given) => {
    expect(of(given)).toEqual({});
  });

  it("is configured again where the environment overrules the profile", () => {
    const config = CONFIG.replace("services =", "ignore_configured_endpoint_urls = true\nservices =");
    expect(Object.keys(of({ config, env: { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "false" } }))).toHaveLength(4);
  });

  it("is refused where the services section is missing", () => {
    expect(said({ config: `${DEV}services = nowhere\n` })).toEqual([
      "CONFIG_MALFORMED",
      3,
      "/aws/config:4: services names no [services …] section of /aws/config",
    ]);
  });

  it.each([
    ["https://sts.us-east-1.amazonaws.com", "https://sts.us-east-1.amazonaws.com"],
    ["https://sts.us-east-1.amazonaws.com/", "https://sts.us-east-1.amazonaws.com"],
    ["https://Gateway.example.com:8443/aws/", "https://gateway.example.com:8443/aws"],
    ["http://127.0.0.1:4566", "http://127.0.0.1:4566"],
    ["http://127.255.255.254", "http://127.255.255.254"],
    ["http://0x7f.1:80", "http://127.0.0.1"],
    ["http://[::1]:4566/", "http://[::1]:4566"],
    ["http://LOCALHOST:4566", "http://localhost:4566"],
    ["HTTP://localhost", "http://localhost"],
  ])("%s is %s", (url, expected) => {
    expect(resolve({ options: { endpointUrl: url } }).endpoints.sts?.value).toBe(expected);
  });

  it.each([
    "http://sts.amazonaws.com",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "http://128.0.0.1",
    "http://[::2]",
    "http://[::ffff:127.0.0.1]",
    "http://0.0.0.0",
    "http://evil.example\\@localhost",
    "http://localhost.",
    "http://169.254.169.254",
    "http://localstack:4566",
  ])("%s is plain http to another machine, and refused", (url) => {
    expect(said({ options: { endpointUrl: url } }).slice(0, 2)).toEqual(["ENDPOINT_UNEXPECTED", 3]);
    expect(said({ config: `${DEV}endpoint_url = ${url}\n` })[2]).toMatch(
      /^\/aws\/config:4: endpoint_url must be https/,
    );
    expect(said({ env: { AWS_ENDPOINT_URL_IAM: url } })[2]).toMatch(/^AWS_ENDPOINT_URL_IAM must be https/);
  });

  it.each([
    "",
    "localhost:4566",
    "127.0.0.1",
    "ftp://localhost",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://",
    "//x",
    "https://a b",
    "https://a\tb",
    "https://a\0b",
    "https://exämple.com",
    "https://x\u202e",
    `https://${"a".repeat(3000)}.com`,
    "https://user@host.example.com",
    "https://user:EXAMPLEWORD@host.example.com",
    "https://@:@host.example.com:99999",
    "https://x.example.com/?a=b",
    "https://x.example.com/#a",
    "https://x.example.com?",
    "https://x.example.com/#",
  ])("%j is no endpoint, and refused without showing it", (url) => {
    const error = refusal({ options: { endpointUrl: url } });
    expect([error.code, error.exitCode]).toEqual(["USAGE", 2]);
    expect(error.message).not.toContain("EXAMPLEWORD");
    expect(said({ config: `${DEV}endpoint_url = ${url}\n` })[0]).toBe("CONFIG_MALFORMED");
  });
});

describe("switches", () => {
  it.each([
    ["use_fips_endpoint", "AWS_USE_FIPS_ENDPOINT", "useFipsEndpoint"],
    ["use_dualstack_endpoint", "AWS_USE_DUALSTACK_ENDPOINT", "useDualstackEndpoint"],
  ] as const)("%s: the environment, then the profile, then off", (key, variable, field) => {
    const on = `${DEV}${key} = true\n`;
    expect(resolve()[field].value).toBe(false);
    expect(resolve({ config: on })[field].value).toBe(true);
    expect(resolve({ config: on, env: { [variable]: "false" } })[field].value).toBe(false);
    expect(resolve({ config: on, env: { [variable]: "" } })[field].value).toBe(true);
    expect(resolve({ env: { [variable]: "True" } })[field].value).toBe(true);
    expect(said({ config: `${DEV}${key} = yes\n` })).toEqual([
      "CONFIG_MALFORMED",
      3,
      `/aws/config:4: ${key} must be true or false`,
    ]);
    expect(said({ env: { [variable]: "1" } })).toEqual(["USAGE", 2, `${variable} must be true or false`]);
  });

  it.each([
    ["assume_mfa_confirm", "prompt", { confirm: { value: "prompt" } }],
    ["assume_mfa_confirm", "always", { confirm: { value: "always" } }],
    ["assume_mfa_confirm", "person # not a script", { confirm: { value: "person" } }],
    ["assume_mfa_confirm", "never", { confirm: { value: "never" } }],
    ["assume_mfa_required", "false", { mfaRequired: { value: false } }],
    ["assume_mfa_required", "False", { mfaRequired: { value: false } }],
    ["assume_mfa_required", "true", { mfaRequired: { value: true } }],
    ["assume_mfa_cache", "none", { cache: { value: "none" } }],
    ["assume_mfa_cache", "file", { cache: { value: "file" } }],
    ["assume_mfa_cache", "keychain", { cache: { value: "keychain" } }],
    ["assume_mfa_session", "auto", { sessionMode: { value: "auto" } }],
    ["assume_mfa_session", "direct", { sessionMode: { value: "direct" } }],
    ["assume_mfa_session", "shared", { sessionMode: { value: "shared" } }],
    ["assume_mfa_session_duration", "15m", { sharedDurationSeconds: { value: 900 } }],
    ["assume_mfa_session_duration", "36h", { sharedDurationSeconds: { value: 129_600 } }],
    ["assume_mfa_share_aws_cli", "true", { shareAwsCli: { value: true } }],
    ["assume_mfa_session", "auto", {}],
    ["assume_mfa_session", "direct", {}],
    ["assume_mfa_session_duration", "8h", {}],
    ["assume_mfa_session_duration", "129600", {}],
    ["assume_mfa_scope", "role", { scope: { value: "role" } }],
    ["assume_mfa_scope", "action", { scope: { value: "action" } }],
    ["assume_mfa_share_aws_cli", "false", {}],
    ["ASSUME_MFA_CONFIRM", "never", { confirm: { value: "never" } }],
  ])("%s = %s is understood", (key, value, expected) => {
    expect(resolve({ config: `${DEV}${key} = ${value}\n` })).toMatchObject(expected);
  });

  it.each([
    ["assume_mfa_confirm", ["", "yes", "Prompt", "allways", "prompt always", "never;"]],
    ["assume_mfa_required", ["", "no", "0", "fales"]],
    ["assume_mfa_cache", ["", "memory", "None"]],
    ["assume_mfa_session", ["", "Direct"]],
    ["assume_mfa_session_duration", ["", "14m", "37h", "8", "long", "-8h"]],
    ["assume_mfa_scope", ["", "actions"]],
    ["assume_mfa_share_aws_cli", ["", "1"]],
  ])("%s is never guessed at", (key, values) => {
    for (const value of values) {
      const [code, exitCode, message] = said({ config: `${DEV}${key} = ${value}\n` });
      expect([code, exitCode]).toEqual(["CONFIG_MALFORMED", 3]);
      expect(message).toMatch(new RegExp(`^/aws/config:4: ${key} (?:is empty|must be )`));
    }
  });

  it.each([
    ["assume_mfa_confrim", "assume_mfa_confirm"],
    ["asume_mfa_confirm", "assume_mfa_confirm"],
    ["assume-mfa-confirm", "assume_mfa_confirm"],
    ["assumemfa_scope", "assume_mfa_scope"],
    ["assume_mfa_", "assume_mfa_scope"],
    ["assume_mfa_cache_", "assume_mfa_cache"],
  ])("%s is no setting of ours, and refused with the closest", (key, closest) => {
    for (const config of [`${DEV}${key} = always\n`, `${DEV}[profile parent]\n${key} = always\n`]) {
      const error = refusal({ config });
      expect(error.code).toBe("CONFIG_MALFORMED");
      expect(error.message).toMatch(new RegExp(`^/aws/config:[45]: ${key} is no setting of assume-mfa$`));
      expect(error.hint).toBe(`did you mean ${closest}?`);
    }
  });

  it("are checked in the source profile too", () => {
    const parent = (line: string) => ({ config: `${DEV}[profile parent]\n${line}\n` });
    expect(said(parent("assume_mfa_confirm = maybe"))[2]).toMatch(
      /^\/aws\/config:5: assume_mfa_confirm must be one of/,
    );
  });

  it("of other people's are left alone", () => {
    expect(resolve({ config: `${DEV}output = json\nassume_role_ttl = 1h\ngranted_x = y\ncli_pager =\n` }).name).toBe(
      "dev",
    );
  });
});

describe("whatever is done to the files, the environment and the options", () => {
  it("nothing but our own error comes out, and never with a secret", () => {
    const config = `${DEV}mfa_serial = ${DEVICE}\nregion = us-east-1\nservices = local\nassume_mfa_confirm = always
external_id = abc\nrole_session_name = alice\nduration_seconds = 3600\nsource_profile2 = x
[services local]\nsts =\n  endpoint_url = http://localhost\n[profile parent]\nregion = eu-west-1\n`;
    const cut = fc.record({
      at: fc.nat(1000),
      remove: fc.nat(8),
      insert: fc.constantFrom(
        "",
        "",
        "\n",
        "=",
        " ",
        "#",
        ":",
        "[",
        "]",
        "\0",
        "\n  ",
        "\u001b",
        "é",
        "source_profile = ",
      ),
    });
    const apply = (text: string, cuts: readonly { at: number; remove: number; insert: string }[]) =>
      cuts.reduce((before, { at, remove, insert }) => {
        const from = at % (before.length + 1);
        return before.slice(0, from) + insert + before.slice(from + remove);
      }, text);
    const hostile = fc.oneof(
      fc.constantFrom("", "dev", "parent", "\0", "us-east-1"),
      fc.string({ unit: "binary", maxLength: 20 }),
    );
    const maybe = fc.oneof({ weight: 15, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: hostile });
    const variables = fc.dictionary(
      fc.constantFrom("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "ASSUME_MFA_DURATION"),
      hostile,
      { maxKeys: 1 },
    );
    const outcomes = { good: 0, bad: 0 };
    fc.assert(
      fc.property(
        fc.array(cut, { maxLength: 3 }),
        fc.array(cut, { maxLength: 2 }),
        fc.record({ sourceProfile: maybe, region: maybe, duration: maybe, endpointUrl: maybe, serialNumber: maybe }),
        variables,
        (configCuts, keyCuts, options, env) => {
          // The secret also stands where a lost newline would join it to another value.
          const joined = config.replace("role_session_name", `aws_secret_access_key = ${SECRET}\nrole_session_name`);
          const given: Case = {
            config: apply(configCuts.length % 2 === 0 ? config : joined, configCuts),
            credentials: apply(`${PARENT_KEYS}aws_session_token = ${TOKEN}\n`, keyCuts),
            options,
            env,
          };
          try {
            resolve(given);
            outcomes.good += 1;
          } catch (error) {
            if (!(error instanceof AssumeMfaError)) throw error;
            outcomes.bad += 1;
            const shown = inspect(error, { showHidden: true, depth: 9 });
            expect(shown).not.toContain(SECRET);
            expect(shown).not.toContain(TOKEN);
          }
        },
      ),
      { numRuns: RUNS },
    );
    expect(outcomes.good).toBeGreaterThan(100);
    expect(outcomes.bad).toBeGreaterThan(500);
  });
});
