// The Assuan protocol, as far as the client of a pinentry needs it (libassuan's manual, "Client requests" and "Server
// responses"): lines to send, and what comes back. Pure.

/** The longest line, its end not counted. libassuan's LINELENGTH is 1002 with it; what is longer is cut by a server. */
export const LONGEST_LINE_BYTES = 1000;

/** What ends a request: done, with what the server had to say; not done; or a question of its own. */
export type AssuanReply =
  | { readonly kind: "ok"; readonly data: string }
  | { readonly kind: "error"; readonly code: number }
  | { readonly kind: "inquiry" };

/** @param text any; line ends, other controls and the percent sign are escaped, the rest is UTF-8 */
export function escapeAssuan(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get into a line
    /[\x00-\x1f\x7f%]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

/** Puts replies together from what arrives in any pieces. Bounded: by all that was read, replies or not. */
export class AssuanReader {
  readonly #maxBytes: number;
  #size = 0;
  #rest = Buffer.alloc(0);
  #data: Buffer[] = [];

  /** @param maxBytes of everything that the server may say */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * @returns the replies that are whole now; "too much" past the bound; "not assuan" at a line that is none. After one of
   *   these two nothing more is to be read.
   */
  read(chunk: Buffer): readonly AssuanReply[] | "too much" | "not assuan" {
    this.#size += chunk.length;
    if (this.#size > this.#maxBytes) return "too much";
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const replies: AssuanReply[] = [];
    for (let end = this.#rest.indexOf(0x0a); end >= 0; end = this.#rest.indexOf(0x0a)) {
      const line = this.#rest.subarray(0, this.#rest[end - 1] === 0x0d ? end - 1 : end);
      this.#rest = this.#rest.subarray(end + 1);
      const reply = this.#readLine(line);
      if (reply === "not assuan") return reply;
      if (reply !== undefined) replies.push(reply);
    }
    return replies;
  }

  #readLine(line: Buffer): AssuanReply | "not assuan" | undefined {
    const text = line.toString("latin1");
    switch (text.split(" ", 1)[0]) {
      case "D":
        this.#data.push(decodePercent(line.subarray(2)));
        return undefined;
      case "OK": {
        const data = Buffer.concat(this.#data).toString("utf8");
        this.#data = [];
        return { kind: "ok", data };
      }
      case "ERR":
        this.#data = [];
        // The source of the error stands in the upper bits (gpg-error.h): the same failure has many numbers.
        return { kind: "error", code: Number(/^ERR (\d+)/.exec(text)?.[1] ?? 0) & 0xffff };
      case "INQUIRE":
        return { kind: "inquiry" };
      case "S": // what it is about: progress, the reason of the error that follows
        return undefined;
      default:
        return text === "" || text.startsWith("#") ? undefined : "not assuan"; // a comment
    }
  }
}

/** `%` and two hexadecimal digits are a byte; any other stays as it is. */
function decodePercent(bytes: Buffer): Buffer {
  const text = bytes
    .toString("latin1")
    .replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  return Buffer.from(text, "latin1");
}
