import fc from "fast-check";

// Random policies and calls from small pools, so that statements often apply, and sometimes just fail to.

/** A policy as JSON.stringify takes it. */
export interface RawPolicy {
  readonly Version: string;
  readonly Statement: readonly RawStatement[];
}
export type RawStatement = Readonly<Record<string, unknown>>;

export interface IdentityCase {
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, string | string[]>>;
  readonly policies: readonly RawPolicy[];
}

export interface AssumeRoleCase {
  readonly caller: Caller;
  readonly roleArn: string;
  readonly context: Readonly<Record<string, string | string[]>>;
  readonly trust: RawPolicy;
  readonly identity: readonly RawPolicy[];
  readonly boundary: RawPolicy | undefined;
  readonly session: RawPolicy | undefined;
}

export interface Caller {
  readonly arn: string;
  readonly sessionArn?: string;
  readonly accountId: string;
}

const PARENT = "111122223333";
const CHILD = "222222222222";

const USER: Caller = { arn: `arn:aws:iam::${PARENT}:user/ana`, accountId: PARENT };
const ROLE_SESSION: Caller = {
  arn: `arn:aws:iam::${PARENT}:role/deployer`,
  sessionArn: `arn:aws:sts::${PARENT}:assumed-role/deployer/ana`,
  accountId: PARENT,
};

const ACTIONS = [
  "ec2:TerminateInstances",
  "ec2:DescribeInstances",
  "dynamodb:DeleteTable",
  "iam:GetUser",
  "sts:AssumeRole",
];
const ACTION_PATTERNS = [
  ...ACTIONS,
  "*",
  "ec2:*",
  "EC2:terminateinstances",
  "ec2:Terminate*",
  "ec2:*Instances",
  "ec2:?erminateInstance?",
  "ec2:Terminate*Tables*",
  "dynamodb:*Table",
  "dynamodb:Delete?????",
  "iam:Get*",
  "s3:*",
];
const RESOURCES = [
  `arn:aws:ec2:us-east-1:${PARENT}:instance/i-0abc`,
  `arn:aws:ec2:eu-central-1:${CHILD}:instance/i-0def`,
  `arn:aws:dynamodb:us-east-1:${PARENT}:table/orders`,
  `arn:aws:dynamodb:us-east-1:${PARENT}:table/orders/backup/01`,
  `arn:aws:iam::${PARENT}:user/ana`,
  `arn:aws:iam::${PARENT}:user/staff/ana`,
  `arn:aws:logs:us-east-1:${PARENT}:log-group:orders:log-stream:one`,
];
const RESOURCE_PATTERNS = [
  ...RESOURCES,
  "*",
  "arn:aws:ec2:*:*:instance/*",
  "arn:aws:ec2:us-*:*:instance/i-0???",
  `arn:aws:ec2:*:${PARENT}:*`,
  "arn:aws:ec2",
  "arn:aws:dynamodb:us-east-1",
  "arn:aws:dynamodb:*:*:table/ord*",
  "arn:aws:dynamodb:*:*:table/*/backup/*",
  `arn:aws:dynamodb:*:*:table/\${aws:PrincipalTag/team}`,
  `arn:aws:iam::*:user/\${aws:username}`,
  `arn:aws:iam::*:user/*/\${aws:username, 'ana'}`,
  `arn:aws:iam::${PARENT}:user/?na`,
  "arn:aws:logs:*:*:log-group:*:log-stream:*",
  "arn:aws:logs:*:*:log-group:orders",
  `arn:aws:iam::*:user/\${aws:userid}*`,
];

