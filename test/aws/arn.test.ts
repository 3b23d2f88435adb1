import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultRegionOf, parseRoleArn } from "../../src/aws/arn.ts";
import { isLoopbackHost, isLoopbackUrl } from "../../src/aws/loopback.ts";

describe("parseRoleArn", () => {
  it.each([
    ["arn:aws:iam::222222222222:role/Admin", "aws", "Admin"],
    ["arn:aws-cn:iam::222222222222:role/Admin", "aws-cn", "Admin"],
    ["arn:aws-us-gov:iam::222222222222:role/Admin", "aws-us-gov", "Admin"],
    ["arn:aws:iam::222222222222:role/a/path/of/it/Admin", "aws", "Admin"],
    ["arn:aws:iam::222222222222:role/aws-reserved/sso.amazonaws.com/x", "aws", "x"],
    [`arn:aws:iam::222222222222:role/${"a".repeat(64)}`, "aws", "a".repeat(64)],
    ["arn:aws:iam::222222222222:role/A_b+c=d,e.f@g-h", "aws", "A_b+c=d,e.f@g-h"],
  ])("%.60s", (arn, partition, roleName) => {
    expect(parseRoleArn(arn)).toEqual({ arn, partition, accountId: "222222222222", roleName });
  });

  it.each([
    [""],
    ["Admin"],
    ["arn:aws:iam::222222222222:role/"],
    ["arn:aws:iam::222222222222:role//"],
    ["arn:aws:iam::222222222222:user/alice"],
    ["arn:aws:sts::222222222222:assumed-role/Admin/alice"],
    ["arn:aws:iam::22222222222:role/Admin"],
    ["arn:aws:iam::2222222222222:role/Admin"],
    ["arn:aws:iam::２２２２２２２２２２２２:role/Admin"],
    ["arn:aws:iam:us-east-1:222222222222:role/Admin"],
    ["arn:aws-iso:iam::222222222222:role/Admin"],
    ["ARN:aws:iam::222222222222:role/Admin"],
    [" arn:aws:iam::222222222222:role/Admin"],
    ["arn:aws:iam::222222222222:role/Admin\n"],
    ["arn:aws:iam::222222222222:role/Ad min"],
    ["arn:aws:iam::222222222222:role/a b/Admin"],
    [`arn:aws:iam::222222222222:role/${"a".repeat(65)}`],
    [`arn:aws:iam::222222222222:role/${"a/".repeat(100_000)}Admin`],
  ])("%.60j is none", (text) => {
    expect(parseRoleArn(text)).toBeUndefined();
  });

  it("never throws, and what it takes comes back as it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (tail) => {
        const role = parseRoleArn(`arn:aws:iam::222222222222:role/${tail}`);
        expect(role === undefined || tail.endsWith(role.roleName)).toBe(true);
      }),
    );
  });
});

describe("defaultRegionOf", () => {
  it("is a region of the partition", () => {
    expect(["aws", "aws-cn", "aws-us-gov"].map(defaultRegionOf)).toEqual(["us-east-1", "cn-north-1", "us-gov-west-1"]);
  });
});

describe("loopback", () => {
  it.each([
    ["http://127.0.0.1:4566", true],
    ["http://127.1", true],
    ["http://0x7f000001/", true],
    ["http://2130706433", true],
    ["https://127.255.255.254/x", true],
    ["http://[::1]:80", true],
    ["http://localhost", true],
    ["http://LOCALHOST", true],
    ["http://127.0.0.1.evil.example", false],
    ["http://127.0.0.1@evil.example", false],
    ["http://localhost.evil.example", false],
    ["http://0.0.0.0", false],
    ["http://128.0.0.1", false],
    ["http://[::ffff:127.0.0.1]", false],
    ["http://192.168.0.1", false],
    ["not a url", false],
    ["", false],
  ])("%s: %s", (url, isLoopback) => {
    expect(isLoopbackUrl(url)).toBe(isLoopback);
  });

  it("of a host name as URL gives it", () => {
    for (const host of ["127.0.0.1", "[::1]", "localhost"]) expect(isLoopbackHost(host)).toBe(true);
    for (const host of ["", "127.0.0", "1127.0.0.1", "::1", "localhost.", "127.0.0.1\n"])
      expect(isLoopbackHost(host)).toBe(false);
  });
});
