import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { runCredentialProcess } from "../../src/session/credential-process.ts";
import { DEV_ROLE, demand, openCliWorld, type Run, type RunOptions, SERIAL } from "../support/cli-world.ts";

// CLI.md, "Targets"; ACCEPTANCE.md T10, T15: a program that gives the keys is run when they are due and a profile that was
// chosen names it, without a shell, and nothing that it prints is shown.

const world = await openCliWorld();
const programs = path.join(world.folder, "programs");
mkdirSync(programs);
const runsFile = path.join(programs, "runs");
const countRuns = () => (existsSync(runsFile) ? readFileSync(runsFile, "utf8").split("\n").length - 1 : 0);

beforeEach(() => {
  world.newCache();
  writeFileSync(runsFile, "");
});

/** Writes a program for `sh` that is counted. @returns its path */
function program(name: string, script: string): string {
  const file = path.join(programs, name);
  writeFileSync(file, `#!/bin/sh\necho run >> ${runsFile}\n${script}\n`);
  chmodSync(file, 0o700);
  return file;
}

/** A program that prints a document. */
function printing(document: unknown): string {
  const file = path.join(programs, "document");
  writeFileSync(file, typeof document === "string" ? document : JSON.stringify(document), { mode: 0o600 });
  return program("print", `exec cat ${file}`);
}

const bobsKeys = () => {
  const { accessKeyId, secretAccessKey } = demand(world.user("bob").accessKeys[0]);
  return { Version: 1, AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey };
};
const alicesKeys = () => {
  const { accessKeyId, secretAccessKey } = demand(world.user("alice").accessKeys[0]);
  return { Version: 1, AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey };
};

/** A session of alice's with MFA, as a program would give it. */
async function session(): Promise<Readonly<Record<string, unknown>>> {
  const printed = await world.run(`parent-admin export --format json --token-code ${world.code()}`, {
    isPayload: true,
  });
  const exported = JSON.parse(printed.stdout) as Readonly<Record<string, string>>;
  return {
    Version: 1,
    AccessKeyId: exported.AWS_ACCESS_KEY_ID,
    SecretAccessKey: exported.AWS_SECRET_ACCESS_KEY,
    SessionToken: exported.AWS_SESSION_TOKEN,
    Expiration: exported.AWS_CREDENTIAL_EXPIRATION,
  };
}

const configurations = new Map<string, { readonly AWS_CONFIG_FILE: string }>();

/** The same file for the same command: what its program is given is part of what a session is kept under. */
function configuredOnce(command: string) {
  const made = configurations.get(command) ?? configured(command);
  configurations.set(command, made);
  return made;
}

/** The target `made`, whose keys the command gives; and any lines more for its profile, and for that of the keys. */
function configured(command: string, lines = "", sourceLines = "") {
  return world.configWith(
    `\n[profile made]\nrole_arn = ${DEV_ROLE}\nsource_profile = vault\n${lines}\n[profile vault]\nregion = us-east-1\ncredential_process = ${command}\n${sourceLines}\n`,
  );
}

const run = (command: string, argv = "made login", options: RunOptions = {}) =>
  world.run(argv, { ...options, env: { ...configuredOnce(command), ...options.env } });

const assumed = ({ calls }: Run) =>
  calls.filter(({ operation }) => operation === "AssumeRole").map(({ accessKeyId }) => accessKeyId);

/** The founding roles demand a code; this one is open to the parent account. */
function openDev(): () => void {
  const role = world.role("222222222222");
  const before = role.trustPolicy;
  role.trustPolicy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: "111122223333" }, Action: "sts:AssumeRole" }],
  });
  return () => {
    role.trustPolicy = before;
  };
}

