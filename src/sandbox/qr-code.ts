/**
 * A QR code (ISO/IEC 18004) of a text in byte mode at error correction level L, versions 1 to 15: up to 520 bytes, more
 * than any otpauth URI that CreateVirtualMFADevice makes.
 */

interface Version {
  readonly number: number;
  readonly correctionPerBlock: number;
  /** Data codewords of each block. */
  readonly blocks: readonly number[];
  /** Centres of the alignment patterns, in both directions. */
  readonly alignment: readonly number[];
}

const repeat = (count: number, size: number): number[] => Array.from({ length: count }, () => size);

/** ISO/IEC 18004, tables 9 and E.1, level L. */
const VERSIONS: readonly Version[] = [
  { number: 1, correctionPerBlock: 7, blocks: [19], alignment: [] },
  { number: 2, correctionPerBlock: 10, blocks: [34], alignment: [6, 18] },
  { number: 3, correctionPerBlock: 15, blocks: [55], alignment: [6, 22] },
  { number: 4, correctionPerBlock: 20, blocks: [80], alignment: [6, 26] },
  { number: 5, correctionPerBlock: 26, blocks: [108], alignment: [6, 30] },
  { number: 6, correctionPerBlock: 18, blocks: repeat(2, 68), alignment: [6, 34] },
  { number: 7, correctionPerBlock: 20, blocks: repeat(2, 78), alignment: [6, 22, 38] },
  { number: 8, correctionPerBlock: 24, blocks: repeat(2, 97), alignment: [6, 24, 42] },
  { number: 9, correctionPerBlock: 30, blocks: repeat(2, 116), alignment: [6, 26, 46] },
  { number: 10, correctionPerBlock: 18, blocks: [...repeat(2, 68), ...repeat(2, 69)], alignment: [6, 28, 50] },
  { number: 11, correctionPerBlock: 20, blocks: repeat(4, 81), alignment: [6, 30, 54] },
  { number: 12, correctionPerBlock: 24, blocks: [...repeat(2, 92), ...repeat(2, 93)], alignment: [6, 32, 58] },
  { number: 13, correctionPerBlock: 26, blocks: repeat(4, 107), alignment: [6, 34, 62] },
  { number: 14, correctionPerBlock: 30, blocks: [...repeat(3, 115), 116], alignment: [6, 26, 46, 66] },
  { number: 15, correctionPerBlock: 22, blocks: [...repeat(5, 87), 88], alignment: [6, 26, 48, 70] },
];

/**
 * @returns rows of a square, true for a dark module
 * @throws RangeError for more than 520 bytes
 */
export function encodeQrCode(text: string): readonly (readonly boolean[])[] {
  const bytes = Buffer.from(text, "utf8");
  const version = VERSIONS.find((each) => bytes.length <= sum(each.blocks) - headerBytes(each));
  if (version === undefined) throw new RangeError("too long for a QR code of these versions");
  const codewords = interleave(version, makeDataCodewords(version, bytes));
  const candidates = MASKS.map((mask, number) => {
    const grid = new Grid(version);
    grid.drawCodewords(codewords, mask);
    grid.drawFormat(number);
    return grid.modules;
  });
  const penalties = candidates.map(penaltyOf);
  return candidates[penalties.indexOf(Math.min(...penalties))] ?? [];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** Mode and count, with the four bits of the terminator, in whole bytes. */
function headerBytes({ number }: Version): number {
  return number < 10 ? 2 : 3;
}

function makeDataCodewords(version: Version, bytes: Buffer): number[] {
  const capacity = sum(version.blocks);
  const countBits = version.number < 10 ? 8 : 16;
  const bits = [0b0100].flatMap((mode) => toBits(mode, 4));
  bits.push(...toBits(bytes.length, countBits));
  for (const byte of bytes) bits.push(...toBits(byte, 8));
  bits.push(...toBits(0, Math.min(4, capacity * 8 - bits.length)));
  while (bits.length % 8 !== 0) bits.push(0);
  const codewords: number[] = [];
  for (let at = 0; at < bits.length; at += 8) {
    codewords.push(bits.slice(at, at + 8).reduce((value, bit) => (value << 1) | bit, 0));
  }
  for (let pad = 0xec; codewords.length < capacity; pad ^= 0xec ^ 0x11) codewords.push(pad);
  return codewords;
}

function toBits(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (value >>> (count - 1 - index)) & 1);
}

