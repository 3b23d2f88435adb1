import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Pixels of one module, and modules of white around: what ISO 18004 asks for. */
const SCALE = 5;
const QUIET_ZONE = 4;

/**
 * A black and white PNG (one bit a pixel) of a QR code.
 * @param modules rows of a square, true for black
 */
export function encodePng(modules: readonly (readonly boolean[])[]): Buffer {
  const size = (modules.length + 2 * QUIET_ZONE) * SCALE;
  const rowBytes = Math.ceil(size / 8);
  const pixels = Buffer.alloc(size * (rowBytes + 1));
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const isBlack = modules[Math.floor(y / SCALE) - QUIET_ZONE]?.[Math.floor(x / SCALE) - QUIET_ZONE] === true;
      // Grey scale of one bit: 1 is white. The first byte of a row is its filter, none.
      const at = y * (rowBytes + 1) + 1 + (x >> 3);
      if (!isBlack) pixels[at] = (pixels[at] ?? 0) | (0x80 >> (x & 7));
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.writeUInt8(1, 8);
  return Buffer.concat([
    SIGNATURE,
    formatChunk("IHDR", header),
    formatChunk("IDAT", deflateSync(pixels)),
    formatChunk("IEND", Buffer.alloc(0)),
  ]);
}

function formatChunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, check]);
}
