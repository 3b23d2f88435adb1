import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Credentials } from "../../src/credentials/credentials.ts";
import { formatExport, formatExportFailure, formatExportUnset } from "../../src/outputs/export.ts";
import { checkForCmd } from "../../src/outputs/export-cmd.ts";
import { formatDotenvChanges } from "../../src/outputs/export-dotenv.ts";
import { formatGithubEnvironment, formatGithubMasks } from "../../src/outputs/export-github.ts";
import { quoteForPowershell } from "../../src/outputs/export-powershell.ts";
import { toVariableChanges } from "../../src/outputs/export-variables.ts";
import { HOSTILE_VALUES, hostileValue } from "./hostile-values.ts";

const INPUT = {
  credentials: new Credentials({
    accessKeyId: "ASIAIOSFODNN7EXAMPLE",
    secretAccessKey: "not/a+secret=",
    sessionToken: "not/a+token==",
    expiration: Date.parse("2026-11-24T12:34:56.789Z"),
  }),
  region: "us-east-1",
};

const SET = {
  AWS_ACCESS_KEY_ID: "ASIAIOSFODNN7EXAMPLE",
  AWS_SECRET_ACCESS_KEY: "not/a+secret=",
  AWS_SESSION_TOKEN: "not/a+token==",
  AWS_CREDENTIAL_EXPIRATION: "2026-11-24T12:34:56Z",
  AWS_REGION: "us-east-1",
  AWS_DEFAULT_REGION: "us-east-1",
};
const GONE = ["AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
const CREDENTIALS = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_SECURITY_TOKEN",
  "AWS_CREDENTIAL_EXPIRATION",
];
const ALL = [...CREDENTIALS, "AWS_REGION", "AWS_DEFAULT_REGION"];

const hostile = fc.oneof(hostileValue, fc.constantFrom(...HOSTILE_VALUES));

