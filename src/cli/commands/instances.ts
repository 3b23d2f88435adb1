import type { Command } from "commander";
import type { Instance } from "../../actions/ec2/instance.ts";
import { checkInstanceIds } from "../../actions/ec2/instance-ids.ts";
import { listInstances } from "../../actions/ec2/instances.ts";
import type { Style } from "../../outputs/style.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import { addSessionOptions, type SessionOptions } from "../options.ts";
import { formatSpan } from "../phrases.ts";
import { runOnTarget } from "../run-on-target.ts";
import type { Services } from "../services.ts";
import type { Listing } from "../target-run.ts";

export function registerInstances(program: Command, services: Services, targetName: string): void {
  addSessionOptions(program.command("instances").argument("[ids...]").description("list EC2 instances")).action(
    async (words: readonly string[], options: SessionOptions) => {
      await runOnTarget(
        services,
        targetName,
        options,
        SEVERAL,
        async ({ services: inside, openScope, target, screen }) => {
          const ids = checkInstanceIds(words);
          const scope = await openScope();
          const instances: Instance[] = [];
          for await (const page of listInstances(scope, ids)) instances.push(...page);
          const listing = toListing(instances, inside.serverClock.awsNow(), screen.style);
          return {
            result: instances,
            listing,
            print({ output, result, note, table }) {
              if (output === "text") result(formatTabSeparated(listing.textRows));
              else if (instances.length === 0) note(`no instances in ${target.name}, ${scope.region.value}`);
              else table(listing.columns, listing.rows);
            },
          };
        },
      );
    },
  );
}

const SEVERAL = { needsRegion: true, mayBeSeveral: true };

/** @param now milliseconds since 1970 */
function toListing(instances: readonly Instance[], now: number, style: Style): Listing {
  const paint = (text: string, state: string) => (state === "running" ? style.green(text) : style.dim(text));
  return {
    columns: [
      { title: "id", shrink: false },
      { title: "name", minWidth: 20 },
      { title: "state", shrink: false, paint },
      { title: "type", shrink: false, optional: true },
      { title: "zone", shrink: false },
      { title: "age", align: "right", shrink: false, optional: true },
      { title: "private ip", shrink: false, optional: true },
    ],
    rows: instances.map((one) => [
      one.id,
      one.name ?? "",
      one.state,
      one.type ?? "",
      one.zone ?? "",
      one.launchedAt === null ? "" : formatSpan(now - Date.parse(one.launchedAt)),
      one.privateIp ?? "",
    ]),
    textRows: instances.map((one) => [
      one.id,
      one.name ?? undefined,
      one.state,
      one.type ?? undefined,
      one.zone ?? undefined,
      one.launchedAt ?? undefined,
      one.privateIp ?? undefined,
      one.publicIp ?? undefined,
    ]),
  };
}