/** Keys with a single value, by what they hold, each with the values that requests and policies use. */
const STRING_VALUES = ["ana", "Ana", "bob", "a*", "an"];
const STRING_POLICY_VALUES = [
  "ana",
  "ANA",
  "bob",
  "a*",
  "?na",
  "*n*",
  "*",
  "",
  `\${aws:username}`,
  `\${aws:userid, 'ana'}`,
  `b\${aws:PrincipalTag/team}`,
];
const NUMBER_VALUES = ["0", "1", "300", "3600", "3600.0", "-5", "7.25"];
const DATE_VALUES = [
  "2019-12-31T23:59:59Z",
  "2020-01-01T00:00:00Z",
  "2020-01-01T01:00:00+01:00",
  "2020-01-01",
  "2020-07-16T12:00:00.5Z",
];
const ADDRESS_VALUES = ["203.0.113.7", "203.0.114.7", "10.1.2.3", "2001:db8:1234:5678::1", "2001:db8:1234:5679::1"];
const RANGE_VALUES = [
  "203.0.113.0/24",
  "203.0.113.7/32",
  "203.0.112.0/22",
  "10.0.0.0/8",
  "0.0.0.0/1",
  "2001:DB8:1234:5678::/64",
  "2001:db8::/32",
  "::/0",
];
const ARN_VALUES = [
  USER.arn,
  ROLE_SESSION.arn,
  `arn:aws:sns:us-east-1:${PARENT}:topic:sub`,
  `arn:aws:sns:eu-west-1:${CHILD}:topic`,
];
const ARN_POLICY_VALUES = [
  ...ARN_VALUES,
  "arn:aws:iam::*:user/*",
  `arn:aws:iam::${PARENT}:*`,
  "arn:aws:sns:*:*:topic*",
  "arn:aws:sns:us-*-1:*:topic:*",
  `arn:*:iam::${PARENT}:role/deploye?`,
];
const BINARY_VALUES = ["QmluYXJ5VmFsdWVJbkJhc2U2NA==", "AAECAw==", "AAEC"];
const TAG_KEYS = ["team", "cost", "Team", "owner"];

const STRING_OPERATORS = [
  "StringEquals",
  "StringNotEquals",
  "StringEqualsIgnoreCase",
  "StringNotEqualsIgnoreCase",
  "StringLike",
  "StringNotLike",
];
const NUMBER_OPERATORS = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"];

interface KeyKind {
  readonly keys: readonly string[];
  readonly requestValues: readonly string[];
  readonly operators: readonly string[];
  readonly policyValues: readonly unknown[];
}

const KEY_KINDS: readonly KeyKind[] = [
  {
    keys: ["aws:username", "aws:PrincipalTag/team"],
    requestValues: STRING_VALUES,
    operators: STRING_OPERATORS,
    policyValues: STRING_POLICY_VALUES,
  },
  {
    keys: ["sts:ExternalId"],
    requestValues: [...STRING_VALUES, ""],
    operators: STRING_OPERATORS,
    policyValues: STRING_POLICY_VALUES,
  },
  {
    keys: ["aws:MultiFactorAuthPresent", "aws:SecureTransport"],
    requestValues: ["true", "false"],
    operators: ["Bool"],
    policyValues: [true, false, "true", "false", "True", "FALSE"],
  },
  {
    keys: ["aws:MultiFactorAuthAge"],
    requestValues: NUMBER_VALUES,
    operators: NUMBER_OPERATORS.map((name) => `Numeric${name}`),
    policyValues: [...NUMBER_VALUES, 300, 3600],
  },
  {
    keys: ["aws:CurrentTime", "aws:TokenIssueTime"],
    requestValues: DATE_VALUES,
    operators: NUMBER_OPERATORS.map((name) => `Date${name}`),
    policyValues: DATE_VALUES,
  },
  {
    keys: ["aws:SourceIp"],
    requestValues: ADDRESS_VALUES,
    operators: ["IpAddress", "NotIpAddress"],
    policyValues: RANGE_VALUES,
  },
  {
    keys: ["aws:PrincipalArn", "aws:SourceArn"],
    requestValues: ARN_VALUES,
    operators: ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
    policyValues: ARN_POLICY_VALUES,
  },
];
const BYTES_KIND: KeyKind = {
  keys: ["test:Bytes"],
  requestValues: BINARY_VALUES,
  operators: ["BinaryEquals"],
  policyValues: BINARY_VALUES,
};
const KEY_CASES = [(key: string) => key, (key: string) => key.toLowerCase(), (key: string) => key.toUpperCase()];

const oneOrMore = <T>(values: readonly T[]) =>
  fc.oneof(fc.constantFrom(...values), fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 }));

const singleKeyConditions = (kinds: readonly KeyKind[]) =>
  fc.constantFrom(...kinds).chain((kind) =>
    fc
      .record({
        operator: fc.constantFrom(...kind.operators),
        set: fc.constantFrom("", "", "", "", "ForAllValues:", "ForAnyValue:"),
        ifExists: fc.constantFrom("", "", "IfExists"),
        key: fc.constantFrom(...kind.keys),
        keyCase: fc.constantFrom(...KEY_CASES),
        values: oneOrMore(kind.policyValues),
      })
      .map(({ operator, set, ifExists, key, keyCase, values }) => ({
        operator: `${set}${operator}${ifExists}`,
        key: keyCase(key),
        values,
      })),
  );
