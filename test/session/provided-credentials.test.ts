import { execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DEV_ROLE, demand, openCliWorld, type Run, type RunOptions } from "../support/cli-world.ts";

// CLI.md, "Targets": IAM Identity Center, a console sign-in, web identity, an instance's and a container's role. Each of
// those services is a server on loopback here, and what it gives is a session that the sandbox takes.

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}
type Answer = (asked: Asked, response: ServerResponse) => void;

const world = await openCliWorld();
const home = path.join(world.folder, "home-of-the-sdk");
const asked: Asked[] = [];
let answer: Answer = (_, response) => response.writeHead(500).end();
const server = http.createServer((request: IncomingMessage, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const one = {
      method: request.method ?? "",
      url: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks).toString("utf8"),
    };
    // Whether it is a sandbox is asked of every address on this machine.
    const isProbe = one.url.startsWith("/_assume-mfa/");
    if (!isProbe) asked.push(one);
    if (isProbe) response.writeHead(404).end();
    else answer(one, response);
  });
});
let place = "";
let keys: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string };
const HOME_BEFORE = process.env.HOME;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  place = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const printed = await world.run(`parent-admin export --format json --token-code ${world.code()}`, {
    isPayload: true,
  });
  const exported = JSON.parse(printed.stdout) as Readonly<Record<string, string>>;
  keys = {
    accessKeyId: demand(exported.AWS_ACCESS_KEY_ID),
    secretAccessKey: demand(exported.AWS_SECRET_ACCESS_KEY),
    sessionToken: demand(exported.AWS_SESSION_TOKEN),
  };
  world.role("222222222222").trustPolicy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: "111122223333" }, Action: "sts:AssumeRole" }],
  });
  // Whoever reads the AWS files behind our back waits for ever: nobody writes into these.
  mkdirSync(path.join(home, ".aws", "sso", "cache"), { recursive: true });
  for (const name of ["config", "credentials"]) execFileSync("mkfifo", [path.join(home, ".aws", name)]);
  process.env.HOME = home;
});

afterAll(() => {
  process.env.HOME = HOME_BEFORE;
  server.closeAllConnections();
  server.close();
});

let foldersBefore: readonly string[];
const ourFolders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("assume-mfa-source-"));

beforeEach(() => {
  world.newCache();
  asked.length = 0;
  answer = (_, response) => response.writeHead(500).end();
  foldersBefore = ourFolders();
});

afterEach(() => {
  expect(ourFolders().filter((name) => !foldersBefore.includes(name))).toEqual([]);
  expect(process.env.HOME).toBe(home);
  for (const name of Object.keys(process.env)) expect(name).not.toMatch(/^AWS_(?:EC2|CONTAINER|LOGIN)/);
});

function json(response: ServerResponse, document: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(document));
}

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+Z$/, "Z");

function run(argv: string, sections: string, options: RunOptions = {}): Promise<Run> {
  const env = { ...world.configWith(sections), ASSUME_MFA_SANDBOX: undefined, ...options.env };
  return world.run(argv, { ...options, env, homeDirectory: home });
}

const signedBy = ({ calls }: Run) =>
  calls.filter(({ operation }) => operation === "AssumeRole").map(({ accessKeyId }) => accessKeyId);

