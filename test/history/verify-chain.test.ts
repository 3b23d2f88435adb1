import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatLine, GENESIS, isWhole, parseLine } from "../../src/history/chain.ts";
import { ChainWalk, missingMark, tornMark } from "../../src/history/verify-chain.ts";

/** A chain of entries, a line each, without newlines. */
function makeLines(count: number, from = { n: 0, hash: GENESIS }): string[] {
  const lines: string[] = [];
  let { n, hash } = from;
  for (let index = 0; index < count; index += 1) {
    n += 1;
    const made = formatLine({ at: "2026-11-24T12:00:00.000Z", event: "AssumeRole", target: `näme-${n}` }, n, hash);
    hash = made.hash;
    lines.push(made.line.trimEnd());
  }
  return lines;
}

const linkOf = (line: string) => {
  const parsed = parseLine(Buffer.from(line));
  if (!isWhole(parsed)) throw new Error("no whole line");
  return parsed;
};

/** As the file's reader gives it: what stands behind the last newline is no line. */
function verifyBytes(bytes: Buffer, head?: { readonly n: number; readonly hash: string }) {
  const walk = new ChainWalk(head);
  let from = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
    walk.take(bytes.subarray(from, end));
    from = end + 1;
  }
  return walk.end(bytes.subarray(from));
}

const verify = (lines: readonly string[], head?: { readonly n: number; readonly hash: string }) =>
  verifyBytes(Buffer.from(lines.map((line) => `${line}\n`).join("")), head);

const problems = (report: ReturnType<typeof verify>) =>
  report.findings.map(({ line, problem, message }) => `${line} ${problem}: ${message}`);

const seven = makeLines(7);
const line = (nth: number) => seven[nth - 1] as string;
const HEAD = linkOf(line(7));

describe("a chain", () => {
  it("is whole as it was written, with or without what was written last", () => {
    expect(verify(seven, HEAD)).toEqual({
      entries: 7,
      findings: [],
      furtherFindings: 0,
      tornLines: [],
      isEndKnown: true,
    });
    expect(verify(seven)).toMatchObject({ entries: 7, findings: [], isEndKnown: false });
    expect(verify([])).toMatchObject({ entries: 0, findings: [] });
  });

  it("begins with a line that follows sixty-four zeros", () => {
    expect(linkOf(line(1))).toMatchObject({ n: 1, prev: "0".repeat(64) });
  });

  it("is whole where what was written last is behind it: a crash came in between", () => {
    expect(verify(seven, linkOf(line(6))).findings).toEqual([]);
  });

  it("holds entries of later versions", () => {
    const later = formatLine({ v: 9, n: 8, prev: HEAD.hash, what: { nobody: ["knows"] } }, 8, HEAD.hash);
    expect(verify([...seven, later.line.trimEnd()], later)).toMatchObject({ entries: 8, findings: [] });
  });

  it("whose last line was made anew is not the one that was written", () => {
    const other = formatLine({ event: "another" }, 7, linkOf(line(6)).hash);
    expect(problems(verify([...seven.slice(0, 6), other.line.trimEnd()], HEAD))).toEqual([
      "7 edited: it is not the entry 7 that was written last",
    ]);
  });
});

