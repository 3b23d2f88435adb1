import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
} from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { demand, openCliWorld } from "../support/cli-world.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const PARENT_KEYS = readFileSync(demand(world.env.AWS_SHARED_CREDENTIALS_FILE), "utf8");

function lastSession() {
  return demand([...world.sandbox.world.sessions.values()].at(-1));
}

function write(env: Readonly<Record<string, string>>, more: readonly string[] = []) {
  return world.run(["dev", "export", "--write-profile", "work", "-t", world.code(), ...more], { env });
}

describe("export --write-profile", () => {
  it("writes the section, and prints no secret", async () => {
    const env = world.credentialsFile(PARENT_KEYS);
    const run = await write(env, ["-o", "json"]);
    expect(run.exitCode).toBe(0);
    const { accessKeyId, secretAccessKey, sessionToken, expiresAtMs } = lastSession();
    const expiration = new Date(expiresAtMs).toISOString();
    expect(readFileSync(env.AWS_SHARED_CREDENTIALS_FILE, "utf8")).toBe(
      `${PARENT_KEYS.trimEnd()}\n\n${[
        "[work]",
        `aws_access_key_id = ${accessKeyId}`,
        `aws_secret_access_key = ${secretAccessKey}`,
        `aws_session_token = ${sessionToken}`,
        `aws_credential_expiration = ${expiration.replace(".000Z", "Z")}`,
        "region = us-east-1",
        "written_by = assume-mfa",
        "",
      ].join("\n")}`,
    );
    expect(JSON.parse(run.stdout)).toMatchObject([
      { target: "dev", result: { profile: "work", path: env.AWS_SHARED_CREDENTIALS_FILE } },
    ]);
    expect(run.said).toContain("aws_secret_access_key = (secret)");
  });

  it("is a profile to start from; again it is replaced, and --unset takes it away", async () => {
    const env = world.credentialsFile(PARENT_KEYS);
    await write(env);
    const role = "arn:aws:iam::222222222222:role/PrivilegedActionsRole";
    const explained = await world.run([role, "whoami", "--source-profile", "work", "--explain"], { env });
    expect(explained.stdout).toContain(lastSession().accessKeyId);
    expect((await write(env, ["--refresh"])).exitCode).toBe(0);
    const text = readFileSync(env.AWS_SHARED_CREDENTIALS_FILE, "utf8");
    expect(text.match(/^\[work\]$/gm)).toHaveLength(1);
    expect(text).toContain(lastSession().sessionToken);
    const gone = await world.run("dev export --unset --write-profile work", { env });
    expect(gone).toMatchObject({ exitCode: 0, stdout: "", operations: [] });
    expect(readFileSync(env.AWS_SHARED_CREDENTIALS_FILE, "utf8").trimEnd()).toBe(PARENT_KEYS.trimEnd());
  });

  it("keeps the mode and a symbolic link, and says who else can read it", async () => {
    const { AWS_SHARED_CREDENTIALS_FILE: file } = world.credentialsFile(PARENT_KEYS);
    chmodSync(file, 0o644);
    const link = `${file}-link`;
    symlinkSync("credentials", link);
    const run = await write({ AWS_SHARED_CREDENTIALS_FILE: link });
    expect(run).toMatchObject({ exitCode: 0, said: expect.stringContaining("chmod 600") });
    expect([readlinkSync(link), lstatSync(file).isFile(), statSync(file).mode & 0o777]).toEqual([
      "credentials",
      true,
      0o644,
    ]);
    expect(readFileSync(file, "utf8")).toContain("[work]");
    expect(readdirSync(path.dirname(file)).sort()).toEqual(["credentials", "credentials-link"]);
  });

  it("makes the file 0600 and its folder 0700 where there is none", async () => {
    const file = path.join(world.folder, "new-home", ".aws", "credentials");
    mkdirSync(path.join(world.folder, "new-home"));
    const env = { AWS_ACCESS_KEY_ID: "", AWS_SHARED_CREDENTIALS_FILE: file };
    const config = readFileSync(demand(world.env.AWS_CONFIG_FILE), "utf8");
    const keys = PARENT_KEYS.replace(/\[(?!default)(.*?)\]/g, "[profile $1]");
    const run = await write({ ...env, ...world.configFile(mergeKeys(config, keys)) });
    expect(run).toMatchObject({ exitCode: 0 });
    expect([statSync(file).mode & 0o777, statSync(path.dirname(file)).mode & 0o777]).toEqual([0o600, 0o700]);
  });

  it.each([
    ["a section of somebody else's", "[work]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n", "work", 3],
    ["the target's own name", "", "dev", 3],
    ["no name", "", "a]b", 2],
  ])("refuses %s before a code is sent, and changes nothing", async (_, section, name, exitCode) => {
    const env = world.credentialsFile(`${PARENT_KEYS}\n${section}`);
    const run = await world.run(["dev", "export", "--write-profile", name, "-t", world.code()], { env });
    expect(run).toMatchObject({ exitCode, stdout: "", operations: [] });
    expect(readFileSync(env.AWS_SHARED_CREDENTIALS_FILE, "utf8")).toBe(`${PARENT_KEYS}\n${section}`);
  });

  it.each([["--format", "sh"], ["--show"]])("has no meaning with %s", async (...words) => {
    const env = world.credentialsFile(PARENT_KEYS);
    expect(await write(env, words)).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
  });

  it.skipIf(process.getuid?.() === 0)("says so before a code is sent where the folder is read-only", async () => {
    const env = world.credentialsFile(PARENT_KEYS);
    const folder = path.dirname(env.AWS_SHARED_CREDENTIALS_FILE);
    chmodSync(folder, 0o500);
    const run = await write(env);
    chmodSync(folder, 0o700);
    expect(run).toMatchObject({ exitCode: 3, operations: [] });
    expect(run.stderr).toContain("permission denied");
  });

  it("loses nothing when many write at once", async () => {
    const env = world.credentialsFile(PARENT_KEYS);
    await world.login("dev", { env });
    const names = Array.from({ length: 12 }, (_, index) => `work-${index}`);
    const runs = await Promise.all(names.map((name) => world.run(["dev", "export", "--write-profile", name], { env })));
    expect(runs.map(({ exitCode }) => exitCode)).toEqual(names.map(() => 0));
    const text = readFileSync(env.AWS_SHARED_CREDENTIALS_FILE, "utf8");
    for (const name of names) expect(text).toContain(`[${name}]\n`);
    expect(text.startsWith(PARENT_KEYS.trimEnd())).toBe(true);
  });

  it("does nothing with --explain", async () => {
    const file = path.join(world.folder, "nowhere", "credentials");
    const env = { AWS_SHARED_CREDENTIALS_FILE: file };
    await world.run("dev export --write-profile work --explain", { env });
    expect(existsSync(file)).toBe(false);
  });
});

/** The keys of the credentials file as keys of the config file's profiles. */
function mergeKeys(config: string, keys: string): string {
  let merged = config;
  for (const [, header = "", body = ""] of keys.matchAll(/^(\[.*\])\n([^[]*)/gm)) {
    merged = merged.includes(`${header}\n`)
      ? merged.replace(`${header}\n`, `${header}\n${body.trimEnd()}\n`)
      : `${merged}\n${header}\n${body}`;
  }
  return merged;
}
