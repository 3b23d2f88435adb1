import type { Command } from "commander";
import { whoami } from "../../actions/whoami.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import { addSessionOptions, type SessionOptions } from "../options.ts";
import { runOnTarget } from "../run-on-target.ts";
import type { Services } from "../services.ts";

export function registerWhoami(program: Command, services: Services, targetName: string): void {
  addSessionOptions(program.command("whoami").description("who the role session is (sts:GetCallerIdentity)")).action(
    async (options: SessionOptions) => {
      await runOnTarget(
        services,
        targetName,
        options,
        { needsRegion: false, mayBeSeveral: true },
        async ({ target, openScope }) => {
          const identity = await whoami(await openScope());
          return {
            result: identity,
            listing: {
              columns: [{ title: "account", shrink: false }, { title: "arn" }, { title: "user id", optional: true }],
              rows: [[identity.account, identity.arn, identity.userId]],
              textRows: [[identity.account, identity.arn, identity.userId]],
            },
            print({ output, result, fields }) {
              if (output === "text")
                return result(formatTabSeparated([[target.name, identity.account, identity.arn, identity.userId]]));
              fields([
                ["target", target.name],
                ["account", identity.account],
                ["arn", identity.arn],
                ["user id", identity.userId],
              ]);
            },
          };
        },
      );
    },
  );
}