describe("damage is found, at its line:", () => {
  const rehashed = formatLine({ event: "AssumeRole", target: "another" }, 3, linkOf(line(2)).hash).line.trimEnd();
  const other = makeLines(3);
  it.each<readonly [string, readonly string[], readonly string[]]>([
    [
      "a word edited",
      seven.with(2, line(3).replace("näme-3", "näme-4")),
      ["3 edited: its bytes are not those that its hash was made of"],
    ],
    ["the hash edited", seven.with(2, line(3).replace(/.(?="\}$)/, "x")), ["3 no entry: it has not the form of one"]],
    [
      "edited, and its own hash made to fit",
      seven.with(2, rehashed),
      ["4 edited: it does not follow from the line before: one of them was replaced"],
    ],
    ["a line taken out", seven.toSpliced(2, 1), ["3 missing: entry 3 is missing before it"]],
    ["three lines taken out", seven.toSpliced(2, 3), ["3 missing: entries 3 to 5 are missing before it"]],
    ["the beginning taken off", seven.slice(2), ["1 missing: entries 1 to 2 are missing before it"]],
    [
      "the end taken off",
      seven.slice(0, 5),
      ["6 missing: entries 6 to 7 are missing at the end, though they were written"],
    ],
    ["all of it gone", [], ["1 missing: entries 1 to 7 are missing at the end, though they were written"]],
    [
      "two lines swapped",
      [...seven.slice(0, 2), line(4), line(3), ...seven.slice(4)],
      ["4 out of order: entry 3 stands after entry 4"],
    ],
    ["a line twice", seven.toSpliced(3, 0, line(3)), ["4 out of order: entry 3 stands after entry 3"]],
    [
      "a line from the beginning copied to the end",
      [...seven, line(1)],
      ["8 out of order: entry 1 stands after entry 7"],
    ],
    ["a line of something else", seven.toSpliced(3, 0, "hello"), ["4 no entry: it has not the form of one"]],
    ["an empty line", seven.toSpliced(3, 0, ""), ["4 no entry: it has not the form of one"]],
    ["a carriage return", seven.with(3, `${line(4)}\r`), ["4 no entry: it has not the form of one"]],
    ["half of a line in the middle", seven.with(3, line(4).slice(0, 90)), ["4 no entry: it has not the form of one"]],
    [
      "a torn line in the middle, taken for one that was told",
      seven.with(3, formatLine(tornMark(Buffer.from("x")), 4, linkOf(line(3)).hash).line.trimEnd()),
      [
        "4 missing: it tells of a torn line before it, which is not there or not as it was",
        "5 edited: it does not follow from the line before: one of them was replaced",
      ],
    ],
    [
      "a line that is JSON and no object",
      seven.toSpliced(
        3,
        0,
        formatLine({}, 1, GENESIS)
          .line.trimEnd()
          .replace(/^\{.*?,"prev/, '["prev'),
      ),
      ["4 edited: its bytes are not those that its hash was made of"],
    ],
    [
      "another history put behind it",
      [...seven, ...other],
      [1, 2, 3].map((n) => `${n + 7} out of order: entry ${n} stands after entry 7`),
    ],
  ])("%s", (_damage, lines, expected) => {
    expect(problems(verify(lines, HEAD))).toEqual(expected);
  });

  it("the end cut in the middle of a line", () => {
    const bytes = Buffer.from(seven.map((one) => `${one}\n`).join(""));
    expect(problems(verifyBytes(bytes.subarray(0, -40), HEAD))).toEqual([
      "7 torn: the last line has no end: writing it was cut short, or its end was cut off",
      "8 missing: entry 7 is missing at the end, though it was written",
    ]);
    expect(problems(verifyBytes(bytes.subarray(0, -1), HEAD))).toEqual([
      "7 torn: the last line has no end: writing it was cut short, or its end was cut off",
    ]);
  });

  it("what a crash tore, and the next line tells of, is known and no damage", () => {
    const fragment = line(6).slice(0, 77);
    const mark = formatLine(tornMark(Buffer.from(fragment)), 6, linkOf(line(5)).hash);
    const lines = [...seven.slice(0, 5), fragment, mark.line.trimEnd(), ...makeLines(1, mark)];
    expect(verify(lines)).toMatchObject({ entries: 7, findings: [], tornLines: [6] });
    const another = fragment.replace("AssumeRole", "AssumeRule").replace('"v"', '"w"');
    expect(another).toHaveLength(fragment.length);
    expect(verify(lines.with(5, another)).findings).toHaveLength(2);
    expect(problems(verify(lines.with(5, `${fragment}x`)))).toEqual([
      "6 no entry: it has not the form of one",
      "7 missing: it tells of a torn line before it, which is not there or not as it was",
    ]);
    expect(problems(verify(lines.toSpliced(5, 1)))).toEqual([
      "6 missing: it tells of a torn line before it, which is not there or not as it was",
    ]);
  });

  it("what was gone when the next line was written stays said", () => {
    const mark = formatLine(missingMark(HEAD), 8, linkOf(line(4)).hash);
    const lines = [...seven.slice(0, 4), mark.line.trimEnd(), ...makeLines(1, mark)];
    expect(problems(verify(lines))).toEqual(["5 missing: entries 5 to 7 were gone when this was written"]);
  });

  it("more than a hundred times is counted, and told a hundred times", () => {
    const report = verify(Array.from({ length: 250 }, () => "x"));
    expect(report.findings).toHaveLength(100);
    expect(report.furtherFindings).toBe(150);
  });
});

describe("any edit", () => {
  const bytes = Buffer.from(seven.map((one) => `${one}\n`).join(""));

  it("of a single byte is found", () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const edited = Buffer.from(bytes);
        edited[at] = (edited[at] ?? 0) ^ change;
        // Also where nobody knows what was written last.
        return verifyBytes(edited).findings.length > 0;
      }),
      { numRuns: 3_000 },
    );
  });

  it("by which bytes are taken out or put in is found", () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(600), fc.uint8Array({ maxLength: 100 }), (at, length, inserted) => {
        const edited = Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + length)]);
        fc.pre(!edited.equals(bytes));
        return verifyBytes(edited, HEAD).findings.length > 0;
      }),
      { numRuns: 1_500 },
    );
  });
});
