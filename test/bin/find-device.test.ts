import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HIDE_CURSOR, KEYS, PseudoTerminal, SHOW_CURSOR } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// Two devices and no setting that names one, before a person at a real terminal.

const PARENT = "111122223333";
const ALICE = `arn:aws:iam::${PARENT}:mfa/alice`;
/** Listed before alice's. */
const TOKEN = "GAHT12345678";

async function worldWithTwoDevices(): Promise<TestWorld> {
  const world = await startWorld();
  const file = world.env.AWS_CONFIG_FILE ?? "";
  writeFileSync(file, readFileSync(file, "utf8").replace(/^mfa_serial.*\n/gm, ""));
  const devices = world.sandbox.world.accounts.get(PARENT)?.mfaDevices;
  const own = devices?.get(ALICE);
  if (devices === undefined || own === undefined) throw new Error("alice has no device");
  devices.set(TOKEN, { ...own, serialNumber: TOKEN });
  return world;
}

const DOWN = "\x1b[B";

describe.concurrent("at a terminal", () => {
  it("the device is picked, then its code is typed, and the next run asks for a code alone", async ({
    onTestFinished,
  }) => {
    const world = await worldWithTwoDevices();
    onTestFinished(() => world.close());
    const script = "assume-mfa dev whoami >out 2>err </dev/null && assume-mfa staging whoami >out2 2>err2 </dev/null";
    const terminal = new PseudoTerminal(script, { env: world.env, cwd: world.folder });
    onTestFinished(() => terminal.close());
    await terminal.waitFor(/Which MFA device for dev, of profile "parent"\?[\s\S]*GAHT12345678[\s\S]*mfa\/alice/);
    expect(terminal.output).not.toMatch(/MFA code/);
    terminal.type(DOWN);
    terminal.type(KEYS.enter);
    await terminal.waitFor(/MFA code for dev \(account 222222222222\), device arn:aws:iam::111122223333:mfa\/alice: /);
    expect(terminal.output.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(terminal.output.lastIndexOf(HIDE_CURSOR));
    const shown = terminal.output.length;
    terminal.type(`${world.freshCode()}\r`);
    await terminal.waitFor(/MFA code for staging .*, device arn:aws:iam::111122223333:mfa\/alice: /);
    terminal.type(`${world.freshCode()}\r`);
    expect(await terminal.status()).toBe(0);
    expect(terminal.output.slice(shown)).not.toMatch(/Which MFA device/);
    expect(world.countCalls("ListMFADevices")).toBe(1);
    const read = (name: string) => readFileSync(join(world.folder, name), "utf8");
    expect(read("out")).toContain("222222222222");
    expect(read("out2")).toContain("333333333333");
    expect(read("err")).toContain(`mfa_serial = ${ALICE} in the profile parent saves the question`);
    expect(read("err2")).not.toMatch(/mfa_serial/);
  });

  it("Ctrl-C at the list ends with 130: no code is asked for, nothing is remembered", async ({ onTestFinished }) => {
    const world = await worldWithTwoDevices();
    onTestFinished(() => world.close());
    const terminal = new PseudoTerminal("assume-mfa dev whoami", { env: world.env, cwd: world.folder });
    onTestFinished(() => terminal.close());
    await terminal.waitFor(/Which MFA device/);
    terminal.type(KEYS.interrupt);
    expect(await terminal.status()).toBe(130);
    expect(terminal.output).not.toMatch(/MFA code/);
    expect(terminal.output.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(terminal.output.lastIndexOf(HIDE_CURSOR));
    expect([...world.cached().keys()].filter((name) => name.includes("devices"))).toEqual([]);
  });

  it("three processes at once ask one question about the device and one for a code", async ({ onTestFinished }) => {
    const world = await worldWithTwoDevices();
    onTestFinished(() => world.close());
    const script = "for n in 1 2 3; do assume-mfa dev whoami >out$n & done; wait";
    const terminal = new PseudoTerminal(script, { env: world.env, cwd: world.folder });
    onTestFinished(() => terminal.close());
    await terminal.waitFor(/Which MFA device[\s\S]*mfa\/alice/);
    terminal.type(DOWN);
    terminal.type(KEYS.enter);
    await terminal.waitFor(/MFA code for dev/);
    terminal.type(`${world.freshCode()}\r`);
    expect(await terminal.status()).toBe(0);
    expect([1, 2, 3].map((n) => readFileSync(join(world.folder, `out${n}`), "utf8").includes("222222222222"))).toEqual([
      true,
      true,
      true,
    ]);
    expect(world.countCalls("ListMFADevices")).toBe(1);
    expect(world.countCalls("AssumeRole")).toBe(1);
  });
});
