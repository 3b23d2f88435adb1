import { readdirSync, readFileSync } from "node:fs";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";

const VECTORS = new URL("../vectors/aws-config/", import.meta.url);
/** AWS's own example of a secret key, which the vectors carry where a secret could slip into a message. */
const EXAMPLE_SECRET = /wJalrXUtnFEMI/i;

/** `npm run test:soak` may ask for more (ACCEPTANCE.md, C8). */
const RUNS = Number(process.env.FUZZ_RUNS ?? 3000);

function parse(text: string, kind: "config" | "credentials" = "config") {
  return parseAwsConfig(text, "/aws/config", kind);
}

function merge(config: string, credentials: string) {
  return makeAwsConfig(parse(config), parseAwsConfig(credentials, "/aws/credentials", "credentials"));
}

function errorOf(text: string, kind: "config" | "credentials" = "config"): AssumeMfaError | undefined {
  try {
    parse(text, kind);
    return undefined;
  } catch (error) {
    if (error instanceof AssumeMfaError) return error;
    throw error;
  }
}

describe("a config file", () => {
  it("gives each profile's values with their file and line", () => {
    const { profiles } = parse("# mine\n[default]\nregion = us-east-1\n\n[profile dev]\nrole_arn=x\n");
    expect([...profiles.keys()]).toEqual(["default", "dev"]);
    expect(profiles.get("dev")?.get("role_arn")).toEqual({ value: "x", text: "x", path: "/aws/config", line: 6 });
    expect(profiles.get("default")?.get("region")?.line).toBe(3);
    expect(profiles.get("dev")?.line).toBe(5);
    expect(profiles.get("dev")?.get("region")).toBeUndefined();
  });

  it.each([
    ["[profile dev]", "dev"],
    ['[profile "with space"]', "with space"],
    ["[profile 'with space']", "with space"],
    ["[profile\tdev]", "dev"],
    ['[profile "a\\"b"]', 'a"b'],
    ["[profile with\\ space]", "with space"],
    ['[profile "a\\b"]', "a\\b"],
    ["[profile 'a\\b']", "a\\b"],
    ["[profile dev] # mine", "dev"],
    ["[default]", "default"],
    ["[profile default]", "default"],
    ["[profile __proto__]", "__proto__"],
  ])("reads %s as the profile %s", (header, name) => {
    expect([...parse(`${header}\nregion = us-east-1\n`).profiles.keys()]).toEqual([name]);
  });

  it.each(["[dev]", "[profile my dev]", "[profile]", '[profile "open]', "[ profile dev]", "[sso-session a]"])(
    "reads %s as no profile",
    (header) => {
      expect(parse(`${header}\nregion = us-east-1\n`).profiles.size).toBe(0);
    },
  );

  it.each([
    ["[dev]", "dev"],
    ["[profile my dev]", "my dev"],
    ['[profile "my dev]', "my dev"],
    ["[ profile dev]", "dev"],
  ])("remembers that %s looks like the profile %s", (header, name) => {
    expect(merge(`\n${header}\n`, "").ignoredSection(name)).toEqual({
      header: header.slice(1, -1),
      path: "/aws/config",
      line: 2,
    });
    expect(merge(`\n${header}\n`, "").ignoredSection("other")).toBeUndefined();
  });

  it.each([
    ["region = us-east-1 # home", "region", "us-east-1"],
    ["region = us-east-1 ; home", "region", "us-east-1"],
    ["region = us-east-1\t#home", "region", "us-east-1"],
    ["region = us-east-1#home", "region", "us-east-1#home"],
    ["region = # none", "region", ""],
    ["source_profile = team a #1", "source_profile", "team a #1"],
    ["mfa_process = ykman oath # code", "mfa_process", "ykman oath # code"],
    ["credential_process = helper ; echo", "credential_process", "helper ; echo"],
    ["mfa_process = ykman # code", "mfa_process", "ykman # code"],
    ["REGION: a=b", "region", "a=b"],
    ["external_id = a:b=c", "external_id", "a:b=c"],
    ["region =", "region", ""],
  ])("reads %s", (line, key, value) => {
    expect(parse(`[default]\n${line}\n`).profiles.get("default")?.get(key)?.value).toBe(value);
  });

  it("finds a key in any case", () => {
    expect(parse("[default]\nRole_ARN = x\n").profiles.get("default")?.get("ROLE_arn")?.value).toBe("x");
  });

  it.each(["\n", "\r\n", "\r"])("takes %j for a line's end, and a byte order mark for nothing", (newline) => {
    const text = `\ufeff${["[default]", "region = us-east-1", "[services s]", "sts =", "  endpoint_url = http://127.0.0.1 # here"].join(newline)}`;
    const { profiles, services } = parse(text);
    expect(profiles.get("default")?.get("region")).toMatchObject({ value: "us-east-1", line: 2 });
    expect(services.get("s")?.nested("sts", "endpoint_url")).toMatchObject({ value: "http://127.0.0.1", line: 5 });
    expect(services.get("s")?.nested("sts", "other")).toBeUndefined();
    expect(services.get("s")?.nested("ec2", "endpoint_url")).toBeUndefined();
  });

  it("lets the later of two spellings of one profile replace the earlier, as botocore does", () => {
    const profile = parse("[default]\nregion = a\n[profile default]\noutput = b\n").profiles.get("default");
    expect(profile?.get("output")?.value).toBe("b");
    expect(profile?.get("region")).toBeUndefined();
  });

  it("gives every section the keys of [DEFAULT], as Python does", () => {
    const { profiles } = parse("[DEFAULT]\nregion = a\n[profile x]\n[profile y]\nregion = b\n");
    expect(profiles.get("x")?.get("region")).toMatchObject({ value: "a", line: 2 });
    expect(profiles.get("y")?.get("region")?.value).toBe("b");
    expect(profiles.get("x")?.keys()).toEqual(["region"]);
    expect(profiles.has("DEFAULT")).toBe(false);
  });

  it("holds hostile names as names, and pollutes nothing", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "\0", "\u001b[31m", "\u202e"];
    const text = names.map((name) => `[${name}]\n__proto__ = a\nconstructor = b\npolluted = c\n`).join("");
    const { profiles } = parse(text, "credentials");
    expect([...profiles.keys()]).toEqual(names);
    expect(profiles.get("__proto__")?.get("__proto__")?.value).toBe("a");
    expect(profiles.get("valueOf")).toBeUndefined();
    expect(profiles.get("__proto__")?.get("toString")).toBeUndefined();
    expect(profiles.get("__proto__")?.nested("__proto__", "polluted")).toBeUndefined();
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("shows no value when it is inspected or turned into JSON", () => {
    const parsed = parse("[default]\naws_secret_access_key = hidden\n");
    expect(inspect(parsed, { showHidden: true, depth: 9 })).not.toContain("hidden");
    expect(JSON.stringify([...parsed.profiles.values()])).not.toContain("hidden");
  });
});

