import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import type { Environment } from "../../src/host/host.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { formatOrigin } from "../../src/target/format-origin.ts";
import { resolveConnection } from "../../src/target/resolve-connection.ts";

function resolve(env: Environment, section = "") {
  const config = parseAwsConfig(`[profile dev]\n${section}`, "/aws/config", "config");
  const credentials = parseAwsConfig("", "/aws/credentials", "credentials");
  return resolveConnection(makeAwsConfig(config, credentials, false).profile("dev"), env);
}

function refusal(env: Environment, section = ""): AssumeMfaError {
  try {
    resolve(env, section);
  } catch (error) {
    if (error instanceof AssumeMfaError) return error;
    throw error;
  }
  throw new Error("it was resolved");
}

/** Environment, and the proxy's place. */
const PROXIES: readonly (readonly [Environment, string | undefined])[] = [
  [{}, undefined],
  [{ HTTPS_PROXY: "http://proxy.example:3128" }, "proxy.example:3128 (HTTPS_PROXY)"],
  [{ https_proxy: "http://proxy.example:3128" }, "proxy.example:3128 (https_proxy)"],
  [{ https_proxy: "http://lower:1", HTTPS_PROXY: "http://upper:2" }, "lower:1 (https_proxy)"],
  [{ https_proxy: "", HTTPS_PROXY: "http://upper:2" }, undefined],
  [{ https_proxy: "http://lower:1", HTTPS_PROXY: "" }, "lower:1 (https_proxy)"],
  [{ HTTPS_PROXY: "" }, undefined],
  [{ HTTP_PROXY: "http://proxy.example:3128", ALL_PROXY: "http://proxy.example:3128" }, undefined],
  [{ http_proxy: "http://proxy.example:3128", all_proxy: "http://proxy.example:3128" }, undefined],
];