describe("the container's role", () => {
  const SECTIONS = `\n[profile boxed]\nrole_arn = ${DEV_ROLE}\ncredential_source = EcsContainer\n`;
  const give: Answer = (_, response) =>
    json(response, {
      AccessKeyId: keys.accessKeyId,
      SecretAccessKey: keys.secretAccessKey,
      Token: keys.sessionToken,
      Expiration: inAnHour(),
    });
  const uri = () => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${place}/creds?id=1` });

  it("says which part of it is empty", async () => {
    answer = (_, response) =>
      json(response, {
        AccessKeyId: keys.accessKeyId,
        SecretAccessKey: keys.secretAccessKey,
        Token: "",
        Expiration: inAnHour(),
      });
    const made = await run("boxed login", SECTIONS, { env: uri() });
    expect([made.exitCode, made.operations]).toEqual([4, []]);
    expect(made.said).toContain("error: what the container's role gave has an empty SessionToken");
  });

  it("signs, without a code, which is said", async () => {
    answer = give;
    const made = await run("boxed login", SECTIONS, { env: uri() });
    expect([made.exitCode, signedBy(made), made.questions]).toEqual([0, [keys.accessKeyId], []]);
    expect(made.said).toContain("no code is asked for: the container's role signs");
    expect(asked.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
      ["GET", "/creds?id=1", undefined],
    ]);
  });

  it.each<[string, string, string]>([
    ["of the environment", "", "Bearer-of-the-environment-0"],
    ["of the file, which is newer", "token-of-the-file-0123456789\n", "token-of-the-file-0123456789"],
  ])("is asked with the token %s", async (_, text, sent) => {
    answer = give;
    const file = path.join(world.folder, "token");
    writeFileSync(file, text);
    world.addCanary(sent);
    const made = await run("boxed login", SECTIONS, {
      env: {
        ...uri(),
        AWS_CONTAINER_AUTHORIZATION_TOKEN: "Bearer-of-the-environment-0",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: text === "" ? undefined : file,
      },
    });
    expect([made.exitCode, asked[0]?.headers.authorization]).toEqual([0, sent]);
  });

  it.each<[string, Record<string, string | undefined>, number, string]>([
    ["nothing says where", {}, 3, "but the environment says nowhere to ask"],
    ["it is elsewhere without TLS", { FULL: "http://192.0.2.1/x" }, 2, "must be https"],
    ["its name only looks near", { FULL: "http://localhost.example/x" }, 2, "must be https"],
    ["it has a user in it", { FULL: "http://127.0.0.1@192.0.2.1/x" }, 2, "must be an http or https URL"],
    ["the path makes another host", { RELATIVE: "@192.0.2.1/x" }, 2, "must be a path"],
    ["the path is a port", { RELATIVE: ":81/x" }, 2, "must be a path"],
    ["it is no URL", { FULL: "file:///etc/passwd" }, 2, "must be an http or https URL"],
  ])("is not asked where %s", async (_, { FULL, RELATIVE }, exitCode, message) => {
    const refused = await run("boxed login", SECTIONS, {
      env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: FULL, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: RELATIVE },
    });
    expect([refused.exitCode, refused.operations, asked]).toEqual([exitCode, [], []]);
    expect(refused.said).toContain(message);
  });

  it.each<[string, Answer, number, string]>([
    ["refuses", (_, response) => json(response, { Code: "x", Message: "y" }, 403), 4, "the answer was 403"],
    ["fails", (_, response) => response.writeHead(500).end("oops"), 4, "the answer was 500"],
    ["gives half", (_, response) => json(response, { AccessKeyId: "x" }), 3, "no credentials came from"],
    [
      "gives no JSON",
      (_, response) => response.end(`{"SecretAccessKey":"${keys.secretAccessKey}`),
      3,
      "no credentials came",
    ],
    ["cuts the connection", (_, response) => response.destroy(), 3, "no credentials came from"],
    [
      "gives what has ended",
      (_, response) =>
        json(response, { AccessKeyId: "ASIAX", SecretAccessKey: "x", Token: "y", Expiration: "2020-01-01T00:00:00Z" }),
      4,
      "has ended, at 2020",
    ],
  ])("that %s is an error, with nothing of the answer", async (_, doing, exitCode, message) => {
    answer = doing;
    const refused = await run("boxed login --debug", SECTIONS, { env: uri() });
    expect([refused.exitCode, refused.operations]).toEqual([exitCode, []]);
    expect(refused.said).toContain(message);
    expect(refused.stderr).not.toContain(keys.secretAccessKey.slice(0, 10));
  });
});

