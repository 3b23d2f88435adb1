import { describe, expect, it } from "vitest";
import { AssuanReader, type AssuanReply, escapeAssuan } from "../../src/host/assuan.ts";

function readAll(text: string | Buffer, pieceBytes = Number.POSITIVE_INFINITY, maxBytes = 10_000) {
  const reader = new AssuanReader(maxBytes);
  const bytes = Buffer.from(text as string);
  const replies: AssuanReply[] = [];
  for (let at = 0; at < bytes.length; at += Math.min(pieceBytes, bytes.length)) {
    const read = reader.read(bytes.subarray(at, at + Math.min(pieceBytes, bytes.length)));
    if (typeof read === "string") return read;
    replies.push(...read);
  }
  return replies;
}

const ok = (data = "") => ({ kind: "ok", data });

describe("what a server says", () => {
  it.each<readonly [what: string, said: string, replies: readonly unknown[]]>([
    ["a greeting", "OK Pleased to meet you\n", [ok()]],
    ["data", "D 123456\nOK\n", [ok("123456")]],
    ["data in several lines", "D 12\nD 34\nD 56\nOK\n", [ok("123456")]],
    ["data with escapes, in either case", "D 1%252%0a%C3%a9\nOK\n", [ok("1%2\né")]],
    ["data with what only looks like an escape", "D 100%\nD %zz%4\nOK\n", [ok("100%%zz%4")]],
    ["data with spaces around it", "D  a b \nOK\n", [ok(" a b ")]],
    ["no data", "OK\n", [ok()]],
    ["an empty line of data", "D\nOK\n", [ok()]],
    [
      "data before a refusal, which goes with it",
      "D 123456\nERR 83886179 no\nOK\n",
      [{ kind: "error", code: 99 }, ok()],
    ],
    ["comments, status and empty lines", "# hello\n#\nS PROGRESS\n\nD 1\n# D 2\nOK\n", [ok("1")]],
    ["carriage returns", "D 1\r\nOK\r\n", [ok("1")]],
    [
      "the same error from another source",
      "ERR 99\nERR 100663395 x\n",
      [1, 2].map(() => ({ kind: "error", code: 99 })),
    ],
    ["an error without a number", "ERR\nERR what\n", [1, 2].map(() => ({ kind: "error", code: 0 }))],
    ["a question of its own", "INQUIRE QUALITY 12\n", [{ kind: "inquiry" }]],
    ["a line that has not ended", "OK", []],
  ])("%s, in whatever pieces it comes", (_, said, replies) => {
    for (const pieceBytes of [Number.POSITIVE_INFINITY, 1, 2, 3, 7]) {
      expect({ pieceBytes, replies: readAll(said, pieceBytes) }).toEqual({ pieceBytes, replies });
    }
  });

  it.each(["hello\n", "OKAY\n", "ok\n", " OK\n", "DATA 1\n", "\u0000\n", "GETPIN\n"])("%j is no answer", (said) => {
    expect(readAll(said)).toBe("not assuan");
  });

  it("is read up to the bound and no further, with and without line ends", () => {
    expect(readAll("# \n".repeat(30), 3, 90)).toEqual([]);
    expect(readAll("# \n".repeat(31), 3, 90)).toBe("too much");
    expect(readAll("D".repeat(91), 1, 90)).toBe("too much");
  });
});

describe("what is sent", () => {
  it("is one line, whatever is in it, and comes back the same", () => {
    const text = 'dev 100%\r\nOK\u0000\u001b]0;x\u0007\u007f "é" 🙂 %41';
    const escaped = escapeAssuan(text);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
    expect(escaped).not.toMatch(/[\x00-\x1f\x7f]/);
    expect(readAll(`D ${escaped}\nOK\n`)).toEqual([ok(text)]);
  });

  it("is left as it is where it is plain", () => {
    expect(escapeAssuan("MFA code for dev (account 222222222222)")).toBe("MFA code for dev (account 222222222222)");
  });
});
