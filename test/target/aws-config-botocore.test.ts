import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { type ConfigSection, type ParsedAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { splitWords } from "../../src/target/split-words.ts";
import {
  type BotocoreQuestion,
  type BotocoreReading,
  type BotocoreSection,
  hasBotocore,
  readWithBotocore,
} from "./read-with-botocore.ts";

const VECTORS = new URL("../vectors/aws-config/", import.meta.url);

/** `npm run test:soak` may ask for more (ACCEPTANCE.md, C8). */
const RUNS = Number(process.env.FUZZ_RUNS ?? 1000);

function read({ bytes, kind }: BotocoreQuestion): ParsedAwsConfig | undefined {
  try {
    return parseAwsConfig(bytes.toString("utf8"), "config", kind);
  } catch (error) {
    if (error instanceof AssumeMfaError && error.code === "CONFIG_MALFORMED") return undefined;
    throw error;
  }
}

/** Our reading in botocore's shape; the names of nested keys are botocore's, their text tells if one was missed. */
function inBotocoreShape(ours: ParsedAwsConfig | undefined, theirs: BotocoreReading): BotocoreReading {
  if (ours === undefined) return undefined;
  return {
    profiles: toRecord(ours.profiles, theirs?.profiles),
    services: toRecord(ours.services, theirs?.services),
    ssoSessions: toRecord(ours.ssoSessions, theirs?.ssoSessions),
  };
}

function toRecord(
  sections: ReadonlyMap<string, ConfigSection>,
  theirs: Readonly<Record<string, BotocoreSection>> = {},
) {
  const record: Record<string, BotocoreSection> = Object.create(null);
  for (const [name, section] of sections) {
    const values: Record<string, string | Record<string, string>> = Object.create(null);
    for (const key of section.keys()) {
      const their = Object.hasOwn(theirs, name) ? theirs[name]?.[key] : undefined;
      const text = section.get(key)?.text ?? "";
      if (typeof their !== "object") values[key] = text;
      else {
        const nested: Record<string, string> = Object.create(null);
        for (const subkey of Object.keys(their)) nested[subkey] = section.nested(key, subkey)?.text ?? "(missing)";
        values[key] = text.startsWith("\n") ? nested : text;
      }
    }
    record[name] = values;
  }
  return record;
}

function agree(questions: readonly BotocoreQuestion[]): { readonly accepted: number; readonly refused: number } {
  const answers = readWithBotocore(questions);
  let accepted = 0;
  questions.forEach((question, index) => {
    const theirs = answers[index];
    if (theirs !== undefined) accepted += 1;
    expect(inBotocoreShape(read(question), theirs), JSON.stringify(question.bytes.toString("utf8"))).toEqual(theirs);
  });
  return { accepted, refused: questions.length - accepted };
}

const blank = fc.constantFrom("", "", " ", "  ", "\t", "\u00a0", "\u3000", "\u001c", "\u0085", "\u2028", "\v", "\f");
/** Python 3.11 knows Unicode 14: what it lower-cases there must be the same here. */
const oldLetter = fc.integer({ min: 0, max: 0x58f }).map((code) => String.fromCodePoint(code));
const word = fc.oneof(
  fc.constantFrom(
    "region",
    "Region",
    "role_arn",
    "a",
    "b c",
    "__proto__",
    "constructor",
    "\0",
    "#",
    ";",
    '"',
    "'",
    "\\",
  ),
  fc.constantFrom(
    "profile dev",
    'profile "a b"',
    "profile  dev",
    "default",
    "DEFAULT",
    "services x",
    "sso-session x",
    'sso-session "a b"',
    "sso-sessions y",
    "sso-session",
    "profile",
    "profiles z",
  ),
  fc.string({ maxLength: 6, unit: oldLetter }),
);
const line = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(blank, word, blank, fc.constantFrom("=", ":", " = "), blank, word).map((x) => x.join("")),
  },
  { weight: 3, arbitrary: fc.tuple(blank, word, blank).map(([a, b, c]) => `${a}[${b}]${c}`) },
  { weight: 1, arbitrary: fc.tuple(blank, fc.constantFrom("#", ";"), word).map((x) => x.join("")) },
  { weight: 1, arbitrary: fc.tuple(blank, word).map((x) => x.join("")) },
  { weight: 1, arbitrary: blank },
);
const document = fc
  .tuple(
    fc.constantFrom("[default]", "[profile dev]", "[services x]", "[sso-session x]", "[DEFAULT]", "", "# top"),
    fc.array(fc.tuple(line, fc.constantFrom("\n", "\n", "\n", "\r\n", "\r")), { maxLength: 7 }),
  )
  .map(([first, rest]) => `${first}\n${rest.map((pair) => pair.join("")).join("")}`);

describe.skipIf(!hasBotocore)("held against botocore (skipped where python3 has none)", () => {
  it.each(["config", "credentials"] as const)("reads every valid vector as a %s file alike", (kind) => {
    const names = readdirSync(new URL("valid/", VECTORS));
    expect(names.length).toBeGreaterThan(15);
    const questions = names.map((name) => ({ bytes: readFileSync(new URL(`valid/${name}`, VECTORS)), kind }));
    expect(agree(questions).accepted).toBe(names.length);
  });

  it("refuses every broken vector that botocore refuses, which is all", () => {
    const index = JSON.parse(readFileSync(new URL("broken.json", VECTORS), "utf8")) as Record<
      string,
      { kind: "config" }
    >;
    const questions = Object.entries(index).map(([name, { kind }]) => ({
      bytes: readFileSync(new URL(`broken/${name}`, VECTORS)),
      kind,
    }));
    expect(readWithBotocore(questions)).toEqual(questions.map(() => undefined));
    expect(questions.map(read)).toEqual(questions.map(() => undefined));
  });

  it("accepts, refuses and reads random documents alike", () => {
    const questions = fc
      .sample(fc.tuple(document, fc.constantFrom("config", "credentials")), RUNS)
      .map(([text, kind]): BotocoreQuestion => ({ bytes: Buffer.from(text, "utf8"), kind: kind as "config" }));
    const { accepted, refused } = agree(questions);
    expect(accepted).toBeGreaterThan(RUNS / 6);
    expect(refused).toBeGreaterThan(RUNS / 6);
  });

  it("splits section headers as Python's shlex does", () => {
    const piece = fc.constantFrom("a", "b", " ", "\t", "'", '"', "\\", "#", "profile", "\u00a0", "é");
    const texts = fc.sample(
      fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join("")),
      2000,
    );
    const program = `
import json, shlex, sys
def split(text):
    try:
        return shlex.split(text)
    except ValueError:
        return None
json.dump([split(text) for text in json.load(sys.stdin)], sys.stdout)`;
    const run = spawnSync("python3", ["-X", "utf8", "-c", program], { input: JSON.stringify(texts), encoding: "utf8" });
    expect(run.status).toBe(0);
    expect(texts.map((text) => splitWords(text) ?? null)).toEqual(JSON.parse(run.stdout));
  });
});
