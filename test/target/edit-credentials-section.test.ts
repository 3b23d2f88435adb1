import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { parseAwsConfig } from "../../src/target/aws-config.ts";
import {
  checkSectionName,
  type SectionValues,
  setSection,
  unsetSection,
} from "../../src/target/edit-credentials-section.ts";
import { type BotocoreSection, hasBotocore, readWithBotocore } from "./read-with-botocore.ts";

const VALUES: SectionValues = [
  ["aws_access_key_id", "ASIAIOSFODNN7EXAMPLE"],
  ["aws_secret_access_key", "new/secret="],
  ["aws_session_token", "new/token=="],
  ["aws_security_token", undefined],
];
const KEYS = VALUES.map(([key]) => key);
const WRITTEN =
  "[x]\naws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = new/secret=\naws_session_token = new/token==\nwritten_by = assume-mfa\n";

const set = (text: string) => setSection(text, "/credentials", "x", VALUES);
const unset = (text: string) => unsetSection(text, "/credentials", "x", KEYS);

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof AssumeMfaError) return error.code;
    throw error;
  }
}

describe("a new section", () => {
  it.each([
    ["an empty file", "", WRITTEN],
    ["a byte order mark alone", "\ufeff", `\ufeff${WRITTEN}`],
    ["a file", "[default]\na = 1\n", `[default]\na = 1\n\n${WRITTEN}`],
    ["an empty line at the end", "[default]\na = 1\n\n", `[default]\na = 1\n\n${WRITTEN}`],
    ["no newline at the end", "[default]\na = 1", `[default]\na = 1\n\n${WRITTEN}`],
    ["comments alone", "# mine", `# mine\n\n${WRITTEN}`],
    ["CRLF", "[default]\r\na = 1\r\n", `[default]\r\na = 1\r\n\r\n${WRITTEN.replaceAll("\n", "\r\n")}`],
    ["CRLF and no newline at the end", "[d]\r\na = 1", `[d]\r\na = 1\r\n\r\n${WRITTEN.replaceAll("\n", "\r\n")}`],
    ["a byte order mark", "\ufeff[default]\na = 1\n", `\ufeff[default]\na = 1\n\n${WRITTEN}`],
  ])("comes last: %s", (_, before, after) => {
    expect(set(before)).toBe(after);
    // And again: nothing changes.
    expect(set(after)).toBe(after);
    expect(
      parseAwsConfig(after, "/credentials", "credentials").profiles.get("x")?.get("aws_session_token")?.value,
    ).toBe("new/token==");
  });
});

