import { type PolicyText, type RequestContext, resolvePattern } from "./policy-variables.ts";
import { matchesWildcard } from "./wildcard.ts";

/** `arn:partition:service:region:account:resource` */
export const ARN_PARTS = 6;

/**
 * Whether an ARN fits a pattern, part by part: a wildcard does not reach over one of the first five colons; the
 * sixth part keeps its colons. What has fewer parts is no ARN and fits nothing.
 *
 * @returns undefined when it depends on a variable that has no value
 */
export function matchesArn(arn: string, pattern: readonly PolicyText[], context: RequestContext): boolean | undefined {
  const arnParts = splitArn(arn);
  if (arnParts.length !== ARN_PARTS || pattern.length !== ARN_PARTS) return false;
  const results = arnParts.map((part, index) => {
    const resolved = resolvePattern(pattern[index] ?? [], context);
    return resolved === undefined ? undefined : matchesWildcard(part, resolved);
  });
  if (results.includes(false)) return false;
  return results.includes(undefined) ? undefined : true;
}

export function isArn(text: string): boolean {
  return text.startsWith("arn:") && splitArn(text).length === ARN_PARTS;
}

/** At most six parts; the last has the rest. */
export function splitArn(arn: string): readonly string[] {
  const parts = arn.split(":");
  return parts.length <= ARN_PARTS ? parts : [...parts.slice(0, ARN_PARTS - 1), parts.slice(ARN_PARTS - 1).join(":")];
}

/** The same for a policy's text: the colon of a variable's name, or of its value, parts nothing. */
export function splitArnPattern(text: PolicyText): readonly PolicyText[] {
  const parts: PolicyText[number][][] = [[]];
  for (const piece of text) {
    if (typeof piece !== "string") {
      parts.at(-1)?.push(piece);
      continue;
    }
    const [first = "", ...more] = piece.split(":");
    parts.at(-1)?.push(first);
    for (const [index, each] of more.entries()) {
      if (parts.length === ARN_PARTS) {
        parts.at(-1)?.push(`:${more.slice(index).join(":")}`);
        break;
      }
      parts.push([each]);
    }
  }
  return parts;
}