describe("the instance's role", () => {
  const SECTIONS = `\n[profile inst]\nrole_arn = ${DEV_ROLE}\ncredential_source = Ec2InstanceMetadata\n`;
  const env = () => ({ AWS_EC2_METADATA_DISABLED: undefined, AWS_EC2_METADATA_SERVICE_ENDPOINT: place });
  const imds: Answer = ({ method, url, headers }, response) => {
    if (method === "PUT" && url === "/latest/api/token") return response.end("imds-token");
    if (headers["x-aws-ec2-metadata-token"] !== "imds-token") return response.writeHead(401).end();
    if (url === "/latest/meta-data/iam/security-credentials/") return response.end("Role\n");
    return json(response, {
      Code: "Success",
      AccessKeyId: keys.accessKeyId,
      SecretAccessKey: keys.secretAccessKey,
      Token: keys.sessionToken,
      Expiration: inAnHour(),
    });
  };

  it("signs, by IMDSv2", async () => {
    answer = imds;
    const made = await run("inst login", SECTIONS, { env: env() });
    expect([made.exitCode, signedBy(made)]).toEqual([0, [keys.accessKeyId]]);
    expect(made.said).toContain("no code is asked for: the instance's role signs");
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "PUT /latest/api/token",
      "GET /latest/meta-data/iam/security-credentials/",
      "GET /latest/meta-data/iam/security-credentials/Role",
    ]);
  });

  it("is not asked for without a token (IMDSv1)", async () => {
    answer = ({ method }, response) => (method === "PUT" ? response.writeHead(403).end() : response.end("Role"));
    const startedAt = performance.now();
    const refused = await run("inst login", SECTIONS, { env: env() });
    expect([refused.exitCode, refused.operations, asked.map(({ method }) => method)]).toEqual([3, [], ["PUT"]]);
    expect(performance.now() - startedAt, "no AWS file was waited for").toBeLessThan(5_000);
    expect(refused.said).toContain(`no credentials came from ${place} (IMDSv2)`);
  });

  it("is not asked for where AWS_EC2_METADATA_DISABLED is true", async () => {
    const refused = await run("inst login", SECTIONS, { env: { ...env(), AWS_EC2_METADATA_DISABLED: "true" } });
    expect([refused.exitCode, refused.operations, asked]).toEqual([3, [], []]);
    expect(refused.said).toContain("AWS_EC2_METADATA_DISABLED is true");
  });

  it("lasts an hour at most for the roles behind it: said before anybody is asked", async () => {
    const refused = await run("inst login --duration 2h", SECTIONS, { env: env() });
    expect([refused.exitCode, refused.operations, asked]).toEqual([3, [], []]);
  });
});

