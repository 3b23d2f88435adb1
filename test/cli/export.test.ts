import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { demand, openCliWorld, type RunOptions } from "../support/cli-world.ts";
import { NO_ANSWER } from "../support/fake-host.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const FAILING_SH =
  "unset AWS_ACCESS_KEY_ID;\nunset AWS_SECRET_ACCESS_KEY;\nunset AWS_SESSION_TOKEN;\nunset AWS_SECURITY_TOKEN;\nunset AWS_CREDENTIAL_EXPIRATION;\nfalse;\n";

function lastSession() {
  return demand([...world.sandbox.world.sessions.values()].at(-1));
}

describe("credentials", () => {
  it("as sh: what would fight with them goes, then they are set", async () => {
    const run = await world.run(["dev", "export", "-t", world.code()], { isPayload: true });
    expect(run.exitCode).toBe(0);
    const { accessKeyId, secretAccessKey, sessionToken, expiresAtMs } = lastSession();
    expect(run.stdout).toBe(
      [
        "unset AWS_SECURITY_TOKEN;",
        "unset AWS_PROFILE;",
        "unset AWS_DEFAULT_PROFILE;",
        `export AWS_ACCESS_KEY_ID='${accessKeyId}';`,
        `export AWS_SECRET_ACCESS_KEY='${secretAccessKey}';`,
        `export AWS_SESSION_TOKEN='${sessionToken}';`,
        `export AWS_CREDENTIAL_EXPIRATION='${new Date(expiresAtMs).toISOString().replace(".000Z", "Z")}';`,
        "export AWS_REGION='us-east-1';",
        "export AWS_DEFAULT_REGION='us-east-1';",
        "",
      ].join("\n"),
    );
  });

  it.each([
    ["--format sh", "/usr/bin/fish", /^unset .*;\n/],
    ["--format env", "/usr/bin/fish", /^unset .*;\n/],
    ["", "/bin/bash", /^unset .*;\n/],
    ["", undefined, /^unset .*;\n/],
    ["", "/usr/bin/fish", /^set -gx AWS_ACCESS_KEY_ID '/m],
    ["--format fish", "/bin/bash", /^set -gx AWS_ACCESS_KEY_ID '/m],
    ["--format json", "/bin/bash", /^\{\n {2}"AWS_ACCESS_KEY_ID"/],
    ["--format powershell", "/bin/bash", /^\$Env:AWS_ACCESS_KEY_ID = 'ASIA/m],
    ["--format windows-cmd", "/bin/bash", /^set "AWS_ACCESS_KEY_ID=ASIA/m],
    ["--format cmd", "/bin/bash", /^set "AWS_ACCESS_KEY_ID=ASIA/m],
    ["--format dotenv", "/bin/bash", /^AWS_ACCESS_KEY_ID=ASIA/],
    ["--format env-no-export", "/bin/bash", /^AWS_ACCESS_KEY_ID=ASIA/],
    ["--format process", "/bin/bash", /^\{\n {2}"Version": 1,\n {2}"AccessKeyId": "ASIA/],
  ])("%s with SHELL=%s", async (format, shell, pattern) => {
    const words = ["dev", "export", "-t", world.code(), ...format.split(" ").filter(Boolean)];
    const run = await world.run(words, { isPayload: true, env: { SHELL: shell } });
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toMatch(pattern);
    expect(run.stdout).toContain(lastSession().sessionToken);
  });

  it("as json: exactly these", async () => {
    const run = await world.run(["dev", "export", "--format", "json", "-t", world.code()], { isPayload: true });
    expect(Object.keys(JSON.parse(run.stdout))).toEqual([
      "AWS_ACCESS_KEY_ID",
      "AWS_SECRET_ACCESS_KEY",
      "AWS_SESSION_TOKEN",
      "AWS_CREDENTIAL_EXPIRATION",
      "AWS_REGION",
      "AWS_DEFAULT_REGION",
    ]);
  });

  it("-o json is the format json, and --format wins over it", async () => {
    const json = await world.run(["dev", "export", "-o", "json", "-t", world.code()], { isPayload: true });
    expect(JSON.parse(json.stdout)).toHaveProperty("AWS_SESSION_TOKEN", lastSession().sessionToken);
    const sh = await world.run("dev export -o json --format sh", { isPayload: true });
    expect(sh).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^unset /) });
  });

  it("--unset takes them away without a call or a code, for a target that need not exist", async () => {
    const run = await world.run("dev export --unset --format sh");
    expect(run).toMatchObject({ exitCode: 0, stderr: "", operations: [] });
    expect(run.stdout).toMatch(/^(?:unset AWS_\w+;\n)+$/);
    for (const name of ["AWS_SESSION_TOKEN", "AWS_REGION"]) expect(run.stdout).toContain(`unset ${name};`);
    expect(await world.run("dev export --unset --format json")).toMatchObject({ exitCode: 2, stdout: "" });
  });
});

describe("a terminal as standard output", () => {
  it.each([
    ["/bin/bash", 'eval "$(assume-mfa dev export)"'],
    ["/usr/bin/fish", "assume-mfa dev export --format fish | source"],
  ])("gets nothing (%s): exit 2 with the line to type", async (SHELL, line) => {
    const run = await world.run(["dev", "export", "-t", world.code()], { isStdoutTerminal: true, env: { SHELL } });
    expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
    expect(run.stderr).toContain(`hint: type ${line}\n`);
    expect(run.stderr).toContain("--show");
  });

  it("a name that a shell would read is left for the user to write", async () => {
    const run = await world.run(["$(id)", "export"], { isStdoutTerminal: true });
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toContain('eval "$(assume-mfa <target> export)"');
  });

  it("gets them with --show", async () => {
    const run = await world.run(["dev", "export", "--show", "-t", world.code()], {
      isStdoutTerminal: true,
      isPayload: true,
    });
    expect(run).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("export AWS_SESSION_TOKEN=") });
  });

  it("gets the lines of --unset, which are no secret", async () => {
    const run = await world.run("dev export --unset", { isStdoutTerminal: true });
    expect(run).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^unset /) });
  });
});

