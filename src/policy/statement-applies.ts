import type { AccessRequest } from "./access-request.ts";
import { ARN_PARTS, matchesArn, splitArnPattern } from "./arn-pattern.ts";
import { conditionHolds } from "./conditions.ts";
import type { PatternElement, PolicyStatement } from "./policy-statement.ts";
import { type PolicyVariable, type PolicyVersion, parsePolicyText } from "./policy-variables.ts";
import { matchesWildcard, parseWildcardPattern } from "./wildcard.ts";

const NO_VALUE: PolicyVariable = { key: "", defaultValue: undefined };

/** Whether a statement speaks of this call: action, resource and conditions. Its Principal is not looked at. */
export function statementApplies(statement: PolicyStatement, version: PolicyVersion, request: AccessRequest): boolean {
  const { action, resource, conditions } = statement;
  return (
    elementApplies(action, (pattern) => matchesAction(request.action, pattern)) &&
    (resource === undefined || elementApplies(resource, (pattern) => matchesResource(pattern, version, request))) &&
    conditions.every((condition) => conditionHolds(condition, version, request.context))
  );
}

/** @param matches undefined says that nothing can be told: then neither the element nor its negation applies */
function elementApplies(element: PatternElement, matches: (pattern: string) => boolean | undefined): boolean {
  const results = element.patterns.map(matches);
  return element.negated ? results.every((result) => result === false) : results.includes(true);
}

/** Service prefix and action know no case, and variables have no place here (reference_policies_elements_action). */
function matchesAction(action: string, pattern: string): boolean {
  return matchesWildcard(action.toLowerCase(), parseWildcardPattern(pattern.toLowerCase()));
}

/**
 * Of an incomplete ARN the missing parts are `*` (IAM User Guide, reference-arns). Variables may stand in the
 * sixth part only, after the fifth colon (reference_policies_variables, "Where you can use policy variables"):
 * before it they have no value.
 */
function matchesResource(pattern: string, version: PolicyVersion, request: AccessRequest): boolean | undefined {
  if (pattern === "*") return true;
  const parts = splitArnPattern(parsePolicyText(pattern, version)).map((part, index) =>
    index < ARN_PARTS - 1 ? part.map((piece) => (typeof piece === "string" ? piece : NO_VALUE)) : part,
  );
  while (parts.length < ARN_PARTS) parts.push(["*"]);
  return matchesArn(request.resource, parts, request.context);
}
