/**
 * What is wrong with a text as an XML 1.0 document (W3C REC-xml, 2.1 to 2.4 and 3.1), as far as it can have neither
 * comments nor CDATA: characters, references, attributes, tags that match, one root. Written after the grammar, so that
 * it refuses what botocore's parser (expat) refuses.
 * @returns undefined when it is well-formed
 */
export function findXmlFault(document: string): string | undefined {
  const text = document.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n?/, "");
  const illegal = [...text].find((character) => !isXmlCharacter(character.codePointAt(0) ?? 0));
  if (illegal !== undefined) return `the character U+${illegal.codePointAt(0)?.toString(16)}`;
  const open: string[] = [];
  let roots = 0;
  for (const [token] of text.matchAll(/<[^>]*>|[^<]+|</g)) {
    const tag = /^<(\/?)([A-Za-z_][\w.-]*)((?:\s+[A-Za-z_][\w.-]*="[^"<]*")*)\s*(\/?)>$/.exec(token);
    const fault = findReferenceFault(tag?.[3] ?? (tag === null ? token : ""));
    if (fault !== undefined) return fault;
    if (tag === null) {
      if (token.startsWith("<") || token.includes("]]>")) return `the markup ${token}`;
      if (open.length === 0 && token.trim() !== "") return "text outside of the root";
      continue;
    }
    const [, end, name = "", , empty] = tag;
    if (end === "/") {
      if (open.pop() !== name) return `the end of ${name}`;
      continue;
    }
    if (open.length === 0) roots += 1;
    if (empty !== "/") open.push(name);
  }
  return open.length === 0 && roots === 1 ? undefined : "not one whole root";
}

function findReferenceFault(text: string): string | undefined {
  for (const [reference, number, hexadecimal] of text.matchAll(
    /&(?:#(\d+);|#x([0-9a-fA-F]+);|(?:amp|lt|gt|quot|apos);)?/g,
  )) {
    if (reference === "&") return "a bare ampersand";
    const code = number ?? (hexadecimal === undefined ? undefined : `0x${hexadecimal}`);
    if (code !== undefined && !isXmlCharacter(Number(code))) return `the reference ${reference}`;
  }
  return undefined;
}

/** REC-xml, production 2. */
export function isXmlCharacter(code: number): boolean {
  return (
    code === 0x9 ||
    code === 0xa ||
    code === 0xd ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  );
}
