import { runSimulation, runUnsafeSimulation } from "@cloud-copilot/iam-simulate";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluatePolicies, type Verdict } from "../../src/policy/evaluate.ts";
import { evaluateAssumeRole } from "../../src/policy/evaluate-access.ts";
import { parsePolicyDocument } from "../../src/policy/policy-document.ts";
import { contextOf, PARENT, PARENT_ROLE, ROLE_SESSION, USER } from "./build-policies.ts";
import { type AssumeRoleCase, assumeRoleCases, type IdentityCase, identityCases } from "./random-policies.ts";

// The evaluator held against an engine that shares nothing with it: @cloud-copilot/iam-simulate.
// The same policies each time, so that a run says something about the code only; another seed finds others.
const SEED = 20_121_017;
const IDENTITY_CASES = 3500;
const ASSUME_ROLE_CASES = 2500;

const VERDICTS = {
  Allowed: "allowed",
  ExplicitlyDenied: "explicitlyDenied",
  ImplicitlyDenied: "implicitlyDenied",
} as const;

const NO_ORGANIZATION = { serviceControlPolicies: [], resourceControlPolicies: [] };
const named = (policies: readonly object[]) => policies.map((policy, index) => ({ name: `policy${index}`, policy }));
const parsed = (policies: readonly object[]) =>
  policies.map((policy) => parsePolicyDocument(JSON.stringify(policy), "identity"));

function ourVerdict({ action, resource, context, policies }: IdentityCase): Verdict {
  return evaluatePolicies({ action, resource, principal: USER, context: contextOf(context) }, parsed(policies));
}

function theirVerdict({ action, resource, context, policies }: IdentityCase): Verdict {
  const request = {
    principal: USER.arn,
    action,
    resource: { resource, accountId: PARENT },
    contextVariables: { ...context },
  };
  return VERDICTS[runUnsafeSimulation({ request, identityPolicies: named(policies), ...NO_ORGANIZATION }, {})];
}

function ourAssumeRoleVerdict(assumeRole: AssumeRoleCase): Verdict {
  const { caller, roleArn, context, trust, identity, boundary, session } = assumeRole;
  const request = { action: "sts:AssumeRole", resource: roleArn, principal: caller, context: contextOf(context) };
  const policies = {
    trust: parsePolicyDocument(JSON.stringify(trust), "trust"),
    identity: parsed(identity),
    boundary: boundary && parsed([boundary])[0],
    session: session && parsed([session]),
  };
  return evaluateAssumeRole(request, policies).verdict;
}

async function theirAssumeRoleVerdict(assumeRole: AssumeRoleCase): Promise<Verdict> {
  const { caller, roleArn, context, trust, identity, boundary, session } = assumeRole;
  const simulated = await runSimulation(
    {
      request: {
        principal: caller.sessionArn ?? caller.arn,
        action: "sts:AssumeRole",
        resource: { resource: roleArn, accountId: roleArn.split(":")[4] ?? "" },
        contextVariables: { ...context },
      },
      identityPolicies: named(identity),
      resourcePolicy: trust,
      ...(boundary === undefined ? {} : { permissionBoundaryPolicies: named([boundary]) }),
      ...(session === undefined ? {} : { sessionPolicy: session }),
      ...NO_ORGANIZATION,
    },
    {},
  );
  if (simulated.resultType === "error") throw new Error(JSON.stringify(simulated.errors));
  return VERDICTS[simulated.overallResult];
}

describe("beside iam-simulate", () => {
  it(`decides alike on ${IDENTITY_CASES} random sets of identity policies`, () => {
    const cases = fc.sample(identityCases, { seed: SEED, numRuns: IDENTITY_CASES });
    const compared = cases.map((each) => ({ each, ours: ourVerdict(each), theirs: theirVerdict(each) }));
    expect(compared.filter(({ ours, theirs }) => ours !== theirs)).toEqual([]);
    expectEachVerdictOften(compared.map(({ ours }) => ours));
  });

  it(`decides alike on ${ASSUME_ROLE_CASES} random AssumeRole calls`, async () => {
    const cases = fc.sample(assumeRoleCases, { seed: SEED, numRuns: ASSUME_ROLE_CASES });
    const verdicts: Verdict[] = [];
    for (const each of cases) {
      const ours = ourAssumeRoleVerdict(each);
      expect(await theirAssumeRoleVerdict(each), JSON.stringify(each)).toBe(ours);
      verdicts.push(ours);
    }
    expectEachVerdictOften(verdicts);
  });
});

