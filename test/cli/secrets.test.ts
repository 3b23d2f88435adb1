import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEV, openCliWorld, PARENT, type Run, type RunOptions } from "../support/cli-world.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";

// Whatever answers, nothing that was sent or handed out is printed (ACCEPTANCE.md T10, V5): AWS's own refusals can show
// the request that was signed, and something else may answer in its place. After each run the world itself looks for
// secrets and codes in all that came out.

const world = await openCliWorld();

let proxy: FaultProxy;
beforeEach(async () => {
  world.newCache();
  proxy = await startFaultProxy(world.sandbox.endpoint);
});
afterEach(() => proxy.close());

const through = (more: RunOptions = {}): RunOptions => ({
  ...more,
  env: { ...more.env, AWS_ENDPOINT_URL: proxy.url, ASSUME_MFA_SANDBOX: undefined },
});

const lastSession = () => {
  const session = [...world.sandbox.world.sessions.values()].at(-1);
  if (session === undefined) throw new Error("no session");
  return session;
};

/** Also not in part: sixteen characters in a row are more than chance. */
function expectNoPartOf(secret: string, { stdout, stderr, screen }: Run): void {
  const text = stdout + stderr + screen;
  for (let at = 0; at + 16 <= secret.length; at += 1) expect(text).not.toContain(secret.slice(at, at + 16));
}

const xml = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const BODIES = {
  sts: (code: string, message: string) =>
    `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${xml(message)}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`,
  ec2: (code: string, message: string) =>
    `<Response><Errors><Error><Code>${code}</Code><Message>${xml(message)}</Message></Error></Errors><RequestID>r-1</RequestID></Response>`,
  dynamodb: (code: string, message: string) => JSON.stringify({ __type: `com.amazon#${code}`, message }),
};

const ECHOES: readonly (readonly [string, (secret: string) => string])[] = [
  ["in a sentence", (secret) => `Value ${secret} is not valid.`],
  [
    "in the canonical string",
    (secret) =>
      `It does not match.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nhost:x\nx-amz-security-token:${secret}\n\nhost'`,
  ],
  ["across the place where long messages are cut", (secret) => `${"x".repeat(650)} ${secret} ${"y".repeat(400)}`],
  ["many times", (secret) => `${secret},${secret};${secret}`.repeat(5)],
];

const CODES = ["SignatureDoesNotMatch", "InvalidParameterValue", "AccessDenied", "ExpiredToken", "ValidationException"];
const LINES = [
  ["whoami", "GetCallerIdentity", "sts"],
  ["instances", "DescribeInstances", "ec2"],
  [`terminate ${world.instances(DEV)[0]?.id} --yes`, "TerminateInstances", "ec2"],
  ["tables", "ListTables", "dynamodb"],
  ["table orders", "DescribeTable", "dynamodb"],
  ["delete-table orders --yes", "DeleteTable", "dynamodb"],
] as const;
const WAYS = ["", "-o json", "-o text", "--debug", "--debug -o json"];

describe("a refusal that shows what was sent", () => {
  describe.each(LINES)("to %s (%s)", (line, operation, service) => {
    it.each(ECHOES)("%s: the session's token is hidden, on every output", async (_where, echo) => {
      await world.login("dev", through());
      const { sessionToken } = lastSession();
      for (const [nth, code] of CODES.entries()) {
        const body = BODIES[service](code, echo(sessionToken));
        proxy.break(operation, { kind: "answer", status: 400, body, forward: false }, 50);
        const run = await world.run(`dev ${line} ${WAYS[nth] ?? ""}`.trim(), through());
        expect(run.exitCode).not.toBe(0);
        expect(run.stderr + run.stdout).toContain(code);
        expectNoPartOf(sessionToken, run);
      }
    });
  });

  it.each(WAYS)("to AssumeRole: the code is hidden, %s", async (way) => {
    for (const [status, awsCode] of [
      [400, "ValidationError"],
      [403, "AccessDenied"],
      [403, "SignatureDoesNotMatch"],
      [400, "Whatever"],
      [500, "InternalFailure"],
    ] as const) {
      const code = world.code();
      const body = BODIES.sts(
        awsCode,
        `1 validation error: TokenCode=${code}&Version=2011-06-15 and ${code}, ${code}9`,
      );
      proxy.break("AssumeRole", { kind: "answer", status, body, forward: false }, 5);
      const run = await world.run(["dev", "login", "-t", code, ...way.split(" ").filter(Boolean)], through());
      expect(run.exitCode).not.toBe(0);
      if (status < 500 && awsCode !== "SignatureDoesNotMatch")
        expect(run.stdout + run.stderr).toContain("TokenCode=[code]&");
      // A longer number is not it.
      if (awsCode === "ValidationError") expect(run.stdout + run.stderr).toContain(`${code}9`);
    }
  });

  it("to AssumeRole at the prompt: the code is hidden on the terminal, too", async () => {
    const code = world.code();
    const body = BODIES.sts(
      "AccessDenied",
      `MultiFactorAuthentication failed with invalid MFA one time pass code ${code}`,
    );
    proxy.break("AssumeRole", { kind: "answer", status: 403, body, forward: false }, 5);
    const run = await world.run("dev login", through({ replies: [code, undefined] }));
    expect(run.questions).toHaveLength(2);
    expect(run.exitCode).toBe(2);
  });
});

