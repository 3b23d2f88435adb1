import type { FieldRule } from "./field-rules.ts";
import type { QueryParameters } from "./query-protocol.ts";

/** The two fields by which a call to STS carries a code (AWS.md, limits and formats). */
export function mfaFieldRules(parameters: QueryParameters): FieldRule[] {
  return [
    {
      field: "serialNumber",
      value: parameters.get("SerialNumber"),
      minLength: 9,
      maxLength: 256,
      pattern: "[\\w+=/:,.@-]*",
    },
    { field: "tokenCode", value: parameters.get("TokenCode"), minLength: 6, maxLength: 6, pattern: "[\\d]*" },
  ];
}
