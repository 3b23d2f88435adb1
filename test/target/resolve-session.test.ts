import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { formatOrigin } from "../../src/target/format-origin.ts";
import { loadGivenPolicy } from "../../src/target/resolve-session-policy.ts";
import { resolveTarget, type TargetOptions } from "../../src/target/resolve-target.ts";
import type { Target } from "../../src/target/target.ts";

const ROLE = "arn:aws:iam::222222222222:role/PrivilegedActionsRole";
const POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}';

function resolve(lines: string, options: TargetOptions = {}, name = "dev"): Target {
  const config = makeAwsConfig(
    parseAwsConfig(`[profile dev]\nrole_arn = ${ROLE}\nsource_profile = parent\n${lines}\n`, "/aws/config", "config"),
    parseAwsConfig(
      "[parent]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\nsession_tags = of=another\nsource_identity = another\n",
      "/aws/credentials",
      "credentials",
    ),
  );
  return resolveTarget(name, options, config, name === "dev" ? {} : { AWS_PROFILE: "parent" });
}

function refusalOf(work: () => unknown): AssumeMfaError {
  try {
    work();
  } catch (error) {
    if (error instanceof AssumeMfaError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

function said(lines: string, options: TargetOptions = {}): readonly [string, number, string] {
  const { code, exitCode, message } = refusalOf(() => resolve(lines, options));
  expect(message).toMatch(/^[^\n]*[^.\n]$/);
  return [code, exitCode, message];
}

function tagsOf(lines: string, sessionTag?: readonly string[]) {
  return resolve(lines, sessionTag === undefined ? {} : { sessionTag }).sessionTags.map(({ value, origin }) => [
    value.key,
    value.value,
    value.isTransitive,
    formatOrigin(origin),
  ]);
}

const FILE = "/aws/config:4";
const numbered = (count: number) => Array.from({ length: count }, (_none, index) => `k${index}=v`);

describe("the source identity", () => {
  it("is the option's, else the profile's, else none", () => {
    expect(resolve("").sourceIdentity).toBeUndefined();
    expect(resolve("source_identity = alice").sourceIdentity?.value).toBe("alice");
    const both = resolve("source_identity = alice", { sourceIdentity: "bob@example.com" });
    expect(both.sourceIdentity).toEqual({
      value: "bob@example.com",
      origin: { kind: "option", option: "--source-identity" },
    });
  });

  it.each(["ab", "a".repeat(256), "Alice_1+=,.@-"])("may be %.20s", (value) => {
    expect(resolve(`source_identity = ${value}`).sourceIdentity?.value).toBe(value);
  });

  it.each(["a", "a".repeat(257), "aws:alice", "a b", "ä1", "a/b", "a\u001b[2J"])("may not be %j", (value) => {
    const demand = "must be 2 to 256 letters, digits or any of _ + = , . @ -";
    expect(said(`source_identity = ${value}`)).toEqual(["CONFIG_MALFORMED", 3, `${FILE}: source_identity ${demand}`]);
    expect(said("", { sourceIdentity: value })).toEqual(["USAGE", 2, `--source-identity ${demand}`]);
  });

  it("may not be empty", () => {
    expect(said("source_identity =")).toEqual(["CONFIG_MALFORMED", 3, `${FILE}: source_identity is empty`]);
    expect(said("", { sourceIdentity: "" })).toEqual(["USAGE", 2, "--source-identity is empty"]);
  });
});

describe("session tags", () => {
  // Written and read as aws-vault does, whose own test has the second of these.
  it.each<[string, string, readonly (readonly [string, string])[]]>([
    ["one", "tag1=value1", [["tag1", "value1"]]],
    [
      "blanks around",
      "tag1 = value1 , tag2=value2 ,tag3=value3",
      [
        ["tag1", "value1"],
        ["tag2", "value2"],
        ["tag3", "value3"],
      ],
    ],
    [
      "an empty value",
      "a=,b=x",
      [
        ["a", ""],
        ["b", "x"],
      ],
    ],
    ["an equals sign in the value", "a=b=c==", [["a", "b=c=="]]],
    ["letters of the world", "Kostenstelle Größe=東京 1", [["Kostenstelle Größe", "東京 1"]]],
    ["every character", "a_.:/+-@=_.:/=+-@", [["a_.:/+-@", "_.:/=+-@"]]],
    [
      "several lines",
      "a=b,\n  c=d",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    ["a comment behind", "a=b # not part of it", [["a", "b"]]],
    ["a key that is no name of a prototype", "__proto__=x", [["__proto__", "x"]]],
  ])("of a profile: %s", (_what, text, expected) => {
    expect(tagsOf(`session_tags = ${text}`)).toEqual(expected.map(([key, value]) => [key, value, false, FILE]));
  });

  it("of the option, one each time it is given", () => {
    expect(tagsOf("", ["a=b", "c = d=e", "f="])).toEqual([
      ["a", "b", false, "--session-tag"],
      ["c", "d=e", false, "--session-tag"],
      ["f", "", false, "--session-tag"],
    ]);
  });

  it("of the option stand beside the profile's, and in the place of the one with the same key", () => {
    expect(tagsOf("session_tags = Team=red,cost=1", ["team=blue", "why=x"])).toEqual([
      ["team", "blue", false, "--session-tag"],
      ["cost", "1", false, FILE],
      ["why", "x", false, "--session-tag"],
    ]);
  });

  it("are the target's own: not those of the profile that signs, nor of any where the target is a role's ARN", () => {
    expect(tagsOf("")).toEqual([]);
    expect(resolve("session_tags = a=b", {}, ROLE.replace("Privileged", "Other"))).toMatchObject({
      sessionTags: [],
      sourceIdentity: undefined,
    });
  });

  it("go on down a chain where transitive_session_tags names them, in any case", () => {
    const text = "session_tags = Team=red,cost=1,x=y\ntransitive_session_tags = team , why,";
    expect(tagsOf(text, ["why=z"])).toEqual([
      ["Team", "red", true, FILE],
      ["cost", "1", false, FILE],
      ["x", "y", false, FILE],
      ["why", "z", true, "--session-tag"],
    ]);
  });

  it.each<[string, string, string]>([
    [
      "no tag of that name",
      "session_tags = a=b\ntransitive_session_tags = a,c",
      '5: transitive_session_tags names "c", and there is no session tag of that name',
    ],
    [
      "no tag at all",
      "transitive_session_tags = a",
      '4: transitive_session_tags names "a", and there is no session tag of that name',
    ],
    ["nothing", "session_tags = a=b\ntransitive_session_tags = ,", "5: transitive_session_tags is empty"],
  ])("are refused where transitive_session_tags names %s", (_what, lines, message) => {
    expect(said(lines)).toEqual(["CONFIG_MALFORMED", 3, `/aws/config:${message}`]);
  });

  const CHARACTERS = "may hold letters, digits, blanks and any of _ . : / = + - @";
  it.each<[string, string, string]>([
    ["no equals sign", "a", "must be written FORM"],
    ["no key", "=b", "has a tag without a key"],
    ["a blank key", " =b", "has a tag without a key"],
    ["a key of 129", `${"k".repeat(129)}=v`, "has a key of more than 128 characters"],
    ["a value of 257", `k=${"v".repeat(257)}`, "has a value of more than 256 characters"],
    ["a character of no tag in the key", "a#b=c", CHARACTERS],
    ["a character of no tag in the value", "a=b*", CHARACTERS],
    ["a control character", "a=b\u0007", CHARACTERS],
    ["half a character", "a=\ud800", CHARACTERS],
  ])("with %s are refused", (_what, text, problem) => {
    const inFile = problem.replace("FORM", "key1=value1,key2=value2");
    expect(said(`session_tags = ${text}`)).toEqual(["CONFIG_MALFORMED", 3, `${FILE}: session_tags ${inFile}`]);
    expect(said("", { sessionTag: [text] })).toEqual([
      "USAGE",
      2,
      `--session-tag ${problem.replace("FORM", "key=value")}`,
    ]);
    const which = " (tag 2)";
    expect(said(`session_tags = x=y,${text}`)[2]).toBe(`${FILE}: session_tags ${inFile}${which}`);
  });

  it("with a key of 128 characters and a value of 256 are taken", () => {
    const tag = `${"k".repeat(128)}=${"v".repeat(256)}`;
    expect(tagsOf(`session_tags = ${tag}`, [`x${tag.slice(1)}`])).toHaveLength(2);
  });

  it.each(["a=1,b=2,a=3", "Team=1,b=2,team=3", "É=1,é=2"])("with one key twice are refused: %s", (text) => {
    const twice = /names the key ".*" twice; to AWS capital and small letters are the same here$/;
    expect(said(`session_tags = ${text}`)[2]).toMatch(twice);
    expect(said("", { sessionTag: text.split(",") })[2]).toMatch(twice);
  });

  it.each(["aws:team=1", "AWS:team=1"])("with a key of AWS's own are refused: %s", (text) => {
    const own = /has a key that begins with aws:, which AWS keeps for itself$/;
    expect(said(`session_tags = ${text}`)[2]).toMatch(own);
    expect(said("", { sessionTag: [text] })[2]).toMatch(own);
  });

  it("may be 50, and no more", () => {
    expect(tagsOf(`session_tags = ${numbered(30).join(",")}`, numbered(50))).toHaveLength(50);
    expect(said(`session_tags = ${numbered(51).join(",")}`)[2]).toBe(
      `${FILE}: session_tags makes 51 tags, and AWS takes 50`,
    );
    expect(said("", { sessionTag: numbered(51) })[2]).toBe("--session-tag makes 51 tags, and AWS takes 50");
    expect(said("session_tags = other=1", { sessionTag: numbered(50) })[2]).toBe(
      "--session-tag and session_tags make 51 tags, and AWS takes 50",
    );
  });

  it("with a comma are told how to give several", () => {
    expect(refusalOf(() => resolve("", { sessionTag: ["a=b,c=d"] })).hint).toBe(
      "for several tags, give --session-tag again for each",
    );
  });

  it("never show their values in an error", () => {
    const value = "a-value-that-may-be-private*";
    for (const work of [
      () => resolve(`session_tags = a=${value}`),
      () => resolve("", { sessionTag: [`a=${value}`] }),
    ]) {
      const error = refusalOf(work);
      expect([error.message, ...error.hints].join("\n")).not.toContain("private");
    }
  });

  it("come back as they were written", () => {
    const text = (maxLength: number) =>
      fc
        .string({ unit: fc.constantFrom(..."aZ0é東_.:/+-@"), minLength: 1, maxLength })
        .filter((each) => each === each.trim());
    const tags = fc.uniqueArray(fc.tuple(text(20), text(40)), {
      minLength: 1,
      maxLength: 20,
      selector: ([key]) => key.toLowerCase(),
    });
    fc.assert(
      fc.property(tags, (given) => {
        const written = given.map(([key, value]) => `${key}=${value}`);
        const expected = given.map(([key, value]) => [key, value, false]);
        expect(tagsOf("", written).map((tag) => tag.slice(0, 3))).toEqual(expected);
        expect(tagsOf(`session_tags = ${written.join(" , ")}`).map((tag) => tag.slice(0, 3))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ["session_tag", "session_tags"],
    ["sesion_tags", "session_tags"],
    ["source-identity", "source_identity"],
    ["transitive_session_tag", "transitive_session_tags"],
  ])("mistyped as %s are no silence", (key, closest) => {
    const error = refusalOf(() => resolve(`${key} = a=b`));
    expect(error).toMatchObject({ code: "CONFIG_MALFORMED", message: `${FILE}: ${key} is no setting of assume-mfa` });
    expect(error.hint).toBe(`did you mean ${closest}?`);
  });
});

describe("session policies", () => {
  const given = (text: string, file?: string) => ({ policy: { text, path: file } });
  const arns = (...policyArn: string[]) => ({ policyArn });
  const MANAGED = "arn:aws:iam::aws:policy/ReadOnlyAccess";
  const OWN = "arn:aws:iam::222222222222:policy/team/Narrow";

  it("are none unless they are given", () => {
    expect(resolve("")).toMatchObject({ sessionPolicy: undefined, policyArns: [] });
  });

  it("are the policy, and the ARNs each once", () => {
    const target = resolve("", { ...given(` ${POLICY}\n`), ...arns(OWN, MANAGED, OWN) });
    expect(target.sessionPolicy?.value.text).toBe(POLICY);
    expect(target.sessionPolicy && formatOrigin(target.sessionPolicy.origin)).toBe("--policy");
    expect(target.policyArns.map(({ value }) => value)).toEqual([OWN, MANAGED]);
    for (const part of [target.sessionPolicy, target.sessionPolicy?.value, target.policyArns, ...target.policyArns]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it("that are no policy name the option", () => {
    expect(said("", given('{\n "Statement": [],\n}'))).toEqual([
      "USAGE",
      2,
      "--policy is no policy that AWS takes: a comma before }, which JSON does not allow (line 3, column 1)",
    ]);
    expect(said("", given(""))[2]).toMatch(/ends too early/);
  });

  it("that are a file's name are told how to name a file", () => {
    expect(refusalOf(() => resolve("", given("policy.json"))).hint).toBe(
      "write the JSON itself in single quotes, or file://policy.json for a file",
    );
    expect(refusalOf(() => resolve("", given("{"))).hint).not.toMatch(/file:/); // it is JSON already
    expect(refusalOf(() => resolve("", given("{"))).hint).toBeDefined();
  });

  it("of a file name the file and the line", () => {
    expect(said("", given('{\n "Statement": [],\n}', "/work/p.json"))).toEqual([
      "CONFIG_MALFORMED",
      3,
      "/work/p.json:3: the policy of --policy is none that AWS takes: a comma before }, which JSON does not allow (line 3, column 1)",
    ]);
    expect(said("", given("{}", "/work/p.json"))[2]).toBe(
      "/work/p.json: the policy of --policy is none that AWS takes: a policy needs a Statement",
    );
  });

  it.each([
    MANAGED,
    OWN,
    "arn:aws:iam::aws:policy/aws-service-role/X",
    `arn:aws:iam::222222222222:policy/${"n".repeat(128)}`,
  ])("may be the ARN %.60s", (arn) => {
    expect(resolve("", arns(arn)).policyArns.map(({ value }) => value)).toEqual([arn]);
  });

  it.each<[string, string]>([
    ["", "is empty"],
    ["ReadOnlyAccess", "is no managed policy's ARN"],
    [ROLE, "is no managed policy's ARN"],
    ["arn:aws:iam::aws:policy/", "is no managed policy's ARN"],
    [`${OWN}${"n".repeat(129)}`, "is no managed policy's ARN"],
    [`${MANAGED}\n`, "is no managed policy's ARN"],
    [`arn:aws:iam::aws:policy/${"x/".repeat(100_000)}y`, "is no managed policy's ARN"],
    ["arn:aws-cn:iam::aws:policy/ReadOnlyAccess", "is a policy of the partition aws-cn, and the role is in aws"],
    ["arn:aws:iam::333333333333:policy/Narrow", "is a policy of account 333333333333, and the role is in 222222222222"],
  ])("may not be the ARN %.60j", (arn, problem) => {
    expect(said("", arns(MANAGED, arn))).toEqual(["USAGE", 2, `--policy-arn ${problem}`]);
  });

  it("may be ten ARNs, and no more", () => {
    const list = (count: number) => numbered(count).map((name) => `arn:aws:iam::aws:policy/${name.slice(0, -2)}`);
    expect(resolve("", arns(...list(10), ...list(10))).policyArns).toHaveLength(10);
    expect(said("", arns(...list(11)))[2]).toBe("--policy-arn is given 11 times, and AWS takes 10");
  });

  it("may have 2,048 characters all together", () => {
    const padded = (count: number) => given(POLICY.replace("ec2:*", `ec2:${"a".repeat(count)}`));
    const room = 2_048 - POLICY.length + 1 - MANAGED.length;
    expect(resolve("", { ...padded(room), ...arns(MANAGED) }).policyArns).toHaveLength(1);
    expect(said("", { ...padded(room + 1), ...arns(MANAGED) })).toEqual([
      "USAGE",
      2,
      "--policy and --policy-arn must be 2048 characters at most, all together: they are 2049",
    ]);
    const long = numbered(10).map(
      (name) => `arn:aws:iam::aws:policy/${"p".repeat(100)}/${"q".repeat(90)}/${name.slice(0, 2)}`,
    );
    expect(said("", arns(...long))[2]).toMatch(
      /^--policy-arn must be 2048 characters at most, all together: they are 2\d{3}$/,
    );
  });
});

describe("--policy file://", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "assume-mfa-policy-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, bytes: string | Buffer) => {
    writeFileSync(path.join(folder, name), bytes);
    return name;
  };
  const makeFolder = (name: string) => {
    mkdirSync(path.join(folder, name));
    return name;
  };
  const makePipe = (name: string) => {
    execFileSync("mkfifo", [path.join(folder, name)]);
    return name;
  };
  const host = { env: { PLACE: folder }, homeDirectory: folder };

  it.each([
    ["an absolute path", () => `file://${folder}/p.json`],
    ["a path from the current folder", () => `file://${path.relative(process.cwd(), folder)}/p.json`],
    ["~", () => "file://~/p.json"],
    ["a variable", () => "file://$PLACE/p.json"],
    ["a link", () => `file://${folder}/link.json`],
  ])("is read from %s", (_what, option) => {
    write("p.json", POLICY);
    if (_what === "a link") symlinkSync("p.json", path.join(folder, "link.json"));
    expect(loadGivenPolicy(option(), host)).toMatchObject({ text: POLICY, path: expect.stringMatching(/\.json$/) });
  });

  it("is the text itself without the prefix", () => {
    expect(loadGivenPolicy(POLICY, host)).toEqual({ text: POLICY, path: undefined });
    expect(loadGivenPolicy(undefined, host)).toBeUndefined();
    expect(loadGivenPolicy("", host)).toEqual({ text: "", path: undefined });
  });

  it.each<[string, () => string, string]>([
    ["that is not there", () => "none.json", "there is no such file"],
    ["that is a folder", () => makeFolder("d"), "it is a folder"],
    ["that is a pipe", () => makePipe("pipe"), "it is a pipe"],
    ["above 128 KiB", () => write("large", Buffer.alloc(128 * 1024 + 1, " ")), "it is larger than 128 KiB"],
    ["that is no text", () => write("bytes", Buffer.from([0xff, 0xfe])), "it is not UTF-8 text"],
    ["that is a device", () => "../../../../../../dev/zero", "it is a device"],
    ["with a NUL in its name", () => "a\0b", "the path holds a NUL character"],
  ])("of a file %s: exit 3, and nothing hangs", (_what, make, reason) => {
    const error = refusalOf(() => loadGivenPolicy(`file://${folder}/${make()}`, host));
    expect(error).toMatchObject({ code: "CONFIG_UNREADABLE", exitCode: 3 });
    expect(error.message).toMatch(new RegExp(`^can't read the policy of --policy, .*: ${reason}$`, "s"));
  });

  it("of another user's home folder, or without one, is refused", () => {
    expect(refusalOf(() => loadGivenPolicy("file://~root/p.json", host)).message).toContain("is not looked up");
    expect(
      refusalOf(() => loadGivenPolicy("file://~/p.json", { env: {}, homeDirectory: undefined })).message,
    ).toContain("there is no home folder");
  });
});
