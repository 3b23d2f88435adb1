import type { ConditionOperator } from "./condition-operator.ts";
import { valueMatcher } from "./condition-values.ts";
import type { PolicyCondition, PolicyVersion } from "./policy-statement.ts";
import type { RequestContext } from "./policy-variables.ts";

/**
 * Whether one key's condition holds (IAM User Guide, reference_policies_elements_condition_operators and
 * reference_policies_condition-logic-multiple-context-keys-or-values).
 */
export function conditionHolds(condition: PolicyCondition, version: PolicyVersion, context: RequestContext): boolean {
  const { operator } = condition;
  const requestValues = context.get(condition.key.toLowerCase()) ?? [];
  const absent = requestValues.length === 0;
  if (operator.name === "Null") return condition.values.some((value) => value.toLowerCase() === String(absent));
  if (absent) return holdsWithoutKey(operator);

  const matches = valueMatcher(operator, version, context);
  const negated = operator.negated === true;
  // Several values of the policy are alternatives; negated, none of them may match.
  const holds = (requestValue: string) =>
    condition.values.some((policyValue) => matches(requestValue, policyValue)) !== negated;
  // To the set operators, empty texts are an empty set.
  const empty = requestValues.every((value) => value === "");
  if (operator.setOperator === "ForAllValues") return empty || requestValues.every(holds);
  if (operator.setOperator === "ForAnyValue") return !empty && requestValues.some(holds);
  // AWS wants a set operator where a key has several values and does not say what happens without: as a choice,
  // any match is a match, and a negated operator holds when there is none.
  return negated ? requestValues.every(holds) : requestValues.some(holds);
}

function holdsWithoutKey(operator: ConditionOperator): boolean {
  if (operator.ifExists || operator.setOperator === "ForAllValues") return true;
  return operator.setOperator === undefined && operator.negated === true;
}
