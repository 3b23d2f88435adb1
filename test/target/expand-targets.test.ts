import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { expandAll, expandTargets } from "../../src/target/expand-targets.ts";

const ROLE = "arn:aws:iam::222222222222:role/PrivilegedActionsRole";
const COMMA_ROLE = "arn:aws:iam::222222222222:role/a,b";

function configOf(...names: readonly string[]) {
  const sections = names.map((name) => `[profile ${/[\s,*?]/.test(name) ? `"${name}"` : name}]\nrole_arn = ${ROLE}\n`);
  const text = `[profile parent]\nregion = us-east-1\n${sections.join("")}`;
  return makeAwsConfig(
    parseAwsConfig(text, "/aws/config", "config"),
    parseAwsConfig("", "/aws/credentials", "credentials"),
  );
}

const config = configOf("dev", "staging", "prod", "team-a", "team-b", "a,b", "star*");

describe("a word for targets", () => {
  it.each<[string, string, readonly string[]]>([
    ["one name", "dev", ["dev"]],
    ["a name that is none is left for its own error", "nobody", ["nobody"]],
    ["a list", "dev,staging", ["dev", "staging"]],
    ["the order of the word", "staging,dev", ["staging", "dev"]],
    ["each once", "dev,dev,d*", ["dev"]],
    ["a glob, in the order of the files", "team-*", ["team-a", "team-b"]],
    ["a glob of one", "pro?", ["prod"]],
    ["all with a role, and no other", "*", ["dev", "staging", "prod", "team-a", "team-b", "a,b", "star*"]],
    ["a list with a glob", "prod,team-*", ["prod", "team-a", "team-b"]],
    ["an exact name that looks like a list", "a,b", ["a,b"]],
    ["an exact name that looks like a glob", "star*", ["star*"]],
    ["a role's ARN", ROLE, [ROLE]],
    ["a role's ARN with a comma in it", COMMA_ROLE, [COMMA_ROLE]],
    ["a name and a role's ARN", `dev,${ROLE}`, ["dev", ROLE]],
  ])("is %s", (_, word, names) => {
    expect(expandTargets(word, config)).toEqual(names);
  });

  it.each<[string, string, string]>([
    ["a glob that fits none", "x*", "TARGET_UNKNOWN"],
    ["a glob that fits only a profile without a role", "parent*", "TARGET_UNKNOWN"],
    ["an empty part", "dev,", "USAGE"],
    ["two commas", "dev,,prod", "USAGE"],
  ])("is refused: %s", (_, word, code) => {
    expect(() => expandTargets(word, config)).toThrow(expect.objectContaining({ code }) as AssumeMfaError);
  });

  it("are 500 at most, each counted once, by one word or several", () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => `p${index}`);
    const fleet = configOf(...many(501));
    expect(expandTargets("p*,p1,p2", configOf(...many(500)))).toHaveLength(500);
    const refused = expect.objectContaining({
      code: "USAGE",
      message: "501 targets are too many for one run: it takes 500",
    });
    for (const word of ["p*", many(501).join(",")]) expect(() => expandTargets(word, fleet)).toThrow(refused);
    expect(() => expandAll(["p?,p??", "p???"], fleet)).toThrow(refused);
    expect(expandAll(["p?,p??", "p1??"], fleet)).toHaveLength(200);
  });

  it("fits as a regular expression would, in no more than linear time", () => {
    const letters = fc.constantFrom("a", "b", "-");
    fc.assert(
      fc.property(
        fc.array(letters, { minLength: 1, maxLength: 8 }),
        fc.array(fc.oneof(letters, fc.constantFrom("*", "?")), { minLength: 1, maxLength: 8 }),
        (nameLetters, globLetters) => {
          const name = nameLetters.join("");
          const glob = globLetters.join("");
          if (!/[*?]/.test(glob) || glob === "-") return;
          const pattern = new RegExp(`^${glob.replaceAll("*", ".*").replaceAll("?", ".")}$`);
          const expanded = () => expandTargets(glob, configOf(name));
          if (pattern.test(name)) expect(expanded()).toEqual([name]);
          else expect(expanded).toThrow(AssumeMfaError);
        },
      ),
    );
    const began = performance.now();
    expect(() => expandTargets(`${"*a".repeat(2_000)}b`, configOf("a".repeat(4_000)))).toThrow(AssumeMfaError);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
