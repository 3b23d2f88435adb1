import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { DEV_ROLE, openCliWorld, type RunOptions } from "../support/cli-world.ts";
import { HAS_KEYCHAIN, KEYCHAIN_LEFT_OUT, type RealKeychain, startKeychain } from "../support/real-keychain.ts";

// The program with a keychain of the user's own: outside of a sandbox as far as it knows, where AWS happens to be one.

const world = await openCliWorld();
beforeEach(() => world.newCache());

const KEPT = `
[profile kept]
role_arn = ${DEV_ROLE}
source_profile = parent
region = us-east-1
assume_mfa_cache = keychain
`;

function outside(real: Pick<RealKeychain, "env"> | undefined, config = KEPT): RunOptions {
  const env = { ASSUME_MFA_SANDBOX: undefined, XDG_RUNTIME_DIR: "/nonexistent", ...real?.env };
  return { env: { ...env, ...world.configWith(config) } };
}

/** All that lies in the cache's files. */
function cachedText(): string {
  const folder = path.join(world.cacheHome, "assume-mfa");
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(path.join(parentPath, name), "utf8"))
    .join("\n");
}

describe.skipIf(!HAS_KEYCHAIN)(`role sessions with assume_mfa_cache = keychain${KEYCHAIN_LEFT_OUT}`, () => {
  it("are served by the keychain, leave no secret in a file, and go with logout", async ({ onTestFinished }) => {
    const real = await startKeychain();
    onTestFinished(() => real.close());
    const options = outside(real);
    const first = await world.run(["kept", "whoami", "--token-code", world.code()], options);
    expect(first.exitCode, first.stderr).toBe(0);
    expect(first.operations).toContain("AssumeRole");
    expect(real.names()).toEqual([expect.stringMatching(/^role-session-[0-9a-f]{64}$/)]);
    expect(world.secretsIn(cachedText())).toEqual([]);

    const hit = await world.run("kept login -o json", options);
    expect(hit).toMatchObject({ exitCode: 0, operations: [], said: "" });
    expect(JSON.parse(hit.stdout)).toMatchObject([{ result: { cached: true } }]);
    // What only looks needs no keychain: there is none on this bus.
    const looked = await world.run("status -o json", outside(undefined));
    expect(looked.exitCode).toBe(0);
    expect(JSON.parse(looked.stdout)).toMatchObject([{ kind: "role", role: DEV_ROLE }]);

    const { exitCode, stderr } = await world.run("kept logout", options);
    expect(exitCode, stderr).toBe(0);
    expect(real.names()).toEqual([]);
    expect((await world.run("kept login", options)).exitCode).toBe(2);
  });

  it("are assumed again when the keychain is gone: the work is done, and it is said", async ({ onTestFinished }) => {
    const real = await startKeychain();
    onTestFinished(() => real.close());
    const options = outside(real);
    await world.login("kept", options);
    await real.kill();
    const run = await world.run(["kept", "login", "--token-code", world.code()], options);
    expect(run).toMatchObject({ exitCode: 0, operations: ["AssumeRole"] });
    expect(run.said).toMatch(/^assume-mfa: the session could not be cached: there is no keychain: .*\n$/);
    expect(world.secretsIn(cachedText())).toEqual([]);
  });

  it("are assumed again when somebody changed what the keychain holds", async ({ onTestFinished }) => {
    const real = await startKeychain();
    onTestFinished(() => real.close());
    const options = outside(real);
    await world.login("kept", options);
    const [name = ""] = real.names();
    real.put(name, JSON.stringify({ ...JSON.parse(real.secret(name) ?? ""), accessKeyId: "ASIAOTHEREXAMPLE" }));
    expect(await world.run("kept login", options)).toMatchObject({ exitCode: 2, operations: [] });
  });

  it("stay, and that is an error, when the keychain is locked at logout; they go when it is open", async ({
    onTestFinished,
  }) => {
    const real = await startKeychain();
    onTestFinished(() => real.close());
    const options = outside(real);
    await world.login("kept", options);
    real.lock();
    for (const words of ["kept logout", "logout --all"]) {
      const run = await world.run(words, options);
      expect(run).toMatchObject({ exitCode: 1, operations: [] });
      expect(run.stderr).toMatch(/error: /);
    }
    expect(JSON.parse((await world.run("status -o json", options)).stdout)).toHaveLength(1);
    await real.kill();
    await real.start();
    expect((await world.run("logout --all", options)).exitCode).toBe(0);
    expect(real.names()).toEqual([]);
    expect(JSON.parse((await world.run("status -o json", options)).stdout)).toEqual([]);
  });

  it("are a file's as ever without the setting: the keychain is not touched", async ({ onTestFinished }) => {
    const real = await startKeychain();
    onTestFinished(() => real.close());
    await world.login("dev", outside(real));
    expect(real.names()).toEqual([]);
    expect(world.secretsIn(cachedText())).not.toEqual([]);
  });
});

describe("the shared session", () => {
  it.skipIf(!HAS_KEYCHAIN)(
    `is kept in the keychain, said, opens every target, and goes with logout --all${KEYCHAIN_LEFT_OUT}`,
    async ({ onTestFinished }) => {
      const real = await startKeychain();
      onTestFinished(() => real.close());
      const options = outside(real);
      const login = await world.run(["login", "--token-code", world.code()], options);
      expect(login).toMatchObject({ exitCode: 0, operations: ["GetSessionToken"] });
      expect(`${login.stdout}${login.said}`).toMatch(/keychain/);
      expect(real.names()).toEqual([expect.stringMatching(/^shared-session-[0-9a-f]{64}$/)]);
      expect(world.secretsIn(cachedText())).toEqual([]);
      for (const target of ["dev", "staging"]) {
        const run = await world.run([target, "login", "--no-input"], options);
        expect(run.exitCode, run.stderr).toBe(0);
        expect(run.operations).toContain("AssumeRole");
        expect(run.calls.every(({ parameters }) => parameters.TokenCode === undefined)).toBe(true);
      }
      const { exitCode, stderr } = await world.run("logout --all", options);
      expect(exitCode, stderr).toBe(0);
      expect(real.names()).toEqual([]);
    },
  );

  it("is kept in a file where there is no keychain, and why is said", async () => {
    const run = await world.run(["login", "--token-code", world.code()], outside(undefined));
    expect(run).toMatchObject({ exitCode: 0, operations: ["GetSessionToken"] });
    expect(run.said).toMatch(/in a file that only you can read.*: there is no keychain: this session has no D-Bus\n/);
    expect(world.secretsIn(cachedText())).not.toEqual([]);
  });

  it.skipIf(!HAS_KEYCHAIN)(
    `leaves the user's keychain alone inside a sandbox, and says so${KEYCHAIN_LEFT_OUT}`,
    async ({ onTestFinished }) => {
      const real = await startKeychain();
      onTestFinished(() => real.close());
      const run = await world.run(["login", "--token-code", world.code()], { env: { ...real.env } });
      expect(run).toMatchObject({ exitCode: 0, operations: ["GetSessionToken"] });
      expect(run.said).toMatch(/in a file that only you can read.*: a sandbox leaves your keychain alone\n/);
      expect(real.names()).toEqual([]);
    },
  );
});