const tagConditions = fc.record({
  operator: fc
    .tuple(
      fc.constantFrom("ForAllValues:", "ForAnyValue:", ""),
      fc.constantFrom("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase"),
      fc.constantFrom("", "", "IfExists"),
    )
    .map((parts) => parts.join("")),
  key: fc.constantFrom("aws:TagKeys", "AWS:tagkeys"),
  values: oneOrMore([...TAG_KEYS, "t*", "*", "?ost", ""]),
});
const nullConditions = (kinds: readonly KeyKind[]) =>
  fc.record({
    operator: fc.constant("Null"),
    key: fc.constantFrom("aws:TagKeys", ...kinds.flatMap(({ keys }) => keys)),
    values: oneOrMore([true, false, "true", "false", "TRUE"]),
  });

const conditionBlocks = (kinds: readonly KeyKind[]) =>
  fc
    .array(
      fc.oneof(
        { weight: 5, arbitrary: singleKeyConditions(kinds) },
        { weight: 1, arbitrary: tagConditions },
        { weight: 1, arbitrary: nullConditions(kinds) },
      ),
      { maxLength: 3 },
    )
    .map((conditions) => {
      const block: Record<string, Record<string, unknown>> = {};
      // A key that stands twice under one operator, in another case of letters, is no policy.
      const seen = new Set<string>();
      for (const { operator, key, values } of conditions) {
        const name = `${operator} ${key.toLowerCase()}`;
        if (seen.has(name)) continue;
        seen.add(name);
        block[operator] = { ...block[operator], [key]: values };
      }
      return block;
    });

const contexts = (kinds: readonly KeyKind[]): fc.Arbitrary<Record<string, string | string[]>> =>
  fc.record(
    {
      ...Object.fromEntries(
        kinds.flatMap(({ keys, requestValues }) => keys.map((key) => [key, fc.constantFrom(...requestValues)])),
      ),
      // Two at least: that a list of one is a list cannot be seen here, and iam-simulate knows it from AWS's tables.
      "aws:TagKeys": fc.uniqueArray(fc.constantFrom(...TAG_KEYS, ""), { minLength: 2, maxLength: 3 }),
    },
    { requiredKeys: [] },
  );

const EFFECTS = fc.constantFrom("Allow", "Allow", "Allow", "Deny");

interface IdentityPools {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Those of `resources` that both engines read alike under NotResource: whole ARNs. */
  readonly notResources: readonly string[];
  readonly kinds: readonly KeyKind[];
}

const identityStatements = ({ actions, resources, notResources, kinds }: IdentityPools): fc.Arbitrary<RawStatement> =>
  fc
    .record({
      effect: EFFECTS,
      actionElement: fc.constantFrom("Action", "Action", "Action", "NotAction"),
      actions: oneOrMore(actions),
      resource: fc.oneof(
        { weight: 3, arbitrary: oneOrMore(resources).map((Resource) => ({ Resource })) },
        { weight: 1, arbitrary: oneOrMore(notResources).map((NotResource) => ({ NotResource })) },
      ),
      condition: fc.option(conditionBlocks(kinds), { nil: undefined, freq: 2 }),
    })
    .map(({ effect, actionElement, actions, resource, condition }) => ({
      Effect: effect,
      [actionElement]: actions,
      ...resource,
      ...(condition === undefined ? {} : { Condition: condition }),
    }));

const policiesOf = (statements: fc.Arbitrary<RawStatement>): fc.Arbitrary<RawPolicy> =>
  fc.array(statements, { minLength: 1, maxLength: 3 }).map((Statement) => ({ Version: "2012-10-17", Statement }));

export const identityCases: fc.Arbitrary<IdentityCase> = fc.record({
  action: fc.constantFrom(...ACTIONS),
  resource: fc.constantFrom(...RESOURCES),
  context: contexts([...KEY_KINDS, BYTES_KIND]),
  policies: fc.array(
    policiesOf(
      identityStatements({
        actions: ACTION_PATTERNS,
        resources: RESOURCE_PATTERNS,
        notResources: RESOURCE_PATTERNS.filter((pattern) => pattern === "*" || pattern.split(":").length >= 6),
        kinds: [...KEY_KINDS, BYTES_KIND],
      }),
    ),
    { minLength: 1, maxLength: 2 },
  ),
});

