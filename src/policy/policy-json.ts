import { PolicySyntaxError, placeOf } from "./policy-syntax-error.ts";

// RFC 8259 and nothing more, read by hand for three things that JSON.parse does not give: the place of a fault;
// a repeated key refused (the policy grammar forbids it, and two readers that keep different ones of the pair
// disagree about what is allowed); objects as Maps, so that a key `__proto__` is a key like any other.

/** A number is kept as it was written: string operators compare it as text. */
export interface JsonNumber {
  readonly numberText: string;
}
export type JsonObject = ReadonlyMap<string, JsonValue>;
export type JsonValue = string | boolean | null | JsonNumber | readonly JsonValue[] | JsonObject;

/** A policy nests six deep; more is an attack on the stack. */
const MAX_DEPTH = 20;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// All but the quote, the backslash and the control characters.
const PLAIN_CHARACTERS = /[ !#-[\]-\uffff]*/y;
const SPACE = /[ \t\n\r]*/y;
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
const WORDS = [
  ["true", true],
  ["false", false],
  ["null", null],
] as const;

/**
 * @param awsMessage what IAM says when this is no JSON
 * @returns the value of the one JSON text in `text`
 * @throws PolicySyntaxError with line and column
 */
export function parsePolicyJson(text: string, awsMessage: string): JsonValue {
  const reader = new JsonReader(text, awsMessage);
  const value = reader.readValue(0);
  reader.expectEnd();
  return value;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

/** An element that may stand alone where a list is meant (policy grammar: the brackets are optional). */
export function asList(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? value : [value];
}

class JsonReader {
  readonly #text: string;
  readonly #awsMessage: string;
  #offset = 0;

  constructor(text: string, awsMessage: string) {
    this.#text = text;
    this.#awsMessage = awsMessage;
  }

  readValue(depth: number): JsonValue {
    this.#match(SPACE);
    if (depth > MAX_DEPTH) throw this.#fault("nested too deeply");
    const next = this.#text[this.#offset];
    if (next === "{") return this.#readObject(depth);
    if (next === "[") return this.#readArray(depth);
    if (next === '"') return this.#readString();
    for (const [word, value] of WORDS) {
      if (!this.#text.startsWith(word, this.#offset)) continue;
      this.#offset += word.length;
      return value;
    }
    const numberText = this.#match(NUMBER);
    if (numberText !== "") return { numberText };
    throw this.#fault(next === undefined ? "the JSON text ends too early" : "a JSON value is expected here");
  }

  expectEnd(): void {
    this.#match(SPACE);
    if (this.#offset < this.#text.length) throw this.#fault("text after the end of the JSON document");
  }

  #readObject(depth: number): JsonObject {
    const members = new Map<string, JsonValue>();
    this.#offset++;
    if (this.#accept("}")) return members;
    for (;;) {
      this.#match(SPACE);
      const keyOffset = this.#offset;
      if (this.#text[keyOffset] === "}") throw this.#fault("a comma before }, which JSON does not allow");
      if (this.#text[keyOffset] !== '"') throw this.#fault("a key in double quotes is expected here");
      const key = this.#readString();
      if (members.has(key)) throw this.#fault(`the key "${key}" stands twice in one object`, keyOffset);
      if (!this.#accept(":")) throw this.#fault("a colon is expected here");
      members.set(key, this.readValue(depth + 1));
      if (this.#accept("}")) return members;
      if (!this.#accept(",")) throw this.#fault("a comma or } is expected here");
    }
  }

  #readArray(depth: number): readonly JsonValue[] {
    const elements: JsonValue[] = [];
    this.#offset++;
    if (this.#accept("]")) return elements;
    for (;;) {
      this.#match(SPACE);
      if (this.#text[this.#offset] === "]") throw this.#fault("a comma before ], which JSON does not allow");
      elements.push(this.readValue(depth + 1));
      if (this.#accept("]")) return elements;
      if (!this.#accept(",")) throw this.#fault("a comma or ] is expected here");
    }
  }

  #readString(): string {
    this.#offset++;
    let value = "";
    for (;;) {
      value += this.#match(PLAIN_CHARACTERS);
      const next = this.#text[this.#offset];
      if (next === undefined) throw this.#fault("a string does not end");
      if (next !== "\\" && next !== '"') throw this.#fault("a control character in a string");
      this.#offset++;
      if (next === '"') return value;
      value += this.#readEscape();
    }
  }

  #readEscape(): string {
    const letter = this.#text[this.#offset] ?? "";
    const character = ESCAPES.get(letter);
    if (character === undefined && letter !== "u") throw this.#fault("an escape that JSON does not know");
    this.#offset++;
    if (character !== undefined) return character;
    const digits = this.#match(UNICODE_ESCAPE);
    if (digits === "") throw this.#fault("four hexadecimal digits are expected after \\u");
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  /** Steps over space, and over the character if it is next. */
  #accept(character: string): boolean {
    this.#match(SPACE);
    if (this.#text[this.#offset] !== character) return false;
    this.#offset++;
    return true;
  }

  /** @returns the text it stepped over, "" when there is none */
  #match(sticky: RegExp): string {
    sticky.lastIndex = this.#offset;
    const found = sticky.exec(this.#text)?.[0] ?? "";
    this.#offset += found.length;
    return found;
  }

  #fault(message: string, offset = this.#offset): PolicySyntaxError {
    return new PolicySyntaxError(message, { awsMessage: this.#awsMessage, place: placeOf(this.#text, offset) });
  }
}
