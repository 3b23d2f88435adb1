import type { Command } from "commander";
import type { DestructiveAction } from "../../actions/action.ts";
import { type DeleteTableOptions, makeDeleteTable } from "../../actions/dynamodb/delete-table.ts";
import { LIST_TABLES_NEEDS, listTables } from "../../actions/dynamodb/tables.ts";
import type { Pickable, ResourcePicker } from "../pick-resource.ts";
import type { Services } from "../services.ts";
import { registerDestructive } from "./destructive.ts";

const picker: ResourcePicker = {
  noun: "table",
  needs: LIST_TABLES_NEEDS,
  async list(scope) {
    const tables: Pickable[] = [];
    for await (const page of listTables(scope)) tables.push(...page.map(({ name }) => ({ id: name, facts: [] })));
    return tables;
  },
};

export function registerDeleteTable(program: Command, services: Services, targetName: string): void {
  registerDestructive<DeleteTableOptions, DestructiveAction>(program, services, targetName, {
    name: "delete-table",
    makeAction: makeDeleteTable,
    ownOptions: [
      ["--backup", "make an on-demand backup of each first, and delete it only when that is AVAILABLE"],
      ["--backup-name <name>", "of the backups, in place of <table>-<time>; implies --backup"],
    ],
    operands: "names",
    description: "delete DynamoDB tables",
    makePicker: () => picker,
  });
}