/** Policies that are all refused alike would prove nothing. */
function expectEachVerdictOften(verdicts: readonly Verdict[]): void {
  for (const verdict of Object.values(VERDICTS)) {
    expect(verdicts.filter((each) => each === verdict).length, verdict).toBeGreaterThan(verdicts.length / 20);
  }
}

interface Difference {
  readonly what: string;
  /** Who says that it is as we have it. "recorded": answers of AWS itself that somebody published. */
  readonly decidedBy: string;
  readonly statement?: object;
  readonly condition?: object;
  readonly context?: Record<string, string>;
  readonly version?: string;
  readonly resource?: string;
  readonly ours: "applies" | "does not apply";
}

const INSTANCE = `arn:aws:ec2:us-east-1:${PARENT}:instance/i-0abc`;

// What the random policies leave out, since the two engines are known to differ: each with what decides it.
// A row fails when iam-simulate changes its mind; then the pools of random-policies.ts can have it.
const DIFFERENCES: readonly Difference[] = [
  {
    what: "variables in a document of version 2008-10-17 are text",
    decidedBy: "reference_policies_variables, Introduction, Note",
    version: "2008-10-17",
    condition: { StringEquals: { k: `\${aws:username}` } },
    context: { k: `\${aws:username}`, "aws:username": "ana" },
    ours: "applies",
  },
  {
    what: `\${*} is a star for StringEquals too`,
    decidedBy: "reference_policies_variables, Special characters",
    condition: { StringEquals: { k: `a\${*}b` } },
    context: { k: "a*b" },
    ours: "applies",
  },
  {
    what: "a variable whose key is there but empty is empty, not absent",
    decidedBy: "reference_policies_variables, Specifying default values",
    condition: { StringEquals: { k: `\${aws:username, 'ana'}` } },
    context: { k: "ana", "aws:username": "" },
    ours: "does not apply",
  },
  {
    what: "a variable in any part of an ARN condition",
    decidedBy: "reference_policies_variables, Condition element: no part of the ARN is left out, unlike for Resource",
    condition: { ArnLike: { k: `arn:aws:sns:*:\${aws:PrincipalAccount}:t` } },
    context: { k: `arn:aws:sns:x:${PARENT}:t`, "aws:PrincipalAccount": PARENT },
    ours: "applies",
  },
  {
    what: "an incomplete ARN is completed in NotResource as in Resource",
    decidedBy: "reference-arns, Note on incomplete ARNs",
    statement: { NotResource: "arn:aws:s3" },
    ours: "applies",
  },
  {
    what: "an action without a resource is on * only",
    decidedBy: "reference_policies_elements_resource, first Note",
    statement: { Resource: "arn:aws:ec2:*:*:*" },
    resource: "*",
    ours: "does not apply",
  },
  {
    what: "ArnLike * fits every ARN",
    decidedBy: "a choice: AWS does not say; the wider reading lets no Allow look narrower than it may be",
    condition: { ArnLike: { k: "*" } },
    context: { k: USER.arn },
    ours: "applies",
  },
  {
    what: "a star fits a line break",
    decidedBy: "reference_policies_elements_condition_operators, String: multi-character match",
    condition: { StringLike: { k: "a*b" } },
    context: { k: "a\nb" },
    ours: "applies",
  },
  {
    what: "a number as a date is seconds since 1970",
    decidedBy: "reference_policies_elements_condition_operators, Date: epoch (UNIX) time; recorded too",
    condition: { DateEquals: { k: "1577836800" } },
    context: { k: "2020-01-01T00:00:00Z" },
    ours: "applies",
  },
  {
    what: "a year alone is a date",
    decidedBy: "W3C NOTE-datetime, which reference_policies_elements_condition_operators names",
    condition: { DateEquals: { k: "2020" } },
    context: { k: "2020-01-01T00:00:00Z" },
    ours: "applies",
  },
  {
    what: "no date is unequal to every date",
    decidedBy: "recorded: TagUser with DateNotEquals and not-a-date",
    condition: { DateNotEquals: { k: "2020-01-01T00:00:00Z" } },
    context: { k: "not-a-date" },
    ours: "applies",
  },
  {
    what: "no number is unequal to every number",
    decidedBy: "recorded: TagUser with NumericNotEquals and no-number",
    condition: { NumericNotEquals: { k: "1" } },
    context: { k: "no-number" },
    ours: "applies",
  },
  {
    what: "a number may have an exponent",
    decidedBy: "recorded: TagUser with NumericEquals and 1e0, though in the request",
    condition: { NumericEquals: { k: "1e1" } },
    context: { k: "10" },
    ours: "applies",
  },
  {
    what: "all that is not true is false",
    decidedBy: "recorded: Bool false and the value yes",
    condition: { Bool: { k: "false" } },
    context: { k: "yes" },
    ours: "applies",
  },
  {
    what: "0.0.0.0/0 is every IPv4 address",
    decidedBy: "reference_policies_elements_condition_operators, IP address: standard CIDR format (RFC 4632)",
    condition: { IpAddress: { k: "0.0.0.0/0" } },
    context: { k: "203.0.113.7" },
    ours: "applies",
  },
  {
    what: "an IPv6 address is the same in each of its spellings",
    decidedBy: "RFC 4291, 2.2; recorded too",
    condition: { IpAddress: { k: "2001:db8::1" } },
    context: { k: "2001:db8:0:0:0:0:0:1" },
    ours: "applies",
  },
  {
    what: "an IPv6 address is not in a single IPv4 address",
    decidedBy: "reference_policies_elements_condition_operators, NotIpAddress: all except the specified",
    condition: { NotIpAddress: { k: "203.0.113.7" } },
    context: { k: "2001:db8::1" },
    ours: "applies",
  },
];

