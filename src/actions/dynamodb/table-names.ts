import { checkOperands } from "../operands.ts";

// DynamoDB developer guide, "Naming rules": 3 to 255 of these.
const TABLE_NAME = /^[A-Za-z0-9_.-]{3,255}$/;

/**
 * @returns the names, each once, in the order given
 * @throws USAGE for the first that DynamoDB would refuse, table ARNs included: an ARN names a region and an account of
 *   its own, which could be others than those that were shown and confirmed
 */
export function checkTableNames(words: readonly string[]): readonly string[] {
  return checkOperands(
    words,
    (word) => TABLE_NAME.test(word),
    "table name",
    words.some((word) => word.startsWith("arn:"))
      ? "give the table's name, not its ARN"
      : "a table name is 3 to 255 letters, digits, and _ . -",
  );
}