describe("both files", () => {
  it("let the credentials file's keys win, one by one, over the config file's", () => {
    const config = merge(
      "[profile dev]\nregion = a\noutput = json\nrole_arn = r\n[profile only]\nregion = c\n",
      "[dev]\nregion = b\naws_access_key_id = k\n[other]\nrole_arn = o\n[profile x]\nregion = d\n",
    );
    const dev = config.profile("dev");
    expect(dev?.get("region")).toMatchObject({ value: "b", path: "/aws/credentials", line: 2 });
    expect(dev?.get("output")).toMatchObject({ value: "json", path: "/aws/config", line: 3 });
    expect(dev?.keys()).toEqual(["region", "output", "role_arn", "aws_access_key_id"]);
    expect(dev).toMatchObject({ name: "dev", path: "/aws/config", line: 1 });
    expect(config.profileNames()).toEqual(["dev", "only", "other", "profile x"]);
    expect(config.roleProfileNames()).toEqual(["dev", "other"]);
    expect(config.profile("missing")).toBeUndefined();
    expect(config.profile("__proto__")).toBeUndefined();
  });

  it("take a whole indented block from the credentials file when it has the key", () => {
    const config = merge("[profile a]\ns3 =\n  x = 1\n  y = 2\n", "[a]\ns3 =\n  x = 3\n");
    expect(config.profile("a")?.nested("s3", "x")?.value).toBe("3");
    expect(config.profile("a")?.nested("s3", "y")).toBeUndefined();
  });
});

