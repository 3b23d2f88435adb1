import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import {
  buildSessionPolicy,
  checkPolicyOperand,
  formatNeeds,
  type IamNeed,
} from "../../src/policy/build-session-policy.ts";
import { evaluatePolicies } from "../../src/policy/evaluate.ts";
import { parsePolicyDocument } from "../../src/policy/policy-document.ts";
import "../support/property-seed.ts";

const ACCOUNT = "222222222222";
const ROLE = `arn:aws:iam::${ACCOUNT}:role/PrivilegedActionsRole`;
const instance = (id: string) => `arn:aws:ec2:us-east-1:${ACCOUNT}:instance/${id}`;
const table = (name: string) => `arn:aws:dynamodb:us-east-1:${ACCOUNT}:table/${name}`;

function isAllowed(policy: string, action: string, resource: string): boolean {
  const request = {
    action,
    resource,
    principal: {
      arn: ROLE,
      sessionArn: `arn:aws:sts::${ACCOUNT}:assumed-role/PrivilegedActionsRole/alice`,
      accountId: ACCOUNT,
    },
    context: new Map(),
  };
  return evaluatePolicies(request, [parsePolicyDocument(policy, "identity")]) === "allowed";
}

const statementsOf = (policy: string): Record<string, unknown>[] => [JSON.parse(policy).Statement].flat();

describe("the policy for an action's needs", () => {
  it("is as short as its grammar allows", () => {
    const needs = [
      { actions: ["ec2:DescribeInstances"], resources: ["*"] },
      { actions: ["ec2:TerminateInstances"], resources: [instance("i-0a")] },
      { actions: ["ec2:DescribeInstanceAttribute"], resources: [instance("i-0a")] },
    ];
    expect(formatNeeds(needs)).toBe(
      `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:DescribeInstances","Resource":"*"},{"Effect":"Allow","Action":["ec2:DescribeInstanceAttribute","ec2:TerminateInstances"],"Resource":"${instance("i-0a")}"}]}`,
    );
    expect(formatNeeds([{ actions: ["dynamodb:ListTables"], resources: ["*"] }])).toBe(
      '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:ListTables","Resource":"*"}}',
    );
    expect(buildSessionPolicy(needs).text).toBe(formatNeeds(needs));
  });

  it("says nothing of a resource that is allowed on everything anyway", () => {
    const everything = { actions: ["ec2:DescribeInstances", "ec2:DescribeRegions"], resources: ["*"] };
    const narrower = { actions: ["ec2:DescribeInstances"], resources: [instance("i-0a")] };
    expect(formatNeeds([narrower, everything])).toBe(formatNeeds([everything]));
  });

  it("keeps a condition to the statement that has it", () => {
    const conditions = { Bool: { "kms:GrantIsForAWSResource": "true" } };
    const key = `arn:aws:kms:us-east-1:${ACCOUNT}:key/*`;
    const policy = formatNeeds([
      { actions: ["ec2:StartInstances"], resources: [instance("i-0a")] },
      { actions: ["kms:CreateGrant"], resources: [key], conditions },
    ]);
    expect(statementsOf(policy)).toEqual([
      { Effect: "Allow", Action: "ec2:StartInstances", Resource: instance("i-0a") },
      { Effect: "Allow", Action: "kms:CreateGrant", Resource: key, Condition: conditions },
    ]);
    expect(isAllowed(policy, "kms:CreateGrant", key.replace("*", "1"))).toBe(false);
    const alone = formatNeeds([{ actions: ["kms:CreateGrant"], resources: [key], conditions }]);
    expect(statementsOf(alone)).toHaveLength(1);
  });
});

