import type { ConditionOperator } from "./condition-operator.ts";
import { valueTestOf } from "./condition-values.ts";
import type { PolicyCondition, PolicyVersion } from "./policy-document.ts";

/**
 * Whether one key's condition holds (IAM User Guide, reference_policies_elements_condition_operators and
 * reference_policies_condition-logic-multiple-context-keys-or-values).
 *
 * @param context condition keys in lower case; a key without a value counts as absent
 */
export function conditionHolds(
  condition: PolicyCondition,
  version: PolicyVersion,
  context: ReadonlyMap<string, readonly string[]>,
): boolean {
  const { operator } = condition;
  const requestValues = context.get(condition.key.toLowerCase()) ?? [];
  const absent = requestValues.length === 0;
  if (operator.name === "Null") return condition.values.some((value) => (value.toLowerCase() === "true") === absent);
  if (absent) return holdsWithoutKey(operator);
  const { negated, matches } = valueTestOf(operator.name, version, context);
  // Several values in the policy are alternatives; negated, none of them may match.
  const holds = (requestValue: string) =>
    condition.values.some((policyValue) => matches(requestValue, policyValue)) !== negated;
  if (operator.setOperator === "ForAllValues") return requestValues.every(holds);
  if (operator.setOperator === "ForAnyValue") return requestValues.some(holds);
  // AWS asks for a set operator where a key has several values and does not say what happens without one:
  // as a choice, a match is any match and a negated match is no match at all.
  return negated ? requestValues.every(holds) : requestValues.some(holds);
}

function holdsWithoutKey(operator: ConditionOperator): boolean {
  if (operator.ifExists || operator.setOperator === "ForAllValues") return true;
  if (operator.setOperator === "ForAnyValue") return false;
  return /Not/.test(operator.name);
}
