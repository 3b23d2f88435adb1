import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { canonicalText, sessionInputs } from "../../src/session/session-inputs.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { resolveTarget } from "../../src/target/resolve-target.ts";

// ACCEPTANCE.md C10, T4: what shapes a session decides which one is served, and nothing else does.

const ROLE = "arn:aws:iam::222222222222:role/PrivilegedActionsRole";

/** What a session carries, in few enough values that two of them are often alike. */
interface Shape {
  readonly identity: string | undefined;
  /** By their keys, none of which differ in case alone. */
  readonly tags: Readonly<Record<string, { readonly value: string; readonly isTransitive: boolean }>>;
  readonly effect: "Allow" | "Deny" | undefined;
  readonly arns: readonly string[];
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  identity: fc.constantFrom(undefined, "alice", "bob"),
  tags: fc.dictionary(
    fc.constantFrom("team", "cost", "why"),
    fc.record({ value: fc.constantFrom("", "1"), isTransitive: fc.boolean() }),
    { maxKeys: 3, noNullPrototype: true },
  ),
  effect: fc.constantFrom(undefined, "Allow", "Deny"),
  arns: fc.subarray(["ReadOnlyAccess", "AmazonEC2FullAccess"]),
});

/** One of the ways to write it: in which order, in which place, with which white space. */
interface Writing {
  readonly seed: number;
  readonly indent: number;
  readonly tagsInFile: number;
  readonly isIdentityInFile: boolean;
  readonly arnsTwice: boolean;
}

const writings: fc.Arbitrary<Writing> = fc.record({
  seed: fc.nat(),
  indent: fc.nat(4),
  tagsInFile: fc.nat(3),
  isIdentityInFile: fc.boolean(),
  arnsTwice: fc.boolean(),
});

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const left = [...list];
  let number = seed;
  return list.map(() => {
    const [picked] = left.splice(number % left.length, 1);
    number = Math.floor(number / 3) + 1;
    return picked as T;
  });
}

function keyOf({ identity, tags, effect, arns }: Shape, writing: Writing): string {
  const { seed, indent, tagsInFile, isIdentityInFile, arnsTwice } = writing;
  const written = shuffled(Object.entries(tags), seed).map(([key, { value }]) => `${key}=${value}`);
  const filed = written.slice(0, tagsInFile);
  const transitive = shuffled(Object.entries(tags), seed + 1).filter(([, { isTransitive }]) => isTransitive);
  const lines = shuffled(
    [
      `role_arn = ${ROLE}`,
      "source_profile = parent",
      ...(filed.length === 0 ? [] : [`session_tags = ${filed.join(seed % 2 === 0 ? "," : " , ")}`]),
      ...(transitive.length === 0 ? [] : [`transitive_session_tags = ${transitive.map(([key]) => key).join(",")}`]),
      ...(identity === undefined || !isIdentityInFile ? [] : [`source_identity = ${identity}`]),
    ],
    seed,
  );
  const statement = shuffled(Object.entries({ Effect: effect, Action: "ec2:*", Resource: "*" }), seed);
  const policyArn = shuffled([...arns, ...(arnsTwice ? arns : [])], seed).map(
    (name) => `arn:aws:iam::aws:policy/${name}`,
  );
  const target = resolveTarget(
    "dev",
    {
      ...(identity === undefined || isIdentityInFile ? {} : { sourceIdentity: identity }),
      ...(written.length > filed.length ? { sessionTag: written.slice(tagsInFile) } : {}),
      ...(effect === undefined
        ? {}
        : {
            policy: {
              text: JSON.stringify({ Statement: Object.fromEntries(statement) }, null, indent),
              path: undefined,
            },
          }),
      ...(policyArn.length === 0 ? {} : { policyArn }),
    },
    makeAwsConfig(
      parseAwsConfig(`[profile dev]\n${lines.join("\n")}\n`, "/config", "config"),
      parseAwsConfig(
        "[parent]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n",
        "/c",
        "credentials",
      ),
    ),
    {},
  );
  return canonicalText(sessionInputs(target));
}

