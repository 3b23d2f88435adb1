import type { Command } from "commander";
import { describeTable, describeTableNeeds } from "../../actions/dynamodb/table.ts";
import { checkTableNames } from "../../actions/dynamodb/table-names.ts";
import { LIST_TABLES_NEEDS, listTables, type TableName } from "../../actions/dynamodb/tables.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import { shownName } from "../../text/shown-name.ts";
import { type ListingPlan, runListing } from "../listing.ts";
import { addSessionOptions, type SessionOptions } from "../options.ts";
import { formatBytes, formatCount, formatSpan } from "../phrases.ts";
import { runOnTarget } from "../run-on-target.ts";
import type { Services } from "../services.ts";

const TABLES_DEMAND = {
  needsRegion: true,
  mayBeSeveral: true,
  needs: { ids: () => [], needs: () => LIST_TABLES_NEEDS },
};

export function registerTables(program: Command, services: Services, targetName: string): void {
  addSessionOptions(program.command("tables").description("list DynamoDB tables")).action(
    async (options: SessionOptions) => {
      await runOnTarget(services, targetName, options, TABLES_DEMAND, async (run) => {
        const scope = await run.openScope();
        const plan: ListingPlan<TableName> = {
          columns: [{ title: "table", shrink: false }],
          row: ({ name }) => [name],
          textRow: ({ name }) => [name],
          none: [`no tables in ${shownName(run.target.name)}, ${scope.region.value}`],
        };
        return runListing(run, plan, listTables(scope));
      });
    },
  );
}

export function registerTable(program: Command, services: Services, targetName: string): void {
  addSessionOptions(program.command("table").argument("<name>").description("describe a DynamoDB table")).action(
    async (word: string, options: SessionOptions) => {
      await runOnTarget(
        services,
        targetName,
        options,
        {
          needsRegion: true,
          needs: { ids: () => checkTableNames([word]), needs: describeTableNeeds },
          check: () => void checkTableNames([word]),
        },
        async ({ services: inside, openScope }) => {
          const [name = word] = checkTableNames([word]);
          const table = await describeTable(await openScope(), name);
          return {
            result: table,
            print(screen) {
              const protection =
                table.deletionProtection === null ? "unknown" : table.deletionProtection ? "on" : "off";
              if (screen.output === "text") {
                return screen.result(
                  formatTabSeparated([
                    [
                      table.name,
                      table.status,
                      table.items?.toString(),
                      table.bytes?.toString(),
                      table.billing,
                      protection,
                      table.createdAt ?? undefined,
                      table.arn ?? undefined,
                    ],
                  ]),
                );
              }
              const keys = table.keys.map(
                (key) => `${key.name}${key.type === null ? "" : ` (${key.type})`}, ${key.role}`,
              );
              const created =
                table.createdAt === null
                  ? ""
                  : `${table.createdAt} (${formatSpan(inside.serverClock.awsNow() - Date.parse(table.createdAt))} ago)`;
              screen.fields([
                ["table", table.name],
                ["status", table.status],
                ["items", table.items === null ? "unknown" : `${formatCount(table.items, "item")}, as last counted`],
                ["size", table.bytes === null ? "unknown" : formatBytes(table.bytes)],
                ["keys", keys.join("; ")],
                ["indexes", table.indexes.map((index) => `${index.name} (${index.kind})`).join(", ") || "none"],
                ["billing", table.billing],
                ["deletion protection", protection],
                ...(table.replicas.length === 0 ? [] : [["replicas in", table.replicas.join(", ")] as const]),
                ["created", created],
                ["arn", table.arn ?? ""],
                ["table id", table.tableId ?? ""],
              ]);
            },
          };
        },
      );
    },
  );
}