describe("a web identity", () => {
  const tokenFile = path.join(world.folder, "web-token");
  const OWN = "arn:aws:iam::111122223333:role/Administrator";
  const SECTIONS = `
[profile web]
role_arn = ${OWN}
web_identity_token_file = ${tokenFile}
region = us-east-1

[profile behind]
role_arn = ${DEV_ROLE}
source_profile = web
region = us-east-1
`;
  const xml = () => `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${keys.accessKeyId}</AccessKeyId>
<SecretAccessKey>${keys.secretAccessKey}</SecretAccessKey><SessionToken>${keys.sessionToken}</SessionToken>
<Expiration>${inAnHour()}</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/Administrator/assume-mfa</Arn>
<AssumedRoleId>AROAX:assume-mfa</AssumedRoleId></AssumedRoleUser></AssumeRoleWithWebIdentityResult>
<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`;
  const refusal = (code: string, message: string) =>
    `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`;
  const token = world.addCanary(randomBytes(40).toString("hex"));
  /** The sandbox has no identity provider: this one call is answered here, all others there. */
  const sts: Answer = ({ body, headers, url, method }, response) => {
    if (body.includes("Action=AssumeRoleWithWebIdentity")) {
      response.writeHead(200, { "content-type": "text/xml" }).end(xml());
      return;
    }
    const there = http.request(`${world.sandbox.endpoint}${url}`, { method, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(response);
    });
    there.end(body);
  };
  const env = () => ({ AWS_ENDPOINT_URL_STS: place });
  const sent = () => asked.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));

  beforeEach(() => {
    writeFileSync(tokenFile, `${token}\n`);
    answer = sts;
  });

  it("is a source: its role's session signs, and nobody's keys did before it", async () => {
    const made = await run("behind login", SECTIONS, { env: env() });
    expect([made.exitCode, signedBy(made)]).toEqual([0, [keys.accessKeyId]]);
    expect(made.said).toContain('no code is asked for: the web identity of profile "web" signs');
    expect(sent()[0]).toMatchObject({ RoleArn: OWN, RoleSessionName: "assume-mfa", WebIdentityToken: token });
    expect(asked[0]?.headers.authorization).toBeUndefined();
  });

  it("opens its profile's role itself, with what shapes the session", async () => {
    const made = await run(
      "web whoami --duration 2h --policy-arn arn:aws:iam::aws:policy/ReadOnlyAccess -o json",
      SECTIONS,
      {
        env: env(),
      },
    );
    expect(made.exitCode).toBe(0);
    expect(made.operations).not.toContain("AssumeRole");
    expect(sent()[0]).toMatchObject({
      DurationSeconds: "7200",
      "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
    });
    expect(made.said).toContain('no code is asked for: the web identity of profile "web" opens the role');
    const again = await run("web login --duration 2h --policy-arn arn:aws:iam::aws:policy/ReadOnlyAccess", SECTIONS, {
      env: env(),
    });
    expect([again.exitCode, again.operations]).toEqual([0, []]);
  });

  it.each(["--external-id abc", "--source-identity alice", "--session-tag a=b"])(
    "takes no %s, which stands in the token or nowhere",
    async (option) => {
      const refused = await run(`web login ${option}`, SECTIONS, { env: env() });
      expect([refused.exitCode, asked]).toEqual([3, []]);
      expect(refused.said).toContain(`can't go with the web identity of profile "web" (${option.split(" ")[0]})`);
    },
  );

  it("that is refused says why, and not the token", async () => {
    answer = (_, response) =>
      response
        .writeHead(400, { "content-type": "text/xml" })
        .end(refusal("InvalidIdentityToken", `No OpenIDConnect provider found for ${token}`));
    const refused = await run("behind login --debug", SECTIONS, { env: env() });
    expect([refused.exitCode, refused.operations]).toEqual([4, []]);
    expect(refused.said).toContain('the web identity of profile "web" was refused: InvalidIdentityToken');
  });

  it.each<[string, () => void, string]>([
    ["missing", () => rmSync(tokenFile), "it is missing"],
    ["empty", () => writeFileSync(tokenFile, "\n"), "it is empty"],
    [
      "a folder",
      () => {
        rmSync(tokenFile);
        mkdirSync(tokenFile);
      },
      "it is a folder",
    ],
  ])("whose token's file is %s is an error that names it", async (_, prepare, reason) => {
    prepare();
    try {
      const refused = await run("behind login", SECTIONS, { env: env() });
      expect([refused.exitCode, asked]).toEqual([3, []]);
      expect(refused.said).toContain(`can't read the token in ${tokenFile}: ${reason}`);
    } finally {
      rmSync(tokenFile, { recursive: true, force: true });
    }
  });
});