/** Blocks with their correction, column by column. */
function interleave(version: Version, data: readonly number[]): number[] {
  const generator = makeGenerator(version.correctionPerBlock);
  let at = 0;
  const blocks = version.blocks.map((size) => {
    const block = data.slice(at, at + size);
    at += size;
    return { block, correction: remainderOf(block, generator) };
  });
  const columns = (lists: readonly (readonly number[])[]) => {
    const longest = Math.max(...lists.map(({ length }) => length));
    return Array.from({ length: longest }, (_, index) => lists.flatMap((list) => list[index] ?? [])).flat();
  };
  return [...columns(blocks.map(({ block }) => block)), ...columns(blocks.map(({ correction }) => correction))];
}

/** Multiplication in GF(256) with the polynomial 0x11d. */
function multiply(left: number, right: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((right >>> bit) & 1) * left;
  }
  return product;
}

function makeGenerator(degree: number): number[] {
  const coefficients = [...repeat(degree - 1, 0), 1];
  let root = 1;
  for (let round = 0; round < degree; round += 1) {
    for (let index = 0; index < degree; index += 1) {
      coefficients[index] = multiply(coefficients[index] ?? 0, root) ^ (coefficients[index + 1] ?? 0);
    }
    root = multiply(root, 2);
  }
  return coefficients;
}

function remainderOf(data: readonly number[], generator: readonly number[]): number[] {
  let remainder = repeat(generator.length, 0);
  for (const byte of data) {
    const factor = byte ^ (remainder[0] ?? 0);
    remainder = [...remainder.slice(1), 0];
    remainder = remainder.map((value, index) => value ^ multiply(generator[index] ?? 0, factor));
  }
  return remainder;
}

type Mask = (x: number, y: number) => boolean;

