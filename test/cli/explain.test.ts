import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import fc from "fast-check";
import * as v from "valibot";
import { beforeEach, describe, expect, it } from "vitest";
import { endpointPlace } from "../../src/aws/endpoint-place.ts";
import type { Environment } from "../../src/host/host.ts";
import { terminalWidth } from "../../src/outputs/terminal-width.ts";
import { canonicalText, inputsDigest } from "../../src/session/session-inputs.ts";
import { DEV, DEV_ROLE, demand, openCliWorld, PROD, type Run, type RunOptions, SERIAL } from "../support/cli-world.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const PROD_ROLE = `arn:aws:iam::${PROD}:role/PrivilegedActionsRole`;
/** Where the sections of `configWith` begin. */
const OWN_LINE = readFileSync(demand(world.env.AWS_CONFIG_FILE), "utf8").split("\n").length;

const text = v.string();
const time = v.nullable(v.pipe(text, v.isoTimestamp()));
const seconds = v.pipe(v.number(), v.integer(), v.minValue(0));
const Origin = v.variant("kind", [
  v.strictObject({ kind: v.literal("file"), path: text, line: seconds, profile: text }),
  v.strictObject({ kind: v.literal("option"), option: text }),
  v.strictObject({ kind: v.literal("environment"), variable: text }),
  v.strictObject({ kind: v.literal("default"), reason: text }),
]);
const of = <T extends v.GenericSchema>(value: T) => v.nullable(v.strictObject({ value, origin: Origin }));
const flag = v.strictObject({ value: v.boolean(), origin: Origin });
const word = v.strictObject({ value: text, origin: Origin });

/** The documented shape: nothing more and nothing less. */
const EXPLANATION = {
  settings: v.strictObject({
    role: word,
    mfaSerial: of(text),
    mfaRequired: flag,
    mfaProcess: of(v.nullable(text)),
    region: of(text),
    endpoints: v.strictObject({ sts: of(text), ec2: of(text), dynamodb: of(text), iam: of(text) }),
    useFipsEndpoint: flag,
    useDualstackEndpoint: flag,
    proxy: of(text),
    caBundle: of(text),
    externalId: of(text),
    roleSessionName: of(text),
    durationSeconds: of(seconds),
    sourceIdentity: of(text),
    sessionTags: v.array(
      v.strictObject({ value: v.strictObject({ key: text, value: text, transitive: v.boolean() }), origin: Origin }),
    ),
    sessionPolicy: of(text),
    policyArns: v.array(word),
    confirm: word,
    cache: word,
    session: word,
    scope: word,
    sharedDurationSeconds: v.strictObject({ value: seconds, origin: Origin }),
    shareAwsCli: flag,
  }),
  signer: v.strictObject({
    kind: text,
    label: text,
    profile: v.nullable(text),
    accessKeyId: v.nullable(text),
    longTerm: v.nullable(v.boolean()),
    origin: Origin,
    namedBy: v.nullable(Origin),
  }),
  cachedSession: v.strictObject({
    outcome: v.picklist(["hit", "miss", "off", "aws cli"]),
    reason: v.nullable(text),
    differences: v.array(text),
    expiration: time,
  }),
  awsCliObstacle: v.nullable(text),
  scopedSessions: v.nullable(v.array(v.strictObject({ resources: seconds, policyCharacters: seconds }))),
  sharedSession: v.nullable(
    v.strictObject({ mfaSerial: text, keptIn: text, expiration: v.pipe(text, v.isoTimestamp()), secondsLeft: seconds }),
  ),
  route: v.nullable(
    v.strictObject({ kind: v.picklist(["plain", "direct", "shared"]), reason: text, opensShared: v.boolean() }),
  ),
  duration: v.strictObject({ seconds, reason: text, maximumSeconds: seconds, maximumReason: text }),
  device: v.nullable(v.strictObject({ serial: v.nullable(text), reason: text })),
  sessionName: v.strictObject({ name: v.nullable(text), reason: text }),
  tokenCode: v.strictObject({
    needed: v.boolean(),
    reason: v.nullable(text),
    source: v.nullable(
      v.picklist(["given", "mfa_process", "stored secret", "totp secret", "terminal", "pinentry", "nobody"]),
    ),
    from: v.nullable(text),
  }),
  wouldFail: v.array(v.looseObject({ code: text, message: text, hint: v.nullable(text) })),
};
const Hop: v.GenericSchema<Explanation> = v.strictObject({ ...EXPLANATION, hop: v.nullable(v.lazy(() => Hop)) });
type Explanation = v.InferOutput<v.StrictObjectSchema<typeof EXPLANATION, undefined>> & {
  readonly hop: Explanation | null;
};
const DOCUMENT = v.array(
  v.strictObject({
    target: text,
    account: v.pipe(text, v.regex(/^\d{12}$/)),
    region: v.nullable(text),
    result: Hop,
  }),
);

/** All that lies in the world, by name, time and content. */
function tree(): string {
  return readdirSync(world.folder, { recursive: true, encoding: "utf8" })
    .map((name) => {
      const file = path.join(world.folder, name);
      const stat = lstatSync(file);
      return `${name} ${stat.mode} ${stat.mtimeMs} ${stat.isFile() ? readFileSync(file, "latin1") : ""}`;
    })
    .join("\n");
}

/** Somebody is there, and would be asked: nothing is asked, called, run, read or written. */
async function runExplained(line: string, options: RunOptions = {}): Promise<Run> {
  const host = { replies: [], stdin: "not yours\n", ...options };
  const before = tree();
  const run = await world.run(`${line} --explain`, host);
  expect(run).toMatchObject({ exitCode: 0, questions: [], operations: [], calls: [], screen: "" });
  expect(run.host.stdinLeft.toString()).toBe(host.stdin);
  expect(tree()).toBe(before);
  return run;
}

