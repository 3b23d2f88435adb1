import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Credentials, type CredentialsParts } from "../../src/credentials/credentials.ts";
import { AssumeMfaError } from "../../src/errors.ts";
import {
  EXPORT_FORMATS,
  formatExport,
  formatExportFailure,
  formatExportUnset,
  resolveExportFormat,
} from "../../src/outputs/export.ts";
import { quoteForFish } from "../../src/outputs/export-fish.ts";
import { quoteForSh } from "../../src/outputs/export-sh.ts";
import { HOSTILE_VALUES, hostileValue } from "./hostile-values.ts";

const GOOD: CredentialsParts = {
  accessKeyId: "ASIAIOSFODNN7EXAMPLE",
  secretAccessKey: "not/a+secret=",
  sessionToken: "not/a+token==",
  expiration: Date.parse("2026-11-24T12:34:56.789Z"),
};

function catchError(work: () => unknown): AssumeMfaError {
  try {
    work();
  } catch (error) {
    if (error instanceof AssumeMfaError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("resolveExportFormat", () => {
  it.each([
    ["sh", undefined, undefined],
    ["sh", undefined, "/bin/zsh"],
    ["sh", undefined, "/usr/bin/fishy"],
    ["fish", undefined, "/usr/bin/fish"],
    ["fish", undefined, "fish"],
    ["sh", "sh", "/usr/bin/fish"],
    ["json", "json", "/usr/bin/fish"],
    ["sh", "env", "/usr/bin/fish"],
  ] as const)("is %s for --format %s and SHELL=%s", (format, option, shell) => {
    expect(resolveExportFormat(option, shell)).toBe(format);
  });

  it.each(["", "SH", "powershel", "__proto__", "constructor", "toString"])(
    "refuses %j, naming the known ones",
    (name) => {
      const error = catchError(() => resolveExportFormat(name, undefined));
      expect({ code: error.code, hint: error.hint }).toEqual({
        code: "USAGE",
        hint: "the formats are sh, fish, powershell, cmd, dotenv, json, process, github",
      });
      expect(error.message).toContain(name);
    },
  );
});

describe("formatExport", () => {
  it("writes statements for sh, each ended by a semicolon", () => {
    expect(formatExport("sh", { credentials: new Credentials(GOOD), region: "us-east-1" })).toBe(
      [
        "unset AWS_SECURITY_TOKEN;",
        "unset AWS_PROFILE;",
        "unset AWS_DEFAULT_PROFILE;",
        "export AWS_ACCESS_KEY_ID='ASIAIOSFODNN7EXAMPLE';",
        "export AWS_SECRET_ACCESS_KEY='not/a+secret=';",
        "export AWS_SESSION_TOKEN='not/a+token==';",
        "export AWS_CREDENTIAL_EXPIRATION='2026-11-24T12:34:56Z';",
        "export AWS_REGION='us-east-1';",
        "export AWS_DEFAULT_REGION='us-east-1';",
        "",
      ].join("\n"),
    );
  });

  it("takes away a token and an expiry that the credentials do not have", () => {
    const { accessKeyId, secretAccessKey } = GOOD;
    const lines = formatExport("sh", {
      credentials: new Credentials({ accessKeyId, secretAccessKey }),
      region: undefined,
    });
    expect(lines).toContain("unset AWS_SESSION_TOKEN;\nunset AWS_CREDENTIAL_EXPIRATION;\n");
    expect(lines).not.toContain("REGION");
  });

  it("writes one JSON object, its keys the names of the variables", () => {
    expect(JSON.parse(formatExport("json", { credentials: new Credentials(GOOD), region: "eu-west-1" }))).toEqual({
      AWS_ACCESS_KEY_ID: GOOD.accessKeyId,
      AWS_SECRET_ACCESS_KEY: GOOD.secretAccessKey,
      AWS_SESSION_TOKEN: GOOD.sessionToken,
      AWS_CREDENTIAL_EXPIRATION: "2026-11-24T12:34:56Z",
      AWS_REGION: "eu-west-1",
      AWS_DEFAULT_REGION: "eu-west-1",
    });
    const { accessKeyId, secretAccessKey } = GOOD;
    const longTerm = new Credentials({ accessKeyId, secretAccessKey });
    expect(JSON.parse(formatExport("json", { credentials: longTerm, region: undefined }))).toEqual({
      AWS_ACCESS_KEY_ID: GOOD.accessKeyId,
      AWS_SECRET_ACCESS_KEY: GOOD.secretAccessKey,
    });
  });

  it.each([
    "us-east-1",
    "us-gov-west-1",
    "cn-north-1",
    "us-isob-east-1",
    "ap-southeast-7",
    "eusc-de-east-1",
    "aws-global",
    "local",
  ])("takes the region %s", (region) => {
    for (const format of EXPORT_FORMATS) {
      // The document has no place for one, and github's variables go to a file.
      if (format === "process" || format === "github") continue;
      expect(formatExport(format, { credentials: new Credentials(GOOD), region })).toContain(region);
    }
  });

  it("takes key ids of 16 to 128 characters, and tokens as long as AWS gives them", () => {
    for (const accessKeyId of ["A".repeat(16), "Z9".repeat(64)]) {
      const credentials = new Credentials({ ...GOOD, accessKeyId, sessionToken: "t/+=".repeat(4_096) });
      expect(formatExport("sh", { credentials, region: undefined })).toContain(`'${accessKeyId}'`);
    }
  });

  const REFUSED: ReadonlyArray<[string, Partial<CredentialsParts>]> = [
    ["a short key id", { accessKeyId: "A".repeat(15) }],
    ["a long key id", { accessKeyId: "A".repeat(129) }],
    ["a key id in lower case", { accessKeyId: "asiaiosfodnn7example" }],
    ["a key id that ends in a newline", { accessKeyId: `${GOOD.accessKeyId}\n` }],
    ["an empty secret", { secretAccessKey: "" }],
    ["a secret that ends in a newline", { secretAccessKey: `${GOOD.secretAccessKey}\n` }],
    ["an empty token", { sessionToken: "" }],
    ["a token with a line of its own", { sessionToken: "abc\ndef" }],
    ["a token with a quote", { sessionToken: "abc'def" }],
    ["a token that no variable can hold", { sessionToken: "t".repeat(65_537) }],
    ["an expiry that is no number", { expiration: Number.NaN }],
    ["an expiry that is no date", { expiration: 9e15 }],
    ["an expiry after the year 9999", { expiration: 253_402_300_800_000 }],
  ];
  it.each(REFUSED)("refuses %s", (_, part) => {
    const credentials = new Credentials({ ...GOOD, ...part });
    for (const format of EXPORT_FORMATS) {
      expect(catchError(() => formatExport(format, { credentials, region: "us-east-1" })).code).toBe("UNEXPECTED");
    }
  });

  it.each([
    "",
    "US-EAST-1",
    "us_east_1",
    "-us",
    "us-",
    "us-east-1\n",
    "us-east-1.evil.example",
    "a".repeat(64),
    "$(touch pwned)",
  ])("refuses the region %j", (region) => {
    for (const format of EXPORT_FORMATS) {
      const error = catchError(() => formatExport(format, { credentials: new Credentials(GOOD), region }));
      expect(error.code).toBe("CONFIG_MALFORMED");
    }
  });

  it("refuses every hostile value in every place, and repeats none of it", () => {
    const places = ["accessKeyId", "secretAccessKey", "sessionToken", "region"] as const;
    const isHostile = (value: string) => !/^[A-Za-z0-9/+=-]*$/.test(value);
    let count = 0;
    const check = (value: string, format: (typeof EXPORT_FORMATS)[number]): void => {
      for (const place of places) {
        const parts = { ...GOOD, region: "us-east-1", [place]: value };
        const error = catchError(() =>
          formatExport(format, { credentials: new Credentials(parts), region: parts.region }),
        );
        // What is only a blank or a sign stands in every sentence.
        if (value.trim().length > 3) expect(`${error.message} ${error.hint} ${error.stack}`).not.toContain(value);
        expect(error.details).toBeUndefined();
        count++;
      }
    };
    for (const value of HOSTILE_VALUES.filter(isHostile)) for (const format of EXPORT_FORMATS) check(value, format);
    fc.assert(fc.property(hostileValue.filter(isHostile), fc.constantFrom(...EXPORT_FORMATS), check), { numRuns: 500 });
    expect(count).toBeGreaterThan(2_500);
  });
});

describe("formatExportUnset", () => {
  it("takes away all that is set, and leaves the profile", () => {
    const text = formatExportUnset("sh");
    const set = formatExport("sh", { credentials: new Credentials(GOOD), region: "us-east-1" });
    const names = [...set.matchAll(/export (\w+)=/g)].map((match) => match[1]);
    expect(names.length).toBe(6);
    for (const name of names) expect(text).toContain(`unset ${name};\n`);
    expect(text).not.toContain("PROFILE");
  });

  it("is refused where the format can't say it", () => {
    expect(catchError(() => formatExportUnset("json")).code).toBe("USAGE");
  });
});

describe("formatExportFailure", () => {
  it("prints nothing in a format that is no shell's", () => {
    expect(formatExportFailure("json")).toBe("");
  });

  it("ends in a statement that fails", () => {
    expect(formatExportFailure("sh")).toMatch(/\nfalse;\n$/);
    expect(formatExportFailure("fish")).toMatch(/\nfalse;\n$/);
  });
});

describe("quoting", () => {
  it.each([
    ["", "''", "''"],
    ["a b", "'a b'", "'a b'"],
    ["a'b", "'a'\\''b'", "'a\\'b'"],
    ["'", "''\\'''", "'\\''"],
    ["\\", "'\\'", "'\\\\'"],
  ])("quotes %j for sh as %s and for fish as %s", (value, sh, fish) => {
    expect([quoteForSh(value), quoteForFish(value)]).toEqual([sh, fish]);
  });

  it("refuses U+0000, which no variable can hold", () => {
    expect(() => quoteForSh("a\0b")).toThrow(RangeError);
    expect(() => quoteForFish("a\0b")).toThrow(RangeError);
  });
});
