import { checkOperands } from "../operands.ts";

// EC2 user guide, "Resource IDs": 8 hexadecimal digits until 2018, 17 since. EC2 refuses upper case as malformed.
const INSTANCE_ID = /^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/;

/**
 * @returns the ids, each once, in the order given
 * @throws USAGE for the first that EC2 would call malformed: before a code is spent on it
 */
export function checkInstanceIds(words: readonly string[]): readonly string[] {
  return checkOperands(
    words,
    (word) => INSTANCE_ID.test(word),
    "instance id",
    "an instance id is i- and 8 or 17 lower-case hexadecimal digits, such as i-0123456789abcdef0",
  );
}
