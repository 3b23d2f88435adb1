import { PolicySyntaxError } from "./policy-syntax-error.ts";

// RFC 8259 and nothing more, read by hand for three things that JSON.parse does not give: the place of a fault,
// a repeated key refused (the policy grammar forbids it, and two readers that keep different ones of the pair
// disagree about what is allowed), and objects as Maps, so that a key `__proto__` is a key like any other.

/** A number is kept as it was written: IAM compares it as text with some operators. */
export interface JsonNumber {
  readonly numberText: string;
}
export type JsonValue = string | boolean | null | JsonNumber | readonly JsonValue[] | JsonObject;
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** A policy nests five deep at most; more is an attack on the stack. */
const MAX_DEPTH = 20;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// All but the quote, the backslash and the control characters.
const PLAIN_CHARACTERS = /[ !#-[\]-\uffff]*/y;
const UNICODE_ESCAPE = /[0-9a-fA-F]{4}/y;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/**
 * @returns the value of the one JSON text in `text`
 * @throws PolicySyntaxError with line and column
 */
export function parsePolicyJson(text: string): JsonValue {
  const reader = new JsonReader(text);
  const value = reader.readValue(0);
  reader.expectEnd();
  return value;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

class JsonReader {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  readValue(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw this.#fault("nested too deeply");
    this.#skipSpace();
    const next = this.#text[this.#offset];
    if (next === "{") return this.#readObject(depth);
    if (next === "[") return this.#readArray(depth);
    if (next === '"') return this.#readString();
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (this.#text.startsWith(word, this.#offset)) {
        this.#offset += word.length;
        return value;
      }
    }
    const numberText = this.#match(NUMBER);
    if (numberText !== "") return { numberText };
    throw this.#fault(
      next === undefined ? "invalid JSON: the text ends too early" : "invalid JSON: a value is expected",
    );
  }

  expectEnd(): void {
    this.#skipSpace();
    if (this.#offset < this.#text.length) throw this.#fault("invalid JSON: text after the end of the document");
  }

  #readObject(depth: number): JsonObject {
    const members = new Map<string, JsonValue>();
    this.#offset++;
    if (this.#accept("}")) return members;
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#offset] === "}") throw this.#fault("invalid JSON: a comma before }");
      if (this.#text[this.#offset] !== '"') throw this.#fault("invalid JSON: a key in double quotes is expected");
      const keyOffset = this.#offset;
      const key = this.#readString();
      if (members.has(key)) {
        this.#offset = keyOffset;
        throw this.#fault(`the key "${key}" stands twice in one object`);
      }
      if (!this.#accept(":")) throw this.#fault("invalid JSON: a colon is expected");
      members.set(key, this.readValue(depth + 1));
      if (this.#accept("}")) return members;
      if (!this.#accept(",")) throw this.#fault("invalid JSON: a comma or } is expected");
    }
  }

  #readArray(depth: number): readonly JsonValue[] {
    const elements: JsonValue[] = [];
    this.#offset++;
    if (this.#accept("]")) return elements;
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#offset] === "]") throw this.#fault("invalid JSON: a comma before ]");
      elements.push(this.readValue(depth + 1));
      if (this.#accept("]")) return elements;
      if (!this.#accept(",")) throw this.#fault("invalid JSON: a comma or ] is expected");
    }
  }

  #readString(): string {
    this.#offset++;
    let value = "";
    for (;;) {
      value += this.#match(PLAIN_CHARACTERS);
      const next = this.#text[this.#offset];
      if (next === '"') {
        this.#offset++;
        return value;
      }
      if (next !== "\\") {
        throw this.#fault(
          next === undefined ? "invalid JSON: a string does not end" : "invalid JSON: a control character in a string",
        );
      }
      this.#offset++;
      const letter = this.#text[this.#offset] ?? "";
      const meaning = ESCAPES.get(letter);
      if (meaning === undefined && letter !== "u") throw this.#fault("invalid JSON: an unknown escape in a string");
      this.#offset++;
      if (meaning !== undefined) {
        value += meaning;
        continue;
      }
      const digits = this.#match(UNICODE_ESCAPE);
      if (digits === "") throw this.#fault("invalid JSON: four hexadecimal digits are expected after \\u");
      value += String.fromCharCode(Number.parseInt(digits, 16));
    }
  }

  /** Steps over space and the character, if it is next. */
  #accept(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#offset] !== character) return false;
    this.#offset++;
    return true;
  }

  #match(sticky: RegExp): string {
    sticky.lastIndex = this.#offset;
    const found = sticky.exec(this.#text)?.[0] ?? "";
    this.#offset += found.length;
    return found;
  }

  #skipSpace(): void {
    while (" \t\n\r".includes(this.#text[this.#offset] ?? "x")) this.#offset++;
  }

  #fault(message: string): PolicySyntaxError {
    const before = this.#text.slice(0, this.#offset);
    const lineStart = before.lastIndexOf("\n") + 1;
    let line = 1;
    for (let at = before.indexOf("\n"); at !== -1; at = before.indexOf("\n", at + 1)) line++;
    return new PolicySyntaxError(message, { line, column: this.#offset - lineStart + 1 });
  }
}