describe("credential_process", () => {
  it("gives a session, which assumes without a code; that is said, and the role's session is cached", async () => {
    const close = openDev();
    try {
      const document = await session();
      world.newCache();
      const command = printing(document);
      const first = await run(command);
      expect([first.exitCode, assumed(first), first.questions]).toEqual([0, [document.AccessKeyId], []]);
      expect(first.said).toContain(
        `no code is asked for: credential_process of profile "vault" gave a session, which can't present a code`,
      );
      const second = await run(command);
      expect([second.exitCode, second.operations, countRuns()]).toEqual([0, [], 1]);
    } finally {
      close();
    }
  });

  it("is run again for a session of its own where it is given another AWS_PROFILE, by which it may choose", async () => {
    const close = openDev();
    try {
      const document = await session();
      world.newCache();
      const command = printing(document);
      const one = await run(command, undefined, { env: { AWS_PROFILE: "one" } });
      const two = await run(command, undefined, { env: { AWS_PROFILE: "two" } });
      expect([assumed(one).length, assumed(two).length, countRuns()]).toEqual([1, 1, 2]);
      const again = await run(command, undefined, { env: { AWS_PROFILE: "one" } });
      expect([again.exitCode, again.operations, countRuns()]).toEqual([0, [], 2]);
    } finally {
      close();
    }
  });

  it("gives a user's own keys, which assume without a code where no device is named", async () => {
    const close = openDev();
    try {
      const made = await run(printing(bobsKeys()));
      expect([made.exitCode, assumed(made), countRuns()]).toEqual([0, [bobsKeys().AccessKeyId], 1]);
      expect(made.said).toContain("gave an IAM user's own keys, and no mfa_serial is set");
    } finally {
      close();
    }
  });

  it("gives a user's own keys, which present a code with the device that the profile names", async () => {
    const env = configured(printing(alicesKeys()), "", `mfa_serial = ${SERIAL}`);
    const made = await world.run(`made login --token-code ${world.code()}`, { env });
    expect([made.exitCode, assumed(made), countRuns()]).toEqual([0, [alicesKeys().AccessKeyId], 1]);
    expect(made.calls.find(({ operation }) => operation === "AssumeRole")?.parameters.SerialNumber).toBe(SERIAL);
  });

  it("is no source for a code that was given, which is said and not sent", async () => {
    const close = openDev();
    try {
      const made = await run(printing(await session()), `made login --token-code ${world.code()}`);
      expect(made.exitCode).toBe(0);
      expect(made.said).toContain("the token code from --token-code was not sent");
      expect(made.calls.every(({ parameters }) => parameters.TokenCode === undefined)).toBe(true);
    } finally {
      close();
    }
  });

  it("gives the words of its line to the program as the AWS CLI does, without a shell", async () => {
    const args = path.join(programs, "args");
    const sentinel = path.join(programs, "sentinel");
    const show = program("show", `printf '%s\\n' "$@" > ${args}`);
    await run(`${show} "two words" 'single $HOME' back\\ slash ; touch ${sentinel} $(touch ${sentinel}) | x # y`);
    expect(readFileSync(args, "utf8").split("\n").slice(0, -1)).toEqual([
      "two words",
      "single $HOME",
      "back slash",
      ";",
      "touch",
      sentinel,
      "$(touch",
      `${sentinel})`,
      "|",
      "x",
      "#",
      "y",
    ]);
    expect(existsSync(sentinel)).toBe(false);
  });

  it("has AWS's variables, and none of ours but where it runs", async () => {
    const file = path.join(programs, "seen");
    const secret = world.addCanary(randomBytes(20).toString("hex"));
    await run(program("env", `env > ${file}`), "made login", {
      env: {
        AWS_REGION: "eu-west-1",
        AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
        AWS_SECRET_ACCESS_KEY: secret,
        ASSUME_MFA_TOKEN_CODE: "123456",
        ASSUME_MFA_TOTP_SECRET: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        ASSUME_MFA_MIN_TTL: "10m",
        Assume_Mfa_Odd: "x",
      },
    });
    const seen = Object.fromEntries(
      readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line.includes("="))
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    expect(seen).toMatchObject({ AWS_REGION: "eu-west-1", AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE" });
    expect(
      Object.keys(seen)
        .filter((name) => /^assume_mfa/i.test(name))
        .sort(),
    ).toEqual(["ASSUME_MFA_CREDENTIAL_PROCESS", "ASSUME_MFA_SANDBOX"]);
    expect(seen.ASSUME_MFA_CREDENTIAL_PROCESS).toBe('["vault"]');
  });

  it("does not start at a session that we exported", async () => {
    const exported = await world.run(`dev export --format json --token-code ${world.code()}`, { isPayload: true });
    const file = path.join(programs, "seen");
    await run(program("env", `env > ${file}`), "made login", { env: JSON.parse(exported.stdout) });
    expect(readFileSync(file, "utf8")).not.toMatch(/^AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)=/m);
  });

  it("is run once for several processes that want the same session", async () => {
    const close = openDev();
    try {
      const file = path.join(programs, "slow");
      writeFileSync(file, JSON.stringify(bobsKeys()), { mode: 0o600 });
      const command = program("slow.sh", `sleep 0.3; exec cat ${file}`);
      // The world's time does not run ahead of the program's: whoever waits would give up.
      const runs = await Promise.all([1, 2, 3].map(() => run(command, undefined, { sleep: (ms) => setTimeout(ms) })));
      expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
      expect(countRuns()).toBe(1);
    } finally {
      close();
    }
  });

  it.each<[string, string]>([
    ["targets", "targets"],
    ["status", "status"],
    ["--explain", "made login --explain"],
    ["a target that another source signs for", "dev whoami --no-input"],
    ["a duration that is refused", "made login --duration 13h"],
  ])("is not run by %s", async (_, argv) => {
    await run(printing(bobsKeys()), argv);
    expect(countRuns()).toBe(0);
  });

  it("is not run where only the profile default names it, which nobody chose", async () => {
    const command = printing(bobsKeys());
    const env = world.configFile(
      `[default]\ncredential_process = ${command}\nregion = us-east-1\n[profile bare]\nrole_arn = ${DEV_ROLE}\n[profile said]\nrole_arn = ${DEV_ROLE}\nsource_profile = default\n[profile through]\nrole_arn = ${DEV_ROLE}\nsource_profile = bare\n`,
    );
    const none = world.credentialsFile("");
    for (const argv of [`${DEV_ROLE} login`, "bare login", "through login"]) {
      const refused = await world.run(argv, { env: { ...env, ...none } });
      expect([refused.exitCode, countRuns(), refused.operations]).toEqual([3, 0, []]);
      expect(refused.said).toContain("the profile default would run a credential_process");
      expect(refused.said).toContain("--source-profile default");
    }
    for (const argv of ["said login", `${DEV_ROLE} login --source-profile default`]) {
      writeFileSync(runsFile, "");
      await world.run(argv, { env: { ...env, ...none } });
      expect([argv, countRuns()]).toEqual([argv, 1]);
    }
  });

  const secret = world.addCanary(randomBytes(30).toString("base64"));
  const token = world.addCanary(randomBytes(60).toString("base64"));
  const whole = { Version: 1, AccessKeyId: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: secret, SessionToken: token };
  it.each<[string, unknown, number, string]>([
    ["prints nothing", "", 3, "printed nothing"],
    ["prints no JSON", `${secret} {`, 3, "printed no JSON"],
    ["prints a list", [whole], 3, "printed no JSON object"],
    ["prints another version", { ...whole, Version: 2 }, 3, "printed no Version 1"],
    ["prints a version in quotes", { ...whole, Version: "1" }, 3, "printed no Version 1"],
    ["prints no secret", { ...whole, SecretAccessKey: undefined }, 3, "printed no AccessKeyId with a SecretAccessKey"],
    ["prints a token that is a number", { ...whole, SessionToken: 1 }, 3, "printed a SessionToken that is no text"],
    ["prints an expiration that is none", { ...whole, Expiration: "soon" }, 4, "ends at no time that can be read"],
    [
      "prints what has ended",
      { ...whole, Expiration: "2020-01-01T00:00:00Z" },
      4,
      "has ended, at 2020-01-01T00:00:00.000Z",
    ],
    ["prints a line break in a key", { ...whole, SecretAccessKey: `${secret}\r\nx: y` }, 4, "are no credentials"],
    ["prints an empty key", { ...whole, AccessKeyId: "" }, 4, "has an empty AccessKeyId"],
  ])("that %s is refused, and nothing of it shown", async (_, document, exitCode, message) => {
    const refused = await run(printing(document));
    expect([refused.exitCode, refused.operations, countRuns()]).toEqual([exitCode, [], 1]);
    expect(refused.said).toContain(message);
    expect(refused.stderr + refused.stdout).not.toContain(secret.slice(0, 12));
    expect(refused.stderr + refused.stdout).not.toContain(token.slice(0, 12));
    expect((await run(printing(document), "made login --debug")).stderr).not.toContain(secret.slice(0, 12));
  });

  it.each<[string, string, string]>([
    ["fails", `echo ${secret}; exit 3`, "ended with status 3: nothing is taken from it"],
    ["is ended", "kill -TERM $$", "was ended by SIGTERM and gave no credentials"],
    ["prints without an end", "yes", "printed more than 64 KiB, and was ended"],
  ])("that %s is an error that names file and line", async (_, script, message) => {
    const refused = await run(program("bad", script));
    expect([refused.exitCode, refused.operations]).toEqual([3, []]);
    expect(refused.said).toMatch(/error: \S+config:\d+: credential_process /);
    expect(refused.said).toContain(message);
  });

  it("that is a run of ours says itself what is wrong, once", async () => {
    const ours = await run(`${program("assume-mfa", "exit 3")} dev credential-process`);
    expect(ours.exitCode).toBe(3);
    expect(ours.said).toMatch(
      /^assume-mfa: error: \S+config:\d+: credential_process ended with status 3, as it says above\n$/,
    );
    const inner = await world.run("dev credential-process --no-input", {
      env: { ASSUME_MFA_CREDENTIAL_PROCESS: '["vault"]' },
    });
    expect(inner).toMatchObject({ exitCode: 2, stdout: "" });
    expect(inner.said).toMatch(/^assume-mfa: in credential_process: a token code is needed for dev/m);
    expect(inner.said).not.toContain("error:");
  });

  it.each<[string, string, string]>([
    ["that is not there", "/nowhere/vault-9 get", "can't be run: /nowhere/vault-9: not found"],
    ["of the current folder", "./vault get", "must begin with a program's name or its absolute path"],
    ["with an open quote", "vault 'get", "has an open quote, or a backslash at its end"],
    ["that is empty", "", "is empty"],
  ])("refuses a program %s", async (_, command, message) => {
    const refused = await run(command);
    expect([refused.exitCode, refused.operations]).toEqual([3, []]);
    expect(refused.said).toContain(message);
  });

  it("shows no command, which can hold a password", async () => {
    const password = world.addCanary("hunter2hunter2hunter2");
    const file = path.join(programs, "with password");
    writeFileSync(file, JSON.stringify(bobsKeys()), { mode: 0o600 });
    const close = openDev();
    try {
      const command = `${program("with", `exec cat '${file}'`)} --password ${password}`;
      const made = await run(command, "made login --debug");
      expect(made.exitCode).toBe(0);
      expect(readFileSync(world.sessionFile, "utf8")).not.toContain(password);
    } finally {
      close();
    }
    const refused = await run(`/nowhere/x --password ${password}`, "made login --debug --refresh");
    expect(refused.exitCode).toBe(3);
  });
});

describe("a credential_process that runs assume-mfa", () => {
  const at = { kind: "file", path: "/aws/config", line: 7, profile: "vault" } as const;
  const source = (profileName: string) =>
    ({
      kind: "provided",
      label: "",
      profileName,
      origin: at,
      provider: { kind: "process", command: ["x"], environment: [] },
    }) as const;
  const ports = (mark: string | undefined) => ({
    env: { ASSUME_MFA_CREDENTIAL_PROCESS: mark },
    isExported: false,
    note: () => undefined,
    captureCommand: async () => ({ kind: "too long" }) as const,
  });
  const refusal = (profileName: string, mark: string | undefined) =>
    runCredentialProcess(source(profileName), ["x"], ports(mark)).then(
      () => undefined,
      (error: unknown) => (error instanceof AssumeMfaError ? [error.code, error.exitCode, error.message] : error),
    );

  it.each<[string, string, string, string]>([
    ["of its own", "vault", '["vault"]', "vault → vault"],
    ["through another", "vault", '["vault","b"]', "vault → b → vault"],
    ["behind others", "b", '["a","b","c"]', "b → c → b"],
    ["of hostile names", "__proto__", '["__proto__"]', "__proto__ → __proto__"],
    [
      "that is only very deep",
      "p11",
      JSON.stringify("abcdefghij".split("")),
      "a → b → c → d → e → f → g → h → i → j → p11",
    ],
  ])("is found in a circle %s", async (_, name, mark, circle) => {
    expect(await refusal(name, mark)).toEqual([
      "SOURCE_PROFILE_LOOP",
      3,
      `/aws/config:7: credential_process goes round in a circle: ${circle}`,
    ]);
  });

  it("may run inside another's", async () => {
    expect(await refusal("vault", '["other"]')).toEqual([
      "SOURCE_CREDENTIALS_MISSING",
      3,
      "/aws/config:7: credential_process gave no credentials in 60 s, and was ended",
    ]);
  });

  it.each(["vault", "{}", "[1]", "[", '"vault"'])("is not run with a mark that is not ours: %s", async (mark) => {
    expect(await refusal("vault", mark)).toEqual([
      "CONFIG_MALFORMED",
      3,
      "ASSUME_MFA_CREDENTIAL_PROCESS is not what assume-mfa sets it to",
    ]);
  });

  it("stops in the second run, and both say so", async () => {
    const inner = program("inner", "exit 99");
    const made = await run(inner, "made login", { env: { ASSUME_MFA_CREDENTIAL_PROCESS: '["vault"]' } });
    expect([made.exitCode, countRuns(), made.operations]).toEqual([3, 0, []]);
    expect(made.said).toContain("credential_process goes round in a circle: vault → vault");
  });
});
