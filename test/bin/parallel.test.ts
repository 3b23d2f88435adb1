import { describe, expect, it } from "vitest";
import { run, runProgram } from "./built-program.ts";
import { PseudoTerminal } from "./pseudo-terminal.ts";
import { startWorld } from "./test-world.ts";

// Any number of processes ask one question (ACCEPTANCE.md C1, C3): the others take the session that the first one made.

const PROCESSES = 20;

function accessKeyId(stdout: string): string | undefined {
  return /AWS_ACCESS_KEY_ID="?:?\s*"?'?(ASIA[A-Z0-9]{16})/.exec(stdout)?.[1] ?? /ASIA[A-Z0-9]{16}/.exec(stdout)?.[0];
}

describe("many cold starts at once", () => {
  it("with one code make one AssumeRole, and all have the same session", async ({ onTestFinished }) => {
    const world = await startWorld();
    onTestFinished(() => world.close());
    const code = world.freshCode();
    const runs = await Promise.all(
      Array.from({ length: PROCESSES }, () =>
        runProgram(["dev", "export", "--format", "json", "-t", code], { env: world.env, timeoutMs: 60_000 }),
      ),
    );
    expect(runs.map(({ status }) => status)).toEqual(runs.map(() => 0));
    expect(new Set(runs.map(({ stdout }) => accessKeyId(stdout))).size).toBe(1);
    expect(world.countCalls("AssumeRole")).toBe(1);
  });

  it("on one terminal ask once", async ({ onTestFinished }) => {
    const world = await startWorld();
    onTestFinished(() => world.close());
    const terminal = new PseudoTerminal(
      `for n in 1 2 3 4 5 6; do assume-mfa dev whoami -o text >out.$n 2>err.$n & done
       wait; cat out.*; exit 0`,
      { env: world.env, cwd: world.folder },
    );
    onTestFinished(() => terminal.close());
    await terminal.waitFor(/MFA code for dev/);
    terminal.type(`${world.freshCode()}\r`);
    for (let n = 0; n < 6; n += 1) await terminal.waitFor(/dev\t222222222222\tarn:aws:sts::/, 20_000);
    expect(await terminal.status()).toBe(0);
    expect(terminal.output.match(/MFA code/g)).toHaveLength(1);
    expect(world.countCalls("AssumeRole")).toBe(1);
  });
});

describe("whoever waits", () => {
  it("goes on within a second when the holder is killed at its prompt", async ({ onTestFinished }) => {
    const world = await startWorld();
    onTestFinished(() => world.close());
    const terminal = new PseudoTerminal("assume-mfa dev login & echo pid=$!; fg 2>/dev/null || wait $!", {
      env: world.env,
      cwd: world.folder,
    });
    onTestFinished(() => terminal.close());
    const [, pid] = await terminal.waitFor(/pid=(\d+)/);
    await terminal.waitFor(/MFA code for dev/);
    const waiting = runProgram(["dev", "login", "-t", world.freshCode()], { env: world.env });
    // It is told for whom it waits.
    await new Promise((resolve) => setTimeout(resolve, 1_800));
    const killedAt = performance.now();
    await run(["kill", "-9", String(pid)], { env: world.env });
    const { status, stderr } = await waiting;
    expect(performance.now() - killedAt).toBeLessThan(1_500);
    expect(status).toBe(0);
    expect(stderr).toContain(`assume-mfa: waiting for process ${pid}, which presents a code of the same device`);
    expect(world.countCalls("AssumeRole")).toBe(1);
  });

  it("with nobody to ask takes the session that another one makes", async ({ onTestFinished }) => {
    const world = await startWorld();
    onTestFinished(() => world.close());
    const terminal = new PseudoTerminal("assume-mfa dev login", { env: world.env, cwd: world.folder });
    onTestFinished(() => terminal.close());
    await terminal.waitFor(/MFA code for dev/);
    const waiting = runProgram(["dev", "whoami", "-o", "text"], { env: world.env });
    await new Promise((resolve) => setTimeout(resolve, 300));
    terminal.type(`${world.freshCode()}\r`);
    expect(await waiting).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("assumed-role/PrivilegedActionsRole/alice"),
    });
    expect(await terminal.status()).toBe(0);
    expect(world.countCalls("AssumeRole")).toBe(1);
  });
});
