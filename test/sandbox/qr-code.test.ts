import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { encodePng } from "../../src/sandbox/png.ts";
import { encodeQrCode } from "../../src/sandbox/qr-code.ts";

const hasZbar = spawnSync("zbarimg", ["--version"]).status === 0;
const noted = (name: string) => (hasZbar ? name : `${name} (NOT INSTALLED: apt-get install zbar-tools)`);

describe("a QR code", () => {
  const folder = mkdtempSync(join(tmpdir(), "sandbox-qr-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  const read = (text: string): string => {
    const path = join(folder, "code.png");
    writeFileSync(path, encodePng(encodeQrCode(text)));
    return spawnSync("zbarimg", ["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", path], { encoding: "utf8" })
      .stdout;
  };

  // The most that each version holds, and one byte less than the next needs.
  const sizes = [1, 17, 18, 32, 53, 78, 106, 134, 135, 154, 192, 230, 231, 271, 321, 367, 425, 458, 520];
  it.skipIf(!hasZbar).each(sizes)(noted("of %i bytes is read by zbar"), (size) => {
    const text = Array.from({ length: size }, (_, index) => String.fromCharCode(97 + ((index * 7 + size) % 26))).join(
      "",
    );
    expect(read(text)).toBe(`${text}\n`);
  });

  it("has the side of its version, and refuses what no version holds", () => {
    expect(encodeQrCode("a")).toHaveLength(21);
    expect(encodeQrCode("a".repeat(520))).toHaveLength(77);
    expect(() => encodeQrCode("a".repeat(521))).toThrow(RangeError);
  });

  // ISO/IEC 18004, table C.1: the format information of level L under masks 0 to 7.
  it("says its level and mask in both places, exactly", () => {
    const formats = [0x77c4, 0x72f3, 0x7daa, 0x789d, 0x662f, 0x6318, 0x6c41, 0x6976];
    for (let length = 1; length <= 50; length += 7) {
      const modules = encodeQrCode("a".repeat(length));
      const size = modules.length;
      const bit = (x: number, y: number) => (modules[y]?.[x] ? 1 : 0);
      const first = [0, 1, 2, 3, 4, 5, 7, 8].map((y) => bit(8, y)).concat([7, 5, 4, 3, 2, 1, 0].map((x) => bit(x, 8)));
      const second = Array.from({ length: 8 }, (_, index) => bit(size - 1 - index, 8)).concat(
        Array.from({ length: 7 }, (_, index) => bit(8, size - 7 + index)),
      );
      const value = (bits: number[]) => bits.reduce((sum, each, index) => sum + each * 2 ** index, 0);
      expect(formats).toContain(value(first));
      expect(value(second)).toBe(value(first));
    }
  });

  it("as PNG is white around, one bit a pixel", () => {
    const png = encodePng([[true]]);
    const size = 9 * 5;
    expect(png.subarray(0, 8).toString("latin1")).toBe("\u0089PNG\r\n\u001a\n");
    expect(png.readUInt32BE(16)).toBe(size);
    const dataLength = png.readUInt32BE(33);
    const pixels = inflateSync(png.subarray(41, 41 + dataLength));
    const isBlack = (x: number, y: number) => ((pixels[y * 7 + 1 + (x >> 3)] ?? 0) & (0x80 >> (x & 7))) === 0;
    expect([isBlack(0, 0), isBlack(20, 20), isBlack(24, 24), isBlack(25, 25), isBlack(19, 20)]).toEqual([
      false,
      true,
      true,
      false,
      false,
    ]);
  });
});