async function explainAll(line: string, options: RunOptions = {}): Promise<v.InferOutput<typeof DOCUMENT>> {
  const { stdout } = await runExplained(`${line} -o json`, options);
  const parsed = v.safeParse(DOCUMENT, JSON.parse(stdout));
  expect(parsed.issues && v.flatten(parsed.issues)).toBeUndefined();
  return parsed.output as v.InferOutput<typeof DOCUMENT>;
}

async function explain(line: string, options: RunOptions = {}): Promise<Explanation> {
  const [entry, ...others] = await explainAll(line, options);
  expect(others).toEqual([]);
  return demand(entry).result;
}

/** Options, variables and one profile `mine`. */
interface Setup {
  readonly argv?: string;
  readonly env?: Environment;
  /** Below `[profile mine]`; default: the role of dev by the keys of parent. */
  readonly lines?: string;
  readonly more?: string;
  /** True: without the sandbox's own profiles, whose `parent` names the device. */
  readonly isAlone?: boolean;
}

const PLAIN_LINES = `role_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = eu-west-1`;

function setupOf(
  { argv = "", env = {}, lines = PLAIN_LINES, more = "", isAlone = false }: Setup,
  target = "mine",
  action = "login",
) {
  const text = `[profile mine]\n${lines}\n${more}\n`;
  const config = isAlone ? world.configFile(`[profile parent]\n${text}`) : world.configWith(text);
  return { line: `${target} ${action} ${argv}`.trim(), options: { env: { ...config, ...env } }, config };
}

async function explainSetup(setup: Setup, options: RunOptions = {}): Promise<Explanation> {
  const { line, options: own } = setupOf(setup);
  return explain(line, { ...own, ...options });
}

/** The place of a line among those below `[profile mine]`. */
const lineOf = (index: number) => OWN_LINE + 1 + index;

