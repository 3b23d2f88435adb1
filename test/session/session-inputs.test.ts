import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalText, sessionInputs } from "../../src/session/session-inputs.ts";
import { makeAwsConfig, parseAwsConfig } from "../../src/target/aws-config.ts";
import { resolveTarget } from "../../src/target/resolve-target.ts";

// ACCEPTANCE.md C10, T4: what shapes a session decides which one is served, and nothing else does.

const ROLE = "arn:aws:iam::222222222222:role/PrivilegedActionsRole";

/** What a session carries, in few enough values that two of them are often alike. */
interface Shape {
  readonly identity: string | undefined;
  /** By their keys, none of which differ in case alone. */
  readonly tags: Readonly<Record<string, { readonly value: string; readonly isTransitive: boolean }>>;
  readonly effect: "Allow" | "Deny" | undefined;
  readonly arns: readonly string[];
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  identity: fc.constantFrom(undefined, "alice", "bob"),
  tags: fc.dictionary(
    fc.constantFrom("team", "cost", "why"),
    fc.record({ value: fc.constantFrom("", "1"), isTransitive: fc.boolean() }),
    { maxKeys: 3, noNullPrototype: true },
  ),
  effect: fc.constantFrom(undefined, "Allow", "Deny"),
  arns: fc.subarray(["ReadOnlyAccess", "AmazonEC2FullAccess"]),
});

/** One of the ways to write it: in which order, in which place, with which white space. */
interface Writing {
  readonly seed: number;
  readonly indent: number;
  readonly tagsInFile: number;
  readonly isIdentityInFile: boolean;
  readonly arnsTwice: boolean;
}

const writings: fc.Arbitrary<Writing> = fc.record({
  seed: fc.nat(),
  indent: fc.nat(4),
  tagsInFile: fc.nat(3),
  isIdentityInFile: fc.boolean(),
  arnsTwice: fc.boolean(),
});

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const left = [...list];
  let number = seed;
  return list.map(() => {
    const [picked] = left.splice(number % left.length, 1);
    number = Math.floor(number / 3) + 1;
    return picked as T;
  });
}

function keyOf({ identity, tags, effect, arns }: Shape, writing: Writing): string {
  const { seed, indent, tagsInFile, isIdentityInFile, arnsTwice } = writing;
  const written = shuffled(Object.entries(tags), seed).map(([key, { value }]) => `${key}=${value}`);
  const filed = written.slice(0, tagsInFile);
  const transitive = shuffled(Object.entries(tags), seed + 1).filter(([, { isTransitive }]) => isTransitive);
  const lines = shuffled(
    [
      `role_arn = ${ROLE}`,
      "source_profile = parent",
      ...(filed.length === 0 ? [] : [`session_tags = ${filed.join(seed % 2 === 0 ? "," : " , ")}`]),
      ...(transitive.length === 0 ? [] : [`transitive_session_tags = ${transitive.map(([key]) => key).join(",")}`]),
      ...(identity === undefined || !isIdentityInFile ? [] : [`source_identity = ${identity}`]),
    ],
    seed,
  );
  const statement = shuffled(Object.entries({ Effect: effect, Action: "ec2:*", Resource: "*" }), seed);
  const policyArn = shuffled([...arns, ...(arnsTwice ? arns : [])], seed).map(
    (name) => `arn:aws:iam::aws:policy/${name}`,
  );
  const target = resolveTarget(
    "dev",
    {
      ...(identity === undefined || isIdentityInFile ? {} : { sourceIdentity: identity }),
      ...(written.length > filed.length ? { sessionTag: written.slice(tagsInFile) } : {}),
      ...(effect === undefined
        ? {}
        : {
            policy: {
              text: JSON.stringify({ Statement: Object.fromEntries(statement) }, null, indent),
              path: undefined,
            },
          }),
      ...(policyArn.length === 0 ? {} : { policyArn }),
    },
    makeAwsConfig(
      parseAwsConfig(`[profile dev]\n${lines.join("\n")}\n`, "/config", "config"),
      parseAwsConfig(
        "[parent]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n",
        "/c",
        "credentials",
      ),
    ),
    {},
  );
  return canonicalText(sessionInputs(target));
}

/** The shape as one text, with what has no order in one order. */
function contentOf({ identity, tags, effect, arns }: Shape): string {
  const texts = Object.entries(tags).map(([key, { value, isTransitive }]) =>
    JSON.stringify([key, value, isTransitive]),
  );
  return JSON.stringify([identity, texts.sort(), effect, [...arns].sort()]);
}

describe("the key of a session", () => {
  it("is the same however its inputs are ordered, spaced and spread over options and files", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(shapes, writings, writings, (shape, one, other) => {
        expect(keyOf(shape, one)).toBe(keyOf(shape, other));
        seen.add(contentOf(shape));
      }),
      { numRuns: 500 },
    );
    expect(seen.size).toBeGreaterThan(50);
  });

  it("is another for every other content", () => {
    const contentByKey = new Map<string, string>();
    fc.assert(
      fc.property(shapes, writings, (shape, writing) => {
        const key = keyOf(shape, writing);
        const content = contentOf(shape);
        expect(contentByKey.get(key) ?? content).toBe(content);
        contentByKey.set(key, content);
      }),
      { numRuns: 1_000 },
    );
    expect(contentByKey.size).toBeGreaterThan(100);
  });

  it.each<[string, Shape, Shape]>([
    ["a key and a value change places", of({ tags: { a: "b" } }), of({ tags: { b: "a" } })],
    ["a key is written in capitals", of({ tags: { a: "b" } }), of({ tags: { A: "b" } })],
    ["an equals sign moves", of({ tags: { a: "b=c" } }), of({ tags: { a: "b=", c: "" } })],
    ["a tag is taken for an identity", of({ tags: { source: "alice" } }), of({ identity: "alice" })],
  ])("is another where %s", (_what, one, other) => {
    const writing = { seed: 0, indent: 0, tagsInFile: 0, isIdentityInFile: false, arnsTwice: false };
    expect(keyOf(one, writing)).not.toBe(keyOf(other, writing));
  });
});

function of({ identity, tags = {} }: { identity?: string; tags?: Readonly<Record<string, string>> }): Shape {
  const entries = Object.entries(tags).map(([key, value]) => [key, { value, isTransitive: false }] as const);
  return { identity, tags: Object.fromEntries(entries), effect: undefined, arns: [] };
}
