/** How an operator compares one value of the request with one value of the policy. */
export type ValueComparison =
  | "string"
  | "stringIgnoringCase"
  | "stringPattern"
  | "number"
  | "date"
  | "boolean"
  | "bytes"
  | "ipAddress"
  | "arn"
  | "presence";

interface OperatorMeaning {
  readonly comparison: ValueComparison;
  /** Holds where the comparison is false for every value of the policy. */
  readonly negated?: true;
  /** For numbers and dates; equality where it is not given. */
  readonly order?: "<" | "<=" | ">" | ">=";
}

/** The operators of reference_policies_elements_condition_operators, without `IfExists` and set operators. */
export const CONDITION_OPERATORS = {
  StringEquals: { comparison: "string" },
  StringNotEquals: { comparison: "string", negated: true },
  StringEqualsIgnoreCase: { comparison: "stringIgnoringCase" },
  StringNotEqualsIgnoreCase: { comparison: "stringIgnoringCase", negated: true },
  StringLike: { comparison: "stringPattern" },
  StringNotLike: { comparison: "stringPattern", negated: true },
  NumericEquals: { comparison: "number" },
  NumericNotEquals: { comparison: "number", negated: true },
  NumericLessThan: { comparison: "number", order: "<" },
  NumericLessThanEquals: { comparison: "number", order: "<=" },
  NumericGreaterThan: { comparison: "number", order: ">" },
  NumericGreaterThanEquals: { comparison: "number", order: ">=" },
  DateEquals: { comparison: "date" },
  DateNotEquals: { comparison: "date", negated: true },
  DateLessThan: { comparison: "date", order: "<" },
  DateLessThanEquals: { comparison: "date", order: "<=" },
  DateGreaterThan: { comparison: "date", order: ">" },
  DateGreaterThanEquals: { comparison: "date", order: ">=" },
  Bool: { comparison: "boolean" },
  BinaryEquals: { comparison: "bytes" },
  IpAddress: { comparison: "ipAddress" },
  NotIpAddress: { comparison: "ipAddress", negated: true },
  // The two ways of writing each ARN operator behave identically.
  ArnEquals: { comparison: "arn" },
  ArnLike: { comparison: "arn" },
  ArnNotEquals: { comparison: "arn", negated: true },
  ArnNotLike: { comparison: "arn", negated: true },
  Null: { comparison: "presence" },
} as const satisfies Record<string, OperatorMeaning>;

export type ConditionOperatorName = keyof typeof CONDITION_OPERATORS;

export interface ConditionOperator extends OperatorMeaning {
  readonly name: ConditionOperatorName;
  readonly ifExists: boolean;
  readonly setOperator: "ForAllValues" | "ForAnyValue" | undefined;
}

const NAMES = new Map<string, ConditionOperatorName>();
for (const name of Object.keys(CONDITION_OPERATORS) as ConditionOperatorName[]) NAMES.set(name.toLowerCase(), name);

/**
 * `ForAnyValue:StringLikeIfExists` and the like, in any case.
 * @returns undefined when there is no such operator (`NullIfExists` included)
 */
export function parseConditionOperator(text: string): ConditionOperator | undefined {
  const match = /^(?:(forallvalues|foranyvalue):)?([a-z]+?)(ifexists)?$/.exec(text.toLowerCase());
  if (match === null) return undefined;
  const [, set, base = "", ifExists] = match;
  const name = NAMES.get(base);
  if (name === undefined || (name === "Null" && ifExists !== undefined)) return undefined;
  const setOperator = set === undefined ? undefined : set === "forallvalues" ? "ForAllValues" : "ForAnyValue";
  return { name, ...CONDITION_OPERATORS[name], ifExists: ifExists !== undefined, setOperator };
}