const ACTIONS = [
  "ec2:DescribeInstances",
  "ec2:DescribeInstanceAttribute",
  "ec2:TerminateInstances",
  "ec2:StopInstances",
  "dynamodb:DescribeTable",
  "dynamodb:DeleteTable",
  "dynamodb:ListTables",
  "iam:PassRole",
];
// Each is the beginning of another, or differs in its case alone.
const RESOURCES = [
  "*",
  ...["i-0a", "i-0ab", "i-0b"].map(instance),
  ...["orders", "orders.old", "Orders", "order"].map(table),
  `${table("orders")}/backup/*`,
];
const OUTSIDE = [
  instance("i-0"),
  instance("i-0abc"),
  instance("i-0a").replace("us-east-1", "eu-west-1"),
  instance("i-0a").replace(ACCOUNT, "333333333333"),
  instance("i-0a").replace(":aws:", ":aws-cn:"),
  table("orders").replace("dynamodb", "ec2"),
  `${table("orders")}/index/by-day`,
  `${table("orders")}/backup/01`,
  table("ORDERS"),
  "arn:aws:iam::222222222222:role/Administrator",
];
const anyNeeds: fc.Arbitrary<IamNeed[]> = fc.array(
  fc.record({
    actions: fc.uniqueArray(fc.constantFrom(...ACTIONS), { minLength: 1, maxLength: 4 }),
    resources: fc.uniqueArray(fc.constantFrom(...RESOURCES), { minLength: 1, maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 5 },
);

describe("any needs", () => {
  it("are allowed, each action on exactly its resources, and nothing else is", () => {
    fc.assert(
      fc.property(anyNeeds, (needs) => {
        const policy = formatNeeds(needs);
        for (const action of [...ACTIONS, "ec2:RebootInstances", "sts:AssumeRole"]) {
          for (const resource of [...RESOURCES.filter((each) => !each.endsWith("*")), ...OUTSIDE]) {
            const isNeeded = needs.some(
              ({ actions, resources }) =>
                actions.includes(action) &&
                resources.some(
                  (each) =>
                    each === "*" ||
                    each === resource ||
                    (each.endsWith("/*") && resource.startsWith(each.slice(0, -1))),
                ),
            );
            if (isAllowed(policy, action, resource) !== isNeeded) {
              throw new Error(`${action} on ${resource} is ${isNeeded ? "not allowed" : "allowed"} by ${policy}`);
            }
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it("make one text, in whatever order they are told, which AWS takes", () => {
    fc.assert(
      fc.property(anyNeeds, fc.integer(), (needs, seed) => {
        const policy = formatNeeds(needs);
        const order = (one: unknown, other: unknown) =>
          ((JSON.stringify(one).length * seed) % 7) - ((JSON.stringify(other).length * seed) % 5);
        const shuffled = [...needs, ...needs]
          .map(({ actions, resources }) => ({ actions: [...actions].sort(order), resources: [...resources].reverse() }))
          .sort(order);
        expect(formatNeeds(shuffled)).toBe(policy);
        expect(buildSessionPolicy(needs).text).toBe(policy);
        const shapes = statementsOf(policy).map(({ Resource }) => JSON.stringify(Resource));
        const actions = statementsOf(policy).map(({ Action }) => JSON.stringify(Action));
        // Two statements that could be one are none.
        expect(
          shapes.some(
            (each, index) => shapes.indexOf(each) !== index && actions[shapes.indexOf(each)] === actions[index],
          ),
        ).toBe(false);
      }),
      { numRuns: 100 },
    );
  });
});

describe("a name that is no plain name", () => {
  const code = (work: () => unknown) => {
    try {
      return work();
    } catch (error) {
      return error instanceof AssumeMfaError ? [error.code, error.message.includes("\n")] : error;
    }
  };
  const HOSTILE = [
    "*",
    "orders*",
    "order?",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
    "${aws:username}",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: how a policy writes a star
    "${*}",
    'orders","arn:aws:dynamodb:*',
    "orders\\",
    "orders\u0000",
    "orders/index/by-day",
    "a:b",
    "orders ",
    "ördërs",
    "\u202eorders",
    "",
  ];

  it.each(HOSTILE)("%j is refused as an operand", (name) => {
    expect(code(() => checkPolicyOperand(name))).toEqual(["USAGE", false]);
  });

  it.each(HOSTILE.filter((name) => name !== "*" && !/^[\w/:-]+$/.test(name)))(
    "%j widens nothing, and is refused as a part of a resource",
    (name) => {
      for (const resource of [table(name), `${table(name)}/backup/*`]) {
        if (name === "" && resource !== table(name)) continue;
        expect(code(() => formatNeeds([{ actions: ["dynamodb:DeleteTable"], resources: [resource] }]))).toEqual([
          "USAGE",
          false,
        ]);
      }
    },
  );

  it.each([
    "arn:aws:ec2:*:222222222222:instance/i-0a",
    "arn:aws:ec2:us-east-1:*:instance/i-0a",
    "arn:*:ec2:us-east-1:222222222222:instance/i-0a",
    "arn:aws:*:us-east-1:222222222222:instance/i-0a",
    "arn:aws:ec2:us-east-1:222222222222:*",
    "arn:aws:ec2:us-east-1:222222222222:instance*",
    "instance/i-0a",
    "**",
    "",
  ])("%j is no resource of a need", (resource) => {
    expect(code(() => formatNeeds([{ actions: ["ec2:StopInstances"], resources: [resource] }]))).toEqual([
      "USAGE",
      false,
    ]);
  });

  it.each(["*", "ec2:*", "ec2:Stop?nstances", "StopInstances", ""])("%j is no action of a need", (action) => {
    expect(() => formatNeeds([{ actions: [action], resources: ["*"] }])).toThrow(RangeError);
  });

  it("is quoted short", () => {
    const long = `${"*".repeat(5_000)}`;
    expect(() => checkPolicyOperand(long)).toThrow(/^"\*{100}…" can't stand/);
  });
});
