import type { AccessRequest } from "./access-request.ts";
import { matchesArn, splitArnPattern } from "./arn-pattern.ts";
import { conditionHolds } from "./conditions.ts";
import type { PatternElement, PolicyStatement, PolicyVersion } from "./policy-statement.ts";
import { parsePolicyText } from "./policy-variables.ts";
import { matchesWildcard, parseWildcardPattern } from "./wildcard.ts";

/** Whether a statement speaks of this call: action, resource and conditions. Its Principal is not looked at. */
export function statementApplies(statement: PolicyStatement, version: PolicyVersion, request: AccessRequest): boolean {
  return (
    matchesElement(statement.action, (pattern) => matchesAction(request.action, pattern)) &&
    (statement.resource === undefined ||
      matchesElement(statement.resource, (pattern) => matchesResource(pattern, version, request))) &&
    statement.conditions.every((condition) => conditionHolds(condition, version, request.context))
  );
}

function matchesElement(element: PatternElement, matches: (pattern: string) => boolean): boolean {
  return element.patterns.some(matches) !== element.negated;
}

/** Service prefix and action know no case, and variables have no place here (reference_policies_elements_action). */
function matchesAction(action: string, pattern: string): boolean {
  return matchesWildcard(action.toLowerCase(), parseWildcardPattern(pattern.toLowerCase()));
}

/**
 * Of an incomplete ARN the missing parts are `*` (reference_policies_elements_resource). Variables may stand in the
 * sixth part only: a pattern with one before the fifth colon matches nothing (reference_policies_variables, "Where you
 * can use policy variables").
 */
function matchesResource(pattern: string, version: PolicyVersion, request: AccessRequest): boolean {
  if (pattern === "*") return true;
  const parts = [...splitArnPattern(parsePolicyText(pattern, version))];
  if (parts.slice(0, 5).some((part) => part.some((piece) => typeof piece !== "string"))) return false;
  while (parts.length < 6) parts.push(["*"]);
  return matchesArn(request.resource, parts, request.context);
}
