import type { Command } from "commander";
import type { Instance } from "../../actions/ec2/instance.ts";
import { checkInstanceIds } from "../../actions/ec2/instance-ids.ts";
import { listInstances } from "../../actions/ec2/instances.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import type { TableColumn } from "../../outputs/table.ts";
import { addSessionOptions, type SessionOptions } from "../options.ts";
import { formatSpan } from "../phrases.ts";
import type { Services } from "../services.ts";
import { runOnTarget } from "../target-run.ts";

export function registerInstances(program: Command, services: Services, targetName: string): void {
  addSessionOptions(program.command("instances").argument("[ids...]").description("list EC2 instances")).action(
    async (words: readonly string[], options: SessionOptions) => {
      await runOnTarget(
        services,
        targetName,
        options,
        { needsRegion: true },
        async ({ services: inside, openScope, target }) => {
          const ids = checkInstanceIds(words);
          const scope = await openScope();
          const instances: Instance[] = [];
          for await (const page of listInstances(scope, ids)) instances.push(...page);
          return {
            result: instances,
            print({ output, result, note, table, style }) {
              if (output === "text") {
                return result(
                  formatTabSeparated(
                    instances.map((one) => [
                      one.id,
                      one.name ?? undefined,
                      one.state,
                      one.type ?? undefined,
                      one.zone ?? undefined,
                      one.launchedAt ?? undefined,
                      one.privateIp ?? undefined,
                      one.publicIp ?? undefined,
                    ]),
                  ),
                );
              }
              if (instances.length === 0) return note(`no instances in ${target.name}, ${scope.region.value}`);
              const paint = (text: string, state: string) =>
                state === "running" ? style.green(text) : style.dim(text);
              const columns: readonly TableColumn[] = [
                { title: "id", shrink: false },
                { title: "name", minWidth: 20 },
                { title: "state", shrink: false, paint },
                { title: "type", shrink: false, optional: true },
                { title: "zone", shrink: false },
                { title: "age", align: "right", shrink: false, optional: true },
                { title: "private ip", shrink: false, optional: true },
              ];
              table(
                columns,
                instances.map((one) => [
                  one.id,
                  one.name ?? "",
                  one.state,
                  one.type ?? "",
                  one.zone ?? "",
                  one.launchedAt === null ? "" : formatSpan(inside.host.now() - Date.parse(one.launchedAt)),
                  one.privateIp ?? "",
                ]),
              );
            },
          };
        },
      );
    },
  );
}
