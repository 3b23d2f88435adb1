import { spawnSync } from "node:child_process";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HttpProxy, isBypassed } from "../../src/aws/http-proxy.ts";
import { redact } from "../../src/credentials/redaction.ts";

const STS = "sts.us-east-1.amazonaws.com";

/** NO_PROXY, the host and port of the URL, whether it is excepted. */
const EXCEPTIONS: readonly (readonly [noProxy: string, netloc: string, isExcepted: boolean])[] = [
  ["", STS, false],
  ["*", STS, true],
  [" * ", STS, false],
  ["*,other", STS, false],
  ["*.amazonaws.com", STS, false],
  [STS, STS, true],
  [STS.toUpperCase(), STS, true],
  ["amazonaws.com", STS, true],
  [".amazonaws.com", STS, true],
  ["...amazonaws.com", STS, true],
  ["other, amazonaws.com ,more", STS, true],
  ["other amazonaws.com", STS, false],
  ["zonaws.com", STS, false],
  ["sts.us-east-1", STS, false],
  ["sts.us-east-1.amazonaws.com.", STS, false],
  ["com", STS, true],
  [",, ,", STS, false],
  [".", STS, false],
  ["example.com:8443", "sts.example.com:8443", true],
  ["example.com:443", "sts.example.com:8443", false],
  ["example.com", "sts.example.com:8443", true],
  ["example.com:443", "sts.example.com", false],
  ["10.1.2.3", "10.1.2.3", true],
  ["10.1.2.3:8443", "10.1.2.3:8443", true],
  ["10.1.0.0/16", "10.1.2.3", false],
  ["2.3", "10.1.2.3", true],
  ["[2001:db8::1]", "[2001:db8::1]", true],
  ["[2001:db8::1]:8443", "[2001:db8::1]:8443", true],
  ["2001:db8::1", "[2001:db8::1]", false],
  ["\tamazonaws.com\n", STS, true],
];

function split(netloc: string): readonly [hostname: string, port: number | undefined] {
  const parts = /^(.*?)(?::(\d+))?$/.exec(netloc.startsWith("[") ? netloc.replace(/^(\[[^\]]*\])/, "") : netloc);
  const host = netloc.startsWith("[") ? netloc.slice(0, netloc.indexOf("]") + 1) : (parts?.[1] ?? "");
  return [host, parts?.[2] === undefined ? undefined : Number(parts[2])];
}

const isOurs = ([noProxy, netloc]: readonly [string, string, ...unknown[]]) => isBypassed(noProxy, ...split(netloc));

const BOTOCORE = `
import json, os, sys
from botocore.utils import should_bypass_proxies
answers = []
for no_proxy, netloc in json.load(sys.stdin):
    os.environ["NO_PROXY"] = no_proxy
    answers.append(should_bypass_proxies("https://" + netloc + "/"))
json.dump(answers, sys.stdout)
`;
const hasBotocore = spawnSync("python3", ["-c", "import botocore.utils"], { timeout: 30_000 }).status === 0;

function askBotocore(questions: readonly (readonly [string, string])[]): readonly boolean[] {
  const env = { PATH: process.env.PATH ?? "", HOME: "/nonexistent" };
  const answer = spawnSync("python3", ["-c", BOTOCORE], { input: JSON.stringify(questions), env, timeout: 60_000 });
  return JSON.parse(answer.stdout.toString()) as readonly boolean[];
}

describe("NO_PROXY", () => {
  it.each(EXCEPTIONS)("%j of %s: %s", (...row) => {
    expect(isOurs(row)).toBe(row[2]);
  });

  it("excepts nothing where it is not set", () => {
    expect(isBypassed(undefined, STS, undefined)).toBe(false);
  });

  const withBotocore = hasBotocore ? it : it.skip;
  withBotocore(`is read as botocore reads it${hasBotocore ? "" : " (LEFT OUT: no botocore here)"}`, () => {
    const label = fc.constantFrom("sts", "us-east-1", "amazonaws", "com", "example", "10", "1");
    const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
    const netloc = fc.oneof(
      name,
      fc.tuple(name, fc.constantFrom("8443", "444")).map((parts) => parts.join(":")),
      fc.constantFrom("[2001:db8::1]", "[2001:db8::1]:8443", "10.1.2.3", "10.1.2.3:444"),
    );
    const blank = fc.constantFrom("", "", "", "", "", "", " ", "\t", ".", "..", "*", "*.");
    const entry = fc
      .tuple(blank, fc.oneof(netloc, fc.constantFrom("", "*", "/", "a b")), blank)
      .map((all) => all.join(""));
    const noProxy = fc.array(entry, { maxLength: 3 }).map((entries) => entries.join(","));
    const questions = [
      ...EXCEPTIONS.map(([given, host]) => [given, host] as const),
      ...fc.sample(fc.tuple(noProxy, netloc), 4_000),
    ];
    const answers = askBotocore(questions);
    expect(answers).toHaveLength(questions.length);
    const different = questions.filter((question, index) => isOurs(question) !== answers[index]);
    expect(different).toEqual([]);
    // Both answers were among them, and not by a fluke.
    expect(answers.filter(Boolean).length).toBeGreaterThan(100);
  });
});

const PASSWORD = "pass/word@1";
const make = (parts: Partial<ConstructorParameters<typeof HttpProxy>[0]> = {}) =>
  new HttpProxy({
    protocol: "http:",
    hostname: "proxy.example",
    port: 3128,
    user: { name: "alice", password: PASSWORD },
    setBy: "HTTPS_PROXY",
    noProxy: undefined,
    ...parts,
  });

describe("a proxy", () => {
  it.each([
    ["127.0.0.1", 4566],
    ["127.1.2.3", 443],
    ["localhost", 4566],
    ["::1", 4566],
    ["[::1]", 4566],
  ])("never serves this machine: %s:%i", (host, port) => {
    expect(make().serves(host, port)).toBe(false);
  });

  it("serves what is elsewhere and not excepted", () => {
    expect(make().serves(STS, 443)).toBe(true);
    expect(make({ noProxy: "amazonaws.com" }).serves(STS, 443)).toBe(false);
    expect(make({ noProxy: `${STS}:8443` }).serves(STS, 8443)).toBe(false);
    expect(make({ noProxy: "[2001:db8::1]" }).serves("2001:db8::1", 443)).toBe(false);
  });

  it("is named by host, port and who set it", () => {
    expect(make().place).toBe("proxy.example:3128 (HTTPS_PROXY)");
    expect(make({ hostname: "2001:db8::1" }).place).toBe("[2001:db8::1]:3128 (HTTPS_PROXY)");
  });

  it("shows its password to nobody but the proxy", () => {
    const proxy = make();
    const pair = Buffer.from(`alice:${PASSWORD}`).toString("base64");
    expect(proxy.authorization).toBe(`Basic ${pair}`);
    const shown = [inspect(proxy, { showHidden: true, depth: 9 }), JSON.stringify(proxy), JSON.stringify({ ...proxy })];
    for (const text of shown) expect(text).not.toMatch(/alice|pass|Basic/);
    expect(redact(`Proxy-Authorization: Basic ${pair} ${PASSWORD} ${encodeURIComponent(PASSWORD)}`)).toBe(
      "Proxy-Authorization: Basic [secret] [secret] [secret]",
    );
  });
});
