import { AwsFault } from "./aws-fault.ts";

/** What keys and values of tags are made of, in STS and IAM (API reference, Tag). */
export const TAG_CHARACTER = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]";

/** What a field of a call must look like, as the service's model says. */
export interface FieldRule {
  /** As AWS's messages write it: first letter small (`tokenCode`). */
  readonly field: string;
  readonly value: string | undefined;
  readonly required?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  /** The pattern as AWS prints it; anchored here. */
  readonly pattern?: string;
  /** The field is a whole number in this range. */
  readonly min?: number;
  readonly max?: number;
}

/**
 * Checks all fields and tells everything that is wrong in one message, as AWS does. In one field the pattern stands
 * before the length (botocore #1567; AWS.md says that the order is not stable).
 * @param code `ValidationError` for the query services, `ValidationException` for DynamoDB
 * @throws AwsFault; MalformedInput for a number that is none
 */
export function checkFields(rules: readonly FieldRule[], code = "ValidationError"): void {
  for (const { value, min, field } of rules) {
    if (min !== undefined && value !== undefined && !/^-?\d{1,10}$/.test(value)) {
      throw new AwsFault("MalformedInput", `Invalid Integer: ${field}`);
    }
  }
  const violations = rules.flatMap(listViolations);
  if (violations.length === 0) return;
  const count = violations.length === 1 ? "1 validation error" : `${violations.length} validation errors`;
  throw new AwsFault(code, `${count} detected: ${violations.join("; ")}`);
}

function listViolations(rule: FieldRule): string[] {
  const { field, value } = rule;
  if (value === undefined) {
    return rule.required ? [`Value null at '${field}' failed to satisfy constraint: Member must not be null`] : [];
  }
  const broken: string[] = [];
  if (rule.pattern !== undefined && !new RegExp(`^(?:${rule.pattern})$`, "u").test(value)) {
    broken.push(`Member must satisfy regular expression pattern: ${rule.pattern}`);
  }
  if (rule.maxLength !== undefined && value.length > rule.maxLength) {
    broken.push(`Member must have length less than or equal to ${rule.maxLength}`);
  }
  if (rule.minLength !== undefined && value.length < rule.minLength) {
    broken.push(`Member must have length greater than or equal to ${rule.minLength}`);
  }
  if (rule.max !== undefined && Number(value) > rule.max) {
    broken.push(`Member must have value less than or equal to ${rule.max}`);
  }
  if (rule.min !== undefined && Number(value) < rule.min) {
    broken.push(`Member must have value greater than or equal to ${rule.min}`);
  }
  return broken.map((constraint) => `Value '${value}' at '${field}' failed to satisfy constraint: ${constraint}`);
}
