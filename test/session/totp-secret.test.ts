import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatBase32 } from "../../src/sandbox/totp.ts";
import { computeTokenCode, parseTotpSecret, totpStepAt } from "../../src/session/totp-secret.ts";

const RFC_SECRET = formatBase32(Buffer.from("12345678901234567890"));

describe("a code", () => {
  // RFC 6238, appendix B: SHA-1, its last six digits.
  it.each([
    [59, "287082"],
    [1111111109, "081804"],
    [1111111111, "050471"],
    [1234567890, "005924"],
    [2000000000, "279037"],
    [20000000000, "353130"],
  ])("is the RFC's at %i s", async (seconds, code) => {
    expect(await computeTokenCode(RFC_SECRET, totpStepAt(seconds * 1000))).toBe(code);
  });

  it.each([
    [0, 0],
    [29_999, 0],
    [30_000, 1],
    [59_999, 1],
  ])("of %i ms belongs to step %i", (nowMs, step) => {
    expect(totpStepAt(nowMs)).toBe(step);
  });

  const hasOathtool = spawnSync("oathtool", ["--version"]).status === 0;
  const leftOut = hasOathtool ? "" : " (NOT INSTALLED: apt-get install oathtool)";
  it.skipIf(!hasOathtool)(`is oathtool's, for secrets of every length${leftOut}`, async () => {
    for (let bytes = 10; bytes <= 64; bytes += 3) {
      const secret = formatBase32(randomBytes(bytes));
      const seconds = 1_700_000_000 + bytes * 12_345_678;
      const told = execFileSync("oathtool", ["--totp", "-b", "-N", `@${seconds}`, "-"], {
        input: `${secret}\n`,
        encoding: "utf8",
      });
      expect(await computeTokenCode(parseTotpSecret(secret) ?? "", totpStepAt(seconds * 1000))).toBe(told.trim());
    }
  });
});

describe("a secret", () => {
  it("is read as it was meant, whatever blanks, hyphens, case and padding it came with", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 10, maxLength: 128 }),
        fc.infiniteStream(fc.constantFrom("", "", "", " ", "-", "\t", "\n", "\u00a0")),
        fc.infiniteStream(fc.boolean()),
        fc.nat(6),
        async (bytes, blanks, cases, padding) => {
          const plain = formatBase32(bytes);
          const written = [...plain].map((char) => {
            const letter = cases.next().value ? char : char.toLowerCase();
            return `${blanks.next().value}${letter}`;
          });
          expect(parseTotpSecret(`${written.join("")}${"=".repeat(padding)} `)).toBe(plain);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("that is taken makes a code; whatever else is refused without a throw", async () => {
    const hostile = fc.oneof(
      fc.string({ maxLength: 60, unit: "binary" }),
      fc.string({ maxLength: 60, unit: fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZ234567abc =-0189") }),
    );
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        const secret = parseTotpSecret(text);
        if (secret !== undefined) expect(await computeTokenCode(secret, 1)).toMatch(/^\d{6}$/);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ["nothing", ""],
    ["blanks", " - ="],
    ["digits that base32 has not", "GEZDGNBVGY3TQOJ0"],
    ["padding in the middle", "GEZDGNBV====GY3TQOJQ"],
    ["less than ten bytes", "GEZDGNBVGY3TQOA"],
    ["one character too many", `${"GEZDGNBVGY3TQOJQ"}A`],
    ["three characters too many", `${"GEZDGNBVGY3TQOJQ"}AAA`],
    ["six characters too many", `${"GEZDGNBVGY3TQOJQ"}AAAAAA`],
    ["bits beyond its last byte", `${"GEZDGNBVGY3TQOJQ"}GF`],
    ["more than 128 bytes", formatBase32(randomBytes(129))],
    ["letters that only look like base32's", "ＧＥＺＤＧＮＢＶＧＹ３ＴＱＯＪＱ"],
  ])("of %s is none", (_, text) => {
    expect(parseTotpSecret(text)).toBeUndefined();
  });
});
