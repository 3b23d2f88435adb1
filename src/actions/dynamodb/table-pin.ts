import type { Table } from "./table.ts";

/**
 * What tells a table from a later one of its name. TableId where the service gives one, else the time of creation
 * (AWS.md, "Seen in moto"), which DynamoDB leaves out for a table on its way out.
 */
export function pinOf(table: Pick<Table, "tableId" | "createdAt">): string | undefined {
  return table.tableId ?? (table.createdAt === null ? undefined : `created ${table.createdAt}`);
}
