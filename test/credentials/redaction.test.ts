import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { awsText } from "../../src/aws/aws-text.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import { redact, rememberPassword, rememberSecret, rememberTokenCode } from "../../src/credentials/redaction.ts";

const newSecret = (bytes = 30) => randomBytes(bytes).toString("base64");

describe("redact", () => {
  it("hides the secret parts of every set of credentials that was ever made, and not the key's id", () => {
    const [secretAccessKey, sessionToken] = [newSecret(), newSecret(600)];
    const accessKeyId = "ASIAIOSFODNN7EXAMPLE";
    expect(redact(`${accessKeyId} ${secretAccessKey} ${sessionToken}`)).toContain(secretAccessKey);
    new Credentials({ accessKeyId, secretAccessKey, sessionToken });
    expect(redact(`${accessKeyId}:${secretAccessKey}${sessionToken}\n${secretAccessKey}`)).toBe(
      `${accessKeyId}:[secret][secret]\n[secret]`,
    );
  });

  it("leaves no known secret whole, whatever stands around it and however secrets are made of each other", () => {
    const part = fc.string({ unit: fc.constantFrom(..."abAB01+/="), minLength: 20, maxLength: 40 });
    fc.assert(
      fc.property(part, part, fc.string(), (one, other, around) => {
        const secrets = [one, one + other, other + one];
        for (const secret of secrets) rememberSecret(secret);
        const shown = redact([around, ...secrets, around].join(" "));
        for (const secret of secrets) expect(shown).not.toContain(secret);
        // Nor is the end of the longer one left, which begins like the shorter.
        expect(redact(one + other)).toBe("[secret]");
      }),
    );
  });

  it("does not take a short text, or none, for a secret", () => {
    for (const text of [undefined, "", "a", "222222222222", "i-0123456789abcdef0"]) rememberSecret(text);
    // An endpoint chooses what it calls a secret: ids that people are asked about stay.
    expect(redact("a 222222222222 i-0123456789abcdef0")).toBe("a 222222222222 i-0123456789abcdef0");
  });

  it("takes a secret as it is: what means something in a pattern does not", () => {
    const secret = "$&$1.*+?^()|[]\\{}";
    rememberPassword(secret);
    expect(redact(`x${secret}y`)).toBe("x[secret]y");
    expect(redact("x.*y")).toBe("x.*y");
  });

  const CODE = String(100_000 + (randomBytes(4).readUInt32BE() % 900_000));
  it.each([
    [CODE, "[code]"],
    [`TokenCode=${CODE}&Version=1`, "TokenCode=[code]&Version=1"],
    [`"${CODE}", ${CODE}.\n${CODE}`, '"[code]", [code].\n[code]'],
    [`<TokenCode>${CODE}</TokenCode>`, "<TokenCode>[code]</TokenCode>"],
    // A longer number or word is another thing: an account, an id, a name.
    [`1${CODE}`, `1${CODE}`],
    [`${CODE}000000`, `${CODE}000000`],
    [`arn:aws:iam::${CODE}${CODE}:role/x`, `arn:aws:iam::${CODE}${CODE}:role/x`],
    [`i-0${CODE}abcdef`, `i-0${CODE}abcdef`],
    [`a${CODE}`, `a${CODE}`],
    [`${CODE}z`, `${CODE}z`],
  ])("of a code, %s is %s", (text, shown) => {
    rememberTokenCode(CODE);
    expect(redact(text)).toBe(shown);
  });
});

describe("credentials", () => {
  it("show no secret to anything that prints objects, getters included", () => {
    const [secretAccessKey, sessionToken] = [newSecret(), newSecret(200)];
    const credentials = new Credentials({ accessKeyId: "ASIAIOSFODNN7EXAMPLE", secretAccessKey, sessionToken });
    const shown = [
      inspect(credentials, { getters: true, showHidden: true, depth: 9, customInspect: true }),
      inspect({ deep: [credentials] }, { getters: true, showHidden: true, depth: 9 }),
      JSON.stringify({ credentials }),
      JSON.stringify({ ...credentials }),
      String(credentials),
      `${Object.entries(credentials)}`,
    ].join("\n");
    for (const secret of [secretAccessKey, sessionToken]) expect(shown).not.toContain(secret);
  });
});

describe("AWS's words", () => {
  it("hold no part of a secret, wherever they are cut", () => {
    const sessionToken = newSecret(600);
    new Credentials({ accessKeyId: "ASIAIOSFODNN7EXAMPLE", secretAccessKey: newSecret(), sessionToken });
    for (let length = 600; length <= 720; length += 7) {
      const text = awsText(`${"x".repeat(length)} ${sessionToken} and more`, "ValidationError");
      expect(text).not.toContain(sessionToken.slice(0, 8));
      expect(text.length).toBeLessThanOrEqual(701);
    }
  });

  it.each(["SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"])(
    "of %s end before the request that AWS shows with them",
    (code) => {
      const message = `The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for this request should have been\n'POST\n/\nx-amz-security-token:${newSecret(200)}\n'`;
      expect(awsText(message, code)).toBe(
        "The request signature we calculated does not match the signature you provided",
      );
    },
  );

  it("hold no encoded authorization message, no second line and no full stop", () => {
    expect(
      awsText(
        "You are not authorized\nto perform this operation. Encoded authorization failure message: abc_DEF-123",
        "UnauthorizedOperation",
      ),
    ).toBe("You are not authorized to perform this operation");
  });
});