/** The shape as one text, with what has no order in one order. */
function contentOf({ identity, tags, effect, arns }: Shape): string {
  const texts = Object.entries(tags).map(([key, { value, isTransitive }]) =>
    JSON.stringify([key, value, isTransitive]),
  );
  return JSON.stringify([identity, texts.sort(), effect, [...arns].sort()]);
}

describe("the key of a session", () => {
  it("is the same however its inputs are ordered, spaced and spread over options and files", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(shapes, writings, writings, (shape, one, other) => {
        expect(keyOf(shape, one)).toBe(keyOf(shape, other));
        seen.add(contentOf(shape));
      }),
      { numRuns: 500 },
    );
    expect(seen.size).toBeGreaterThan(50);
  });

  it("is another for every other content", () => {
    const contentByKey = new Map<string, string>();
    fc.assert(
      fc.property(shapes, writings, (shape, writing) => {
        const key = keyOf(shape, writing);
        const content = contentOf(shape);
        expect(contentByKey.get(key) ?? content).toBe(content);
        contentByKey.set(key, content);
      }),
      { numRuns: 1_000 },
    );
    expect(contentByKey.size).toBeGreaterThan(100);
  });

  it.each<[string, Shape, Shape]>([
    ["a key and a value change places", of({ tags: { a: "b" } }), of({ tags: { b: "a" } })],
    ["a key is written in capitals", of({ tags: { a: "b" } }), of({ tags: { A: "b" } })],
    ["an equals sign moves", of({ tags: { a: "b=c" } }), of({ tags: { a: "b=", c: "" } })],
    ["a tag is taken for an identity", of({ tags: { source: "alice" } }), of({ identity: "alice" })],
  ])("is another where %s", (_what, one, other) => {
    const writing = { seed: 0, indent: 0, tagsInFile: 0, isIdentityInFile: false, arnsTwice: false };
    expect(keyOf(one, writing)).not.toBe(keyOf(other, writing));
  });
});

function of({ identity, tags = {} }: { identity?: string; tags?: Readonly<Record<string, string>> }): Shape {
  const entries = Object.entries(tags).map(([key, value]) => [key, { value, isTransitive: false }] as const);
  return { identity, tags: Object.fromEntries(entries), effect: undefined, arns: [] };
}

/** The AWS files, the environment and the options of one run, as its settings: each a text that a person writes. */
interface Settings {
  readonly target: string;
  /** Lines of the target's profile, by their keys. */
  readonly profile: Readonly<Record<string, string>>;
  readonly source: SourceName;
  /** Lines of the profile that signs. */
  readonly signer: Readonly<Record<string, string>>;
  readonly signerName: string;
  readonly keys: { readonly id: string; readonly secret: string };
  readonly env: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string | boolean | readonly string[]>>;
}

type SourceName =
  | "keys"
  | "environment"
  | "process"
  | "sso"
  | "web identity"
  | "token"
  | "instance"
  | "container"
  | "login"
  | "role";

const SOURCES: Readonly<Record<SourceName, Readonly<Record<string, string>>>> = {
  keys: {},
  environment: {},
  process: { credential_process: "/opt/keys --of alice" },
  sso: {
    sso_start_url: "https://one.awsapps.com/start",
    sso_region: "us-east-1",
    sso_account_id: "111122223333",
    sso_role_name: "Developer",
  },
  "web identity": { role_arn: "arn:aws:iam::111122223333:role/Web", web_identity_token_file: "/run/token" },
  token: {},
  instance: {},
  container: {},
  login: { login_session: "arn:aws:iam::111122223333:user/alice", region: "us-east-1" },
  role: {
    role_arn: "arn:aws:iam::333333333333:role/Jump",
    source_profile: "keys",
    mfa_serial: "arn:aws:iam::111122223333:mfa/alice",
  },
};