describe("the proxy", () => {
  it.each(PROXIES)("of %j: %s", (env, place) => {
    expect(resolve(env).proxy?.place).toBe(place);
  });

  const hasBotocore = spawnSync("python3", ["-c", "import botocore.utils"], { timeout: 30_000 }).status === 0;
  const withBotocore = hasBotocore ? it : it.skip;
  withBotocore(`is the one that botocore takes${hasBotocore ? "" : " (LEFT OUT: no botocore here)"}`, () => {
    const program = `
import json, os, sys
from botocore.utils import get_environ_proxies
from botocore.httpsession import ProxyConfiguration
answers = []
path = os.environ["PATH"]
for env in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(env, PATH=path)
    url = "https://sts.us-east-1.amazonaws.com"
    answers.append(ProxyConfiguration(get_environ_proxies(url)).proxy_url_for(url))
json.dump(answers, sys.stdout)`;
    const env = { PATH: process.env.PATH ?? "" };
    const input = JSON.stringify(PROXIES.map(([given]) => given));
    const { stdout } = spawnSync("python3", ["-c", program], { input, env, timeout: 60_000 });
    const taken = (JSON.parse(stdout.toString()) as (string | null)[]).map((url) => url && new URL(url).host);
    expect(taken).toEqual(PROXIES.map(([, place]) => place?.replace(/ .*/, "") ?? null));
  });

  it.each([
    ["proxy.example:3128", "http:", "proxy.example", 3128],
    ["//proxy.example:3128", "http:", "proxy.example", 3128],
    ["proxy.example", "http:", "proxy.example", 80],
    ["http://proxy.example/", "http:", "proxy.example", 80],
    ["https://proxy.example", "https:", "proxy.example", 443],
    ["HTTPS://PROXY.example:8443", "https:", "proxy.example", 8443],
    ["http://[2001:db8::1]:3128", "http:", "2001:db8::1", 3128],
    ["10.1.2.3:8080", "http:", "10.1.2.3", 8080],
  ])("%s is understood", (HTTPS_PROXY, protocol, hostname, port) => {
    expect(resolve({ HTTPS_PROXY }).proxy).toMatchObject({ protocol, hostname, port });
  });

  it("goes with NO_PROXY, lower case first", () => {
    const HTTPS_PROXY = "http://proxy.example:3128";
    expect(resolve({ HTTPS_PROXY, NO_PROXY: "a" }).proxy?.noProxy).toBe("a");
    expect(resolve({ HTTPS_PROXY, NO_PROXY: "a", no_proxy: "b" }).proxy?.noProxy).toBe("b");
    expect(resolve({ HTTPS_PROXY, NO_PROXY: "a", no_proxy: "" }).proxy?.noProxy).toBeUndefined();
  });

  it.each([
    ["http://alice:pass%2Fword@proxy.example:3128", "alice:pass/word"],
    ["alice:pass%40word@proxy.example:3128", "alice:pass@word"],
    ["http://alice@proxy.example:3128", "alice:"],
    ["http://al%C3%ADce:w@proxy.example", "alíce:w"],
  ])("%s is told the user and the password as they are", (HTTPS_PROXY, pair) => {
    expect(resolve({ HTTPS_PROXY }).proxy?.authorization).toBe(`Basic ${Buffer.from(pair).toString("base64")}`);
  });

  it.each([
    "socks5://alice:hunter-two@proxy.example:1080",
    "http://alice:hunter-two/x@proxy.example:3128",
    "http://alice:12/hunter-two@proxy.example:3128",
    "http://alice:12?hunter-two@proxy.example:3128",
    "http://alice:12#hunter-two@proxy.example:3128",
    "http://alice:hunter-two%@proxy.example:3128",
    "http://alice:hunter-two@:3128",
    "http://alice:hunter-two@proxy.example:99999",
    "http://alice:hunter-two@proxy example:3128",
    "http://alice:hunter-two@proxy.example:3128\r\nX: y",
    "http://alice:hunter-two@pröxy.example:3128",
    `http://alice:hunter-two@${"a".repeat(3000)}:3128`,
    "http://",
    " ",
  ])("%j is refused, and not shown", (HTTPS_PROXY) => {
    const { code, message, hint = "" } = refusal({ HTTPS_PROXY });
    expect(code).toBe("USAGE");
    expect(message).toMatch(/^HTTPS_PROXY (?:is no proxy's URL|names a kind of proxy that is not supported)/);
    expect(message + hint).not.toMatch(/hunter|alice/);
  });
});

describe("the CA bundle", () => {
  it.each<[string, Environment, string, object | undefined]>([
    ["none", {}, "", undefined],
    ["the variable's", { AWS_CA_BUNDLE: "/a.pem" }, "", { path: "/a.pem", setBy: "AWS_CA_BUNDLE" }],
    ["the profile's", {}, "ca_bundle = /b.pem\n", { path: "/b.pem", setBy: "/aws/config:2" }],
    [
      "the variable's before the profile's, as for the AWS CLI",
      { AWS_CA_BUNDLE: "/a.pem" },
      "ca_bundle = /b.pem\n",
      { path: "/a.pem", setBy: "AWS_CA_BUNDLE" },
    ],
    [
      "the profile's where the variable is empty",
      { AWS_CA_BUNDLE: "" },
      "ca_bundle = b.pem\n",
      { path: "b.pem", setBy: "/aws/config:2" },
    ],
    [
      "one at home",
      { HOME: "/home/alice" },
      "ca_bundle = ~/b.pem\n",
      { path: "/home/alice/b.pem", setBy: "/aws/config:2" },
    ],
    ["as it is written without a home", {}, "ca_bundle = ~/b.pem\n", { path: "~/b.pem", setBy: "/aws/config:2" }],
  ])("is %s", (_what, env, section, expected) => {
    const { origin, ...bundle } = resolve(env, section).caBundle ?? {};
    expect(bundle).toEqual(expected ?? {});
    expect(origin && formatOrigin(origin)).toBe((expected as { setBy?: string } | undefined)?.setBy);
  });

  it("is refused where the profile's is empty: the AWS CLI would then verify nothing", () => {
    const { code, exitCode, message } = refusal({}, "ca_bundle =\n");
    expect([code, exitCode, message]).toEqual(["CONFIG_MALFORMED", 3, "/aws/config:2: ca_bundle is empty"]);
  });
});
