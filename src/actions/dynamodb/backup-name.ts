import { AssumeMfaError } from "../../errors.ts";

/** DynamoDB API reference, CreateBackup. */
const BACKUP_NAME = /^[A-Za-z0-9_.-]{3,255}$/;
const LONGEST_NAME = 255;

/** @returns the name as it is. @throws USAGE for one that DynamoDB would refuse */
export function checkBackupName(name: string): string {
  if (BACKUP_NAME.test(name)) return name;
  throw new AssumeMfaError("USAGE", `"${name}" is no name for a backup`, {
    hint: "the name of a backup is 3 to 255 letters, digits, and _ . -",
  });
}

/**
 * @param at milliseconds since 1970
 * @returns `orders-20261124T150600Z`; of a table's name as much as there is room for
 */
export function defaultBackupName(tableName: string, at: number): string {
  const time = new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(/[-:]/g, "");
  return `${tableName.slice(0, LONGEST_NAME - time.length - 1)}-${time}`;
}