describe("IAM Identity Center", () => {
  const START = "https://example.awsapps.com/start";
  const MODERN = `
[sso-session corp]
sso_start_url = ${START}
sso_region = us-east-1
sso_registration_scopes = sso:account:access

[profile sso-dev]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Administrator

[profile behind]
role_arn = ${DEV_ROLE}
source_profile = sso-dev
region = us-east-1
`;
  const LEGACY = MODERN.replace("sso_session = corp", `sso_start_url = ${START}\nsso_region = us-east-1`);
  const accessToken = world.addCanary(randomBytes(40).toString("hex"));
  const refreshToken = world.addCanary(randomBytes(40).toString("hex"));
  const file = (id: string) =>
    path.join(home, ".aws", "sso", "cache", `${createHash("sha1").update(id).digest("hex")}.json`);
  const signIn = (id: string, more: object = {}) =>
    writeFileSync(
      file(id),
      JSON.stringify({ startUrl: START, region: "us-east-1", accessToken, expiresAt: inAnHour(), ...more }),
      { mode: 0o600 },
    );
  const portal: Answer = ({ url }, response) => {
    if (url.startsWith("/token"))
      return json(response, { accessToken: `${accessToken}2`, expiresIn: 3600, refreshToken });
    return json(response, {
      roleCredentials: {
        accessKeyId: keys.accessKeyId,
        secretAccessKey: keys.secretAccessKey,
        sessionToken: keys.sessionToken,
        expiration: Date.now() + 3_600_000,
      },
    });
  };
  const env = () => ({ AWS_ENDPOINT_URL_SSO: place });

  beforeEach(() => {
    answer = portal;
    for (const id of ["corp", START]) rmSync(file(id), { force: true });
  });

  it.each<[string, string, string]>([
    ["an sso-session", MODERN, "corp"],
    ["the older form", LEGACY, START],
  ])("signs with the sign-in of %s, without a code, and reads no AWS file but its own", async (_, sections, id) => {
    signIn(id);
    const made = await run("behind login", sections, { env: env() });
    expect([made.exitCode, signedBy(made), made.questions]).toEqual([0, [keys.accessKeyId], []]);
    expect(made.said).toContain('no code is asked for: IAM Identity Center (profile "sso-dev") signs');
    expect(asked).toHaveLength(1);
    expect(asked[0]?.url).toContain("account_id=111122223333");
    expect(asked[0]?.url).toContain("role_name=Administrator");
    expect(asked[0]?.headers["x-amz-sso_bearer_token"]).toBe(accessToken);
    expect(asked[0]?.headers.authorization).toBeUndefined();
  });

  it("renews a sign-in that ends, where it may", async () => {
    signIn("corp", {
      expiresAt: new Date(Date.now() + 60_000).toISOString(),
      clientId: "id",
      clientSecret: "secret",
      refreshToken,
    });
    const made = await run("behind login", MODERN, { env: { ...env(), AWS_ENDPOINT_URL_SSO_OIDC: place } });
    expect([made.exitCode, asked.map(({ method }) => method)]).toEqual([0, ["POST", "GET"]]);
    expect(asked[1]?.headers["x-amz-sso_bearer_token"]).toBe(`${accessToken}2`);
    expect(JSON.parse(readFileSync(file("corp"), "utf8")).accessToken).toBe(`${accessToken}2`);
  });

  it.each<[string, string, () => void, number, string, string]>([
    ["nobody is signed in", MODERN, () => undefined, 3, "nobody is signed in", "aws sso login --sso-session corp"],
    [
      "nobody is signed in, in the older form",
      LEGACY,
      () => undefined,
      3,
      "nobody is signed in",
      "aws sso login --profile sso-dev",
    ],
    [
      "the sign-in has expired",
      MODERN,
      () => signIn("corp", { expiresAt: "2020-01-01T00:00:00Z" }),
      4,
      "the sign-in has expired",
      "aws sso login --sso-session corp",
    ],
    [
      "the sign-in has expired, in the older form",
      LEGACY,
      () => signIn(START, { expiresAt: "2020-01-01T00:00:00Z" }),
      4,
      "the sign-in has expired",
      "aws sso login --profile sso-dev",
    ],
    [
      "the file is damaged",
      MODERN,
      () => writeFileSync(file("corp"), `{"accessToken": "${accessToken}`),
      3,
      "nobody is signed in",
      "aws sso login",
    ],
  ])("that is not to be had: %s", async (_, sections, prepare, exitCode, message, hint) => {
    prepare();
    const refused = await run("behind login --debug", sections, { env: env() });
    expect([refused.exitCode, refused.operations, asked]).toEqual([exitCode, [], []]);
    expect(refused.said).toContain(message);
    expect(refused.said).toContain(`hint: ${hint}`);
  });

  it.each<[string, number, string, number, string]>([
    ["takes the sign-in no more", 401, "UnauthorizedException", 4, "the sign-in has expired"],
    ["gives no such role", 403, "ForbiddenException", 4, "gives no Administrator in account 111122223333"],
    ["knows no such account", 404, "ResourceNotFoundException", 4, "gives no Administrator in account 111122223333"],
  ])("that %s is an error with what to do", async (_, status, type, exitCode, message) => {
    signIn("corp");
    answer = (_asked, response) => {
      response.setHeader("x-amzn-errortype", type);
      json(response, { message: "Session token not found or invalid" }, status);
    };
    const refused = await run("behind login", MODERN, { env: env() });
    expect([refused.exitCode, refused.operations]).toEqual([exitCode, []]);
    expect(refused.said).toContain(message);
  });

  it("that nobody answers for is a failure of the network", async () => {
    signIn("corp");
    answer = (_, response) => response.destroy();
    const refused = await run("behind login", MODERN, { env: env() });
    expect([refused.exitCode, refused.operations]).toEqual([1, []]);
    expect(refused.said).toContain("could not be asked");
  });

  it("is not called out of a sandbox", async () => {
    signIn("corp");
    const inside = { ASSUME_MFA_SANDBOX: world.env.ASSUME_MFA_SANDBOX };
    const refused = await run("behind login", MODERN, { env: { ...inside, ...env() } });
    expect([refused.exitCode, refused.operations, asked]).toEqual([3, [], []]);
    expect(refused.said).toContain(`sso is at ${place} (AWS_ENDPOINT_URL_SSO)`);
  });
});

