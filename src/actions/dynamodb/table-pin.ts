import type { Table } from "./table.ts";

/**
 * What tells a table from a later one of its name. TableId where the service gives one, else the time of creation
 * (AWS.md, "Seen in moto"), which DynamoDB leaves out for a table on its way out.
 */
export function pinOf(table: Pick<Table, "tableId" | "createdAt">): string | undefined {
  return table.tableId ?? createdPin(table);
}

/** @returns that of `table` where it is known to be another one than `pin` is of; undefined where it is not */
export function otherPinOf(table: Pick<Table, "tableId" | "createdAt">, pin: string | undefined): string | undefined {
  // A reply that lacks one of the two is compared by the other.
  const own = pin?.startsWith(CREATED) ? createdPin(table) : (table.tableId ?? undefined);
  return pin === undefined || own === pin ? undefined : own;
}

const CREATED = "created ";

function createdPin({ createdAt }: Pick<Table, "createdAt">): string | undefined {
  return createdAt === null ? undefined : `${CREATED}${createdAt}`;
}
