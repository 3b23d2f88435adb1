import type { ConditionOperator } from "./condition-operator.ts";
import { isTrue, valueMatcher } from "./condition-values.ts";
import type { PolicyCondition } from "./policy-statement.ts";
import type { PolicyVersion, RequestContext } from "./policy-variables.ts";

/**
 * Whether one key's condition holds (IAM User Guide, reference_policies_elements_condition_operators,
 * reference_policies_condition-logic-multiple-context-keys-or-values and
 * reference_policies_condition-single-vs-multi-valued-context-keys).
 * Where AWS's answers are recorded (radkawar/stackd, testdata/aws/iam/condition_sets.json) they decide: to a set
 * operator an empty text is a value, where the guide speaks of a null data set; and on a key that has several values
 * nothing holds without a set operator.
 */
export function conditionHolds(condition: PolicyCondition, version: PolicyVersion, context: RequestContext): boolean {
  const { operator, values } = condition;
  const requestValues = context.get(condition.key.toLowerCase());
  if (operator.name === "Null") {
    const absent = requestValues === undefined;
    return values.some((value) => isTrue(value) === absent);
  }
  if (requestValues === undefined) return holdsWithoutKey(operator);

  const matches = valueMatcher(operator, version, context);
  // Several values of the policy are alternatives; negated, none of them may match. Where that cannot be told, the
  // statement is invalid: no match is found, and none is ruled out either.
  const holds = (requestValue: string) => {
    const results = values.map((value) => matches(requestValue, value));
    return operator.negated === true ? results.every((result) => result === false) : results.includes(true);
  };
  if (operator.setOperator === "ForAllValues") return requestValues.every(holds);
  if (operator.setOperator === "ForAnyValue") return requestValues.some(holds);
  const [only] = requestValues;
  return requestValues.length === 1 && only !== undefined && holds(only);
}

/** `IfExists` does not help `ForAnyValue`: of no values, none matches. */
function holdsWithoutKey(operator: ConditionOperator): boolean {
  if (operator.setOperator !== undefined) return operator.setOperator === "ForAllValues";
  return operator.ifExists || operator.negated === true;
}