describe("a console sign-in", () => {
  const SESSION = "arn:aws:iam::111122223333:user/alice";
  const SECTIONS = `\n[profile console]\nlogin_session = ${SESSION}\nregion = us-east-1\n[profile behind]\nrole_arn = ${DEV_ROLE}\nsource_profile = console\n`;
  const folder = path.join(world.folder, "login-cache");
  const file = path.join(folder, `${createHash("sha256").update(SESSION).digest("hex")}.json`);
  const env = { AWS_LOGIN_CACHE_DIRECTORY: folder };
  const write = (expiresAt: string) => {
    mkdirSync(folder, { recursive: true });
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const document = {
      accessToken: { ...keys, accountId: "111122223333", expiresAt },
      tokenType: "aws_sigv4",
      clientId: "arn:aws:signin:::devtools/same-device",
      refreshToken: world.addCanary(randomBytes(40).toString("hex")),
      dpopKey: privateKey.export({ type: "sec1", format: "pem" }),
    };
    writeFileSync(file, JSON.stringify(document), { mode: 0o600 });
  };

  it("signs with what the sign-in left, and reads no AWS file", async () => {
    write(inAnHour());
    const made = await run("behind login", SECTIONS, { env });
    expect([made.exitCode, signedBy(made), asked]).toEqual([0, [keys.accessKeyId], []]);
    expect(made.said).toContain('no code is asked for: the console sign-in of profile "console" is a session');
  });

  it("that is not there says what to type", async () => {
    rmSync(file, { force: true });
    const refused = await run("behind login --debug", SECTIONS, { env });
    expect([refused.exitCode, refused.operations]).toEqual([3, []]);
    expect(refused.said).toContain('error: the console sign-in of profile "console": nobody is signed in');
    expect(refused.said).toContain("hint: aws login --profile console");
  });

  it("that is damaged shows nothing of it", async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, `{"accessToken": {"secretAccessKey": "${keys.secretAccessKey}`);
    const refused = await run("behind login --debug", SECTIONS, { env });
    expect([refused.exitCode, refused.operations]).toEqual([3, []]);
    expect(refused.stderr).not.toContain(keys.secretAccessKey.slice(0, 8));
  });

  it("is not renewed out of a sandbox", async () => {
    write(inAnHour());
    const inside = { ASSUME_MFA_SANDBOX: world.env.ASSUME_MFA_SANDBOX };
    const refused = await run("behind login", SECTIONS, { env: { ...env, ...inside } });
    expect([refused.exitCode, refused.operations]).toEqual([3, []]);
    expect(refused.said).toContain("signin is at AWS's own address");
  });
});