describe("a broken file", () => {
  const index = JSON.parse(readFileSync(new URL("broken.json", VECTORS), "utf8")) as Record<
    string,
    { readonly line: number; readonly kind: "config" | "credentials" }
  >;

  it("is in the corpus exactly once, with its line", () => {
    expect(Object.keys(index)).toEqual(readdirSync(new URL("broken/", VECTORS)).sort());
    expect(Object.keys(index).length).toBeGreaterThan(45);
  });

  it.each(Object.entries(index))("is refused with its line: %s", (name, { line, kind }) => {
    const error = errorOf(readFileSync(new URL(`broken/${name}`, VECTORS), "utf8"), kind);
    expect(error?.code).toBe("CONFIG_MALFORMED");
    expect(error?.exitCode).toBe(3);
    expect(error?.message).toMatch(new RegExp(`^/aws/config:${line}: [a-z].*[^.]$`));
    expect(error?.hint).toContain(`line ${line} of /aws/config`);
    expect(`${error?.message}${error?.hint}${inspect(error, { showHidden: true, depth: 9 })}`).not.toMatch(
      EXAMPLE_SECRET,
    );
  });

  it.each(["[profile dev\nregion = a\n", "[a]\nregion = a\n[profile dev\nregion = b\n"])(
    "names the missing bracket: %j",
    (text) => {
      expect(errorOf(text)?.message).toMatch(
        /^\/aws\/config:[13]: a section without its closing bracket: \] is missing$/,
      );
    },
  );

  it("names the first of two sections, and of two keys", () => {
    expect(errorOf("[profile a]\n\n[profile a]\n")?.message).toBe(
      "/aws/config:3: this section stands twice, first at line 1",
    );
    expect(errorOf("[profile a]\nb = c\n\nB: d\n")?.message).toBe(
      "/aws/config:4: this key stands twice in its section, first at line 2",
    );
  });

  it("never ends in another error, never shows a secret, whatever is done to a good file", () => {
    const good = readdirSync(new URL("valid/", VECTORS)).map((name) =>
      readFileSync(new URL(`valid/${name}`, VECTORS), "utf8"),
    );
    const canary = fc.string({ unit: fc.constantFrom(..."ABCDEFabcdef0123456789/+"), minLength: 40, maxLength: 40 });
    const cut = fc.record({
      at: fc.nat(10_000),
      remove: fc.nat(12),
      insert: fc.oneof(
        fc.constantFrom("", "\n", "\r", "[", "]", "=", ":", " ", "#", '"', "\\", "\0", "\ufeff", "[profile ", "\n  "),
        fc.string({ maxLength: 4, unit: "binary" }),
      ),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...good),
        fc.constantFrom("config", "credentials"),
        canary,
        fc.array(cut, { minLength: 1, maxLength: 6 }),
        (start, kind, secret, cuts) => {
          let text = `${start}\n[profile keys]\naws_secret_access_key = ${secret}\naws_session_token = ${secret}\n`;
          for (const { at, remove, insert } of cuts) {
            // Half of the cuts near the secret, where a message could pick it up.
            const from = at % 2 === 0 ? Math.max(0, text.length - (at % 150)) : at % (text.length + 1);
            text = text.slice(0, from) + insert + text.slice(from + remove);
          }
          const error = errorOf(text, kind as "config" | "credentials");
          if (error === undefined) return;
          expect(error.code).toBe("CONFIG_MALFORMED");
          expect(inspect(error, { showHidden: true, depth: 9 }).toLowerCase()).not.toContain(secret.toLowerCase());
        },
      ),
      { numRuns: RUNS },
    );
  });

  it("is any text at all, and still read or refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        expect(errorOf(text)?.code ?? "CONFIG_MALFORMED").toBe("CONFIG_MALFORMED");
      }),
      { numRuns: 2000 },
    );
  });
});
