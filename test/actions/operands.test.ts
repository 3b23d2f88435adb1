import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkTableNames } from "../../src/actions/dynamodb/table-names.ts";
import { checkInstanceIds } from "../../src/actions/ec2/instance-ids.ts";
import { AssumeMfaError } from "../../src/errors.ts";

function refusalOf(check: () => unknown): AssumeMfaError {
  try {
    check();
  } catch (error) {
    if (error instanceof AssumeMfaError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("checkInstanceIds", () => {
  it("takes both lengths of ids and names each once, in the order given", () => {
    const ids = ["i-0123456789abcdef0", "i-12345678", "i-0123456789abcdef0"];
    expect(checkInstanceIds(ids)).toEqual(["i-0123456789abcdef0", "i-12345678"]);
    expect(checkInstanceIds([])).toEqual([]);
  });

  it.each([
    ["", "nothing"],
    ["i-", "no digits"],
    ["i-123", "too short"],
    ["i-0123456789abcdef", "sixteen digits"],
    ["i-0123456789abcdef01", "eighteen digits"],
    ["i-0123456789ABCDEF0", "upper case"],
    ["I-12345678", "an upper-case prefix"],
    ["vol-12345678", "a volume"],
    ["i-12345678\n", "a newline at the end"],
    ["\u001b[31mi-12345678", "an escape sequence"],
    ["i-１２３４５６７８", "full-width digits"],
    ["i-12345678,i-87654321", "two in one word"],
    ["--yes", "an option"],
    ["arn:aws:ec2:us-east-1:222222222222:instance/i-12345678", "an ARN"],
  ])("refuses %j (%s) as a usage error before anything is asked", (word) => {
    const refusal = refusalOf(() => checkInstanceIds(["i-12345678", word]));
    expect(refusal).toMatchObject({ code: "USAGE", exitCode: 2 });
    expect(refusal.message).toContain(JSON.stringify(word));
    expect(refusal.hint).toContain("8 or 17");
  });

  it("refuses whatever is no id, in a message of one bounded line", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (word) => {
        fc.pre(!/^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(word));
        const refusal = refusalOf(() => checkInstanceIds([word]));
        expect(refusal.code).toBe("USAGE");
        expect(refusal.message).not.toContain("\n");
        expect(refusal.message.length).toBeLessThan(600);
      }),
    );
  });
});

describe("checkTableNames", () => {
  it("takes what DynamoDB takes and names each once, in the order given", () => {
    const longest = "a".repeat(255);
    expect(checkTableNames(["b.B_-1", "abc", longest, "abc"])).toEqual(["b.B_-1", "abc", longest]);
  });

  it.each(["", "ab", "a".repeat(256), "a b c", "orders\n", "orders/../x", "$(id)", "täble", "\u202eorders", "a*b"])(
    "refuses %j as a usage error",
    (word) => {
      expect(refusalOf(() => checkTableNames([word]))).toMatchObject({ code: "USAGE", exitCode: 2 });
    },
  );

  it("asks for the name when it is given an ARN, which could name another account", () => {
    const refusal = refusalOf(() => checkTableNames(["arn:aws:dynamodb:us-east-1:444444444444:table/orders"]));
    expect(refusal.hint).toBe("give the table's name, not its ARN");
  });
});