const MASKS: readonly Mask[] = [
  (x, y) => (x + y) % 2 === 0,
  (_x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** The square, drawn in two steps: what every code of a version has, then the data around it. */
class Grid {
  readonly modules: boolean[][];
  readonly #isReserved: boolean[][];
  readonly #size: number;

  constructor(version: Version) {
    this.#size = version.number * 4 + 17;
    const square = () => Array.from({ length: this.#size }, () => Array.from({ length: this.#size }, () => false));
    this.modules = square();
    this.#isReserved = square();
    for (let index = 0; index < this.#size; index += 1) {
      this.#set(6, index, index % 2 === 0);
      this.#set(index, 6, index % 2 === 0);
    }
    for (const [x, y] of [
      [3, 3],
      [this.#size - 4, 3],
      [3, this.#size - 4],
    ] as const) {
      this.#drawFinder(x, y);
    }
    const { alignment } = version;
    const last = alignment.at(-1);
    for (const x of alignment) {
      for (const y of alignment) {
        const meetsFinder = (x === 6 && y === 6) || (x === 6 && y === last) || (x === last && y === 6);
        if (!meetsFinder) this.#drawAlignment(x, y);
      }
    }
    this.drawFormat(0);
    if (version.number >= 7) this.#drawVersion(version.number);
  }

  /** Level L and the mask, with their own correction (BCH 15, 5), twice. */
  drawFormat(mask: number): void {
    const data = (0b01 << 3) | mask;
    let remainder = data;
    for (let round = 0; round < 10; round += 1) remainder = (remainder << 1) ^ ((remainder >>> 9) * 0x537);
    const bits = ((data << 10) | remainder) ^ 0x5412;
    const bit = (index: number) => ((bits >>> index) & 1) === 1;
    const size = this.#size;
    for (let index = 0; index < 15; index += 1) {
      const row = index < 6 ? index : index < 8 ? index + 1 : size - 15 + index;
      this.#set(8, row, bit(index));
      const column = index < 8 ? size - 1 - index : index === 8 ? 7 : 14 - index;
      this.#set(column, 8, bit(index));
    }
    this.#set(8, size - 8, true);
  }

  /** Two columns at a time from the right, up and down in turn, over what is free. */
  drawCodewords(codewords: readonly number[], mask: Mask): void {
    const bits = codewords.flatMap((codeword) => toBits(codeword, 8));
    let at = 0;
    let isUpward = true;
    for (let right = this.#size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      for (let step = 0; step < this.#size; step += 1) {
        const y = isUpward ? this.#size - 1 - step : step;
        for (const x of [right, right - 1]) {
          if (this.#isReserved[y]?.[x]) continue;
          const row = this.modules[y];
          if (row !== undefined) row[x] = (bits[at] === 1) !== mask(x, y);
          at += 1;
        }
      }
      isUpward = !isUpward;
    }
  }

  #set(x: number, y: number, isDark: boolean): void {
    const row = this.modules[y];
    const reserved = this.#isReserved[y];
    if (row === undefined || reserved === undefined || x < 0 || x >= this.#size) return;
    row[x] = isDark;
    reserved[x] = true;
  }

  #drawFinder(centreX: number, centreY: number): void {
    for (let dy = -4; dy <= 4; dy += 1) {
      for (let dx = -4; dx <= 4; dx += 1) {
        const distance = Math.max(Math.abs(dx), Math.abs(dy));
        this.#set(centreX + dx, centreY + dy, distance !== 2 && distance !== 4);
      }
    }
  }

  #drawAlignment(centreX: number, centreY: number): void {
    for (let dy = -2; dy <= 2; dy += 1) {
      for (let dx = -2; dx <= 2; dx += 1) {
        this.#set(centreX + dx, centreY + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
      }
    }
  }

  /** The version with its correction (BCH 18, 6), twice. */
  #drawVersion(number: number): void {
    let remainder = number;
    for (let round = 0; round < 12; round += 1) remainder = (remainder << 1) ^ ((remainder >>> 11) * 0x1f25);
    const bits = (number << 12) | remainder;
    for (let index = 0; index < 18; index += 1) {
      const isDark = ((bits >>> index) & 1) === 1;
      const far = this.#size - 11 + (index % 3);
      const near = Math.floor(index / 3);
      this.#set(far, near, isDark);
      this.#set(near, far, isDark);
    }
  }
}

/** How hard a mask makes the code to read (ISO/IEC 18004, 7.8.3): runs, blocks, patterns like a finder's, balance. */
function penaltyOf(modules: readonly (readonly boolean[])[]): number {
  const size = modules.length;
  const at = (x: number, y: number) => modules[y]?.[x] === true;
  let penalty = 0;
  let dark = 0;
  for (let first = 0; first < size; first += 1) {
    const row = Array.from({ length: size }, (_, index) => (at(index, first) ? "1" : "0")).join("");
    const column = Array.from({ length: size }, (_, index) => (at(first, index) ? "1" : "0")).join("");
    for (const line of [row, column]) {
      for (const run of line.match(/0{5,}|1{5,}/g) ?? []) penalty += run.length - 2;
      for (const pattern of ["00001011101", "10111010000"]) {
        for (let from = line.indexOf(pattern); from >= 0; from = line.indexOf(pattern, from + 1)) penalty += 40;
      }
    }
    dark += row.replaceAll("0", "").length;
    for (let index = 0; first + 1 < size && index + 1 < size; index += 1) {
      const corner = at(index, first);
      const isBlock =
        corner === at(index + 1, first) && corner === at(index, first + 1) && corner === at(index + 1, first + 1);
      if (isBlock) penalty += 3;
    }
  }
  return penalty + Math.floor(Math.abs((dark * 100) / (size * size) - 50) / 5) * 10;
}