describe("each value", () => {
  it("stands beside the line that decided it", async () => {
    const lines = [
      `role_arn = ${DEV_ROLE}`,
      "source_profile = parent",
      `mfa_serial = ${SERIAL}`,
      "region = eu-west-1",
      "external_id = id-42",
      "role_session_name = alice-at-work",
      "duration_seconds = 1800",
      "source_identity = alice",
      "session_tags = team=blue, cost=7",
      "transitive_session_tags = cost",
      "assume_mfa_confirm = always",
      "assume_mfa_cache = none",
      "assume_mfa_session = direct",
      "assume_mfa_session_duration = 4h",
      "assume_mfa_share_aws_cli = true",
      "ca_bundle = /etc/hosts",
      "use_fips_endpoint = false",
    ];
    const { settings, signer } = await explainSetup({ lines: lines.join("\n") });
    const at = (key: string) => ({
      kind: "file",
      line: lineOf(lines.findIndex((line) => line.startsWith(`${key} `))),
      profile: "mine",
    });
    expect(settings).toMatchObject({
      role: { value: DEV_ROLE, origin: at("role_arn") },
      mfaSerial: { value: SERIAL, origin: at("mfa_serial") },
      region: { value: "eu-west-1", origin: at("region") },
      externalId: { value: "id-42", origin: at("external_id") },
      roleSessionName: { value: "alice-at-work", origin: at("role_session_name") },
      durationSeconds: { value: 1800, origin: at("duration_seconds") },
      sourceIdentity: { value: "alice", origin: at("source_identity") },
      sessionTags: [
        { value: { key: "team", value: "blue", transitive: false }, origin: at("session_tags") },
        { value: { key: "cost", value: "7", transitive: true }, origin: at("session_tags") },
      ],
      confirm: { value: "always", origin: at("assume_mfa_confirm") },
      cache: { value: "none", origin: at("assume_mfa_cache") },
      session: { value: "direct", origin: at("assume_mfa_session") },
      sharedDurationSeconds: { value: 14_400, origin: at("assume_mfa_session_duration") },
      shareAwsCli: { value: true, origin: at("assume_mfa_share_aws_cli") },
      caBundle: { value: "/etc/hosts", origin: at("ca_bundle") },
      useFipsEndpoint: { value: false, origin: at("use_fips_endpoint") },
      mfaRequired: { value: true, origin: { kind: "default", reason: "the default" } },
      mfaProcess: null,
      proxy: null,
    });
    expect(signer).toMatchObject({
      kind: "keys",
      profile: "parent",
      longTerm: true,
      accessKeyId: demand([...world.user("alice").accessKeys.values()][0]).accessKeyId,
      origin: { kind: "file", path: world.env.AWS_SHARED_CREDENTIALS_FILE, line: 2 },
      namedBy: at("source_profile"),
    });
  });

  it("stands beside the option or the variable that decided it", async () => {
    const { settings, sessionName, duration } = await explainSetup({
      argv: "--external-id id-7 --role-session-name bob --duration 30m --session-tag team=red --policy-arn arn:aws:iam::aws:policy/ReadOnlyAccess --shared",
      env: {
        AWS_REGION: "eu-west-3",
        AWS_ENDPOINT_URL_EC2: "https://ec2.example.test",
        https_proxy: "http://alice:hunter-two@proxy.example.test:3128",
        AWS_CA_BUNDLE: "/etc/hosts",
        ASSUME_MFA_SANDBOX: undefined,
      },
    });
    const option = (name: string) => ({ kind: "option", option: name });
    const variable = (name: string) => ({ kind: "environment", variable: name });
    expect(settings).toMatchObject({
      externalId: { value: "id-7", origin: option("--external-id") },
      roleSessionName: { value: "bob", origin: option("--role-session-name") },
      durationSeconds: { value: 1800, origin: option("--duration") },
      sessionTags: [{ value: { key: "team", value: "red" }, origin: option("--session-tag") }],
      policyArns: [{ value: "arn:aws:iam::aws:policy/ReadOnlyAccess", origin: option("--policy-arn") }],
      session: { value: "shared", origin: option("--shared") },
      region: { value: "eu-west-3", origin: variable("AWS_REGION") },
      endpoints: {
        sts: { value: world.sandbox.endpoint, origin: variable("AWS_ENDPOINT_URL") },
        ec2: { value: "https://ec2.example.test", origin: variable("AWS_ENDPOINT_URL_EC2") },
      },
      proxy: { value: "proxy.example.test:3128", origin: variable("https_proxy") },
      caBundle: { value: "/etc/hosts", origin: variable("AWS_CA_BUNDLE") },
    });
    expect(sessionName).toEqual({ name: "bob", reason: "--role-session-name" });
    expect(duration).toMatchObject({ seconds: 1800, reason: "--duration" });
  });

  it.each<[string, Setup, object]>([
    [
      "the profile that an option names",
      { argv: "--source-profile parent", lines: `role_arn = ${DEV_ROLE}\nsource_profile = bob` },
      { profile: "parent", namedBy: { kind: "option", option: "--source-profile" } },
    ],
    [
      "the profile that AWS_PROFILE names",
      { env: { AWS_PROFILE: "parent" }, lines: `role_arn = ${DEV_ROLE}` },
      { profile: "parent", namedBy: { kind: "environment", variable: "AWS_PROFILE" } },
    ],
    [
      "the environment",
      {
        env: { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: world.addCanary("s".repeat(40)) },
        lines: `role_arn = ${DEV_ROLE}`,
      },
      {
        profile: null,
        accessKeyId: "AKIAIOSFODNN7EXAMPLE",
        origin: { kind: "environment", variable: "AWS_ACCESS_KEY_ID" },
        namedBy: null,
      },
    ],
    [
      "a session in the environment",
      {
        env: {
          AWS_ACCESS_KEY_ID: "ASIAIOSFODNN7EXAMPLE",
          AWS_SECRET_ACCESS_KEY: "s".repeat(40),
          AWS_SESSION_TOKEN: world.addCanary("t".repeat(60)),
        },
        lines: `role_arn = ${DEV_ROLE}\ncredential_source = Environment`,
      },
      { longTerm: false, namedBy: { kind: "file", line: lineOf(1) } },
    ],
    [
      "a program of which only the name is shown",
      {
        lines: `role_arn = ${DEV_ROLE}\nsource_profile = made`,
        more: `[profile made]\ncredential_process = /opt/vault --token ${world.addCanary("hunter-two-hunter-two")}`,
      },
      { kind: "process", accessKeyId: null, longTerm: null, namedBy: { kind: "file", line: lineOf(1) } },
    ],
    [
      "an instance's role",
      {
        lines: `role_arn = ${DEV_ROLE}\ncredential_source = Ec2InstanceMetadata`,
        env: { AWS_EC2_METADATA_DISABLED: undefined },
      },
      { kind: "instance metadata", longTerm: false, origin: { kind: "file", line: lineOf(1) } },
    ],
    [
      "another role",
      { lines: `role_arn = ${DEV_ROLE}\nsource_profile = prod` },
      { kind: "role", label: "the role of prod", profile: "prod", longTerm: false },
    ],
  ])("tells who signs: %s", async (_what, setup, expected) => {
    const { signer } = await explainSetup(setup);
    expect(signer).toMatchObject(expected);
    const { line, options } = setupOf(setup);
    const { stdout } = await runExplained(line, options);
    expect(stdout).toContain(signer.label);
    if (signer.accessKeyId !== null) expect(stdout).toContain(`key ${signer.accessKeyId}`);
    if (signer.kind === "process") expect(stdout).toMatch(/^signed by .* \(vault\) {2}\(.*, chosen by /m);
  });

  it("tells a chain hop by hop", async () => {
    const { hop, signer, route, duration, tokenCode } = await explainSetup({
      lines: `role_arn = ${DEV_ROLE}\nsource_profile = middle`,
      more: `[profile middle]\nrole_arn = ${PROD_ROLE}\nsource_profile = staging`,
    });
    expect(signer.label).toBe("the role of middle");
    expect(route).toMatchObject({
      kind: "plain",
      reason: "the role of middle signs, and a session can't present a code",
    });
    expect(duration.maximumSeconds).toBe(3600);
    expect(hop).toMatchObject({
      settings: { role: { value: PROD_ROLE } },
      signer: { kind: "role", label: "the role of staging" },
      hop: {
        signer: { kind: "keys", profile: "parent" },
        route: { kind: "direct" },
        device: { serial: SERIAL },
        hop: null,
      },
    });
    expect(tokenCode).toMatchObject({ needed: true, source: "terminal" });
    expect(hop?.hop?.device).toEqual({ serial: SERIAL, reason: expect.stringMatching(/config:\d+$/) });
    expect((await runExplained("prod login")).stdout).not.toContain(": role");
  });
});

describe("the cache", () => {
  it("hits where a run is served, and says for how long", async () => {
    await world.login();
    const { cachedSession, tokenCode, wouldFail } = await explain("dev whoami --no-input");
    expect(cachedSession).toMatchObject({ outcome: "hit", reason: null, differences: [] });
    expect(Date.parse(demand(cachedSession.expiration)) - world.sandbox.now()).toBeGreaterThan(3_500_000);
    expect(tokenCode).toEqual({ needed: false, reason: "a live session is cached", source: null, from: null });
    expect(wouldFail).toEqual([]);
    const { stdout } = await runExplained("dev whoami");
    expect(stdout).toMatch(/^cache +hit, until .* \((?:59 min|1 h) left\)$/m);
    expect(stdout).toMatch(/^route +none is needed; then direct: no shared session is live/m);
  });

  it.each<[string, string, RegExp, readonly string[]]>([
    [
      "the session's settings are others",
      "dev whoami --external-id id-1",
      /^a session of this role is cached, made with other settings$/,
      ["externalId"],
    ],
    [
      "two settings are others",
      "dev whoami --external-id id-1 --duration 30m",
      /other settings$/,
      ["externalId", "durationSeconds"],
    ],
    ["there is none of this role", "prod whoami", /^no session of this role is cached$/, []],
    ["it is to be renewed", "dev whoami --refresh", /^--refresh assumes again, though a session is cached$/, []],
  ])("misses where %s", async (_what, line, reason, differences) => {
    await world.login();
    const { cachedSession } = await explain(line);
    expect(cachedSession).toMatchObject({ outcome: "miss", reason: expect.stringMatching(reason) });
    expect([...cachedSession.differences].sort()).toEqual([...differences].sort());
  });

  it("misses where it ends too soon, by a third of its life at most", async () => {
    await world.login();
    expect((await explain("dev whoami --min-ttl 50m")).cachedSession.outcome).toBe("hit");
    world.sandbox.moveClock(41 * 60_000);
    expect((await explain("dev whoami")).cachedSession.outcome).toBe("hit");
    expect((await explain("dev whoami --min-ttl 50m")).cachedSession).toMatchObject({
      outcome: "miss",
      reason: expect.stringMatching(
        /^the cached session ends in 1[89] min, and is renewed (?:19|20) min before its end \(--min-ttl, a third/,
      ),
    });
    world.sandbox.moveClock(20 * 60_000);
    expect((await explain("dev whoami")).cachedSession.reason).toBe("the cached session has ended");
  });

  it("misses by the settings of the session that is nearest", async () => {
    await world.login();
    for (const more of ["--external-id id-1 --role-session-name other", "--duration 30m"]) {
      const run = await world.run(`dev login ${more} --token-code ${world.code()}`);
      expect(run.exitCode).toBe(0);
    }
    expect((await explain("dev whoami --duration 20m")).cachedSession.differences).toEqual(["durationSeconds"]);
    const { differences } = (await explain("dev whoami --external-id id-1 --role-session-name third")).cachedSession;
    expect(differences).toEqual(["roleSessionName"]);
    const { stdout } = await runExplained("dev whoami --external-id id-1 --role-session-name third");
    expect(stdout).toMatch(
      /^cache +miss {2}\(a session of this role is cached, made with other settings: session name\)$/m,
    );
  });

  it("is all that counts where it hits: what would be refused without it is no failure", async () => {
    await world.login();
    const { exitCode } = await world.run(["dev", "login", "--duration", "2h", "--token-code", world.code()]);
    expect(exitCode).toBe(0);
    const { cachedSession, route, wouldFail } = await explain("dev login --duration 2h --shared");
    expect(cachedSession.outcome).toBe("hit");
    expect(route).toBeNull();
    expect(wouldFail).toEqual([]);
    expect((await explain("dev login --duration 2h --shared --refresh")).wouldFail).toMatchObject([
      { code: "SESSION_SETTING_REFUSED" },
    ]);
  });

  it("of a chain's first role is no session of the last one", async () => {
    await world.login();
    const { options, line } = setupOf({ lines: `role_arn = ${PROD_ROLE}\nsource_profile = dev` });
    const { stdout } = await runExplained(line, options);
    expect(stdout).toMatch(/^token code +none is needed {2}\(a live session of dev, which signs, is cached\)$/m);
    expect(stdout).toMatch(/^kept in +a file /m);
  });

  it("of a chain's first role tells the session's name", async () => {
    await world.login();
    rmSync(path.join(world.cacheHome, "assume-mfa", "callers"), { recursive: true });
    const { sessionName } = await explainSetup({ lines: `role_arn = ${PROD_ROLE}\nsource_profile = dev` });
    expect(sessionName).toEqual({ name: "alice", reason: "as the role of dev has it" });
  });

  it("misses where another version made it", async () => {
    await world.login();
    const file = world.sessionFile;
    const entry = JSON.parse(readFileSync(file, "utf8"));
    const inputs = canonicalText({ ...Object.fromEntries(JSON.parse(entry.inputs)), schema: 0 });
    rmSync(file);
    const renamed = path.join(path.dirname(file), `${inputsDigest(inputs)}.json`);
    writeFileSync(renamed, JSON.stringify({ ...entry, inputs }), { mode: 0o600 });
    const { cachedSession } = await explain("dev whoami");
    expect(cachedSession.reason).toBe("a session of this role is cached, made by another version");
  });

  it.each<[string, Setup, string | RegExp]>([
    ["an option", { argv: "--no-cache" }, "--no-cache"],
    ["the profile", { lines: `${PLAIN_LINES}\nassume_mfa_cache = none` }, /^assume_mfa_cache = none \(.*config:\d+\)$/],
  ])("is left alone where %s says so", async (_what, setup, reason) => {
    expect((await explainSetup(setup)).cachedSession).toMatchObject({
      outcome: "off",
      reason: reason instanceof RegExp ? expect.stringMatching(reason) : reason,
    });
  });
});

describe("the route and the token code", () => {
  it("tell of a live shared session and what is left of it", async () => {
    expect((await explain("dev whoami")).sharedSession).toBeNull();
    await world.run(["login", "--token-code", world.code()]);
    const { sharedSession, route, tokenCode, duration } = await explain("dev whoami");
    expect(duration).toMatchObject({
      maximumSeconds: 3600,
      maximumReason: "a role of a shared session lasts 1 h at most",
    });
    expect(sharedSession).toMatchObject({ mfaSerial: SERIAL, keptIn: "file" });
    expect(demand(sharedSession).secondsLeft).toBeGreaterThan(7.9 * 3600);
    expect(route).toEqual({ kind: "shared", reason: "a shared session is live", opensShared: false });
    expect(tokenCode).toMatchObject({ needed: false, reason: "a shared session is live" });
    expect((await runExplained("dev whoami")).stdout).toMatch(/^signed in +until .* left\)/m);
  });

  it.each<[string, Setup, RunOptions, object]>([
    ["--token-code", { argv: "--token-code 123456" }, {}, { source: "given", from: "given: --token-code" }],
    ["standard input", { argv: "--token-code -" }, {}, { source: "given", from: "given: standard input" }],
    [
      "a variable",
      { env: { ASSUME_MFA_TOKEN_CODE: "123456" } },
      {},
      { source: "given", from: "given: ASSUME_MFA_TOKEN_CODE" },
    ],
    [
      "a program",
      { lines: `${PLAIN_LINES}\nmfa_process = /usr/bin/ykman oath accounts code ${world.addCanary("hunter-three")}` },
      {},
      { source: "mfa_process", from: "what mfa_process prints (ykman)" },
    ],
    [
      "a secret in the environment",
      { env: { ASSUME_MFA_TOTP_SECRET: world.addCanary("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") } },
      {},
      { source: "totp secret", from: "made from ASSUME_MFA_TOTP_SECRET" },
    ],
    ["the terminal", {}, {}, { source: "terminal", from: "asked for at the terminal" }],
    ["nobody", {}, { replies: undefined }, { source: "nobody", from: "nobody can be asked" }],
    ["nobody who may be asked", { argv: "--no-input" }, {}, { source: "nobody", from: "nobody can be asked" }],
  ])("come from %s", async (_what, setup, options, expected) => {
    const { tokenCode, wouldFail } = await explainSetup(setup, options);
    expect(tokenCode).toEqual({ needed: true, reason: null, ...expected });
    const isNobody = "source" in expected && expected.source === "nobody";
    expect(wouldFail.map(({ code }) => code)).toEqual(isNobody ? ["TOKEN_CODE_MISSING"] : []);
  });

  it("tell a secret in the keychain by its marker alone", async () => {
    const folder = path.join(world.folder, "state");
    const marker = { serial: SERIAL, place: endpointPlace(world.sandbox.endpoint, "sts") };
    const name = inputsDigest(JSON.stringify([marker.serial, marker.place]));
    const stored = path.join(folder, "assume-mfa", "stored-secrets");
    mkdirSync(stored, { recursive: true, mode: 0o700 });
    writeFileSync(path.join(stored, `${name}.json`), JSON.stringify(marker), { mode: 0o600 });
    const { tokenCode } = await explain("dev whoami", { env: { XDG_STATE_HOME: folder } });
    expect(tokenCode).toMatchObject({ needed: true, source: "stored secret" });
  });

  it("run neither mfa_process nor credential_process", async () => {
    const sentinel = path.join(world.folder, "was-run");
    const { tokenCode } = await explainSetup({ lines: `${PLAIN_LINES}\nmfa_process = touch ${sentinel}` });
    expect(tokenCode).toMatchObject({ source: "mfa_process" });
    const { signer } = await explainSetup({
      lines: `role_arn = ${DEV_ROLE}\nsource_profile = made`,
      more: `[profile made]\ncredential_process = touch ${sentinel}`,
    });
    expect(signer.kind).toBe("process");
    const { tokenCode: another } = await explainSetup({
      lines: `role_arn = ${DEV_ROLE}\nsource_profile = made\nmfa_serial = ${SERIAL}`,
      more: `[profile made]\ncredential_process = touch ${sentinel}`,
    });
    expect(another).toMatchObject({
      needed: false,
      reason: expect.stringMatching(/gives counts as a session.*should it give a user's own keys, a code is needed/),
    });
    expect(existsSync(sentinel)).toBe(false);
  });

  it("connect to nobody outside of a sandbox", async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      const env = { ASSUME_MFA_SANDBOX: undefined, AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` };
      expect((await explain("dev whoami", { env })).route).toMatchObject({ kind: "direct" });
      expect(connections).toBe(0);
      expect((await world.run("dev whoami -t 123456", { env })).exitCode).toBe(1);
      expect(connections).toBeGreaterThan(0);
    } finally {
      server.close();
    }
  });
});

describe("what would fail", () => {
  it.each<[string, Setup, string, RunOptions, readonly string[]]>([
    ["another account is expected", { argv: `--expect-account ${PROD}` }, "login", {}, ["ACCOUNT_UNEXPECTED"]],
    ["there is no region", { lines: PLAIN_LINES.replace(/\nregion.*/, "") }, "instances", {}, ["REGION_MISSING"]],
    ["the CA bundle is not there", { env: { AWS_CA_BUNDLE: "/nowhere/ca.pem" } }, "login", {}, ["CONFIG_UNREADABLE"]],
    ["the code is malformed", { argv: "--token-code 12345" }, "login", {}, ["TOKEN_CODE_MALFORMED"]],
    [
      "the secret is malformed",
      { env: { ASSUME_MFA_TOTP_SECRET: "not base32!" } },
      "login",
      {},
      ["TOTP_SECRET_MALFORMED"],
    ],
    ["nobody is there", {}, "login", { replies: undefined }, ["TOKEN_CODE_MISSING"]],
    [
      "a shared session is to give two hours",
      { argv: "--shared --duration 2h" },
      "login",
      {},
      ["SESSION_SETTING_REFUSED"],
    ],
    [
      "a chain is to give two hours",
      { argv: "--duration 2h", lines: `role_arn = ${DEV_ROLE}\nsource_profile = prod` },
      "login",
      {},
      ["SESSION_SETTING_REFUSED"],
    ],
    [
      "an endpoint is no sandbox's inside of one",
      { env: { AWS_ENDPOINT_URL_EC2: "https://ec2.example.test" } },
      "login",
      {},
      ["ENDPOINT_UNEXPECTED"],
    ],
    [
      "two things are wrong",
      { argv: `--expect-account ${PROD} --token-code x` },
      "login",
      {},
      ["ACCOUNT_UNEXPECTED", "TOKEN_CODE_MALFORMED"],
    ],
  ])(
    "is told, with exit 0, where %s; and a run fails so before any call",
    async (_what, setup, action, more, codes) => {
      const { line, options } = setupOf(setup, "mine", action);
      const { wouldFail } = await explain(line, { ...options, ...more });
      expect(wouldFail.map(({ code }) => code)).toEqual(codes);
      const run = await world.run(`${line} -o json`, { replies: undefined, ...options, ...more });
      expect(run.operations).toEqual([]);
      expect(JSON.parse(run.stdout)[0].error).toMatchObject(demand(wouldFail[0]));
      const shown = await runExplained(line, { ...options, ...more });
      expect(shown.stdout).toContain(`(exit ${run.exitCode})`);
    },
  );

  it("is a code that was sent before, where nobody can be asked for another", async () => {
    const code = world.code();
    expect((await world.run(["dev", "login", "--token-code", code])).exitCode).toBe(0);
    const line = `dev login --refresh --token-code ${code}`;
    expect((await explain(line)).wouldFail).toEqual([]);
    expect((await explain(line, { replies: undefined })).wouldFail).toMatchObject([{ code: "TOKEN_CODE_USED" }]);
    expect(await world.run(line)).toMatchObject({ exitCode: 7, operations: [] });
  });

  it("is told where AWS refused the duration before", async () => {
    const refused = await world.run(["prod", "login", "--duration", "2h", "--token-code", world.code()]);
    expect(refused.exitCode).toBeGreaterThan(0);
    const { wouldFail, duration } = await explain("prod login --duration 2h");
    expect(wouldFail).toMatchObject([{ code: "SESSION_SETTING_REFUSED" }]);
    expect((await runExplained("prod login --duration 2h")).stdout).toMatch(
      /^less than +2 h {2}\(AWS refused that for this role before\)$/m,
    );
    expect(duration).toMatchObject({
      seconds: 7200,
      maximumSeconds: 7199,
      maximumReason: "AWS refused 2 h for this role before",
    });
    expect((await explain("prod login --duration 2h --refresh")).wouldFail).toEqual([]);
    expect((await explain("prod login")).wouldFail).toEqual([]);
  });

  it("is the run's own end where there is nothing to explain: no such target, a broken file", async () => {
    const unknown = await world.run("devv whoami --explain", { replies: [] });
    expect(unknown).toMatchObject({ exitCode: 3, stdout: "", operations: [], questions: [] });
    expect(unknown.stderr).toContain("closest: dev");
    const broken = await world.run("mine whoami --explain", {
      replies: [],
      env: world.configWith(`[profile mine]\nrole_arn = ${DEV_ROLE}\nassume_mfa_session = often\n`),
    });
    expect(broken).toMatchObject({ exitCode: 0, operations: [], questions: [] });
    const usage = await world.run("dev whoami --explain --duration 1", { replies: [] });
    expect(usage).toMatchObject({ exitCode: 2, stdout: "", operations: [], questions: [] });
  });

  it.each<[string, Setup, string, number, object]>([
    [
      "a loop",
      {
        lines: `role_arn = ${DEV_ROLE}\nsource_profile = other`,
        more: `[profile other]\nrole_arn = ${PROD_ROLE}\nsource_profile = mine`,
      },
      "SOURCE_PROFILE_LOOP",
      3,
      { signer: null },
    ],
    [
      "no such source",
      { lines: PLAIN_LINES.replace("parent", "nobody") },
      "SOURCE_CREDENTIALS_MISSING",
      3,
      { signer: null },
    ],
    [
      "a passkey",
      { lines: PLAIN_LINES.replace(SERIAL, "arn:aws:iam::111122223333:u2f/user/alice/key") },
      "MFA_SERIAL_UNUSABLE",
      3,
      { signer: { kind: "keys", profile: "parent" } },
    ],
    [
      "a shell's character",
      { lines: `${PLAIN_LINES}\nmfa_process = pass otp | head` },
      "CONFIG_MALFORMED",
      3,
      { signer: { kind: "keys" } },
    ],
    [
      "no instance metadata",
      {
        lines: `role_arn = ${DEV_ROLE}\ncredential_source = Ec2InstanceMetadata\nregion = eu-west-1`,
        env: { AWS_EC2_METADATA_DISABLED: "true" },
      },
      "SOURCE_CREDENTIALS_MISSING",
      3,
      { signer: null },
    ],
  ])(
    "of a target that no run can begin with is told with what is known of it: %s",
    async (_, setup, code, exit, known) => {
      const { line, options } = setupOf(setup);
      const shown = await runExplained(line, options);
      expect(shown.stdout).toMatch(new RegExp(`^role +${DEV_ROLE} {2}\\(.*config:${lineOf(0)}\\)$`, "m"));
      expect(shown.stdout).toMatch(/^account +222222222222 /m);
      expect(shown.stdout).toMatch(new RegExp(`^would fail +.*\\(exit ${exit}\\)`, "m"));
      const { stdout } = await runExplained(`${line} -o json`, options);
      const [{ account, result }] = JSON.parse(stdout);
      expect([account, Object.keys(result).sort()]).toEqual([DEV, Object.keys(await explain("dev login")).sort()]);
      expect(result).toMatchObject({ ...known, route: null, tokenCode: null, wouldFail: [{ code }] });
      expect(result.settings.role.value).toBe(DEV_ROLE);
      expect((await world.run(line, { ...options, replies: [] })).exitCode).toBe(exit);
    },
  );
});

describe("the explained run is the run", () => {
  /** The calls that the explanation foresees, in any order. */
  function foreseen({ cachedSession, route, hop, device, sessionName, tokenCode }: Explanation): string[] {
    if (cachedSession.outcome === "hit") return [];
    if (cachedSession.outcome === "aws cli") return ["GetCallerIdentity"];
    const name = sessionName.name === null && hop === null ? ["GetCallerIdentity"] : [];
    if (hop !== null) return [...foreseen(hop), "AssumeRole"];
    const found = tokenCode.needed && device?.serial === null ? ["ListMFADevices"] : [];
    const opened = route?.kind === "shared" && route.opensShared ? ["GetSessionToken"] : [];
    return [...found, ...opened, ...name, "AssumeRole"];
  }

  const CHAIN = { lines: `role_arn = ${PROD_ROLE}\nsource_profile = dev` };
  const NO_DEVICE = { lines: PLAIN_LINES.replace(/\nmfa_serial.*/, ""), isAlone: true };
  const SIGN_IN = ["login", "--token-code"];
  const DEV_LOGIN = ["dev", "login", "--token-code"];
  const MINE = ["mine", "login", "--token-code"];

  it.each<[string, Setup, readonly (readonly string[])[]]>([
    ["nothing is there", {}, []],
    ["a session is cached", {}, [MINE]],
    ["a session is cached, and another is wanted", { argv: "--refresh" }, [MINE]],
    ["a session is cached, and the cache is left alone", { argv: "--no-cache" }, [MINE]],
    ["a session with other settings is cached", { argv: "--role-session-name other" }, [MINE]],
    ["a shared session is live", {}, [SIGN_IN]],
    ["a shared session is live, and a code of its own is wanted", { argv: "--direct" }, [SIGN_IN]],
    ["a shared session is live, and two hours are wanted", { argv: "--duration 2h" }, [SIGN_IN]],
    ["a shared session is live, and the cache is left alone", { argv: "--no-cache" }, [SIGN_IN]],
    ["a shared session is to be opened", { argv: "--shared" }, []],
    ["no MFA is required", { lines: `${PLAIN_LINES}\nassume_mfa_required = false` }, []],
    ["the device is to be found", NO_DEVICE, []],
    ["the device was found", { ...NO_DEVICE, argv: "--refresh" }, [MINE]],
    ["a chain", CHAIN, []],
    ["a chain whose first session is cached", CHAIN, [DEV_LOGIN]],
    ["a chain is renewed whose first session is cached", { ...CHAIN, argv: "--refresh" }, [DEV_LOGIN]],
    ["a chain behind a shared session", CHAIN, [SIGN_IN]],
    ["a session name is set", { argv: "--role-session-name work" }, []],
  ])("where %s", async (_what, setup, before) => {
    const { line, options } = setupOf(setup);
    for (const words of before) {
      const { exitCode } = await world.run([...words, world.code()], options);
      expect(exitCode).toBe(0);
    }
    expect((await compare(setup)).wouldFail).toEqual([]);
    if (setup !== NO_DEVICE) return;
    expect((await explain(`${line} --refresh`, options)).device).toEqual({
      serial: SERIAL,
      reason: "remembered: iam:ListMFADevices found it before",
    });
  });

  /** Explains, runs with a code, and holds one against the other. */
  async function compare(setup: Setup): Promise<Explanation> {
    const { line, options } = setupOf(setup);
    const coded = `${line} --token-code ${world.code()}`;
    const explained = await explain(coded, options);
    const { operations, calls, said, stdout } = await world.run(`${coded} -o json`, options);
    const [failure] = explained.wouldFail;
    if (failure !== undefined) {
      expect(operations).toEqual([]);
      expect(JSON.parse(stdout)[0].error).toMatchObject(failure);
      return explained;
    }
    expect([...operations].sort(), said).toEqual(foreseen(explained).sort());
    const sent = calls.some(({ parameters }) => "TokenCode" in parameters);
    expect(sent).toBe(explained.tokenCode.needed);
    if (!explained.tokenCode.needed) expect(said).toContain("not sent");
    const last = calls.findLast(({ operation }) => operation === "AssumeRole");
    if (last === undefined) return explained;
    const { DurationSeconds, RoleSessionName } = last.parameters;
    expect(Number(DurationSeconds ?? 3600)).toBe(explained.duration.seconds);
    if (explained.sessionName.name !== null) expect(RoleSessionName).toBe(explained.sessionName.name);
    const serial = calls.find(({ parameters }) => "SerialNumber" in parameters)?.parameters.SerialNumber;
    if (serial !== undefined && explained.device?.serial) expect(serial).toBe(explained.device.serial);
    return explained;
  }

  it("whatever is set, and whatever is there already", async () => {
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<Setup>({}, CHAIN, NO_DEVICE),
        fc.subarray([
          "assume_mfa_cache = none",
          "assume_mfa_session = shared",
          "assume_mfa_required = false",
          "duration_seconds = 7200",
          "role_session_name = alice",
        ]),
        fc.subarray(["--refresh", "--no-cache", "--direct", "--duration 30m", "--external-id id-1"]),
        fc.array(fc.constantFrom("the same", "another", "sign in", "41 minutes", "2 hours"), { maxLength: 4 }),
        async (kind, lines, argv, before) => {
          world.newCache();
          const setup: Setup = {
            ...kind,
            lines: [kind.lines ?? PLAIN_LINES, ...lines].join("\n"),
            argv: argv.join(" "),
          };
          const { options } = setupOf(setup);
          for (const event of before) {
            if (event === "the same") await world.run(`mine login ${argv.join(" ")} -t ${world.code()}`, options);
            else if (event === "another") await world.run(`mine login --external-id id-2 -t ${world.code()}`, options);
            else if (event === "sign in") await world.run(`login -t ${world.code()}`, options);
            else world.sandbox.moveClock(event === "2 hours" ? 7_200_000 : 41 * 60_000);
          }
          const { cachedSession, route, wouldFail } = await compare(setup);
          outcomes.add(
            `${cachedSession.outcome} ${route?.kind} ${route?.opensShared} ${wouldFail.map(({ code }) => code)}`,
          );
        },
      ),
      { numRuns: 60 },
    );
    expect(outcomes.size).toBeGreaterThan(5);
  }, 60_000);

  it("where the AWS CLI has a session", async () => {
    const { line, options } = setupOf({
      lines: `${PLAIN_LINES}\nendpoint_url = ${world.sandbox.endpoint}\nassume_mfa_share_aws_cli = true`,
      env: { ASSUME_MFA_SANDBOX: undefined, AWS_ENDPOINT_URL: undefined },
    });
    expect((await world.run(`${line} --token-code ${world.code()}`, options)).exitCode).toBe(0);
    world.newCache();
    const explained = await explain(line, options);
    expect(explained).toMatchObject({ cachedSession: { outcome: "aws cli" }, tokenCode: { needed: false } });
    expect(explained.awsCliObstacle).toBeNull();
    const run = await world.run(line, options);
    expect(run).toMatchObject({ exitCode: 0, operations: foreseen(explained) });
    const inside = await explain(line, { env: { ...options.env, ASSUME_MFA_SANDBOX: world.sandbox.endpoint } });
    expect(inside.awsCliObstacle).toMatch(/sandbox/);
    expect(inside.cachedSession.outcome).toBe("hit");
  });

  it("where two codes are needed, one is given and nobody is there", async () => {
    const line = `dev,staging login --direct --token-code ${world.code()}`;
    const all = await explainAll(line, { replies: undefined });
    for (const { result } of all) {
      expect(result.wouldFail).toMatchObject([
        { code: "TOKEN_CODE_MISSING", message: "2 token codes are needed (dev, staging), and only one is given" },
      ]);
    }
    expect((await runExplained(line, { replies: undefined })).stdout).toMatch(
      /^would fail +2 token codes .* \(exit 2\)/m,
    );
    for (const { result } of await explainAll(line)) expect(result.wouldFail).toEqual([]);
    expect(await world.run(line)).toMatchObject({ exitCode: 2, operations: [] });
  });

  it("where one of several targets is broken, which stops no other", async () => {
    const env = world.configWith(`[profile mine]\nrole_arn = ${DEV_ROLE}\nassume_mfa_session = often\n`);
    const options = { env, replies: [] };
    const json = await world.run("dev,mine whoami --explain -o json", options);
    expect(json).toMatchObject({ exitCode: 0, operations: [], questions: [] });
    expect(JSON.parse(json.stdout)).toMatchObject([
      { target: "dev", result: { route: { kind: "shared" } } },
      { target: "mine", account: DEV, region: null, result: { wouldFail: [{ code: "CONFIG_MALFORMED" }] } },
    ]);
    const shown = await world.run("dev,mine whoami --explain -o text", options);
    expect(shown).toMatchObject({ exitCode: 0, operations: [], said: "" });
    expect(shown.stdout).toMatch(/^dev\trole\t/m);
    expect(shown.stdout).toMatch(/^mine\twouldFail\t.*assume_mfa_session.*\(exit 5\)/m);
    const unknown = await world.run("dev,nobody whoami --explain", options);
    expect(unknown).toMatchObject({ exitCode: 3, stdout: "", operations: [] });
  });

  it("where several targets share one code", async () => {
    const all = await explainAll("dev,staging whoami");
    expect(all.map(({ target }) => target)).toEqual(["dev", "staging"]);
    for (const { result } of all) {
      expect(result.route).toEqual({ kind: "shared", reason: "one code serves several sessions", opensShared: true });
    }
    const run = await world.run(`dev,staging login --token-code ${world.code()}`);
    expect(run.operations.filter((operation) => operation === "GetSessionToken")).toHaveLength(1);
  });
});

describe("every action", () => {
  it.each([
    "login",
    "whoami",
    "instances",
    "instances i-0123456789abcdef0",
    "terminate",
    "terminate --yes i-0123456789abcdef0",
    "tables",
    "table orders",
    "delete-table --yes",
    "delete-table --yes orders",
  ])("explains in place of doing: %s", async (action) => {
    expect((await explain(`dev ${action}`)).route).toMatchObject({ kind: "direct" });
  });

  it.each(["export", "export --unset", "export --show", "export -o json"])(
    "puts nothing where a shell would run it: %s",
    async (action) => {
      const { stdout, stderr } = await runExplained(`dev ${action}`);
      expect(stdout).toBe("");
      expect(stderr).toContain(DEV_ROLE);
    },
  );

  it("of export is shown on a terminal, too", async () => {
    expect((await runExplained("dev export", { isStdoutTerminal: true })).stderr).toContain(DEV_ROLE);
  });
});

describe("on the screen", () => {
  it.each([40, 60, 80, 120])("no line is wider than %i columns, but for words that are", async (columns) => {
    const { stdout } = await runExplained("dev whoami --no-color", { isStdoutTerminal: true, columns });
    for (const line of stdout.trimEnd().split("\n")) {
      const isWord = /^ *\S+$/.test(line);
      if (!isWord) expect(terminalWidth(line)).toBeLessThanOrEqual(columns);
      expect(line).toBe(line.trimEnd());
    }
    expect(stdout).toContain(DEV_ROLE);
    expect(stdout).toContain(SERIAL);
  });

  it("is one line a value where it is piped", async () => {
    const { stdout } = await runExplained("dev whoami --region eu-west-1");
    expect(stdout).toMatch(/^region +eu-west-1 {2}\(--region\)$/m);
    expect(stdout).toMatch(/^called at +http:\/\/127.0.0.1:\d+ {2}\(AWS_ENDPOINT_URL\)$/m);
    expect(stdout).toMatch(
      /^signed by +profile "parent", key AKIA\w+ {2}\(.*credentials:2, chosen by .*config:\d+\)$/m,
    );
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .every((line) => /^[\w'-]+(?: [\w'-]+)* {2,}\S/.test(line)),
    ).toBe(true);
  });

  it("has a name, a value and an origin between tabs for programs", async () => {
    const { stdout } = await runExplained("dev whoami -o text --region eu-west-1");
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
    expect(rows.every((row) => row.length === 3)).toBe(true);
    expect(rows).toContainEqual(["region", "eu-west-1", "--region"]);
    expect(rows).toContainEqual(["endpoints.sts", world.sandbox.endpoint, "AWS_ENDPOINT_URL"]);
    expect(rows.map(([name]) => name)).toContain("route");
  });

  it("shows nothing that a terminal would act on, whatever the files hold", async () => {
    const name = "evil\u202e\u001b[2Jname";
    const folder = path.join(world.folder, "a\u001b]0;title\u0007b\u2066");
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, "config");
    writeFileSync(
      file,
      `[profile "${name}"]\n${PLAIN_LINES.replace("parent", "h")}\n[profile h]\n${PLAIN_LINES.replace(DEV, PROD)}\nsession_tags = a=\u3000b\u2003c`,
    );
    const env = { AWS_CONFIG_FILE: file };
    for (const output of ["table", "text", "json"]) {
      const run = await world.run([name, "whoami", "--explain", "-o", output], { replies: [], env });
      expect(run).toMatchObject({ exitCode: 0, operations: [], questions: [] });
      expect(run.stdout).toContain(output === "json" ? "\\u001b]0;title" : "\\x1b]0;title");
    }
  });
});
