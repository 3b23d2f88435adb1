import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HiddenLine, type HiddenLineEvent } from "../../src/host/hidden-line.ts";

function type(...chunks: readonly (string | Uint8Array)[]): HiddenLineEvent | undefined {
  const line = new HiddenLine();
  let event: HiddenLineEvent | undefined;
  for (const chunk of chunks) event ??= line.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  return event;
}

describe("a line that is typed unseen", () => {
  it.each([
    ["a line", "secret\r", "secret"],
    ["a pasted line, and what follows it", "secret\nrm -rf /\n", "secret"],
    ["an empty line", "\r", ""],
    ["a slip", "secrxt\x7f\x7fet\r", "secret"],
    ["a slip, on other terminals", "secrx\bet\r", "secret"],
    ["more slips than letters", "x\x7f\x7f\x7fsecret\r", "secret"],
    ["a character of two units", "🔑\x7fsecret\r", "secret"],
    ["a line thrown away", "wrong\x15secret\r", "secret"],
    ["a word thrown away", "se cret \x17two\r", "se two"],
    ["a paste with its marks", "\x1b[200~secret\x1b[201~\r", "secret"],
    ["arrows and function keys", "se\x1b[A\x1b[1;5Ccr\x1bOPe\x1b[15~t\r", "secret"],
    ["Alt and a letter", "sec\x1bxret\r", "secret"],
    ["other control keys", "se\x01\x05\x0b\tcret\x00\r", "secret"],
    ["Ctrl-D behind something", "secret\x04\r", "secret"],
  ])("takes %s", (_what, keys, text) => {
    expect(type(keys)).toEqual({ kind: "line", text });
    // Whatever the pieces in which it comes.
    expect(type(...[...Buffer.from(keys)].map((byte) => Buffer.of(byte)))).toEqual({ kind: "line", text });
  });

  it.each<readonly [string, HiddenLineEvent]>([
    ["\x03", { kind: "interrupt", signal: "SIGINT" }],
    ["half\x03", { kind: "interrupt", signal: "SIGINT" }],
    ["half\x1c", { kind: "interrupt", signal: "SIGQUIT" }],
    ["half\x1a", { kind: "suspend" }],
    ["\x04", { kind: "end" }],
    ["x\x7f\x04", { kind: "end" }],
  ])("knows the keys of %j", (keys, event) => {
    expect(type(keys)).toEqual(event);
  });

  it("keeps what was typed before a suspension", () => {
    const line = new HiddenLine();
    expect(line.push(Buffer.from("sec\x1a"))).toEqual({ kind: "suspend" });
    expect(line.push(Buffer.from("ret\r"))).toEqual({ kind: "line", text: "secret" });
  });

  it("goes on until the line is whole, and does not grow without end", () => {
    expect(type("secret")).toBeUndefined();
    const begun = performance.now();
    const event = type("x".repeat(1_000_000), `\x1b[${"1".repeat(100_000)}`, "\r");
    expect(event?.kind === "line" && event.text.length).toBe(4096);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  it("gives back any line of plain characters, in whatever pieces", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 100 }).filter((text) => !/[\p{Cc}]/u.test(text)),
        fc.array(fc.nat(8), { minLength: 1, maxLength: 20 }),
        (text, sizes) => {
          const bytes = Buffer.from(`${text}\r`);
          const line = new HiddenLine();
          for (let at = 0, nth = 0; at < bytes.length; nth += 1) {
            const size = (sizes[nth % sizes.length] as number) + 1;
            const event = line.push(bytes.subarray(at, at + size));
            at += size;
            if (event !== undefined) return event.kind === "line" && event.text === text;
          }
          return false;
        },
      ),
    );
  });
});