describe("a section of ours", () => {
  it("has its values replaced, and all else stays as it is", () => {
    const before = [
      "; head",
      "[a]",
      "aws_access_key_id=AKIAIOSFODNN7EXAMPLE",
      "",
      "[x] ",
      "# mine",
      "AWS_Access_Key_ID=old",
      "custom = kept # with this",
      "aws_session_token:\told",
      "  and more",
      "  # between",
      "  and more",
      "aws_security_token = old",
      "written_by = assume-mfa",
      "s3 =",
      "    max_concurrent_requests = 20",
      "",
      "# foot of x",
      "[z]",
      "a = 1",
    ].join("\n");
    expect(set(before)).toBe(
      [
        "; head",
        "[a]",
        "aws_access_key_id=AKIAIOSFODNN7EXAMPLE",
        "",
        "[x] ",
        "# mine",
        "AWS_Access_Key_ID=ASIAIOSFODNN7EXAMPLE",
        "custom = kept # with this",
        "aws_session_token:\tnew/token==",
        "  # between",
        "written_by = assume-mfa",
        "aws_secret_access_key = new/secret=",
        "s3 =",
        "    max_concurrent_requests = 20",
        "",
        "# foot of x",
        "[z]",
        "a = 1",
      ].join("\n"),
    );
  });

  it("gets what is missing where its lines are indented, and no line goes on with another", () => {
    const after = set("[x]\n    custom = 1\n  written_by = assume-mfa\n  other = 2\n");
    expect(after).toContain("  written_by = assume-mfa\n  aws_access_key_id = ASIAIOSFODNN7EXAMPLE\n");
    expect(parseAwsConfig(after, "", "credentials").profiles.get("x")?.get("other")?.text).toBe("2");
  });

  it("may be the last line of the file, without a newline", () => {
    expect(set("[x]\r\nwritten_by = assume-mfa")).toBe(
      "[x]\r\nwritten_by = assume-mfa\r\naws_access_key_id = ASIAIOSFODNN7EXAMPLE\r\naws_secret_access_key = new/secret=\r\naws_session_token = new/token==\r\n",
    );
  });

  it("takes nothing of [DEFAULT] for its own", () => {
    const before = "[DEFAULT]\naws_access_key_id = D\n[x]\nwritten_by = assume-mfa\n";
    expect(set(before)).toMatch(
      /^\[DEFAULT\]\naws_access_key_id = D\n\[x\]\nwritten_by = assume-mfa\naws_access_key_id = ASIA/,
    );
  });

  it("goes again, with what else is not in it", () => {
    expect(unset(`[a]\nb = 1\n\n${WRITTEN}`)).toBe("[a]\nb = 1\n");
    expect(unset(`\ufeff${WRITTEN}`)).toBe("\ufeff");
    expect(unset(`${WRITTEN}\n[a]\nb = 1`)).toBe("\n[a]\nb = 1");
    expect(unset(`${WRITTEN}custom = 1\n`)).toBe("[x]\ncustom = 1\n");
    expect(unset("[a]\nb = 1\n")).toBeUndefined();
  });
});

describe("somebody else's section", () => {
  it.each([
    ["keys", "[x]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = mine\n"],
    ["nothing", "[x]\n"],
    ["another's mark", "[x]\nwritten_by = me\n"],
    ["the mark in a comment", "[x]\n# written_by = assume-mfa\n"],
    ["the mark in another section", "[x]\na = 1\n[y]\nwritten_by = assume-mfa\n"],
    ["the mark in [DEFAULT]", "[DEFAULT]\nwritten_by = assume-mfa\n[x]\na = 1\n"],
    ["the mark behind another value", "[x]\na = 1\n  written_by = assume-mfa\n"],
  ])("is left alone: %s", (_, text) => {
    expect([codeOf(() => set(text)), codeOf(() => unset(text))]).toEqual(["PROFILE_TAKEN", "PROFILE_TAKEN"]);
  });

  it("is not read as well: a file that the AWS CLI refuses is refused", () => {
    for (const text of ["[x]\n[x]\n", "a = 1\n", "[x]\na\n"]) expect(codeOf(() => set(text))).toBe("CONFIG_MALFORMED");
  });

  it("would be read otherwise: nothing is written", () => {
    // Without [x], whose entries stand deeper, the header behind it would go on with the entry before.
    const text = "[a]\nb = 1\n[x]\n    written_by = assume-mfa\n  [y]\nc = 1\n";
    expect(codeOf(() => unset(text))).toBe("CONFIG_UNWRITABLE");
  });
});

it.each([
  "",
  " x",
  "x ",
  "a  b",
  "a]b",
  "[a",
  "a\nb",
  "a#b",
  "DEFAULT",
  "profile x",
  "a;b",
  "\u202e",
  '"x"',
  "a\u2028b",
])("%j is no name of a section", (name) => {
  expect(codeOf(() => checkSectionName(name))).toBe("USAGE");
});

it.each(["x", "default", "dev-session", "team a", "a.b@c", "größe", "profile"])("%j is one", (name) => {
  expect(codeOf(() => checkSectionName(name))).toBeUndefined();
});

