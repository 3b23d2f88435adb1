import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endpointPlace } from "../../src/aws/endpoint-place.ts";
import { placeName } from "../../src/session/signer.ts";

const of = (endpoint: string) => endpointPlace(endpoint, "sts");

describe("the place of an endpoint", () => {
  it.each([
    ["https://sts.amazonaws.com", "aws"],
    ["https://sts.amazonaws.com/", "aws"],
    ["https://sts.amazonaws.com./", "aws"],
    ["https://sts.amazonaws.com:443", "aws"],
    ["HTTPS://STS.US-EAST-1.AmazonAWS.com", "aws"],
    ["https://sts.us-east-1.amazonaws.com", "aws"],
    ["https://sts.ap-southeast-5.amazonaws.com", "aws"],
    ["https://sts-fips.us-west-2.amazonaws.com", "aws"],
    ["https://sts.eu-central-1.api.aws", "aws"],
    ["https://sts-fips.us-east-1.api.aws", "aws"],
    ["https://vpce-0123.sts.us-east-1.vpce.amazonaws.com", "aws"],
    ["https://vpce-0a1b2c3d4e5f60718-abcdefgh.sts.us-east-1.vpce.amazonaws.com", "aws"],
    ["https://vpce-0a1b2c3d4e5f60718-abcdefgh-us-east-1a.sts.us-east-1.vpce.amazonaws.com/", "aws"],
    ["https://vpce-0a1b2c3d4e5f60718-abcdefgh.sts-fips.us-east-1.vpce.amazonaws.com", "aws"],
    ["https://sts.us-gov-west-1.amazonaws.com", "aws-us-gov"],
    ["https://vpce-0a1b-cdef.sts.us-gov-east-1.vpce.amazonaws.com", "aws-us-gov"],
    ["https://sts.cn-north-1.amazonaws.com.cn", "aws-cn"],
    ["https://sts.cn-northwest-1.api.amazonwebservices.com.cn", "aws-cn"],
    ["https://vpce-0a1b-cdef.sts.cn-north-1.vpce.amazonaws.com.cn", "aws-cn"],
  ])("%s is the partition %s", (endpoint, partition) => {
    expect(of(endpoint)).toBe(partition);
  });

  it.each([
    ["https://iam.amazonaws.com", "aws"],
    ["https://iam-fips.amazonaws.com", "aws"],
    ["https://iam.global.api.aws", "aws"],
    ["https://iam.us-gov.amazonaws.com", "aws-us-gov"],
    ["https://iam.us-gov.api.aws", "aws-us-gov"],
    ["https://iam.cn-north-1.amazonaws.com.cn", "aws-cn"],
    ["https://iam.global.api.amazonwebservices.com.cn", "aws-cn"],
    ["https://vpce-0a1b-cdef.iam.us-east-1.vpce.amazonaws.com", "aws"],
  ])("%s is the partition %s, for IAM alone", (endpoint, partition) => {
    expect(endpointPlace(endpoint, "iam")).toBe(partition);
    expect(of(endpoint)).toBe(endpoint);
  });

  it.each([
    "https://sts.amazonaws.com.evil.example",
    "https://sts.us-east-1.amazonaws.com.evil.example",
    "https://evilamazonaws.com",
    "https://stsamazonaws.com",
    "https://sts.evilamazonaws.com",
    "https://evil-sts.amazonaws.com",
    "https://evil.sts.amazonaws.com",
    "https://evil.sts.us-east-1.amazonaws.com",
    "https://amazonaws.com",
    "https://sts.amazonaws.co",
    "https://sts.amazonaws.com.cn.evil.example",
    "https://sts.us-east-1-amazonaws.com",
    "https://sts.us-east-1xamazonaws.com",
    // What anybody can rent there.
    "https://sts.s3.amazonaws.com",
    "https://sts.s3-us-west-2.amazonaws.com",
    "https://sts.s3.us-east-1.amazonaws.com",
    "https://sts.us-east-1.elb.amazonaws.com",
    "https://sts-123.us-east-1.elb.amazonaws.com",
    "https://sts.execute-api.us-east-1.amazonaws.com",
    "https://ec2-1-2-3-4.compute-1.amazonaws.com",
    "https://vpce-0a1b-cdef.vpce-svc-0123.us-east-1.vpce.amazonaws.com",
    "https://vpce-0a1b-cdef.evil.us-east-1.vpce.amazonaws.com",
    "https://vpce-0a1b-cdef.sts.us-east-1.amazonaws.com",
    "https://sts.us-east-1.vpce.amazonaws.com",
    "https://x.vpce-0a1b.sts.us-east-1.vpce.amazonaws.com",
    // No such names.
    "https://sts.us-east-1.amazonaws.com.cn",
    "https://sts.cn-north-1.amazonaws.com",
    // Not what AWS answers at.
    "https://sts.amazonaws.com:8443",
    "http://sts.amazonaws.com",
    "https://ec2.us-east-1.amazonaws.com",
    "https://10.0.0.1",
    "https://sts.internal.example/aws",
  ])("%s is its own", (endpoint) => {
    expect(of(endpoint)).toBe(endpoint);
    expect(of(`${endpoint.toUpperCase().replace(/\/AWS$/, "/aws")}/`)).toBe(endpoint);
  });

  it("of this machine is one for a port, however it is written", () => {
    const spellings = [
      "http://localhost:4566",
      "http://localhost:4566/",
      "http://LOCALHOST:4566",
      "http://localhost.:4566",
      "http://127.0.0.1:4566",
      "http://127.0.0.1:4566//",
      "http://127.1:4566",
      "http://2130706433:4566",
      "http://0x7f.0.0.1:4566",
      "http://127.255.3.4:4566",
      "http://[::1]:4566",
      "http://[0:0:0:0:0:0:0:1]:4566/",
      "https://localhost:4566",
    ];
    expect(new Set(spellings.map(of))).toEqual(new Set(["http://localhost:4566"]));
    expect(of("http://localhost")).toBe(of("http://127.0.0.1:80"));
    expect(of("https://localhost")).toBe(of("https://[::1]:443"));
    const others = [
      "http://localhost:4567",
      "http://localhost:4566/other",
      "http://localhost.evil.example:4566",
      "http://127.0.0.1.evil.example:4566",
      "http://evil-localhost:4566",
      "http://128.0.0.1:4566",
    ];
    expect(new Set([...others, "http://localhost:4566"].map(of)).size).toBe(others.length + 1);
  });

  it("is the partition for AWS's names alone, whatever stands around them", () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
    const labels = fc.array(label, { minLength: 1, maxLength: 3 }).map((each) => each.join("."));
    const names = fc.constantFrom(
      "sts.amazonaws.com",
      "sts.us-east-1.amazonaws.com",
      "sts.cn-north-1.amazonaws.com.cn",
      "vpce-0a1b-cdef.sts.us-east-1.vpce.amazonaws.com",
    );
    fc.assert(
      fc.property(names, labels, fc.constantFrom("", ".", "-"), (name, other, joint) => {
        for (const host of [`${name}.${other}`, `${name}${joint}${other}`, `${other}${joint}${name}`]) {
          const endpoint = `https://${host}`;
          // A name that is longer by a part of a VPC endpoint's id is AWS's own.
          if (!URL.canParse(endpoint) || /^vpce-[0-9a-z-]+\.sts\.us-east-1\.vpce\.amazonaws\.com$/.test(host)) continue;
          expect(of(endpoint)).toMatch(/^https:/);
        }
      }),
    );
  });

  it("never throws, and is the same of what it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl(), fc.string()), (text) => {
        const place = of(text);
        expect(of(place)).toBe(place);
      }),
    );
  });
});

describe("where what is known of a device is kept", () => {
  const origin = { kind: "option", option: "--endpoint-url" } as const;

  it("is the partition, named or not", () => {
    const endpoints = { sts: { value: "https://sts.us-east-1.amazonaws.com", origin } };
    expect(placeName({ endpoints, partition: "aws" })).toBe("aws");
    expect(placeName({ endpoints: {}, partition: "aws" })).toBe("aws");
    expect(placeName({ endpoints: {}, partition: "aws-cn" })).toBe("aws-cn");
  });

  it("is the endpoint's, whatever partition the role is of", () => {
    const endpoints = { sts: { value: "http://127.0.0.1:4566", origin } };
    expect(placeName({ endpoints, partition: "aws" })).toBe("http://localhost:4566");
  });
});
