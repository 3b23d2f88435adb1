import { matchesWildcard, parseWildcardPattern, type WildcardPattern } from "./wildcard.ts";

const ARN_PARTS = 6;

/**
 * Whether an ARN fits a pattern, part by part: a wildcard does not reach over one of the first five colons; the
 * sixth part keeps its colons. Variables are read in the sixth part only, where alone AWS allows them.
 *
 * @param expand gives the sixth part's pattern; undefined when it can match nothing
 */
export function matchesArn(
  arn: string,
  pattern: string,
  expand: (text: string) => WildcardPattern | undefined,
): boolean {
  const arnParts = splitArn(arn);
  const patternParts = splitArn(pattern);
  if (arnParts.length !== ARN_PARTS || patternParts.length !== ARN_PARTS) return false;
  return patternParts.every((part, index) => {
    const expanded = index === ARN_PARTS - 1 ? expand(part) : parseWildcardPattern(part);
    return expanded !== undefined && matchesWildcard(arnParts[index] ?? "", expanded);
  });
}

/** At most six parts; the last has the rest. */
export function splitArn(arn: string): readonly string[] {
  const parts = arn.split(":");
  return parts.length <= ARN_PARTS ? parts : [...parts.slice(0, ARN_PARTS - 1), parts.slice(ARN_PARTS - 1).join(":")];
}