describe("for GitHub Actions", () => {
  let made = 0;
  function environmentFile(text = ""): string {
    made += 1;
    const file = path.join(world.folder, `github-${made}`);
    writeFileSync(file, text);
    return file;
  }

  it("masks the values on standard output and sets them in the file", async () => {
    const GITHUB_ENV = environmentFile("EARLIER=1");
    const words = ["dev", "export", "--format", "github", "-t", world.code()];
    const run = await world.run(words, { isPayload: true, env: { GITHUB_ENV } });
    const { accessKeyId, secretAccessKey, sessionToken } = lastSession();
    expect(run).toMatchObject({ exitCode: 0, said: "" });
    expect(run.stdout).toBe(
      [accessKeyId, secretAccessKey, sessionToken].map((value) => `::add-mask::${value}\n`).join(""),
    );
    const lines = readFileSync(GITHUB_ENV, "utf8").split("\n");
    expect(lines[0]).toBe("EARLIER=1");
    const start = lines.findIndex((line) => line.startsWith("AWS_SESSION_TOKEN<<"));
    const delimiter = demand(lines[start]).slice("AWS_SESSION_TOKEN<<".length);
    expect(delimiter).toMatch(/^assume_mfa_[0-9a-f]{32}$/);
    expect(lines.slice(start + 1, start + 3)).toEqual([sessionToken, delimiter]);
    // Another run has another one.
    await world.run("dev export --format github", { isPayload: true, env: { GITHUB_ENV } });
    expect(new Set(readFileSync(GITHUB_ENV, "utf8").match(/assume_mfa_[0-9a-f]{32}/g)).size).toBe(2);
  });

  it("--unset empties the credentials, and prints nothing", async () => {
    const GITHUB_ENV = environmentFile();
    const run = await world.run("dev export --format github --unset", { env: { GITHUB_ENV } });
    expect(run).toMatchObject({ exitCode: 0, stdout: "", operations: [] });
    const text = readFileSync(GITHUB_ENV, "utf8");
    expect(text).toMatch(/^AWS_SESSION_TOKEN<<(\w+)\n\n\1$/m);
    expect(text).not.toMatch(/REGION|PROFILE/);
  });

  it("says what a profile in the job does", async () => {
    const env = { GITHUB_ENV: environmentFile(), AWS_PROFILE: "parent" };
    const run = await world.run(["dev", "export", "--format", "github", "-t", world.code()], { isPayload: true, env });
    expect(run).toMatchObject({ exitCode: 0, said: expect.stringContaining("AWS_PROFILE is set here") });
  });

  it.each([
    ["the variable is not set", () => undefined, 2],
    ["there is no such file", () => path.join(world.folder, "no-such-file"), 1],
    ["it is a folder", () => world.folder, 1],
    ["it is a device", () => "/dev/null", 1],
  ])("%s: refused before a code is sent, and no file is made", async (_, make, exitCode) => {
    const GITHUB_ENV = make();
    for (const more of [[], ["--unset"]]) {
      const words = ["dev", "export", "--format", "github", "-t", world.code(), ...more];
      const run = await world.run(words, { env: { GITHUB_ENV } });
      expect(run).toMatchObject({ exitCode, stdout: "", operations: [] });
      expect(run.stderr).toContain("GITHUB_ENV");
    }
  });

  it("a failure leaves the file as it was", async () => {
    const GITHUB_ENV = environmentFile("EARLIER=1\n");
    const run = await world.run("dev export --format github", { env: { GITHUB_ENV } });
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(readFileSync(GITHUB_ENV, "utf8")).toBe("EARLIER=1\n");
  });
});