describe("for any file", () => {
  const blank = fc.constantFrom("", " ", "\t");
  const key = fc.constantFrom(...KEYS, "custom", "Region", "written_by", "AWS_SESSION_TOKEN", "s3");
  const value = fc.oneof(
    fc.constantFrom("assume-mfa", "assume-mfa", "old", "", "a # b", "a = b", "[x]", "größe"),
    fc.stringMatching(/^[ -~]{0,20}$/),
  );
  const line = fc.oneof(
    fc.constantFrom("# comment", "; comment", "", "   ", "  # deeper", "  goes on", "[DEFAULT]"),
    fc.tuple(blank, key, fc.constantFrom(" = ", "=", ": ", " =\t"), value).map((parts) => parts.join("")),
  );
  const section = fc
    .tuple(
      fc.constantFrom("[a]", "[x]", "[default]", "  [y]", "[z] # z"),
      fc.array(line, { maxLength: 8 }),
      fc.boolean(),
    )
    .map(([header, lines, isOurs]) => [header, ...(isOurs ? ["written_by = assume-mfa"] : []), ...lines]);
  const file = fc
    .tuple(fc.array(section, { maxLength: 4 }), fc.constantFrom("\n", "\r\n", "\r"), fc.boolean())
    .map(([sections, newline, isEnded]) => sections.flat().join(newline) + (isEnded ? newline : ""));

  /** @returns the file as it was and as it became; undefined where it is refused */
  function edit(before: string, work: (text: string) => string | undefined) {
    try {
      const after = work(before);
      return after === undefined ? undefined : { before, after };
    } catch (error) {
      if (error instanceof AssumeMfaError) return undefined;
      throw error;
    }
  }

  it("keeps every line but ours, and says what it is to say", () => {
    let edited = 0;
    fc.assert(
      fc.property(file, (before) => {
        const pair = edit(before, set);
        if (pair === undefined) return;
        edited += 1;
        const linesOf = (text: string) =>
          text.split(/\r\n|\r|\n/).filter((one) => /^\s*[#;[]|custom|Region|s3/.test(one) && !/^\s*aws/i.test(one));
        expect(linesOf(pair.after).filter((one) => one !== "[x]")).toEqual(
          linesOf(before).filter((one) => one !== "[x]" && linesOf(pair.after).includes(one)),
        );
        for (const comment of before.split(/\r\n|\r|\n/).filter((one) => /^\s*[#;]/.test(one))) {
          expect(pair.after).toContain(comment);
        }
        const read = parseAwsConfig(pair.after, "", "credentials").profiles.get("x");
        expect(VALUES.map(([name]) => read?.get(name)?.text)).toEqual(
          expect.arrayContaining(["ASIAIOSFODNN7EXAMPLE", "new/secret=", "new/token=="]),
        );
        expect(set(pair.after)).toBe(pair.after);
      }),
      { numRuns: 2_000 },
    );
    expect(edited).toBeGreaterThan(200);
  });

  it.skipIf(!hasBotocore)("is read by botocore as before, but for our keys", () => {
    const texts = fc.sample(file, 2_000);
    const pairs = texts.flatMap((text) => [edit(text, set), edit(text, unset)]).filter((pair) => pair !== undefined);
    expect(pairs.length).toBeGreaterThan(200);
    const read = readWithBotocore(
      pairs.flatMap(({ before, after }) =>
        [before, after].map((text) => ({ bytes: Buffer.from(text), kind: "credentials" as const })),
      ),
    );
    const others = (profiles: Readonly<Record<string, BotocoreSection>>, was: object) =>
      Object.entries(profiles).flatMap(([name, entries]) => {
        // A new section, or one that is gone, has what [DEFAULT] gives to all.
        if (name === "x" && !Object.hasOwn(was, "x")) return [];
        if (name !== "x") return [[name, { ...entries }] as const];
        const rest = Object.entries(entries).filter(([one]) => ![...KEYS, "written_by"].includes(one));
        return rest.length === 0 ? [] : [[name, Object.fromEntries(rest)] as const];
      });
    for (const [index, { before, after }] of pairs.entries()) {
      const [was, is] = [read[2 * index], read[2 * index + 1]];
      expect({ after, was: was !== undefined, is: is !== undefined }).toEqual({ after, was: true, is: true });
      expect({ before, after, read: others(is?.profiles ?? {}, was?.profiles ?? {}) }).toEqual({
        before,
        after,
        read: others(was?.profiles ?? {}, is?.profiles ?? {}),
      });
    }
  });
});
