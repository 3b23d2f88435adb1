import type { Command } from "commander";
import { deleteTable } from "../../actions/dynamodb/delete-table.ts";
import { listTables } from "../../actions/dynamodb/tables.ts";
import type { Pickable, ResourcePicker } from "../pick-resource.ts";
import type { Services } from "../services.ts";
import { registerDestructive } from "./destructive.ts";

const picker: ResourcePicker = {
  noun: "table",
  async list(scope) {
    const tables: Pickable[] = [];
    for await (const page of listTables(scope)) tables.push(...page.map(({ name }) => ({ id: name, facts: [] })));
    return tables;
  },
};

export function registerDeleteTable(program: Command, services: Services, targetName: string): void {
  registerDestructive(program, services, targetName, {
    name: "delete-table",
    makeAction: () => deleteTable,
    operands: "names",
    description: "delete DynamoDB tables",
    makePicker: () => picker,
  });
}
