import type { VariableChange } from "./export-variables.ts";
import { formatJson } from "./json.ts";

/** AWS SDKs and Tools Reference Guide, "Process credential provider". */
const FIELDS: readonly (readonly [field: string, variable: string])[] = [
  ["AccessKeyId", "AWS_ACCESS_KEY_ID"],
  ["SecretAccessKey", "AWS_SECRET_ACCESS_KEY"],
  ["SessionToken", "AWS_SESSION_TOKEN"],
  ["Expiration", "AWS_CREDENTIAL_EXPIRATION"],
];

/** The document of `credential_process`: strict ASCII, since what passes the allowlist is (ACCEPTANCE.md V6). */
export function formatProcessDocument(changes: readonly VariableChange[]): string {
  const values = new Map(changes.map(({ name, value }) => [name, value]));
  const fields = FIELDS.flatMap(([field, variable]) => {
    const value = values.get(variable);
    return value === undefined ? [] : [[field, value] as const];
  });
  return formatJson({ Version: 1, ...Object.fromEntries(fields) });
}