/** What the target's profile says about a source. */
function sourceLines({ source, signerName }: Settings): Readonly<Record<string, string>> {
  switch (source) {
    case "environment":
      return { credential_source: "Environment" };
    case "instance":
      return { credential_source: "Ec2InstanceMetadata" };
    case "container":
      return { credential_source: "EcsContainer" };
    case "token":
      return { web_identity_token_file: "/run/token" };
    default:
      return { source_profile: signerName };
  }
}

function inputsOf(settings: Settings): string {
  const { target, profile, source, signer, signerName, keys, env, options } = settings;
  const section = (name: string, lines: Readonly<Record<string, string>>) =>
    `[profile ${name}]\n${Object.entries(lines)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join("")}`;
  const pair = `aws_access_key_id = ${keys.id}\naws_secret_access_key = ${keys.secret}\n`;
  const config = makeAwsConfig(
    parseAwsConfig(
      section(target, { ...sourceLines(settings), ...profile }) +
        section(signerName, { ...SOURCES[source], ...signer }),
      "/config",
      "config",
    ),
    parseAwsConfig(
      `[keys]\n${pair}${source === "keys" ? `[${signerName}]\n${pair}` : ""}`,
      "/credentials",
      "credentials",
    ),
  );
  const fromEnvironment = { AWS_ACCESS_KEY_ID: keys.id, AWS_SECRET_ACCESS_KEY: keys.secret };
  const { policy, ...others } = options;
  return canonicalText(
    sessionInputs(
      resolveTarget(
        target,
        { ...others, ...(typeof policy === "string" ? { policy: { text: policy, path: undefined } } : {}) },
        config,
        {
          ...(source === "environment" ? fromEnvironment : {}),
          ...(source === "container" ? { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/one" } : {}),
          ...env,
        },
      ),
    ),
  );
}

const DENY = (action: string) => JSON.stringify({ Statement: { Effect: "Deny", Action: action, Resource: "*" } });
const MANAGED = (name: string) => `arn:aws:iam::aws:policy/${name}`;

/** Lines of the target's profile that shape a session, each with two values. */
const SHAPING_LINES: Readonly<Record<string, readonly [string, string]>> = {
  role_arn: [ROLE, "arn:aws:iam::222222222222:role/path/PrivilegedActionsRole"],
  mfa_serial: ["arn:aws:iam::111122223333:mfa/alice", "arn:aws:iam::111122223333:mfa/alice2"],
  assume_mfa_required: ["true", "false"],
  role_session_name: ["alice", "alice2"],
  endpoint_url: ["https://sts.one.example", "https://sts.one.example:8443"],
};
/** The same of those that what a token opens can't have. */
const CALLER_LINES: Readonly<Record<string, readonly [string, string]>> = {
  external_id: ["id-1", "id-2"],
  source_identity: ["alice", "bob"],
  session_tags: ["a=b,c=d", "a=b,c=D"],
};
const DURATION_LINES: Readonly<Record<string, readonly [string, string]>> = { duration_seconds: ["1800", "1801"] };

/** Lines that shape no session. */
const OTHER_LINES: Readonly<Record<string, readonly [string, string]>> = {
  region: ["us-east-1", "eu-west-1"],
  assume_mfa_confirm: ["always", "never"],
  assume_mfa_cache: ["file", "keychain"],
  assume_mfa_session: ["auto", "direct"],
  assume_mfa_session_duration: ["8h", "4h"],
  assume_mfa_share_aws_cli: ["true", "false"],
  mfa_process: ["one", "two"],
  ca_bundle: ["/one.pem", "/two.pem"],
  sts_regional_endpoints: ["regional", "legacy"],
};
/** Lines of the profile that signs, by what it is, that make it another. */
const SIGNER_LINES: Readonly<Record<SourceName, Readonly<Record<string, string>>>> = {
  keys: {},
  environment: {},
  process: { credential_process: "/opt/keys --of bob" },
  sso: {
    sso_start_url: "https://two.awsapps.com/start",
    sso_region: "eu-west-1",
    sso_account_id: "444444444444",
    sso_role_name: "Admin",
  },
  "web identity": {
    role_arn: "arn:aws:iam::111122223333:role/Web2",
    web_identity_token_file: "/run/token2",
    role_session_name: "web",
  },
  token: {},
  instance: {},
  container: {},
  login: { login_session: "arn:aws:iam::111122223333:user/bob", region: "eu-west-1" },
  role: {
    role_arn: "arn:aws:iam::333333333333:role/Jump2",
    mfa_serial: "arn:aws:iam::111122223333:mfa/other",
    external_id: "jump",
    duration_seconds: "901",
    role_session_name: "jumper",
    source_identity: "carol",
    session_tags: "jump=1",
    assume_mfa_required: "false",
  },
};

/** Variables that make it another. */
const SIGNER_VARIABLES: Readonly<Record<SourceName, readonly (readonly [name: string, value: string])[]>> = {
  keys: [],
  environment: [["AWS_ACCESS_KEY_ID", "AKIATHIRDKEY7EXAMPLE"]],
  process: [],
  sso: [["AWS_ENDPOINT_URL_SSO", "https://sso.example"]],
  "web identity": [["ASSUME_MFA_SOURCE_PROFILE", "keys"]],
  token: [["ASSUME_MFA_SOURCE_PROFILE", "keys"]],
  instance: [
    ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338"],
    ["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"],
  ],
  container: [["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/two"]],
  login: [],
  role: [["ASSUME_MFA_SOURCE_PROFILE", "keys"]],
};

const optional = (lines: Readonly<Record<string, readonly [string, string]>>) =>
  fc.record(Object.fromEntries(Object.entries(lines).map(([key, values]) => [key, fc.constantFrom(...values)])), {
    requiredKeys: Object.keys(lines).filter((key) => key === "role_arn"),
  });

const settingsOf = (source: SourceName): fc.Arbitrary<Settings> => {
  const isToken = source === "token";
  return fc.record({
    target: fc.constantFrom("dev", "dev2"),
    source: fc.constant(source),
    profile: fc
      .tuple(
        optional({ ...SHAPING_LINES, ...DURATION_LINES }),
        isToken ? fc.constant({}) : optional(CALLER_LINES),
        optional(OTHER_LINES),
      )
      .map((all) => Object.assign({}, ...all) as Record<string, string>),
    signer: fc.constant({}),
    signerName: fc.constantFrom("parent", "signer"),
    keys: fc.record({
      id: fc.constantFrom("AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"),
      secret: fc.constantFrom("secret-one", "secret-two"),
    }),
    env: fc.record(
      { AWS_REGION: fc.constantFrom("us-east-1", "eu-west-2"), HTTPS_PROXY: fc.constant("http://proxy.example:3128") },
      { requiredKeys: [] },
    ),
    options: fc.record(
      {
        policyArn: fc.subarray([MANAGED("ReadOnlyAccess"), MANAGED("AmazonEC2FullAccess")], { minLength: 1 }),
        policy: fc.constantFrom(DENY("s3:*"), DENY("ec2:*")),
      },
      { requiredKeys: [] },
    ),
  });
};

/** One change of one setting. */
interface Edit {
  readonly what: string;
  readonly isInput: boolean;
  apply(settings: Settings): Settings;
}

/** Another value of a line, its value where there was none, and none where there was one. */
function lineEdits(lines: Readonly<Record<string, readonly [string, string]>>, isInput: boolean): Edit[] {
  return Object.entries(lines).flatMap(([key, [one, other]]) => {
    const another: Edit = {
      what: `another ${key}`,
      isInput,
      apply: (settings) => ({
        ...settings,
        profile: { ...settings.profile, [key]: settings.profile[key] === one ? other : one },
      }),
    };
    const none: Edit = {
      what: `no ${key}`,
      isInput,
      apply({ profile: { [key]: _, ...profile }, ...rest }) {
        return { ...rest, profile };
      },
    };
    return key === "role_arn" ? [another] : [another, none];
  });
}

/** What changes nothing by itself: the default is written down, or was. */
const DEFAULTS: Readonly<Record<string, string>> = { assume_mfa_required: "true" };

function editsOf({ source, options, profile }: Settings): readonly Edit[] {
  const isToken = source === "token";
  const usesKeys = source === "keys" || source === "environment" || source === "role";
  return [
    ...lineEdits({ ...SHAPING_LINES, ...DURATION_LINES, ...(isToken ? {} : CALLER_LINES) }, true),
    ...lineEdits(OTHER_LINES, false),
    ...Object.entries(SIGNER_LINES[source]).map(([key, value]) => ({
      what: `another ${key} of the source`,
      isInput: true,
      apply: (settings: Settings) => ({ ...settings, signer: { [key]: value } }),
    })),
    {
      what: "other keys",
      isInput: usesKeys,
      apply: (settings) => ({ ...settings, keys: { ...settings.keys, id: "AKIAOTHERKEY7EXAMPLE" } }),
    },
    {
      what: "another secret for the same key id",
      isInput: false,
      apply: (settings) => ({ ...settings, keys: { ...settings.keys, secret: "secret-three" } }),
    },
    { what: "another name of the target", isInput: false, apply: (settings) => ({ ...settings, target: "renamed" }) },
    {
      what: "another name of the source",
      isInput: false,
      apply: (settings) => ({ ...settings, signerName: "renamed-source" }),
    },
    {
      what: "another source",
      isInput: true,
      apply: (settings) => ({ ...settings, source: settings.source === "process" ? "keys" : "process" }),
    },
    {
      what: "lines in another order",
      isInput: false,
      apply: (settings) => ({ ...settings, profile: Object.fromEntries(Object.entries(settings.profile).reverse()) }),
    },
    {
      what: "blanks round the tags, in another order",
      isInput: false,
      apply: (settings) => ({ ...settings, profile: spread(settings.profile) }),
    },
    {
      what: "a tag that goes on",
      isInput: profile.session_tags !== undefined,
      apply: (settings) => ({
        ...settings,
        profile: {
          ...settings.profile,
          ...(settings.profile.session_tags === undefined ? {} : { transitive_session_tags: "a" }),
        },
      }),
    },
    ...(isToken
      ? []
      : [
          option("another tag", true, { sessionTag: ["new=tag"] }),
          option("another external id", true, { externalId: "id-3" }),
          option("another source identity", true, { sourceIdentity: "dave" }),
        ]),
    option("another duration", true, { duration: "44m" }),
    option("another session name", true, { roleSessionName: "dave" }),
    option("another endpoint", true, { endpointUrl: "https://sts.three.example" }),
    option("another policy", true, { policy: DENY("iam:*") }),
    option("another policy ARN", true, { policyArn: [MANAGED("AmazonS3FullAccess")] }),
    option("a region", false, { region: "ap-south-1" }),
    option("a route", false, { direct: true }),
    {
      what: "the policy with white space",
      isInput: false,
      apply: (settings) => ({
        ...settings,
        options: {
          ...settings.options,
          ...(typeof options.policy === "string"
            ? { policy: JSON.stringify(JSON.parse(options.policy), null, 2) }
            : {}),
        },
      }),
    },
    {
      what: "the policy ARNs in another order, and twice",
      isInput: false,
      apply: (settings) => ({
        ...settings,
        options: {
          ...settings.options,
          ...(Array.isArray(options.policyArn)
            ? { policyArn: [...options.policyArn, ...options.policyArn].reverse() }
            : {}),
        },
      }),
    },
    // A chain's device is that of its first role, which it is the source of.
    option("another device", true, { serialNumber: "arn:aws:iam::111122223333:mfa/third" }),
    ...SIGNER_VARIABLES[source].map(([name, value]) => variable("another source", true, name, value)),
    variable("another session name", true, "ASSUME_MFA_ROLE_SESSION_NAME", "erin"),
    variable("another duration", true, "ASSUME_MFA_DURATION", "43m"),
    variable("another device", true, "ASSUME_MFA_SERIAL_NUMBER", "GAHT12345678"),
    variable("another endpoint", true, "AWS_ENDPOINT_URL_STS", "https://sts.four.example"),
    variable("another endpoint of EC2", false, "AWS_ENDPOINT_URL_EC2", "https://ec2.four.example"),
    variable("another region", false, "AWS_REGION", "sa-east-1"),
    variable("another proxy", false, "HTTPS_PROXY", "http://other.example:3128"),
    variable("another CA bundle", false, "AWS_CA_BUNDLE", "/three.pem"),
    variable("no such variable of ours", false, "ASSUME_MFA_MIN_TTL", "1h"),
  ];
}

function option(what: string, isInput: boolean, given: Settings["options"]): Edit {
  return {
    what: `${what} by an option`,
    isInput,
    apply: (settings) => ({ ...settings, options: { ...settings.options, ...given } }),
  };
}

function variable(what: string, isInput: boolean, name: string, value: string): Edit {
  return {
    what: `${what} by ${name}`,
    isInput,
    apply: (settings) => ({ ...settings, env: { ...settings.env, [name]: value } }),
  };
}

function spread(profile: Settings["profile"]): Settings["profile"] {
  const tags = profile.session_tags;
  return tags === undefined ? profile : { ...profile, session_tags: ` ${tags.split(",").reverse().join(" ,  ")}` };
}

/** @returns undefined for what AWS takes down no chain: two source identities */
function inputsUnlessRefused(settings: Settings): string | undefined {
  try {
    return inputsOf(settings);
  } catch (error) {
    if (error instanceof AssumeMfaError && error.message.startsWith("a session keeps the source identity"))
      return undefined;
    throw error;
  }
}

/** The settings with what is left out where it says what goes without saying. */
function withoutDefaults({ profile, ...rest }: Settings): string {
  const said = Object.entries(profile).filter(([key, value]) => DEFAULTS[key] !== value);
  return JSON.stringify([said, rest]);
}

describe("one edit of the settings of a run", () => {
  const sources = Object.keys(SOURCES) as SourceName[];
  const made = new Map<string, number>();

  it.each(sources)("is a miss where it shapes the session, and only there: signed by %s", (source) => {
    fc.assert(
      fc.property(settingsOf(source), (settings) => {
        const before = inputsOf(settings);
        for (const edit of editsOf(settings)) {
          const edited = edit.apply(settings);
          const after = withoutDefaults(edited) === withoutDefaults(settings) ? undefined : inputsUnlessRefused(edited);
          if (after === undefined) continue;
          const isMiss = before !== after;
          if (isMiss !== edit.isInput) throw new Error(`${edit.what} is ${isMiss ? "a miss" : "a hit"}`);
          made.set(edit.what, (made.get(edit.what) ?? 0) + 1);
        }
      }),
      // Many a chain refuses the edit of its source identity.
      { numRuns: source === "role" ? 24 : 8 },
    );
  });

  it("was made of every kind", () => {
    const known = sources.flatMap((source) =>
      editsOf({ source, options: {}, profile: { session_tags: "a=b" } } as unknown as Settings).map(({ what }) => what),
    );
    expect([...new Set(known)].filter((what) => !made.has(what))).toEqual([]);
    expect(made.size).toBeGreaterThan(60);
  });
});
