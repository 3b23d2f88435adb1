import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatInstanceFilters, parseInstanceFilters } from "../../../src/actions/ec2/instance-filters.ts";

const parse = (...words: string[]) => parseInstanceFilters(words).map(({ name, values }) => [name, ...values]);
const refusal = (words: readonly string[], states: readonly string[] = []) => {
  try {
    parseInstanceFilters(words, states);
  } catch (error) {
    return error as { code: string; message: string; hint: string };
  }
  throw new Error("it was taken");
};

const SHORTHAND = [
  "Name=tag:Env,Values=dev,test",
  "Values=dev,test,Name=tag:Env",
  "Name=tag:a=b,Values=x",
  "Name=instance-type,Values=t3.*",
  "Name=tag:Owner, Values = a b , c",
  "Name=tag:Owner,Values='a,b',\"c d\"",
  "Name=tag:Owner,Values=[a,b]",
  "Name=tag:Owner,Values=a\\,b",
  "Name='tag:with,comma',Values=it's",
  "Name=tag:Env,Values='it\\'s'",
] as const;
const hasAwsCli = spawnSync("python3", ["-c", "import awscli.shorthand"]).status === 0;

describe("a filter", () => {
  it.each([
    ["tag:Env=dev", ["tag:Env", "dev"]],
    ["instance-type=t3.small", ["instance-type", "t3.small"]],
    ["availability-zone=us-east-1?", ["availability-zone", "us-east-1?"]],
    ["tag:Name=a=b", ["tag:Name", "a=b"]],
    ["tag:Env=dev,test", ["tag:Env", "dev,test"]],
    ["tag:Env= ", ["tag:Env", " "]],
    [
      "network-interface.addresses.private-ip-address=10.0.0.1",
      ["network-interface.addresses.private-ip-address", "10.0.0.1"],
    ],
    ["tag:aws:autoscaling:groupName=web", ["tag:aws:autoscaling:groupName", "web"]],
    ["Name=tag:Env,Values=dev,test", ["tag:Env", "dev", "test"]],
    ["Name=tag:Env,Values=[dev,test]", ["tag:Env", "dev", "test"]],
    ["Name=tag:Env,Values='a,b',c", ["tag:Env", "a,b", "c"]],
  ])("%s is understood", (word, expected) => {
    expect(parse(word)).toEqual([expected]);
  });

  it.skipIf(!hasAwsCli)("in the AWS CLI's shorthand is what the AWS CLI makes of it", () => {
    const script =
      "import json,sys,awscli.shorthand as s\nprint(json.dumps([s.ShorthandParser().parse(w) for w in json.load(sys.stdin)]))";
    const words = SHORTHAND.filter((word) => !word.includes("it's") || word.includes("\\"));
    const { stdout, stderr } = spawnSync("python3", ["-c", script], { input: JSON.stringify(words), encoding: "utf8" });
    expect(stderr).toBe("");
    const theirs = (JSON.parse(stdout) as { Name: string; Values: string | string[] }[]).map(({ Name, Values }) => [
      Name,
      ...[Values].flat(),
    ]);
    expect(theirs).toHaveLength(words.length);
    expect(words.map((word) => parse(word)[0])).toEqual(theirs);
  });

  it.each([
    ["tag:Env", /has no value/],
    ["tag:Env=", /"tag:Env" has an empty value/],
    ["tag:=x", /"tag:" is no name/],
    ["=x", /"" is no name/],
    ["", /has no value/],
    ["Instance-Type=x", /"Instance-Type" is no name/],
    ["Name=tag:Env", /has no Values/],
    ["Name=tag:Env,Values=", /has an empty value/],
    ["Name=tag:Env,Values=a,,b", /has an empty value/],
    ["Name=,Values=a", /"" is no name/],
    ["Values=a", /has no Name/],
    ["Name=a,b,Values=c", /more than one Name/],
    ["Name=tag:Env,Values=a,Values=b", /has Values twice/],
    ["Name=tag:Env,Values=a,Vaules=b", /has "Vaules", where only/],
    ["Name=tag:Env,Values=[a,b", /without its end/],
    ["Name=tag:Env,Values='a", /can't be read/],
    ['[{"Name":"tag:Env","Values":["a"]}]', /is JSON/],
    ["tag:Env=\ud800", /is no valid text/],
  ])("%j is refused, with how to write it", (word, message) => {
    expect(refusal([word])).toMatchObject({ code: "USAGE", message: expect.stringMatching(message) });
  });

  it("about one thing twice is refused, also as a state", () => {
    expect(refusal(["tag:Env=a", "tag:Env=b"]).hint).toBe(
      "for any of several values write one: Name=tag:Env,Values=a,b",
    );
    expect(refusal(["instance-state-name=running"], ["stopped"]).message).toMatch(
      /two filters are about "instance-state-name"/,
    );
  });

  it("takes 200 values, and not one more", () => {
    const values = (count: number) => Array.from({ length: count }, (_, n) => `v${n}`).join(",");
    expect(parse(`Name=tag:Env,Values=${values(199)}`, "tag:Other=x")).toHaveLength(2);
    expect(refusal([`Name=tag:Env,Values=${values(200)}`, "tag:Other=x"]).message).toMatch(/^201 values/);
  });

  it("--state is one state or several, each once", () => {
    expect(parseInstanceFilters([], ["running,stopped", "running"])).toEqual([
      { name: "instance-state-name", values: ["running", "stopped"] },
    ]);
    for (const states of [["runing"], ["running,"], [""], ["Running"]]) {
      expect(refusal([], states).hint).toMatch(/^the states are pending, running/);
    }
  });

  it("of any text is taken as it is or refused, in linear time, and never read as more than one value", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const [filter] = parseInstanceFilters([`tag:Env=x${text}`]);
        expect(filter).toEqual({ name: "tag:Env", values: [`x${text}`] });
        try {
          const [other] = parseInstanceFilters([`Name=tag:Env,Values=${text}`]);
          expect(other?.values).not.toContain("");
        } catch (error) {
          expect((error as { code?: string }).code).toBe("USAGE");
        }
      }),
    );
    const startedAt = performance.now();
    refusal([`Name=tag:Env,Values=${"'\\".repeat(50_000)}`]);
    refusal([`Name=${" ".repeat(100_000)}x`]);
    refusal([`Name=a,${" ".repeat(100_000)}x`]);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it("is told in words", () => {
    expect(formatInstanceFilters(parseInstanceFilters(["tag:Env=dev", "Name=vpc-id,Values=a,b"]))).toBe(
      "tag:Env=dev, vpc-id=a or b",
    );
  });
});
