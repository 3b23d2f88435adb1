/** The operators of IAM's JSON policy elements, without `IfExists` and the set operators. */
export const CONDITION_OPERATORS = [
  "StringEquals",
  "StringNotEquals",
  "StringEqualsIgnoreCase",
  "StringNotEqualsIgnoreCase",
  "StringLike",
  "StringNotLike",
  "NumericEquals",
  "NumericNotEquals",
  "NumericLessThan",
  "NumericLessThanEquals",
  "NumericGreaterThan",
  "NumericGreaterThanEquals",
  "DateEquals",
  "DateNotEquals",
  "DateLessThan",
  "DateLessThanEquals",
  "DateGreaterThan",
  "DateGreaterThanEquals",
  "Bool",
  "BinaryEquals",
  "IpAddress",
  "NotIpAddress",
  "ArnEquals",
  "ArnLike",
  "ArnNotEquals",
  "ArnNotLike",
  "Null",
] as const;

export type ConditionOperatorName = (typeof CONDITION_OPERATORS)[number];
export type SetOperator = "ForAllValues" | "ForAnyValue";

export interface ConditionOperator {
  readonly name: ConditionOperatorName;
  readonly ifExists: boolean;
  readonly setOperator: SetOperator | undefined;
}

const OPERATORS = new Map<string, ConditionOperatorName>(CONDITION_OPERATORS.map((name) => [name.toLowerCase(), name]));

/**
 * `ForAnyValue:StringLikeIfExists` and the like, in any case.
 * @returns undefined when there is no such operator (`NullIfExists` included)
 */
export function parseConditionOperator(text: string): ConditionOperator | undefined {
  const match = /^(?:(forallvalues|foranyvalue):)?([a-z]+?)(ifexists)?$/.exec(text.toLowerCase());
  if (match === null) return undefined;
  const [, set, base = "", ifExists] = match;
  const name = OPERATORS.get(base);
  if (name === undefined || (name === "Null" && ifExists !== undefined)) return undefined;
  return {
    name,
    ifExists: ifExists !== undefined,
    setOperator: set === undefined ? undefined : set === "forallvalues" ? "ForAllValues" : "ForAnyValue",
  };
}
