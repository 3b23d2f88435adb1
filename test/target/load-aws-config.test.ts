import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { loadAwsConfig, MAX_CONFIG_BYTES } from "../../src/target/load-aws-config.ts";

let folder: string;
let home: string;
const socketServer = createServer();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assume-mfa-config-"));
  return new Promise<void>((resolve) => socketServer.listen(join(folder, "socket"), resolve));
});

afterAll(() => {
  socketServer.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  home = mkdtempSync(join(folder, "home-"));
  mkdirSync(join(home, ".aws"));
});

function load(env: Readonly<Record<string, string>> = {}) {
  return loadAwsConfig({ env, homeDirectory: home });
}

function refusal(env: Readonly<Record<string, string>>, homeDirectory?: string): AssumeMfaError {
  try {
    loadAwsConfig({ env, homeDirectory });
  } catch (error) {
    if (error instanceof AssumeMfaError) return error;
    throw error;
  }
  throw new Error("it was read");
}

function write(name: string, text: string | Buffer): string {
  const path = join(home, name);
  writeFileSync(path, text);
  return path;
}

describe("the AWS files", () => {
  it("are ~/.aws/config and ~/.aws/credentials", () => {
    write(".aws/config", "[profile a]\nregion = us-east-1\n");
    write(".aws/credentials", "[a]\nregion = eu-west-1\n");
    const config = load();
    expect(config.configPath).toBe(join(home, ".aws/config"));
    expect(config.credentialsPath).toBe(join(home, ".aws/credentials"));
    expect(config.profile("a")?.get("region")).toMatchObject({ value: "eu-west-1", path: config.credentialsPath });
    expect(config.isHomeMissing).toBe(false);
  });

  it("count as empty when there are none", () => {
    rmSync(join(home, ".aws"), { recursive: true });
    expect(load().profileNames()).toEqual([]);
    expect(load().isHomeMissing).toBe(false);
  });

  it("are those that the variables name, and an empty variable names none", () => {
    const path = write("mine", "[profile mine]\nrole_arn = x\n");
    write(".aws/config", "[profile usual]\nrole_arn = x\n");
    write(".aws/credentials", "[keys]\n");
    expect(load({ AWS_CONFIG_FILE: path, AWS_SHARED_CREDENTIALS_FILE: "" }).profileNames()).toEqual(["mine", "keys"]);
    expect(load({ AWS_CONFIG_FILE: "" }).profileNames()).toEqual(["usual", "keys"]);
    expect(load({ AWS_SHARED_CREDENTIALS_FILE: path }).profileNames()).toEqual(["usual", "profile mine"]);
  });

  it.each([
    ["~/mine"],
    ["$PLACE/mine"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what a user writes
    ["${PLACE}/mine"],
    ["~/$NAME"],
    ["~/.aws/../mine"],
  ])("are found where %s says, as botocore expands it", (given) => {
    write("mine", "[profile mine]\n");
    expect(load({ AWS_CONFIG_FILE: given, PLACE: home, NAME: "mine" }).profileNames()).toEqual(["mine"]);
  });

  it("leave an unknown variable in a path as it stands", () => {
    const config = load({ AWS_CONFIG_FILE: "/nowhere/$__proto__/$NOT_SET/$" });
    expect(config.configPath).toBe("/nowhere/$__proto__/$NOT_SET/$");
  });

  it("are read through symbolic links", () => {
    symlinkSync(write("real", "[profile linked]\n"), join(home, ".aws/config"));
    expect(load().profileNames()).toEqual(["linked"]);
  });

  it("are empty when a link leads nowhere, and for /dev/null", () => {
    symlinkSync(join(home, "nothing"), join(home, ".aws/config"));
    expect(load({ AWS_SHARED_CREDENTIALS_FILE: "/dev/null" }).profileNames()).toEqual([]);
  });

  it("may begin with a byte order mark", () => {
    write(".aws/config", "\ufeff[default]\nregion = us-east-1\n");
    expect(load().profile("default")?.get("region")?.line).toBe(2);
  });

  it("are not looked for without a home folder, and that is remembered", () => {
    const config = loadAwsConfig({ env: {}, homeDirectory: undefined });
    expect(config).toMatchObject({
      configPath: "~/.aws/config",
      credentialsPath: "~/.aws/credentials",
      isHomeMissing: true,
    });
    expect(config.profileNames()).toEqual([]);
  });

  it("need no home folder where both variables name files", () => {
    const path = write("mine", "[profile mine]\n");
    const env = { AWS_CONFIG_FILE: path, AWS_SHARED_CREDENTIALS_FILE: "/dev/null" };
    const config = loadAwsConfig({ env, homeDirectory: undefined });
    expect(config.profileNames()).toEqual(["mine"]);
    expect(config.isHomeMissing).toBe(false);
  });
});

describe("a file that can't be read", () => {
  const cases: readonly (readonly [string, string, () => string])[] = [
    ["a folder", "it is a folder", () => join(home, ".aws")],
    [
      "a pipe that nobody writes to",
      "it is a pipe",
      () => {
        execFileSync("mkfifo", [join(home, "pipe")]);
        return join(home, "pipe");
      },
    ],
    ["a socket", "it is no ordinary file", () => join(folder, "socket")],
    ["an endless device", "it is a device", () => "/dev/zero"],
    ["a file above 5 MiB", "it is larger than 5 MiB", () => write("big", Buffer.alloc(MAX_CONFIG_BYTES + 1, "\n"))],
    ["Latin-1 text", "it is not UTF-8 text", () => write("latin", Buffer.from("[default]\n# caf\xe9\n", "latin1"))],
    ["UTF-16 text", "it is not UTF-8 text", () => write("utf16", Buffer.from("\ufeff[default]\n", "utf16le"))],
    ["a truncated character", "it is not UTF-8 text", () => write("cut", Buffer.from([0x5b, 0xe2, 0x82]))],
    ["a path through a file", "a part of its path is no folder", () => join(write("file", ""), "config")],
    [
      "a circle of links",
      "its symbolic links go round in a circle",
      () => {
        symlinkSync(join(home, "loop"), join(home, "loop"));
        return join(home, "loop");
      },
    ],
    ["a name longer than the system takes", "ENAMETOOLONG", () => join(home, "x".repeat(300))],
  ];

  it.each(cases)("is refused, naming it: %s", (_, reason, make) => {
    const path = make();
    for (const variable of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) {
      const error = refusal({ [variable]: path }, home);
      expect(error.code).toBe("CONFIG_UNREADABLE");
      expect(error.exitCode).toBe(3);
      expect(error.message).toBe(`can't read ${path}: ${reason}`);
    }
  });

  it("is refused at its usual place too", () => {
    mkdirSync(join(home, ".aws/credentials"));
    expect(refusal({}, home).message).toBe(`can't read ${join(home, ".aws/credentials")}: it is a folder`);
  });

  it("may be as large as 5 MiB", () => {
    write(".aws/config", Buffer.alloc(MAX_CONFIG_BYTES, "\n"));
    expect(load().profileNames()).toEqual([]);
  });

  it("is refused where ~ has no home folder to stand for, or is another user's", () => {
    expect(refusal({ AWS_CONFIG_FILE: "~/config" }).message).toBe(
      "can't read ~/config: there is no home folder for the ~ in AWS_CONFIG_FILE",
    );
    expect(refusal({ AWS_SHARED_CREDENTIALS_FILE: "~bob/x" }, home).message).toBe(
      "can't read ~bob/x: another user's home folder in AWS_SHARED_CREDENTIALS_FILE is not looked up",
    );
  });

  it("is refused where its path holds a NUL", () => {
    expect(refusal({ AWS_CONFIG_FILE: "/etc\0/config" }, home).code).toBe("CONFIG_UNREADABLE");
  });

  it("is an error with its line where it is broken", () => {
    write(".aws/credentials", "[a]\nbroken\n");
    const error = refusal({}, home);
    expect(error.code).toBe("CONFIG_MALFORMED");
    expect(error.message).toMatch(new RegExp(`^${join(home, ".aws/credentials")}:2: `));
  });
});