describe("an answer of another role's session", () => {
  it.each([
    ["another account", "arn:aws:sts::999999999999:assumed-role/PrivilegedActionsRole/alice"],
    ["another role", `arn:aws:sts::${DEV}:assumed-role/Administrator/alice`],
    ["another partition", `arn:aws-cn:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice`],
    ["a user", `arn:aws:sts::${DEV}:federated-user/alice`],
    ["the caller", `arn:aws:iam::${PARENT}:user/alice`],
    [
      "two in one",
      `arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice/arn:aws:sts::999999999999:assumed-role/X/y`,
    ],
  ])("(%s) is refused, its keys hidden, nothing cached, nothing called with them", async (_which, arn) => {
    const [key, token] = [
      world.addCanary(`key-${crypto.randomUUID()}`),
      world.addCanary(`token-${crypto.randomUUID()}`),
    ];
    const body = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser><AssumedRoleId>AROA:alice</AssumedRoleId><Arn>${arn}</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>${key}</SecretAccessKey><SessionToken>${token}</SessionToken><Expiration>2036-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;
    for (const words of ["login -o json", "export", "terminate i-0123456789abcdef0 --yes --debug"]) {
      proxy.break("AssumeRole", { kind: "answer", status: 200, body, forward: false });
      const run = await world.run(["dev", ...words.split(" "), "-t", world.code()], through());
      const isStsArn = arn.startsWith("arn:aws:sts") || arn.startsWith("arn:aws-cn:sts");
      expect(run.exitCode).toBe(isStsArn ? 3 : 1);
      expect(run.said).toContain(isStsArn ? `another role's session: ${arn}` : "no complete credentials");
      if (words.startsWith("login")) {
        expect(JSON.parse(run.stdout)[0].error.code).toBe(isStsArn ? "ACCOUNT_UNEXPECTED" : "REPLY_LOST");
      }
      // Who the caller is was asked first.
      expect(run.operations.filter((operation) => operation !== "GetCallerIdentity")).toEqual([]);
    }
    expect(await world.run("dev login --no-input", through())).toMatchObject({ exitCode: 2 });
  });
});

describe("what is not an error", () => {
  it("export hands out the credentials as they are, and nothing of them on standard error", async () => {
    const run = await world.run(["dev", "export", "--debug", "-t", world.code()], { isPayload: true });
    expect(run.stdout).toContain(lastSession().sessionToken);
    expect(run.stdout).not.toContain("[secret]");
    for (const format of ["json", "fish"]) {
      const other = await world.run(["dev", "export", "--format", format], { isPayload: true });
      expect(other.stdout).toContain(lastSession().sessionToken);
    }
  });

  it("names that an endpoint made of what it was sent are hidden in lists, on the terminal, and in questions", async () => {
    await world.login();
    const { sessionToken } = lastSession();
    const [instance] = world.instances(DEV);
    if (instance === undefined) throw new Error("no instance");
    const before = instance.tags.get("Name") ?? "";
    instance.tags.set("Name", sessionToken);
    try {
      for (const words of ["instances", "instances -o json", "instances -o text"]) {
        expect((await world.run(`dev ${words}`)).stdout).toContain("[secret]");
      }
      const picked = await world.run("dev terminate", { replies: [{ pick: instance.id }, "n"] });
      expect(picked.exitCode).toBe(6);
      expect(picked.screen).toContain("[secret]");
    } finally {
      instance.tags.set("Name", before);
    }
  });

  it("numbers and names that hold the code's digits are shown whole", async () => {
    const code = world.code();
    const name = `build${code}x9${code}`;
    const [instance] = world.instances(DEV);
    if (instance === undefined) throw new Error("no instance");
    const before = instance.tags.get("Name") ?? "";
    instance.tags.set("Name", name);
    const run = await world.run(["dev", "instances", "-t", code]);
    instance.tags.set("Name", before);
    expect(run.stdout).toContain(name);
  });
});
