import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { generateSync } from "otplib";
import { describe, expect, it } from "vitest";
import {
  computeTotp,
  formatBase32,
  matchConsecutiveTotp,
  matchTotp,
  parseBase32,
  totpStepAt,
} from "../../src/sandbox/totp.ts";

const SHA1_SECRET = Buffer.from("12345678901234567890");
const SHA256_SECRET = Buffer.from("12345678901234567890123456789012");
const SHA512_SECRET = Buffer.from("1234567890123456789012345678901234567890123456789012345678901234");

describe("codes", () => {
  // RFC 6238, appendix B.
  it.each([
    [59, "94287082", "46119246", "90693936"],
    [1111111109, "07081804", "68084774", "25091201"],
    [1111111111, "14050471", "67062674", "99943326"],
    [1234567890, "89005924", "91819424", "93441116"],
    [2000000000, "69279037", "90698825", "38618901"],
    [20000000000, "65353130", "77737706", "47863826"],
  ])("are the RFC's at %i s", (seconds, sha1, sha256, sha512) => {
    const step = totpStepAt(seconds * 1_000);
    expect(computeTotp(SHA1_SECRET, step, 8)).toBe(sha1);
    expect(computeTotp(SHA256_SECRET, step, 8, "sha256")).toBe(sha256);
    expect(computeTotp(SHA512_SECRET, step, 8, "sha512")).toBe(sha512);
    expect(computeTotp(SHA1_SECRET, step)).toBe(sha1.slice(2));
  });

  it("are those of otplib for random secrets and times", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 40 }),
        fc.integer({ min: 0, max: 4e9 }),
        (secret, epoch) => {
          const expected = generateSync({ secret: formatBase32(secret), epoch });
          expect(computeTotp(secret, totpStepAt(epoch * 1_000))).toBe(expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  const hasOathtool = spawnSync("oathtool", ["--version"]).status === 0;
  it.skipIf(!hasOathtool)(
    `are those of oathtool${hasOathtool ? "" : " (NOT INSTALLED: apt-get install oathtool)"}`,
    () => {
      for (let round = 0; round < 10; round += 1) {
        const secret = randomBytes(40);
        const seconds = 1_700_000_000 + round * 12_345_678;
        const args = ["--totp", "-b", formatBase32(secret), "-N", `@${seconds}`];
        const code = execFileSync("oathtool", args, { encoding: "utf8" }).trim();
        expect(computeTotp(secret, totpStepAt(seconds * 1_000))).toBe(code);
      }
    },
  );
});

describe("acceptance", () => {
  const now = 1_700_000_000_000;
  const step = totpStepAt(now);
  const codeAt = (offset: number) => computeTotp(SHA1_SECRET, step + offset);

  it.each([
    [-2, undefined],
    [-1, step - 1],
    [0, step],
    [1, step + 1],
    [2, undefined],
  ])("of the code %i steps away", (offset, expected) => {
    expect(matchTotp(SHA1_SECRET, codeAt(offset), now, undefined)).toBe(expected);
  });

  it("never takes a step at or before the last accepted one", () => {
    expect(matchTotp(SHA1_SECRET, codeAt(0), now, step)).toBeUndefined();
    expect(matchTotp(SHA1_SECRET, codeAt(-1), now, step)).toBeUndefined();
    expect(matchTotp(SHA1_SECRET, codeAt(1), now, step)).toBe(step + 1);
    expect(matchTotp(SHA1_SECRET, codeAt(1), now, step + 1)).toBeUndefined();
  });

  it.each(["", "00000", "0000000", "abcdef", "١٢٣٤٥٦"])("refuses %j", (code) => {
    expect(matchTotp(SHA1_SECRET, code, now, undefined)).toBeUndefined();
  });

  it("takes two consecutive codes, in order, within the window", () => {
    expect(matchConsecutiveTotp(SHA1_SECRET, codeAt(-1), codeAt(0), now, 10)).toBe(step);
    expect(matchConsecutiveTotp(SHA1_SECRET, codeAt(0), codeAt(-1), now, 10)).toBeUndefined();
    expect(matchConsecutiveTotp(SHA1_SECRET, codeAt(0), codeAt(0), now, 10)).toBeUndefined();
    expect(matchConsecutiveTotp(SHA1_SECRET, codeAt(20), codeAt(21), now, 10)).toBeUndefined();
  });
});

describe("base32", () => {
  it("comes back from its own text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(new Uint8Array(parseBase32(formatBase32(bytes)))).toEqual(new Uint8Array(bytes));
        expect(new Uint8Array(parseBase32(`${formatBase32(bytes).toLowerCase()}==`))).toEqual(new Uint8Array(bytes));
      }),
    );
  });

  it("writes the RFC's secret as AWS.md quotes it", () => {
    expect(formatBase32(SHA1_SECRET)).toBe("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
  });

  it("refuses other digits", () => {
    expect(() => parseBase32("GEZ1")).toThrow(RangeError);
  });
});