const TRUST_ACTIONS = ["sts:AssumeRole", "sts:AssumeRole", "sts:*", "sts:Assume*", "STS:assumerole", "sts:TagSession"];
const LIMITED_PRINCIPALS: readonly unknown[] = [
  { AWS: PARENT },
  { AWS: `arn:aws:iam::${PARENT}:root` },
  { AWS: USER.arn },
  { AWS: [`arn:aws:iam::${PARENT}:user/bob`, USER.arn] },
  { AWS: ROLE_SESSION.arn },
  { AWS: `arn:aws:sts::${PARENT}:assumed-role/deployer/bob` },
  { AWS: [CHILD, `arn:aws:iam::${PARENT}:user/bob`] },
  { Service: "ec2.amazonaws.com" },
  { Service: "ec2.amazonaws.com", AWS: PARENT },
  { Federated: "cognito-identity.amazonaws.com" },
];
/** What they grant in their own account is not limited by session policies (see the differences in oracle.test.ts). */
const UNLIMITED_PRINCIPALS: readonly unknown[] = ["*", { AWS: "*" }, { AWS: ROLE_SESSION.sessionArn }];
/** Each names the caller by all of its names or by none. */
const NOT_PRINCIPALS = new Map<Caller, readonly unknown[]>([
  [USER, [{ AWS: [PARENT, USER.arn] }, { AWS: CHILD }, { AWS: ROLE_SESSION.arn }]],
  [
    ROLE_SESSION,
    [
      { AWS: [`arn:aws:iam::${PARENT}:root`, ROLE_SESSION.arn, ROLE_SESSION.sessionArn] },
      { AWS: USER.arn },
      { Service: "ec2.amazonaws.com" },
    ],
  ],
]);

const trustStatements = (caller: Caller, principals: readonly unknown[]): fc.Arbitrary<RawStatement> =>
  fc
    .record({
      effect: EFFECTS,
      principal: fc.oneof(
        { weight: 5, arbitrary: fc.constantFrom(...principals).map((Principal) => ({ Principal })) },
        {
          weight: 1,
          arbitrary: fc.constantFrom(...(NOT_PRINCIPALS.get(caller) ?? [])).map((NotPrincipal) => ({ NotPrincipal })),
        },
      ),
      actions: oneOrMore(TRUST_ACTIONS),
      condition: fc.option(conditionBlocks(KEY_KINDS), { nil: undefined, freq: 2 }),
    })
    .map(({ effect, principal, actions, condition }) => ({
      Effect: effect,
      ...principal,
      Action: actions,
      ...(condition === undefined ? {} : { Condition: condition }),
    }))
    // An Allow with NotPrincipal grants like "*".
    .filter((statement) => !("NotPrincipal" in statement && statement.Effect === "Allow" && !principals.includes("*")));

const ROLE_ARNS = [`arn:aws:iam::${PARENT}:role/target`, `arn:aws:iam::${CHILD}:role/ops/target`];
const CALLER_RESOURCES = ["*", "*", ...ROLE_ARNS, "arn:aws:iam::*:role/*", `arn:aws:iam::${CHILD}:role/*`];
const callerPolicies = policiesOf(
  identityStatements({
    actions: ["sts:AssumeRole", "sts:AssumeRole", "sts:*", "*", "ec2:*"],
    resources: CALLER_RESOURCES,
    notResources: CALLER_RESOURCES,
    kinds: KEY_KINDS,
  }),
);

const assumeRoleCase = (caller: Caller, principals: readonly unknown[], session: fc.Arbitrary<RawPolicy | undefined>) =>
  fc.record({
    caller: fc.constant(caller),
    roleArn: fc.constantFrom(...ROLE_ARNS),
    context: contexts(KEY_KINDS),
    trust: policiesOf(trustStatements(caller, principals)),
    identity: fc.array(callerPolicies, { maxLength: 2 }),
    boundary: fc.option(callerPolicies, { nil: undefined, freq: 1 }),
    session,
  });

export const assumeRoleCases: fc.Arbitrary<AssumeRoleCase> = fc.oneof(
  assumeRoleCase(USER, [...LIMITED_PRINCIPALS, ...UNLIMITED_PRINCIPALS], fc.constant(undefined)),
  assumeRoleCase(ROLE_SESSION, [...LIMITED_PRINCIPALS, ...UNLIMITED_PRINCIPALS], fc.constant(undefined)),
  assumeRoleCase(ROLE_SESSION, LIMITED_PRINCIPALS, callerPolicies),
);
