import type { AccessRequest } from "./access-request.ts";
import { matchesArn, splitArn } from "./arn-pattern.ts";
import { conditionHolds } from "./conditions.ts";
import type { PatternElement, PolicyStatement, PolicyVersion } from "./policy-document.ts";
import { expandPolicyText } from "./policy-variables.ts";
import { matchesWildcard, parseWildcardPattern } from "./wildcard.ts";

/** Whether a statement speaks of this call: action, resource and conditions; its Principal is not looked at. */
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

/** Service prefix and action know no case (IAM User Guide, reference_policies_elements_action). */
function matchesAction(action: string, pattern: string): boolean {
  return matchesWildcard(action.toLowerCase(), parseWildcardPattern(pattern.toLowerCase()));
}

function matchesResource(pattern: string, version: PolicyVersion, request: AccessRequest): boolean {
  if (pattern === "*") return true;
  // An incomplete ARN stands for itself with `*` in every missing part (reference_policies_elements_resource).
  const parts = splitArn(pattern);
  const complete = [...parts, ...new Array<string>(Math.max(0, 6 - parts.length)).fill("*")].join(":");
  return matchesArn(request.resource, complete, (text) => expandPolicyText(text, version, request.context));
}
