import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { writeSandboxHome } from "../../src/sandbox/sandbox-home.ts";
import { DEV, DEV_ROLE, openHarness, PARENT } from "./sandbox-harness.ts";

/*
 * A device enrolled by nobody's code of ours: the AWS CLI asks, zbar reads the QR code, oathtool gives the codes.
 */
const has = (command: string) => spawnSync(command, ["--version"], { timeout: 20_000 }).status === 0;
const aws = ["aws", "/root/.pyenv/shims/aws"].find(has);
const missing = [aws === undefined ? "aws" : "", has("zbarimg") ? "" : "zbar-tools", has("oathtool") ? "" : "oathtool"]
  .filter((name) => name !== "")
  .join(", ");

const harness = await openHarness();
const { sandbox } = harness;
const folder = mkdtempSync(join(tmpdir(), "sandbox-enrolment-"));
afterAll(() => rmSync(folder, { recursive: true }));
const env = { PATH: process.env.PATH, HOME: folder, ...writeSandboxHome(sandbox, folder), AWS_MAX_ATTEMPTS: "1" };

const exec = promisify(execFile);
async function run(command: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await exec(command, args, { env, timeout: 30_000 });
  return stdout;
}
const cli = (...args: readonly string[]) => run(aws ?? "", ...args, "--profile", "bob", "--output", "json");

describe("an enrolment by the AWS CLI, zbar and oathtool", () => {
  it.skipIf(missing !== "")(`opens a role${missing === "" ? "" : ` (NOT INSTALLED: ${missing})`}`, async () => {
    const image = join(folder, "device.png");
    const created = await cli(
      ...["iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "bob"],
      ...["--outfile", image, "--bootstrap-method", "QRCodePNG"],
    );
    const serial = JSON.parse(created).VirtualMFADevice.SerialNumber as string;
    expect(serial).toBe(`arn:aws:iam::${PARENT}:mfa/bob`);
    const uri = new URL((await run("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", image)).trim());
    expect([uri.protocol, uri.host, uri.pathname]).toEqual(["otpauth:", "totp", `/bob@${PARENT}`]);
    const seed = uri.searchParams.get("secret") ?? "";
    const codeAt = async (offsetSeconds: number) => {
      const seconds = Math.floor(sandbox.now() / 1_000) + offsetSeconds;
      return (await run("oathtool", "--totp", "-b", seed, "-N", `@${seconds}`)).trim();
    };
    const codes = ["--authentication-code1", await codeAt(-30), "--authentication-code2", await codeAt(0)];
    await cli("iam", "enable-mfa-device", "--user-name", "bob", "--serial-number", serial, ...codes);
    sandbox.moveClock(30_000);
    const assumed = await cli(
      ...["sts", "assume-role", "--role-arn", DEV_ROLE, "--role-session-name", "bob"],
      ...["--serial-number", serial, "--token-code", await codeAt(0)],
    );
    expect(JSON.parse(assumed).AssumedRoleUser.Arn).toBe(`arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/bob`);
  });
});