describe("a failure", () => {
  const FAILURES: readonly (readonly [string, readonly string[], () => RunOptions, number])[] = [
    ["an unknown option", ["dev", "export", "--nothing"], () => ({}), 2],
    ["too many words", ["dev", "export", "more"], () => ({}), 2],
    ["a wrong region", ["dev", "export", "--region", "x"], () => ({}), 2],
    ["an unknown target", ["devv", "export"], () => ({}), 3],
    ["a misplaced option", ["--yes", "dev", "export"], () => ({}), 2],
    ["an option in the middle", ["dev", "--yes", "export"], () => ({}), 2],
    ["words the wrong way round", ["export", "dev"], () => ({}), 3],
    ["no target", ["export"], () => ({}), 3],
    ["a broken config", ["dev", "export"], () => ({ env: world.configFile("[profile dev\n") }), 3],
    ["a malformed code", ["dev", "export", "-t", "12345"], () => ({}), 2],
    ["a missing code", ["dev", "export"], () => ({}), 2],
    ["a refused code", ["dev", "export"], () => ({ env: { ASSUME_MFA_TOKEN_CODE: world.wrongCode() } }), 4],
    ["Ctrl-D at the prompt", ["dev", "export"], () => ({ replies: [undefined] }), 2],
    ["another account", ["dev", "export", "--expect-account", "444444444444"], () => ({}), 3],
    [
      "no network",
      ["dev", "export"],
      () => ({
        env: {
          AWS_ENDPOINT_URL: "http://127.0.0.1:9",
          ASSUME_MFA_SANDBOX: undefined,
          ASSUME_MFA_TOKEN_CODE: world.code(),
        },
      }),
      1,
    ],
    [
      "a sandbox that is gone",
      ["dev", "export"],
      () => ({ env: { ASSUME_MFA_SANDBOX: "http://127.0.0.1:9", AWS_ENDPOINT_URL: "http://127.0.0.1:9" } }),
      3,
    ],
  ];

  it.each(FAILURES)(
    "%s: the shell is told to drop them and to fail, and nothing else",
    async (_what, words, make, exitCode) => {
      const run = await world.run(words, make());
      expect(run).toMatchObject({ exitCode, stdout: FAILING_SH });
      expect(run.stderr).toMatch(/^assume-mfa: error: /m);
      // The same in JSON's wake: a shell still reads it.
      const json = await world.run([...words, "-o", "json"], make());
      expect(json.stdout).toBe(run.stdout);
      const format = [...words.slice(0, 2), "--format", "json", ...words.slice(2)];
      expect((await world.run(format, make())).stdout).toBe("");
    },
  );

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s at the prompt: the same lines", async (signal) => {
    let raise = () => {};
    const run = await world.run("dev export", {
      replies: [
        () => {
          raise();
          return NO_ANSWER;
        },
      ],
      meanwhile: ({ interrupts }) => {
        raise = () => interrupts.raise(signal);
      },
    });
    expect(run.exitCode).toBeGreaterThan(128);
    expect(run.stdout).toBe(FAILING_SH);
  });

  it("an unknown format is answered for a shell", async () => {
    const run = await world.run("dev export --format bat");
    expect(run).toMatchObject({ exitCode: 2, stdout: FAILING_SH });
    expect(run.stderr).toContain("sh, fish, powershell, cmd, dotenv, json, process, github");
  });

  it("in fish's own words", async () => {
    for (const [words, env] of [
      [["dev", "export", "--format", "fish"], {}],
      [["dev", "export"], { SHELL: "/usr/bin/fish" }],
    ] as const) {
      const run = await world.run(words, { env });
      expect(run.stdout).toMatch(/^(?:.*set -e.* AWS_\w+.*\n)+false;?\n$/);
      expect(run.stdout).not.toContain("unset");
    }
  });

  it("a shell that evaluates it fails, and has no credentials left", async () => {
    const { stdout } = await world.run("dev export");
    const script = `export AWS_ACCESS_KEY_ID=old AWS_SESSION_TOKEN=old; eval "$1"; echo "$? [$AWS_ACCESS_KEY_ID$AWS_SESSION_TOKEN]"`;
    expect(execFileSync("sh", ["-c", script, "sh", stdout], { encoding: "utf8" })).toBe("1 []\n");
  });

  it("an action that is not export prints no such lines", async () => {
    expect((await world.run("dev login")).stdout).toBe("");
    expect((await world.run("dev terminate export")).stdout).toBe("");
  });
});

describe("credentials that AWS can't have given", () => {
  it("are refused, not quoted: the failing lines, and not a word of them", async () => {
    await world.login();
    const entry = JSON.parse(readFileSync(world.sessionFile, "utf8"));
    for (const evil of ["';touch</tmp/pwned;'", "$(id)", "`id`"]) {
      entry.credentials.sessionToken = world.addCanary(`evil${evil}`);
      writeFileSync(world.sessionFile, JSON.stringify(entry));
      const run = await world.run("dev export");
      expect(run).toMatchObject({ exitCode: 1, stdout: FAILING_SH });
      expect(run.stderr).toMatch(/error: the session token is not in the form that AWS gives/);
    }
    // What could not even be sent to AWS is damage: no session at all.
    for (const evil of ["a b", "a\nb", "\u202e", "\x1b[31m"]) {
      entry.credentials.sessionToken = world.addCanary(`evil${evil}`);
      writeFileSync(world.sessionFile, JSON.stringify(entry));
      expect(await world.run("dev export")).toMatchObject({ exitCode: 2, stdout: FAILING_SH, operations: [] });
    }
  });
});