describe("powershell", () => {
  const taking = (name: string) => `Remove-Item -LiteralPath 'Env:${name}' -ErrorAction Ignore;\n`;

  it("takes away what would fight, then sets", () => {
    const sets = Object.entries(SET).map(([name, value]) => `$Env:${name} = '${value}';\n`);
    expect(formatExport("powershell", INPUT)).toBe(GONE.map(taking).join("") + sets.join(""));
    expect(formatExportUnset("powershell")).toBe(ALL.map(taking).join(""));
  });

  it("ends the script around it when there are no credentials", () => {
    expect(formatExportFailure("powershell")).toBe(
      `${CREDENTIALS.map(taking).join("")}throw 'assume-mfa: no credentials';\n`,
    );
  });

  it.each([
    ["a'b", "'a''b'"],
    ["\u2018\u2019\u201a\u201b", "'\u2018\u2018\u2019\u2019\u201a\u201a\u201b\u201b'"],
    ['$(id) `whoami` "x" $Env:PATH', `'$(id) \`whoami\` "x" $Env:PATH'`],
    ["", "''"],
  ])("quotes %j", (value, quoted) => {
    expect(quoteForPowershell(value)).toBe(quoted);
  });

  it("is one string to PowerShell's rules for single quotes, and that very value; or refused", () => {
    fc.assert(
      fc.property(hostile, (value) => {
        if (/[\0\r\n]/.test(value)) {
          expect(() => quoteForPowershell(value)).toThrow(RangeError);
          return;
        }
        // tokenizer.cs, ScanStringLiteral: any of the five quotes ends the string unless another one follows it.
        const quoted = quoteForPowershell(value);
        const isQuote = (char: string | undefined) => char !== undefined && "'\u2018\u2019\u201a\u201b".includes(char);
        let read = "";
        let index = 1;
        for (; index < quoted.length; index += 1) {
          if (isQuote(quoted[index])) {
            if (!isQuote(quoted[index + 1])) break;
            index += 1;
          }
          read += quoted[index];
        }
        expect({ read, end: index }).toEqual({ read: value, end: quoted.length - 1 });
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("cmd", () => {
  it("takes away what would fight, then sets; the last of --unset succeeds, of a failure fails", () => {
    const taking = (name: string) => `set "${name}="\n`;
    const sets = Object.entries(SET).map(([name, value]) => `set "${name}=${value}"\n`);
    expect(formatExport("cmd", INPUT)).toBe(GONE.map(taking).join("") + sets.join(""));
    expect(formatExportUnset("cmd")).toBe(`${ALL.map(taking).join("")}cmd /c exit 0\n`);
    expect(formatExportFailure("cmd")).toBe(`${CREDENTIALS.map(taking).join("")}cmd /c exit 1\n`);
  });

  it("refuses whatever it could read, and quotes nothing", () => {
    fc.assert(
      fc.property(hostile, (value) => {
        if (/^[A-Za-z0-9/+=:.-]+$/.test(value)) expect(checkForCmd(value)).toBe(value);
        else expect(() => checkForCmd(value)).toThrow(RangeError);
      }),
    );
    for (const value of ["%PATH%", "!x!", "^", "&", '"', "a\r\nb", "", "a b", "a\n"]) {
      expect(() => checkForCmd(value)).toThrow(RangeError);
    }
  });
});

describe("dotenv", () => {
  const text = formatExport("dotenv", INPUT);

  it("is names and values without quotes, which docker's --env-file would take for a part of the value", () => {
    expect(text).toBe(
      Object.entries(SET)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(""),
    );
    expect(formatExportFailure("dotenv")).toBe("");
    expect(() => formatExportUnset("dotenv")).toThrow(/--unset has no meaning in the format dotenv/);
  });

  it("is read alike by a shell and by Node's parser of such files", () => {
    const folder = mkdtempSync(join(tmpdir(), "assume-mfa-test-"));
    try {
      const file = join(folder, ".env");
      writeFileSync(file, text);
      const env = { PATH: process.env.PATH ?? "" };
      const byShell = execFileSync("sh", ["-c", 'set -a; . "$1"; env', "sh", file], { env, encoding: "utf8" });
      const byNode = execFileSync(process.execPath, [`--env-file=${file}`, "-p", "JSON.stringify(process.env)"], {
        env,
        encoding: "utf8",
      });
      for (const [name, value] of Object.entries(SET)) {
        expect(byShell.split("\n")).toContain(`${name}=${value}`);
        expect(JSON.parse(byNode)).toHaveProperty(name, value);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("refuses a value that would need quotes", () => {
    for (const value of ["a b", "$(id)", "'", "#", "a\nB=c", ""]) {
      expect(() => formatDotenvChanges([{ name: "X", value }])).toThrow(RangeError);
    }
  });
});

describe("process", () => {
  it("is the document of credential_process, without a region", () => {
    expect(JSON.parse(formatExport("process", INPUT))).toEqual({
      Version: 1,
      AccessKeyId: SET.AWS_ACCESS_KEY_ID,
      SecretAccessKey: SET.AWS_SECRET_ACCESS_KEY,
      SessionToken: SET.AWS_SESSION_TOKEN,
      Expiration: SET.AWS_CREDENTIAL_EXPIRATION,
    });
    expect(formatExportFailure("process")).toBe("");
    expect(() => formatExportUnset("process")).toThrow(/--unset has no meaning/);
  });

  it("leaves out what there is not", () => {
    const credentials = new Credentials({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "not/a+secret=" });
    const document = JSON.parse(formatExport("process", { credentials, region: undefined }));
    expect(Object.keys(document)).toEqual(["Version", "AccessKeyId", "SecretAccessKey"]);
  });
});

describe("github", () => {
  it("masks what the log must not show, and nothing else", () => {
    expect(formatExport("github", INPUT)).toBe(
      "::add-mask::ASIAIOSFODNN7EXAMPLE\n::add-mask::not/a+secret=\n::add-mask::not/a+token==\n",
    );
    expect(formatGithubMasks([{ name: "AWS_SESSION_TOKEN", value: "a%0Ab" }])).toBe("::add-mask::a%250Ab\n");
    expect(() => formatGithubMasks([{ name: "AWS_SESSION_TOKEN", value: "a\n::set-output::b" }])).toThrow(RangeError);
    expect([formatExportUnset("github"), formatExportFailure("github")]).toEqual(["", ""]);
  });

  it("ends each value by the delimiter, leaves the profile alone and empties what an SDK takes for none", () => {
    const text = formatGithubEnvironment(toVariableChanges(INPUT), "END");
    expect(text).toBe(
      [
        "AWS_SECURITY_TOKEN<<END\n\nEND\n",
        ...Object.entries(SET).map(([name, value]) => `${name}<<END\n${value}\nEND\n`),
      ].join(""),
    );
  });

  it("refuses a value with the delimiter in it", () => {
    expect(() => formatGithubEnvironment([{ name: "X", value: "a\nEND\nPATH<<END\n/evil" }], "END")).toThrow(
      RangeError,
    );
  });
});