describe("where it differs from iam-simulate", () => {
  it.each(DIFFERENCES.map((difference) => [difference.what, difference] as const))("%s", (_what, difference) => {
    const statement = {
      Effect: "Allow",
      Action: "*",
      ...(difference.statement ?? { Resource: "*" }),
      ...(difference.condition === undefined ? {} : { Condition: difference.condition }),
    };
    const asked: IdentityCase = {
      action: difference.resource === "*" ? "ec2:DescribeInstances" : "ec2:TerminateInstances",
      resource: difference.resource ?? INSTANCE,
      context: difference.context ?? {},
      policies: [{ Version: difference.version ?? "2012-10-17", Statement: [statement] }],
    };
    expect(ourVerdict(asked)).toBe(difference.ours === "applies" ? "allowed" : "implicitlyDenied");
    expect(theirVerdict(asked)).not.toBe(ourVerdict(asked));
  });

  const ALLOW = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "sts:*", Resource: "*" }] };
  const ELSE = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }] };
  const trust = (...Statement: object[]) => ({
    Version: "2012-10-17",
    Statement: Statement as Record<string, unknown>[],
  });
  const allow = (Principal: unknown) => ({ Effect: "Allow", Principal, Action: "sts:AssumeRole" });

  it.each<[what: string, AssumeRoleCase["trust"], session: AssumeRoleCase["session"], ours: Verdict]>([
    [
      // reference_policies_evaluation-logic_policy-eval-denyallow, IAM role session
      "what is granted to a session's ARN in its own account is not limited by its session policies",
      trust(allow({ AWS: ROLE_SESSION.sessionArn })),
      ELSE,
      "allowed",
    ],
    [
      // reference_policies_elements_principal, IAM role principals: a wildcard principal
      "nor is what is granted to everyone",
      trust(allow("*")),
      ELSE,
      "allowed",
    ],
    [
      // reference_policies_elements_notprincipal: account, role and session are each checked
      "a Deny with NotPrincipal spares no session whose account it does not list",
      trust(allow("*"), {
        Effect: "Deny",
        NotPrincipal: { AWS: [ROLE_SESSION.arn, ROLE_SESSION.sessionArn] },
        Action: "sts:AssumeRole",
      }),
      undefined,
      "explicitlyDenied",
    ],
  ])("%s", async (_what, trustPolicy, session, ours) => {
    const asked: AssumeRoleCase = {
      caller: ROLE_SESSION,
      roleArn: PARENT_ROLE,
      context: {},
      trust: trustPolicy,
      identity: [ALLOW],
      boundary: undefined,
      session,
    };
    expect(ourAssumeRoleVerdict(asked)).toBe(ours);
    expect(await theirAssumeRoleVerdict(asked)).not.toBe(ours);
  });
});
